//! Who may post audit events, and how much of us they may take.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use serde::Deserialize;

use super::super::config::address_and_port;
use super::super::tls::Files;

/// One listener for the audit webhooks of API servers, and for other Gatecriers that forward.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Address and port. On the loopback unless told otherwise: whoever can post can make events up.
    #[serde(deserialize_with = "address_and_port")]
    pub listen: SocketAddr,
    /// The certificate to serve with; plain HTTP without.
    pub tls: Option<Tls>,
    /// The clusters whose events are taken, by their names in `POST /audit/NAME`.
    pub clusters: BTreeMap<String, Sender>,
    /// Longest body, bytes, decompressed. A longer one is answered 413, raised, and its first part quarantined.
    #[serde(deserialize_with = "crate::amount::bytes")]
    pub body_bytes_max: u64,
    /// Most bytes of all bodies that are not on the disk yet. Beyond it senders are asked to wait (429). As much again
    /// may be in use for a moment while a body grows, and while it is written.
    #[serde(deserialize_with = "crate::amount::bytes")]
    pub memory_bytes_max: u64,
    /// Most bytes on the disk of each sender. Beyond it it is asked to wait (429).
    #[serde(deserialize_with = "crate::amount::bytes")]
    pub spool_bytes_max: u64,
}

/// A certificate and its key, and whose certificates are believed. PEM; all are read again when they change.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// The certificate, followed by those that lead to its issuer.
    pub cert_file: PathBuf,
    /// Its private key.
    pub key_file: PathBuf,
    /// The authorities of the clients' certificates.
    #[serde(default)]
    pub client_ca_file: Option<PathBuf>,
}

/// Who may post for a cluster. What is named must all hold.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Sender {
    /// Those who post apart from each other, by their names in `POST /audit/CLUSTER/NAME`: API servers, or Gatecriers
    /// that forward. Each has a spool of its own, so that one that is behind is waited for.
    pub senders: Vec<String>,
    /// File with the token that a request must bear.
    pub token_file: Option<PathBuf>,
    /// Common names of the certificates one of which a client must show; needs `tls.client_ca_file`.
    pub subjects: Vec<String>,
}

/// Longest body that can be configured, bytes: what a record of a spool holds.
pub const BODY_BYTES_MOST: u64 = 1024 * 1024 * 1024;

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 9188)),
            tls: None,
            clusters: BTreeMap::new(),
            body_bytes_max: 64 * 1024 * 1024,
            memory_bytes_max: 128 * 1024 * 1024,
            spool_bytes_max: 1024 * 1024 * 1024,
        }
    }
}

impl Tls {
    /// The files, and the setting that names them.
    pub(super) fn files(self, setting: String) -> Files {
        let Self { cert_file, key_file, client_ca_file } = self;
        Files { setting, cert_file, key_file, client_ca_file }
    }
}
