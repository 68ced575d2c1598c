//! A hit that waits for its turn.
//!
//! Most hits are repeats that are only counted. What people would be shown of them (sentences, evidence) is worked out
//! from a copy of the record, and only once the throttle wants to say something.

use std::cmp::Ordering;
use std::sync::Arc;

use bytes::Bytes;

use super::show::{self, Description};
use crate::decode;
use crate::detect::{Detector, Findings};
use crate::enrich::{Facts, Origin, Who};
use crate::event::Timestamp;
use crate::hit::Hit;

/// Longest record that is kept to be shown later, bytes. What is shown of a longer one is worked out at once.
const RECORD_BYTES_MAX: usize = 16 * 1024;

/// A hit in the heap, and what it takes to show it.
#[derive(Debug, Clone)]
pub(super) struct Held {
    pub(super) hit: Box<Hit>,
    rest: Option<Rest>,
}

#[derive(Debug, Clone)]
struct Rest {
    record: Bytes,
    who: Arc<Who>,
    origin: Arc<Origin>,
}

impl Held {
    /// An outline, with the record it was made from.
    pub(super) fn new(hit: Hit, facts: &Facts<'_, '_>, detectors: &[Box<dyn Detector>]) -> Self {
        let record = facts.event.bytes();
        let mut hit = Box::new(hit);
        if record.len() > RECORD_BYTES_MAX {
            complete(&mut hit, facts, detectors);
            return Self { hit, rest: None };
        }
        let (who, origin) = (Arc::clone(&facts.who), Arc::clone(&facts.origin));
        Self { hit, rest: Some(Rest { record: Bytes::copy_from_slice(record), who, origin }) }
    }

    /// The same at another event time.
    pub(super) fn at(mut self, time: Timestamp) -> Self {
        self.hit.time = time;
        self
    }

    /// Who asked what from where, which is less work than to show it.
    pub(super) fn description(&self) -> Description {
        match &self.rest {
            Some(Rest { record, who, origin }) => {
                let event = decode::again(record);
                Description::of(&Facts::new(&event, Arc::clone(who), Arc::clone(origin)))
            }
            None => Description::within(&self.hit),
        }
    }

    /// The whole hit.
    pub(super) fn shown(mut self, detectors: &[Box<dyn Detector>]) -> Box<Hit> {
        if let Some(Rest { record, who, origin }) = self.rest.take() {
            let event = decode::again(&record);
            complete(&mut self.hit, &Facts::new(&event, who, origin), detectors);
        }
        self.hit
    }
}

/// Adds what people are shown to an outline.
fn complete(hit: &mut Hit, facts: &Facts<'_, '_>, detectors: &[Box<dyn Detector>]) {
    let mut findings = Findings::default();
    detectors.iter().for_each(|detector| detector.inspect(facts, &mut findings));
    for told in findings.take() {
        let same =
            |finding: &&mut crate::detect::Finding| finding.rule.id == told.rule.id && finding.subject == told.subject;
        if let Some(finding) = hit.findings.iter_mut().find(same) {
            finding.text = told.text;
            finding.matched = told.matched;
        }
    }
    show::complete(hit, facts);
}

impl From<Hit> for Held {
    fn from(hit: Hit) -> Self {
        Self { hit: Box::new(hit), rest: None }
    }
}

impl PartialEq for Held {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Held {}

impl PartialOrd for Held {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Held {
    fn cmp(&self, other: &Self) -> Ordering {
        self.hit.order().cmp(&other.hit.order())
    }
}
