//! The file source (stand-in).

use std::path::PathBuf;

use serde::Deserialize;

/// Which log to follow.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The live log file.
    pub path: PathBuf,
}
