//! Discord's webhooks: an embed an alert.
//!
//! No message may mention anybody, whatever it holds, and every sign that Discord reads as markup is escaped.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::anyhow;
use serde::Deserialize;
use serde_json::{Value, json};

use super::facts::{facts, turn};
use super::http::{Answer, Client, Endpoint, Tls};
use super::messages::Messages;
use super::settings::{FileSetting, settings};
use super::single::{Single, one_by_one};
use super::text::shape;
use super::{Route, SendError, Sink};
use crate::alert::{Alert, Severity};

/// Most characters of the sentence, escapes counted. Discord's limit is 4,096, and 6,000 for all of an embed.
const SENTENCE_MAX: usize = 2500;
/// Most characters of a fact, escapes counted. Discord's limit is 1,024; ten of these and the sentence stay below the
/// limit for all of them.
const FACT_MAX: usize = 300;
/// Longest wish of a rate limit that is heard. A longer one is cut to it.
const RETRY_AFTER_MAX: f64 = 3600.0;

/// One webhook.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The webhook's address. It is a secret: `url_file` keeps it out of the configuration.
    #[serde(default)]
    pub url: Option<Endpoint>,
    /// File with the webhook's address.
    #[serde(default)]
    pub url_file: Option<PathBuf>,
    /// Whether to say that an alert is over. What it was about was said before.
    #[serde(default)]
    pub closings: bool,
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

settings!(Discord, folds, to: |config| Endpoint::shown(config.url.as_ref()), files: |config| [
    FileSetting::at("url_file", &mut config.url_file),
    FileSetting::of_tls(&mut config.tls),
]);

/// Posts each alert by itself.
#[derive(Debug)]
pub struct Discord(Messages);

impl Discord {
    /// Prepares the sink. Fails when a file is missing or useless, or the address is set twice or not at all.
    pub fn new(config: &Config) -> anyhow::Result<Self> {
        let client = Client::secret(config.url.as_ref(), config.url_file.as_deref(), &config.tls)?;
        Ok(Self(Messages::new(client.with_query("wait", "true"), config.closings)))
    }
}

impl Single for Discord {
    async fn send_one(&mut self, alert: &Alert) -> Result<(), SendError> {
        self.0.post(alert, message, taken).await
    }
}

impl Sink for Discord {
    async fn send(&mut self, alerts: &[Alert]) -> Result<(), SendError> {
        one_by_one(self, alerts).await
    }

    /// Connects without sending a message; whether the webhook is right is seen by `sinks test`.
    async fn check(&self) -> anyhow::Result<String> {
        self.0.reach().await
    }
}

/// Whether Discord took the message. Asked to wait, it answers once the message is stored.
fn taken(answer: Answer) -> Result<(), SendError> {
    match answer.status() {
        200..=299 => Ok(()),
        // The wish in the body is finer than that of the header.
        429 => {
            let seconds = answer.json()["retry_after"].as_f64().filter(|seconds| *seconds >= 0.0);
            let wish = seconds.map(|seconds| Duration::from_secs_f64(seconds.min(RETRY_AFTER_MAX)));
            let cause = anyhow!(answer.describe());
            Err(SendError::Retry { after: wish.max(answer.retry_after()), cause })
        }
        _ => Err(answer.into_error()),
    }
}

fn message(alert: &Alert) -> Value {
    let severity = alert.severity.word().to_uppercase();
    let turn = turn(alert).map_or(String::new(), |turn| format!(" ({turn})"));
    let field =
        |(name, value): (&str, String)| json!({"name": name, "value": escaped(&value, FACT_MAX), "inline": true});
    let fields: Vec<Value> = facts(alert).into_iter().map(field).collect();
    json!({
        "username": "Gatecrier",
        "embeds": [{
            "title": format!("{severity}{turn}"),
            "description": escaped(&alert.summary, SENTENCE_MAX),
            "color": colour(alert.severity),
            "timestamp": alert.last_seen.to_string(),
            "fields": fields,
        }],
        "allowed_mentions": {"parse": []},
        // No previews of links.
        "flags": 1 << 2,
    })
}

/// Discord takes a backslash before any sign of ASCII for an escape. Full stops and commas mean nothing to it.
fn escaped(text: &str, most: usize) -> String {
    let text = shape(text, most, |character, out| {
        if character.is_ascii_punctuation() && !matches!(character, '.' | ',') {
            out.push('\\');
        }
        out.push(character);
    });
    // A value that is blank is refused.
    if text.trim().is_empty() { "–".to_owned() } else { text }
}

fn colour(severity: Severity) -> u32 {
    match severity {
        Severity::Info => 0x95_a5_a6,
        Severity::Low => 0x34_98_db,
        Severity::Medium => 0xf1_c4_0f,
        Severity::High => 0xe6_7e_22,
        Severity::Critical => 0xe7_4c_3c,
    }
}
