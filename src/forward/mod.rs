//! Carries events to another Gatecrier's audit webhook, as they came.
//!
//! `load`: records and notices become requests. `post`: a request is sent until it is taken. Where to read on is kept
//! by whoever calls this, and moves only after that.

mod load;
mod post;

use serde::Deserialize;

use crate::sink::http::{Auth, Endpoint, Headers, Tls};

pub use load::{Load, pack};
pub use post::Poster;

/// Where to, and how we say who we are.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The audit webhook of the other Gatecrier: `https://HOST:PORT/audit/CLUSTER/SENDER`.
    pub url: Endpoint,
    /// Headers to add. Their values are not printed.
    #[serde(default)]
    pub headers: Headers,
    /// Who we are.
    #[serde(default)]
    pub auth: Auth,
    /// Whom we believe, and our own certificate.
    #[serde(default)]
    pub tls: Tls,
}
