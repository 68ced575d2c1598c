//! What is worth a word: detectors, the rules they go by, and their findings.
//!
//! A detector looks at one event and remembers nothing, so events may be inspected in any order and as fast as
//! they come. What counts, waits and remembers is done afterwards, in the order of event time, by `judge`, `request` and
//! `throttle`: for them a detector may also note what is no finding by itself. Detectors never see each other.

mod annotated;
mod anonymous;
pub mod audit_id;
pub mod certificate;
mod contradiction;
mod deed;
mod exposed;
pub mod falco;
mod forged;
pub mod heartbeat;
mod hidden;
pub mod minted;
pub mod needs;
pub mod observation;
mod outside;
pub mod rules;
mod sentence;
pub mod steps;
pub mod storm;
pub mod uses;
mod wrong_network;

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::alert::{EventRef, Matched, Severity, Unusual};
use crate::amount::Period;
use crate::enrich::Facts;
use crate::event::Timestamp;
use crate::request::Key;
use observation::{Minutes, Observation, Values};

/// Settings of the detectors.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// When failed requests of one address are a storm.
    pub storm: storm::Config,
    /// How long baselines learn before they speak, for documents that do not say.
    pub learning: Learning,
}

/// How long baselines learn before they speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Learning(pub Period);

impl Default for Learning {
    /// A day, so that every hour's habits are known.
    fn default() -> Self {
        Self(Period(Duration::from_secs(24 * 3600)))
    }
}

impl Learning {
    /// Seconds.
    pub fn seconds(self) -> i64 {
        i64::try_from(self.0.0.as_secs()).unwrap_or(i64::MAX)
    }
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
    /// Who wrote it, and what there is to read about it.
    #[serde(default)]
    pub credit: Credit,
}

/// Who wrote a rule, and what there is to read about it. Empty of built-in ones.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Credit {
    /// The author. Some licences want him named wherever a match is shown.
    pub author: Option<String>,
    /// The licence, an SPDX identifier.
    pub license: Option<String>,
    /// Where to read more.
    pub references: Vec<String>,
    /// What else it may find.
    pub false_positives: Vec<String>,
    /// What to do about a finding.
    pub runbook: Option<String>,
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
        Arc::new(Self {
            id: id.to_owned(),
            title: title.to_owned(),
            techniques,
            threshold: None,
            credit: Credit::default(),
        })
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
    /// Earlier events that it stands on, in their order.
    #[serde(default)]
    pub events: Vec<EventRef>,
    /// The fields that a rule from a file rests on, with their values, masked.
    #[serde(default)]
    pub matched: Vec<Matched>,
    /// What is usual instead, when that is what it says.
    #[serde(default)]
    pub unusual: Option<Box<Unusual>>,
    /// Of all with this key only the first, in the order of event time, counts.
    #[serde(default)]
    pub once: Option<Key>,
    /// The suppression that covers it: it is expected, and will not be told.
    #[serde(skip)]
    pub covered: Option<Arc<str>>,
}

impl Finding {
    /// One that stands on its own event alone.
    pub fn new(rule: &Arc<Rule>, subject: String, severity: Severity, text: String) -> Self {
        let (events, matched) = (Vec::new(), Vec::new());
        let (unusual, once, covered) = (None, None, None);
        Self { rule: Arc::clone(rule), subject, severity, text, events, matched, unusual, once, covered }
    }
}

/// The findings of one event, and what was observed in it. Reused from event to event.
#[derive(Debug, Default)]
pub struct Findings {
    found: Vec<Finding>,
    observed: Vec<Observation>,
    /// Nothing while texts are wanted, and observations are not.
    outlines: Option<Minutes>,
}

impl Findings {
    /// Texts are left empty: most findings are repeats that are counted without a word. Observations are kept.
    pub fn outlines() -> Self {
        Self { outlines: Some(Minutes::default()), ..Self::default() }
    }

    /// Adds one whose text is always kept.
    pub fn tell(&mut self, rule: &Arc<Rule>, subject: String, severity: Severity, text: String) {
        self.found.push(Finding::new(rule, subject, severity, text));
    }

    /// Adds one as it stands.
    pub fn push(&mut self, finding: Finding) {
        self.found.push(finding);
    }

    /// Adds one.
    pub fn raise(&mut self, rule: &Arc<Rule>, subject: String, severity: Severity, text: impl FnOnce() -> String) {
        let text = if self.outlines.is_some() { String::new() } else { text() };
        self.found.push(Finding::new(rule, subject, severity, text));
    }

    /// Adds one that is true of nearly every request, and worth counting once a minute of event time.
    #[inline]
    pub fn raise_minutely(
        &mut self,
        rule: &Arc<Rule>,
        subject: &str,
        severity: Severity,
        time: Option<Timestamp>,
        text: impl FnOnce() -> String,
    ) {
        let identity: [&[u8]; 2] = [subject.as_bytes(), severity.word().as_bytes()];
        if !self.is_first_of_minute(&rule.id, &identity, time) {
            return;
        }
        let once = time.map(|time| observation::once(&rule.id, &identity, time.minute()));
        self.raise(rule, subject.to_owned(), severity, text);
        self.found.last_mut().into_iter().for_each(|finding| finding.once = once);
    }

    /// Adds one that rests on fields of the event.
    pub fn raise_matched(
        &mut self,
        rule: &Arc<Rule>,
        subject: String,
        severity: Severity,
        told: impl FnOnce() -> (String, Vec<Matched>),
    ) {
        let (text, matched) = if self.outlines.is_some() { Default::default() } else { told() };
        self.found.push(Finding { matched, ..Finding::new(rule, subject, severity, text) });
    }

    /// Notes something for judges, once a request.
    pub fn observe(&mut self, what: &Arc<str>, values: impl FnOnce() -> Values) {
        if self.outlines.is_some() {
            self.observed.push(Observation { what: Arc::clone(what), values: values(), once: None });
        }
    }

    /// Notes something for judges, once a minute: of what has the same identity only the first one in a minute of
    /// event time is judged.
    #[inline]
    pub fn observe_minutely(
        &mut self,
        what: &Arc<str>,
        identity: &[&[u8]],
        time: Option<Timestamp>,
        values: impl FnOnce() -> Values,
    ) {
        if self.outlines.is_some() && self.is_first_of_minute(what, identity, time) {
            let once = time.map(|time| observation::once(what, identity, time.minute()));
            self.observed.push(Observation { what: Arc::clone(what), values: values(), once });
        }
    }

    /// Whether nothing older was seen of this in its minute; always while texts are wanted.
    #[inline]
    fn is_first_of_minute(&mut self, what: &str, identity: &[&[u8]], time: Option<Timestamp>) -> bool {
        match (&mut self.outlines, time) {
            (Some(minutes), Some(time)) => minutes.is_first(what, identity, time),
            _ => true,
        }
    }

    /// Whether there is none, and nothing was observed.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty() && self.observed.is_empty()
    }

    /// Takes all findings out.
    pub fn take(&mut self) -> Vec<Finding> {
        std::mem::take(&mut self.found)
    }

    /// Takes out all that was observed.
    pub fn take_observed(&mut self) -> Vec<Observation> {
        std::mem::take(&mut self.observed)
    }
}

/// Looks at one event at a time.
pub trait Detector: Send {
    /// The rules it goes by.
    fn rules(&self) -> Vec<Arc<Rule>>;

    /// What a rule of it must be shown: every request, unless it says otherwise.
    fn needs(&self, _rule: &Rule) -> needs::Needs {
        needs::Needs::everything()
    }

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
        Box::new(annotated::Annotated::default()),
        Box::new(contradiction::Contradiction::default()),
        Box::new(audit_id::ChosenAuditId::default()),
        Box::new(heartbeat::Heartbeat::default()),
        Box::new(uses::Uses::default()),
        Box::new(minted::Minted::default()),
        Box::new(certificate::Certificates::default()),
        Box::new(steps::Steps::default()),
    ]
}

/// Every rule of the built-in detectors by its id, and what it must be shown.
pub fn needs(config: &Config) -> Vec<(String, needs::Needs)> {
    let mut needs = Vec::new();
    for detector in built_in(config) {
        needs.extend(detector.rules().into_iter().map(|rule| (rule.id.clone(), detector.needs(&rule))));
    }
    needs
}
