//! How many requests about one subject came lately.

use std::collections::{HashMap, VecDeque};

use serde::{Deserialize, Serialize};

use crate::detect::Threshold;
use crate::event::Timestamp;
use crate::request::Key;

/// Subjects counted in one generation. Beyond it those idle longest start anew.
const GENERATION_MAX: usize = 16_384;

/// The times of the last requests of each subject, as many as its threshold asks for.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Windows {
    #[serde(with = "crate::request::as_list")]
    young: HashMap<Key, VecDeque<Timestamp>>,
    #[serde(with = "crate::request::as_list")]
    old: HashMap<Key, VecDeque<Timestamp>>,
}

impl Windows {
    /// Whether one more request may reach the threshold.
    pub(super) fn may_reach(&self, subject: Key, threshold: Threshold) -> bool {
        let times = self.young.get(&subject).or_else(|| self.old.get(&subject));
        times.map_or(0, VecDeque::len) + 1 >= threshold.count as usize
    }

    /// Counts one request; says whether the threshold is reached by it.
    pub(super) fn reaches(&mut self, subject: Key, time: Timestamp, threshold: Threshold) -> bool {
        if self.young.len() >= GENERATION_MAX && !self.young.contains_key(&subject) {
            self.old = std::mem::take(&mut self.young);
        }
        let mut times = self.young.remove(&subject).or_else(|| self.old.remove(&subject)).unwrap_or_default();
        times.push_back(time);
        let begin = time.plus_seconds(-i64::from(threshold.window_seconds));
        while times.front().is_some_and(|first| *first < begin) {
            times.pop_front();
        }
        let reached = times.len() >= threshold.count as usize;
        if !reached {
            self.young.insert(subject, times);
        }
        reached
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_so_many_in_so_much_time_are_a_storm() {
        let threshold = Threshold { count: 3, window_seconds: 10 };
        let mut windows = Windows::default();
        let mut at =
            |second: i64| windows.reaches(Key::of(&[b"a"]), Timestamp::default().plus_seconds(second), threshold);
        assert_eq!([at(0), at(9), at(11), at(12)], [false, false, false, true]);
        assert!(!at(13), "it starts anew");
    }
}
