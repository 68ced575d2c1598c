//! PagerDuty's Events API v2: one incident an alert, from its first revision to its last.
//!
//! The alert's id is the deduplication key, so that whatever is sent again adds to what is there.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::bail;
use reqwest::header::HeaderMap;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::calls::{Call, Calls};
use super::facts::facts;
use super::http::{Answer, Auth, Client, Endpoint, Headers, Tls};
use super::settings::{FileSetting, settings};
use super::single::{Single, one_by_one};
use super::text::cut;
use super::{Route, SendError, Sink};
use crate::alert::{Alert, Severity};
use crate::secret::SecretFile;

/// Most characters of a summary that PagerDuty shows.
const SUMMARY_MAX: usize = 1024;
/// Most characters of a fact. Beyond it, it is cut, so that an event stays far below PagerDuty's 512 KB.
const FACT_MAX: usize = 2000;
/// Characters of an integration key.
const ROUTING_KEY_CHARS: usize = 32;

/// One PagerDuty integration.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where events are posted; the European service region has an address of its own.
    #[serde(default = "default_url")]
    pub url: Endpoint,
    /// File with the integration key.
    pub routing_key_file: PathBuf,
    /// PagerDuty's word for each of our severities.
    #[serde(default)]
    pub severities: BTreeMap<Severity, Urgency>,
    /// Whether an incident is resolved when its alert is closed.
    #[serde(default = "yes")]
    pub resolve: bool,
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

/// PagerDuty's severities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Urgency {
    /// Good to know.
    Info,
    /// May become worse.
    Warning,
    /// Something is wrong.
    Error,
    /// Get up.
    Critical,
}

fn default_url() -> Endpoint {
    Endpoint::fixed("https://events.pagerduty.com/v2/enqueue")
}

fn yes() -> bool {
    true
}

settings!(PagerDuty, folds, to: |config| config.url.origin().to_owned(), files: |config| [
    FileSetting::always("routing_key_file", &mut config.routing_key_file),
    FileSetting::of_tls(&mut config.tls),
]);

/// Posts each alert by itself.
#[derive(Debug)]
pub struct PagerDuty {
    client: Client,
    routing_key: SecretFile,
    severities: BTreeMap<Severity, Urgency>,
    resolve: bool,
    calls: Calls,
}

impl PagerDuty {
    /// Prepares the sink. Fails when a file is missing or useless.
    pub fn new(config: &Config) -> anyhow::Result<Self> {
        let routing_key = SecretFile::open("routing_key_file", &config.routing_key_file)?;
        if routing_key.current().expose().chars().count() != ROUTING_KEY_CHARS {
            bail!("`routing_key_file` must hold the integration key of an Events API v2 integration, 32 characters");
        }
        Ok(Self {
            client: Client::new(&config.url, &Headers::new(), &Auth::default(), &config.tls)?,
            routing_key,
            severities: config.severities.clone(),
            resolve: config.resolve,
            calls: Calls::default(),
        })
    }

    fn event(&self, alert: &Alert, action: &str) -> Value {
        let mut event = json!({
            "routing_key": self.routing_key.current().expose(),
            "event_action": action,
            "dedup_key": cut(&alert.id, 255),
        });
        if action == "trigger" {
            event["client"] = "Gatecrier".into();
            event["payload"] = self.payload(alert);
        }
        event
    }

    fn payload(&self, alert: &Alert) -> Value {
        let details: BTreeMap<&str, String> =
            facts(alert).into_iter().map(|(name, value)| (name, cut(&value, FACT_MAX))).collect();
        json!({
            "summary": cut(&alert.summary, SUMMARY_MAX),
            "source": cut(&alert.cluster, FACT_MAX),
            "severity": self.urgency(alert.severity),
            "timestamp": alert.last_seen.to_string(),
            "component": "kube-apiserver",
            "class": cut(&alert.rule.id, FACT_MAX),
            "custom_details": details,
        })
    }

    fn urgency(&self, severity: Severity) -> Urgency {
        self.severities.get(&severity).copied().unwrap_or(match severity {
            Severity::Info | Severity::Low => Urgency::Info,
            Severity::Medium => Urgency::Warning,
            Severity::High => Urgency::Error,
            Severity::Critical => Urgency::Critical,
        })
    }
}

impl Single for PagerDuty {
    async fn send_one(&mut self, alert: &Alert) -> Result<(), SendError> {
        let call = self.calls.call(alert, Instant::now());
        let action = match call {
            Call::Begin => "trigger",
            Call::End if self.resolve => "resolve",
            Call::End | Call::Nothing => return Ok(()),
        };
        let answer = self.client.post_json("", HeaderMap::new(), &self.event(alert, action)).await?;
        taken(answer)?;
        if call == Call::Begin {
            self.calls.called(alert, Instant::now());
        }
        Ok(())
    }
}

impl Sink for PagerDuty {
    async fn send(&mut self, alerts: &[Alert]) -> Result<(), SendError> {
        one_by_one(self, alerts).await
    }

    /// Connects without sending an event; whether the key is right is seen by `sinks test`.
    async fn check(&self) -> anyhow::Result<String> {
        self.client.reach().await
    }
}

/// Whether PagerDuty took the event.
fn taken(answer: Answer) -> Result<(), SendError> {
    match answer.status() {
        200..=299 => Ok(()),
        // The same answer as for an event that is wrong, but no alert is to blame for a wrong key.
        400 if ["routing_key", "routing key", "integration key"].iter().any(|words| answer.mentions(words)) => {
            Err(answer.into_slow("check `routing_key_file`"))
        }
        _ => Err(answer.into_error()),
    }
}
