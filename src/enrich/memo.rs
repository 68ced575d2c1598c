//! Remembers what was worked out from some bytes, bounded.

use std::collections::HashMap;
use std::sync::Arc;

/// Entries of one generation. Beyond it the older generation is forgotten, but for what is used again.
const GENERATION_MAX: usize = 4096;

/// Longest key remembered, bytes. What is longer is worked out each time: an attacker may send a megabyte.
const KEY_BYTES_MAX: usize = 4096;

type Map<T> = HashMap<Box<[u8]>, Arc<T>, foldhash::fast::RandomState>;

/// Two generations: what is used moves to the young one, and the old one is dropped when that is full.
#[derive(Debug)]
pub(super) struct Memo<T> {
    young: Map<T>,
    old: Map<T>,
}

impl<T> Default for Memo<T> {
    fn default() -> Self {
        Self { young: Map::default(), old: Map::default() }
    }
}

impl<T> Memo<T> {
    /// What belongs to the key, worked out if it is not remembered.
    #[inline]
    pub(super) fn get(&mut self, key: &[u8], work_out: impl FnOnce(&[u8]) -> T) -> Arc<T> {
        if let Some(known) = self.young.get(key) {
            return Arc::clone(known);
        }
        if key.len() > KEY_BYTES_MAX {
            return Arc::new(work_out(key));
        }
        let (key, value) = self.old.remove_entry(key).unwrap_or_else(|| (key.into(), Arc::new(work_out(key))));
        if self.young.len() >= GENERATION_MAX {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, Arc::clone(&value));
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_works_out_once_and_stays_bounded() {
        let mut memo = Memo::default();
        let mut worked = 0;
        for round in 0..3 {
            for key in 0..GENERATION_MAX as u32 * 4 {
                memo.get(&key.to_le_bytes(), |_| worked += 1);
                memo.get(b"always", |_| worked += if round > 0 { 1_000_000 } else { 1 });
            }
        }
        assert!(worked < 1_000_000, "what is in use is never forgotten");
        assert!(memo.young.len() + memo.old.len() <= 2 * GENERATION_MAX + 1);
        assert!(memo.young.keys().all(|key| key.len() <= KEY_BYTES_MAX));
    }
}
