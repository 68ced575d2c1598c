//! Alerts on disk (stand-in).

use serde::Deserialize;

use crate::amount::Size;

/// Its limits.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Most bytes on disk.
    pub max_bytes: Size,
}

impl Default for Config {
    fn default() -> Self {
        Self { max_bytes: Size(1 << 30) }
    }
}
