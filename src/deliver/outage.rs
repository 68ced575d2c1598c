//! Tells once that a sink is down and once that it is back, however many attempts lie between.

use std::path::Path;
use std::time::Duration;

use tokio::time::Instant;

/// While an outage lasts it is told again this often.
const REMIND_EVERY: Duration = Duration::from_secs(600);
/// Parked alerts are told at most this often; those in between are counted and told with the next.
const PARKED_EVERY: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(super) struct Outage {
    sink: String,
    began: Option<Instant>,
    told: Option<Instant>,
    attempts: u64,
    parked_told: Option<Instant>,
    parked_untold: usize,
}

impl Outage {
    pub(super) fn new(sink: String) -> Self {
        Self { sink, began: None, told: None, attempts: 0, parked_told: None, parked_untold: 0 }
    }

    /// An attempt failed.
    pub(super) fn failed(&mut self, cause: &anyhow::Error, wait: Duration) {
        let now = Instant::now();
        let began = *self.began.get_or_insert(now);
        self.attempts += 1;
        let error = format!("{cause:#}");
        let (sink, attempts) = (self.sink.as_str(), self.attempts);
        if is_due(self.told, now, REMIND_EVERY) {
            let down_s = now.duration_since(began).as_secs();
            tracing::warn!(
                sink,
                error,
                attempts,
                down_s,
                "alerts cannot be delivered for now; they are kept and sent again"
            );
            self.told = Some(now);
        } else {
            tracing::debug!(sink, error, attempts, wait_ms = wait.as_millis(), "attempt failed");
        }
    }

    /// An attempt succeeded.
    pub(super) fn over(&mut self) {
        if let Some(began) = self.began.take() {
            let (sink, attempts) = (self.sink.as_str(), self.attempts);
            tracing::info!(sink, attempts, down_s = began.elapsed().as_secs(), "alerts are delivered again");
            self.told = None;
            self.attempts = 0;
        }
    }

    /// Alerts were parked; somebody must look at the file.
    pub(super) fn parked(&mut self, alert: &str, reason: &str, count: usize, file: &Path) {
        self.parked_untold += count;
        let now = Instant::now();
        if is_due(self.parked_told, now, PARKED_EVERY) {
            let (sink, alerts, file) = (self.sink.as_str(), self.parked_untold, file.display());
            tracing::error!(sink, alerts, alert, reason, %file, "rejected alerts were parked");
            self.parked_told = Some(now);
            self.parked_untold = 0;
        }
    }
}

fn is_due(told: Option<Instant>, now: Instant, every: Duration) -> bool {
    told.is_none_or(|told| now.duration_since(told) >= every)
}
