//! Microsoft Teams: an adaptive card an alert, posted to a Workflows webhook.
//!
//! Everything a client may have written stands in text runs, in which Teams reads no Markdown, makes no mentions and
//! no links.

use std::path::PathBuf;

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

/// Most characters of the sentence. A whole message must stay below Teams' 28 KB.
const SENTENCE_MAX: usize = 2000;
/// Most characters of a fact.
const FACT_MAX: usize = 300;

/// One Workflows webhook.
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

settings!(Teams, folds, to: |config| Endpoint::shown(config.url.as_ref()), files: |config| [
    FileSetting::at("url_file", &mut config.url_file),
    FileSetting::of_tls(&mut config.tls),
]);

/// Posts each alert by itself.
#[derive(Debug)]
pub struct Teams(Messages);

impl Teams {
    /// Prepares the sink. Fails when a file is missing or useless, or the address is set twice or not at all.
    pub fn new(config: &Config) -> anyhow::Result<Self> {
        let client = Client::secret(config.url.as_ref(), config.url_file.as_deref(), &config.tls)?;
        Ok(Self(Messages::new(client, config.closings)))
    }
}

impl Single for Teams {
    async fn send_one(&mut self, alert: &Alert) -> Result<(), SendError> {
        self.0.post(alert, message, taken).await
    }
}

impl Sink for Teams {
    async fn send(&mut self, alerts: &[Alert]) -> Result<(), SendError> {
        one_by_one(self, alerts).await
    }

    /// Connects without sending a message; whether the webhook is right is seen by `sinks test`.
    async fn check(&self) -> anyhow::Result<String> {
        self.0.reach().await
    }
}

/// Whether Teams took the message.
fn taken(answer: Answer) -> Result<(), SendError> {
    match answer.status() {
        // Connectors of the old kind answer 200 with what went wrong, a rate limit among it, in the body.
        200..=299 if answer.mentions("429") => Err(SendError::retry(anyhow!(answer.describe()))),
        200..=299 if answer.mentions("failed with error") => Err(SendError::slow(anyhow!(answer.describe()))),
        200..=299 => Ok(()),
        // A workflow that was deleted, switched off, or is not ours to start.
        400 if ["workflow", "signature", "sharedaccess"].iter().any(|words| answer.mentions(words)) => {
            Err(answer.into_slow("see whether the workflow is there and switched on"))
        }
        _ => Err(answer.into_error()),
    }
}

fn message(alert: &Alert) -> Value {
    json!({"type": "message", "attachments": [{
        "contentType": "application/vnd.microsoft.card.adaptive",
        "contentUrl": null,
        "content": card(alert),
    }]})
}

fn card(alert: &Alert) -> Value {
    let severity = alert.severity.word().to_uppercase();
    let turn = turn(alert).map_or(String::new(), |turn| format!(" ({turn})"));
    let headline = json!({"type": "TextRun", "text": format!("{severity}{turn} "), "weight": "bolder",
        "color": colour(alert.severity)});
    let mut body = vec![runs(vec![headline, run(&alert.summary, SENTENCE_MAX)], "medium")];
    for (name, value) in facts(alert) {
        let name = json!({"type": "TextRun", "text": format!("{name}  "), "weight": "bolder", "isSubtle": true});
        body.push(runs(vec![name, run(&value, FACT_MAX)], "none"));
    }
    json!({
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.2",
        "fallbackText": format!("{severity}{turn}: an alert that this client cannot show"),
        "msteams": {"width": "Full"},
        "body": body,
    })
}

fn runs(runs: Vec<Value>, spacing: &str) -> Value {
    json!({"type": "RichTextBlock", "inlines": runs, "spacing": spacing})
}

/// Text as it is, but that no brace follows another: two of them would call a function of the card's.
fn run(text: &str, most: usize) -> Value {
    let text = shape(text, most, |character, out| match character {
        '{' => out.push_str("{\u{2009}"),
        other => out.push(other),
    });
    json!({"type": "TextRun", "text": text})
}

fn colour(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "default",
        Severity::Low => "accent",
        Severity::Medium => "warning",
        Severity::High | Severity::Critical => "attention",
    }
}
