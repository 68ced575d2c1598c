//! How records stand in a segment, and how they are found again.
//!
//! A frame is `marker, length, sequence number, time, checksum, payload`, numbers little-endian. The marker holds
//! bytes that JSON text cannot, so that behind damage the next frame is found by looking for it.

use std::io;

/// Bytes of a frame before its payload.
pub const HEADER_BYTES: usize = 28;

/// Bytes at the start of a segment file.
pub(super) const SEGMENT_HEADER_BYTES: usize = 16;

const MARKER: [u8; 4] = [0x00, 0xf5, b'G', 0xff];
const SEGMENT_MAGIC: [u8; 8] = *b"\x89GCSEG\r\n";
const VERSION: u32 = 1;

/// Looking for frames behind damage reads at most so many times the bytes there are; the rest counts as damaged.
/// Only bytes made to look like frames come near it.
const SEARCH_FACTOR: usize = 16;

/// One record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    /// Its number; greater than that of every record before it.
    pub seq: u64,
    /// When it was written: microseconds since 1970 by the wall clock.
    pub time: i64,
    /// What was appended.
    pub payload: &'a [u8],
}

/// A frame's header, not yet held against its checksum.
#[derive(Debug, Clone, Copy)]
pub(super) struct Header {
    pub(super) len: usize,
    pub(super) seq: u64,
    pub(super) time: i64,
    crc: u32,
}

/// What a segment's first bytes say.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Opening {
    Ours,
    Newer(u32),
    Damaged,
}

pub(super) fn segment_header() -> [u8; SEGMENT_HEADER_BYTES] {
    header_of_version(VERSION)
}

fn header_of_version(version: u32) -> [u8; SEGMENT_HEADER_BYTES] {
    let mut header = [0; SEGMENT_HEADER_BYTES];
    header[..8].copy_from_slice(&SEGMENT_MAGIC);
    header[8..12].copy_from_slice(&version.to_le_bytes());
    let crc = crc32fast::hash(&header[..12]);
    header[12..].copy_from_slice(&crc.to_le_bytes());
    header
}

pub(super) fn opening(bytes: &[u8]) -> Opening {
    let version = u32_at(bytes, 8).unwrap_or_default();
    match bytes.get(..SEGMENT_HEADER_BYTES) {
        Some(header) if header == header_of_version(version) && version > VERSION => Opening::Newer(version),
        Some(header) if header == segment_header() => Opening::Ours,
        _ => Opening::Damaged,
    }
}

/// Writes one frame behind `out`.
pub(super) fn encode(seq: u64, time: i64, payload: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
    let len = u32::try_from(payload.len()).map_err(|_| io::Error::other("a record is longer than 4 GiB"))?;
    out.extend_from_slice(&MARKER);
    out.extend_from_slice(&len.to_le_bytes());
    out.extend_from_slice(&seq.to_le_bytes());
    out.extend_from_slice(&time.to_le_bytes());
    out.extend_from_slice(&checksum(len, seq, time, payload).to_le_bytes());
    out.extend_from_slice(payload);
    Ok(())
}

/// Reads a frame's header; nothing when these bytes are not one.
pub(super) fn header(bytes: &[u8]) -> Option<Header> {
    if !bytes.starts_with(&MARKER) {
        return None;
    }
    let len = usize::try_from(u32_at(bytes, 4)?).ok()?;
    let seq = u64::from_le_bytes(bytes.get(8..16)?.try_into().ok()?);
    let time = i64::from_le_bytes(bytes.get(16..24)?.try_into().ok()?);
    Some(Header { len, seq, time, crc: u32_at(bytes, 24)? })
}

impl Header {
    /// Whether the payload is the one this header was written for.
    pub(super) fn fits(&self, payload: &[u8]) -> bool {
        u32::try_from(self.len).is_ok_and(|len| self.crc == checksum(len, self.seq, self.time, payload))
    }
}

fn checksum(len: u32, seq: u64, time: i64, payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&len.to_le_bytes());
    hasher.update(&seq.to_le_bytes());
    hasher.update(&time.to_le_bytes());
    hasher.update(payload);
    hasher.finalize()
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

/// A stretch of a segment.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// A record and the offset of its frame.
    Record(Record<'a>, usize),
    /// From one offset to another, nothing that can be read.
    Damage(usize, usize),
}

/// Walks through the bytes of a segment, behind its header.
pub(super) struct Pieces<'a> {
    bytes: &'a [u8],
    at: usize,
    /// The lowest number the next record may have, and the one it stays below.
    numbers: std::ops::Range<u64>,
    /// Bytes that may still be read in looking for frames.
    budget: usize,
}

impl<'a> Pieces<'a> {
    /// The records of a segment whose numbers run from `first` and stay below `below`.
    pub(super) fn new(bytes: &'a [u8], first: u64, below: u64) -> Self {
        Self::starting_at(bytes, SEGMENT_HEADER_BYTES.min(bytes.len()), first, below)
    }

    /// The same from an offset on.
    pub(super) fn starting_at(bytes: &'a [u8], at: usize, first: u64, below: u64) -> Self {
        Self { bytes, at, numbers: first..below, budget: bytes.len().saturating_mul(SEARCH_FACTOR) }
    }

    fn record_at(&mut self, at: usize) -> Option<Record<'a>> {
        let header = header(&self.bytes[at..])?;
        let start = at + HEADER_BYTES;
        let payload = self.bytes.get(start..start.checked_add(header.len)?)?;
        if !self.numbers.contains(&header.seq) {
            return None;
        }
        self.budget = self.budget.saturating_sub(HEADER_BYTES + header.len);
        header.fits(payload).then_some(Record { seq: header.seq, time: header.time, payload })
    }

    /// The offset of the next frame that can be read, or the end.
    fn search(&mut self, from: usize) -> usize {
        let mut at = from;
        while self.budget > 0
            && let Some(found) = memchr::memmem::find(&self.bytes[at..], &MARKER)
        {
            at += found;
            if self.record_at(at).is_some() {
                return at;
            }
            at += 1;
        }
        self.bytes.len()
    }
}

impl<'a> Iterator for Pieces<'a> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Piece<'a>> {
        if self.at >= self.bytes.len() {
            return None;
        }
        let at = self.at;
        if let Some(record) = self.record_at(at) {
            self.at = at + HEADER_BYTES + record.payload.len();
            self.numbers.start = record.seq + 1;
            return Some(Piece::Record(record, at));
        }
        self.at = self.search(at + 1);
        Some(Piece::Damage(at, self.at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newer_format_is_told_from_damage() {
        assert_eq!(opening(&segment_header()), Opening::Ours);
        assert_eq!(opening(&header_of_version(2)), Opening::Newer(2));
        let mut damaged = header_of_version(2);
        damaged[8] = 3;
        assert_eq!(opening(&damaged), Opening::Damaged);
        assert_eq!(opening(b"short"), Opening::Damaged);
    }

    #[test]
    fn bytes_made_to_look_like_frames_do_not_take_forever() {
        // Each of these headers claims all that follows, so that each would be summed up to the end.
        let mut bytes = vec![b'x'; SEGMENT_HEADER_BYTES];
        let frames = 20_000;
        for index in 0..frames {
            let rest = (frames - index - 1) * HEADER_BYTES;
            bytes.extend_from_slice(&MARKER);
            bytes.extend_from_slice(&u32::try_from(rest).unwrap().to_le_bytes());
            bytes.extend_from_slice(&[1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 9, 9, 9]);
        }
        let mut pieces = Pieces::new(&bytes, 1, u64::MAX);
        assert_eq!(pieces.next(), Some(Piece::Damage(SEGMENT_HEADER_BYTES, bytes.len())));
        assert_eq!((pieces.next(), pieces.budget), (None, 0));
    }
}
