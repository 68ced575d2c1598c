//! Elasticsearch and OpenSearch: ECS documents, created by `_bulk` in a data stream.
//!
//! A document's id is the alert's `id.revision`, so that one sent twice is refused the second time, which counts
//! as success. Each document has an outcome of its own: one that is rejected holds up none of its neighbours.

mod bulk;
mod document;
mod template;

use anyhow::{anyhow, bail};
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE};
use serde::Deserialize;
use serde_json::Value;

use super::http::{Auth, Client, Endpoint, Headers, Tls, fixed_headers, gzip};
use super::settings::{FileSetting, settings};
use super::{Route, SendError, Sink};
use crate::alert::{Alert, Severity};
use bulk::Outcome;
use template::Dialect;

/// One Elasticsearch or OpenSearch.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Its address.
    pub url: Endpoint,
    /// The data stream that alerts are created in.
    #[serde(default = "default_data_stream")]
    pub data_stream: String,
    /// Whether to install the index template, named like the data stream, when it is missing or an older one of
    /// ours. Without it, the template must be there before the first alert.
    #[serde(default = "yes")]
    pub template: bool,
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

fn default_data_stream() -> String {
    "gatecrier-alerts".to_owned()
}

fn yes() -> bool {
    true
}

settings!(Elasticsearch, to: |config| config.url.origin().to_owned(), files: |config| [FileSetting::of_auth(&mut config.auth), FileSetting::of_tls(&mut config.tls)]);

/// Creates documents in batches.
#[derive(Debug)]
pub struct Elasticsearch {
    client: Client,
    data_stream: String,
    /// The index template is still to be looked at.
    template_due: bool,
}

impl Elasticsearch {
    /// Prepares the sink. Fails when a file is missing or useless, or the data stream's name cannot be one.
    pub fn new(config: &Config) -> anyhow::Result<Self> {
        check_name(&config.data_stream)?;
        Ok(Self {
            client: Client::new(&config.url, &config.headers, &config.auth, &config.tls)?,
            data_stream: config.data_stream.clone(),
            template_due: config.template,
        })
    }

    /// Installs the index template when it is due.
    async fn prepare(&mut self) -> Result<(), SendError> {
        if self.template_due {
            // Nothing an alert could have caused: whatever the answer, no alert is to blame.
            self.install_template().await.map_err(SendError::blameless)?;
            self.template_due = false;
        }
        Ok(())
    }

    async fn install_template(&self) -> Result<(), SendError> {
        let path = format!("_index_template/{}", self.data_stream);
        let held = self.client.get(&path).await?;
        match held.status() {
            404 => {}
            200 if template::is_current(held.body()) => return Ok(()),
            200 => {}
            _ => return Err(held.into_error()),
        }
        for dialect in [self.dialect().await?, Dialect::Plain] {
            let body = template::template(&self.data_stream, dialect).to_string();
            let headers = fixed_headers([(CONTENT_TYPE, "application/json")]);
            let answer = self.client.put(&path, headers, body.into_bytes()).await?;
            match answer.status() {
                200..=299 => return Ok(()),
                // A distribution without the field type we meant to use.
                400 if dialect != Dialect::Plain => {}
                _ => return Err(answer.into_error()),
            }
        }
        Ok(())
    }

    /// Which field type can hold a whole audit event.
    async fn dialect(&self) -> Result<Dialect, SendError> {
        let answer = self.client.get("").await?;
        match answer.status() {
            200 => Ok(Dialect::of(answer.body())),
            408 | 429 | 500..=599 => Err(answer.into_error()),
            // Not everybody may ask, and not every build answers.
            _ => Ok(Dialect::Plain),
        }
    }

    /// Creates the documents of the alerts at `indexes`.
    async fn create(&self, alerts: &[Alert], indexes: &[usize], evidence: Evidence) -> Result<Outcome, SendError> {
        let mut body = String::new();
        for &index in indexes {
            push_document(&mut body, &alerts[index], evidence).map_err(|error| SendError::Reject(error.into()))?;
        }
        let headers = fixed_headers([(CONTENT_TYPE, "application/x-ndjson"), (CONTENT_ENCODING, "gzip")]);
        let path = format!("{}/_bulk?filter_path=errors,items.*.status,items.*.error", self.data_stream);
        let answer = self.client.post(&path, headers, gzip(body.as_bytes())).await?;
        if answer.status() != 200 {
            return Err(answer.into_error());
        }
        bulk::outcome(answer.body(), indexes)
            .map_err(|error| SendError::retry(error.context(format!("read the answer of {}", self.client.origin()))))
    }

    /// Tries rejected documents once more without the audit event, whose body anybody may have written: keys
    /// given twice, nesting without end. An alert must not be kept out by what it is about.
    async fn create_without_evidence(&self, alerts: &[Alert], outcome: &mut Outcome) {
        let (again, rejected) =
            std::mem::take(&mut outcome.rejected).into_iter().partition(|(index, _)| alerts[*index].evidence.is_some());
        outcome.rejected = rejected;
        let again: Vec<(usize, anyhow::Error)> = again;
        if again.is_empty() {
            return;
        }
        let indexes: Vec<usize> = again.iter().map(|(index, _)| *index).collect();
        match self.create(alerts, &indexes, Evidence::Left).await {
            Ok(second) => outcome.add(second),
            Err(SendError::Retry { after, cause }) => outcome.retry_all(&indexes, after, cause),
            Err(_) => outcome.rejected.extend(again),
        }
    }
}

impl Sink for Elasticsearch {
    async fn send(&mut self, alerts: &[Alert]) -> Result<(), SendError> {
        self.prepare().await?;
        let all: Vec<usize> = (0..alerts.len()).collect();
        let mut outcome = match self.create(alerts, &all, Evidence::Whole).await {
            // The request as a whole was refused: of several alerts the halves are tried, of one its bare form.
            Err(SendError::Reject(cause)) if alerts.len() == 1 => Outcome::rejected(0, cause),
            other => other?,
        };
        self.create_without_evidence(alerts, &mut outcome).await;
        outcome.into_result()
    }

    /// Asks for the cluster's health, and says what was found.
    async fn check(&self) -> anyhow::Result<String> {
        let answer = self.client.get("_cluster/health").await?;
        if matches!(answer.status(), 401 | 403) {
            bail!("{}: check `auth`", answer.describe());
        }
        if answer.status() != 200 {
            bail!(answer.describe());
        }
        let health: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
        let Some(status) = health["status"].as_str() else { bail!("{}: no cluster health", answer.describe()) };
        let status = crate::terminal::escape_terminal(status);
        Ok(format!("cluster at {} is {status}", self.client.origin()))
    }
}

/// Whether the document carries the audit event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Evidence {
    Whole,
    Left,
}

fn push_document(body: &mut String, alert: &Alert, evidence: Evidence) -> serde_json::Result<()> {
    let document = document::document(alert, evidence == Evidence::Whole, jiff::Timestamp::now())?;
    body.push_str(&serde_json::json!({"create": {"_id": alert.key()}}).to_string());
    body.push('\n');
    body.push_str(&document);
    body.push('\n');
    Ok(())
}

fn check_name(name: &str) -> anyhow::Result<()> {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_' | b'.');
    let starts_well = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
    if !starts_well || !name.bytes().all(allowed) || name.len() > 255 {
        return Err(anyhow!(
            "`data_stream`: `{}` cannot be a name: use lower-case letters, digits, `-`, `_` and `.`",
            name.escape_debug()
        ));
    }
    Ok(())
}
