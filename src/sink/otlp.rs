//! OTLP over HTTP: a log record an alert, as JSON.
//!
//! One record a request, so that a partial success, which does not say which records were refused, says it of one.

use anyhow::anyhow;
use reqwest::header::HeaderMap;
use serde::Deserialize;
use serde_json::{Value, json};

use super::http::{Answer, Auth, Client, Endpoint, Headers, Tls};
use super::settings::{FileSetting, settings};
use super::single::{Single, one_by_one};
use super::{Route, SendError, Sink, json_line, without_event};
use crate::alert::{Alert, Severity};
use crate::terminal::escape_terminal;

/// Where logs are posted to, below the configured address.
const LOGS_PATH: &str = "v1/logs";

/// One collector.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The collector's address, without or with `/v1/logs`.
    pub url: Endpoint,
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

settings!(Otlp, to: |config| config.url.origin().to_owned(), files: |config| [
    FileSetting::of_auth(&mut config.auth),
    FileSetting::of_tls(&mut config.tls),
]);

/// Posts each alert by itself.
#[derive(Debug)]
pub struct Otlp {
    client: Client,
}

impl Otlp {
    /// Prepares the sink. Fails when a file is missing or useless.
    pub fn new(config: &Config) -> anyhow::Result<Self> {
        let endpoint = config.url.without(&format!("/{LOGS_PATH}"));
        Ok(Self { client: Client::new(&endpoint, &config.headers, &config.auth, &config.tls)? })
    }
}

impl Single for Otlp {
    async fn send_one(&mut self, alert: &Alert) -> Result<(), SendError> {
        let body = request(alert).map_err(|error| SendError::Reject(error.into()))?;
        taken(self.client.post_json(LOGS_PATH, HeaderMap::new(), &body).await?)
    }
}

impl Sink for Otlp {
    async fn send(&mut self, alerts: &[Alert]) -> Result<(), SendError> {
        one_by_one(self, alerts).await
    }

    /// Sends a request without a record, which a collector takes.
    async fn check(&self) -> anyhow::Result<String> {
        taken(self.client.post_json(LOGS_PATH, HeaderMap::new(), &json!({"resourceLogs": []})).await?)?;
        Ok(format!("{} takes logs", self.client.origin()))
    }
}

/// Whether the record was taken.
fn taken(answer: Answer) -> Result<(), SendError> {
    if !answer.is_success() {
        return Err(answer.into_error());
    }
    let partly = &answer.json()["partialSuccess"];
    // A 64-bit number is a string in this JSON.
    let rejected = partly["rejectedLogRecords"].as_str().and_then(|text| text.parse().ok());
    match rejected.or(partly["rejectedLogRecords"].as_u64()) {
        None | Some(0_u64) => Ok(()),
        Some(_) => {
            let reason = escape_terminal(partly["errorMessage"].as_str().unwrap_or("no reason given")).into_owned();
            Err(SendError::Reject(anyhow!("the record was refused: {reason}")))
        }
    }
}

fn request(alert: &Alert) -> serde_json::Result<Value> {
    let nanoseconds = |micros: i64| micros.saturating_mul(1000).to_string();
    let (number, text) = severity(alert.severity);
    let record = json!({
        "timeUnixNano": nanoseconds(alert.last_seen.micros()),
        "observedTimeUnixNano": jiff::Timestamp::now().as_nanosecond().to_string(),
        "severityNumber": number,
        "severityText": text,
        "eventName": "gatecrier.alert",
        "body": {"stringValue": alert.summary},
        "attributes": attributes(alert)?,
    });
    let resource = [attribute("service.name", "gatecrier"), attribute("k8s.cluster.name", &alert.cluster)];
    let scope = json!({"name": "gatecrier", "version": env!("CARGO_PKG_VERSION")});
    let logs = json!([{"scope": scope, "logRecords": [record]}]);
    Ok(json!({"resourceLogs": [{"resource": {"attributes": resource}, "scopeLogs": logs}]}))
}

/// By the names of the semantic conventions where there are some; the whole alert, but for the event, goes along.
fn attributes(alert: &Alert) -> serde_json::Result<Vec<Value>> {
    let actor = alert.actor.as_ref();
    let request = alert.request.as_ref();
    let whole = json_line(&without_event(alert))?;
    let (revision, count) = (alert.revision.to_string(), alert.count.to_string());
    let fields = [
        ("gatecrier.alert.id", Some(&alert.id)),
        ("gatecrier.alert.revision", Some(&revision)),
        ("gatecrier.alert.count", Some(&count)),
        ("gatecrier.alert.json", Some(&whole)),
        ("security_rule.name", Some(&alert.rule.id)),
        ("client.address", alert.client.as_ref().and_then(|client| client.ip.as_ref())),
        ("user.name", actor.map(|actor| &actor.name)),
        ("user_agent.original", actor.and_then(|actor| actor.user_agent.as_ref())),
        ("k8s.namespace.name", request.map(|request| &request.namespace)),
        ("gatecrier.resource", request.map(|request| &request.resource)),
        ("gatecrier.outcome", request.map(|request| &request.outcome)),
    ];
    let said = fields.into_iter().filter_map(|(name, value)| Some((name, value?)));
    Ok(said.filter(|(_, value)| !value.is_empty()).map(|(name, value)| attribute(name, value)).collect())
}

fn attribute(key: &str, value: &str) -> Value {
    json!({"key": key, "value": {"stringValue": value}})
}

fn severity(severity: Severity) -> (u8, &'static str) {
    let number = match severity {
        Severity::Info => 9,
        Severity::Low => 10,
        Severity::Medium => 13,
        Severity::High => 17,
        Severity::Critical => 21,
    };
    (number, severity.word())
}
