//! A bounded map that forgets what was not asked for longest.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

type Map<V> = HashMap<String, V, foldhash::fast::RandomState>;

/// Two generations: what is used moves to the young one, and the old one is dropped when that is full. What is
/// forgotten depends on the order of use alone.
#[derive(Debug, Serialize, Deserialize)]
#[serde(bound(serialize = "V: Serialize", deserialize = "V: Deserialize<'de>"))]
pub struct Recent<V> {
    generation_max: usize,
    young: Map<V>,
    old: Map<V>,
}

impl<V> Recent<V> {
    /// Remembers a generation of so many, and the one before.
    pub fn new(generation_max: usize) -> Self {
        Self { generation_max, young: Map::default(), old: Map::default() }
    }

    /// What is remembered of this.
    pub fn get(&self, key: &str) -> Option<&V> {
        self.young.get(key).or_else(|| self.old.get(key))
    }

    /// What is remembered of this; from now on something is.
    pub fn entry(&mut self, key: &str, new: impl FnOnce() -> V) -> &mut V {
        let known = self.old.remove(key);
        if self.young.len() >= self.generation_max && !self.young.contains_key(key) {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.entry(key.to_owned()).or_insert_with(|| known.unwrap_or_else(new))
    }

    /// Forgets this.
    pub fn remove(&mut self, key: &str) -> Option<V> {
        let old = self.old.remove(key);
        self.young.remove(key).or(old)
    }

    /// How many are remembered.
    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_used_stays_and_the_rest_goes() {
        let mut recent = Recent::new(10);
        for number in 0..1000 {
            recent.entry(&number.to_string(), || number);
            *recent.entry("always", || 0) += 1;
        }
        assert_eq!(recent.get("always"), Some(&1000));
        assert!(recent.len() <= 20 && recent.get("5").is_none() && recent.get("999").is_some());
        assert_eq!((recent.remove("always"), recent.remove("always")), (Some(1000), None));
    }
}
