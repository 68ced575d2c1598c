//! One log file as we know it: its names, its identity, and maybe a hold on it.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flate2::bufread::MultiGzDecoder;

use super::family::{Family, Member, modified_ms};
use super::identity::{Head, Inode, first_bytes};
use super::plan::Before;

/// Compressed bytes read at a time.
const GZ_BUFFER_BYTES: usize = 64 * 1024;

/// A file of the family.
#[derive(Debug, Clone)]
pub struct Log {
    /// Where it was seen last.
    pub path: PathBuf,
    /// The file on its disk.
    pub inode: Inode,
    /// Unix milliseconds: when it was rotated, or last written before it was.
    pub time_ms: i64,
    /// Whether it is compressed.
    pub gz: bool,
    /// Whether the API server writes into it, as far as we know.
    pub live: bool,
    /// How it begins, as far as we know.
    pub head: Head,
    /// Length of its decompressed content modulo 2^32, as gzip keeps it.
    pub length: u32,
    /// Its compressed twin or another copy of it.
    pub twin: Option<Inode>,
    /// Its place in the last listing, under whatever name; nothing if it was not there.
    pub place: Option<usize>,
    /// What is to be said before its first line.
    pub before: Option<Before>,
    /// Whether it was said in this run.
    pub told: bool,
    /// A removed file can be read as long as it is held.
    pub file: Option<Arc<File>>,
}

impl Log {
    /// A file that is known by name only.
    pub fn closed(member: Member) -> Self {
        let Member { path, inode, time_ms, gz, live, .. } = member;
        Self {
            path,
            inode,
            time_ms,
            gz,
            live,
            head: Head::default(),
            length: 0,
            twin: None,
            place: None,
            before: None,
            told: false,
            file: None,
        }
    }

    /// Opens the file and returns its first bytes as well. [`io::ErrorKind::NotFound`] if another file is there now.
    pub fn open(member: Member) -> io::Result<(Self, Vec<u8>)> {
        let mut log = Self::closed(member);
        log.reopen()?;
        let first = log.measure()?;
        Ok((log, first))
    }

    /// Takes hold of the file, if it is still there under its name.
    pub fn reopen(&mut self) -> io::Result<Arc<File>> {
        if let Some(file) = &self.file {
            return Ok(Arc::clone(file));
        }
        let file = File::open(&self.path)?;
        if Inode::of(&file.metadata()?) != self.inode {
            return Err(io::ErrorKind::NotFound.into());
        }
        Ok(Arc::clone(self.file.insert(Arc::new(file))))
    }

    /// Brings head, length and time up to date and returns the first bytes. A file that is not held stays as it was.
    pub fn measure(&mut self) -> io::Result<Vec<u8>> {
        let Some(file) = &self.file else { return Ok(Vec::new()) };
        let first;
        if self.gz {
            first = first_bytes(unzip(file))?;
            self.length = trailer_length(file)?;
        } else {
            first = first_bytes(At::new(file, data_from(file, 0)))?;
            let meta = file.metadata()?;
            self.length = meta.len() as u32;
            if self.live {
                // Should it have been rotated meanwhile, that was later.
                self.time_ms = self.time_ms.max(modified_ms(&meta));
            }
        }
        self.head = Head::of(&first);
        Ok(first)
    }

    /// Whether a file that was found later, and is not live, is this one: renamed, compressed or copied.
    pub fn is(&self, found: &Self) -> bool {
        if self.inode.surely(found.inode) {
            return true;
        }
        match self.head.is_unknown() || found.head.is_unknown() {
            true => self.inode == found.inode,
            // The length tells a file from a later one that starts as a copy of it.
            false => self.head == found.head && self.length == found.length,
        }
    }

    /// Whether `member` is this very file, by what the file system says alone.
    pub fn is_member(&self, member: &Member) -> bool {
        // As long as we hold a file, its number is not used again.
        let same = self.inode == member.inode && self.file.is_some();
        same || self.inode.surely(member.inode) || self.twin.is_some_and(|twin| twin.surely(member.inode))
    }

    /// The listing has it at `place`, as `member`.
    pub fn meet(&mut self, member: &Member, place: usize) {
        self.place = Some(place);
        if self.inode == member.inode || self.file.is_none() {
            let Member { path, inode, time_ms, gz, live, .. } = member.clone();
            (self.path, self.inode, self.time_ms, self.gz, self.live) = (path, inode, time_ms, gz, live);
        } else {
            self.twin = Some(member.inode);
            self.live = false;
        }
    }

    /// Whether somebody removed it under the live file's name, that is, without any rotation.
    pub fn lost_its_name(&self, family: &Family) -> bool {
        let Some(file) = &self.file else { return false };
        // The kernel tells the last name a file had. Where it does not, we have to assume a rotation.
        let name = std::fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd())).unwrap_or_default();
        name.to_string_lossy().strip_suffix(" (deleted)").is_some_and(|name| family.is_live_name(Path::new(name)))
    }

    /// Whether there may be something to read in it.
    pub fn has_data(&self) -> bool {
        self.file.as_ref().and_then(|file| file.metadata().ok()).is_none_or(|meta| meta.len() > 0)
    }

    /// Bytes it has on disk, as long as it is held.
    pub fn size(&self) -> u64 {
        self.file.as_ref().and_then(|file| file.metadata().ok()).map_or(0, |meta| meta.len())
    }

    /// For people.
    pub fn name(&self) -> String {
        self.path.to_string_lossy().into_owned()
    }

    /// The last part of its name, for sentences.
    pub fn short_name(&self) -> String {
        self.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }
}

/// A decoder from the start of a compressed file.
pub fn unzip(file: &Arc<File>) -> MultiGzDecoder<BufReader<At>> {
    MultiGzDecoder::new(BufReader::with_capacity(GZ_BUFFER_BYTES, At::new(file, 0)))
}

/// Where the first data at or after `offset` can be, when the file has a hole there.
pub fn data_from(file: &File, offset: u64) -> u64 {
    // Not every file system knows its holes. There they are read, as NULs.
    rustix::fs::seek(file, rustix::fs::SeekFrom::Data(offset)).unwrap_or(offset)
}

/// The length in the last four bytes. Of a file that is not whole it is just a number.
fn trailer_length(file: &File) -> io::Result<u32> {
    let mut bytes = [0; 4];
    match file.metadata()?.len().checked_sub(4) {
        Some(offset) => file.read_exact_at(&mut bytes, offset)?,
        None => return Ok(0),
    }
    Ok(u32::from_le_bytes(bytes))
}

/// Reads a shared file from an offset of its own.
#[derive(Debug)]
pub struct At {
    file: Arc<File>,
    offset: u64,
}

impl At {
    /// From `offset` on.
    pub fn new(file: &Arc<File>, offset: u64) -> Self {
        Self { file: Arc::clone(file), offset }
    }
}

impl Read for At {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(into, self.offset)?;
        self.offset += read as u64;
        Ok(read)
    }
}
