//! Alertmanager's API v2, every replica of it.
//!
//! Replicas tell each other what was silenced and notified but not which alerts fire, so each is told by itself, and
//! an alert counts as delivered when one of them took it. Alertmanager forgets an alert at its `endsAt`: an open alert
//! ends long after its last revision, a closed one soon after it.

mod body;
mod replicas;

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use anyhow::bail;
use serde::Deserialize;

use super::http::{Auth, Endpoint, Headers, Tls};
use super::settings::{FileSetting, settings};
use super::{Route, SendError, Sink};
use crate::alert::{Alert, Severity, Status};
use body::Body;
use replicas::Replicas;

/// Alerts whose severity label is remembered. Beyond it all are forgotten, and a milder form of an alert that became
/// graver ends by itself.
const SEVERITIES_MAX: usize = 10_000;

/// One Alertmanager with all its replicas.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Every replica's address, without or with `/api/v2/alerts`. Not that of a balancer before them.
    pub urls: Vec<Endpoint>,
    /// Labels to add to every alert.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// What the label `severity` says instead of our own word.
    #[serde(default)]
    pub severities: BTreeMap<Severity, String>,
    /// How long an open alert fires after its last revision when nothing more is heard of it.
    #[serde(default = "default_hold", deserialize_with = "crate::amount::duration")]
    pub hold: Duration,
    /// How long an alert goes on firing once it is closed. Longer than `group_wait` and `group_interval` of its
    /// routes, or an alert that came late is never notified.
    #[serde(default = "default_resolve_after", deserialize_with = "crate::amount::duration")]
    pub resolve_after: Duration,
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

/// An open alert is closed after a day at the latest.
fn default_hold() -> Duration {
    Duration::from_secs(25 * 3600)
}

fn default_resolve_after() -> Duration {
    Duration::from_secs(15 * 60)
}

settings!(Alertmanager, to: |config| config.urls.iter().map(Endpoint::origin).collect::<Vec<_>>().join(", "), files: |config| [FileSetting::of_auth(&mut config.auth), FileSetting::of_tls(&mut config.tls)]);

/// Posts batches of alerts to every replica.
#[derive(Debug)]
pub struct Alertmanager {
    replicas: Replicas,
    body: Body,
    /// What was last said of an open alert's severity. It is a label, so a graver alert is another one to
    /// Alertmanager, and the milder one must end.
    severities: HashMap<String, Severity>,
}

impl Alertmanager {
    /// Prepares the sink. Fails when there is no replica, a file is missing or useless, or a label cannot be one.
    pub fn new(config: &Config) -> anyhow::Result<Self> {
        if config.urls.is_empty() {
            bail!("`urls` is empty: name every replica of the Alertmanager");
        }
        Ok(Self { replicas: Replicas::new(config)?, body: Body::new(config)?, severities: HashMap::new() })
    }

    /// What is to be posted of an alert: itself, and the end of its milder form.
    fn push(&self, posted: &mut Vec<serde_json::Value>, alert: &Alert, now: jiff::Timestamp) {
        if let Some(&milder) = self.severities.get(&alert.id).filter(|&&severity| severity != alert.severity) {
            posted.push(self.body.ended(alert, milder, now));
        }
        posted.push(self.body.alert(alert, now));
    }

    fn remember(&mut self, alert: &Alert) {
        if alert.status == Status::Closed {
            self.severities.remove(&alert.id);
            return;
        }
        if self.severities.len() >= SEVERITIES_MAX {
            self.severities.clear();
        }
        self.severities.insert(alert.id.clone(), alert.severity);
    }
}

impl Sink for Alertmanager {
    /// One alert that Alertmanager refuses fails the request, whatever it took of the others: the lane sends again in
    /// halves until the one at fault stands alone.
    async fn send(&mut self, alerts: &[Alert]) -> Result<(), SendError> {
        let now = jiff::Timestamp::now();
        let mut posted = Vec::with_capacity(alerts.len());
        alerts.iter().for_each(|alert| self.push(&mut posted, alert, now));
        let body = serde_json::to_vec(&posted).map_err(|error| SendError::Reject(error.into()))?;
        self.replicas.post(body).await?;
        alerts.iter().for_each(|alert| self.remember(alert));
        Ok(())
    }

    /// Asks every replica for its status.
    async fn check(&self) -> anyhow::Result<String> {
        self.replicas.check().await
    }
}
