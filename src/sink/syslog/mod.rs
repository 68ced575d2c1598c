//! Syslog as RFC 5424 has it, over UDP, TCP or TLS; over the latter two with counted octets.
//!
//! Syslog acknowledges nothing. Before each batch we look whether the receiver has closed the connection, and if so
//! send the last batch again with the next; what was on its way when a receiver died unnoticed may be lost.

mod connection;
mod message;

use anyhow::bail;
use serde::Deserialize;

use super::http::Tls;
use super::settings::{FileSetting, settings};
use super::{Route, SendError, Sink};
use crate::alert::{Alert, Severity};
use connection::{Connection, Wire};
use message::Form;

/// Least sensible length of a message, bytes: a header and a sentence have room. A smaller setting is an error.
const BYTES_LEAST: usize = 480;
/// Most that a datagram can hold.
const DATAGRAM_MAX: usize = 65_000;

/// One receiver.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// `host:port` of the receiver.
    pub address: String,
    /// How it is spoken to.
    #[serde(default)]
    pub protocol: Protocol,
    /// What a message says: the alert as JSON, or its sentence.
    #[serde(default)]
    pub format: Format,
    /// The facility's number, 0 to 23. 10 is `authpriv`, 13 `audit`, 16 to 23 are `local0` to `local7`.
    #[serde(default = "default_facility")]
    pub facility: u8,
    /// Longest message, bytes. From a longer one the event behind the alert is left out, then all but its sentence.
    #[serde(default = "default_max_bytes")]
    pub max_bytes: usize,
    /// Whom we believe, and our certificate. `ca_file` is needed with `protocol: tls`.
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

/// How a receiver is spoken to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// A datagram a message; nobody knows whether it arrives.
    Udp,
    /// A stream, each message with its length before it.
    #[default]
    Tcp,
    /// The same within TLS.
    Tls,
}

/// What a message says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// The alert as a JSON object.
    #[default]
    Json,
    /// A sentence.
    Text,
}

fn default_facility() -> u8 {
    13
}

/// What RFC 5425 asks receivers to take.
fn default_max_bytes() -> usize {
    8192
}

settings!(Syslog, to: |config| config.address.clone(), files: |config| [FileSetting::of_tls(&mut config.tls)]);

/// Sends each alert as a message.
#[derive(Debug)]
pub struct Syslog {
    wire: Wire,
    form: Form,
    connection: Option<Connection>,
    /// The last batch that the network took.
    last: Vec<Vec<u8>>,
}

impl Syslog {
    /// Prepares the sink. Fails when a file is missing or useless, or a setting cannot be.
    pub fn new(config: &Config) -> anyhow::Result<Self> {
        if config.facility > 23 {
            bail!("`facility` is {}: facilities are 0 to 23", config.facility);
        }
        if config.max_bytes < BYTES_LEAST {
            bail!("`max_bytes` is {}: make it at least {BYTES_LEAST}", config.max_bytes);
        }
        if config.protocol == Protocol::Udp && config.max_bytes > DATAGRAM_MAX {
            bail!("`max_bytes` is {}: a datagram holds at most {DATAGRAM_MAX}", config.max_bytes);
        }
        let wire = Wire::new(&config.address, config.protocol, &config.tls)?;
        Ok(Self { wire, form: Form::new(config), connection: None, last: Vec::new() })
    }
}

impl Syslog {
    /// A new connection, on which the last batch goes again: nobody knows how much of it arrived on the old one.
    async fn connect_again(&self) -> anyhow::Result<Connection> {
        let mut connection = self.wire.connect().await?;
        connection.send(&self.last).await?;
        Ok(connection)
    }
}

impl Sink for Syslog {
    async fn send(&mut self, alerts: &[Alert]) -> Result<(), SendError> {
        let messages: Vec<Vec<u8>> = alerts.iter().map(|alert| self.form.message(alert)).collect();
        let kept = self.connection.take().and_then(Connection::if_open);
        let mut connection = match kept {
            Some(connection) => connection,
            None => self.connect_again().await.map_err(SendError::retry)?,
        };
        connection.send(&messages).await.map_err(SendError::retry)?;
        (self.connection, self.last) = (Some(connection), messages);
        Ok(())
    }

    /// Connects without sending a message.
    async fn check(&self) -> anyhow::Result<String> {
        self.wire.connect().await?;
        Ok(self.wire.describe())
    }
}
