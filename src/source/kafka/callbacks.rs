//! What librdkafka tells us from inside its polling.
//!
//! These callbacks run within `recv`, where nothing may wait. So they only write down what happened, and the member
//! acts on it afterwards. librdkafka allows that: a rebalance stands still until the member assigns or unassigns.

use std::sync::atomic::{AtomicBool, Ordering};

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::KafkaResult;
use rdkafka::statistics::Statistics;
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{Offset, TopicPartitionList};
use tokio::sync::mpsc;

/// What happened.
#[derive(Debug)]
pub(super) enum Happening {
    /// These partitions are ours.
    Assigned(Vec<i32>),
    /// They are to be given up.
    Revoked {
        /// They were taken away already; others may be reading them.
        lost: bool,
    },
    /// A commit came through: partitions and offsets.
    Committed(Vec<(i32, i64)>),
    /// A commit did not.
    CommitFailed(String),
    /// How things stand, every second.
    Standing {
        /// At least one broker is reached.
        reached: bool,
        /// Partitions, and the offset behind their last record.
        ends: Vec<(i32, i64)>,
    },
}

/// Writes down what happened.
pub(super) struct Callbacks {
    topic: String,
    // Unbounded, and yet small: an entry a second, a commit or a rebalance, and the member reads them all.
    happenings: mpsc::UnboundedSender<Happening>,
    closing: AtomicBool,
}

impl Callbacks {
    pub(super) fn new(topic: &str, happenings: mpsc::UnboundedSender<Happening>) -> Self {
        Self { topic: topic.to_owned(), happenings, closing: AtomicBool::new(false) }
    }

    /// From here on nobody acts on what happened; a last rebalance is simply agreed to.
    pub(super) fn close(&self) {
        self.closing.store(true, Ordering::Release);
    }

    fn tell(&self, happening: Happening) {
        // Fails only once the member is gone, and then nobody needs to know.
        let _ = self.happenings.send(happening);
    }
}

impl ClientContext for Callbacks {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        // What matters comes back as an error of `recv` too, and is told there.
        tracing::debug!(target: "librdkafka", ?level, facility, message);
    }

    fn stats(&self, statistics: Statistics) {
        let reached = statistics.brokers.values().any(|broker| broker.state == "UP");
        let partitions = statistics.topics.get(&self.topic).map(|topic| &topic.partitions);
        let ends = partitions.into_iter().flatten().map(|(&number, partition)| (number, partition.hi_offset));
        self.tell(Happening::Standing { reached, ends: ends.filter(|&(_, end)| end >= 0).collect() });
    }
}

impl ConsumerContext for Callbacks {
    fn rebalance(&self, consumer: &BaseConsumer<Self>, error: RDKafkaRespErr, list: &mut TopicPartitionList) {
        if self.closing.load(Ordering::Acquire) {
            // Closing waits for this; an error here leaves nothing to be done.
            let _ = consumer.unassign();
        } else if error == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
            self.tell(Happening::Assigned(offsets(list).into_iter().map(|(number, _)| number).collect()));
        } else {
            self.tell(Happening::Revoked { lost: consumer.assignment_lost() });
        }
    }

    fn commit_callback(&self, result: KafkaResult<()>, list: &TopicPartitionList) {
        self.tell(match result {
            Ok(()) => Happening::Committed(
                offsets(list).into_iter().filter_map(|(number, offset)| Some((number, offset?))).collect(),
            ),
            Err(error) => Happening::CommitFailed(error.to_string()),
        });
    }
}

/// The partitions of a list, with their offsets where they have one and no error.
pub(super) fn offsets(list: &TopicPartitionList) -> Vec<(i32, Option<i64>)> {
    // An empty list may be a null pointer inside, which `elements` does not expect.
    if list.count() == 0 {
        return Vec::new();
    }
    let elements = list.elements();
    let known = elements.iter().map(|element| match (element.error(), element.offset()) {
        (Ok(()), Offset::Offset(offset)) => (element.partition(), Some(offset)),
        _ => (element.partition(), None),
    });
    known.collect()
}
