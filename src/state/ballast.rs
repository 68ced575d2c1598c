//! A file that is only there to be removed.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::{disk, is_full};

/// Room kept back on the disk.
#[derive(Debug)]
pub(super) struct Ballast {
    path: PathBuf,
    bytes: u64,
    in_place: bool,
}

impl Ballast {
    /// Takes the room, or does without when the disk is full already.
    pub(super) fn open(path: PathBuf, bytes: u64) -> io::Result<Self> {
        let mut ballast = Self { path, bytes, in_place: bytes == 0 };
        if bytes == 0 {
            let _ = fs::remove_file(&ballast.path);
        } else if fs::metadata(&ballast.path).is_ok_and(|metadata| metadata.len() == bytes) {
            ballast.in_place = true;
        } else {
            match ballast.fill() {
                Err(error) if is_full(&error) => tracing::warn!("the disk is full: starting without room kept back"),
                other => other?,
            }
        }
        Ok(ballast)
    }

    /// Whether nothing of it has been given up.
    pub(super) fn in_place(&self) -> bool {
        self.in_place
    }

    /// Makes room. True when there was something to give up.
    pub(super) fn give_up(&mut self) -> bool {
        let given = self.bytes > 0 && self.in_place && fs::remove_file(&self.path).is_ok();
        self.in_place &= !given;
        if given {
            tracing::error!(bytes = self.bytes, "the disk is full: gave up the room kept back, make more");
        }
        given
    }

    /// Takes the room again once there is twice as much, so that taking it does not fill the disk anew.
    pub(super) fn restore(&mut self) -> bool {
        let parent = self.path.parent().unwrap_or(Path::new("."));
        if self.in_place || disk::room(parent).map_or(true, |room| room < self.bytes.saturating_mul(2)) {
            return self.in_place;
        }
        if let Err(error) = self.fill() {
            tracing::warn!(%error, "could not keep room back on the disk");
        }
        self.in_place
    }

    fn fill(&mut self) -> io::Result<()> {
        let written = write_noise(&self.path, self.bytes);
        if written.is_err() {
            let _ = fs::remove_file(&self.path);
        }
        self.in_place = written.is_ok();
        written
    }
}

/// Really written, and not compressible: a file system that packs zeros away would keep no room.
fn write_noise(path: &Path, bytes: u64) -> io::Result<()> {
    const CHUNK: usize = 64 * 1024;
    let file = disk::create(path)?;
    let mut noise = 0x9e37_79b9_7f4a_7c15_u64;
    let mut at = 0;
    while at < bytes {
        let mut chunk = Vec::with_capacity(CHUNK);
        while chunk.len() < CHUNK {
            noise ^= noise << 13;
            noise ^= noise >> 7;
            noise ^= noise << 17;
            chunk.extend_from_slice(&noise.to_le_bytes());
        }
        let len = usize::try_from(bytes - at).map_or(CHUNK, |rest| rest.min(CHUNK));
        disk::write_at(&file, &chunk[..len], at)?;
        at += len as u64;
    }
    disk::sync(&file)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::disk::fault::{self, Op};
    use super::*;

    #[test]
    fn it_takes_real_room_gives_it_up_once_and_takes_it_back() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("ballast");
        let mut ballast = Ballast::open(path.clone(), 100_000).unwrap();
        let metadata = fs::metadata(&path).unwrap();
        assert_eq!(metadata.len(), 100_000);
        assert!(metadata.blocks() * 512 >= 100_000, "blocks are allocated");
        assert!(ballast.give_up() && !path.exists() && !ballast.in_place());
        assert!(!ballast.give_up(), "there is nothing more to give");
        assert!(ballast.restore() && path.exists() && ballast.in_place());
    }

    #[test]
    fn a_full_disk_at_the_start_is_no_error() {
        let temp = tempfile::tempdir().unwrap();
        fault::fail_next(Op::Write, io::ErrorKind::StorageFull);
        let ballast = Ballast::open(temp.path().join("ballast"), 100_000).unwrap();
        assert!(!ballast.in_place() && !temp.path().join("ballast").exists());
    }

    #[test]
    fn more_than_the_disk_has_is_not_taken() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("ballast");
        let mut ballast = Ballast { path: path.clone(), bytes: u64::MAX / 2, in_place: false };
        assert!(!ballast.restore() && !path.exists());
    }
}
