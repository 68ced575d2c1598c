//! Which record the analyzer has in hand, so that the next life knows what killed this one.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::state::disk;

/// A record's SHA-256, written over the one before. It is not synced: it has to outlive the process, not the machine.
#[derive(Debug)]
pub struct InHand {
    file: File,
    last: Option<[u8; 32]>,
}

/// Stands for no record.
const NONE: [u8; 32] = [0; 32];

impl InHand {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = disk::open(path)?;
        let mut hash = NONE;
        let last = match file.read_exact_at(&mut hash, 0) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => None,
            other => other.map(|()| (hash != NONE).then_some(hash))?,
        };
        Ok(Self { file, last })
    }

    /// The record that the former life had in hand when it ended, if it had one.
    pub fn last(&self) -> Option<[u8; 32]> {
        self.last
    }

    /// Says that this record comes next.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn note(&self, hash: &[u8; 32]) -> io::Result<()> {
        disk::write_at(&self.file, hash, 0)
    }

    /// Says that no record is in hand.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn clear(&self) -> io::Result<()> {
        disk::write_at(&self.file, &NONE, 0)
    }
}
