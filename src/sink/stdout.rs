//! Alerts on standard output (stand-in).

use serde::Deserialize;

/// Nothing to choose yet.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {}
