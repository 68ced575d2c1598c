//! Far more requests than usual, by the tail of a Gamma-Poisson distribution: a mean learnt from few windows is trusted
//! less than one learnt from many.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

use super::document::{Anomaly, Whom};
use super::habits::bits;
use super::novelty::Seen;
use crate::alert::Unusual;
use crate::detect::{Finding, Findings};
use crate::event::Timestamp;
use crate::judge::recent::Recent;
use crate::judge::{Case, Judge};

/// Identities of one generation. Beyond it those idle longest learn anew.
const IDENTITIES_MAX: usize = 4096;

/// Requests in a window that may be a spike, unless the document says otherwise.
const MANY: u32 = 50;

/// As improbable as this is a spike, bits.
const SPIKE_BITS: f64 = 16.0;

/// A window more improbable than this is not learnt from, bits.
const LEARNT_BITS: f64 = 12.0;

/// Windows that the mean looks back on.
const WINDOWS: f64 = 200.0;

/// Requests of one window beyond which it makes no difference.
const COUNT_MAX: u32 = 100_000;

/// The rate of one identity, or of all.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Rate {
    born: Timestamp,
    window: i64,
    count: u32,
    /// Windows learnt, and their mean.
    windows: f64,
    mean: f64,
}

impl Rate {
    fn new(now: Timestamp, window: i64) -> Self {
        Self { born: now, window, count: 0, windows: 0.0, mean: 0.0 }
    }

    /// Ends the windows before this one, and counts one more.
    fn count(&mut self, window: i64) {
        if window > self.window {
            if self.bits() < LEARNT_BITS || self.windows < 3.0 {
                self.learn(f64::from(self.count), 1.0);
            }
            self.learn(0.0, (window - self.window - 1) as f64);
            (self.window, self.count) = (window, 0);
        }
        self.count = (self.count + 1).min(COUNT_MAX);
    }

    fn learn(&mut self, count: f64, windows: f64) {
        let known = self.windows.min(WINDOWS);
        self.mean = (self.mean * known + count * windows) / (known + windows).max(1.0);
        self.windows += windows;
    }

    /// How improbable so many in a window are.
    fn bits(&self) -> f64 {
        let seen = self.windows.min(WINDOWS);
        // Before anything is known: about one a window, a guess that a tenth of a window outweighs.
        let (alpha, beta) = (self.mean * seen + 0.1, seen + 0.1);
        bits(tail(alpha, beta, self.count))
    }
}

/// Probability of `count` or more, when the rate is Gamma distributed.
fn tail(alpha: f64, beta: f64, count: u32) -> f64 {
    let p = beta / (beta + 1.0);
    let mut term = p.powf(alpha);
    let mut below = 0.0;
    for k in 0..count {
        below += term;
        term *= (alpha + f64::from(k)) / (f64::from(k) + 1.0) * (1.0 - p);
    }
    // What is left of one in floating point is never less than this.
    (1.0 - below).max(1e-9)
}

/// One document's judge.
pub(super) struct Spike {
    document: Anomaly,
    learning: i64,
    rates: Recent<Rate>,
}

impl Spike {
    pub(super) fn new(document: Anomaly, learning: i64) -> Self {
        let learning = document.learning(learning);
        Self { document, learning, rates: Recent::new(IDENTITIES_MAX) }
    }

    fn see(&mut self, seen: &Seen<'_>, case: &Case<'_>, verdict: &mut Findings) {
        let whose = match self.document.whom {
            Whom::Identity => seen.who,
            Whom::Peers => seen.peers,
            Whom::Cluster => "the cluster",
        };
        let window = case.time.micros().div_euclid(self.document.window() * 1_000_000);
        let rate = self.rates.entry(whose, || Rate::new(case.time, window));
        rate.count(window);
        let learnt = rate.born.plus_seconds(self.learning) <= case.time && rate.windows >= 3.0;
        if rate.count < self.document.at_least(MANY) || !learnt || rate.bits() < SPIKE_BITS {
            return;
        }
        let (count, mean, minutes) = (rate.count, rate.mean, self.document.window() / 60);
        let text = format!(
            "{}: {whose}, {count} requests within {minutes} minutes, where {mean:.1} are usual",
            self.document.rule.title
        );
        let mut finding = Finding::new(&self.document.rule, whose.to_owned(), self.document.level, text);
        finding.unusual = Some(Box::new(Unusual {
            feature: format!("requests within {minutes} minutes"),
            observed: count.to_string(),
            rarity: "UNSEEN".to_owned(),
            whose: whose.to_owned(),
            usual: Vec::new(),
            observations: rate.windows as u64,
            age_seconds: case.time.micros().saturating_sub(rate.born.micros()) / 1_000_000,
            bits: rate.bits().round() as u8,
        }));
        verdict.push(finding);
    }
}

impl Judge for Spike {
    fn id(&self) -> &str {
        &self.document.rule.id
    }

    fn shape(&self) -> String {
        self.document.shape()
    }

    fn judge(&mut self, case: &Case<'_>, verdict: &mut Findings) {
        let rule = Arc::clone(&self.document.rule);
        for observation in case.observed(&rule.id) {
            self.see(&Seen::read(observation), case, verdict);
        }
    }

    fn save(&self) -> serde_json::Result<Box<RawValue>> {
        to_raw_value(&self.rates)
    }

    fn load(&mut self, memory: &RawValue) -> serde_json::Result<()> {
        self.rates = serde_json::from_str(memory.get())?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn improbable_is_what_is_far_above_the_mean() {
        let of = |mean: f64, count| Rate { born: Timestamp::default(), window: 0, count, windows: 50.0, mean };
        assert!(of(10.0, 12).bits() < 3.0);
        assert!(of(10.0, 40).bits() > 16.0);
        assert!(of(1000.0, 1100).bits() < 14.0);
        assert!(of(0.0, 5).bits() > 16.0);
        let young = Rate { windows: 1.0, ..of(10.0, 25) };
        assert!(young.bits() < of(10.0, 25).bits() - 2.0, "a mean of one window proves little");
    }
}
