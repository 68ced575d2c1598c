//! The stages of one request are one request, and a record that comes twice is one record.
//!
//! The client may choose the audit id, so it is never a key by itself: what the server adds to it is part of it.

use std::collections::{HashMap, HashSet};
use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::event::{Event, Raw, Text, Timestamp};

/// 128 bits of a SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Key(u128);

impl Key {
    /// The key of some parts. Where one part ends and the next begins is part of it.
    pub fn of(parts: &[&[u8]]) -> Self {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        let digest = hash.finalize();
        let mut half = [0; 16];
        half.copy_from_slice(&digest[..16]);
        Self(u128::from_be_bytes(half))
    }

    /// Its bytes, to make it a part of another key.
    pub fn bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What tells an event from all others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Keys {
    /// The same for every stage of one request.
    pub request: Key,
    /// The same only for copies of one record.
    pub record: Key,
}

impl Keys {
    /// The keys of an event: audit id, time of receipt, verb, URI, user and source addresses; then stage and its time.
    pub fn of(event: &Event<'_>) -> Self {
        // As text, not as logged: a copy that some tool has printed anew is still a copy.
        let user = event.user().get("username").and_then(Raw::text).unwrap_or_default().decode();
        let source_ips: Vec<_> = event.source_ips().items().filter_map(Raw::text).map(Text::decode).collect();
        let request = Key::of(&[
            event.audit_id().decode().as_bytes(),
            event.received_raw(),
            event.verb().decode().as_bytes(),
            event.request_uri().decode().as_bytes(),
            user.as_bytes(),
            source_ips.join(",").as_bytes(),
        ]);
        let record = Key::of(&[&request.bytes(), event.stage().word().as_bytes(), event.stage_time_raw()]);
        Self { request, record }
    }
}

/// Requests and records of one generation. Beyond it the generation before is forgotten: a copy that comes later is
/// counted again, a stage that comes later is judged by [`Requests::is_forgotten`].
///
/// As many as a hash table of 65,536 places takes before it doubles.
const GENERATION_MAX: usize = 57_344;

/// What we remember of one request.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Told {
    received: Timestamp,
    /// Hashes of what it was counted for.
    counted: Vec<Key>,
    /// The alert that speaks of it.
    alert: Option<String>,
}

impl Told {
    /// Of nothing yet. Nearly every request is counted for no more than an alert, what was found, and that
    /// it was judged.
    fn received_at(received: Timestamp) -> Self {
        Self { received, counted: Vec::with_capacity(4), alert: None }
    }
}

/// Nobody can choose keys that collide: they are SHA-256 already, and the hash of them is seeded.
type Hashing = foldhash::fast::RandomState;

#[derive(Debug, Default, Serialize, Deserialize)]
struct Generation {
    records: HashSet<Key, Hashing>,
    #[serde(with = "crate::request::as_list")]
    requests: HashMap<Key, Told, Hashing>,
}

impl Generation {
    /// Forgets all and keeps the room: tables that grow anew each time leave the allocator with holes of megabytes.
    fn forget(&mut self) {
        self.records.clear();
        self.requests.clear();
    }
}

/// The requests that something was found in, bounded.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Requests {
    young: Generation,
    old: Generation,
    /// Requests received until then may have been forgotten.
    forgotten: Option<Timestamp>,
}

impl Requests {
    /// Whether this record comes for the first time; from now on it does not.
    pub fn first_sight(&mut self, record: Key) -> bool {
        if self.young.records.len() >= GENERATION_MAX || self.young.requests.len() >= GENERATION_MAX {
            self.forgotten = self.forgotten.max(self.old.requests.values().map(|told| told.received).max());
            self.old.forget();
            std::mem::swap(&mut self.old, &mut self.young);
        }
        !self.old.records.contains(&record) && self.young.records.insert(record)
    }

    /// Whether this request has not been counted for this thing yet; from now on it has.
    pub fn counts(&mut self, request: Key, received: Timestamp, thing: Key) -> bool {
        let told = self.entry(request, received);
        let new = !told.counted.contains(&thing);
        if new {
            told.counted.push(thing);
        }
        new
    }

    /// The alert that speaks of this request.
    pub fn alert_of(&self, request: Key) -> Option<&str> {
        self.known(request)?.alert.as_deref()
    }

    /// Notes the alert that speaks of this request.
    pub fn told_by(&mut self, request: Key, received: Timestamp, alert: &str) {
        self.entry(request, received).alert = Some(alert.to_owned());
    }

    /// Whether this request was counted for this thing.
    pub fn was_counted(&self, request: Key, thing: Key) -> bool {
        self.known(request).is_some_and(|told| told.counted.contains(&thing))
    }

    /// Whether we may have known this request and forgotten it.
    pub fn is_forgotten(&self, request: Key, received: Timestamp) -> bool {
        Some(received) <= self.forgotten && self.known(request).is_none()
    }

    fn known(&self, request: Key) -> Option<&Told> {
        self.young.requests.get(&request).or_else(|| self.old.requests.get(&request))
    }

    fn entry(&mut self, request: Key, received: Timestamp) -> &mut Told {
        if let Some(told) = self.old.requests.remove(&request) {
            self.young.requests.insert(request, told);
        }
        self.young.requests.entry(request).or_insert_with(|| Told::received_at(received))
    }
}

/// Writes a map as a list of pairs, since JSON has no keys but strings.
pub(crate) mod as_list {
    use std::collections::HashMap;
    use std::hash::{BuildHasher, Hash};

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(crate) fn serialize<K: Serialize, V: Serialize, H, S: Serializer>(
        map: &HashMap<K, V, H>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(map)
    }

    pub(crate) fn deserialize<'de, K, V, H, D: Deserializer<'de>>(deserializer: D) -> Result<HashMap<K, V, H>, D::Error>
    where
        K: Deserialize<'de> + Eq + Hash,
        V: Deserialize<'de>,
        H: BuildHasher + Default,
    {
        Ok(Vec::<(K, V)>::deserialize(deserializer)?.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_do_not_run_into_each_other() {
        assert_ne!(Key::of(&[b"ab", b"c"]), Key::of(&[b"a", b"bc"]));
        assert_eq!(Key::of(&[b"ab", b"c"]).to_string().len(), 32);
    }

    #[test]
    fn a_copy_is_seen_once_and_a_request_counts_once() {
        let mut requests = Requests::default();
        let (record, request, thing) = (Key(1), Key(2), Key(3));
        assert!(requests.first_sight(record) && !requests.first_sight(record));
        assert!(requests.counts(request, Timestamp::default(), thing));
        assert!(!requests.counts(request, Timestamp::default(), thing));
        requests.told_by(request, Timestamp::default(), "alert");
        assert_eq!(requests.alert_of(request), Some("alert"));
    }

    #[test]
    fn memory_is_bounded_and_says_what_it_forgot() {
        let mut requests = Requests::default();
        for number in 0..4 * GENERATION_MAX as u128 {
            requests.first_sight(Key(number));
            requests.counts(Key(number), Timestamp::from_micros(number as i64), Key(0));
        }
        assert!(requests.young.records.len() + requests.old.records.len() <= 2 * GENERATION_MAX);
        assert!(requests.is_forgotten(Key(9), Timestamp::from_micros(9)));
        assert!(!requests.is_forgotten(Key(u128::MAX), Timestamp::MAX));
    }
}
