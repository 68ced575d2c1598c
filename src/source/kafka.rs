//! Kafka topics whose records are audit events: one member of a consumer group for each topic.
//!
//! A partition is a source of its own, `kafka:topic/partition`. Its position is the offset of the next record, kept in
//! the snapshot like a file's. The group's committed offsets follow the saved snapshots and never lead them; they are
//! for the member that takes a partition over and for those who watch the lag.

mod callbacks;
mod member;
mod partition;
mod resume;
mod seat;
mod standing;

use std::collections::BTreeMap;

use anyhow::{Context as _, bail};
use rdkafka::ClientConfig;
use serde::Deserialize;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::batch::ClusterId;
use crate::metrics::Metrics;
use crate::source::{Outlet, Source};
use member::Member;

/// Longest record that is taken, bytes: the file source's limit. A longer one cannot be passed over: the partition
/// stands still and its errors are counted until the record is removed or `receive.message.max.bytes` is raised.
const RECORD_BYTES_MAX: usize = 100 * 1024 * 1024;

/// What a response weighs beside its records, at most.
const RESPONSE_OVERHEAD_BYTES: usize = 1024 * 1024;

/// Which topics, and how to reach them.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Brokers to begin with, `host:port`; the others are learned from them.
    pub brokers: Vec<String>,
    /// Topics by their full names.
    pub topics: Vec<String>,
    /// The consumer group.
    #[serde(default = "default_group")]
    pub group: String,
    /// Further settings of librdkafka, such as `client.id` or `session.timeout.ms`.
    #[serde(default)]
    pub properties: BTreeMap<String, String>,
}

fn default_group() -> String {
    "gatecrier".to_owned()
}

impl Config {
    /// What librdkafka is told. Fails on a setting that it does not know or that is ours.
    fn client(&self) -> anyhow::Result<ClientConfig> {
        let response_bytes_max = RECORD_BYTES_MAX + RESPONSE_OVERHEAD_BYTES;
        let mut client = ClientConfig::new();
        client
            .set("client.id", "gatecrier")
            // Brokers send a record that is longer than these alone, so they bound memory, not the records.
            .set("fetch.message.max.bytes", "1048576")
            .set("fetch.max.bytes", "16777216")
            .set("queued.max.messages.kbytes", "16384")
            .set("receive.message.max.bytes", response_bytes_max.to_string())
            // How long a broker may sit on an empty answer, and so how long until we know that a partition is at its end.
            .set("fetch.wait.max.ms", "50")
            // A topic that is made later, or more partitions of it, are found within a minute.
            .set("topic.metadata.refresh.interval.ms", "60000")
            .set("reconnect.backoff.max.ms", "5000");
        for (name, value) in &self.properties {
            client.set(name, value);
        }
        for (name, value) in self.fixed() {
            if self.properties.contains_key(name) {
                bail!("property `{name}` cannot be set: Gatecrier's promises rest on its own value");
            }
            client.set(name, value);
        }
        client.create_native_config().context("check the Kafka properties")?;
        Ok(client)
    }

    /// The settings that the promise of at-least-once rests on.
    fn fixed(&self) -> [(&'static str, String); 8] {
        [
            ("bootstrap.servers", self.brokers.join(",")),
            ("group.id", self.group.clone()),
            // Offsets are committed by us, after the snapshot.
            ("enable.auto.commit", "false".to_owned()),
            ("enable.auto.offset.store", "false".to_owned()),
            ("auto.offset.reset", "earliest".to_owned()),
            ("enable.partition.eof", "true".to_owned()),
            // One rebalance takes all partitions and gives all: nothing is committed in the middle of it.
            ("partition.assignment.strategy", "range,roundrobin".to_owned()),
            ("statistics.interval.ms", "1000".to_owned()),
        ]
    }
}

/// Reads topics as a member of a consumer group.
#[derive(Debug, Clone)]
pub struct KafkaSource {
    config: Config,
    client: ClientConfig,
    cluster: ClusterId,
    metrics: Metrics,
}

impl KafkaSource {
    /// A source of one cluster's records. Nothing is connected yet. Fails on a configuration that cannot work.
    pub fn new(config: Config, cluster: ClusterId, metrics: Metrics) -> anyhow::Result<Self> {
        if config.brokers.is_empty() {
            bail!("no Kafka brokers: add one, such as `brokers: [kafka.example:9092]`");
        }
        if config.topics.is_empty() {
            bail!("no Kafka topics: add one, such as `topics: [audit]`");
        }
        if let Some(topic) = config.topics.iter().find(|topic| topic.is_empty() || topic.starts_with('^')) {
            bail!("topic `{topic}` is not a name: topics are named in full, patterns are not understood");
        }
        let client = config.client()?;
        Ok(Self { config, client, cluster, metrics })
    }
}

impl Source for KafkaSource {
    /// Ends when stopped, or with an error when librdkafka calls its own state beyond repair.
    async fn run(self, out: Outlet, stop: CancellationToken) -> anyhow::Result<()> {
        let mut topics = self.config.topics;
        topics.sort();
        topics.dedup();
        // A consumer for each topic, because the word that a partition is at its end names no topic.
        let mut members = JoinSet::new();
        for topic in topics {
            let ways = (out.another(), stop.child_token());
            let member = Member::join(&self.client, &topic, &self.cluster, &self.metrics, ways)
                .with_context(|| format!("subscribe to Kafka topic {topic}"))?;
            members.spawn(async move { member.run().await.with_context(|| format!("read Kafka topic {topic}")) });
        }
        while let Some(ended) = members.join_next().await {
            ended.context("run a Kafka consumer")??;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;
    use crate::metrics::BySourceReason;
    use crate::source::channel;

    fn config(properties: &[(&str, &str)]) -> Config {
        Config {
            brokers: vec!["127.0.0.1:1".to_owned()],
            topics: vec!["audit".to_owned()],
            group: default_group(),
            properties: properties.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect(),
        }
    }

    #[track_caller]
    fn check(config: Config, expected: Option<&str>) {
        let made = KafkaSource::new(config, ClusterId::new("c"), Metrics::new());
        let error = made.err().map(|error| format!("{error:#}"));
        match (error, expected) {
            (None, None) => {}
            (Some(error), Some(part)) if error.contains(part) => {}
            (error, expected) => panic!("got {error:?}, expected {expected:?}"),
        }
    }

    /// A source whose broker nobody runs.
    fn lonely() -> KafkaSource {
        KafkaSource::new(config(&[]), ClusterId::new("c"), Metrics::new()).unwrap()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_source_without_a_broker_counts_it_and_still_stops() {
        let (source, stop) = (lonely(), CancellationToken::new());
        let unreachable = BySourceReason { source: "kafka:audit".to_owned(), reason: "unreachable" };
        let metrics = source.metrics.clone();
        let (out, _intake) = channel();
        let running = tokio::spawn(source.run(out, stop.clone()));
        let counted = async {
            while metrics.source_errors.get_or_create(&unreachable).get() == 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(Duration::from_secs(30), counted).await.unwrap();
        stop.cancel();
        timeout(Duration::from_secs(30), running).await.unwrap().unwrap().unwrap();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_source_that_is_thrown_away_does_not_block() {
        let (out, _intake) = channel();
        let running = tokio::spawn(lonely().run(out, CancellationToken::new()));
        running.abort();
        assert!(timeout(Duration::from_secs(30), running).await.unwrap().unwrap_err().is_cancelled());
    }

    #[test]
    fn a_configuration_that_cannot_work_is_refused() {
        check(config(&[]), None);
        check(config(&[("session.timeout.ms", "6000")]), None);
        check(config(&[("sesion.timeout.ms", "6000")]), Some("sesion.timeout.ms"));
        check(config(&[("enable.auto.commit", "true")]), Some("`enable.auto.commit` cannot be set"));
        check(Config { brokers: vec![], ..config(&[]) }, Some("no Kafka brokers"));
        check(Config { topics: vec![], ..config(&[]) }, Some("no Kafka topics"));
        check(Config { topics: vec!["^audit.*".to_owned()], ..config(&[]) }, Some("topics are named in full"));
    }
}
