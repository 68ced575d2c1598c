//! How often the process started since a snapshot was last saved.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::SaveError;
use crate::state::{disk, is_full};

/// The count, written in place so that a full disk does not lose it.
#[derive(Debug)]
pub(super) struct Lives {
    file: File,
    path: PathBuf,
    starts: u32,
}

impl Lives {
    pub(super) fn open(path: PathBuf) -> io::Result<Self> {
        let file = disk::open(&path)?;
        let starts = read(&file)?;
        Ok(Self { file, path, starts })
    }

    pub(super) fn begin(&mut self) -> Result<u32, SaveError> {
        self.set(self.starts.saturating_add(1))?;
        Ok(self.starts)
    }

    pub(super) fn reset(&mut self) -> Result<(), SaveError> {
        if self.starts == 0 { Ok(()) } else { self.set(0) }
    }

    fn set(&mut self, starts: u32) -> Result<(), SaveError> {
        self.starts = starts;
        let mut bytes = [0; 8];
        bytes[..4].copy_from_slice(&starts.to_le_bytes());
        let crc = crc32fast::hash(&bytes[..4]);
        bytes[4..].copy_from_slice(&crc.to_le_bytes());
        let written = disk::write_at(&self.file, &bytes, 0).and_then(|()| disk::sync(&self.file));
        match written {
            Err(error) if is_full(&error) => Ok(()),
            other => other.map_err(|error| SaveError::fatal("write", self.path(), error)),
        }
    }

    fn path(&self) -> &Path {
        &self.path
    }
}

/// A count that cannot be read is none: at worst the process dies once more before it passes a record.
fn read(file: &File) -> io::Result<u32> {
    let mut bytes = [0; 8];
    match file.read_exact_at(&mut bytes, 0) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(0),
        other => other?,
    }
    let [a, b, c, d, crc @ ..] = bytes;
    let count = [a, b, c, d];
    Ok(if crc32fast::hash(&count).to_le_bytes() == crc { u32::from_le_bytes(count) } else { 0 })
}
