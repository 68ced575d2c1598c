//! A file that only grows, by whole acknowledged appends.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use super::{WriteError, disk, is_full};

/// An append is on disk when it returns, or it never was.
#[derive(Debug)]
pub(crate) struct AppendFile {
    file: File,
    path: PathBuf,
    /// Bytes that were acknowledged.
    len: u64,
    /// After a failure that left the file unknown nothing more is written.
    failed: bool,
}

impl AppendFile {
    /// Opens or creates it. Whoever needs the name to outlive a crash syncs the directory.
    pub(crate) fn open(path: PathBuf) -> io::Result<Self> {
        let file = disk::open(&path)?;
        let len = file.metadata()?.len();
        Ok(Self { file, path, len, failed: false })
    }

    /// Length in bytes.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Cuts it back to what is good of it.
    pub(crate) fn cut(&mut self, len: u64) -> io::Result<()> {
        disk::cut(&self.file, len)?;
        self.len = len;
        Ok(())
    }

    /// Appends, durably, and returns the offset of the first byte.
    pub(crate) fn append(&mut self, bytes: &[u8]) -> Result<u64, WriteError> {
        if self.failed {
            return Err(WriteError::fatal("write", &self.path, io::Error::other("an earlier write failed")));
        }
        let at = self.len;
        let written = disk::write_at(&self.file, bytes, at).and_then(|()| disk::sync(&self.file));
        written.map_err(|error| self.take_back(error))?;
        self.len += bytes.len() as u64;
        Ok(at)
    }

    /// A full disk leaves a torn end while we live on: it is cut off before anything else is written. What was
    /// acknowledged before had been synced, so after the cut the file is known again.
    fn take_back(&mut self, error: io::Error) -> WriteError {
        let cause = match is_full(&error) {
            true => disk::cut(&self.file, self.len).err(),
            false => Some(error),
        };
        match cause {
            None => WriteError::Full,
            Some(cause) => {
                self.failed = true;
                WriteError::fatal("write", &self.path, cause)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::disk::fault::{self, Op};
    use super::*;

    fn file() -> (tempfile::TempDir, AppendFile) {
        let temp = tempfile::tempdir().unwrap();
        let mut file = AppendFile::open(temp.path().join("log")).unwrap();
        file.append(b"kept").unwrap();
        (temp, file)
    }

    #[test]
    fn a_full_disk_leaves_nothing_of_the_append() {
        let (_temp, mut file) = file();
        for op in [Op::Write, Op::Sync] {
            fault::fail_next(op, io::ErrorKind::StorageFull);
            assert!(matches!(file.append(b"too much"), Err(WriteError::Full)), "{op:?}");
            assert_eq!(std::fs::read(file.path()).unwrap(), b"kept", "{op:?}");
        }
        assert_eq!(file.append(b" more").unwrap(), 4);
        assert_eq!(std::fs::read(file.path()).unwrap(), b"kept more");
    }

    #[test]
    fn after_any_other_failure_nothing_more_is_written() {
        for faults in [
            vec![(Op::Write, io::ErrorKind::Other)],
            vec![(Op::Sync, io::ErrorKind::Other)],
            vec![(Op::Write, io::ErrorKind::StorageFull), (Op::Cut, io::ErrorKind::Other)],
        ] {
            let (_temp, mut file) = file();
            faults.iter().for_each(|&(op, kind)| fault::fail_next(op, kind));
            assert!(matches!(file.append(b"lost"), Err(WriteError::Fatal { .. })), "{faults:?}");
            assert!(matches!(file.append(b"lost"), Err(WriteError::Fatal { .. })), "{faults:?}");
        }
    }
}
