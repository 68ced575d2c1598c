//! What is pushed to us, on disk before we say that we have it.
//!
//! A spool holds what one sender of one cluster posted. A body is appended and synced, together with those that came
//! meanwhile, and only then answered. What reads it is a source like a file: a log with positions, that goes away
//! only when both kept snapshots are past it.
//!
//! * `entry`: a body or a notice as it stands in a record. `write`: one fsync for all that waits.
//! * `lines`: from a body to events, one a line. `read`: the source.

mod entry;
mod lines;
mod read;
mod write;

#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use anyhow::Context;
use tokio::sync::{mpsc, oneshot, watch};

use crate::batch::{ClusterId, SourceId};
use crate::metrics::{BySource, Metrics};
use crate::segment::{Damage, Log, SEGMENT_BYTES, View};
use crate::state::{StateDir, disk, lock};

pub use entry::{Entry, NOTICE_TYPE, STANDING_BEHIND, STANDING_HEADER, Standing, Told, ToldKind};
pub use read::SpoolSource;
use write::Waiting;
pub use write::Writer;

/// Room on the disk from which on a spool that found it full takes bodies again, bytes.
const ROOM_BYTES_MIN: u64 = 16 * 1024 * 1024;

/// Least sensible size of a spool, bytes.
pub const SPOOL_BYTES_LEAST: u64 = 1024 * 1024;

/// Why an entry was not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// We do not know yet where reading goes on: just started.
    Starting,
    /// The spool or the disk is full. There will be room once what is held has been analyzed.
    Full,
    /// We are stopping, or the disk no longer keeps what it is given.
    Stopping,
}

/// What one sender posted. Clones are the same spool.
#[derive(Debug, Clone)]
pub struct Spool(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    source: SourceId,
    cluster: ClusterId,
    log: Mutex<Log>,
    view: View,
    bytes_max: u64,
    waiting: mpsc::UnboundedSender<Waiting>,
    /// The number after the last entry; wakes the reader.
    end: watch::Sender<u64>,
    /// The position to read on from is known, so that no number is given twice.
    begun: AtomicBool,
    /// The last attempt to write found no room.
    full: AtomicBool,
    /// What was found damaged and nobody has been told yet.
    damage: Mutex<Vec<Damage>>,
    metrics: Metrics,
}

impl Spool {
    /// Opens the spool of `source` in a directory of its own below the state directory. Entries are kept once the
    /// writer runs and the source has begun.
    ///
    /// # Errors
    /// When the files may not be read or written, or a newer version wrote them. Damage is no error: it is told by
    /// the source.
    pub fn open(
        state: &StateDir,
        directory: &str,
        source: SourceId,
        cluster: ClusterId,
        bytes_max: u64,
        metrics: Metrics,
    ) -> anyhow::Result<(Self, Writer)> {
        let path = state.subdirectory(directory).with_context(|| format!("create the spool {directory}"))?;
        // Small enough that room comes back in pieces.
        let segment_bytes = SEGMENT_BYTES.min(bytes_max / 8);
        let (log, damage) = Log::open(path, segment_bytes, |_, _| {}).context("open the spool")?;
        for damage in &damage {
            tracing::warn!(%source, "{damage}");
        }
        let (waiting, arriving) = mpsc::unbounded_channel();
        let spool = Self(Arc::new(Shared {
            source,
            cluster,
            view: log.view().clone(),
            end: watch::Sender::new(log.end()),
            log: Mutex::new(log),
            bytes_max,
            waiting,
            begun: AtomicBool::new(false),
            full: AtomicBool::new(false),
            damage: Mutex::new(damage),
            metrics,
        }));
        spool.observe();
        let writer = Writer::new(spool.clone(), arriving);
        Ok((spool, writer))
    }

    /// Its name as a source.
    pub fn source(&self) -> &SourceId {
        &self.0.source
    }

    /// Whose events it holds.
    pub fn cluster(&self) -> &ClusterId {
        &self.0.cluster
    }

    /// Why an entry would be refused now, without looking at it.
    pub fn refuses(&self) -> Option<Refused> {
        match self.0.waiting.is_closed() {
            true => Some(Refused::Stopping),
            false if !self.0.begun.load(Ordering::Acquire) => Some(Refused::Starting),
            false if self.0.full.load(Ordering::Relaxed) => Some(Refused::Full),
            false => None,
        }
    }

    /// Keeps an entry: it is on the disk when this returns. An entry that was refused is not.
    ///
    /// Whoever stops waiting for the answer does not take the entry back: it may be kept all the same.
    ///
    /// # Errors
    /// Why it was not kept.
    pub async fn keep(&self, entry: Entry) -> Result<(), Refused> {
        if let Some(refused) = self.refuses() {
            return Err(refused);
        }
        let (answer, kept) = oneshot::channel();
        self.0.waiting.send(Waiting { entry, answer }).map_err(|_| Refused::Stopping)?;
        kept.await.unwrap_or(Err(Refused::Stopping))
    }

    /// Bytes it occupies on the disk.
    fn held(&self) -> u64 {
        self.0.view.bytes_from(0)
    }

    /// Notes whether there is room. Without room nobody should send to us: we are not ready.
    fn set_full(&self, full: bool) {
        if self.0.full.swap(full, Ordering::Relaxed) != full {
            match full {
                true => tracing::error!(source = %self.0.source, "no room in the spool: senders are asked to wait"),
                false => tracing::info!(source = %self.0.source, "there is room in the spool again"),
            }
        }
        self.observe();
    }

    /// Looks whether a spool that was full has room again.
    fn look_for_room(&self) {
        if !self.0.full.load(Ordering::Relaxed) {
            return;
        }
        let room = disk::room(self.directory()).unwrap_or(u64::MAX);
        // Room for one more segment: not one body at a time.
        let fits = self.held().saturating_add(SEGMENT_BYTES.min(self.0.bytes_max / 8)) <= self.0.bytes_max;
        if fits && room >= ROOM_BYTES_MIN {
            self.set_full(false);
        }
    }

    fn directory(&self) -> &Path {
        self.0.view.directory()
    }

    fn observe(&self) {
        let by = BySource { source: self.0.source.to_string() };
        let metrics = &self.0.metrics;
        metrics.spool_bytes.get_or_create(&by).set(i64::try_from(self.held()).unwrap_or(i64::MAX));
        let attached = self.0.begun.load(Ordering::Acquire) && !self.0.full.load(Ordering::Relaxed);
        metrics.attached.get_or_create(&by).set(i64::from(attached));
    }

    /// From here on entries are taken, under numbers from `position` on. Says where reading begins.
    fn begin(&self, position: u64) -> u64 {
        let mut log = lock(&self.0.log);
        // Somebody removed the spool: its numbers must not be given again that we have passed.
        log.skip_to(position);
        self.0.end.send_replace(log.end());
        drop(log);
        self.0.begun.store(true, Ordering::Release);
        self.observe();
        position
    }
}
