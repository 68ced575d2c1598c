//! Counts records, until the analyzer is connected.

use super::report::Tally;
use super::{Analyze, framing::Depth};
use crate::batch::{Framing, Input, NoticeKind};

/// Counts records and judges nothing.
#[derive(Debug, Default)]
pub struct Count(Tally);

impl Analyze for Count {
    fn take(&mut self, input: Input) -> anyhow::Result<()> {
        match input {
            Input::Batch(batch) => {
                self.0.events += match batch.framing {
                    Framing::Lines => {
                        batch.bytes.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty()).count()
                    }
                    Framing::Documents => Depth::default().ends_in(&batch.bytes).len(),
                } as u64;
            }
            Input::Notice(notice) if matches!(notice.kind, NoticeKind::Torn { .. } | NoticeKind::Oversized { .. }) => {
                self.0.malformed += 1;
            }
            Input::Notice(_) => {}
        }
        Ok(())
    }

    fn finish(self) -> anyhow::Result<Tally> {
        Ok(self.0)
    }
}
