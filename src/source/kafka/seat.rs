//! Our seat in the group: the consumer, asked so that nobody waits for it without end.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use rdkafka::consumer::{CommitMode, Consumer, StreamConsumer};
use rdkafka::error::KafkaResult;
use rdkafka::message::BorrowedMessage;
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::callbacks::{Callbacks, Happening};
use super::resume::{self, Start, Wanted};

/// Longest wait for a commit to be confirmed. Beyond it the offsets may stay where they were, and whoever reads on
/// repeats some records.
const COMMIT_WAIT: Duration = Duration::from_secs(3);

/// Longest wait for the group to know that we left. Beyond it librdkafka goes on leaving by itself.
const LEAVE_WAIT: Duration = Duration::from_secs(5);

/// A member's hold on librdkafka.
pub(super) struct Seat {
    topic: String,
    consumer: Arc<StreamConsumer<Callbacks>>,
}

impl Seat {
    /// Joins in the background: brokers that are down do not fail it.
    pub(super) fn take(client: &ClientConfig, topic: &str) -> KafkaResult<(Self, mpsc::UnboundedReceiver<Happening>)> {
        let (happened, happenings) = mpsc::unbounded_channel();
        let consumer: StreamConsumer<_> = client.create_with_context(Callbacks::new(topic, happened))?;
        consumer.subscribe(&[topic])?;
        Ok((Self { topic: topic.to_owned(), consumer: Arc::new(consumer) }, happenings))
    }

    /// The next record, end or error. What happened besides is told meanwhile.
    pub(super) async fn recv(&self) -> KafkaResult<BorrowedMessage<'_>> {
        self.consumer.recv().await
    }

    /// The same, if it is there already.
    pub(super) async fn recv_ready(&self) -> Option<KafkaResult<BorrowedMessage<'_>>> {
        tokio::select! {
            biased;
            received = self.consumer.recv() => Some(received),
            () = std::future::ready(()) => None,
        }
    }

    /// Where these partitions are to be read from.
    pub(super) async fn starts(&self, wanted: Vec<(i32, Wanted)>) -> anyhow::Result<Vec<Start>> {
        let (consumer, topic) = (Arc::clone(&self.consumer), self.topic.clone());
        let asked = spawn_blocking(move || resume::starts(&consumer, &topic, &wanted)).await;
        asked.context("ask Kafka where to begin")
    }

    /// Reads these partitions from now on.
    pub(super) fn assign(&self, starts: &[Start]) -> KafkaResult<()> {
        self.consumer.assign(&resume::assignment(&self.topic, starts)?)
    }

    /// Reads none, and lets the group know.
    pub(super) fn unassign(&self) -> KafkaResult<()> {
        self.consumer.unassign()
    }

    /// Sends offsets to be committed. What came of it is told as a happening.
    pub(super) fn commit(&self, offsets: &[(i32, i64)]) -> KafkaResult<()> {
        self.consumer.commit(&self.list(offsets)?, CommitMode::Async)
    }

    /// Commits offsets and waits until that is confirmed.
    pub(super) async fn commit_confirmed(&self, offsets: &[(i32, i64)]) -> anyhow::Result<()> {
        let (consumer, list) = (Arc::clone(&self.consumer), self.list(offsets)?);
        let commit = spawn_blocking(move || consumer.commit(&list, CommitMode::Sync));
        Ok(timeout(COMMIT_WAIT, commit).await.context("commit offsets")???)
    }

    fn list(&self, offsets: &[(i32, i64)]) -> KafkaResult<TopicPartitionList> {
        let mut list = TopicPartitionList::with_capacity(offsets.len());
        for &(number, offset) in offsets {
            list.add_partition_offset(&self.topic, number, Offset::Offset(offset))?;
        }
        Ok(list)
    }

    /// Leaves the group.
    pub(super) async fn leave(self) {
        let topic = self.topic.clone();
        // Dropping a consumer blocks until the group knows.
        if timeout(LEAVE_WAIT, spawn_blocking(move || drop(self))).await.is_err() {
            tracing::warn!(topic, "the Kafka group has not confirmed that we left");
        }
    }
}

impl Drop for Seat {
    /// A rebalance that still waits for our word would block the goodbye for ever, also when a task is thrown away.
    fn drop(&mut self) {
        self.consumer.context().close();
        if let Err(error) = self.consumer.unassign() {
            tracing::debug!(topic = self.topic, %error, "leaving Kafka");
        }
    }
}
