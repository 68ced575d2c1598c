//! Which record the analyzer has in hand, so that the next life knows what killed this one.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::state::{disk, is_full};

/// A record's SHA-256, written over the one before, and behind it that of the record which was in hand at the death
/// before. Neither is synced: they have to outlive the process, not the machine.
#[derive(Debug)]
pub struct InHand {
    file: File,
    last: Option<[u8; 32]>,
    suspect: Option<[u8; 32]>,
}

/// Stands for no record.
const NONE: [u8; 32] = [0; 32];

/// Where the suspect stands in the file.
const SUSPECT_AT: u64 = 32;

impl InHand {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = disk::open(path)?;
        let (last, suspect) = (read(&file, 0)?, read(&file, SUSPECT_AT)?);
        Ok(Self { file, last, suspect })
    }

    /// The record that the former life had in hand when it ended, if it had one.
    pub fn last(&self) -> Option<[u8; 32]> {
        self.last
    }

    /// The record that was in hand at the death before.
    pub fn suspect(&self) -> Option<[u8; 32]> {
        self.suspect
    }

    /// Remembers the record that the former life had in hand, or that it had none, for the next death.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn suspect_last(&self) -> io::Result<()> {
        self.write(&self.last.unwrap_or(NONE), SUSPECT_AT)?;
        self.clear()
    }

    /// Whether a record is in hand now.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn is_noted(&self) -> io::Result<bool> {
        Ok(read(&self.file, 0)?.is_some())
    }

    /// Says that this record comes next.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn note(&self, hash: &[u8; 32]) -> io::Result<()> {
        self.write(hash, 0)
    }

    /// Says that no record is in hand.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn clear(&self) -> io::Result<()> {
        self.write(&NONE, 0)
    }

    /// On a full disk nothing is noted: at worst the process dies more often before it passes a record.
    fn write(&self, hash: &[u8; 32], at: u64) -> io::Result<()> {
        match disk::write_at(&self.file, hash, at) {
            Err(error) if is_full(&error) => Ok(()),
            other => other,
        }
    }
}

fn read(file: &File, at: u64) -> io::Result<Option<[u8; 32]>> {
    let mut hash = NONE;
    match file.read_exact_at(&mut hash, at) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        other => other.map(|()| (hash != NONE).then_some(hash)),
    }
}
