//! How long is waited after failures: at random up to a limit that doubles each time, so that many senders do not come
//! back at once, and no shorter than the receiver asked for.

use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

/// Failures in a row, and what follows from them.
#[derive(Debug, Clone)]
pub struct Backoff {
    base: Duration,
    cap: Duration,
    failures: u32,
}

impl Backoff {
    /// Waits up to `base` after the first failure, and up to `cap` after many.
    pub fn new(base: Duration, cap: Duration) -> Self {
        Self { base, cap, failures: 0 }
    }

    /// Failures since the last success.
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// It went well.
    pub fn succeeded(&mut self) {
        self.failures = 0;
    }

    /// Counts a failure and returns how long to wait; `after` is the receiver's wish.
    pub fn failed(&mut self, after: Option<Duration>) -> Duration {
        self.failures = self.failures.saturating_add(1);
        let doublings = (self.failures - 1).min(31);
        let limit = self.base.saturating_mul(1 << doublings).min(self.cap);
        limit.mul_f64(random_fraction()).max(after.unwrap_or_default())
    }
}

/// From 0 to 1. The standard library seeds each hasher anew; nothing here needs better randomness.
fn random_fraction() -> f64 {
    RandomState::new().hash_one(()) as f64 / u64::MAX as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_the_cap_and_are_spread() {
        let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(300));
        for limit in [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300] {
            let wait = backoff.failed(None);
            assert!(wait <= Duration::from_secs(limit), "{wait:?} > {limit} s");
        }
        let waits: Vec<Duration> = (0..200).map(|_| backoff.failed(None)).collect();
        let (short, long) = (Duration::from_secs(75), Duration::from_secs(225));
        assert!(waits.iter().any(|&wait| wait < short) && waits.iter().any(|&wait| wait > long), "{waits:?}");
    }

    #[test]
    fn the_receivers_wish_is_the_least_wait() {
        let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(300));
        assert_eq!(backoff.failed(Some(Duration::from_secs(77))), Duration::from_secs(77));
    }
}
