//! Who came from where, counted for a report.

use std::collections::HashMap;
use std::sync::Arc;

use crate::enrich::{Origin, Who};
use crate::event::Timestamp;

/// Most pairs counted apart. Beyond it events are counted under no name.
const PAIRS_MAX: usize = 100_000;

/// One who, from one where.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Who.
    pub who: Arc<Who>,
    /// Where.
    pub origin: Arc<Origin>,
    /// Events.
    pub events: u64,
}

/// Counts events by who and where.
#[derive(Debug, Default)]
pub struct Census {
    // The same few pairs are shared by nearly all events, so that an address in memory tells them apart.
    pairs: HashMap<(usize, usize), Caller, foldhash::fast::RandomState>,
    /// Time of the oldest event.
    pub first: Option<Timestamp>,
    /// Time of the newest event.
    pub last: Option<Timestamp>,
    /// Events of pairs beyond the limit.
    pub others: u64,
}

impl Census {
    /// Counts one event.
    pub(super) fn count(&mut self, who: &Arc<Who>, origin: &Arc<Origin>, time: Option<Timestamp>) {
        if let Some(time) = time {
            self.first = Some(self.first.map_or(time, |first| first.min(time)));
            self.last = Some(self.last.map_or(time, |last| last.max(time)));
        }
        let full = self.pairs.len() >= PAIRS_MAX;
        let key = (Arc::as_ptr(who) as usize, Arc::as_ptr(origin) as usize);
        match self.pairs.get_mut(&key) {
            Some(caller) => caller.events += 1,
            None if full => self.others += 1,
            None => {
                let caller = Caller { who: Arc::clone(who), origin: Arc::clone(origin), events: 1 };
                self.pairs.insert(key, caller);
            }
        }
    }

    /// The callers, in no order. The same may come more than once.
    pub fn callers(&self) -> impl Iterator<Item = &Caller> {
        self.pairs.values()
    }
}
