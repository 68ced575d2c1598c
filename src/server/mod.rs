//! Health and metrics over HTTP.
//!
//! `/healthz` says that the process lives, `/readyz` whether it can do its work and why not, `/metrics` what it did.

mod config;
mod guard;
mod ready;
#[cfg(test)]
mod tests;
mod tls;

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use anyhow::{Context, anyhow};
use axum::Router;
use axum::extract;
use axum::http::{StatusCode, header::CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum_server::Handle;
use axum_server::accept::Accept;
use axum_server::tls_rustls::RustlsAcceptor;
use hyper_util::rt::TokioTimer;
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use crate::metrics::Metrics;
pub use config::{Config, Tls};
use guard::Guard;
pub use ready::{Condition, Readiness};
use tls::Certificate;

/// Longest wait for a request's headers, or for the next request. Beyond it the connection is closed.
const HEADERS_TIMEOUT: Duration = Duration::from_secs(10);

/// Longest TLS handshake. Beyond it the connection is closed.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);

/// Most bytes of a request's headers. Beyond it the answer is 431.
const HEADER_BYTES_MAX: usize = 16 * 1024;

/// How long running answers may take once we are to stop. Beyond it they are cut.
const STOP_GRACE: Duration = Duration::from_millis(900);

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
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    certificate: Option<Certificate>,
}

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
        let certificate = config.tls.clone().map(Certificate::load).transpose()?;
        let listener = TcpListener::bind(config.listen).map_err(|error| bind_error(&error, config.listen))?;
        listener.set_nonblocking(true).context("prepare the socket for health and metrics")?;
        let address = listener.local_addr().context("read the address of the socket for health and metrics")?;
        Ok(Self { listener, address, certificate })
    }

    /// Where it listens; the port is a real one even when port 0 was asked for.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop`.
    ///
    /// # Errors
    /// The socket fails.
    pub async fn run(self, state: State, stop: CancellationToken) -> anyhow::Result<()> {
        let Some(certificate) = self.certificate else {
            return run_with(self.listener, Guard::new(), router(state), stop).await;
        };
        let acceptor = RustlsAcceptor::new(certificate.live()).handshake_timeout(HANDSHAKE_TIMEOUT);
        let serving = run_with(self.listener, acceptor.acceptor(Guard::new()), router(state), stop);
        tokio::select! {
            served = serving => served,
            () = certificate.keep_fresh() => Ok(()),
        }
    }
}

async fn run_with<A>(listener: TcpListener, acceptor: A, app: Router, stop: CancellationToken) -> anyhow::Result<()>
where
    A: Accept<TcpStream, Router, Service = Router> + Clone + Send + Sync + 'static,
    A::Stream: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send,
    A::Future: Send,
{
    let handle = Handle::new();
    let mut server = axum_server::from_tcp(listener).context("serve health and metrics")?;
    let mut http = server.http_builder().http1();
    http.timer(TokioTimer::new()).header_read_timeout(HEADERS_TIMEOUT).max_buf_size(HEADER_BYTES_MAX);
    let serving = server.http1_only().handle(handle.clone()).acceptor(acceptor).serve(app.into_make_service());
    tokio::pin!(serving);
    tokio::select! {
        served = &mut serving => return served.context("serve health and metrics"),
        () = stop.cancelled() => handle.graceful_shutdown(Some(STOP_GRACE)),
    }
    serving.await.context("stop serving health and metrics")
}

fn bind_error(error: &std::io::Error, address: SocketAddr) -> anyhow::Error {
    let way_out = match error.kind() {
        ErrorKind::AddrInUse => {
            "another program listens there, perhaps another gatecrier: stop it, or set `server.listen` to a free port"
        }
        ErrorKind::AddrNotAvailable => "this machine has no such address: correct `server.listen`",
        ErrorKind::PermissionDenied => "ports below 1024 need privileges: set `server.listen` to a higher one",
        _ => "correct `server.listen`",
    };
    anyhow!("listen on {address} for health and metrics: {error}; {way_out}")
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
