//! How much is sent at a time, and how long is waited after a failure.

use std::time::Duration;

use super::Config;
use crate::backoff::Backoff;

#[derive(Debug)]
pub(super) struct Pace {
    most: usize,
    size: usize,
    backoff: Backoff,
    circuit_failures: u32,
}

impl Pace {
    pub(super) fn new(config: &Config) -> Self {
        let most = config.batch_alerts.max(1);
        Self {
            most,
            size: most,
            backoff: Backoff::new(config.backoff_base, config.backoff_cap),
            circuit_failures: config.circuit_failures,
        }
    }

    /// Most alerts to send now.
    pub(super) fn size(&self) -> usize {
        self.size
    }

    /// Whether the sink failed so often in a row that it is probed with single alerts.
    pub(super) fn is_open(&self) -> bool {
        self.backoff.failures() >= self.circuit_failures
    }

    pub(super) fn succeeded(&mut self) {
        self.backoff.succeeded();
        self.size = (self.size * 2).min(self.most);
    }

    /// Sends half of what was tried next time.
    pub(super) fn halve(&mut self, tried: usize) {
        self.size = (tried / 2).max(1);
    }

    /// Counts a failure and returns how long to wait, see [`Backoff::failed`].
    pub(super) fn failed(&mut self, tried: usize, after: Option<Duration>) -> Duration {
        let wait = self.backoff.failed(after);
        self.halve(if self.is_open() { 1 } else { tried });
        wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
