//! How much is sent at a time, and how long is waited after a failure.

use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use super::Config;

#[derive(Debug)]
pub(super) struct Pace {
    most: usize,
    size: usize,
    failures: u32,
    base: Duration,
    cap: Duration,
    circuit_failures: u32,
}

impl Pace {
    pub(super) fn new(config: &Config) -> Self {
        let most = config.batch_alerts.max(1);
        Self {
            most,
            size: most,
            failures: 0,
            base: config.backoff_base,
            cap: config.backoff_cap,
            circuit_failures: config.circuit_failures,
        }
    }

    /// Most alerts to send now.
    pub(super) fn size(&self) -> usize {
        self.size
    }

    /// Whether the sink failed so often in a row that it is probed with single alerts.
    pub(super) fn is_open(&self) -> bool {
        self.failures >= self.circuit_failures
    }

    pub(super) fn succeeded(&mut self) {
        self.failures = 0;
        self.size = (self.size * 2).min(self.most);
    }

    /// Sends half of what was tried next time.
    pub(super) fn halve(&mut self, tried: usize) {
        self.size = (tried / 2).max(1);
    }

    /// Counts a failure and returns how long to wait: at random up to a limit that doubles each time, so that
    /// many senders do not come back at once, and no shorter than the receiver asked for.
    pub(super) fn failed(&mut self, tried: usize, after: Option<Duration>) -> Duration {
        self.failures = self.failures.saturating_add(1);
        self.halve(if self.is_open() { 1 } else { tried });
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
        let config = Config::default();
        let mut pace = Pace::new(&config);
        for limit in [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300] {
            let wait = pace.failed(1, None);
            assert!(wait <= Duration::from_secs(limit), "{wait:?} > {limit} s");
        }
        let waits: Vec<Duration> = (0..200).map(|_| pace.failed(1, None)).collect();
        let (short, long) = (Duration::from_secs(75), Duration::from_secs(225));
        assert!(waits.iter().any(|&wait| wait < short) && waits.iter().any(|&wait| wait > long), "{waits:?}");
    }

    #[test]
    fn the_receivers_wish_is_the_least_wait() {
        let mut pace = Pace::new(&Config::default());
        assert_eq!(pace.failed(1, Some(Duration::from_secs(77))), Duration::from_secs(77));
    }

    #[test]
    fn batches_shrink_with_failures_and_grow_with_successes() {
        let mut pace = Pace::new(&Config::default());
        let mut sizes = vec![pace.size()];
        for _ in 0..5 {
            pace.failed(pace.size(), None);
            sizes.push(pace.size());
        }
        assert!(pace.is_open());
        for _ in 0..8 {
            pace.succeeded();
            sizes.push(pace.size());
        }
        assert_eq!(sizes, [100, 50, 25, 12, 6, 1, 2, 4, 8, 16, 32, 64, 100, 100]);
    }
}
