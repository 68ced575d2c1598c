//! Opsgenie's alert API: one of its alerts for each of ours, from its first revision to its last.
//!
//! Our id is its alias, so that whatever is sent again is counted with what is there.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Instant;

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
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

/// Most characters of a message.
const MESSAGE_MAX: usize = 130;
/// Most characters of a description that we send; Opsgenie's limit is 15,000.
const DESCRIPTION_MAX: usize = 4000;
/// Most characters of one detail; all of them together may have 8,000.
const DETAIL_MAX: usize = 500;
/// Most tags, and characters of one.
const TAGS_MAX: usize = 20;
const TAG_MAX: usize = 50;

/// One Opsgenie integration.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The API's address; the European service region has one of its own.
    #[serde(default = "default_url")]
    pub url: Endpoint,
    /// File with the key of an API integration.
    pub api_key_file: PathBuf,
    /// Opsgenie's priority for each of our severities.
    #[serde(default)]
    pub priorities: BTreeMap<Severity, Priority>,
    /// Teams that are to be told, by name.
    #[serde(default)]
    pub teams: Vec<String>,
    /// Whether its alert is closed when ours is.
    #[serde(default = "yes")]
    pub close: bool,
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

/// Opsgenie's priorities, gravest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "they have no other names")]
pub enum Priority {
    P1,
    P2,
    P3,
    P4,
    P5,
}

fn default_url() -> Endpoint {
    Endpoint::fixed("https://api.opsgenie.com")
}

fn yes() -> bool {
    true
}

settings!(Opsgenie, folds, to: |config| config.url.origin().to_owned(), files: |config| [
    FileSetting::always("api_key_file", &mut config.api_key_file),
    FileSetting::of_tls(&mut config.tls),
]);

/// Posts each alert by itself.
#[derive(Debug)]
pub struct Opsgenie {
    client: Client,
    api_key: SecretFile,
    priorities: BTreeMap<Severity, Priority>,
    teams: Vec<String>,
    close: bool,
    calls: Calls,
}

impl Opsgenie {
    /// Prepares the sink. Fails when a file is missing or useless.
    pub fn new(config: &Config) -> anyhow::Result<Self> {
        Ok(Self {
            client: Client::new(&config.url.without("/v2/alerts"), &Headers::new(), &Auth::default(), &config.tls)?,
            api_key: SecretFile::open("api_key_file", &config.api_key_file)?,
            priorities: config.priorities.clone(),
            teams: config.teams.clone(),
            close: config.close,
            calls: Calls::default(),
        })
    }

    fn authorization(&self) -> Result<HeaderMap, SendError> {
        let text = format!("GenieKey {}", self.api_key.current().expose());
        let mut value = HeaderValue::from_str(&text).map_err(|_| {
            SendError::slow(anyhow::anyhow!("the key in `api_key_file` holds characters no header can carry"))
        })?;
        value.set_sensitive(true);
        Ok(HeaderMap::from_iter([(AUTHORIZATION, value)]))
    }

    fn create(&self, alert: &Alert) -> Value {
        let details: BTreeMap<&str, String> =
            facts(alert).into_iter().map(|(name, value)| (name, cut(&value, DETAIL_MAX))).collect();
        let tags = ["gatecrier", alert.severity.word(), &alert.rule.id].into_iter();
        let tags: Vec<String> = tags
            .chain(alert.rule.techniques.iter().map(String::as_str))
            .take(TAGS_MAX)
            .map(|tag| cut(tag, TAG_MAX))
            .collect();
        let teams: Vec<Value> = self.teams.iter().map(|name| json!({"name": name, "type": "team"})).collect();
        json!({
            "message": cut(&alert.summary, MESSAGE_MAX),
            "alias": cut(&alert.id, 512),
            "description": cut(&alert.summary, DESCRIPTION_MAX),
            "responders": teams,
            "tags": tags,
            "details": details,
            "entity": cut(&alert.cluster, 512),
            "source": "gatecrier",
            "priority": self.priority(alert.severity),
        })
    }

    fn priority(&self, severity: Severity) -> Priority {
        self.priorities.get(&severity).copied().unwrap_or(match severity {
            Severity::Critical => Priority::P1,
            Severity::High => Priority::P2,
            Severity::Medium => Priority::P3,
            Severity::Low => Priority::P4,
            Severity::Info => Priority::P5,
        })
    }
}

impl Single for Opsgenie {
    async fn send_one(&mut self, alert: &Alert) -> Result<(), SendError> {
        let headers = self.authorization()?;
        match self.calls.call(alert, Instant::now()) {
            Call::Begin => {
                taken(self.client.post_json("v2/alerts", headers, &self.create(alert)).await?)?;
                self.calls.called(alert, Instant::now());
                Ok(())
            }
            Call::End if self.close => {
                // Ids are hexadecimal; whatever else one holds must not change the address.
                let alias: String = alert.id.chars().filter(char::is_ascii_alphanumeric).take(512).collect();
                let path = format!("v2/alerts/{alias}/close?identifierType=alias");
                taken(self.client.post_json(&path, headers, &json!({"source": "gatecrier"})).await?)
            }
            Call::End | Call::Nothing => Ok(()),
        }
    }
}

impl Sink for Opsgenie {
    async fn send(&mut self, alerts: &[Alert]) -> Result<(), SendError> {
        one_by_one(self, alerts).await
    }

    /// Connects without sending an alert; whether the key is right is seen by `sinks test`.
    async fn check(&self) -> anyhow::Result<String> {
        self.client.reach().await
    }
}

/// Whether Opsgenie took it. It answers 202 and works it off later, a wrong alias to be closed included.
fn taken(answer: Answer) -> Result<(), SendError> {
    if answer.is_success() { Ok(()) } else { Err(answer.into_error()) }
}
