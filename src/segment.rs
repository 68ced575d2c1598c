//! An append-only log in segment files: the ground under the outbox and the webhook spool.
//!
//! A record has a sequence number that is never used again, the time it was written, and a checksum. An append
//! is one write and one sync. Segments are named by their first sequence number and go away as a whole. What a
//! crash tore is cut off when the log is opened; what is damaged in the middle is passed over and reported.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context;

mod frame;
mod recover;
mod view;

pub use crate::state::WriteError as AppendError;
pub use frame::{HEADER_BYTES, Record};
pub use recover::{Damage, DamageKind};
pub use view::{OwnedRecord, Reader, View};

use crate::state::{AppendFile, disk};
use view::Segment;

/// Bytes after which a new segment is begun. A larger one takes longer to be freed, smaller ones make more files.
pub const SEGMENT_BYTES: u64 = 8 * 1024 * 1024;

/// Where an appended record stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spot {
    /// Its sequence number.
    pub seq: u64,
    /// Its offset in the segment; a hint, for the segment may be written anew.
    pub offset: u64,
    /// When it was written: microseconds since 1970 by the wall clock.
    pub time: i64,
}

/// The writing end of a log. There is one.
#[derive(Debug)]
pub struct Log {
    view: View,
    segment_bytes: u64,
    /// The segment being written, if one is.
    tail: Option<Tail>,
    /// The next record's sequence number.
    next: u64,
}

#[derive(Debug)]
struct Tail {
    first: u64,
    file: AppendFile,
}

impl Log {
    /// Opens the log in a directory that exists, and shows every record held to `visit`, oldest first.
    ///
    /// Damage never keeps it from opening: it is passed over, or moved aside as `.corrupt`, and returned.
    ///
    /// # Errors
    /// When the directory or a file in it may not be read or written, or when a newer version wrote it.
    pub fn open(
        directory: PathBuf,
        segment_bytes: u64,
        mut visit: impl FnMut(&Record<'_>, u64),
    ) -> anyhow::Result<(Self, Vec<Damage>)> {
        let firsts = recover::list(&directory)?;
        let view = View::new(directory);
        let mut log = Self { view, segment_bytes, tail: None, next: 1 };
        let mut damages = Vec::new();
        for (index, &first) in firsts.iter().enumerate() {
            let below = firsts.get(index + 1).copied();
            log.admit(first, below, &mut damages, &mut visit)?;
        }
        log.view.publish(log.next);
        Ok((log, damages))
    }

    /// Takes one segment file into the log; without a later one (`below`) it is the tail.
    fn admit(
        &mut self,
        first: u64,
        below: Option<u64>,
        damages: &mut Vec<Damage>,
        visit: &mut impl FnMut(&Record<'_>, u64),
    ) -> anyhow::Result<()> {
        let path = self.view.path(first);
        let scan = recover::scan(&path, first, below, visit)?;
        damages.extend(scan.damages);
        // Numbers of records that were lost are not given again: a cursor may be past them.
        self.next = self.next.max(scan.next);
        if !scan.in_place {
            return Ok(());
        }
        let mut bytes = scan.bytes;
        if below.is_none() {
            let mut file = AppendFile::open(path.clone()).with_context(|| format!("open {}", path.display()))?;
            if file.len() > scan.good {
                file.cut(scan.good).with_context(|| format!("cut {} back", path.display()))?;
            }
            bytes = file.len();
            self.tail = Some(Tail { first, file });
        }
        self.view.insert(first, Segment { bytes, end: scan.next, generation: 0 });
        Ok(())
    }

    /// The reading side, for any number of readers.
    pub fn view(&self) -> &View {
        &self.view
    }

    /// The sequence number after the last record.
    pub fn end(&self) -> u64 {
        self.next
    }

    /// Gives no number below `seq` from here on.
    pub fn skip_to(&mut self, seq: u64) {
        self.next = self.next.max(seq);
        self.view.publish(self.next);
    }

    /// Appends records, durably and together, and says where they stand.
    ///
    /// # Errors
    /// After [`AppendError::Full`] nothing has been appended and no number used; after [`AppendError::Fatal`] every
    /// further append fails too.
    pub fn append(&mut self, payloads: &[&[u8]]) -> Result<Vec<Spot>, AppendError> {
        if payloads.is_empty() {
            return Ok(Vec::new());
        }
        let time = now_micros();
        let (segment_bytes, next) = (self.segment_bytes, self.next);
        let tail = self.tail_with_room(segment_bytes)?;
        let base = tail.file.len();
        let mut bytes = if base == 0 { frame::segment_header().to_vec() } else { Vec::new() };
        let mut spots = Vec::with_capacity(payloads.len());
        for (seq, payload) in (next..).zip(payloads) {
            spots.push(Spot { seq, offset: base + bytes.len() as u64, time });
            frame::encode(seq, time, payload, &mut bytes)
                .map_err(|error| AppendError::fatal("encode a record for", tail.file.path(), error))?;
        }
        tail.file.append(&bytes)?;
        let (first, len) = (tail.first, tail.file.len());
        self.next = next + payloads.len() as u64;
        self.view.grow(first, len, self.next);
        Ok(spots)
    }

    /// The tail, a fresh one when there is none or it has grown enough.
    fn tail_with_room(&mut self, segment_bytes: u64) -> Result<&mut Tail, AppendError> {
        let fresh = match self.tail.take() {
            Some(tail) if tail.file.len() < segment_bytes => tail,
            // Kept until the fresh one exists: after a failure it is as it was.
            old => match self.begin_segment() {
                Ok(fresh) => fresh,
                Err(error) => {
                    self.tail = old;
                    return Err(error);
                }
            },
        };
        Ok(self.tail.insert(fresh))
    }

    fn begin_segment(&self) -> Result<Tail, AppendError> {
        let first = self.next;
        let path = self.view.path(first);
        let file = AppendFile::open(path.clone()).map_err(|error| AppendError::sort("create", &path, error))?;
        sync_directory(self.view.directory())?;
        self.view.insert(first, Segment { bytes: 0, end: first, generation: 0 });
        Ok(Tail { first, file })
    }

    /// Begins a new segment with the next append, so that the present one can go as soon as it is not needed.
    pub fn seal(&mut self) {
        if self.tail.as_ref().is_some_and(|tail| tail.file.len() > 0) {
            self.tail = None;
        }
    }

    /// Removes the segments in which every record is below `seq`; the one being written stays.
    /// Returns the sequence number below which nothing is held any more.
    ///
    /// # Errors
    /// When a file cannot be removed.
    pub fn unlink_before(&mut self, seq: u64) -> Result<u64, AppendError> {
        let tail = self.tail.as_ref().map(|tail| tail.first);
        self.view.unlink_before(seq, tail)
    }

    /// Writes a segment that is not being written to anew, with only the records that `keep` wants under their
    /// old numbers. True when that was done, false for the segment being written.
    ///
    /// # Errors
    /// [`AppendError::Full`] leaves the segment as it was.
    pub fn rewrite(&mut self, first: u64, keep: impl Fn(u64) -> bool) -> Result<bool, AppendError> {
        if self.tail.as_ref().is_some_and(|tail| tail.first == first) {
            return Ok(false);
        }
        let path = self.view.path(first);
        let old = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            other => other.map_err(|error| AppendError::fatal("read", &path, error))?,
        };
        let mut bytes = frame::segment_header().to_vec();
        for piece in frame::Pieces::new(&old, first, u64::MAX) {
            if let frame::Piece::Record(record, at) = piece
                && keep(record.seq)
            {
                bytes.extend_from_slice(&old[at..at + frame::HEADER_BYTES + record.payload.len()]);
            }
        }
        self.view.replace(first, &bytes)?;
        Ok(true)
    }
}

fn now_micros() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

fn segment_path(directory: &Path, first: u64) -> PathBuf {
    directory.join(format!("{first:020}.seg"))
}

fn sync_directory(directory: &Path) -> Result<(), AppendError> {
    disk::sync_dir(directory).map_err(|error| AppendError::fatal("sync", directory, error))
}

#[cfg(test)]
mod tests;
