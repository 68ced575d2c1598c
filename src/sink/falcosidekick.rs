//! Receivers that understand Falco's events as falcosidekick takes them: one alert a request.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::facts::turn;
use super::http::{Answer, Auth, Client, Endpoint, Headers, Tls};
use super::messages::Messages;
use super::settings::{FileSetting, settings};
use super::single::{Single, one_by_one};
use super::text::cut;
use super::{Route, SendError, Sink};
use crate::alert::{Alert, Severity};

/// Most characters of a field. What stands behind a falcosidekick are chats and pagers with limits of their own.
const FIELD_MAX: usize = 2000;

/// One receiver.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where events are posted.
    pub url: Endpoint,
    /// Whether to say that an alert is over. What it was about was said before.
    #[serde(default)]
    pub closings: bool,
    /// Headers to add.
    #[serde(default)]
    pub headers: Headers,
    /// How we say who we are.
    #[serde(default)]
    pub auth: Auth,
    /// Whom we believe, and our certificate.
    #[serde(default)]
    pub tls: Tls,
    /// Mildest severity to send; nothing sends all.
    #[serde(default)]
    pub min_severity: Option<Severity>,
    /// Whether reading the logs pauses rather than lose an alert for this sink when the outbox is full.
    #[serde(default)]
    pub required: bool,
    /// Which alerts, when, and how many at a time.
    #[serde(default)]
    pub route: Route,
}

settings!(Falcosidekick, to: |config| config.url.origin().to_owned(), files: |config| [
    FileSetting::of_auth(&mut config.auth),
    FileSetting::of_tls(&mut config.tls),
]);

/// Posts each alert by itself.
#[derive(Debug)]
pub struct Falcosidekick(Messages);

impl Falcosidekick {
    /// Prepares the sink. Fails when a file is missing or useless.
    pub fn new(config: &Config) -> anyhow::Result<Self> {
        let client = Client::new(&config.url, &config.headers, &config.auth, &config.tls)?;
        Ok(Self(Messages::new(client, config.closings)))
    }
}

impl Single for Falcosidekick {
    async fn send_one(&mut self, alert: &Alert) -> Result<(), SendError> {
        self.0.post(alert, event, taken).await
    }
}

impl Sink for Falcosidekick {
    async fn send(&mut self, alerts: &[Alert]) -> Result<(), SendError> {
        one_by_one(self, alerts).await
    }

    /// Connects without sending an event.
    async fn check(&self) -> anyhow::Result<String> {
        self.0.reach().await
    }
}

fn taken(answer: Answer) -> Result<(), SendError> {
    if answer.is_success() { Ok(()) } else { Err(answer.into_error()) }
}

fn event(alert: &Alert) -> Value {
    let turn = turn(alert).map_or(String::new(), |turn| format!(" ({turn})"));
    let tags: Vec<String> =
        ["k8s", "audit"].iter().map(|tag| (*tag).to_owned()).chain(alert.rule.techniques.clone()).collect();
    json!({
        "uuid": uuid(alert),
        "output": unbracketed(&format!("{}{turn}", alert.summary)),
        "priority": priority(alert.severity),
        "rule": unbracketed(&alert.rule.id),
        "time": alert.last_seen.to_string(),
        "source": "k8s_audit",
        "tags": tags,
        "hostname": unbracketed(&alert.cluster),
        "output_fields": fields(alert),
    })
}

/// By the names that Falco's own audit rules use, as far as there are some.
fn fields(alert: &Alert) -> BTreeMap<&'static str, Value> {
    let actor = alert.actor.as_ref();
    let request = alert.request.as_ref();
    let text =
        |value: Option<&String>| value.filter(|value| !value.is_empty()).map(|value| Value::from(unbracketed(value)));
    let fields = [
        ("ka.user.name", text(actor.map(|actor| &actor.name))),
        ("ka.useragent", text(actor.and_then(|actor| actor.user_agent.as_ref()))),
        ("ka.sourceips", text(alert.client.as_ref().and_then(|client| client.ip.as_ref()))),
        ("ka.verb", text(request.map(|request| &request.verb))),
        ("ka.uri", text(request.map(|request| &request.uri))),
        ("ka.target.resource", text(request.map(|request| &request.resource))),
        ("ka.target.namespace", text(request.map(|request| &request.namespace))),
        ("ka.target.name", text(request.map(|request| &request.name))),
        ("ka.response.code", request.and_then(|request| request.code).map(|code| Value::from(code.to_string()))),
        ("ka.auditid", text(alert.events.first().map(|event| &event.audit_id))),
        ("gatecrier.id", Some(alert.id.clone().into())),
        ("gatecrier.revision", Some(alert.revision.into())),
        ("gatecrier.count", Some(alert.count.into())),
    ];
    fields.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

/// The same for a revision whenever it is sent again. Ids are hexadecimal; the revision takes the place of the last digits.
fn uuid(alert: &Alert) -> String {
    let hex = alert.id.chars().filter(char::is_ascii_hexdigit).chain(std::iter::repeat('0'));
    let hex: String = hex.take(22).collect();
    let (a, b, c, d, e) = (&hex[..8], &hex[8..12], &hex[12..15], &hex[15..18], &hex[18..]);
    format!("{a}-{b}-4{c}-8{d}-{e}{:08x}", alert.revision)
}

fn priority(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "Informational",
        Severity::Low => "Notice",
        Severity::Medium => "Warning",
        Severity::High => "Error",
        Severity::Critical => "Critical",
    }
}

/// What stands behind puts these into chats as they are: no angle bracket, no mention.
fn unbracketed(text: &str) -> String {
    cut(text, FIELD_MAX).replace('<', "‹").replace('>', "›")
}
