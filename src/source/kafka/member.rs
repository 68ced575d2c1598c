//! One member of the group, reading one topic: polls, hands over, commits what is saved, gives up what is revoked.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::bail;
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::BorrowedMessage;
use rdkafka::{ClientConfig, Message};
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

use super::callbacks::Happening;
use super::partition::{BATCH_BYTES, Outgoing, Partition, source};
use super::resume::{Start, Wanted};
use super::seat::Seat;
use super::standing::Standing;
use crate::batch::{ClusterId, Input};
use crate::metrics::Metrics;
use crate::source::{Closed, Outlet};

/// Longest wait for a snapshot before partitions are given up or left. The group stands still meanwhile, well within
/// `max.poll.interval.ms`. Beyond it the offsets stay where they are, and whoever reads on repeats some records.
const SNAPSHOT_WAIT: Duration = Duration::from_secs(5);

/// How often a failed commit is sent again.
const COMMIT_AGAIN: Duration = Duration::from_secs(5);

/// Reading ends and nothing is wrong: we are stopped, or the analyzer is gone.
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
    out: Outlet,
    seat: Seat,
    happenings: mpsc::UnboundedReceiver<Happening>,
    partitions: BTreeMap<i32, Partition>,
    standing: Standing,
    stop: CancellationToken,
}

impl Member {
    /// A member that will read until `stop`. It joins in the background: brokers that are down do not fail it.
    pub(super) fn join(
        client: &ClientConfig,
        topic: &str,
        cluster: &ClusterId,
        metrics: &Metrics,
        (out, stop): (Outlet, CancellationToken),
    ) -> KafkaResult<Self> {
        let (seat, happenings) = Seat::take(client, topic)?;
        Ok(Self {
            topic: topic.to_owned(),
            cluster: cluster.clone(),
            out,
            seat,
            happenings,
            partitions: BTreeMap::new(),
            standing: Standing::new(topic, metrics),
            stop,
        })
    }

    /// Reads until it is stopped. Brokers that are down are waited for without end.
    pub(super) async fn run(mut self) -> anyhow::Result<()> {
        let ended = self.read().await;
        self.settle().await;
        self.seat.leave().await;
        ended
    }

    async fn read(&mut self) -> anyhow::Result<()> {
        let mut again = interval(COMMIT_AGAIN);
        again.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (stop, mut saves) = (self.stop.clone(), self.out.clone());
        loop {
            let unsaved = self.partitions.values().filter_map(Partition::oldest_unsaved).min();
            let went_on = tokio::select! {
                () = stop.cancelled() => return Ok(()),
                Some(happening) = self.happenings.recv() => self.on(happening).await,
                // While the analyzer takes nothing we do not get here, and so do not poll. After
                // `max.poll.interval.ms` (5 min) of that the group gives our partitions to a member that has room.
                received = self.seat.recv() => {
                    take(&mut self.partitions, &mut self.standing, received)?;
                    self.gather().await?;
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

    /// Takes what is there already, up to a batch.
    async fn gather(&mut self) -> anyhow::Result<()> {
        while self.partitions.values().map(Partition::gathered).sum::<usize>() < BATCH_BYTES {
            match self.seat.recv_ready().await {
                Some(received) => take(&mut self.partitions, &mut self.standing, received)?,
                None => break,
            }
        }
        Ok(())
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
        self.standing.read(number, input.weight());
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
        self.seat.starts(wanted).await.unwrap_or_else(|error| {
            self.standing.count("other", &error);
            Vec::new()
        })
    }

    async fn on(&mut self, happening: Happening) -> Result<(), Ended> {
        match happening {
            Happening::Assigned(numbers) => return self.take_on(&numbers).await,
            Happening::Revoked { lost } => return self.give_up(lost).await,
            Happening::Committed(offsets) => {
                for (number, offset) in offsets {
                    if let Some(partition) = self.partitions.get_mut(&number) {
                        partition.committed(offset);
                    }
                }
            }
            Happening::CommitFailed(error) => {
                self.standing.count("commit", &error);
                self.partitions.values_mut().for_each(Partition::ask_again);
            }
            Happening::Standing { reached, ends } => {
                self.standing.reached(reached, self.partitions.keys());
                for (number, end) in ends {
                    if let Some(partition) = self.partitions.get(&number) {
                        self.standing.measured(number, partition, end);
                    }
                }
            }
        }
        Ok(())
    }

    /// Begins with partitions where their snapshot ends.
    async fn take_on(&mut self, numbers: &[i32]) -> Result<(), Ended> {
        self.standing.dealt();
        let mut wanted = Vec::with_capacity(numbers.len());
        for &number in numbers {
            let source = source(&self.topic, number);
            let begun = self.stop.run_until_cancelled(self.out.begin(&source, &self.cluster)).await;
            wanted.push((number, Wanted::read(begun.ok_or(Ended)??.as_ref())));
        }
        let starts = self.starts(wanted).await;
        if let Err(error) = self.seat.assign(&starts) {
            // The group has moved on meanwhile; its next rebalance is on the way.
            self.standing.count("assign", &error);
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
        self.standing.reached(true, self.partitions.keys());
        Ok(())
    }

    /// Gives all partitions back, with the group's offsets as far along as the snapshot.
    async fn give_up(&mut self, lost: bool) -> Result<(), Ended> {
        // What was taken away already is being read by others; our offsets would throw them back.
        if !lost {
            self.settle().await;
        }
        if let Err(error) = self.seat.unassign() {
            self.standing.count("assign", &error);
        }
        for (number, partition) in std::mem::take(&mut self.partitions) {
            match lost {
                true => self.standing.lost(number),
                false => self.standing.gave_up(number),
            }
            self.stop.run_until_cancelled(self.out.send(partition.farewell())).await.ok_or(Ended)??;
        }
        Ok(())
    }

    /// Waits for a snapshot of everything sent and commits it, as far as the time allows.
    async fn settle(&mut self) {
        if let Some(newest) = self.partitions.values().filter_map(Partition::newest_unsaved).max() {
            // Either fails only when the analyzer is gone; then what is saved already is all there will be.
            let _ = self.out.checkpoint();
            let _ = timeout(SNAPSHOT_WAIT, self.out.until_saved(newest)).await;
        }
        let offsets = self.safe_offsets(|partition| partition.unconfirmed());
        if !offsets.is_empty()
            && let Err(error) = self.seat.commit_confirmed(&offsets).await
        {
            self.standing.count("commit", &error);
        }
    }

    /// Sends what is saved to be committed.
    fn commit(&mut self) {
        let offsets = self.safe_offsets(Partition::ask);
        if !offsets.is_empty()
            && let Err(error) = self.seat.commit(&offsets)
        {
            self.standing.count("commit", &error);
            self.partitions.values_mut().for_each(Partition::ask_again);
        }
    }

    /// Partitions with something to commit that a snapshot covers.
    fn safe_offsets(&mut self, offset: impl Fn(&mut Partition) -> Option<i64>) -> Vec<(i32, i64)> {
        let saved = self.out.saved().latest;
        let safe = self.partitions.iter_mut().filter_map(|(&number, partition)| {
            partition.saved(saved);
            Some((number, offset(partition)?))
        });
        safe.collect()
    }
}

/// Takes what was received. Fails only with what librdkafka itself calls beyond repair.
fn take(
    partitions: &mut BTreeMap<i32, Partition>,
    standing: &mut Standing,
    received: KafkaResult<BorrowedMessage<'_>>,
) -> anyhow::Result<()> {
    match received {
        Ok(message) => {
            // A partition that we gave up may still have records on the way; its new reader has them too.
            if let Some(partition) = partitions.get_mut(&message.partition()) {
                partition.push(message.offset(), message.payload().unwrap_or_default());
            }
        }
        Err(KafkaError::PartitionEOF(number)) => {
            if let Some(partition) = partitions.get_mut(&number) {
                partition.end();
            }
        }
        Err(KafkaError::MessageConsumptionFatal(code)) => bail!("librdkafka cannot go on: {code}"),
        // librdkafka tries again by itself. Meanwhile nobody is to wait for what cannot be read.
        Err(error) => {
            if error.rdkafka_error_code() == Some(RDKafkaErrorCode::AllBrokersDown) {
                standing.reached(false, partitions.keys());
                partitions.values_mut().for_each(Partition::end);
            }
            standing.failed(&error);
        }
    }
    Ok(())
}
