//! What a detector saw that is no finding by itself: silent, and there for judges to remember.
//!
//! Nearly all of it says the same again and again. Where the minute is fine enough, only the first observation of a
//! minute of event time goes on; those that follow it are let go before anything is allocated for them.

use std::borrow::Cow;
use std::collections::HashMap;
use std::hash::BuildHasher;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::event::Timestamp;
use crate::request::Key;

/// Named values. A name may come more than once.
pub type Values = Vec<(Cow<'static, str>, String)>;

/// One observation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observation {
    /// What was observed: mostly the id of the rule whose judge it is for.
    pub what: Arc<str>,
    /// What is worth remembering of it.
    pub values: Values,
    /// Of all with this key only the first, in the order of event time, is judged.
    pub once: Option<Key>,
}

impl Observation {
    /// The first value of this name.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.values.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// All values of this name.
    pub fn values<'o>(&'o self, name: &'o str) -> impl Iterator<Item = &'o str> {
        self.values.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// The key of an observation in its minute.
pub(super) fn once(what: &str, identity: &[&[u8]], minute: i64) -> Key {
    let minute = minute.to_le_bytes();
    let parts: Vec<&[u8]> = [what.as_bytes(), &minute].into_iter().chain(identity.iter().copied()).collect();
    Key::of(&parts)
}

/// Observations remembered in one generation. Beyond it the generation before is forgotten: what comes again is
/// observed again, and passed over by whoever counts.
const GENERATION_MAX: usize = 32_768;

/// When something was first observed in its minute. Events come in any order: what is older than all that was seen of
/// its minute is observed as well, so that the oldest always is.
#[derive(Debug, Default)]
pub(super) struct Minutes {
    hashing: foldhash::fast::RandomState,
    young: HashMap<u64, Timestamp, foldhash::fast::RandomState>,
    old: HashMap<u64, Timestamp, foldhash::fast::RandomState>,
}

impl Minutes {
    /// Whether nothing older was observed of this in its minute.
    #[inline]
    pub(super) fn is_first(&mut self, what: &str, identity: &[&[u8]], time: Timestamp) -> bool {
        let key = self.hashing.hash_one((what, identity, time.minute()));
        let known = self.young.get(&key).or_else(|| self.old.get(&key));
        if known.is_some_and(|known| *known < time) {
            return false;
        }
        if self.young.len() >= GENERATION_MAX {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, time);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_minute_the_oldest_is_observed_in_whatever_order_they_come() {
        let mut minutes = Minutes::default();
        let mut at = |second: i64| minutes.is_first("a", &[b"x"], Timestamp::default().plus_seconds(second));
        assert_eq!(
            [at(5), at(6), at(59), at(3), at(4), at(60), at(61)],
            [true, false, false, true, false, true, false]
        );
        assert!(at(3), "another event of the same moment may be the one that counts");
    }

    #[test]
    fn memory_is_bounded() {
        let mut minutes = Minutes::default();
        for number in 0..5 * GENERATION_MAX as u32 {
            minutes.is_first("a", &[&number.to_le_bytes()], Timestamp::default());
        }
        assert!(minutes.young.len() + minutes.old.len() <= 2 * GENERATION_MAX);
    }
}
