//! What goes when the outbox is full.

use std::collections::HashSet;
use std::time::{SystemTime, UNIX_EPOCH};

use super::books::Removed;
use super::{AppendError, Draft, Shared};
use crate::alert::Severity;
use crate::metrics::{ByReason, BySinkResult};
use crate::segment::{HEADER_BYTES, Log};
use crate::state::lock;

/// Share of the outbox that alerts below high may fill; the rest is kept for high and critical ones.
const MILD_SHARE: (u64, u64) = (9, 10);

/// A segment is written anew for what costs nobody anything only when that frees more than this part of it.
const REWRITE_SHARE: u64 = 16;

const OUTBOX_FULL: ByReason = ByReason { reason: "outbox_full" };

impl Shared {
    /// Makes room for the drafts by letting go older alerts below high, or, when there are none, those among the
    /// drafts themselves. Returns what is to be written.
    pub(super) fn make_room(&self, log: &mut Log, drafts: Vec<Draft>) -> Result<Vec<Draft>, AppendError> {
        let grave = |draft: &Draft| draft.severity >= Severity::High;
        if self.fit(log, &drafts, drafts.iter().any(grave))? {
            return Ok(drafts);
        }
        let (graver, mild): (Vec<Draft>, Vec<Draft>) = drafts.into_iter().partition(grave);
        let required = lock(&self.books).cursors.iter().any(|cursor| cursor.required);
        if required || mild.is_empty() || !self.fit(log, &graver, true)? {
            return Err(AppendError::Full);
        }
        self.metrics.dropped.get_or_create(&OUTBOX_FULL).inc_by(mild.len() as u64);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = i64::try_from(now.as_micros()).unwrap_or(i64::MAX);
        let mut books = lock(&self.books);
        mild.iter().for_each(|_| books.lose(log.end(), now));
        Ok(graver)
    }

    /// Whether the drafts have room, once everything has gone that may go for them.
    fn fit(&self, log: &mut Log, drafts: &[Draft], grave: bool) -> Result<bool, AppendError> {
        let max = self.config.max_bytes;
        let limit = if grave { max } else { max / MILD_SHARE.1 * MILD_SHARE.0 };
        let new: u64 = drafts.iter().map(|draft| (HEADER_BYTES + draft.payload.len()) as u64).sum();
        loop {
            // What only a replay needs does not count: no snapshot is saved while we wait, so it would never go.
            let needed = self.view.bytes_from(lock(&self.books).slowest(log.end()));
            if needed == 0 || needed.saturating_add(new) <= limit {
                return Ok(true);
            }
            if !self.thin_oldest(log)? {
                return Ok(false);
            }
        }
    }

    /// Writes the oldest segment from which it is worth taking something anew without it. False when there is none.
    fn thin_oldest(&self, log: &mut Log) -> Result<bool, AppendError> {
        let segments = self.view.segments();
        let Some((_, sealed)) = segments.split_last() else { return Ok(false) };
        let books = lock(&self.books);
        let found = sealed.iter().find_map(|&(first, end)| {
            let removable = books.removable_in(first, end, log.end());
            self.worth_it(&removable).then_some((first, removable))
        });
        drop(books);
        let Some((first, removed)) = found else { return Ok(false) };
        let gone: HashSet<u64> = removed.iter().map(|removed| removed.entry.spot.seq).collect();
        if !self.state.with_ballast(|| log.rewrite(first, |seq| !gone.contains(&seq)))? {
            return Ok(false);
        }
        lock(&self.books).remove(&gone);
        self.account(&removed);
        Ok(true)
    }

    /// What costs nobody anything trickles in alert by alert while the outbox is full; a segment is not written anew
    /// for each of them.
    fn worth_it(&self, removable: &[Removed]) -> bool {
        let bytes: u64 = removable.iter().map(|removed| u64::from(removed.entry.bytes)).sum();
        removable.iter().any(|removed| removed.loss) || bytes > self.config.segment_bytes() / REWRITE_SHARE
    }

    fn account(&self, removed: &[Removed]) {
        let mut books = lock(&self.books);
        for Removed { entry, loss } in removed {
            if *loss {
                self.metrics.dropped.get_or_create(&OUTBOX_FULL).inc();
                books.lose(entry.spot.seq, entry.spot.time);
                continue;
            }
            for cursor in books.cursors.iter().filter(|cursor| cursor.taken <= entry.spot.seq) {
                let label = BySinkResult { sink: cursor.name.clone(), result: "superseded" };
                self.metrics.deliveries.get_or_create(&label).inc();
            }
        }
    }
}
