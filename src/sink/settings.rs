//! What the configuration of any sink tells those who know no kinds.

use std::fmt;
use std::path::PathBuf;

use super::AnySink;
use super::http::{Auth, Tls};
use crate::alert::Severity;

/// A sink's configuration.
pub trait Settings: fmt::Debug + Send + Sync {
    /// Where it sends to, for people: nothing secret.
    fn to(&self) -> String;

    /// What it wants of the outbox.
    fn demands(&self) -> Demands;

    /// The files it names, which must be there.
    fn files(&mut self) -> Vec<FileSetting<'_>>;

    /// Makes the sink ready to send.
    ///
    /// # Errors
    /// A file or a setting that it cannot work with.
    fn build(&self) -> anyhow::Result<AnySink>;
}

/// What a sink wants of the outbox.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Demands {
    /// Mildest severity to send; nothing sends all.
    pub min_severity: Option<Severity>,
    /// Whether reading the logs pauses rather than lose an alert for this sink when the outbox is full.
    pub required: bool,
}

/// A file that a setting names.
#[derive(Debug)]
pub struct FileSetting<'a> {
    /// The keys that lead to it, below the sink's name.
    pub keys: Vec<&'static str>,
    /// Its path.
    pub path: &'a mut PathBuf,
}

impl<'a> FileSetting<'a> {
    /// The file at `key`, when it is set.
    pub(super) fn at(key: &'static str, path: &'a mut Option<PathBuf>) -> Option<Self> {
        Some(Self { keys: vec![key], path: path.as_mut()? })
    }

    /// What all sinks that speak HTTP have in common.
    pub(super) fn of_http(auth: &'a mut Auth, tls: &'a mut Tls) -> Vec<Self> {
        let Auth { username: _, password_file, token_file, api_key_file } = auth;
        let Tls { ca_file, cert_file, key_file } = tls;
        let files = [
            (["auth", "password_file"], password_file),
            (["auth", "token_file"], token_file),
            (["auth", "api_key_file"], api_key_file),
            (["tls", "ca_file"], ca_file),
            (["tls", "cert_file"], cert_file),
            (["tls", "key_file"], key_file),
        ];
        files.into_iter().filter_map(|(keys, path)| Some(Self { keys: keys.to_vec(), path: path.as_mut()? })).collect()
    }
}
