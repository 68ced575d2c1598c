//! What is worth telling (stand-in).

use serde::Deserialize;

use crate::amount::Period;

/// Thresholds.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// When failures from one address are a storm.
    pub storm: Storm,
}

/// When failures from one address are a storm.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Storm {
    /// Failures within the window.
    pub failures: u32,
    /// The window.
    pub window: Period,
}

impl Default for Storm {
    fn default() -> Self {
        Self { failures: 20, window: Period(std::time::Duration::from_secs(300)) }
    }
}
