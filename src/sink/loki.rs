//! Loki's push API: few labels, everything else in the line and in structured metadata.
//!
//! The line is the alert's JSON and the time is that of its newest event, both the same whenever it is sent again,
//! so that Loki drops a repeat by itself. Labels come from the configuration and from rules, never from a client.

use std::collections::BTreeMap;
use std::ops::Range;

use anyhow::{anyhow, bail};
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderName, HeaderValue};
use serde::Deserialize;
use serde_json::{Value, json};

use super::http::{Answer, Auth, Client, Endpoint, Headers, Tls, fixed_headers, gzip};
use super::settings::{FileSetting, settings};
use super::{Route, SendError, Sink, json_line, without_event};
use crate::alert::{Alert, Severity};

/// Where entries are pushed to, below the configured address.
const PUSH_PATH: &str = "loki/api/v1/push";
/// Labels that are ours.
const OWN_LABELS: [&str; 4] = ["cluster", "job", "rule", "severity"];
/// Most labels of a stream that Loki takes by default. A configuration with more is an error.
const LABELS_MAX: usize = 15;
/// Most bytes of a label's value. A longer one, of a rule's id, is cut: Loki's default limit is 2,048.
const LABEL_BYTES_MAX: usize = 1024;
/// Most characters of one value of structured metadata. The line has the whole of it.
const METADATA_CHARS_MAX: usize = 512;
/// Longest line. Beyond it the event behind the alert is left out, as Loki's default limit is 256 KiB.
const LINE_BYTES_MAX: usize = 250 * 1024;
/// Most bytes of one push before compression. Beyond it the alerts go out in several pushes.
const PUSH_BYTES_MAX: usize = 1000 * 1000;

/// One Loki.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Loki's address, without or with `/loki/api/v1/push`.
    pub url: Endpoint,
    /// The tenant, sent as `X-Scope-OrgID`.
    #[serde(default)]
    pub tenant: Option<String>,
    /// Labels to add to every stream, at most eleven.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Whether to send structured metadata, which needs schema v13 (Loki 3 has it).
    #[serde(default = "yes")]
    pub structured_metadata: bool,
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

fn yes() -> bool {
    true
}

settings!(Loki, to: |config| config.url.origin().to_owned(), files: |config| [FileSetting::of_auth(&mut config.auth), FileSetting::of_tls(&mut config.tls)]);

/// Pushes batches of alerts.
#[derive(Debug)]
pub struct Loki {
    client: Client,
    tenant: Option<HeaderValue>,
    labels: BTreeMap<String, String>,
    structured_metadata: bool,
}

/// One alert as Loki takes it.
struct Entry {
    /// The stream's labels as JSON.
    stream: String,
    /// `[time, line, metadata]` as JSON.
    value: String,
}

impl Loki {
    /// Prepares the sink. Fails when a file is missing or useless, or a label cannot be one.
    pub fn new(config: &Config) -> anyhow::Result<Self> {
        check_labels(&config.labels)?;
        let tenant = config.tenant.as_deref().map(HeaderValue::from_str).transpose();
        let endpoint = config.url.without(&format!("/{PUSH_PATH}"));
        Ok(Self {
            client: Client::new(&endpoint, &config.headers, &config.auth, &config.tls)?,
            tenant: tenant.map_err(|_| anyhow!("`tenant` holds characters no header can carry"))?,
            labels: config.labels.clone(),
            structured_metadata: config.structured_metadata,
        })
    }

    fn entry(&self, alert: &Alert, late: bool) -> Result<Entry, SendError> {
        let (line, evidence_cut) = line(alert).map_err(|error| SendError::Reject(error.into()))?;
        let event_time = alert.last_seen.micros().saturating_mul(1000).to_string();
        let mut metadata = metadata(alert);
        if evidence_cut {
            metadata.insert("evidence_cut", "true".to_owned());
        }
        let mut time = event_time;
        if late {
            metadata.insert("original_ts", std::mem::replace(&mut time, nanoseconds_now()));
        }
        let value = if self.structured_metadata { json!([time, line, metadata]) } else { json!([time, line]) };
        Ok(Entry { stream: self.stream(alert).to_string(), value: value.to_string() })
    }

    fn stream(&self, alert: &Alert) -> Value {
        let mut labels: BTreeMap<&str, &str> =
            self.labels.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        labels.insert("job", "gatecrier");
        labels.insert("cluster", cut_bytes(&alert.cluster, LABEL_BYTES_MAX));
        labels.insert("severity", alert.severity.word());
        labels.insert("rule", cut_bytes(&alert.rule.id, LABEL_BYTES_MAX));
        json!(labels)
    }

    async fn push(&self, entries: &[Entry]) -> Result<Answer, SendError> {
        let mut headers = fixed_headers([(CONTENT_TYPE, "application/json"), (CONTENT_ENCODING, "gzip")]);
        if let Some(tenant) = &self.tenant {
            headers.insert(HeaderName::from_static("x-scope-orgid"), tenant.clone());
        }
        self.client.post(PUSH_PATH, headers, gzip(body(entries).as_bytes())).await
    }

    /// Sends one alert that Loki finds too old (or too new) for its stream as if it happened now.
    async fn push_late(&self, alert: &Alert) -> Result<(), SendError> {
        taken(self.push(&[self.entry(alert, true)?]).await?)
    }
}

impl Sink for Loki {
    async fn send(&mut self, alerts: &[Alert]) -> Result<(), SendError> {
        let entries = alerts.iter().map(|alert| self.entry(alert, false)).collect::<Result<Vec<_>, _>>()?;
        for push in pushes(&entries) {
            let answer = match self.push(&entries[push.clone()]).await {
                Ok(answer) if alerts.len() == 1 && is_untimely(&answer) => return self.push_late(&alerts[0]).await,
                Ok(answer) => taken(answer),
                Err(error) => Err(error),
            };
            match answer {
                Ok(()) => {}
                // What stands before is stored. The rest is sent again and, if need be, rejected by itself.
                Err(error) if push.start > 0 => return Err(error.after_index(push.start, alerts.len())),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Asks whether Loki is ready, and says what was found.
    async fn check(&self) -> anyhow::Result<String> {
        let answer = self.client.get("ready").await?;
        match answer.status() {
            200 => Ok(format!("Loki at {} is ready", self.client.origin())),
            // Gateways before Loki often pass the push path only.
            404 | 405 => Ok(format!("{} can be reached (it has no /ready)", self.client.origin())),
            401 | 403 => bail!("{}: check `auth` and `tenant`", answer.describe()),
            _ => bail!(answer.describe()),
        }
    }
}

/// Whether Loki stored the entries.
fn taken(answer: Answer) -> Result<(), SendError> {
    match answer.status() {
        200 | 202 | 204 => Ok(()),
        // Loki answers 260, unless told another number, while its operator blocks ingestion: nothing was stored.
        200..=299 => Err(SendError::slow(anyhow!("{}: not stored", answer.describe()))),
        // Without the feature every entry is refused: nothing is wrong with this one.
        400 if mentions(&answer, "structured metadata") && mentions(&answer, "disallowed") => {
            Err(SendError::slow(anyhow!("{}: set `structured_metadata: false`", answer.describe())))
        }
        _ => Err(answer.into_error()),
    }
}

/// Whether an entry was refused for its time alone: behind the newest of its stream by more than an hour, older
/// than Loki takes at all, or in Loki's future.
fn is_untimely(answer: &Answer) -> bool {
    let words = ["too far behind", "timestamp too old", "timestamp too new", "out of order"];
    answer.status() == 400 && words.iter().any(|words| mentions(answer, words))
}

fn mentions(answer: &Answer, words: &str) -> bool {
    memchr::memmem::find(answer.body(), words.as_bytes()).is_some()
}

/// The alert as a line, and whether the event behind it had to be left out.
fn line(alert: &Alert) -> serde_json::Result<(String, bool)> {
    let line = json_line(alert)?;
    if line.len() <= LINE_BYTES_MAX || alert.evidence.is_none() {
        return Ok((line, false));
    }
    Ok((json_line(&without_event(alert))?, true))
}

fn metadata(alert: &Alert) -> BTreeMap<&'static str, String> {
    let request = |field: fn(&crate::alert::Request) -> &String| alert.request.as_ref().map(field).cloned();
    let fields = [
        ("alert_id", Some(alert.id.clone())),
        ("revision", Some(alert.revision.to_string())),
        ("client_ip", alert.client.as_ref().and_then(|client| client.ip.clone())),
        ("actor", alert.actor.as_ref().map(|actor| actor.name.clone())),
        ("namespace", request(|request| &request.namespace)),
        ("resource", request(|request| &request.resource)),
        ("outcome", request(|request| &request.outcome)),
    ];
    let kept = fields.into_iter().filter_map(|(name, value)| Some((name, value?)));
    kept.filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| (name, value.chars().take(METADATA_CHARS_MAX).collect()))
        .collect()
}

/// Which entries go out together.
fn pushes(entries: &[Entry]) -> Vec<Range<usize>> {
    let mut pushes = Vec::new();
    let (mut start, mut bytes) = (0, 0);
    for (index, entry) in entries.iter().enumerate() {
        let more = entry.stream.len() + entry.value.len() + 32;
        if index > start && bytes + more > PUSH_BYTES_MAX {
            pushes.push(start..index);
            (start, bytes) = (index, 0);
        }
        bytes += more;
    }
    pushes.push(start..entries.len());
    pushes
}

/// The push's JSON: the entries of a stream stay in order.
fn body(entries: &[Entry]) -> String {
    let mut streams: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for entry in entries {
        streams.entry(&entry.stream).or_default().push(&entry.value);
    }
    let stream =
        |(labels, values): (&str, Vec<&str>)| format!(r#"{{"stream":{labels},"values":[{}]}}"#, values.join(","));
    let streams: Vec<String> = streams.into_iter().map(stream).collect();
    format!(r#"{{"streams":[{}]}}"#, streams.join(","))
}

fn check_labels(labels: &BTreeMap<String, String>) -> anyhow::Result<()> {
    let most = LABELS_MAX - OWN_LABELS.len();
    if labels.len() > most {
        bail!("`labels`: at most {most}, as Loki takes {LABELS_MAX} and Gatecrier sets {}", OWN_LABELS.len());
    }
    for (name, value) in labels {
        let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
            && name.bytes().next().is_some_and(|byte| !byte.is_ascii_digit());
        if !is_name {
            bail!("`labels`: `{name}` cannot be a label: use letters, digits and `_`");
        }
        if OWN_LABELS.contains(&name.as_str()) {
            bail!("`labels`: `{name}` is set by Gatecrier: choose another name");
        }
        if value.is_empty() || value.len() > LABEL_BYTES_MAX {
            bail!("`labels`: the value of `{name}` must have 1 to {LABEL_BYTES_MAX} bytes");
        }
    }
    Ok(())
}

fn cut_bytes(text: &str, most: usize) -> &str {
    let mut end = text.len().min(most);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

fn nanoseconds_now() -> String {
    jiff::Timestamp::now().as_nanosecond().to_string()
}
