//! The configured sinks: one list, that `run` delivers to and `check` asks.

use crate::alert::Severity;
use crate::config::Sinks;
use crate::sink::elasticsearch::{self, Elasticsearch};
use crate::sink::loki::{self, Loki};
use crate::sink::stdout::{self, Stdout};
use crate::sink::webhook::{self, Webhook};

/// One sink of the configuration.
#[derive(Debug)]
pub struct Listed<'c> {
    kind: &'static str,
    /// Nothing of the one sink that has no name.
    name: Option<&'c str>,
    config: SinkConfig<'c>,
}

/// Every kind of sink as configured: a new one is a variant here and in [`AnySink`], and a line wherever the compiler
/// asks for it.
#[derive(Debug)]
enum SinkConfig<'c> {
    Stdout(&'c stdout::Config),
    Webhook(&'c webhook::Config),
    Loki(&'c loki::Config),
    Elasticsearch(&'c elasticsearch::Config),
}

/// Every kind of sink, ready to send.
#[derive(Debug)]
pub enum AnySink {
    /// Standard output.
    Stdout(Stdout),
    /// A webhook.
    Webhook(Webhook),
    /// A Loki server.
    Loki(Loki),
    /// An Elasticsearch or OpenSearch cluster.
    Elasticsearch(Elasticsearch),
}

/// The sinks that are named, in the order of their kinds.
pub fn list(sinks: &Sinks) -> Vec<Listed<'_>> {
    let stdout =
        sinks.stdout.iter().map(|config| Listed { kind: "stdout", name: None, config: SinkConfig::Stdout(config) });
    let webhook = sinks.webhook.iter().map(|(name, config)| Listed {
        kind: "webhook",
        name: Some(name),
        config: SinkConfig::Webhook(config),
    });
    let loki = sinks.loki.iter().map(|(name, config)| Listed {
        kind: "loki",
        name: Some(name),
        config: SinkConfig::Loki(config),
    });
    let elasticsearch = sinks.elasticsearch.iter().map(|(name, config)| Listed {
        kind: "elasticsearch",
        name: Some(name),
        config: SinkConfig::Elasticsearch(config),
    });
    stdout.chain(webhook).chain(loki).chain(elasticsearch).collect()
}

impl<'c> Listed<'c> {
    /// What there is when no sink is named: standard output.
    pub fn default_stdout(config: &'c stdout::Config) -> Self {
        Self { kind: "stdout", name: None, config: SinkConfig::Stdout(config) }
    }

    /// Kind and name, with something between them.
    pub fn label(&self, between: char) -> String {
        self.name.map_or_else(|| self.kind.to_owned(), |name| format!("{}{between}{name}", self.kind))
    }

    /// Where it sends to, for people: nothing secret.
    pub fn to(&self) -> &str {
        match self.config {
            SinkConfig::Stdout(_) => "",
            SinkConfig::Webhook(config) => config.url.origin(),
            SinkConfig::Loki(config) => config.url.origin(),
            SinkConfig::Elasticsearch(config) => config.url.origin(),
        }
    }

    /// Mildest severity it wants, and whether it may lose nothing.
    pub fn demands(&self) -> (Option<Severity>, bool) {
        match self.config {
            SinkConfig::Stdout(config) => (config.min_severity, config.required),
            SinkConfig::Webhook(config) => (config.min_severity, config.required),
            SinkConfig::Loki(config) => (config.min_severity, config.required),
            SinkConfig::Elasticsearch(config) => (config.min_severity, config.required),
        }
    }

    /// Makes it ready to send.
    ///
    /// # Errors
    /// A file or a setting that it cannot work with.
    pub fn build(&self) -> anyhow::Result<AnySink> {
        Ok(match self.config {
            SinkConfig::Stdout(config) => AnySink::Stdout(Stdout::new(config)?),
            SinkConfig::Webhook(config) => AnySink::Webhook(Webhook::new(config)?),
            SinkConfig::Loki(config) => AnySink::Loki(Loki::new(config)?),
            SinkConfig::Elasticsearch(config) => AnySink::Elasticsearch(Elasticsearch::new(config)?),
        })
    }
}

impl AnySink {
    /// Asks whether it would take alerts, without sending one.
    ///
    /// # Errors
    /// What stands in the way.
    pub async fn check(&self) -> anyhow::Result<String> {
        match self {
            Self::Stdout(sink) => sink.check().await,
            Self::Webhook(sink) => sink.check().await,
            Self::Loki(sink) => sink.check().await,
            Self::Elasticsearch(sink) => sink.check().await,
        }
    }
}
