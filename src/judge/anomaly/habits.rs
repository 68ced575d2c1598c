//! What one identity, its peers, or the cluster usually do: decayed counts of values.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::alert::Usual;
use crate::event::Timestamp;

/// Most values of one baseline. Beyond it the least usual is forgotten, and is new when it comes again.
const VALUES_MAX: usize = 256;

/// Days in which what was seen comes to count half.
const HALF_LIFE_DAYS: f64 = 14.0;

/// Surprise at anything at all, where nothing like it was ever seen, bits.
const NOTHING_LIKE_IT_BITS: f64 = 10.0;

/// What counts less than this is forgotten.
const FORGOTTEN: f64 = 0.05;

/// A new value is on probation until it is seen again so many seconds later, from a trusted network.
const PROBATION_SECONDS: i64 = 3600;

/// One value.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Seen {
    count: f64,
    first: Timestamp,
    /// It is a habit, and no longer on probation.
    known: bool,
}

impl Seen {
    /// Whether it comes again long enough after its first sight, from where it may.
    fn has_proved_itself(&self, now: Timestamp, trusted: bool) -> bool {
        trusted && self.first.plus_seconds(PROBATION_SECONDS) <= now
    }
}

/// A baseline.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Habits {
    born: Timestamp,
    decayed: Timestamp,
    total: f64,
    values: BTreeMap<String, Seen>,
}

/// How well a value is known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Standing {
    /// The baseline is too young to say.
    Unsure,
    /// It was never seen, or is on probation.
    New,
    /// It is a habit: this share of all.
    Known(f64),
}

/// How much a baseline needs before it speaks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Maturity {
    pub(super) seconds: i64,
    pub(super) observations: u32,
}

impl Habits {
    pub(super) fn new(now: Timestamp) -> Self {
        Self { born: now, decayed: now, total: 0.0, values: BTreeMap::new() }
    }

    /// How well this value is known.
    pub(super) fn standing(&self, value: &str, now: Timestamp, trusted: bool, needed: Maturity) -> Standing {
        match self.values.get(value) {
            Some(seen) if seen.known || seen.has_proved_itself(now, trusted) => {
                Standing::Known(seen.count / self.total.max(1.0))
            }
            _ if self.is_mature(now, needed) => Standing::New,
            _ => Standing::Unsure,
        }
    }

    pub(super) fn is_mature(&self, now: Timestamp, needed: Maturity) -> bool {
        self.born.plus_seconds(needed.seconds) <= now && self.total >= f64::from(needed.observations)
    }

    /// Learns one observation. Until the baseline is mature every value becomes a habit at once.
    pub(super) fn learn(&mut self, value: &str, now: Timestamp, trusted: bool, needed: Maturity) {
        self.decay(now);
        let mature = self.is_mature(now, needed);
        self.total += 1.0;
        match self.values.get_mut(value) {
            Some(seen) => {
                seen.count += 1.0;
                seen.known |= !mature || seen.has_proved_itself(now, trusted);
            }
            None => {
                self.make_room();
                self.values.insert(value.to_owned(), Seen { count: 1.0, first: now, known: !mature });
            }
        }
    }

    /// Surprise at a value never seen, bits: the less, the more often new values come anyway (Good and Turing).
    pub(super) fn bits_of_new(&self) -> f64 {
        if self.values.is_empty() {
            return NOTHING_LIKE_IT_BITS;
        }
        let once = self.values.values().filter(|seen| seen.count < 1.5).count() as f64;
        let mass = once.max(0.5) / self.total.max(1.0);
        bits(mass / self.values.len().max(1) as f64)
    }

    /// The most usual values with their shares, percent.
    pub(super) fn usual(&self) -> Vec<Usual> {
        let mut known: Vec<_> = self.values.iter().filter(|(_, seen)| seen.known).collect();
        known.sort_by(|(a, one), (b, other)| other.count.total_cmp(&one.count).then_with(|| a.cmp(b)));
        let percent = |count: f64| (100.0 * count / self.total.max(1.0)).round() as u8;
        known
            .iter()
            .take(3)
            .map(|(value, seen)| Usual { value: (*value).clone(), percent: percent(seen.count) })
            .collect()
    }

    pub(super) fn observations(&self) -> u64 {
        self.total.round() as u64
    }

    pub(super) fn age_seconds(&self, now: Timestamp) -> i64 {
        (now.micros().saturating_sub(self.born.micros())) / 1_000_000
    }

    /// Once a day, so that it costs nothing.
    fn decay(&mut self, now: Timestamp) {
        const DAY_SECONDS: i64 = 24 * 3600;
        if self.decayed.plus_seconds(DAY_SECONDS) > now {
            return;
        }
        let days = (now.micros() - self.decayed.micros()) as f64 / (DAY_SECONDS as f64 * 1e6);
        let left = 0.5f64.powf(days / HALF_LIFE_DAYS);
        self.decayed = now;
        self.values.values_mut().for_each(|seen| seen.count *= left);
        self.values.retain(|_, seen| seen.count >= FORGOTTEN);
        self.total = self.values.values().map(|seen| seen.count).sum();
    }

    fn make_room(&mut self) {
        if self.values.len() < VALUES_MAX {
            return;
        }
        let least = self.values.iter().min_by(|(_, one), (_, other)| one.count.total_cmp(&other.count));
        if let Some(least) = least.map(|(value, _)| value.clone()) {
            self.values.remove(&least);
        }
    }
}

/// How surprising a probability is, at most 20 bits.
pub(super) fn bits(probability: f64) -> f64 {
    (-probability.log2()).clamp(0.0, 20.0)
}

/// The word for a share of all.
pub(super) fn rarity(standing: Standing) -> &'static str {
    match standing {
        Standing::Known(share) if share >= 0.01 => "FREQUENT",
        Standing::Known(share) if share >= 0.001 => "INFREQUENT",
        Standing::Known(_) => "RARE",
        Standing::New | Standing::Unsure => "UNSEEN",
    }
}
