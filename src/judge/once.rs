//! Of what is observed every minute only the first one is judged.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use crate::event::Timestamp;
use crate::request::Key;

/// Keys of one minute. Beyond it what comes again in that minute is judged again.
const MINUTE_MAX: usize = 65_536;

type Keys = HashSet<Key, foldhash::fast::RandomState>;

/// What was judged in this minute of event time, and in the one before for what comes a little late.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Once {
    minute: i64,
    this: Keys,
    before: Keys,
}

impl Once {
    /// Whether this key comes for the first time.
    pub(super) fn is_first(&mut self, key: Key, time: Timestamp) -> bool {
        let minute = time.minute();
        if minute > self.minute {
            let this = std::mem::take(&mut self.this);
            self.before = if minute == self.minute.saturating_add(1) { this } else { Keys::default() };
            self.minute = minute;
        }
        if self.before.contains(&key) || self.this.contains(&key) {
            return false;
        }
        if self.this.len() < MINUTE_MAX {
            self.this.insert(key);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_judged_once_in_its_minute_and_the_next_one() {
        let mut once = Once::default();
        let mut at = |second: i64| once.is_first(Key::of(&[b"a"]), Timestamp::default().plus_seconds(second));
        assert_eq!([at(0), at(1), at(60), at(61), at(130)], [true, false, false, false, true]);
    }
}
