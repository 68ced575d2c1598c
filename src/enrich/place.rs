//! Country and network owner from the user's own MaxMind-format files (stand-in).

use std::path::PathBuf;

use serde::Deserialize;

/// Which files to ask.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// A file with countries.
    pub country: Option<PathBuf>,
    /// A file with autonomous systems.
    pub asn: Option<PathBuf>,
}
