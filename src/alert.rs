//! What people are told. One JSON shape everywhere, described in `docs/alert.schema.json`.
//!
//! An alert has an id and revisions. Fields are added as Gatecrier grows; none is changed or removed.

pub mod suppression;

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::event::Timestamp;
pub use suppression::Suppression;

/// How grave it is. Within an alert it may only rise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Good to know.
    Info,
    /// Look when there is time.
    Low,
    /// Look today.
    Medium,
    /// Look now.
    High,
    /// Get up.
    Critical,
}

impl Severity {
    /// All of them, mildest first.
    pub const ALL: [Self; 5] = [Self::Info, Self::Low, Self::Medium, Self::High, Self::Critical];

    /// The word people and JSON use.
    pub fn word(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

impl std::str::FromStr for Severity {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|severity| severity.word() == text)
            .ok_or_else(|| format!("unknown severity `{text}`: use info, low, medium, high or critical"))
    }
}

/// Whether an alert still counts events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Its subject was active less than an hour of event time ago.
    Open,
    /// Its subject fell quiet or its day is over; the next finding founds a new id.
    Closed,
}

/// The rule that raised it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertRule {
    /// Stable id, such as `outside-trusted-networks`.
    pub id: String,
    /// A short title.
    pub title: String,
    /// MITRE ATT&CK technique ids.
    pub techniques: Vec<String>,
    /// Who wrote it, when it comes from a file.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub author: Option<String>,
    /// Its licence, an SPDX identifier.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub license: Option<String>,
    /// Where to read more.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub references: Vec<String>,
    /// What else it may find.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub false_positives: Vec<String>,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub runbook: Option<String>,
}

impl AlertRule {
    /// A rule that only has a name.
    pub fn new(id: &str, title: &str, techniques: &[&str]) -> Self {
        Self {
            id: id.to_owned(),
            title: title.to_owned(),
            techniques: techniques.iter().map(ToString::to_string).collect(),
            author: None,
            license: None,
            references: Vec::new(),
            false_positives: Vec::new(),
            runbook: None,
        }
    }
}

/// A field that a finding rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Matched {
    /// Its name.
    pub field: String,
    /// Its value, masked; empty when it is not shown.
    pub value: String,
}

/// One finding that speaks through this alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// The rule that found it.
    pub rule: String,
    /// Whom or what the finding is about; with the rule it says what counts as a repeat.
    pub subject: String,
    /// How grave this finding is by itself.
    pub severity: Severity,
    /// A sentence.
    pub text: String,
    /// The fields that it rests on, when its rule comes from a file.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub matched: Vec<Matched>,
    /// What is usual instead, when the finding is that something is not.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub unusual: Option<Unusual>,
}

/// Why something is unusual: a feature, what is usual, and what was observed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unusual {
    /// The field, or what was counted.
    pub feature: String,
    /// What was observed.
    pub observed: String,
    /// `UNSEEN`, `RARE` (less than one in a thousand), `INFREQUENT` (one in a hundred) or `FREQUENT`.
    pub rarity: String,
    /// Whose habits say so: an identity, its peers, or the cluster.
    pub whose: String,
    /// What is most usual, at most three.
    pub usual: Vec<Usual>,
    /// What was learnt from: observations; of counts, what is usual; of rates, windows.
    pub observations: u64,
    /// For how long it was learnt, seconds of event time.
    pub age_seconds: i64,
    /// How surprising it is, bits, at most 20.
    pub bits: u8,
}

/// One usual value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usual {
    /// The value.
    pub value: String,
    /// Its share of all, percent.
    pub percent: u8,
}

impl Unusual {
    /// `create cronjobs, UNSEEN for the cluster in 12 minutes (412 observations; usual: create pods 31 %, …)`.
    pub fn sentence(&self) -> String {
        let usual: Vec<_> = self.usual.iter().map(|usual| format!("{} {} %", usual.value, usual.percent)).collect();
        let usual = if usual.is_empty() { String::new() } else { format!("; usual: {}", usual.join(", ")) };
        let age = match self.age_seconds {
            seconds @ 172_800.. => format!("{} days", seconds / 86_400),
            seconds @ 7_200.. => format!("{} hours", seconds / 3600),
            seconds => format!("{} minutes", seconds / 60),
        };
        format!(
            "{}, {} for {} in {age} ({} observations{usual})",
            self.observed, self.rarity, self.whose, self.observations
        )
    }
}

/// The address the caller is held to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Client {
    /// The address, or nothing when the log does not show it.
    pub ip: Option<String>,
    /// The named network it belongs to.
    pub zone: Option<String>,
    /// `true`, `false` or `unknown`. Unknown is never trusted.
    pub trusted: String,
    /// `public`, `private`, `loopback`, `cgnat`, … or `unknown`.
    pub scope: String,
    /// How the forwarding chain looked: `none`, `verified`, `forged`, `ambiguous`, `hidden`.
    pub forwarded: String,
    /// The TCP peer the API server saw, when it is another address.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub peer: Option<String>,
    /// ISO 3166 country code from the user's own MaxMind-format file.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub country: Option<String>,
    /// Autonomous system number, likewise.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub asn: Option<u32>,
    /// Its organisation, likewise.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub as_org: Option<String>,
    /// Date of the file the place came from, `YYYY-MM-DD`: the older, the less it is worth.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub place_date: Option<String>,
}

/// Who asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// `anonymous`, `unauthenticated`, `human`, `service-account`, `node`, `control-plane`, `unknown`.
    pub kind: String,
    /// The user name; empty when the API server knew none.
    pub name: String,
    /// The groups, at most sixteen.
    pub groups: Vec<String>,
    /// The credential's id (`JTI=…`, `X509SHA256=…`), when the API server writes it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub credential: Option<String>,
    /// The user name acted as, when impersonating.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub impersonated: Option<String>,
    /// What the client calls itself. Written by the client: never trusted.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub user_agent: Option<String>,
}

/// What was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The verb as logged.
    pub verb: String,
    /// What the verb comes to: `create` for a server-side apply that created, `exec` for a WebSocket get, …
    pub action: String,
    /// Resource with subresource, such as `pods/exec`; empty for other paths.
    pub resource: String,
    /// Its API group; empty for the core group.
    pub api_group: String,
    /// Namespace; empty when cluster-wide.
    pub namespace: String,
    /// Object name; empty when none was named.
    pub name: String,
    /// The path and query as sent, credential-like arguments masked.
    pub uri: String,
    /// `success`, `denied`, `rejected`, `failed`, `unknown`.
    pub outcome: String,
    /// HTTP status code, when the server answered.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub code: Option<u16>,
    /// The command of an exec, credential-like arguments masked.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub command: Option<String>,
}

/// One event behind an alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventRef {
    /// The audit id, at most 64 characters of it. The client may have chosen it.
    pub audit_id: String,
    /// The stage it was logged at.
    pub stage: String,
    /// The server's time of that stage.
    pub time: Timestamp,
    /// The source it was read from.
    pub source: Arc<str>,
}

/// The founding event, masked.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Evidence {
    /// The event with its secrets masked, or what fits of it.
    pub event: Box<RawValue>,
    /// Bodies or long values were left out to keep it small.
    pub cut: bool,
    /// Length of the event as logged, bytes.
    pub bytes: u64,
}

impl PartialEq for Evidence {
    fn eq(&self, other: &Self) -> bool {
        self.event.get() == other.event.get() && self.cut == other.cut && self.bytes == other.bytes
    }
}

/// Findings about one subject, said once and then counted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    /// Hexadecimal; the same for every revision, and again after a replay.
    pub id: String,
    /// From 1; given when it is written to the outbox.
    pub revision: u32,
    /// Whether it still counts.
    pub status: Status,
    /// How grave.
    pub severity: Severity,
    /// The rule of the gravest finding.
    pub rule: AlertRule,
    /// Whom or what it is about.
    pub subject: String,
    /// One sentence that stands alone in a chat channel.
    pub summary: String,
    /// Every finding that speaks through it, gravest first.
    pub reasons: Vec<Reason>,
    /// Whose cluster.
    pub cluster: String,
    /// Event time of the founding event.
    pub first_seen: Timestamp,
    /// Event time of the newest event counted.
    pub last_seen: Timestamp,
    /// Requests counted, the founding one included.
    pub count: u64,
    /// The address the caller is held to; nothing when no request raised it.
    pub client: Option<Client>,
    /// Who asked; nothing when no request raised it.
    pub actor: Option<Actor>,
    /// What was asked; nothing when no request raised it.
    pub request: Option<Request>,
    /// The first and the newest events, at most sixteen.
    pub events: Vec<EventRef>,
    /// The founding event, masked and bounded.
    pub evidence: Option<Evidence>,
    /// For each of its rules the entry of the configuration's `suppressions` that would cover exactly this, if it is
    /// expected. It waits for a reason and an author.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub suppressions: Vec<Suppression>,
}

impl Alert {
    /// `id.revision`: the idempotency key, and the document id in Elasticsearch.
    pub fn key(&self) -> String {
        format!("{}.{}", self.id, self.revision)
    }

    /// Whether this says something that `held`, an alert of the same id, does not.
    pub fn adds_to(&self, held: &Self) -> bool {
        let outcome = |alert: &Self| alert.request.as_ref().map(|request| request.outcome.clone());
        let new_outcome = outcome(self) != outcome(held)
            && outcome(self).is_some_and(|outcome| outcome != "unknown")
            && self.last_seen >= held.last_seen;
        self.severity > held.severity
            || self.count > held.count
            || new_outcome
            || (self.status == Status::Closed && held.status == Status::Open)
            || self.reasons.iter().any(|reason| {
                !held.reasons.iter().any(|known| known.rule == reason.rule && known.subject == reason.subject)
            })
    }
}
