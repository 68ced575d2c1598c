//! Who may post for whom: by path, certificate and token. Never by what is in an event.

use std::collections::BTreeMap;

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use sha2::{Digest, Sha256};

use super::super::peer::Peer;
use super::answer::Refusal;
use super::config;
use crate::secret::SecretFile;
use crate::source::spool::Spool;

/// The way in to one cluster.
#[derive(Debug)]
pub(super) struct Door {
    token: Option<SecretFile>,
    subjects: Vec<String>,
    /// By sender; under the empty name for a cluster without named ones.
    spools: BTreeMap<String, Spool>,
}

impl Door {
    pub(super) fn new(setting: &str, config: &config::Sender, spools: BTreeMap<String, Spool>) -> anyhow::Result<Self> {
        let open = |path| SecretFile::open(&format!("{setting}.token_file"), path);
        let token = config.token_file.as_deref().map(open).transpose()?;
        Ok(Self { token, subjects: config.subjects.clone(), spools })
    }

    /// Whether a certificate of this name opens this door and was meant for it.
    fn knows(&self, peer: &Peer) -> bool {
        peer.0.as_deref().is_some_and(|name| self.subjects.iter().any(|subject| subject == name))
    }

    fn admits(&self, peer: Option<&Peer>, headers: &HeaderMap) -> Result<(), Refusal> {
        if !self.subjects.is_empty() {
            let peer = peer.ok_or(Refusal::Unauthorized("show a client certificate"))?;
            if !self.knows(peer) {
                return Err(Refusal::Forbidden);
            }
        }
        let Some(token) = &self.token else { return Ok(()) };
        let borne = headers.get(AUTHORIZATION).ok_or(Refusal::Unauthorized("bear a token"))?;
        let (scheme, borne) = borne.as_bytes().split_at_checked(BEARER.len()).unwrap_or_default();
        match scheme.eq_ignore_ascii_case(BEARER) && same(borne.trim_ascii(), token.current().expose().as_bytes()) {
            true => Ok(()),
            false => Err(Refusal::Unauthorized("the token is not that of this cluster")),
        }
    }
}

const BEARER: &[u8] = b"Bearer ";

/// Compares in a time that tells nothing of how much of it is right.
fn same(one: &[u8], other: &[u8]) -> bool {
    let (one, other) = (Sha256::digest(one), Sha256::digest(other));
    let differing = one.iter().zip(&other).fold(0, |differing, (one, other)| differing | (one ^ other));
    std::hint::black_box(differing) == 0
}

/// Whom a request says to be of.
#[derive(Debug)]
pub(super) enum Target {
    /// As its path names it; the sender is empty where none is named.
    Named { cluster: String, sender: String },
    /// As the certificate of its connection says.
    Certificate,
}

/// The ways in to all clusters.
#[derive(Debug, Default)]
pub(super) struct Doors(pub(super) BTreeMap<String, Door>);

impl Doors {
    /// The spool that somebody may post to.
    pub(super) fn find(&self, target: &Target, peer: Option<&Peer>, headers: &HeaderMap) -> Result<&Spool, Refusal> {
        let (cluster, sender) = match target {
            Target::Named { cluster, sender } => (cluster.as_str(), sender.as_str()),
            Target::Certificate => (self.cluster_of(peer)?, ""),
        };
        let unknown =
            || Refusal::Unknown([cluster, sender].join("/").trim_end_matches('/').chars().take(100).collect());
        let door = self.0.get(cluster).ok_or_else(unknown)?;
        door.admits(peer, headers)?;
        door.spools.get(sender).ok_or_else(unknown)
    }

    /// The one cluster that knows this certificate.
    fn cluster_of(&self, peer: Option<&Peer>) -> Result<&str, Refusal> {
        let peer = peer.ok_or(Refusal::Unauthorized("post to /audit/CLUSTER, or show a client certificate"))?;
        let mut known = self.0.iter().filter(|(_, door)| door.knows(peer));
        match (known.next(), known.next()) {
            (Some((cluster, _)), None) => Ok(cluster),
            _ => Err(Refusal::Forbidden),
        }
    }
}
