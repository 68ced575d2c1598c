//! The reading side of a log: which segments there are, and readers that follow the appends.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use super::frame::{self, HEADER_BYTES, Piece, Pieces, SEGMENT_HEADER_BYTES};
use super::{AppendError, segment_path, sync_directory};
use crate::state::{disk, lock, replace_file};

/// What is known of one segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Segment {
    /// Durable bytes.
    pub(super) bytes: u64,
    /// The number after its last record.
    pub(super) end: u64,
    /// Grows when the file is written anew.
    pub(super) generation: u64,
}

/// The segments of a log. Clones see the same ones.
#[derive(Debug, Clone)]
pub struct View(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    directory: PathBuf,
    shelf: Mutex<Shelf>,
}

/// Files are opened, replaced and removed under its lock, so that a name always means the segment that is listed.
#[derive(Debug, Default)]
struct Shelf {
    /// By first sequence number.
    segments: BTreeMap<u64, Segment>,
    end: u64,
}

impl Shelf {
    /// The segment with the first record whose number is not below `seq`.
    fn holding(&self, seq: u64) -> Option<(u64, Segment)> {
        let at_or_before = self.segments.range(..=seq).next_back();
        let mut from_there = self.segments.range(at_or_before.map_or(seq, |(&first, _)| first)..);
        from_there.find(|(_, segment)| segment.end > seq).map(|(&first, &segment)| (first, segment))
    }
}

/// A record read from a log, with bytes of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnedRecord {
    /// Its number.
    pub seq: u64,
    /// When it was written: microseconds since 1970 by the wall clock.
    pub time: i64,
    /// What was appended.
    pub payload: Vec<u8>,
}

impl View {
    pub(super) fn new(directory: PathBuf) -> Self {
        Self(Arc::new(Inner { directory, shelf: Mutex::default() }))
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        lock(&self.0.shelf)
    }

    /// Where its segments are.
    pub fn directory(&self) -> &Path {
        &self.0.directory
    }

    pub(super) fn path(&self, first: u64) -> PathBuf {
        segment_path(&self.0.directory, first)
    }

    pub(super) fn insert(&self, first: u64, segment: Segment) {
        self.shelf().segments.insert(first, segment);
    }

    pub(super) fn publish(&self, end: u64) {
        self.shelf().end = end;
    }

    /// The segment has grown to `bytes` and the log to `end`.
    pub(super) fn grow(&self, first: u64, bytes: u64, end: u64) {
        let mut shelf = self.shelf();
        shelf.end = end;
        if let Some(segment) = shelf.segments.get_mut(&first) {
            segment.bytes = bytes;
            segment.end = end;
        }
    }

    pub(super) fn unlink_before(&self, seq: u64, tail: Option<u64>) -> Result<u64, AppendError> {
        let mut shelf = self.shelf();
        let mut removed = false;
        while let Some((&first, segment)) = shelf.segments.first_key_value()
            && segment.end <= seq
            && tail != Some(first)
        {
            unlink(&self.path(first))?;
            shelf.segments.remove(&first);
            removed = true;
        }
        let oldest = shelf.segments.first_key_value().map_or(shelf.end, |(&first, _)| first);
        drop(shelf);
        if removed {
            sync_directory(self.directory())?;
        }
        Ok(oldest)
    }

    /// Puts other bytes in the place of a segment; none at all when they hold no record.
    pub(super) fn replace(&self, first: u64, bytes: &[u8]) -> Result<(), AppendError> {
        let mut shelf = self.shelf();
        let path = self.path(first);
        if bytes.len() > SEGMENT_HEADER_BYTES {
            replace_file(&path, bytes)?;
            if let Some(segment) = shelf.segments.get_mut(&first) {
                segment.bytes = bytes.len() as u64;
                segment.generation += 1;
            }
            return Ok(());
        }
        unlink(&path)?;
        shelf.segments.remove(&first);
        sync_directory(self.directory())
    }

    /// The sequence number after the last record that is safely on disk.
    pub fn end(&self) -> u64 {
        self.shelf().end
    }

    /// Bytes of the segments that hold records from `seq` on. Segments go as a whole, so this is what is occupied
    /// for the sake of those records.
    pub fn bytes_from(&self, seq: u64) -> u64 {
        self.shelf().segments.values().filter(|segment| segment.end > seq).map(|segment| segment.bytes).sum()
    }

    /// First sequence numbers of the segments, oldest first, each with the number after its last record.
    pub fn segments(&self) -> Vec<(u64, u64)> {
        self.shelf().segments.iter().map(|(&first, segment)| (first, segment.end)).collect()
    }

    /// A reader from the first record whose number is not below `seq`.
    pub fn read_from(&self, seq: u64) -> Reader {
        Reader { view: self.clone(), next: seq, open: None }
    }

    /// The payload of one record; `offset` is where it stood when it was appended.
    ///
    /// # Errors
    /// When the file cannot be read. A record that is damaged or gone is no error.
    pub fn pick(&self, seq: u64, offset: u64) -> io::Result<Option<Vec<u8>>> {
        let mut reader = self.read_from(seq);
        if let Some(open) = reader.turn_to_segment()?
            && let Some(record) = open.read_frame(offset)?
            && record.seq == seq
        {
            return Ok(Some(record.payload));
        }
        // The segment was written anew: go through it.
        reader.open = None;
        Ok(reader.next()?.filter(|record| record.seq == seq).map(|record| record.payload))
    }
}

/// A file that is gone already is as good as removed.
fn unlink(path: &Path) -> Result<(), AppendError> {
    match disk::unlink(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(AppendError::fatal("remove", path, error)),
        _ => Ok(()),
    }
}

/// Reads records in order and follows the appends: [`Reader::next`] gives nothing at the end and more once there is.
#[derive(Debug)]
pub struct Reader {
    view: View,
    /// The lowest number still wanted.
    next: u64,
    open: Option<OpenSegment>,
}

#[derive(Debug)]
struct OpenSegment {
    first: u64,
    segment: Segment,
    file: File,
    offset: u64,
}

impl Reader {
    /// The lowest number that the next record can have.
    pub fn position(&self) -> u64 {
        self.next
    }

    /// The next record; nothing at the end of what is safely on disk. Damaged stretches are passed over.
    ///
    /// # Errors
    /// When a file cannot be read.
    #[allow(clippy::should_implement_trait)] // It goes on after nothing, which an iterator must not.
    pub fn next(&mut self) -> io::Result<Option<OwnedRecord>> {
        loop {
            let wanted = self.next;
            let Some(open) = self.turn_to_segment()? else { return Ok(None) };
            let end = open.segment.end;
            match open.advance()? {
                Some(record) if record.seq < wanted => {}
                Some(record) => {
                    self.next = record.seq + 1;
                    return Ok(Some(record));
                }
                None => self.next = wanted.max(end),
            }
        }
    }

    /// Opens the segment that holds the next record, unless it is open; nothing at the end.
    fn turn_to_segment(&mut self) -> io::Result<Option<&mut OpenSegment>> {
        let view = self.view.clone();
        let shelf = view.shelf();
        loop {
            let Some((first, segment)) = shelf.holding(self.next) else { return Ok(None) };
            let same = self.open.take().filter(|open| open.is(first, segment));
            let fresh = match same {
                Some(open) => OpenSegment { segment, ..open },
                None => match File::open(view.path(first)) {
                    Ok(file) => OpenSegment { first, segment, file, offset: SEGMENT_HEADER_BYTES as u64 },
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {
                        // Somebody else removed it. Waiting for it would hold up all that follows.
                        tracing::error!(file = %view.path(first).display(), "a segment is gone, passing over it");
                        self.next = segment.end;
                        continue;
                    }
                    Err(error) => return Err(error),
                },
            };
            return Ok(Some(self.open.insert(fresh)));
        }
    }
}

impl OpenSegment {
    fn is(&self, first: u64, segment: Segment) -> bool {
        self.first == first && self.segment.generation == segment.generation
    }

    /// The next record in this segment, passing over damage; nothing at its end.
    fn advance(&mut self) -> io::Result<Option<OwnedRecord>> {
        if self.offset >= self.segment.bytes {
            return Ok(None);
        }
        let record = match self.read_frame(self.offset)? {
            Some(record) => Some(record),
            None => self.search()?,
        };
        if let Some(record) = &record {
            self.offset += (HEADER_BYTES + record.payload.len()) as u64;
        }
        Ok(record)
    }

    /// The frame at an offset, when it is a good one.
    fn read_frame(&self, offset: u64) -> io::Result<Option<OwnedRecord>> {
        let left = self.segment.bytes.saturating_sub(offset);
        let mut header = [0; HEADER_BYTES];
        if left < HEADER_BYTES as u64 || !self.read_at(&mut header, offset)? {
            return Ok(None);
        }
        let Some(header) = frame::header(&header).filter(|header| header.len as u64 <= left - HEADER_BYTES as u64)
        else {
            return Ok(None);
        };
        let mut payload = vec![0; header.len];
        let whole = self.read_at(&mut payload, offset + HEADER_BYTES as u64)? && header.fits(&payload);
        Ok(whole.then_some(OwnedRecord { seq: header.seq, time: header.time, payload }))
    }

    /// Looks for the next good frame behind damage and moves to it.
    fn search(&mut self) -> io::Result<Option<OwnedRecord>> {
        let left = usize::try_from(self.segment.bytes - self.offset).unwrap_or(usize::MAX);
        let mut bytes = vec![0; left];
        let found = self.read_at(&mut bytes, self.offset)?.then(|| {
            Pieces::starting_at(&bytes, 0, self.first, u64::MAX).find_map(|piece| match piece {
                Piece::Record(record, at) => Some((at, record)),
                Piece::Damage(..) => None,
            })
        });
        let Some((at, record)) = found.flatten() else {
            self.offset = self.segment.bytes;
            return Ok(None);
        };
        self.offset += at as u64;
        Ok(Some(OwnedRecord { seq: record.seq, time: record.time, payload: record.payload.to_vec() }))
    }

    /// Fills `bytes`; false when somebody cut the file short.
    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<bool> {
        match self.file.read_exact_at(bytes, offset) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
            other => other.map(|()| true),
        }
    }
}
