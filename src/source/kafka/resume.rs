//! Where reading a partition begins, and whether something was lost before it.

use std::time::Duration;

use rdkafka::consumer::{Consumer, StreamConsumer};
use rdkafka::error::KafkaResult;
use rdkafka::{Offset, TopicPartitionList};

use super::callbacks::{Callbacks, offsets};
use crate::batch::{NoticeKind, Position};

/// Longest wait for a broker's word on what it holds. Without its word we begin where we think; librdkafka then
/// finds its way by itself, only a loss would go unsaid.
const ANSWER_WAIT: Duration = Duration::from_secs(5);

/// A position in a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// The next record's offset.
    Offset(i64),
    /// Wherever the group stands: we never read it, or gave it up and others may have read on.
    Group,
}

impl Wanted {
    /// Reads a snapshot's position.
    pub(super) fn read(position: Option<&Position>) -> Self {
        position.and_then(|position| position.as_str().parse().ok()).map_or(Self::Group, Self::Offset)
    }

    /// As a snapshot keeps it.
    pub(super) fn position(self) -> Position {
        match self {
            Self::Offset(offset) => Position::new(offset.to_string()),
            Self::Group => Position::new("group"),
        }
    }
}

/// Where a partition's reading begins.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Start {
    pub(super) partition: i32,
    /// Offset of the first record; nothing when only librdkafka will find it.
    pub(super) offset: Option<i64>,
    /// The offset we came for was not there.
    pub(super) missed: Option<Missed>,
}

/// An offset that is not there, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Missed {
    pub(super) offset: i64,
    pub(super) low: i64,
    pub(super) high: i64,
}

impl Missed {
    /// What the analyzer is told.
    pub(super) fn kind(&self) -> NoticeKind {
        let Self { offset, low, high } = self;
        if offset < low {
            let count = low - offset;
            let detail = format!("{count} records from offset {offset} on were removed before they were read");
            NoticeKind::Gap { detail }
        } else {
            let detail = format!("the position {offset} is past its end at {high}; it was made anew or cut back");
            NoticeKind::Truncated { detail }
        }
    }
}

/// Asks the brokers where to begin. Blocks for some [`ANSWER_WAIT`] at most.
pub(super) fn starts(consumer: &StreamConsumer<Callbacks>, topic: &str, wanted: &[(i32, Wanted)]) -> Vec<Start> {
    let committed = committed(consumer, topic, wanted).unwrap_or_else(|error| {
        tracing::warn!(topic, %error, "the group's offsets are unknown");
        Vec::new()
    });
    let group = |partition| committed.iter().find(|(number, _)| *number == partition).and_then(|(_, offset)| *offset);
    // The first broker that does not answer is the last one we wait for.
    let mut answering = true;
    let start = |&(partition, wanted): &(i32, Wanted)| {
        let offset = match wanted {
            Wanted::Offset(offset) => Some(offset),
            Wanted::Group => group(partition),
        };
        let range = if answering { consumer.fetch_watermarks(topic, partition, ANSWER_WAIT).ok() } else { None };
        answering = range.is_some();
        start(partition, offset, range)
    };
    wanted.iter().map(start).collect()
}

/// Where the group stands in the partitions that no snapshot knows.
fn committed(
    consumer: &StreamConsumer<Callbacks>,
    topic: &str,
    wanted: &[(i32, Wanted)],
) -> KafkaResult<Vec<(i32, Option<i64>)>> {
    let mut list = TopicPartitionList::new();
    for (partition, _) in wanted.iter().filter(|(_, wanted)| *wanted == Wanted::Group) {
        list.add_partition(topic, *partition);
    }
    if list.count() == 0 {
        return Ok(Vec::new());
    }
    consumer.committed_offsets(list, ANSWER_WAIT).map(|list| offsets(&list))
}

/// Holds an offset against what the broker holds.
fn start(partition: i32, offset: Option<i64>, range: Option<(i64, i64)>) -> Start {
    match (offset, range) {
        (Some(offset), Some((low, high))) if offset < low || offset > high => {
            Start { partition, offset: Some(low), missed: Some(Missed { offset, low, high }) }
        }
        // Whether nobody committed or nobody could say is not known here: librdkafka asks again and begins
        // at the group's offset, or else at the earliest record.
        (None, _) => Start { partition, offset: None, missed: None },
        (offset, _) => Start { partition, offset, missed: None },
    }
}

/// The starts as librdkafka wants them.
pub(super) fn assignment(topic: &str, starts: &[Start]) -> KafkaResult<TopicPartitionList> {
    let mut list = TopicPartitionList::new();
    for Start { partition, offset, .. } in starts {
        list.add_partition_offset(topic, *partition, offset.map_or(Offset::Stored, Offset::Offset))?;
    }
    Ok(list)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_begins_where_the_broker_still_holds_records() {
        #[track_caller]
        fn check(offset: Option<i64>, range: Option<(i64, i64)>, expected: Option<i64>, word: Option<&str>) {
            let start = start(0, offset, range);
            assert_eq!(start.offset, expected);
            assert_eq!(start.missed.map(|missed| missed.kind().word()), word);
        }
        check(Some(7), Some((0, 9)), Some(7), None);
        check(Some(9), Some((0, 9)), Some(9), None);
        check(Some(7), Some((7, 7)), Some(7), None);
        check(Some(6), Some((7, 9)), Some(7), Some("gap"));
        check(Some(10), Some((7, 9)), Some(7), Some("truncated"));
        check(Some(7), None, Some(7), None);
        check(None, Some((7, 9)), None, None);
        check(None, None, None, None);
    }

    #[test]
    fn a_position_survives_its_way_through_a_snapshot() {
        for wanted in [Wanted::Offset(0), Wanted::Offset(i64::MAX), Wanted::Group] {
            assert_eq!(Wanted::read(Some(&wanted.position())), wanted);
        }
        assert_eq!(Wanted::read(None), Wanted::Group);
    }
}
