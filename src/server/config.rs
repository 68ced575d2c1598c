//! Where health and metrics are served.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use serde::{Deserialize, Deserializer, de::Error};

use super::tls::Files;

/// Where, and with which certificate.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Address and port. On the loopback by default: metrics name sources and sinks.
    #[serde(deserialize_with = "address_and_port")]
    pub listen: SocketAddr,
    /// The certificate to serve with; plain HTTP without.
    pub tls: Option<Tls>,
}

/// A certificate and its key, PEM. Both files are read again when they change.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// The certificate, followed by those that lead to its issuer.
    pub cert_file: PathBuf,
    /// Its private key.
    pub key_file: PathBuf,
}

impl Tls {
    /// The files, and the setting that names them.
    pub(super) fn files(self, setting: impl Into<String>) -> Files {
        Files { setting: setting.into(), cert_file: self.cert_file, key_file: self.key_file, client_ca_file: None }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self { listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 9187)), tls: None }
    }
}

pub(super) fn address_and_port<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(|_| {
        D::Error::custom(format!(
            "`{text}` is not an address and port: write `127.0.0.1:9187`, `[::1]:9187` or the like"
        ))
    })
}
