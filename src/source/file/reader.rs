//! Reads one file, plain or compressed, and cuts it into whole lines.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::sync::Arc;

use bytes::Bytes;
use flate2::bufread::MultiGzDecoder;
use memchr::{memchr, memchr_iter, memrchr};
use rustix::buffer::spare_capacity;

use super::buffers::Buffers;
use super::family::modified_ms;
use super::identity::{TAIL_BYTES, Window, leading_nuls};
use super::log::{At, Log, data_from, unzip};
use super::long::{Long, LongLine};
use super::position::Mark;

/// Bytes read at a time, and so about the size of a batch: large enough that what a batch costs does not count,
/// small enough to stay in the processor's cache. A longer line is put together from several.
const CHUNK_BYTES: u64 = 1024 * 1024;

/// Largest buffer that is used again: a chunk and the line it ends in. Beyond it its memory is given back.
const BUFFER_BYTES_MAX: usize = 2 * CHUNK_BYTES as usize;

/// First bytes compared to see whether a file was overwritten. Many events end alike; they differ in their audit ids,
/// which come early.
const FIRST_BYTES: u64 = 256;

/// What came of one look into the file.
#[derive(Debug)]
pub enum Piece {
    /// Whole lines, and where they start. A hole of NULs before the first is told by one NUL.
    Lines {
        /// The lines.
        bytes: Bytes,
        /// Offset of the first byte.
        offset: u64,
    },
    /// A line longer than the limit.
    Long(LongLine),
    /// Something was read, but no line is whole yet.
    More,
    /// Nothing more to read now.
    End,
    /// What was read is no longer there: the file was cut short or overwritten. Says what was seen.
    Misfit(String),
}

/// One file being read.
pub struct Reader {
    /// The file.
    pub log: Log,
    file: Arc<File>,
    /// The decoder of a compressed file; made anew after an error.
    gz: Option<Box<MultiGzDecoder<BufReader<At>>>>,
    /// What was read beyond the last whole line.
    buf: Vec<u8>,
    /// Where the memory of `buf` comes from.
    buffers: Buffers,
    /// How much of `buf` is known to have no newline.
    searched: usize,
    /// Offset of the first byte of `buf`.
    offset: u64,
    /// The bytes before `offset`.
    window: Window,
    /// The first bytes of a plain file, as far as they were read.
    first: Vec<u8>,
    /// The line that is being passed over.
    long: Option<Long>,
    line_bytes_max: usize,
    /// Length of the file on disk when it was looked at last.
    size: u64,
    modified_ms: i64,
    vanishing: Vanishing,
}

/// Whether the file was removed, and who noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Vanishing {
    No,
    /// It had no name any more when this much of it was read.
    Unlinked(u64),
    /// It grew after that, and this was told.
    Told,
}

impl Reader {
    /// Reads `log` from its start.
    pub fn open(mut log: Log, line_bytes_max: usize) -> io::Result<Self> {
        let file = log.reopen()?;
        Ok(Self {
            log,
            file,
            gz: None,
            buf: Vec::new(),
            buffers: Buffers::default(),
            searched: 0,
            offset: 0,
            window: Window::default(),
            first: Vec::new(),
            long: None,
            line_bytes_max,
            size: 0,
            modified_ms: 0,
            vanishing: Vanishing::No,
        })
    }

    /// Reads `log` from where `mark` was, if what stands before it is what stood there.
    pub fn resume(log: Log, mark: &Mark, line_bytes_max: usize) -> io::Result<Option<Self>> {
        let mut reader = Self::open(log, line_bytes_max)?;
        let Some(from) = mark.offset.checked_sub(mark.tail.len()) else { return Ok(None) };
        let mut before = Vec::with_capacity(TAIL_BYTES);
        if reader.log.gz {
            let mut decoder = unzip(&reader.file);
            io::copy(&mut decoder.by_ref().take(from), &mut io::sink())?;
            decoder.by_ref().take(mark.tail.len()).read_to_end(&mut before)?;
            reader.gz = Some(Box::new(decoder));
        } else {
            At::new(&reader.file, from).take(mark.tail.len()).read_to_end(&mut before)?;
        }
        reader.offset = mark.offset;
        reader.window.pass(&before);
        Ok(mark.tail.is(&before).then_some(reader))
    }

    /// The next lines.
    pub fn next(&mut self) -> io::Result<Piece> {
        if let Some(piece) = self.cut() {
            return Ok(piece);
        }
        let got = if self.log.gz { self.fill_from_gz()? } else { self.fill()? };
        match got {
            Piece::More => Ok(self.cut().unwrap_or(Piece::More)),
            other => {
                self.buffers.release();
                Ok(other)
            }
        }
    }

    /// Where the lines given so far end.
    pub fn mark(&mut self) -> Mark {
        if !self.log.head.is_full() {
            // The head grows with the file. An unreadable one is as good as an unknown one.
            self.log.measure().ok();
        }
        let time_ms = match self.log.live {
            // Less a millisecond, so that its own rotation is later in any case.
            true => self.log.time_ms.max(self.modified_ms) - 1,
            false => self.log.time_ms,
        };
        Mark {
            path: self.log.name(),
            inode: self.log.inode,
            head: self.log.head.clone(),
            offset: self.offset,
            tail: self.window.tail(),
            time_ms,
        }
    }

    /// Offset after the last line given.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Offset after the last byte read.
    pub fn reached(&self) -> u64 {
        self.offset + self.buf.len() as u64
    }

    /// Whether all that the file had when it was looked at has been given, except for a line without end.
    pub fn is_at_end(&self) -> bool {
        !self.log.gz && self.reached() >= self.size && memchr(b'\n', &self.buf).is_none()
    }

    /// Bytes on disk that are not read yet; of a compressed file, nothing is known.
    pub fn behind(&self) -> u64 {
        if self.log.gz { 0 } else { self.size.saturating_sub(self.reached()) }
    }

    /// Whether a line is read in part.
    pub fn has_partial_line(&self) -> bool {
        self.long.is_some() || leading_nuls(&self.buf) < self.buf.len()
    }

    /// Whether no name leads to the file any more.
    pub fn is_unlinked(&self) -> bool {
        self.file.metadata().is_ok_and(|meta| meta.nlink() == 0)
    }

    /// Whether the file grows although it was removed. Says so once.
    pub fn is_vanishing(&mut self) -> bool {
        let grows = matches!(self.vanishing, Vanishing::Unlinked(at) if self.reached() > at);
        if grows {
            self.vanishing = Vanishing::Told;
        }
        grows
    }

    /// Whether there is something in the file that was not read.
    pub fn has_grown(&self) -> bool {
        !self.log.gz && self.file.metadata().is_ok_and(|meta| meta.len() > self.reached())
    }

    /// Whether what was read is no longer there.
    pub fn is_misfit(&self) -> bool {
        let at = self.reached();
        !self.log.gz && at > 0 && !self.fits(at).unwrap_or(true)
    }

    /// Gives up the partial line at the end: nobody will finish it.
    pub fn take_torn(&mut self) -> Option<Piece> {
        if let Some(long) = self.long.take() {
            return Some(Piece::Long(long.finish()));
        }
        self.pass(leading_nuls(&self.buf));
        let (bytes, offset) = (std::mem::take(&mut self.buf), self.offset);
        self.searched = 0;
        self.window.pass(&bytes);
        self.offset += bytes.len() as u64;
        (!bytes.is_empty()).then(|| Piece::Lines { bytes: bytes.into(), offset })
    }

    fn fill(&mut self) -> io::Result<Piece> {
        self.jump_hole();
        let meta = self.file.metadata()?;
        (self.size, self.modified_ms) = (meta.len(), modified_ms(&meta));
        let at = self.reached();
        if self.size < at {
            return Ok(Piece::Misfit(format!("it is {} bytes long, shorter than the {at} already read", self.size)));
        }
        if !self.fits(at)? {
            return Ok(Piece::Misfit(format!("the bytes before offset {at} are not those already read")));
        }
        if self.size == at {
            self.buf.shrink_to_fit();
            if meta.nlink() == 0 && self.vanishing == Vanishing::No {
                self.vanishing = Vanishing::Unlinked(at);
            }
            return Ok(Piece::End);
        }
        self.buf.reserve(CHUNK_BYTES.min(self.size - at) as usize);
        let read = rustix::io::pread(&*self.file, spare_capacity(&mut self.buf), at)?;
        self.remember_first()?;
        Ok(if read == 0 { Piece::End } else { Piece::More })
    }

    fn fill_from_gz(&mut self) -> io::Result<Piece> {
        let at = self.reached();
        let mut decoder = match self.gz.take() {
            Some(decoder) => decoder,
            None => {
                let mut decoder = Box::new(unzip(&self.file));
                io::copy(&mut decoder.by_ref().take(at), &mut io::sink())?;
                decoder
            }
        };
        let before = self.buf.len();
        self.buf.reserve(CHUNK_BYTES as usize);
        match decoder.by_ref().take(CHUNK_BYTES).read_to_end(&mut self.buf) {
            Ok(0) => {
                self.gz = Some(decoder);
                Ok(Piece::End)
            }
            Ok(_) => {
                self.gz = Some(decoder);
                Ok(Piece::More)
            }
            // What came before the damage is taken; the next call meets it again.
            Err(_) if self.buf.len() > before => Ok(Piece::More),
            Err(error) => Err(error),
        }
    }

    /// Whether the bytes before `at` are still those that were read.
    fn fits(&self, at: u64) -> io::Result<bool> {
        let mut known = self.window.clone();
        known.pass(&self.buf);
        let from = at - known.bytes().len() as u64;
        Ok(self.has_at(from, known.bytes())? && self.has_at(0, &self.first)?)
    }

    fn has_at(&self, offset: u64, known: &[u8]) -> io::Result<bool> {
        let mut found = [0; FIRST_BYTES as usize];
        let found = &mut found[..known.len()];
        match self.file.read_exact_at(found, offset) {
            Ok(()) => Ok(found == known),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn remember_first(&mut self) -> io::Result<()> {
        let wanted = self.reached().min(FIRST_BYTES);
        if (self.first.len() as u64) < wanted {
            self.first.clear();
            At::new(&self.file, 0).take(wanted).read_to_end(&mut self.first)?;
        }
        Ok(())
    }

    /// Leaps over a hole that copytruncate has left, all but its last byte.
    fn jump_hole(&mut self) {
        let at_hole = match &self.buf[..] {
            [] => self.offset == 0 && self.long.is_none(),
            bytes => bytes == [0] && self.long.is_none(),
        };
        if !at_hole {
            return;
        }
        let data = data_from(&self.file, self.reached());
        if data > self.reached() {
            self.window.pass(&[0; TAIL_BYTES][..(data - 1 - self.offset).min(TAIL_BYTES as u64) as usize]);
            self.offset = data - 1;
            self.buf = vec![0];
        }
    }

    fn cut(&mut self) -> Option<Piece> {
        if self.long.is_some() {
            return self.pass_long();
        }
        let nuls = leading_nuls(&self.buf);
        if nuls > 1 {
            self.pass(nuls - 1);
        }
        let end = self.lines_end();
        if end > 0 {
            return Some(self.take_lines(end));
        }
        if self.buf.len() > self.line_bytes_max {
            self.long = Some(Long::begin(self.offset));
            return self.pass_long();
        }
        None
    }

    /// Where the whole lines end that can go out together.
    fn lines_end(&mut self) -> usize {
        let Some(newline) = memrchr(b'\n', &self.buf[self.searched..]) else {
            self.searched = self.buf.len();
            return 0;
        };
        let end = self.before_hole(self.searched + newline + 1);
        if self.buf.len() > self.line_bytes_max { self.before_long_line(end) } else { end }
    }

    /// A hole ends the lines, so that the bytes that go out stand together in the file.
    fn before_hole(&self, end: usize) -> usize {
        memchr_iter(0, &self.buf[..end]).find(|&nul| nul > 0 && self.buf[nul - 1] == b'\n').unwrap_or(end)
    }

    fn before_long_line(&self, end: usize) -> usize {
        let mut start = 0;
        for newline in memchr_iter(b'\n', &self.buf[..end]) {
            if newline - start > self.line_bytes_max {
                return start;
            }
            start = newline + 1;
        }
        end
    }

    fn take_lines(&mut self, end: usize) -> Piece {
        // The rest is copied, so that it does not keep the memory of the lines.
        let mut rest = self.buffers.take();
        rest.extend_from_slice(&self.buf[end..]);
        let mut lines = std::mem::replace(&mut self.buf, rest);
        lines.truncate(end);
        self.searched = 0;
        self.window.pass(&lines);
        let offset = self.offset;
        self.offset += end as u64;
        Piece::Lines { bytes: self.buffers.lend(lines, BUFFER_BYTES_MAX), offset }
    }

    fn pass_long(&mut self) -> Option<Piece> {
        let long = self.long.as_mut()?;
        match memchr(b'\n', &self.buf) {
            Some(newline) => {
                long.pass(&self.buf[..newline]);
                self.pass(newline + 1);
                self.long.take().map(|long| Piece::Long(long.finish()))
            }
            None => {
                long.pass(&self.buf);
                self.pass(self.buf.len());
                None
            }
        }
    }

    fn pass(&mut self, count: usize) {
        self.window.pass(&self.buf[..count]);
        self.offset += count as u64;
        self.buf = self.buf[count..].to_vec();
        self.searched = 0;
    }
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Reader({}:{})", self.log.name(), self.offset)
    }
}
