//! The few things asked of a file system, in one place so that a test can make each of them fail.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

/// Creates or empties a file, 0600.
pub(crate) fn create(path: &Path) -> io::Result<File> {
    #[cfg(test)]
    fault::strike(fault::Op::Create)?;
    OpenOptions::new().read(true).write(true).create(true).truncate(true).mode(0o600).open(path)
}

/// Opens a file for reading and writing, creating it 0600 if need be.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    #[cfg(test)]
    fault::strike(fault::Op::Create)?;
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}

/// Writes all bytes at an offset. On failure some of them may have been written.
pub(crate) fn write_at(file: &File, bytes: &[u8], at: u64) -> io::Result<()> {
    #[cfg(test)]
    if let Err(error) = fault::strike(fault::Op::Write) {
        file.write_all_at(&bytes[..bytes.len() / 2], at)?;
        return Err(error);
    }
    file.write_all_at(bytes, at)
}

/// Makes the file's bytes and length durable.
pub(crate) fn sync(file: &File) -> io::Result<()> {
    #[cfg(test)]
    fault::strike(fault::Op::Sync)?;
    file.sync_data()
}

/// Shortens the file, durably.
pub(crate) fn cut(file: &File, len: u64) -> io::Result<()> {
    #[cfg(test)]
    fault::strike(fault::Op::Cut)?;
    file.set_len(len)?;
    file.sync_data()
}

/// Renames a file over another. Durable only once the directory is synced.
pub(crate) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    #[cfg(test)]
    fault::strike(fault::Op::Rename)?;
    fs::rename(from, to)
}

/// Removes a file. Durable only once the directory is synced.
pub(crate) fn unlink(path: &Path) -> io::Result<()> {
    #[cfg(test)]
    fault::strike(fault::Op::Unlink)?;
    fs::remove_file(path)
}

/// Makes the names in a directory durable.
pub(crate) fn sync_dir(path: &Path) -> io::Result<()> {
    #[cfg(test)]
    fault::strike(fault::Op::SyncDir)?;
    File::open(path)?.sync_all()
}

/// Bytes that we could still write on the file system that holds `path`.
pub(crate) fn room(path: &Path) -> io::Result<u64> {
    let volume = rustix::fs::statvfs(path)?;
    Ok(volume.f_bavail.saturating_mul(volume.f_frsize))
}

/// Faults for tests: each thread lines up the operations that shall fail next.
#[cfg(test)]
pub(crate) mod fault {
    use std::cell::RefCell;
    use std::collections::VecDeque;
    use std::io;

    /// An operation that can fail.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub(crate) enum Op {
        Create,
        Write,
        Sync,
        Cut,
        Rename,
        Unlink,
        SyncDir,
    }

    thread_local! {
        static NEXT: RefCell<VecDeque<(Op, io::ErrorKind)>> = const { RefCell::new(VecDeque::new()) };
    }

    /// The next `op` of this thread fails; several faults strike in the order they were asked for.
    pub(crate) fn fail_next(op: Op, kind: io::ErrorKind) {
        NEXT.with_borrow_mut(|next| next.push_back((op, kind)));
    }

    pub(super) fn strike(op: Op) -> io::Result<()> {
        NEXT.with_borrow_mut(|next| match next.front() {
            Some(&(due, kind)) if due == op => {
                next.pop_front();
                Err(io::Error::from(kind))
            }
            _ => Ok(()),
        })
    }
}
