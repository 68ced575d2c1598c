//! Kafka: a record an alert, JSON under the alert's id, from an idempotent producer.
//!
//! All revisions of an alert go to one partition in their order, and a record counts as delivered when every replica
//! in sync holds it.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use rdkafka::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{FutureProducer, FutureRecord, Producer as _};
use serde::Deserialize;

use super::settings::settings;
use super::{Route, SendError, Sink, json_line, without_event};
use crate::alert::{Alert, Severity};

/// Longest a record is on its way, milliseconds. Beyond it the alert is sent again.
const MESSAGE_TIMEOUT_MS: &str = "30000";
/// Longest we wait for the brokers when they are only asked about the topic.
const CHECK_TIMEOUT: Duration = Duration::from_secs(10);
/// Settings that delivery rests on, which are not to be changed.
const OURS: [&str; 4] = ["bootstrap.servers", "enable.idempotence", "acks", "message.timeout.ms"];

/// One topic.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Brokers to begin with, `host:port`; the others are learned from them.
    pub brokers: Vec<String>,
    /// The topic. Its records are JSON objects keyed by the alert's id.
    pub topic: String,
    /// Further settings of librdkafka, such as `compression.type` or `security.protocol`.
    #[serde(default)]
    pub properties: BTreeMap<String, String>,
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

settings!(Kafka, to: |config| format!("{} at {}", config.topic, config.brokers.join(",")), files: |_config| []);

/// Produces batches of records.
pub struct Kafka {
    client: ClientConfig,
    topic: String,
    producer: FutureProducer,
}

impl std::fmt::Debug for Kafka {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Kafka({})", self.topic)
    }
}

impl Kafka {
    /// Prepares the sink without connecting. Fails on a setting that librdkafka does not know or that is ours.
    pub fn new(config: &Config) -> anyhow::Result<Self> {
        if config.brokers.is_empty() || config.topic.is_empty() {
            bail!("`brokers` and `topic` must not be empty");
        }
        if let Some(ours) = OURS.iter().find(|key| config.properties.contains_key(**key)) {
            bail!("`properties`: `{ours}` is set by Gatecrier: take it out");
        }
        let mut client = ClientConfig::new();
        client.set("client.id", "gatecrier").set("compression.type", "gzip");
        config.properties.iter().for_each(|(key, value)| _ = client.set(key, value));
        client
            .set("bootstrap.servers", config.brokers.join(","))
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set("message.timeout.ms", MESSAGE_TIMEOUT_MS);
        let producer = client.create().context("use `properties`")?;
        Ok(Self { client, topic: config.topic.clone(), producer })
    }

    /// Sends one alert, once more without the event behind it if it is too large as it stands.
    async fn send_one(&self, alert: &Alert) -> Result<(), KafkaError> {
        let produce = async |alert: &Alert| {
            let json = json_line(alert).unwrap_or_default();
            let record = FutureRecord::to(&self.topic).key(&alert.id).payload(&json);
            // A full queue is for the lane to wait out.
            self.producer.send(record, Duration::ZERO).await.map(|_| ()).map_err(|(error, _)| error)
        };
        match produce(alert).await {
            Err(error) if is_too_large(&error) && alert.evidence.is_some() => produce(&without_event(alert)).await,
            other => other,
        }
    }

    /// A producer that has failed for good, as one does that may have broken its promise of order, is replaced.
    fn revive(&mut self) {
        if self.producer.client().fatal_error().is_some()
            && let Ok(producer) = self.client.create()
        {
            self.producer = producer;
        }
    }
}

impl Sink for Kafka {
    async fn send(&mut self, alerts: &[Alert]) -> Result<(), SendError> {
        self.revive();
        let sent = futures_util::future::join_all(alerts.iter().map(|alert| self.send_one(alert))).await;
        let (mut rejected, mut retry, mut cause) = (Vec::new(), Vec::new(), None);
        for (index, sent) in sent.into_iter().enumerate() {
            match sent {
                Ok(()) => {}
                Err(error) if is_too_large(&error) => rejected.push((index, anyhow!("{error}"))),
                Err(error) => {
                    retry.push(index);
                    cause = Some(anyhow!("{error}"));
                }
            }
        }
        if rejected.is_empty() && retry.is_empty() {
            return Ok(());
        }
        Err(SendError::Partly { rejected, retry, after: None, cause })
    }

    /// Asks the brokers for the topic.
    async fn check(&self) -> anyhow::Result<String> {
        let (producer, topic) = (self.producer.clone(), self.topic.clone());
        let fetch = move || producer.client().fetch_metadata(Some(&topic), CHECK_TIMEOUT);
        let metadata = tokio::task::spawn_blocking(fetch).await?.context("ask the brokers for the topic")?;
        let found = metadata.topics().iter().find(|topic| topic.name() == self.topic);
        match found {
            Some(topic) if topic.error().is_none() => {
                Ok(format!("topic {} has {} partitions", self.topic, topic.partitions().len()))
            }
            _ => bail!("there is no topic {}, or we may not see it", self.topic),
        }
    }
}

fn is_too_large(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(RDKafkaErrorCode::MessageSizeTooLarge | RDKafkaErrorCode::InvalidMessageSize)
    )
}
