//! Alerts about ourselves: what was lost or damaged on our own side.

use crate::alert::{Alert, AlertRule, Reason, Severity, Status};
use crate::event::Timestamp;
use crate::request::Key;

/// An alert that no record raised. The same words about the same thing at the same time have the same id.
pub(super) fn alert(cluster: &str, rule: &str, subject: &str, text: String, now: Timestamp) -> Alert {
    let severity = Severity::High;
    let id = Key::of(&[rule.as_bytes(), subject.as_bytes(), text.as_bytes(), now.to_string().as_bytes()]);
    let reason = Reason {
        rule: rule.to_owned(),
        subject: subject.to_owned(),
        severity,
        text: text.clone(),
        matched: Vec::new(),
        unusual: None,
    };
    Alert {
        id: id.to_string(),
        revision: 1,
        status: Status::Closed,
        severity,
        rule: AlertRule::new(rule, title(rule), &[]),
        subject: subject.to_owned(),
        summary: text,
        reasons: vec![reason],
        cluster: cluster.to_owned(),
        first_seen: now,
        last_seen: now,
        count: 1,
        client: None,
        actor: None,
        request: None,
        events: vec![],
        evidence: None,
        suppressions: Vec::new(),
    }
}

fn title(rule: &str) -> &'static str {
    match rule {
        "reload-failed" => "The changed configuration cannot be used",
        _ => "Gatecrier's own state was damaged or full",
    }
}

/// The wall clock.
pub(super) fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}
