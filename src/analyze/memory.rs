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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// JSON; only an [`Analyzer`] reads it.
    pub bytes: Vec<u8>,
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
        let bytes =
            serde_json::to_vec(&Written { sources, throttle: &self.throttle, judges: self.judges.save()?, held })?;
        Ok(Snapshot { bytes })
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
