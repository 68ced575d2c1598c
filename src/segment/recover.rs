//! What a log's files hold after whatever happened to them.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use super::frame::{HEADER_BYTES, Opening, Piece, Pieces, Record, SEGMENT_HEADER_BYTES, opening};
use super::sync_directory;
use crate::state::disk;

/// A stretch of a log that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The segment file.
    pub file: PathBuf,
    /// Where it begins, bytes.
    pub offset: u64,
    /// How long it is, bytes.
    pub bytes: u64,
    /// What it is taken for.
    pub kind: DamageKind,
}

/// What unreadable bytes are taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DamageKind {
    /// The end of the last append before a crash, never acknowledged. It was cut off.
    TornTail,
    /// Bytes between records that can be read. They were passed over.
    Middle,
    /// A whole segment. It was moved aside as `.corrupt`.
    Segment,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            DamageKind::TornTail => "unfinished at the end of the file, cut off",
            DamageKind::Middle => "damaged, passed over",
            DamageKind::Segment => "damaged, the file was moved aside as .corrupt",
        };
        write!(f, "{}: {} bytes at offset {} are {what}", self.file.display(), self.bytes, self.offset)
    }
}

/// What one segment file holds.
pub(super) struct Scan {
    /// Length of the file.
    pub(super) bytes: u64,
    /// Up to where it is good.
    pub(super) good: u64,
    /// The first number that this segment has surely not used.
    pub(super) next: u64,
    /// False when the file was moved aside.
    pub(super) in_place: bool,
    pub(super) damages: Vec<Damage>,
}

/// The first sequence numbers of the segments in a directory, ascending. Leftovers of unfinished work are removed.
pub(super) fn list(directory: &Path) -> anyhow::Result<Vec<u64>> {
    let reading = || format!("read directory {}", directory.display());
    let mut firsts = Vec::new();
    for entry in fs::read_dir(directory).with_context(reading)? {
        let path = entry.with_context(reading)?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.ends_with(".seg~") {
            fs::remove_file(&path).with_context(|| format!("remove {}", path.display()))?;
        } else if let Some(first) = name.strip_suffix(".seg").and_then(|number| number.parse().ok()) {
            firsts.push(first);
        }
    }
    firsts.sort_unstable();
    Ok(firsts)
}

/// Reads a segment through, shows its records to `visit`, and moves it aside when nothing in it can be read.
pub(super) fn scan(
    path: &Path,
    first: u64,
    below: Option<u64>,
    visit: &mut impl FnMut(&Record<'_>, u64),
) -> anyhow::Result<Scan> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        // The medium gave up on this file. Refusing to start would cost the others too.
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error()) => {
            let len = fs::metadata(path).map_or(0, |metadata| metadata.len());
            return aside(path, first, len);
        }
        Err(error) => return Err(error).with_context(|| format!("read {}", path.display())),
    };
    if let Opening::Newer(version) = opening(&bytes) {
        bail!(
            "{} was written by a newer gatecrier (format {version}): run that version, or let it deliver what it holds \
             before going back",
            path.display()
        );
    }
    let scan = walk(path, &bytes, first, below, visit);
    let worthless = scan.good == 0 && !bytes.is_empty() && below.is_some();
    if worthless { aside(path, first, scan.bytes) } else { Ok(scan) }
}

fn walk(path: &Path, bytes: &[u8], first: u64, below: Option<u64>, visit: &mut impl FnMut(&Record<'_>, u64)) -> Scan {
    let mut scan = Scan { bytes: bytes.len() as u64, good: 0, next: first, in_place: true, damages: Vec::new() };
    let damage = |from: usize, to: usize, kind| Damage {
        file: path.to_owned(),
        offset: from as u64,
        bytes: (to - from) as u64,
        kind,
    };
    if opening(bytes) == Opening::Damaged && !bytes.is_empty() {
        let torn = below.is_none() && bytes.len() <= SEGMENT_HEADER_BYTES;
        let kind = if torn { DamageKind::TornTail } else { DamageKind::Middle };
        scan.damages.push(damage(0, bytes.len().min(SEGMENT_HEADER_BYTES), kind));
    } else if bytes.len() == SEGMENT_HEADER_BYTES {
        scan.good = bytes.len() as u64;
    }
    for piece in Pieces::new(bytes, first, below.unwrap_or(u64::MAX)) {
        match piece {
            Piece::Record(record, at) => {
                visit(&record, at as u64);
                scan.good = (at + HEADER_BYTES + record.payload.len()) as u64;
                scan.next = record.seq + 1;
            }
            Piece::Damage(from, to) => {
                let kind = if to == bytes.len() && below.is_none() { DamageKind::TornTail } else { DamageKind::Middle };
                scan.damages.push(damage(from, to, kind));
            }
        }
    }
    if scan.good < scan.bytes {
        scan.next = past_lost(scan.next, scan.bytes - scan.good).min(below.unwrap_or(u64::MAX));
    }
    scan
}

/// The first number that records lost in so many bytes can not have had: each took at least a header.
fn past_lost(next: u64, bytes: u64) -> u64 {
    next + bytes / HEADER_BYTES as u64 + 1
}

/// Moves a segment aside that cannot be read at all.
fn aside(path: &Path, first: u64, bytes: u64) -> anyhow::Result<Scan> {
    let corrupt = path.with_extension("seg.corrupt");
    disk::rename(path, &corrupt).with_context(|| format!("move {} aside", path.display()))?;
    if let Some(directory) = path.parent() {
        sync_directory(directory)?;
    }
    let damage = Damage { file: corrupt, offset: 0, bytes, kind: DamageKind::Segment };
    Ok(Scan { bytes, good: 0, next: past_lost(first, bytes), in_place: false, damages: vec![damage] })
}
