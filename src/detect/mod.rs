//! What is worth a word: detectors, the rules they go by, and their findings.
//!
//! A detector looks at one event and remembers nothing, so events may be inspected in any order and as fast as
//! they come. What counts and what waits (thresholds, repeats, stages of one request) is done afterwards, in the
//! order of event time, by `request` and `throttle`. Detectors never see each other.

mod anonymous;
mod deed;
mod exposed;
mod forged;
mod hidden;
mod outside;
mod sentence;
pub mod storm;
mod wrong_network;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::alert::Severity;
use crate::enrich::Facts;

/// Settings of the detectors.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// When failed requests of one address are a storm.
    pub storm: storm::Config,
}

/// What a detector goes by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// Stable, and part of every alert's id.
    pub id: String,
    /// A short title.
    pub title: String,
    /// MITRE ATT&CK technique ids.
    pub techniques: Vec<String>,
    /// How many requests about one subject it takes; nothing when the first suffices.
    pub threshold: Option<Threshold>,
}

/// So many requests in so much time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Threshold {
    /// Requests.
    pub count: u32,
    /// Within so many seconds of event time.
    pub window_seconds: u32,
}

impl Rule {
    /// A rule that the first request suffices for.
    pub fn new(id: &str, title: &str, techniques: &[&str]) -> Arc<Self> {
        let techniques = techniques.iter().map(ToString::to_string).collect();
        Arc::new(Self { id: id.to_owned(), title: title.to_owned(), techniques, threshold: None })
    }
}

/// One detector's raw hit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The rule.
    pub rule: Arc<Rule>,
    /// Whom or what it is about; with the rule it says what counts as a repeat.
    pub subject: String,
    /// How grave.
    pub severity: Severity,
    /// A sentence that stands alone.
    pub text: String,
}

/// The findings of one event. Reused from event to event.
#[derive(Debug, Default)]
pub struct Findings {
    found: Vec<Finding>,
    /// Texts are left empty.
    wordless: bool,
}

impl Findings {
    /// Texts are left empty: most findings are repeats that are counted without a word.
    pub fn wordless() -> Self {
        Self { found: Vec::new(), wordless: true }
    }

    /// Adds one whose text is always kept.
    pub fn tell(&mut self, rule: &Arc<Rule>, subject: String, severity: Severity, text: String) {
        self.found.push(Finding { rule: Arc::clone(rule), subject, severity, text });
    }

    /// Adds one.
    pub fn raise(&mut self, rule: &Arc<Rule>, subject: String, severity: Severity, text: impl FnOnce() -> String) {
        let text = if self.wordless { String::new() } else { text() };
        self.found.push(Finding { rule: Arc::clone(rule), subject, severity, text });
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// Takes them all out.
    pub fn take(&mut self) -> Vec<Finding> {
        std::mem::take(&mut self.found)
    }
}

/// Looks at one event at a time.
pub trait Detector: Send {
    /// The rules it goes by.
    fn rules(&self) -> Vec<Arc<Rule>>;

    /// Raises what it finds. Leaves early: nearly every event is of no interest.
    fn inspect(&self, facts: &Facts<'_, '_>, findings: &mut Findings);
}

/// Every built-in detector.
pub fn built_in(config: &Config) -> Vec<Box<dyn Detector>> {
    vec![
        Box::new(outside::OutsideTrusted::default()),
        Box::new(hidden::Hidden::default()),
        Box::new(wrong_network::WrongNetwork::default()),
        Box::new(anonymous::AnonymousSuccess::default()),
        Box::new(exposed::Exposed::default()),
        Box::new(forged::Forged::default()),
        Box::new(storm::Storm::new(&config.storm)),
    ]
}
