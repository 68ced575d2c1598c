//! One open alert: what was said of it and what has come since.

use serde::{Deserialize, Serialize};

use super::{DAY_SECONDS, Hit, Pair, QUIET_SECONDS};
use crate::alert::suppression::Shown;
use crate::alert::{Alert, AlertRule, EventRef, Reason, Request, Status, Suppression};
use crate::detect::{Credit, Finding, Rule};
use crate::event::Timestamp;
use crate::request::Key;

/// Most events named by an alert: the first, and the newest.
const EVENTS_MAX: usize = 16;

/// Most reasons an alert carries. Beyond it further ones are counted only.
const REASONS_MAX: usize = 16;

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Open {
    pub(super) alert: Alert,
    pub(super) pairs: Vec<Pair>,
    /// It stands for many subjects.
    pub(super) folds: bool,
    /// Some request in it succeeded.
    pub(super) success: bool,
    /// The request that client, actor and request show: the gravest so far.
    shown: Key,
    /// How many were counted when it was last said.
    said: u64,
}

impl Open {
    /// The alert that these findings of one hit found, gravest first.
    pub(super) fn found(id: &str, findings: &[&Finding], hit: &Hit, folds: bool) -> Self {
        let gravest = findings[0];
        let rule = &gravest.rule;
        let alert = Alert {
            id: id.to_owned(),
            revision: 0,
            status: Status::Open,
            severity: gravest.severity,
            rule: alert_rule(rule),
            subject: gravest.subject.clone(),
            summary: gravest.text.clone(),
            reasons: findings.iter().take(REASONS_MAX).map(|finding| reason(finding)).collect(),
            cluster: hit.cluster.to_string(),
            first_seen: hit.time,
            last_seen: hit.time,
            count: u64::from(rule.threshold.map_or(1, |threshold| threshold.count)),
            client: hit.client.clone(),
            actor: hit.actor.clone(),
            request: hit.request.clone(),
            events: events(findings, hit),
            evidence: hit.evidence.clone(),
            suppressions: findings.iter().take(REASONS_MAX).filter_map(|finding| proposed(finding, hit)).collect(),
        };
        let pairs = findings.iter().map(|finding| Pair::of(finding)).collect();
        Self { alert, pairs, folds, success: hit.success, shown: hit.keys.request, said: 0 }
    }

    /// Counts one more event; `fresh` when its request was not counted yet. Says whether that is worth a revision.
    pub(super) fn count(&mut self, finding: &Finding, hit: &Hit, fresh: bool) -> bool {
        let news = self.join(finding, hit);
        self.alert.count += u64::from(fresh);
        news || (fresh && is_round(self.alert.count))
    }

    /// Whether a finding would only be counted: nothing about it would be said that was not said before.
    pub(super) fn only_counts(&self, finding: &Finding, hit: &Hit) -> bool {
        let known = |reason: &&Reason| reason.rule == finding.rule.id && reason.subject == finding.subject;
        let known = self.alert.reasons.iter().find(known).is_some_and(|reason| finding.severity <= reason.severity);
        known
            && finding.severity <= self.alert.severity
            && self.shown != hit.keys.request
            && !(hit.success && self.folds)
    }

    /// Takes in a finding of a request that is counted already. Says whether that is worth a revision.
    pub(super) fn join(&mut self, finding: &Finding, hit: &Hit) -> bool {
        self.success |= hit.success;
        self.alert.first_seen = self.alert.first_seen.min(hit.time);
        self.alert.last_seen = self.alert.last_seen.max(hit.time);
        finding.events.iter().chain(&hit.event).for_each(|event| self.note_event(event));
        let graver = finding.severity > self.alert.severity;
        let new_reason = self.note_reason(finding, hit);
        let later_outcome = self.shown == hit.keys.request && outcome(&self.alert.request) != outcome(&hit.request);
        if graver || later_outcome {
            self.shown = hit.keys.request;
            self.alert.client.clone_from(&hit.client);
            self.alert.actor.clone_from(&hit.actor);
            self.alert.request.clone_from(&hit.request);
        }
        if graver {
            self.alert.severity = finding.severity;
            self.alert.summary.clone_from(&finding.text);
        }
        graver || new_reason || later_outcome
    }

    fn note_event(&mut self, event: &EventRef) {
        if self.alert.events.contains(event) {
            return;
        }
        if self.alert.events.len() >= EVENTS_MAX {
            self.alert.events.remove(1);
        }
        self.alert.events.push(event.clone());
    }

    /// Adds the finding to the reasons, or lets its graver or later form stand for what is there. Says whether it is a
    /// new one.
    fn note_reason(&mut self, finding: &Finding, hit: &Hit) -> bool {
        let same = |reason: &&mut Reason| reason.rule == finding.rule.id && reason.subject == finding.subject;
        if let Some(known) = self.alert.reasons.iter_mut().find(same) {
            let later = self.shown == hit.keys.request && finding.severity == known.severity;
            if later || finding.severity > known.severity {
                let known = std::mem::replace(known, reason(finding));
                if known.text == self.alert.summary {
                    self.alert.summary.clone_from(&finding.text);
                }
            }
            return false;
        }
        if self.folds {
            return false;
        }
        let pair = Pair::of(finding);
        if !self.pairs.contains(&pair) {
            self.pairs.push(pair);
        }
        let room = self.alert.reasons.len() < REASONS_MAX;
        if room {
            self.alert.reasons.push(reason(finding));
            self.alert.suppressions.extend(proposed(finding, hit));
        }
        room
    }

    /// Event time at which it closes if nothing more comes.
    pub(super) fn due(&self) -> Timestamp {
        let quiet = self.alert.last_seen.plus_seconds(QUIET_SECONDS);
        quiet.min(self.alert.first_seen.plus_seconds(DAY_SECONDS))
    }

    pub(super) fn has_unsaid(&self) -> bool {
        self.alert.count > self.said
    }

    /// The next revision.
    pub(super) fn say(&mut self) -> Alert {
        self.alert.revision += 1;
        self.said = self.alert.count;
        self.alert.clone()
    }

    /// The last revision.
    pub(super) fn close(mut self) -> Alert {
        self.alert.status = Status::Closed;
        self.say()
    }
}

/// What the findings stand on, in the order of time, and the event itself last. Of more than fit, the newest.
fn events(findings: &[&Finding], hit: &Hit) -> Vec<EventRef> {
    let mut events: Vec<EventRef> = Vec::new();
    for event in findings.iter().flat_map(|finding| &finding.events).chain(&hit.event) {
        if !events.contains(event) {
            events.push(event.clone());
        }
    }
    events.sort_by_key(|event| event.time);
    events.drain(..events.len().saturating_sub(EVENTS_MAX));
    events
}

fn outcome(request: &Option<Request>) -> Option<&str> {
    request.as_ref().map(|request| request.outcome.as_str())
}

fn reason(finding: &Finding) -> Reason {
    Reason {
        rule: finding.rule.id.clone(),
        subject: finding.subject.clone(),
        severity: finding.severity,
        text: finding.text.clone(),
        matched: finding.matched.clone(),
        unusual: finding.unusual.as_deref().cloned(),
    }
}

/// The suppression that would have covered a finding.
fn proposed(finding: &Finding, hit: &Hit) -> Option<Suppression> {
    let shown = Shown { client: hit.client.as_ref(), actor: hit.actor.as_ref(), request: hit.request.as_ref() };
    Suppression::proposed(&finding.rule.id, &hit.cluster, shown, hit.time)
}

fn alert_rule(rule: &Rule) -> AlertRule {
    let Credit { author, license, references, false_positives, runbook } = rule.credit.clone();
    AlertRule {
        id: rule.id.clone(),
        title: rule.title.clone(),
        techniques: rule.techniques.clone(),
        author,
        license,
        references,
        false_positives,
        runbook,
    }
}

/// 10, 100, 1,000 and so on.
fn is_round(count: u64) -> bool {
    count >= 10 && 10u64.checked_pow(count.ilog10()) == Some(count)
}
