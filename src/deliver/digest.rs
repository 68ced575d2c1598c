//! Many alerts as one, with counts.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};

use crate::alert::{Alert, AlertRule, Reason, Severity, Status};

/// Rules that are named with their counts. Beyond it they are counted together: there are as many rules as there are,
/// so this is for people, not for memory.
const RULES_MAX: usize = 8;
/// Rules that are counted apart. Beyond it, together.
const COUNTED_MAX: usize = 1000;

/// Counts of alerts.
#[derive(Debug, Default)]
pub(super) struct Digest {
    count: usize,
    requests: u64,
    rules: BTreeMap<String, (usize, Severity)>,
    severities: BTreeMap<Severity, usize>,
    /// The first of the gravest.
    gravest: Option<Box<Alert>>,
    span: Option<(crate::event::Timestamp, crate::event::Timestamp)>,
    several_clusters: bool,
    ids: Sha256,
}

impl Digest {
    pub(super) fn add(&mut self, alert: &Alert) {
        self.count += 1;
        self.requests = self.requests.saturating_add(alert.count);
        self.ids.update(alert.key().as_bytes());
        let is_counted = self.rules.len() < COUNTED_MAX || self.rules.contains_key(&alert.rule.id);
        let rule = if is_counted { alert.rule.id.as_str() } else { "others" };
        let (count, severity) = self.rules.entry(rule.to_owned()).or_insert((0, alert.severity));
        (*count, *severity) = (*count + 1, alert.severity.max(*severity));
        *self.severities.entry(alert.severity).or_default() += 1;
        let (first, last) = self.span.get_or_insert((alert.first_seen, alert.last_seen));
        (*first, *last) = (alert.first_seen.min(*first), alert.last_seen.max(*last));
        if let Some(gravest) = &self.gravest {
            self.several_clusters |= gravest.cluster != alert.cluster;
        }
        if self.gravest.as_ref().is_none_or(|gravest| gravest.severity < alert.severity) {
            self.gravest = Some(Box::new(Alert { evidence: None, ..alert.clone() }));
        }
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// One alert that stands for all of them; nothing when there were none. It is closed from the beginning, as it
    /// counts no further.
    pub(super) fn into_alert(self) -> Option<Alert> {
        let gravest = *self.gravest?;
        let (first_seen, last_seen) = self.span?;
        let mut rules: Vec<(String, (usize, Severity))> = self.rules.into_iter().collect();
        rules.sort_by_key(|(_, (count, severity))| Reverse((*severity, *count)));
        let counts = |(rule, (count, _)): &(String, (usize, Severity))| format!("{count} × {rule}");
        let mut named: Vec<String> = rules.iter().take(RULES_MAX).map(counts).collect();
        let others: usize = rules.iter().skip(RULES_MAX).map(|(_, (count, _))| count).sum();
        named.extend((others > 0).then(|| format!("{others} of other rules")));
        let severities: Vec<String> =
            self.severities.iter().rev().map(|(severity, count)| format!("{count} {severity}")).collect();
        let count = self.count;
        let text = format!(
            "{count} alerts at once ({}): {}. The gravest: {}",
            severities.join(", "),
            named.join(", "),
            gravest.summary
        );
        let reason = |(rule, (count, severity)): (String, (usize, Severity))| Reason {
            text: format!("{count} alerts of the rule {rule}"),
            subject: format!("{count} alerts"),
            rule,
            severity,
            matched: Vec::new(),
            unusual: None,
        };
        Some(Alert {
            id: self.ids.finalize().iter().map(|byte| format!("{byte:02x}")).collect(),
            revision: 1,
            status: Status::Closed,
            severity: gravest.severity,
            rule: AlertRule::new("flood", "Many alerts at once", &[]),
            subject: format!("{count} alerts"),
            summary: text,
            reasons: rules.into_iter().take(RULES_MAX).map(reason).collect(),
            cluster: if self.several_clusters { "several clusters".to_owned() } else { gravest.cluster },
            first_seen,
            last_seen,
            count: self.requests,
            client: None,
            actor: None,
            request: None,
            events: Vec::new(),
            evidence: None,
            suppressions: Vec::new(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::sample;

    #[test]
    fn a_digest_counts_by_rule_and_names_the_gravest() {
        let mut digest = Digest::default();
        for number in 0..1000 {
            let mut alert = sample::alert(&number.to_string(), 1);
            (alert.severity, alert.rule.id) = (Severity::Low, "exposed".to_owned());
            digest.add(&alert);
        }
        digest.add(&sample::alert("grave", 1));
        assert_eq!(digest.count(), 1001);
        let alert = digest.into_alert().unwrap();
        assert_eq!(
            alert.summary,
            "1001 alerts at once (1 high, 1000 low): 1 × outside-trusted-networks, 1000 × exposed. \
             The gravest: eve read secrets from 203.0.113.7"
        );
        assert_eq!((alert.severity, alert.count, alert.id.len()), (Severity::High, 1001, 64));
        assert_eq!(Digest::default().into_alert(), None);
    }
}
