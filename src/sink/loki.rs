//! The loki sink (stand-in).

use std::path::PathBuf;

use serde::Deserialize;

/// Where to send.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The address.
    pub url: String,
    /// A file with the secret.
    #[serde(default)]
    pub secret_file: Option<PathBuf>,
}
