//! Alerts on disk, until every sink has taken them.
//!
//! The outbox remembers what was said: it gives each alert its revision, drops what adds nothing to the last one
//! held of that id, and after a restart tells the throttle what was opened since the snapshot. Each sink has a
//! cursor. Nothing that a sink or a replay still needs is let go, with one exception: when the outbox is full,
//! the oldest alerts below high go, are counted, and the caller is told so that it can tell the other sinks.

use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use anyhow::bail;
use serde::Deserialize;
use tokio::sync::watch;

mod books;
mod cursor;
mod draft;
mod open;
mod reader;
mod room;

pub use crate::state::WriteError as AppendError;
pub use books::LetGo;
pub use open::Recovered;
pub use reader::{Delivery, Reader, Since};

use crate::alert::Alert;
use crate::metrics::{BySink, Metrics};
use crate::segment::{Log, SEGMENT_BYTES, View};
use crate::state::{StateDir, lock};
use books::Books;
use cursor::CursorFile;
use draft::Draft;

/// Settings of the outbox.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Most bytes kept for sinks that are behind. Beyond it the oldest alerts below high are let go, or reading
    /// pauses. What only a replay needs comes on top, a minute's worth.
    #[serde(deserialize_with = "crate::amount::bytes")]
    pub max_bytes: u64,
    /// Sinks that lose nothing: when they are behind and the outbox is full, reading pauses.
    pub required: Vec<String>,
    /// Sinks that are configured no more and whose backlog may be thrown away.
    pub abandon: Vec<String>,
}

/// Least sensible size of an outbox, bytes; a smaller one is an error.
const MAX_BYTES_LEAST: u64 = 64 * 1024;

impl Default for Config {
    fn default() -> Self {
        Self { max_bytes: 256 * 1024 * 1024, required: Vec::new(), abandon: Vec::new() }
    }
}

impl Config {
    /// Small enough that letting one segment go does not empty a small outbox.
    fn segment_bytes(&self) -> u64 {
        SEGMENT_BYTES.min(self.max_bytes / 8)
    }

    fn check(&self, sinks: &[String]) -> anyhow::Result<()> {
        if self.max_bytes < MAX_BYTES_LEAST {
            bail!("`outbox.max_bytes` is {}: make it at least {MAX_BYTES_LEAST}", self.max_bytes);
        }
        if let Some(unknown) = self.required.iter().find(|name| !sinks.contains(name)) {
            bail!(
                "the outbox requires the sink `{unknown}`, but there is none of that name: add it, or take the name off"
            );
        }
        if let Some(twice) = sinks.iter().enumerate().find(|(at, name)| sinks[..*at].contains(name)) {
            bail!("two sinks are named `{}`: give one of them another name", twice.1);
        }
        Ok(())
    }
}

/// What an append did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The outbox's end after it.
    pub end: u64,
    /// Alerts that were written; the others added nothing, or had to be let go.
    pub written: usize,
    /// What sinks have lost to a full outbox and nobody has been told yet.
    pub let_go: Vec<LetGo>,
}

/// The outbox. Cheap to clone; clones share it. Every method that is not `async` may wait for the disk.
#[derive(Debug, Clone)]
pub struct Outbox(Arc<Shared>);

/// Locks are taken in the order of the fields.
#[derive(Debug)]
struct Shared {
    log: Mutex<Log>,
    /// One a sink, in the order of the books' cursors.
    files: Vec<Mutex<CursorFile>>,
    books: Mutex<Books>,
    view: View,
    /// Wakes whoever waits for room, with the books' lock.
    freed: Condvar,
    /// Wakes readers: the end.
    ended: watch::Sender<u64>,
    state: StateDir,
    config: Config,
    metrics: Metrics,
}

impl Outbox {
    /// Opens the outbox in the state directory and goes through what it holds.
    ///
    /// A sink that is new begins with the first alert held when no sink ever had a cursor, for then nobody has
    /// been told it, and otherwise with the next alert.
    ///
    /// # Errors
    /// When the configuration contradicts itself, when a sink with a backlog is configured no more, or when
    /// the files cannot be used. Damage is no error: it is returned.
    pub fn open(
        state: &StateDir,
        config: Config,
        sinks: &[String],
        metrics: Metrics,
    ) -> anyhow::Result<(Self, Recovered)> {
        open::open(state, config, sinks, metrics)
    }

    /// Writes the alerts, durably and together, and gives each its revision. What adds nothing to the last
    /// alert held of its id is not written; its revision is then that of the one held.
    ///
    /// # Errors
    /// [`AppendError::Full`]: nothing was written, the alerts are as they were; keep them, see
    /// [`Outbox::wait_for_room`]. [`AppendError::Fatal`]: the process must stop.
    pub fn append(&self, alerts: &mut [Alert]) -> Result<Written, AppendError> {
        let proposed: Vec<u32> = alerts.iter().map(|alert| alert.revision).collect();
        let written = self.0.write(alerts);
        match &written {
            Ok(written) => {
                self.0.metrics.revisions.inc_by(written.written as u64);
                lock(&self.0.books).full_at = None;
                self.observe();
            }
            Err(_) => {
                alerts.iter_mut().zip(proposed).for_each(|(alert, revision)| alert.revision = revision);
                self.0.note_full();
                self.0.count();
            }
        }
        written
    }

    /// The sequence number after the last alert: what a snapshot taken now records.
    pub fn end(&self) -> u64 {
        self.0.view.end()
    }

    /// The alerts written since a snapshot recorded `end`, oldest first.
    pub fn since(&self, end: u64) -> Since {
        // An outbox that lost its tail must not give numbers again that this snapshot has passed.
        lock(&self.0.log).skip_to(end);
        Since::new(self.clone(), end)
    }

    /// Keeps what was written from `seq` on, whatever the sinks have taken: the end recorded in the older of the
    /// two kept snapshots. Until this is first called everything is kept.
    ///
    /// # Errors
    /// When a file that is not needed any more cannot be removed.
    pub fn retain(&self, seq: u64) -> Result<(), AppendError> {
        lock(&self.0.books).keep_from = seq;
        self.0.release()?;
        self.observe();
        Ok(())
    }

    /// A reader for a sink, from where its cursor stands. One at a time for each sink.
    ///
    /// # Errors
    /// When the outbox was opened without this sink.
    pub fn cursor(&self, sink: &str) -> anyhow::Result<Reader> {
        let found = lock(&self.0.books).cursor(sink);
        let Some((index, taken)) = found else { bail!("the outbox has no cursor for the sink `{sink}`") };
        Ok(Reader::new(self.clone(), index, taken))
    }

    /// How full it is, from 0 to 1: what the slowest sink and the snapshots still need. It is 1 while the disk
    /// is full.
    pub fn fullness(&self) -> f32 {
        if !self.0.state.has_ballast() {
            return 1.0;
        }
        let books = lock(&self.0.books);
        let needed = books.slowest(self.end()).min(books.keep_from);
        let used = self.0.view.bytes_from(needed) as f64 / self.0.config.max_bytes as f64;
        used.min(1.0) as f32
    }

    /// Waits after [`AppendError::Full`] until a sink has made room, at most for `timeout`: room that others make
    /// on the disk is only found by trying again.
    pub fn wait_for_room(&self, timeout: Duration) {
        let books = lock(&self.0.books);
        let still_full = |books: &mut Books| books.full_at == Some(books.freed);
        drop(self.0.freed.wait_timeout_while(books, timeout, still_full));
    }

    /// Brings the metrics up to date, and takes the room kept back again when there is some. Appends and cursors
    /// do so; a clock must too, for ages grow by themselves and others make room on the disk.
    pub fn observe(&self) {
        if !self.0.state.has_ballast() {
            self.0.state.restore_ballast();
        }
        self.0.count();
    }
}

impl Shared {
    fn write(&self, alerts: &mut [Alert]) -> Result<Written, AppendError> {
        let mut log = lock(&self.log);
        let drafts = self.draft(alerts)?;
        let drafts = self.make_room(&mut log, drafts)?;
        let payloads: Vec<&[u8]> = drafts.iter().map(|draft| draft.payload.as_slice()).collect();
        let spots = self.state.with_ballast(|| log.append(&payloads))?;
        let end = log.end();
        let written = drafts.len();
        let mut books = lock(&self.books);
        for (draft, spot) in drafts.into_iter().zip(spots) {
            let Draft { key, revision, severity, status, payload } = draft;
            books.enter(books::Entry::new(key, revision, severity, payload.len(), spot), status);
        }
        let let_go = books.tell_lost();
        drop(books);
        self.ended.send_replace(end);
        Ok(Written { end, written, let_go })
    }

    fn count(&self) {
        let (metrics, end) = (&self.metrics, self.view.end());
        let books = lock(&self.books);
        let slowest = books.slowest(end);
        metrics.outbox_alerts.set(books.count_from(slowest));
        metrics.outbox_bytes.set(i64::try_from(self.view.bytes_from(0)).unwrap_or(i64::MAX));
        metrics.outbox_age.set(books.age_from(slowest));
        for cursor in &books.cursors {
            let label = BySink { sink: cursor.name.clone() };
            metrics.backlog.get_or_create(&label).set(books.count_from(cursor.taken));
        }
    }

    /// Counts a wait once, however often it is tried again.
    fn note_full(&self) {
        let mut books = lock(&self.books);
        if books.full_at.is_none() {
            self.metrics.outbox_waits.inc();
        }
        books.full_at = Some(books.freed);
    }

    /// A sink has taken everything below `taken`. The cursor is durable first; only then may segments go.
    fn settle(&self, sink: usize, taken: u64) -> Result<bool, AppendError> {
        match lock(&self.files[sink]).save(taken) {
            Ok(()) => {}
            // At-least-once allows to say a thing again: go on, and save it next time.
            Err(AppendError::Full) => return Ok(false),
            Err(fatal) => return Err(fatal),
        }
        lock(&self.books).cursors[sink].taken = taken;
        self.release()?;
        Ok(true)
    }

    /// Removes the segments that neither a sink nor a replay needs, and wakes who waits for room.
    fn release(&self) -> Result<(), AppendError> {
        let end = self.view.end();
        let floor = {
            let books = lock(&self.books);
            books.slowest(end).min(books.keep_from)
        };
        if self.view.segments().first().is_some_and(|&(_, end)| end <= floor) {
            let oldest = lock(&self.log).unlink_before(floor)?;
            lock(&self.books).forget_before(oldest);
        }
        lock(&self.books).freed += 1;
        self.freed.notify_all();
        Ok(())
    }
}

#[cfg(test)]
mod tests;
