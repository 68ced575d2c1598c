//! What the outbox holds and who has taken it, in memory: some 60 bytes an alert on disk.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::time::{SystemTime, UNIX_EPOCH};

use sha2::{Digest, Sha256};

use crate::alert::{Severity, Status};
use crate::event::Timestamp;
use crate::segment::Spot;

/// An alert's id, shortened by a hash that nobody can steer.
pub(super) type Key = u128;

pub(super) fn key_of(id: &str) -> Key {
    let digest = Sha256::digest(id.as_bytes());
    digest[..16].iter().fold(0, |key, &byte| key << 8 | Key::from(byte))
}

/// One alert on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) key: Key,
    pub(super) revision: u32,
    pub(super) severity: Severity,
    pub(super) bytes: u32,
    pub(super) spot: Spot,
}

impl Entry {
    pub(super) fn new(key: Key, revision: u32, severity: Severity, bytes: usize, spot: Spot) -> Self {
        Self { key, revision, severity, bytes: u32::try_from(bytes).unwrap_or(u32::MAX), spot }
    }
}

/// How far a sink has come.
#[derive(Debug)]
pub(super) struct Cursor {
    pub(super) name: String,
    /// It loses nothing to a full outbox.
    pub(super) required: bool,
    /// It has taken everything below this number, and that is on disk.
    pub(super) taken: u64,
}

/// What one sink lost to a full outbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LetGo {
    /// The sink.
    pub sink: String,
    /// How many alerts it will never get.
    pub alerts: u64,
    /// When the first of them was written, by the wall clock.
    pub first: Timestamp,
    /// When the last of them was written.
    pub last: Timestamp,
}

/// The books.
#[derive(Debug, Default)]
pub(super) struct Books {
    /// Oldest first.
    entries: VecDeque<Entry>,
    /// The number of the newest revision held of an id.
    newest: HashMap<Key, u64>,
    /// Of an id whose newest revision is closed, the number of the one before: sinks hear of an opening first.
    opening: HashMap<Key, u64>,
    pub(super) cursors: Vec<Cursor>,
    /// A replay may need everything from here on.
    pub(super) keep_from: u64,
    /// Counts how often room may have been made.
    pub(super) freed: u64,
    /// The count when an append last found no room; nothing once one did.
    pub(super) full_at: Option<u64>,
    /// Not told to the caller yet, by cursor.
    lost: BTreeMap<usize, LetGo>,
}

impl Books {
    pub(super) fn enter(&mut self, entry: Entry, status: Status) {
        let before = self.newest.insert(entry.key, entry.spot.seq);
        match (status, before) {
            (Status::Closed, Some(before)) => _ = self.opening.entry(entry.key).or_insert(before),
            (Status::Closed, None) => {}
            (Status::Open, _) => _ = self.opening.remove(&entry.key),
        }
        self.entries.push_back(entry);
    }

    /// The newest revision held of an id.
    pub(super) fn newest(&self, key: Key) -> Option<&Entry> {
        let seq = *self.newest.get(&key)?;
        self.entries.get(self.index_of(seq)).filter(|entry| entry.spot.seq == seq)
    }

    fn index_of(&self, seq: u64) -> usize {
        self.entries.partition_point(|entry| entry.spot.seq < seq)
    }

    pub(super) fn cursor(&self, sink: &str) -> Option<(usize, u64)> {
        let index = self.cursors.iter().position(|cursor| cursor.name == sink)?;
        Some((index, self.cursors[index].taken))
    }

    /// Every sink has taken everything below this number; the end when there is no sink.
    pub(super) fn slowest(&self, end: u64) -> u64 {
        self.cursors.iter().map(|cursor| cursor.taken).min().unwrap_or(end)
    }

    /// The number of the first alert held.
    pub(super) fn first(&self) -> Option<u64> {
        self.entries.front().map(|entry| entry.spot.seq)
    }

    pub(super) fn count_from(&self, seq: u64) -> i64 {
        i64::try_from(self.entries.len() - self.index_of(seq)).unwrap_or(i64::MAX)
    }

    /// Seconds since the first alert from `seq` on was written.
    pub(super) fn age_from(&self, seq: u64) -> f64 {
        let Some(entry) = self.entries.get(self.index_of(seq)) else { return 0.0 };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        (now.as_secs_f64() - entry.spot.time as f64 / 1e6).max(0.0)
    }

    /// The files no longer hold anything below `seq`.
    pub(super) fn forget_before(&mut self, seq: u64) {
        while self.first().is_some_and(|first| first < seq)
            && let Some(entry) = self.entries.pop_front()
        {
            if self.newest.get(&entry.key) == Some(&entry.spot.seq) {
                self.newest.remove(&entry.key);
            }
            if self.opening.get(&entry.key) == Some(&entry.spot.seq) {
                self.opening.remove(&entry.key);
            }
        }
    }

    /// The alerts that a full outbox can do without, among the numbers `first..end_of_segment`.
    pub(super) fn removable_in(&self, first: u64, end_of_segment: u64, end: u64) -> Vec<Removed> {
        let limits = self.limits(end);
        let range = self.index_of(first)..self.index_of(end_of_segment);
        let removable = self.entries.range(range).filter(|entry| self.removable(entry, limits));
        let loss = |entry: &Entry| entry.spot.seq >= limits.0 && !self.superseded(entry);
        removable.map(|entry| Removed { loss: loss(entry), entry: entry.clone() }).collect()
    }

    /// These are on disk no more.
    pub(super) fn remove(&mut self, gone: &HashSet<u64>) {
        self.entries.retain(|entry| !gone.contains(&entry.spot.seq));
        self.newest.retain(|_, seq| !gone.contains(seq));
        self.opening.retain(|_, seq| !gone.contains(seq));
    }

    /// Below the first number every sink has taken it, below the second no required sink needs it.
    fn limits(&self, end: u64) -> (u64, u64) {
        let required = self.cursors.iter().filter(|cursor| cursor.required).map(|cursor| cursor.taken).min();
        (self.slowest(end), required.unwrap_or(u64::MAX))
    }

    fn removable(&self, entry: &Entry, (taken, spare): (u64, u64)) -> bool {
        let seq = entry.spot.seq;
        let dispensable = entry.severity < Severity::High || self.superseded(entry);
        seq < self.keep_from && (seq < taken || seq < spare && dispensable)
    }

    fn superseded(&self, entry: &Entry) -> bool {
        let is_opening = self.opening.get(&entry.key) == Some(&entry.spot.seq);
        !is_opening && self.newest.get(&entry.key).is_some_and(|&newest| newest > entry.spot.seq)
    }

    /// Notes that the sinks which have not taken an alert will never get it.
    pub(super) fn lose(&mut self, seq: u64, time: i64) {
        let time = Timestamp::from_micros(time);
        for (index, cursor) in self.cursors.iter().enumerate().filter(|(_, cursor)| cursor.taken <= seq) {
            let fresh = || LetGo { sink: cursor.name.clone(), alerts: 0, first: time, last: time };
            let lost = self.lost.entry(index).or_insert_with(fresh);
            lost.alerts += 1;
            lost.last = lost.last.max(time);
        }
    }

    /// What was lost and not told yet.
    pub(super) fn tell_lost(&mut self) -> Vec<LetGo> {
        std::mem::take(&mut self.lost).into_values().collect()
    }
}

/// An alert that a full outbox can do without.
#[derive(Debug)]
pub(super) struct Removed {
    pub(super) entry: Entry,
    /// Some sink will not be told: it has not taken it, and no newer revision is held.
    pub(super) loss: bool,
}
