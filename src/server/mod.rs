//! Health and metrics over HTTP.
//!
//! `/healthz` says that the process lives, `/readyz` whether it can do its work and why not, `/metrics` what it did.

pub mod audit;
mod config;
mod guard;
mod peer;
mod ready;
mod socket;
#[cfg(test)]
mod tests;
mod tls;

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::extract;
use axum::http::{StatusCode, header::CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio_util::sync::CancellationToken;

use crate::metrics::Metrics;
pub use config::{Config, Tls};
use guard::Bounds;
pub use ready::{Condition, Readiness};
use socket::{Socket, Terms};

/// Probes and scrapers: few, short, and they come again.
const BOUNDS: Bounds = Bounds {
    connections_max: 64,
    stalled_max: Duration::from_secs(30),
    headers_timeout: Duration::from_secs(10),
    stop_grace: Duration::from_millis(900),
};

const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

const INDEX: &str = "gatecrier\n\n/healthz  the process lives\n/readyz   it can do its work, or why not\n/metrics  what it did, in the OpenMetrics format\n";

/// What is served.
#[derive(Debug, Clone)]
pub struct State {
    /// What was counted.
    pub metrics: Metrics,
    /// Whether the work can be done.
    pub ready: Readiness,
}

/// A server that has its address and certificate and serves once it is run.
#[derive(Debug)]
pub struct Server(Socket);

/// Binds and serves until `stop`; running answers get up to a second to end.
///
/// # Errors
/// The address cannot be bound, or the certificate cannot be used. The text says what to do.
pub async fn serve(config: Config, state: State, stop: CancellationToken) -> anyhow::Result<()> {
    Server::bind(&config)?.run(state, stop).await
}

impl Server {
    /// Takes the address and reads the certificate, so that a mistake shows before any work begins.
    ///
    /// # Errors
    /// As [`serve`].
    pub fn bind(config: &Config) -> anyhow::Result<Self> {
        let files = config.tls.clone().map(|tls| tls.files("server.tls"));
        let terms = Terms { purpose: "health and metrics", setting: "server.listen".to_owned(), bounds: BOUNDS };
        Ok(Self(Socket::bind(config.listen, files, terms)?))
    }

    /// Where it listens; the port is a real one even when port 0 was asked for.
    pub fn address(&self) -> SocketAddr {
        self.0.address()
    }

    /// Serves until `stop`.
    ///
    /// # Errors
    /// The socket fails.
    pub async fn run(self, state: State, stop: CancellationToken) -> anyhow::Result<()> {
        self.0.run(router(state), stop).await
    }
}

/// The routes, for the server and for tests of what is answered.
pub fn router(state: State) -> Router {
    Router::new()
        .route("/", get(|| async { INDEX }))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .with_state(state)
}

async fn readyz(extract::State(state): extract::State<State>) -> Response {
    let status = if state.ready.is_ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, [(CONTENT_TYPE, "application/json")], state.ready.to_json()).into_response()
}

async fn metrics(extract::State(state): extract::State<State>) -> Response {
    match state.metrics.encode() {
        Ok(text) => ([(CONTENT_TYPE, OPENMETRICS)], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "metrics cannot be encoded");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
