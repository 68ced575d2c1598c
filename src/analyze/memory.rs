//! Positions and memory, saved together.

use std::cmp::Reverse;
use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::held::Held;
use super::{Analyzer, SourceMemory};
use crate::batch::SourceId;
use crate::hit::Hit;
use crate::judge;
use crate::throttle::Throttle;

/// Everything an analyzer remembers, as it is written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// JSON, cut anywhere; only an [`Analyzer`] reads it.
    pub pieces: Vec<Vec<u8>>,
}

/// Bytes of a piece. Many megabytes in one would be taken from the allocator and given back to it with every save,
/// which leaves holes that it keeps.
const PIECE_BYTES: usize = 64 * 1024;

impl Snapshot {
    /// The pieces as one.
    pub fn bytes(&self) -> Vec<u8> {
        self.pieces.concat()
    }
}

impl std::io::Write for Snapshot {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match self.pieces.last_mut() {
            Some(piece) if piece.len() + bytes.len() <= PIECE_BYTES => piece.extend_from_slice(bytes),
            _ => {
                let mut piece = Vec::with_capacity(PIECE_BYTES.max(bytes.len()));
                piece.extend_from_slice(bytes);
                self.pieces.push(piece);
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[derive(Serialize)]
struct Written<'m> {
    sources: Vec<(&'m SourceId, &'m SourceMemory)>,
    throttle: &'m Throttle,
    judges: Box<RawValue>,
    held: Vec<Hit>,
}

#[derive(Deserialize)]
struct Read {
    sources: Vec<(SourceId, SourceMemory)>,
    throttle: Throttle,
    /// Earlier versions had none.
    #[serde(default)]
    judges: judge::Memory,
    held: Vec<Hit>,
}

impl Analyzer {
    /// All that is remembered, positions included.
    ///
    /// # Errors
    /// A value that JSON cannot hold; none is known.
    pub fn snapshot(&self) -> serde_json::Result<Snapshot> {
        let mut sources: Vec<_> = self.sources.iter().collect();
        sources.sort_by_key(|(source, _)| *source);
        let held = self.held.iter().map(|Reverse(held)| *held.clone().shown(&self.detectors)).collect();
        let mut snapshot = Snapshot::default();
        let written = Written { sources, throttle: &self.throttle, judges: self.judges.save()?, held };
        serde_json::to_writer(&mut snapshot, &written)?;
        Ok(snapshot)
    }

    /// Goes on where another analyzer of this cluster is, as after a restart. The ids of rules that begin anew.
    ///
    /// # Errors
    /// As [`Analyzer::snapshot`] and [`Analyzer::restore`]; then nothing is to be done with this one.
    pub fn inherit(&mut self, from: &Self) -> serde_json::Result<Vec<String>> {
        let anew = self.restore(&from.snapshot()?.bytes())?;
        self.throttle.learn_all_of(&from.throttle);
        Ok(anew)
    }

    /// Goes back to what was remembered. The ids of rules whose memory begins anew, because they are not what they were.
    ///
    /// # Errors
    /// The bytes are no snapshot of this version.
    pub fn restore(&mut self, bytes: &[u8]) -> serde_json::Result<Vec<String>> {
        let read: Read = serde_json::from_slice(bytes)?;
        self.sources = HashMap::from_iter(read.sources);
        self.throttle = read.throttle;
        self.held = read.held.into_iter().map(|hit| Reverse(Held::from(hit))).collect();
        self.judges.load(read.judges)
    }
}
