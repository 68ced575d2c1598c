//! Between judges and throttle: what is expected is counted and left out.

use std::cell::OnceCell;

use super::held::Held;
use super::{Analyzer, Output};
use crate::detect::Finding;
use crate::hit::Hit;
use crate::request::Key;
use crate::suppress::{Suppressed, Suppressions};

impl Analyzer {
    /// Lets judges see a hit, and marks what is suppressed of what is found. They see that too, as what is expected.
    pub(super) fn judge(&mut self, held: &mut Held) {
        mark(&self.suppressions, held);
        if !self.throttle.was_judged(&held.hit) {
            let mark = marker(&self.suppressions, held);
            let mut added = self.judges.judge(&held.hit, self.throttle.requests(), &mark);
            drop(mark);
            held.hit.findings.append(&mut added);
        }
    }

    /// Takes out what is marked, and counts it once a request.
    pub(super) fn leave_out(&mut self, hit: &mut Hit, out: &mut Output) {
        for finding in hit.findings.extract_if(.., |finding| finding.covered.is_some()) {
            let Some(by) = finding.covered else { continue };
            let (rule, subject) = (finding.rule.id.as_bytes(), finding.subject.as_bytes());
            let thing = Key::of(&[b"suppressed", rule, subject, by.as_bytes()]);
            if self.throttle.requests().counts(hit.keys.request, hit.received, thing) {
                out.suppressed.push(Suppressed { by, rule: finding.rule });
            }
        }
    }

    /// Takes what no event raised.
    pub(super) fn take_unraised(&mut self, hit: Hit, fullness: f32, out: &mut Output) {
        let mut held = Held::from(hit);
        mark(&self.suppressions, &mut held);
        self.leave_out(&mut held.hit, out);
        if !held.hit.findings.is_empty() {
            self.throttle.take(*held.hit, fullness, &mut out.alerts);
        }
    }
}

/// Marks what is suppressed of what a hit has.
fn mark(suppressions: &Suppressions, held: &mut Held) {
    let mut findings = std::mem::take(&mut held.hit.findings);
    findings.iter_mut().for_each(marker(suppressions, held));
    held.hit.findings = findings;
}

/// Marks findings about a hit that are suppressed. The hit is described only if an entry may cover one.
fn marker<'a>(suppressions: &'a Suppressions, held: &'a Held) -> impl Fn(&mut Finding) + 'a {
    let description = OnceCell::new();
    move |finding| {
        let rule = &finding.rule.id;
        if suppressions.concern(rule) {
            let hit = &held.hit;
            let shown = description.get_or_init(|| held.description()).shown();
            finding.covered = suppressions.covering(rule, shown, &hit.cluster, hit.time).cloned();
        }
    }
}
