//! The state directory: ours alone, locked, and with a little room kept back for bad days.
//!
//! Everything that must outlive the process lives here. The directory is 0700, its files are 0600, and a
//! lock keeps a second process out. A ballast file occupies room that is given up when the disk is full, so
//! that the alerts in hand can still be written down while somebody makes room.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, bail};

mod append_file;
mod ballast;
pub(crate) mod disk;

pub(crate) use append_file::AppendFile;
use ballast::Ballast;

/// Room kept back, bytes. With the disk full it holds about two thousand alerts; beyond it they wait in memory
/// and the sources pause.
pub const BALLAST_BYTES: u64 = 4 * 1024 * 1024;

/// Why nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// There is no room. Nothing of what was to be written is on disk: keep it, and try again when there is room.
    #[error("no room is left")]
    Full,
    /// What is on disk is no longer known. The process must stop; its next life reads what is really there.
    #[error("{doing} {}", path.display())]
    Fatal {
        /// What failed, as a verb.
        doing: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl WriteError {
    /// Sorts a failure: a full disk or quota can be waited out, nothing else can. Only for failures that leave
    /// the files as they were.
    pub(crate) fn sort(doing: &'static str, path: &Path, source: io::Error) -> Self {
        if is_full(&source) { Self::Full } else { Self::fatal(doing, path, source) }
    }

    /// A failure after which the files are not known.
    pub(crate) fn fatal(doing: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Fatal { doing, path: path.to_owned(), source }
    }
}

/// Whether the disk or the quota is used up.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// Locks, also after a panic elsewhere: what these locks guard is never left half-changed over anything that can panic.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The opened and locked state directory. Cheap to clone; the lock is held until the last clone is dropped.
#[derive(Debug, Clone)]
pub struct StateDir(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    ballast: Mutex<Ballast>,
    /// Locked for as long as it is open.
    _lock: File,
}

impl StateDir {
    /// Opens the directory, creating it if need be, with a ballast of [`BALLAST_BYTES`].
    ///
    /// # Errors
    /// When another process holds it, or when it cannot be created, made private or written.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        Self::open_with_ballast(path, BALLAST_BYTES)
    }

    /// Like [`StateDir::open`], keeping so many bytes back; 0 keeps none.
    ///
    /// # Errors
    /// The same.
    pub fn open_with_ballast(path: &Path, ballast_bytes: u64) -> anyhow::Result<Self> {
        let create = DirBuilder::new().recursive(true).mode(0o700).create(path);
        create.with_context(|| format!("create state directory {}", path.display()))?;
        make_private(path)?;
        let lock = take_lock(path)?;
        let ballast = Ballast::open(path.join("ballast"), ballast_bytes);
        let ballast = ballast.with_context(|| format!("write ballast file in {}", path.display()))?;
        Ok(Self(Arc::new(Inner { path: path.to_owned(), ballast: Mutex::new(ballast), _lock: lock })))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// The path of a file in it.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.0.path.join(name)
    }

    /// A directory in it, created 0700 if need be, and those that lead to it.
    ///
    /// # Errors
    /// When it cannot be created.
    pub fn subdirectory(&self, name: &str) -> io::Result<PathBuf> {
        let path = self.file(name);
        DirBuilder::new().recursive(true).mode(0o700).create(&path)?;
        for parent in path.ancestors().skip(1).take_while(|parent| parent.starts_with(&self.0.path)) {
            disk::sync_dir(parent)?;
        }
        Ok(path)
    }

    /// Creates or replaces a file: afterwards, and after a crash at any moment, it holds the old bytes or the new ones.
    ///
    /// # Errors
    /// [`WriteError::Full`] leaves the old file as it was.
    pub fn replace(&self, name: &str, bytes: &[u8]) -> Result<(), WriteError> {
        replace_file(&self.file(name), bytes)
    }

    /// Gives up the ballast. True when that made room just now, so that trying again is worth it.
    pub fn drop_ballast(&self) -> bool {
        lock(&self.0.ballast).give_up()
    }

    /// Tries once more without the ballast when there was no room with it.
    pub(crate) fn with_ballast<T>(&self, mut attempt: impl FnMut() -> Result<T, WriteError>) -> Result<T, WriteError> {
        match attempt() {
            Err(WriteError::Full) if self.drop_ballast() => attempt(),
            other => other,
        }
    }

    /// Takes the ballast back when there is room for it twice over. True when it is in place.
    pub fn restore_ballast(&self) -> bool {
        lock(&self.0.ballast).restore()
    }

    /// Whether the room kept back is still kept; false means that the disk was full and may still be.
    pub fn has_ballast(&self) -> bool {
        lock(&self.0.ballast).in_place()
    }
}

/// A file name for something that is named in the configuration: letters, digits, `-`, `_` and inner dots stay, all
/// else becomes `%` and two hexadecimal digits a byte.
pub(crate) fn file_name(prefix: &str, name: &str, suffix: &str) -> String {
    let mut file = prefix.to_owned();
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => file.push(char::from(byte)),
            other => file.push_str(&format!("%{other:02x}")),
        }
    }
    file + suffix
}

/// Writes `path~`, syncs it, and renames it to `path`.
pub(crate) fn replace_file(path: &Path, bytes: &[u8]) -> Result<(), WriteError> {
    replace_file_by(path, &[bytes])
}

/// The same with contents in pieces: what is large need not be copied together first.
pub(crate) fn replace_file_by(path: &Path, pieces: &[&[u8]]) -> Result<(), WriteError> {
    let mut fresh = path.as_os_str().to_owned();
    fresh.push("~");
    let fresh = PathBuf::from(fresh);
    let written = disk::create(&fresh).and_then(|file| {
        let mut offset = 0;
        for piece in pieces {
            disk::write_at(&file, piece, offset)?;
            offset += piece.len() as u64;
        }
        disk::sync(&file)
    });
    if let Err(error) = written {
        // The half-written copy is of no use, and its room is.
        let _ = fs::remove_file(&fresh);
        return Err(WriteError::sort("write", &fresh, error));
    }
    // A rename that fails leaves the old file in place, which is what a full disk asks for.
    disk::rename(&fresh, path).map_err(|error| WriteError::sort("rename to", path, error))?;
    let parent = path.parent().unwrap_or(Path::new("."));
    disk::sync_dir(parent).map_err(|error| WriteError::fatal("sync", parent, error))
}

fn make_private(path: &Path) -> anyhow::Result<()> {
    let metadata = fs::metadata(path).with_context(|| format!("look at state directory {}", path.display()))?;
    if !metadata.is_dir() {
        bail!("the state directory {} is not a directory: name another one", path.display());
    }
    let mode = metadata.mode() & 0o777;
    if mode == 0o700 {
        return Ok(());
    }
    let tightened = fs::set_permissions(path, fs::Permissions::from_mode(0o700));
    tightened.with_context(|| format!("make state directory {} private (0700), it is {mode:04o}", path.display()))?;
    tracing::warn!(directory = %path.display(), was = %format!("{mode:04o}"), "made the state directory private (0700)");
    Ok(())
}

fn take_lock(directory: &Path) -> anyhow::Result<File> {
    let path = directory.join("lock");
    let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&path);
    let file = file.with_context(|| format!("open lock file {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => bail!(
            "the state directory {} is in use by another gatecrier: stop that one first, or name another state directory \
             for this one",
            directory.display()
        ),
        Err(TryLockError::Error(error)) => Err(error).with_context(|| format!("lock {}", path.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::disk::fault::{self, Op};
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o777
    }

    #[test]
    fn it_is_created_private_and_its_files_too() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("deep/state");
        let state = StateDir::open_with_ballast(&path, 8192).unwrap();
        state.replace("note", b"text").unwrap();
        state.subdirectory("inner").unwrap();
        assert_eq!((mode(&path), mode(&path.join("inner"))), (0o700, 0o700));
        for name in ["note", "lock", "ballast"] {
            assert_eq!(mode(&path.join(name)), 0o600, "{name}");
        }
    }

    #[test]
    fn an_open_directory_is_tightened() {
        let temp = tempfile::tempdir().unwrap();
        fs::set_permissions(temp.path(), fs::Permissions::from_mode(0o755)).unwrap();
        StateDir::open_with_ballast(temp.path(), 0).unwrap();
        assert_eq!(mode(temp.path()), 0o700);
    }

    #[test]
    fn a_second_process_is_kept_out_and_told_what_to_do() {
        let temp = tempfile::tempdir().unwrap();
        let first = StateDir::open_with_ballast(temp.path(), 0).unwrap();
        let error = StateDir::open_with_ballast(temp.path(), 0).unwrap_err().to_string();
        assert!(error.contains(temp.path().to_str().unwrap()) && error.contains("stop that one first"), "{error}");
        drop(first);
        StateDir::open_with_ballast(temp.path(), 0).unwrap();
    }

    #[test]
    fn a_file_in_the_place_of_the_directory_is_an_error() {
        let temp = tempfile::NamedTempFile::new().unwrap();
        StateDir::open_with_ballast(temp.path(), 0).unwrap_err();
    }

    #[test]
    fn a_failed_replacement_leaves_the_old_bytes() {
        let temp = tempfile::tempdir().unwrap();
        let state = StateDir::open_with_ballast(temp.path(), 0).unwrap();
        state.replace("note", b"old").unwrap();
        for (op, kind, full) in [
            (Op::Create, io::ErrorKind::StorageFull, true),
            (Op::Write, io::ErrorKind::StorageFull, true),
            (Op::Write, io::ErrorKind::QuotaExceeded, true),
            (Op::Sync, io::ErrorKind::StorageFull, true),
            (Op::Rename, io::ErrorKind::StorageFull, true),
            (Op::Write, io::ErrorKind::Other, false),
            (Op::Sync, io::ErrorKind::Other, false),
        ] {
            fault::fail_next(op, kind);
            let error = state.replace("note", b"new").unwrap_err();
            assert_eq!(matches!(error, WriteError::Full), full, "{op:?} {kind:?}: {error}");
            assert_eq!(fs::read(temp.path().join("note")).unwrap(), b"old", "{op:?} {kind:?}");
        }
        state.replace("note", b"new").unwrap();
        assert_eq!(fs::read(temp.path().join("note")).unwrap(), b"new");
    }

    #[test]
    fn names_become_file_names() {
        assert_eq!(file_name("cursor-", "loki", ""), "cursor-loki");
        assert_eq!(file_name("cursor-", "../a b", ""), "cursor-..%2fa%20b");
        assert_eq!(file_name("snapshot-", "prod.eu", ".a"), "snapshot-prod.eu.a");
    }
}
