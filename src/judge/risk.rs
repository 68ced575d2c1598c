//! Many weak signs of one identity are one strong sign.
//!
//! Each finding about an identity adds to its risk, and the risk fades by half every two hours. What the same rule says
//! again adds nothing: what counts is how many different things are found. When it rises beyond a bar, that is raised
//! once, with what made it up in its order, as one incident.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

use super::recent::Recent;
use super::{Case, Judge};
use crate::alert::{EventRef, Severity};
use crate::detect::{Finding, Findings, Rule};
use crate::event::Timestamp;

/// Seconds in which risk fades by half.
const HALF_LIFE_SECONDS: f64 = 2.0 * 3600.0;

/// What a finding weighs, by its severity. Two high ones, or one and a few medium ones, are an incident.
const WEIGHTS: [(Severity, f64); 5] = [
    (Severity::Info, 0.0),
    (Severity::Low, 10.0),
    (Severity::Medium, 25.0),
    (Severity::High, 50.0),
    (Severity::Critical, 80.0),
];

/// Most that all low signs weigh together. Whoever installs much gives many; something graver has to be among them.
const LOW_MAX: f64 = 40.0;

/// Risk beyond which an incident is raised.
const BAR: f64 = 90.0;

/// Risk at or below which the incident is over, and may be raised again.
const OVER: f64 = 40.0;

/// Identities of one generation. Beyond it those idle longest begin anew.
const IDENTITIES_MAX: usize = 4096;

/// Most signs of one identity. Beyond it the oldest is no longer named.
const SIGNS_MAX: usize = 16;

/// One rule's findings about an identity.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Sign {
    rule: String,
    title: String,
    severity: Severity,
    time: Timestamp,
    event: Option<EventRef>,
}

/// One identity.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Identity {
    signs: Vec<Sign>,
    /// It is raised, and not over yet.
    raised: bool,
}

impl Identity {
    /// What all signs weigh by now.
    fn risk(&self, now: Timestamp) -> f64 {
        let faded = |sign: &Sign| {
            let seconds = now.micros().saturating_sub(sign.time.micros()).max(0) as f64 / 1e6;
            weight(sign.severity) * 0.5f64.powf(seconds / HALF_LIFE_SECONDS)
        };
        let (low, graver): (Vec<_>, Vec<_>) = self.signs.iter().partition(|sign| sign.severity <= Severity::Low);
        let sum = |signs: Vec<&Sign>| signs.into_iter().map(faded).sum::<f64>();
        sum(low).min(LOW_MAX) + sum(graver)
    }

    /// Notes a finding; whether it is a new sign, or a graver one.
    fn note(&mut self, finding: &Finding, case: &Case<'_>) -> bool {
        let new = |sign: &Sign| sign.rule != finding.rule.id;
        let graver = self.signs.iter().find(|sign| !new(sign)).is_none_or(|sign| sign.severity < finding.severity);
        if !graver {
            return false;
        }
        self.signs.retain(new);
        if self.signs.len() >= SIGNS_MAX {
            self.signs.remove(0);
        }
        self.signs.push(Sign {
            rule: finding.rule.id.clone(),
            title: finding.rule.title.clone(),
            severity: finding.severity,
            time: case.time,
            event: case.event.cloned(),
        });
        true
    }

    /// Forgets what has faded.
    fn fade(&mut self, now: Timestamp) {
        let day = 24 * 3600;
        self.signs.retain(|sign| sign.time.plus_seconds(day) >= now);
        self.raised &= self.risk(now) > OVER;
    }
}

fn weight(severity: Severity) -> f64 {
    WEIGHTS.iter().find(|(known, _)| *known == severity).map_or(0.0, |(_, weight)| *weight)
}

/// Adds up.
pub(super) struct Risk {
    rule: Arc<Rule>,
    identities: Recent<Identity>,
}

impl Default for Risk {
    fn default() -> Self {
        let rule = Rule::new("identity-at-risk", "Many signs point to one identity", &["T1078"]);
        Self { rule, identities: Recent::new(IDENTITIES_MAX) }
    }
}

impl Judge for Risk {
    fn id(&self) -> &str {
        &self.rule.id
    }

    fn shape(&self) -> String {
        "1".to_owned()
    }

    fn judge(&mut self, case: &Case<'_>, verdict: &mut Findings) {
        // Who came without a credential is nobody; what only counts is no sign yet, what is about something else, such
        // as the API server itself, is none of his, and what is suppressed is expected.
        let is_his = |finding: &&Finding| {
            finding.rule.threshold.is_none() && finding.covered.is_none() && finding.subject.contains(case.who)
        };
        // What is found in one request has one cause: the gravest counts.
        let gravest = case.findings().filter(is_his).max_by_key(|finding| (finding.severity, &finding.rule.id));
        let Some(sign) = gravest.filter(|sign| weight(sign.severity) > 0.0 && !case.who.is_empty()) else { return };
        let identity = self.identities.entry(case.who, Identity::default);
        identity.fade(case.time);
        let changed = identity.note(sign, case);
        let risk = identity.risk(case.time);
        if !changed || identity.raised || identity.signs.len() < 2 || risk < BAR {
            return;
        }
        identity.raised = true;
        let titles: Vec<_> = identity.signs.iter().map(|sign| sign.title.as_str()).collect();
        let gravest = identity.signs.iter().map(|sign| sign.severity).max().unwrap_or(Severity::Medium);
        let text = format!("{} signs point to {} (risk {risk:.0}): {}", titles.len(), case.who, titles.join("; then "));
        let mut finding = Finding::new(&self.rule, case.who.to_owned(), gravest.max(Severity::High), text);
        finding.events = identity.signs.iter().filter_map(|sign| sign.event.clone()).collect();
        verdict.push(finding);
    }

    fn save(&self) -> serde_json::Result<Box<RawValue>> {
        to_raw_value(&self.identities)
    }

    fn load(&mut self, memory: &RawValue) -> serde_json::Result<()> {
        self.identities = serde_json::from_str(memory.get())?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn low_signs_alone_are_no_incident_however_many() {
        let sign = |severity, number: usize| Sign {
            rule: number.to_string(),
            title: String::new(),
            severity,
            time: Timestamp::default(),
            event: None,
        };
        let mut identity = Identity::default();
        identity.signs.extend((0..SIGNS_MAX).map(|number| sign(Severity::Low, number)));
        assert!(identity.risk(Timestamp::default()) < BAR);
        identity.signs.push(sign(Severity::High, SIGNS_MAX));
        assert!(identity.risk(Timestamp::default()) >= BAR);
    }
}
