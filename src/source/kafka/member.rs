//! One member of the group, reading one topic: polls, hands over, commits what is saved, gives up what is revoked.

use std::collections::{BTreeMap, BTreeSet};
use std::future::ready;
use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use rdkafka::consumer::{CommitMode, Consumer, StreamConsumer};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::BorrowedMessage;
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList};
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

use super::callbacks::{Callbacks, Happening};
use super::partition::{BATCH_BYTES, Outgoing, Partition, source};
use super::resume::{self, Start, Wanted};
use crate::batch::{ClusterId, Input};
use crate::metrics::{BySource, BySourceReason, Metrics};
use crate::source::{Closed, Outlet};

/// Longest wait for a snapshot before partitions are given up or left. The group stands still meanwhile, well within
/// `max.poll.interval.ms`. Beyond it the offsets stay where they are, and whoever reads on repeats some records.
const SNAPSHOT_WAIT: Duration = Duration::from_secs(5);

/// Longest wait for an offset commit to be confirmed then. Beyond it, as above.
const COMMIT_WAIT: Duration = Duration::from_secs(3);

/// How often a failed commit is sent again.
const COMMIT_AGAIN: Duration = Duration::from_secs(5);

/// Longest wait for librdkafka to leave the group. Beyond it, it goes on leaving by itself.
const LEAVE_WAIT: Duration = Duration::from_secs(5);

/// Why reading ends without anything being wrong: we are stopped, or the analyzer is gone.
struct Ended;

impl From<Closed> for Ended {
    fn from(_: Closed) -> Self {
        Self
    }
}

/// A member of the group.
pub(super) struct Member {
    topic: String,
    cluster: ClusterId,
    metrics: Metrics,
    out: Outlet,
    consumer: Arc<StreamConsumer<Callbacks>>,
    happenings: mpsc::UnboundedReceiver<Happening>,
    partitions: BTreeMap<i32, Partition>,
    /// Taken from us without asking, as when no broker was reached for long. Not attached until the group says whose they are.
    lost: BTreeSet<i32>,
    reached: bool,
    stop: CancellationToken,
}

impl Member {
    /// Joins in the background: brokers that are down do not fail it.
    pub(super) fn new(
        client: &ClientConfig,
        topic: &str,
        cluster: &ClusterId,
        metrics: &Metrics,
        out: Outlet,
    ) -> KafkaResult<Self> {
        let (happened, happenings) = mpsc::unbounded_channel();
        let consumer: StreamConsumer<_> = client.create_with_context(Callbacks::new(topic, happened))?;
        consumer.subscribe(&[topic])?;
        Ok(Self {
            topic: topic.to_owned(),
            cluster: cluster.clone(),
            metrics: metrics.clone(),
            out,
            consumer: Arc::new(consumer),
            happenings,
            partitions: BTreeMap::new(),
            lost: BTreeSet::new(),
            reached: true,
            stop: CancellationToken::new(),
        })
    }

    /// Reads until it is stopped. Brokers that are down are waited for without end.
    pub(super) async fn run(mut self, stop: CancellationToken) -> anyhow::Result<()> {
        self.stop = stop;
        let ended = self.read().await;
        self.leave().await;
        ended
    }

    async fn read(&mut self) -> anyhow::Result<()> {
        let mut again = interval(COMMIT_AGAIN);
        again.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (stop, consumer, mut saves) = (self.stop.clone(), Arc::clone(&self.consumer), self.out.clone());
        loop {
            let unsaved = self.partitions.values().filter_map(Partition::oldest_unsaved).min();
            let went_on = tokio::select! {
                () = stop.cancelled() => return Ok(()),
                Some(happening) = self.happenings.recv() => self.on(happening).await,
                // While the analyzer takes nothing we do not get here, and so do not poll. After
                // `max.poll.interval.ms` (5 min) of that the group gives our partitions to a member that has room.
                received = consumer.recv() => {
                    self.gather(received).await?;
                    self.hand_over().await
                }
                saved = saves.until_saved(unsaved.unwrap_or(0)), if unsaved.is_some() => {
                    self.commit();
                    saved.map_err(Ended::from)
                }
                _ = again.tick() => {
                    self.commit();
                    Ok(())
                }
            };
            if let Err(Ended) = went_on {
                return Ok(());
            }
        }
    }

    /// Takes what was received and what is there already, up to a batch.
    async fn gather(&mut self, first: KafkaResult<BorrowedMessage<'_>>) -> anyhow::Result<()> {
        self.take(first)?;
        let consumer = Arc::clone(&self.consumer);
        while self.partitions.values().map(Partition::gathered).sum::<usize>() < BATCH_BYTES {
            tokio::select! {
                biased;
                received = consumer.recv() => self.take(received)?,
                () = ready(()) => break,
            }
        }
        Ok(())
    }

    fn take(&mut self, received: KafkaResult<BorrowedMessage<'_>>) -> anyhow::Result<()> {
        match received {
            Ok(message) => {
                let payload = message.payload().unwrap_or_default();
                // A partition that we have given up may still have records on the way; their new reader has them too.
                if let Some(partition) = self.partitions.get_mut(&message.partition()) {
                    partition.push(message.offset(), payload);
                    let by = BySource { source: partition.source().to_string() };
                    self.metrics.read_bytes.get_or_create(&by).inc_by(payload.len() as u64);
                }
            }
            Err(KafkaError::PartitionEOF(number)) => {
                if let Some(partition) = self.partitions.get_mut(&number) {
                    partition.end();
                }
            }
            Err(KafkaError::MessageConsumptionFatal(code)) => bail!("librdkafka cannot go on: {code}"),
            Err(error) => self.in_trouble(&error),
        }
        Ok(())
    }

    /// librdkafka tries again by itself; we count, and let nobody wait for what cannot be read.
    fn in_trouble(&mut self, error: &KafkaError) {
        let reason = match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::AllBrokersDown) => {
                self.stand(false);
                self.partitions.values_mut().for_each(Partition::end);
                "unreachable"
            }
            Some(
                RDKafkaErrorCode::BrokerTransportFailure
                | RDKafkaErrorCode::Resolve
                | RDKafkaErrorCode::OperationTimedOut,
            ) => "unreachable",
            Some(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic) => "no-topic",
            Some(
                RDKafkaErrorCode::TopicAuthorizationFailed
                | RDKafkaErrorCode::GroupAuthorizationFailed
                | RDKafkaErrorCode::Authentication
                | RDKafkaErrorCode::SaslAuthenticationFailed,
            ) => "denied",
            Some(RDKafkaErrorCode::PollExceeded) => "held-up",
            _ => "other",
        };
        self.count(reason, error);
    }

    fn count(&self, reason: &'static str, error: &dyn std::fmt::Display) {
        let by = BySourceReason { source: format!("kafka:{}", self.topic), reason };
        // Without end and often: the counter tells of it, `stand` says once when it begins and ends.
        tracing::debug!(topic = self.topic, reason, %error, "kafka");
        self.metrics.source_errors.get_or_create(&by).inc();
    }

    /// Notes whether any broker is reached.
    fn stand(&mut self, reached: bool) {
        if self.reached != reached {
            self.reached = reached;
            match reached {
                true => tracing::info!(topic = self.topic, "reached Kafka"),
                false => tracing::warn!(topic = self.topic, "no Kafka broker can be reached; trying on"),
            }
        }
        for partition in self.partitions.values() {
            let by = BySource { source: partition.source().to_string() };
            self.metrics.attached.get_or_create(&by).set(i64::from(reached));
        }
    }

    /// Hands over what was gathered, waiting for room.
    async fn hand_over(&mut self) -> Result<(), Ended> {
        let numbers: Vec<_> = self.partitions.keys().copied().collect();
        for number in numbers {
            let outgoing = self.partitions.get_mut(&number).map(Partition::drain).unwrap_or_default();
            for outgoing in outgoing {
                match outgoing {
                    Outgoing::Input(input, offset) => self.send(number, input, offset).await?,
                    Outgoing::Jump { from, to } => self.explain(number, from, to).await?,
                }
            }
        }
        Ok(())
    }

    async fn send(&mut self, number: i32, input: Input, offset: Option<i64>) -> Result<(), Ended> {
        let sent = self.stop.run_until_cancelled(self.out.send(input)).await.ok_or(Ended)??;
        if let Some(partition) = self.partitions.get_mut(&number) {
            partition.sent(sent, offset);
        }
        Ok(())
    }

    /// Raises missing offsets as a gap if the broker says that it held them once.
    async fn explain(&mut self, number: i32, from: i64, to: i64) -> Result<(), Ended> {
        let start = self.starts(vec![(number, Wanted::Offset(from))]).await.pop();
        let notice = start.and_then(|start| start.missed).zip(self.partitions.get(&number));
        match notice.map(|(missed, partition)| partition.missed(&missed, to)) {
            Some(notice) => self.send(number, notice, Some(to)).await,
            None => Ok(()),
        }
    }

    async fn starts(&self, wanted: Vec<(i32, Wanted)>) -> Vec<Start> {
        let (consumer, topic) = (Arc::clone(&self.consumer), self.topic.clone());
        let asked = tokio::task::spawn_blocking(move || resume::starts(&consumer, &topic, &wanted)).await;
        asked.unwrap_or_else(|error| {
            self.count("other", &error);
            Vec::new()
        })
    }

    async fn on(&mut self, happening: Happening) -> Result<(), Ended> {
        match happening {
            Happening::Assigned(numbers) => self.take_on(&numbers).await?,
            Happening::Revoked { lost } => self.give_up(lost).await?,
            Happening::Committed(offsets) => {
                for (number, offset) in offsets {
                    if let Some(partition) = self.partitions.get_mut(&number) {
                        partition.committed(offset);
                    }
                }
            }
            Happening::CommitFailed(error) => {
                self.count("commit", &error);
                self.partitions.values_mut().for_each(Partition::ask_again);
            }
            Happening::Standing { reached, ends } => {
                self.stand(reached);
                self.measure(&ends);
            }
        }
        Ok(())
    }

    fn measure(&self, ends: &[(i32, i64)]) {
        for &(number, end) in ends {
            let partition = self.partitions.get(&number);
            if let Some((partition, lag)) = partition.and_then(|partition| Some((partition, partition.lag(end)?))) {
                let by = BySource { source: partition.source().to_string() };
                self.metrics.lag_records.get_or_create(&by).set(lag);
            }
        }
    }

    /// Begins with partitions where their snapshot ends.
    async fn take_on(&mut self, numbers: &[i32]) -> Result<(), Ended> {
        for number in std::mem::take(&mut self.lost) {
            self.forget(number);
        }
        let mut wanted = Vec::with_capacity(numbers.len());
        for &number in numbers {
            let source = source(&self.topic, number);
            let position =
                self.stop.run_until_cancelled(self.out.begin(&source, &self.cluster)).await.ok_or(Ended)??;
            wanted.push((number, Wanted::read(position.as_ref())));
        }
        let starts = self.starts(wanted).await;
        let assigned = resume::assignment(&self.topic, &starts).and_then(|list| self.consumer.assign(&list));
        if let Err(error) = assigned {
            // The group has moved on meanwhile; its next rebalance is on the way.
            self.count("assign", &error);
            return Ok(());
        }
        for Start { partition: number, offset, missed } in starts {
            let partition = Partition::new(&self.topic, number, &self.cluster, offset);
            let notice = missed.map(|missed| partition.missed(&missed, missed.low));
            self.partitions.insert(number, partition);
            if let Some(notice) = notice {
                self.send(number, notice, offset).await?;
            }
        }
        self.stand(true);
        Ok(())
    }

    /// Gives all partitions back, with the group's offsets as far along as the snapshot.
    async fn give_up(&mut self, lost: bool) -> Result<(), Ended> {
        // What was taken away already is being read by others; our offsets would throw them back.
        if !lost {
            self.settle().await;
        }
        if let Err(error) = self.consumer.unassign() {
            self.count("assign", &error);
        }
        for (number, partition) in std::mem::take(&mut self.partitions) {
            if lost {
                let by = BySource { source: partition.source().to_string() };
                self.metrics.attached.get_or_create(&by).set(0);
                self.lost.insert(number);
            } else {
                self.forget(number);
            }
            self.stop.run_until_cancelled(self.out.send(partition.farewell())).await.ok_or(Ended)??;
        }
        Ok(())
    }

    /// A partition that others read is theirs to measure.
    fn forget(&self, number: i32) {
        let by = BySource { source: source(&self.topic, number).to_string() };
        self.metrics.attached.remove(&by);
        self.metrics.lag_records.remove(&by);
    }

    /// Waits for a snapshot of everything sent and commits it, as far as the time allows.
    async fn settle(&mut self) {
        if let Some(newest) = self.partitions.values().filter_map(Partition::newest_unsaved).max() {
            // Either fails only when the analyzer is gone; then what is saved already is all there will be.
            let _ = self.out.checkpoint();
            let _ = timeout(SNAPSHOT_WAIT, self.out.until_saved(newest)).await;
        }
        self.note_saved();
        let list = self.listed(|partition| partition.unconfirmed());
        if list.count() == 0 {
            return;
        }
        let consumer = Arc::clone(&self.consumer);
        let commit = tokio::task::spawn_blocking(move || consumer.commit(&list, CommitMode::Sync));
        match timeout(COMMIT_WAIT, commit).await {
            Ok(Ok(Ok(()))) => {}
            Ok(Ok(Err(error))) => self.count("commit", &error),
            Ok(Err(error)) => self.count("commit", &error),
            Err(error) => self.count("commit", &error),
        }
    }

    /// Sends what is saved to be committed. Whether it was comes back as a happening.
    fn commit(&mut self) {
        self.note_saved();
        let list = self.listed(Partition::ask);
        if list.count() > 0
            && let Err(error) = self.consumer.commit(&list, CommitMode::Async)
        {
            self.count("commit", &error);
            self.partitions.values_mut().for_each(Partition::ask_again);
        }
    }

    fn note_saved(&mut self) {
        let saved = self.out.saved().latest;
        self.partitions.values_mut().for_each(|partition| partition.saved(saved));
    }

    /// Lists the partitions that have an offset to commit.
    fn listed(&mut self, mut offset: impl FnMut(&mut Partition) -> Option<i64>) -> TopicPartitionList {
        let mut list = TopicPartitionList::new();
        for (&number, partition) in &mut self.partitions {
            if let Some(offset) = offset(partition) {
                // Fails for offsets below zero only, and no record has one.
                let _ = list.add_partition_offset(&self.topic, number, Offset::Offset(offset));
            }
        }
        list
    }

    /// Leaves the group in order.
    async fn leave(mut self) {
        self.settle().await;
        self.consumer.context().close();
        let Self { consumer, topic, .. } = self;
        let leaving = tokio::task::spawn_blocking(move || {
            // A rebalance that still waits for our word would hold up the goodbye.
            let _ = consumer.unassign();
            // The last clone goes here, and that blocks until the group knows.
            drop(consumer);
        });
        if timeout(LEAVE_WAIT, leaving).await.is_err() {
            tracing::warn!(topic, "the Kafka group has not confirmed that we left");
        }
    }
}
