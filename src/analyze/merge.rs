//! Of a cluster's sources, the batch with the oldest record goes first.

use std::collections::{BTreeMap, VecDeque};
use std::panic::catch_unwind;

use super::LATENESS_SECONDS;
use crate::batch::{Batch, Input, NoticeKind, SourceId};
use crate::decode::{self, Partial, Record};
use crate::event::Timestamp;

/// Inputs of several sources, each in its own order. `T` travels with each input.
#[derive(Debug)]
pub struct Merge<T> {
    lanes: BTreeMap<SourceId, Lane<T>>,
}

#[derive(Debug)]
struct Lane<T> {
    waiting: VecDeque<(Input, T)>,
    /// When the first waiting input begins; of a notice, how far its source has come.
    head: Timestamp,
    /// Time of the newest event taken.
    progress: Timestamp,
    at_end: bool,
}

impl<T> Default for Merge<T> {
    fn default() -> Self {
        Self { lanes: BTreeMap::new() }
    }
}

impl<T> Merge<T> {
    /// Waits for this source from now on, until it is at its end. `progress` is the time of its newest event known.
    pub fn announce(&mut self, source: SourceId, progress: Option<Timestamp>) {
        let progress = progress.unwrap_or(Timestamp::MIN);
        self.lanes.insert(source, Lane { waiting: VecDeque::new(), head: progress, progress, at_end: false });
    }

    /// Adds the next input of a source.
    pub fn offer(&mut self, input: Input, rider: T) {
        let lane = self.lanes.entry(input.source().clone()).or_insert_with(|| Lane {
            waiting: VecDeque::new(),
            head: Timestamp::MIN,
            progress: Timestamp::MIN,
            at_end: false,
        });
        lane.waiting.push_back((input, rider));
        if lane.waiting.len() == 1 {
            lane.find_head();
        }
    }

    /// The next input to be analyzed; nothing while a source has to be waited for, or none has anything.
    pub fn take(&mut self) -> Option<(Input, T)> {
        if self.lanes.values().any(|lane| lane.waiting.is_empty() && !lane.at_end) {
            return None;
        }
        let due = self.lanes.values_mut().filter(|lane| !lane.waiting.is_empty()).min_by_key(|lane| lane.head)?;
        let (input, rider) = due.waiting.pop_front()?;
        due.at_end = match &input {
            Input::Batch(batch) => batch.at_end,
            Input::Notice(notice) => matches!(notice.kind, NoticeKind::AtEnd),
        };
        Some((input, rider))
    }

    /// Notes how far a source has come, after its input was analyzed.
    pub fn progressed(&mut self, source: &SourceId, newest: Option<Timestamp>) {
        if let Some(lane) = self.lanes.get_mut(source) {
            lane.progress = lane.progress.max(newest.unwrap_or(Timestamp::MIN));
            lane.find_head();
        }
    }

    /// Event time that every source is past: the end of time when all are at their ends.
    pub fn horizon(&self) -> Timestamp {
        let reached = self.lanes.values().filter_map(|lane| match (lane.waiting.is_empty(), lane.at_end) {
            (true, true) => None,
            (true, false) => Some(lane.progress),
            (false, _) => Some(lane.head),
        });
        reached.min().map_or(Timestamp::MAX, |oldest| oldest.plus_seconds(-LATENESS_SECONDS))
    }

    /// Whether something waits only because some source has neither sent more nor said that it is at its end.
    pub fn is_blocked(&self) -> bool {
        self.lanes.values().any(|lane| !lane.waiting.is_empty())
            && self.lanes.values().any(|lane| lane.waiting.is_empty() && !lane.at_end)
    }

    /// Waits no more for the sources that are silent, until they send again. Their names.
    pub fn stop_waiting(&mut self) -> Vec<SourceId> {
        let silent = self.lanes.iter_mut().filter(|(_, lane)| lane.waiting.is_empty() && !lane.at_end);
        silent
            .map(|(source, lane)| {
                lane.at_end = true;
                source.clone()
            })
            .collect()
    }

    /// Whether a source has more that we have not analyzed.
    pub fn is_behind(&self, source: &SourceId) -> bool {
        self.lanes.get(source).is_some_and(|lane| !lane.at_end || !lane.waiting.is_empty())
    }

    /// Whether every source has said that it has nothing more, and nothing waits.
    pub fn is_at_end(&self) -> bool {
        self.lanes.values().all(|lane| lane.at_end && lane.waiting.is_empty())
    }
}

impl<T> Lane<T> {
    fn find_head(&mut self) {
        self.head = match self.waiting.front() {
            // A record that panics is met again when it is analyzed; here it only has no time.
            Some((Input::Batch(batch), _)) => {
                catch_unwind(|| first_time(batch)).unwrap_or_default().unwrap_or(self.progress)
            }
            _ => self.progress,
        };
    }
}

/// The time of a batch's first record.
fn first_time(batch: &Batch) -> Option<Timestamp> {
    let end = decode::record_length(&batch.bytes, batch.framing);
    let mut first = None;
    let mut partial = Partial::default();
    decode::open(&batch.bytes[..end], batch.framing, &batch.envelope, &mut partial, &mut |record| {
        if let Record::Event(event) = record {
            first = first.or_else(|| event.time());
        }
    });
    first
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::{ClusterId, Framing, Place, Position};

    fn batch(source: &str, second: u32, at_end: bool) -> Input {
        let source = SourceId::new(source);
        let line = format!(
            "{{\"auditID\":\"x\",\"stage\":\"Panic\",\"verb\":\"get\",\"stageTimestamp\":\"2026-01-01T00:00:{second:02}.000000Z\"}}\n"
        );
        Input::Batch(Batch {
            envelope: crate::batch::Envelope::default(),
            start: Place { name: source.shared(), offset: 0 },
            source,
            cluster: ClusterId::new("c"),
            bytes: line.into(),
            framing: Framing::Lines,
            upto: Position::new(""),
            at_end,
        })
    }

    fn take(merge: &mut Merge<u32>) -> Option<u32> {
        merge.take().map(|(_, rider)| rider)
    }

    #[test]
    fn the_oldest_goes_first_and_a_source_that_may_have_more_is_waited_for() {
        let mut merge = Merge::default();
        merge.announce(SourceId::new("a"), None);
        merge.announce(SourceId::new("b"), None);
        merge.offer(batch("a", 20, false), 20);
        assert_eq!(take(&mut merge), None, "b may have something older");
        assert!(merge.is_blocked());
        merge.offer(batch("b", 10, true), 10);
        assert_eq!(take(&mut merge), Some(10));
        assert_eq!(take(&mut merge), Some(20), "b is at its end");
        assert_eq!(take(&mut merge), None);
        assert_eq!(merge.horizon(), Timestamp::MIN.plus_seconds(-LATENESS_SECONDS), "a has not told how far it is");
    }

    #[test]
    fn a_silent_source_does_not_hold_up_the_others_for_ever() {
        let mut merge = Merge::default();
        merge.announce(SourceId::new("silent"), None);
        merge.offer(batch("a", 20, true), 20);
        assert_eq!(take(&mut merge), None);
        assert_eq!(merge.stop_waiting(), [SourceId::new("silent")]);
        assert_eq!(take(&mut merge), Some(20));
        assert_eq!(merge.horizon(), Timestamp::MAX);
        assert!(!merge.is_blocked() && merge.is_at_end());
    }
}
