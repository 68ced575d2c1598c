//! The Kafka source (stand-in).

use serde::Deserialize;

/// What to consume.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Bootstrap servers, `host:port`.
    pub brokers: Vec<String>,
    /// Topics.
    pub topics: Vec<String>,
    /// Consumer group.
    pub group: String,
}
