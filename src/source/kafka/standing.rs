//! How a topic stands, for the metrics and the log.

use std::collections::BTreeSet;
use std::fmt::Display;

use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use super::partition::{Partition, source};
use crate::metrics::{BySource, BySourceReason, Metrics};

/// Tells of one topic.
pub(super) struct Standing {
    topic: String,
    metrics: Metrics,
    /// Some broker is reached.
    reached: bool,
    /// Partitions taken from us without asking, as when no broker was reached for long. Not attached, until the group
    /// says whose they are.
    lost: BTreeSet<i32>,
}

impl Standing {
    pub(super) fn new(topic: &str, metrics: &Metrics) -> Self {
        Self { topic: topic.to_owned(), metrics: metrics.clone(), reached: true, lost: BTreeSet::new() }
    }

    fn by(&self, number: i32) -> BySource {
        BySource { source: source(&self.topic, number).to_string() }
    }

    /// Bytes of a partition were read; those of a notice are none.
    pub(super) fn read(&self, number: i32, bytes: usize) {
        self.metrics.read_bytes.get_or_create(&self.by(number)).inc_by(bytes as u64);
    }

    /// Something failed that is tried again.
    pub(super) fn failed(&self, error: &KafkaError) {
        self.count(reason(error), error);
    }

    /// Something failed for this reason.
    pub(super) fn count(&self, reason: &'static str, error: &dyn Display) {
        // It may happen without end: the counter tells how often, and the log once when it begins and when it is over.
        tracing::debug!(topic = self.topic, reason, %error, "Kafka");
        let by = BySourceReason { source: format!("kafka:{}", self.topic), reason };
        self.metrics.source_errors.get_or_create(&by).inc();
    }

    /// Whether any broker is reached, and so our partitions can be read.
    pub(super) fn reached<'a>(&mut self, reached: bool, partitions: impl Iterator<Item = &'a i32>) {
        match (self.reached, reached) {
            (true, false) => tracing::warn!(topic = self.topic, "no Kafka broker can be reached; trying on"),
            (false, true) => tracing::info!(topic = self.topic, "reached Kafka"),
            _ => {}
        }
        self.reached = reached;
        for &number in partitions {
            self.metrics.attached.get_or_create(&self.by(number)).set(i64::from(reached));
        }
    }

    /// How far a partition's end is.
    pub(super) fn measured(&self, number: i32, partition: &Partition, end: i64) {
        if let Some(lag) = partition.lag(end) {
            self.metrics.lag_records.get_or_create(&self.by(number)).set(lag);
        }
    }

    /// The group has dealt out its partitions anew.
    pub(super) fn dealt(&mut self) {
        for number in std::mem::take(&mut self.lost) {
            self.gave_up(number);
        }
    }

    /// A partition is no longer ours; whoever reads it measures it.
    pub(super) fn gave_up(&self, number: i32) {
        self.metrics.attached.remove(&self.by(number));
        self.metrics.lag_records.remove(&self.by(number));
    }

    /// A partition was taken from us.
    pub(super) fn lost(&mut self, number: i32) {
        self.metrics.attached.get_or_create(&self.by(number)).set(0);
        self.lost.insert(number);
    }
}

/// An error in a word.
fn reason(error: &KafkaError) -> &'static str {
    use RDKafkaErrorCode as Code;
    match error.rdkafka_error_code() {
        Some(Code::AllBrokersDown | Code::BrokerTransportFailure | Code::Resolve | Code::OperationTimedOut) => {
            "unreachable"
        }
        Some(Code::UnknownTopicOrPartition | Code::UnknownTopic) => "no-topic",
        Some(
            Code::TopicAuthorizationFailed
            | Code::GroupAuthorizationFailed
            | Code::Authentication
            | Code::SaslAuthenticationFailed,
        ) => "denied",
        Some(Code::PollExceeded) => "held-up",
        _ => "other",
    }
}
