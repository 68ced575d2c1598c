//! Slack's incoming webhooks: a message an alert, in blocks.
//!
//! Slack reads three characters as markup, `&`, `<` and `>`; with those escaped and automatic links switched off,
//! nothing that a client wrote mentions anybody or links anywhere.

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

/// Most characters of a section's text. Slack's limit is 3,000; the severity and what it is written with go with it.
const SENTENCE_MAX: usize = 2800;
/// Most characters of a field; Slack's limit is 2,000. Nobody reads a longer one in a chat.
const FIELD_MAX: usize = 500;
/// Most fields of a section. Further facts go into a second one.
const FIELDS_MAX: usize = 10;
/// What Slack says when a webhook's configuration is at fault, not the message.
const OPERATORS: [&str; 12] = [
    "action_prohibited",
    "channel_is_archived",
    "channel_not_found",
    "invalid_token",
    "no_active_hooks",
    "no_service",
    "no_team",
    "posting_to_general_channel_denied",
    "posting_to_channel_denied",
    "team_disabled",
    "token_revoked",
    "user_not_found",
];

/// One incoming webhook.
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

settings!(Slack, folds, to: |config| Endpoint::shown(config.url.as_ref()), files: |config| [
    FileSetting::at("url_file", &mut config.url_file),
    FileSetting::of_tls(&mut config.tls),
]);

/// Posts each alert by itself.
#[derive(Debug)]
pub struct Slack(Messages);

impl Slack {
    /// Prepares the sink. Fails when a file is missing or useless, or the address is set twice or not at all.
    pub fn new(config: &Config) -> anyhow::Result<Self> {
        let client = Client::secret(config.url.as_ref(), config.url_file.as_deref(), &config.tls)?;
        Ok(Self(Messages::new(client, config.closings)))
    }
}

impl Single for Slack {
    async fn send_one(&mut self, alert: &Alert) -> Result<(), SendError> {
        self.0.post(alert, message, taken).await
    }
}

impl Sink for Slack {
    async fn send(&mut self, alerts: &[Alert]) -> Result<(), SendError> {
        one_by_one(self, alerts).await
    }

    /// Connects without sending a message; whether the webhook is right is seen by `sinks test`.
    async fn check(&self) -> anyhow::Result<String> {
        self.0.reach().await
    }
}

/// Whether Slack took the message.
fn taken(answer: Answer) -> Result<(), SendError> {
    match answer.status() {
        200 if answer.body().trim_ascii() == b"ok" => Ok(()),
        // It has answered 200 with the name of an error in the body.
        200..=299 => Err(SendError::slow(anyhow!("{}: not the `ok` of a message taken", answer.describe()))),
        400..=499 if OPERATORS.iter().any(|error| answer.mentions(error)) => {
            Err(answer.into_slow("this is for whoever runs the Slack workspace to mend"))
        }
        _ => Err(answer.into_error()),
    }
}

fn message(alert: &Alert) -> Value {
    let severity = alert.severity.word().to_uppercase();
    let turn = turn(alert).map_or(String::new(), |turn| format!(" ({turn})"));
    let sentence = mrkdwn(&alert.summary, SENTENCE_MAX);
    let facts = facts(alert);
    let mut blocks = vec![json!({"type": "section", "text": text(format!("*{severity}*{turn} {sentence}"))})];
    for facts in facts.chunks(FIELDS_MAX) {
        let field = |(name, value): &(&str, String)| text(format!("*{name}*\n{}", mrkdwn(value, FIELD_MAX)));
        let fields: Vec<Value> = facts.iter().map(field).collect();
        blocks.push(json!({"type": "section", "fields": fields}));
    }
    json!({
        // What a notification shows, and what reads blocks aloud.
        "text": format!("{severity}{turn}: {sentence}"),
        "blocks": blocks,
        "link_names": false,
        "parse": "none",
        "unfurl_links": false,
        "unfurl_media": false,
    })
}

/// A text object in which Slack makes no links or mentions by itself.
fn text(text: String) -> Value {
    json!({"type": "mrkdwn", "text": text, "verbatim": true})
}

fn mrkdwn(text: &str, most: usize) -> String {
    shape(text, most, |character, out| match character {
        '&' => out.push_str("&amp;"),
        '<' => out.push_str("&lt;"),
        '>' => out.push_str("&gt;"),
        other => out.push(other),
    })
}
