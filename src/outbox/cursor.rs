//! How far a sink has come, on disk.
//!
//! Two slots written in turn, so that a torn write leaves the other one, and written in place, so that a full
//! disk does not keep a sink from making room.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::AppendError;
use crate::state::{disk, replace_file};

/// Slots stand in sectors of their own.
const SLOT_BYTES: usize = 512;

/// A cursor's file.
#[derive(Debug)]
pub(super) struct CursorFile {
    file: File,
    path: PathBuf,
    /// Which slot is the newer one; the next save goes into the other.
    turn: u64,
}

/// What a cursor's file says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Saved {
    /// Everything below this number was taken.
    Taken(u64),
    /// There is no file.
    Absent,
    /// There is one, and neither slot can be read.
    Damaged,
}

/// Reads a cursor without opening it for writing.
pub(super) fn read(path: &Path) -> io::Result<Saved> {
    match fs::read(path) {
        Ok(bytes) => Ok(newest(&bytes).map_or(Saved::Damaged, |(_, taken)| Saved::Taken(taken))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Saved::Absent),
        Err(error) => Err(error),
    }
}

impl CursorFile {
    /// Writes the file anew with one position.
    pub(super) fn create(path: PathBuf, taken: u64) -> Result<Self, AppendError> {
        let mut bytes = vec![0; 2 * SLOT_BYTES];
        bytes[..SLOT_BYTES].copy_from_slice(&slot(0, taken));
        replace_file(&path, &bytes)?;
        Self::open(path)
    }

    /// Opens a file that can be read.
    pub(super) fn open(path: PathBuf) -> Result<Self, AppendError> {
        let opened = disk::open(&path).and_then(|file| Ok((file, fs::read(&path)?)));
        let (file, bytes) = opened.map_err(|error| AppendError::sort("open", &path, error))?;
        let turn = newest(&bytes).map_or(0, |(turn, _)| turn);
        Ok(Self { file, path, turn })
    }

    /// Saves a position, durably. [`AppendError::Full`] leaves the former one.
    pub(super) fn save(&mut self, taken: u64) -> Result<(), AppendError> {
        let turn = self.turn + 1;
        let at = (turn % 2) * SLOT_BYTES as u64;
        let written = disk::write_at(&self.file, &slot(turn, taken), at).and_then(|()| disk::sync(&self.file));
        written.map_err(|error| AppendError::sort("write", &self.path, error))?;
        self.turn = turn;
        Ok(())
    }
}

fn slot(turn: u64, taken: u64) -> [u8; SLOT_BYTES] {
    let mut slot = [0; SLOT_BYTES];
    slot[..8].copy_from_slice(&turn.to_le_bytes());
    slot[8..16].copy_from_slice(&taken.to_le_bytes());
    let crc = crc32fast::hash(&slot[..16]);
    slot[16..20].copy_from_slice(&crc.to_le_bytes());
    slot
}

/// The turn and position of the newer good slot. A slot of zeros is none: its checksum would be wrong.
fn newest(bytes: &[u8]) -> Option<(u64, u64)> {
    let number = |slot: &[u8], at: usize| Some(u64::from_le_bytes(slot.get(at..at + 8)?.try_into().ok()?));
    let read = |slot: &[u8]| {
        let crc = crc32fast::hash(slot.get(..16)?).to_le_bytes();
        (slot.get(16..20)? == crc).then_some((number(slot, 0)?, number(slot, 8)?))
    };
    bytes.chunks(SLOT_BYTES).take(2).filter_map(read).max()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::disk::fault::{self, Op};

    #[test]
    fn a_position_is_read_as_it_was_saved() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("cursor-loki");
        assert_eq!(read(&path).unwrap(), Saved::Absent);
        let mut cursor = CursorFile::create(path.clone(), 7).unwrap();
        assert_eq!(read(&path).unwrap(), Saved::Taken(7));
        for taken in 8..12 {
            cursor.save(taken).unwrap();
            assert_eq!(read(&path).unwrap(), Saved::Taken(taken));
            cursor = CursorFile::open(path.clone()).unwrap();
        }
    }

    #[test]
    fn a_torn_or_refused_save_leaves_the_former_position() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("cursor-loki");
        let mut cursor = CursorFile::create(path.clone(), 7).unwrap();
        cursor.save(8).unwrap();
        fault::fail_next(Op::Write, io::ErrorKind::StorageFull);
        assert!(matches!(cursor.save(9), Err(AppendError::Full)));
        assert!(matches!(read(&path).unwrap(), Saved::Taken(8 | 9)));
        cursor.save(10).unwrap();
        let mut bytes = fs::read(&path).unwrap();
        for slot in bytes.chunks_mut(SLOT_BYTES).filter(|slot| slot[8] == 10) {
            slot[8] = 11;
        }
        fs::write(&path, &bytes).unwrap();
        assert_eq!(read(&path).unwrap(), Saved::Taken(8));
        fs::write(&path, b"").unwrap();
        assert_eq!(read(&path).unwrap(), Saved::Damaged);
    }
}
