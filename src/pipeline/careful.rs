//! Record by record, after the analysis has died.
//!
//! Each record's hash is written ahead, so that the next life knows which one it died on. A panic convicts the record
//! at once. A death does not: whoever kills the process does so at some record too, and an innocent one would go
//! unread. Only a record that was in hand at two deaths in a row is passed.

use bytes::Bytes;
use sha2::{Digest, Sha256};

use crate::analyze::{Analyzer, Output};
use crate::batch::{Batch, Input, Notice, NoticeKind};
use crate::decode::record_length;
use crate::snapshot::{InHand, Skips};

/// How records are looked at in a life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Care {
    /// Nothing happened.
    Usual,
    /// The process died, or something panicked: one by one, to see at which.
    Suspect,
    /// The record in hand has just panicked.
    Convict,
}

/// Writes ahead and passes.
pub(super) struct Careful {
    pub(super) in_hand: InHand,
    pub(super) skips: Skips,
}

impl Careful {
    /// Analyzes an input record by record.
    pub(super) fn analyze(&self, analyzer: &mut Analyzer, input: &Input, out: &mut Output) -> anyhow::Result<()> {
        let Input::Batch(batch) = input else {
            analyzer.analyze(input, out);
            return Ok(());
        };
        let mut start = 0;
        while start < batch.bytes.len() {
            let length = record_length(&batch.bytes[start..], batch.framing);
            let record = batch.bytes.slice(start..start + length);
            let hash: [u8; 32] = Sha256::digest(&record).into();
            if self.skips.contains(&hash) {
                analyzer.analyze(&poison(batch, start, record), out);
            } else {
                self.in_hand.note(&hash)?;
                analyzer.analyze(&piece(batch, start, record), out);
            }
            start += length;
        }
        // Whatever we die of from here on, it was none of these.
        self.in_hand.clear()?;
        Ok(())
    }
}

fn piece(batch: &Batch, start: usize, bytes: Bytes) -> Input {
    Input::Batch(Batch { bytes, start: batch.place(start), ..batch.clone() })
}

fn poison(batch: &Batch, start: usize, bytes: Bytes) -> Input {
    Input::Notice(Notice {
        source: batch.source.clone(),
        cluster: batch.cluster.clone(),
        at: batch.place(start),
        upto: Some(batch.upto.clone()),
        kind: NoticeKind::Poison { bytes },
    })
}
