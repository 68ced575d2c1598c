//! Reading for one sink, and what was said since a snapshot.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::Context;

use super::books::key_of;
use super::{AppendError, Outbox};
use crate::alert::{Alert, Status};
use crate::metrics::{ByReason, BySinkResult};
use crate::segment;
use crate::state::lock;

/// A cursor that is moved more often is saved only so often, unless the sink has taken all there is. After a crash
/// what was taken in between is sent again.
const SAVE_EVERY: Duration = Duration::from_millis(100);

/// Alerts for a sink.
#[derive(Debug, Clone, PartialEq)]
pub struct Delivery {
    /// At least one, oldest first; of an id the newest revision in the place of the oldest. An alert that is closed
    /// by then comes twice, open and closed.
    pub alerts: Vec<Alert>,
    /// What [`Reader::done`] is told once all of them are safe with the receiver.
    pub upto: u64,
}

/// Reads the outbox for one sink.
#[derive(Debug)]
pub struct Reader {
    outbox: Outbox,
    sink: usize,
    records: segment::Reader,
    /// Read, but it had no room in the last delivery.
    stash: Option<Ready>,
    /// Numbers of newer revisions that were handed out in the place of older ones.
    ahead: BTreeSet<u64>,
    /// Numbers of last revisions whose alerts were handed out as open, and which come in their own places.
    closing: BTreeSet<u64>,
    /// Where the last delivery ended.
    handed: u64,
    /// Beyond it nothing had to be delivered up to here.
    passed: u64,
    /// All below this number is safe with the receiver.
    done: u64,
    /// And this much of it is on disk.
    saved: u64,
    saved_at: Instant,
}

#[derive(Debug)]
struct Ready {
    /// The place in the outbox that it stands for.
    seq: u64,
    alert: Alert,
    bytes: usize,
}

impl Reader {
    pub(super) fn new(outbox: Outbox, sink: usize, taken: u64) -> Self {
        let records = outbox.0.view.read_from(taken);
        Self {
            outbox,
            sink,
            records,
            stash: None,
            ahead: BTreeSet::new(),
            closing: BTreeSet::new(),
            handed: taken,
            passed: taken,
            done: taken,
            saved: taken,
            saved_at: Instant::now(),
        }
    }

    /// The next alerts: at most so many, at most so many bytes of JSON, but one in any case; nothing when there
    /// are none. They are not handed out again by this reader, done or not.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn next(&mut self, max_alerts: usize, max_bytes: usize) -> anyhow::Result<Option<Delivery>> {
        let (mut alerts, mut bytes) = (Vec::new(), 0);
        while alerts.len() < max_alerts.max(1) {
            let Some(ready) = self.ready()? else { break };
            if !alerts.is_empty() && bytes + ready.bytes > max_bytes {
                self.stash = Some(ready);
                break;
            }
            bytes += ready.bytes;
            alerts.push(ready.alert);
        }
        let upto = self.stash.as_ref().map_or(self.records.position(), |ready| ready.seq);
        self.passed = upto;
        if alerts.is_empty() {
            self.done(self.done)?;
            return Ok(None);
        }
        self.handed = upto;
        Ok(Some(Delivery { alerts, upto }))
    }

    fn ready(&mut self) -> anyhow::Result<Option<Ready>> {
        if let Some(ready) = self.stash.take() {
            return Ok(Some(ready));
        }
        while let Some(record) = self.records.next().context("read the outbox")? {
            for passed in [&mut self.ahead, &mut self.closing] {
                while passed.first().is_some_and(|&seq| seq < record.seq) {
                    passed.pop_first();
                }
            }
            if self.ahead.remove(&record.seq) {
                continue;
            }
            let Some(alert) = self.outbox.parse(record.seq, &record.payload) else { continue };
            let ready = Ready { seq: record.seq, alert, bytes: record.payload.len() };
            if let Some(ready) = self.newest_of(ready)? {
                return Ok(Some(ready));
            }
        }
        Ok(None)
    }

    /// The newest revision in the place of this one; nothing when that has been handed out already.
    ///
    /// A closing never takes the place of an opening: a pager that hears only of the end wakes nobody. Then this
    /// revision says what the last one knows, but for the end, which comes in its own place.
    fn newest_of(&mut self, ready: Ready) -> anyhow::Result<Option<Ready>> {
        let shared = &self.outbox.0;
        let newest = lock(&shared.books).newest(key_of(&ready.alert.id)).map(|entry| entry.spot);
        let Some(spot) = newest.filter(|spot| spot.seq > ready.seq) else { return Ok(Some(ready)) };
        if !self.ahead.contains(&spot.seq) && !self.closing.contains(&spot.seq) {
            let payload = shared.view.pick(spot.seq, spot.offset).context("read the outbox")?;
            let newer = payload.and_then(|payload| Some((self.outbox.parse(spot.seq, &payload)?, payload.len())));
            let Some((alert, bytes)) = newer else { return Ok(Some(ready)) };
            if alert.status == Status::Closed && ready.alert.status == Status::Open {
                self.closing.insert(spot.seq);
                let Alert { revision, status, .. } = ready.alert;
                return Ok(Some(Ready { seq: ready.seq, alert: Alert { revision, status, ..alert }, bytes }));
            }
            self.ahead.insert(spot.seq);
            self.count("superseded");
            return Ok(Some(Ready { seq: ready.seq, alert, bytes }));
        }
        self.count("superseded");
        Ok(None)
    }

    fn count(&self, result: &'static str) {
        let sink = lock(&self.outbox.0.books).cursors[self.sink].name.clone();
        self.outbox.0.metrics.deliveries.get_or_create(&BySinkResult { sink, result }).inc();
    }

    /// Waits until there is more to read. Safe to drop at any time.
    pub async fn wait(&mut self) {
        if self.stash.is_some() {
            return;
        }
        let next = self.records.position();
        let mut ended = self.outbox.0.ended.subscribe();
        // The sender lives in the outbox that we hold, so this ends only with more to read.
        let _ = ended.wait_for(|&end| end > next).await;
    }

    /// Everything up to a [`Delivery::upto`] is safe with the receiver.
    ///
    /// The cursor is saved at once when nothing is left, else at most every 100 ms, and when the reader is dropped.
    ///
    /// # Errors
    /// When the cursor cannot be written, or what is not needed any more not be removed. A full disk is no
    /// error: the cursor is saved with the next one.
    pub fn done(&mut self, upto: u64) -> Result<(), AppendError> {
        self.done = self.done.max(upto);
        if self.done >= self.handed {
            self.done = self.done.max(self.passed);
        }
        if self.done >= self.outbox.end() || self.saved_at.elapsed() >= SAVE_EVERY { self.save() } else { Ok(()) }
    }

    /// Saves the cursor now.
    ///
    /// # Errors
    /// Like [`Reader::done`].
    pub fn save(&mut self) -> Result<(), AppendError> {
        if self.done > self.saved && self.outbox.0.settle(self.sink, self.done)? {
            self.saved = self.done;
            self.saved_at = Instant::now();
            self.outbox.observe();
        }
        Ok(())
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        if let Err(error) = self.save() {
            tracing::error!(%error, "could not save a sink's cursor; it will be told some alerts again");
        }
    }
}

impl Outbox {
    /// An alert as it was written. One that cannot be understood is counted and passed over.
    fn parse(&self, seq: u64, payload: &[u8]) -> Option<Alert> {
        match serde_json::from_slice(payload) {
            Ok(alert) => Some(alert),
            Err(error) => {
                tracing::error!(seq, %error, "an alert in the outbox cannot be understood, passing over it");
                self.0.metrics.dropped.get_or_create(&ByReason { reason: "outbox_unreadable" }).inc();
                None
            }
        }
    }
}

/// The alerts written since a snapshot, oldest first.
#[derive(Debug)]
pub struct Since {
    outbox: Outbox,
    records: segment::Reader,
}

impl Since {
    pub(super) fn new(outbox: Outbox, end: u64) -> Self {
        let records = outbox.0.view.read_from(end);
        Self { outbox, records }
    }
}

impl Iterator for Since {
    type Item = anyhow::Result<Alert>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let record = match self.records.next().context("read the outbox") {
                Ok(record) => record?,
                Err(error) => return Some(Err(error)),
            };
            if let Some(alert) = self.outbox.parse(record.seq, &record.payload) {
                return Some(Ok(alert));
            }
        }
    }
}
