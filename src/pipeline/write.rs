//! The writer: alerts first, then the snapshot that follows them.
//!
//! One thread a cluster, so that what is handed over in order is on disk in order. While it waits for the disk, more
//! arrives, and all of that is written with the next fsync.

use std::sync::mpsc::Receiver;
use std::time::Duration;

use anyhow::Context;
use tokio::sync::{oneshot, watch};
use tokio_util::sync::CancellationToken;

use super::kept::Kept;
use super::own;
use crate::alert::Alert;
use crate::analyze::{Quarantined, Snapshot};
use crate::batch::{ClusterId, Position};
use crate::metrics::{ByResult, ByRule, Metrics};
use crate::outbox::{self, Outbox};
use crate::quarantine::{self, Quarantine};
use crate::server::{Condition, Readiness};
use crate::snapshot::{SaveError, SnapshotStore};
use crate::source::Saved;

/// Most alerts written with one fsync. The next one takes those beyond.
const GROUP_ALERTS_MAX: usize = 4096;

/// How long a full disk is left alone before the next try.
const FULL_RETRY: Duration = Duration::from_millis(500);

/// What goes from the thinker to the writer, in order.
pub(super) enum Message {
    /// Alerts, and records for the quarantine.
    Told { alerts: Vec<Alert>, quarantined: Vec<Quarantined> },
    /// Save this once everything before it is safe.
    Save(Save),
}

/// A snapshot to save.
pub(super) struct Save {
    pub(super) snapshot: Snapshot,
    /// The snapshot covers every input up to this number.
    pub(super) covers: u64,
    /// Nothing may be told before it is saved.
    pub(super) needed: bool,
    /// Sources that may begin once it is saved.
    pub(super) answers: Vec<(oneshot::Sender<Option<Position>>, Option<Position>)>,
}

/// Everything the writer writes to.
pub(super) struct Writer {
    pub(super) cluster: ClusterId,
    pub(super) outbox: Outbox,
    pub(super) kept: Kept,
    pub(super) quarantine: Quarantine,
    pub(super) store: std::sync::Arc<SnapshotStore>,
    pub(super) saved: watch::Sender<Saved>,
    pub(super) metrics: Metrics,
    pub(super) ready: Readiness,
    pub(super) stop: CancellationToken,
    /// End of the outbox that the newest snapshot recorded.
    pub(super) newest_end: u64,
}

/// The writer cannot go on: it was asked to stop while the disk was full. What is in hand will be found again.
struct GaveUp;

impl Writer {
    /// Writes until the thinker hangs up.
    ///
    /// # Errors
    /// What is on disk is no longer known: the process must stop.
    pub(super) fn run(mut self, messages: &Receiver<Message>) -> anyhow::Result<()> {
        while let Ok(first) = messages.recv() {
            let (mut alerts, mut quarantined, mut save) = (Vec::new(), Vec::new(), None);
            let mut next = Some(first);
            while let Some(message) = next {
                match message {
                    Message::Told { alerts: more, quarantined: records } => {
                        alerts.extend(more);
                        quarantined.extend(records);
                    }
                    Message::Save(message) => save = Some(message),
                }
                let full = save.is_some() || alerts.len() >= GROUP_ALERTS_MAX;
                next = if full { None } else { messages.try_recv().ok() };
            }
            let written = self.write(&mut alerts, &quarantined)?;
            match (written, save) {
                (Err(GaveUp), _) => return Ok(()),
                (Ok(()), Some(save)) => self.save(save)?,
                (Ok(()), None) => {}
            }
        }
        Ok(())
    }

    fn write(&mut self, alerts: &mut [Alert], quarantined: &[Quarantined]) -> anyhow::Result<Result<(), GaveUp>> {
        let entries: Vec<_> = quarantined.iter().map(entry).collect();
        if !entries.is_empty()
            && self
                .patiently(|writer| writer.quarantine.append(&entries).map(|_| ()))
                .context("write the quarantine")?
                .is_err()
        {
            return Ok(Err(GaveUp));
        }
        if alerts.is_empty() {
            return Ok(Ok(()));
        }
        let mut let_go = Vec::new();
        let written = self.patiently(|writer| writer.outbox.append(alerts).map(|written| let_go = written.let_go));
        if written.context("write the outbox")?.is_err() {
            return Ok(Err(GaveUp));
        }
        for alert in alerts.iter().filter(|alert| alert.revision == 1) {
            let label = ByRule { rule: alert.rule.id.clone(), severity: alert.severity.word() };
            self.metrics.alerts.get_or_create(&label).inc();
        }
        for lost in let_go {
            let text = format!(
                "the sink {} is so far behind that {} low and medium alerts of {} to {} were let go for it",
                lost.sink, lost.alerts, lost.first, lost.last
            );
            tracing::error!(
                sink = lost.sink,
                alerts = lost.alerts,
                "the outbox is full: low and medium alerts were let go"
            );
            let mut told = [own::alert(self.cluster.as_str(), "alerts-let-go", &lost.sink, text, own::now())];
            self.outbox.append(&mut told).map(|_| ()).or_else(tolerate_full)?;
        }
        Ok(Ok(()))
    }

    /// Tries again while the disk is full, with everything in hand. Gives up only when asked to stop.
    fn patiently(
        &mut self,
        mut write: impl FnMut(&mut Self) -> Result<(), outbox::AppendError>,
    ) -> anyhow::Result<Result<(), GaveUp>> {
        let mut waited = false;
        loop {
            match write(self) {
                Ok(()) => {
                    if waited {
                        self.ready.met(Condition::Outbox);
                        tracing::info!("there is room for alerts again");
                    }
                    return Ok(Ok(()));
                }
                Err(outbox::AppendError::Full) => {
                    if !waited {
                        tracing::error!("no room for alerts: the sources pause until there is");
                        self.ready.unmet(Condition::Outbox, "no room for alerts on the disk or in the outbox");
                        waited = true;
                    }
                    if self.stop.is_cancelled() {
                        return Ok(Err(GaveUp));
                    }
                    self.outbox.wait_for_room(FULL_RETRY);
                }
                Err(fatal) => return Err(fatal.into()),
            }
        }
    }

    /// Saves a snapshot; one that is needed is tried until it is there.
    fn save(&mut self, save: Save) -> anyhow::Result<()> {
        let end = self.outbox.end();
        let ends = [end.to_le_bytes(), self.newest_end.to_le_bytes()].concat();
        let pieces = save.snapshot.pieces.iter().map(Vec::as_slice);
        let payload: Vec<_> = std::iter::once(ends.as_slice()).chain(pieces).collect();
        loop {
            let saved = match save.needed {
                true => self.store.save_beginning(&payload),
                false => self.store.save(&payload),
            };
            match saved {
                Ok(_) => break,
                Err(SaveError::Full) => {
                    self.metrics.snapshots.get_or_create(&ByResult { result: "failed" }).inc();
                    if !save.needed || self.stop.is_cancelled() {
                        return Ok(());
                    }
                    self.outbox.wait_for_room(FULL_RETRY);
                }
                Err(fatal) => return Err(fatal).context("save a snapshot"),
            }
        }
        self.metrics.snapshots.get_or_create(&ByResult { result: "ok" }).inc();
        self.metrics.snapshot_time.set(own::now().micros() as f64 / 1e6);
        let older_end = std::mem::replace(&mut self.newest_end, end);
        let needed = self.kept.from(&self.cluster, older_end);
        self.outbox.retain(needed).or_else(tolerate_full).context("tidy the outbox")?;
        self.saved.send_modify(|saved| *saved = Saved { latest: save.covers, both: saved.latest });
        for (answer, position) in save.answers {
            // A source that is gone needs no answer.
            let _ = answer.send(position);
        }
        Ok(())
    }
}

fn tolerate_full(error: outbox::AppendError) -> Result<(), outbox::AppendError> {
    if matches!(error, outbox::AppendError::Full) { Ok(()) } else { Err(error) }
}

fn entry(record: &Quarantined) -> quarantine::Entry {
    quarantine::Entry {
        time: record.time,
        source: record.source.to_string(),
        place: record.place.clone(),
        reason: record.reason.to_owned(),
        length: record.remains.length,
        sha256: record.remains.sha256.clone(),
        text: record.remains.text.clone(),
        cut: (record.remains.text.len() as u64) < record.remains.length,
    }
}

/// The outbox's end that a payload records, and its memory. Between them stands the end that the snapshot before records.
pub(super) fn without_ends(payload: &[u8]) -> anyhow::Result<(u64, &[u8])> {
    let (end, rest) = payload.split_first_chunk::<8>().context("the snapshot is too short")?;
    let (_, memory) = rest.split_first_chunk::<8>().context("the snapshot is too short")?;
    Ok((u64::from_le_bytes(*end), memory))
}
