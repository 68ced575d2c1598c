//! An alert as Alertmanager takes it: labels that we choose, and everything a client wrote in annotations.

use std::collections::BTreeMap;

use anyhow::bail;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::Config;
use crate::alert::{Alert, Severity, Status};
use crate::sink::text::shape;

/// Labels that are ours.
const OWN_LABELS: [&str; 5] = ["alert_id", "alertname", "cluster", "job", "severity"];
/// Most UTF-16 units of an annotation. Beyond it, it is cut: what templates make of it ends up in a chat.
const ANNOTATION_MAX: usize = 2000;

/// Makes alerts.
#[derive(Debug)]
pub(super) struct Body {
    labels: BTreeMap<String, String>,
    severities: BTreeMap<Severity, String>,
    hold: SignedDuration,
    resolve_after: SignedDuration,
}

impl Body {
    pub(super) fn new(config: &Config) -> anyhow::Result<Self> {
        config.labels.iter().try_for_each(|(name, value)| check_label(name, value))?;
        if config.severities.values().any(|word| word.is_empty()) {
            bail!("`severities` holds an empty word");
        }
        Ok(Self {
            labels: config.labels.clone(),
            severities: config.severities.clone(),
            hold: SignedDuration::try_from(config.hold)?,
            resolve_after: SignedDuration::try_from(config.resolve_after)?,
        })
    }

    /// The alert, firing until its `endsAt`.
    pub(super) fn alert(&self, alert: &Alert, now: Timestamp) -> Value {
        let hold = if alert.status == Status::Open { self.hold } else { self.resolve_after };
        self.fires_until(alert, alert.severity, now, now.saturating_add(hold).unwrap_or(Timestamp::MAX))
    }

    /// The end of what was said of the alert when it had another severity.
    pub(super) fn ended(&self, alert: &Alert, severity: Severity, now: Timestamp) -> Value {
        self.fires_until(alert, severity, now, now)
    }

    fn fires_until(&self, alert: &Alert, severity: Severity, now: Timestamp, end: Timestamp) -> Value {
        // What begins after it ends is refused, and the API server's clock may be ahead of ours.
        let start = Timestamp::from_microsecond(alert.first_seen.micros()).unwrap_or(now).min(now);
        json!({
            "labels": self.labels(alert, severity),
            "annotations": annotations(alert),
            "startsAt": start.to_string(),
            "endsAt": end.to_string(),
        })
    }

    fn labels<'a>(&'a self, alert: &'a Alert, severity: Severity) -> BTreeMap<&'a str, &'a str> {
        let mut labels: BTreeMap<&str, &str> =
            self.labels.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        labels.insert("alertname", &alert.rule.id);
        labels.insert("severity", self.severities.get(&severity).map_or(severity.word(), String::as_str));
        labels.insert("cluster", &alert.cluster);
        labels.insert("job", "gatecrier");
        labels.insert("alert_id", &alert.id);
        labels
    }
}

fn annotations(alert: &Alert) -> BTreeMap<&'static str, String> {
    let reasons: Vec<&str> = alert.reasons.iter().map(|reason| reason.text.as_str()).collect();
    let client = alert.client.as_ref();
    let actor = alert.actor.as_ref();
    let request = |field: fn(&crate::alert::Request) -> &String| alert.request.as_ref().map(field).cloned();
    let fields = [
        ("summary", Some(alert.summary.clone())),
        ("description", Some(reasons.join("; "))),
        ("title", Some(alert.rule.title.clone())),
        ("techniques", Some(alert.rule.techniques.join(", "))),
        ("revision", Some(alert.revision.to_string())),
        ("count", Some(alert.count.to_string())),
        ("first_seen", Some(alert.first_seen.to_string())),
        ("last_seen", Some(alert.last_seen.to_string())),
        ("client_ip", client.and_then(|client| client.ip.clone())),
        ("zone", client.and_then(|client| client.zone.clone())),
        ("actor", actor.map(|actor| actor.name.clone())),
        ("user_agent", actor.and_then(|actor| actor.user_agent.clone())),
        ("action", request(|request| &request.action)),
        ("resource", request(|request| &request.resource)),
        ("namespace", request(|request| &request.namespace)),
        ("name", request(|request| &request.name)),
        ("outcome", request(|request| &request.outcome)),
    ];
    let said =
        fields.into_iter().filter_map(|(name, value)| Some((name, value?))).filter(|(_, value)| !value.is_empty());
    said.map(|(name, value)| (name, shape(&value, ANNOTATION_MAX, push_unbracketed))).collect()
}

/// Alertmanager's templates put annotations into chats as they are. Between angle brackets stand what chats take for
/// mentions and links, and no name in Kubernetes holds one: they become the quotation marks that look like them.
fn push_unbracketed(character: char, out: &mut String) {
    out.push(match character {
        '<' => '‹',
        '>' => '›',
        other => other,
    });
}

fn check_label(name: &str, value: &str) -> anyhow::Result<()> {
    let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && name.bytes().next().is_some_and(|byte| !byte.is_ascii_digit());
    if !is_name {
        bail!("`labels`: `{}` cannot be a label: use letters, digits and `_`", name.escape_debug());
    }
    if OWN_LABELS.contains(&name) {
        bail!("`labels`: `{name}` is set by Gatecrier: choose another name");
    }
    if value.is_empty() {
        bail!("`labels`: the value of `{name}` is empty, which to Alertmanager is no label");
    }
    Ok(())
}
