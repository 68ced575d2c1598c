//! A socket that serves a router: bound, with its certificate, within bounds, and stopped in order.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use anyhow::{Context, anyhow};
use axum::Router;
use axum_server::Handle;
use axum_server::accept::Accept;
use axum_server::tls_rustls::RustlsAcceptor;
use hyper_util::rt::TokioTimer;
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use super::guard::{Bounds, Guard};
use super::peer::Introduce;
use super::tls::{Certificate, Files};

/// Longest TLS handshake. Beyond it the connection is closed.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);

/// Most bytes of a request's headers. Beyond it the answer is 431.
pub const HEADER_BYTES_MAX: usize = 16 * 1024;

/// What a socket is for, and how much of it clients may take.
#[derive(Debug, Clone)]
pub struct Terms {
    /// For people: what is served.
    pub purpose: &'static str,
    /// The setting that names the address.
    pub setting: String,
    /// How much clients may take.
    pub bounds: Bounds,
}

/// A socket that has its address and certificate and serves once it is run.
#[derive(Debug)]
pub struct Socket {
    listener: TcpListener,
    address: SocketAddr,
    certificate: Option<Certificate>,
    terms: Terms,
}

impl Socket {
    /// Takes the address and reads the certificate, so that a mistake shows before any work begins.
    ///
    /// # Errors
    /// The address cannot be bound, or the certificate cannot be used. The text says what to do.
    pub fn bind(listen: SocketAddr, files: Option<Files>, terms: Terms) -> anyhow::Result<Self> {
        let certificate = files.map(Certificate::load).transpose()?;
        let listener = TcpListener::bind(listen).map_err(|error| bind_error(&error, listen, &terms))?;
        let prepare = || format!("prepare the socket for {}", terms.purpose);
        listener.set_nonblocking(true).with_context(prepare)?;
        let address = listener.local_addr().with_context(prepare)?;
        Ok(Self { listener, address, certificate, terms })
    }

    /// Where it listens; the port is a real one even when port 0 was asked for.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop`.
    ///
    /// # Errors
    /// The socket fails.
    pub async fn run(self, app: Router, stop: CancellationToken) -> anyhow::Result<()> {
        let guard = Guard::new(self.terms.bounds);
        let Some(certificate) = self.certificate else {
            return run_with(self.listener, guard, app, stop, &self.terms).await;
        };
        let acceptor = RustlsAcceptor::new(certificate.live()).handshake_timeout(HANDSHAKE_TIMEOUT).acceptor(guard);
        let serving = run_with(self.listener, Introduce(acceptor), app, stop, &self.terms);
        tokio::select! {
            served = serving => served,
            () = certificate.keep_fresh() => Ok(()),
        }
    }
}

async fn run_with<A>(
    listener: TcpListener,
    acceptor: A,
    app: Router,
    stop: CancellationToken,
    terms: &Terms,
) -> anyhow::Result<()>
where
    A: Accept<TcpStream, Router, Service = Router> + Clone + Send + Sync + 'static,
    A::Stream: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send,
    A::Future: Send,
{
    let Terms { purpose, bounds, .. } = terms;
    let handle = Handle::new();
    let mut server = axum_server::from_tcp(listener).with_context(|| format!("serve {purpose}"))?;
    let mut http = server.http_builder().http1();
    http.timer(TokioTimer::new()).header_read_timeout(bounds.headers_timeout).max_buf_size(HEADER_BYTES_MAX);
    let serving = server.http1_only().handle(handle.clone()).acceptor(acceptor).serve(app.into_make_service());
    tokio::pin!(serving);
    tokio::select! {
        served = &mut serving => return served.with_context(|| format!("serve {purpose}")),
        () = stop.cancelled() => handle.graceful_shutdown(Some(bounds.stop_grace)),
    }
    serving.await.with_context(|| format!("stop serving {purpose}"))
}

fn bind_error(error: &std::io::Error, address: SocketAddr, terms: &Terms) -> anyhow::Error {
    let setting = &terms.setting;
    let way_out = match error.kind() {
        ErrorKind::AddrInUse => format!(
            "another program listens there, perhaps another gatecrier: stop it, or set `{setting}` to a free port"
        ),
        ErrorKind::AddrNotAvailable => format!("this machine has no such address: correct `{setting}`"),
        ErrorKind::PermissionDenied => format!("ports below 1024 need privileges: set `{setting}` to a higher one"),
        _ => format!("correct `{setting}`"),
    };
    anyhow!("listen on {address} for {}: {error}; {way_out}", terms.purpose)
}
