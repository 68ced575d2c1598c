//! A datagram socket, or a stream with counted octets, within TLS or not.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use futures_util::FutureExt as _;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::Protocol;
use crate::sink::http::Tls;

/// Longest we try to connect, and to hand a batch over. Beyond it the attempt failed and is tried again.
const TIMEOUT: Duration = Duration::from_secs(20);

/// How to connect.
#[derive(Debug)]
pub(super) struct Wire {
    address: String,
    protocol: Protocol,
    tls: Tls,
}

pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin + Send + Sync {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send + Sync> Stream for S {}

/// What was connected.
pub(super) enum Connection {
    Datagrams(UdpSocket),
    Stream(Box<dyn Stream>),
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if matches!(self, Self::Datagrams(_)) { "Datagrams" } else { "Stream" })
    }
}

impl Wire {
    pub(super) fn new(address: &str, protocol: Protocol, tls: &Tls) -> anyhow::Result<Self> {
        let port = address.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse::<u16>().ok()?)));
        if port.is_none_or(|(host, _)| host.is_empty()) {
            bail!("`address`: write `host:port`, such as `logs.example.com:6514`");
        }
        if protocol != Protocol::Tls && *tls != Tls::default() {
            bail!("`tls` has no effect without `protocol: tls`");
        }
        let wire = Self { address: address.to_owned(), protocol, tls: tls.clone() };
        if protocol == Protocol::Tls {
            wire.tls_config()?;
        }
        Ok(wire)
    }

    pub(super) fn describe(&self) -> String {
        let how = match self.protocol {
            Protocol::Udp => "a datagram's receiver cannot be seen",
            Protocol::Tcp => "connected",
            Protocol::Tls => "connected, with TLS",
        };
        format!("{}: {how}", self.address)
    }

    pub(super) async fn connect(&self) -> anyhow::Result<Connection> {
        let connected = timeout(TIMEOUT, self.connect_now()).await;
        connected
            .unwrap_or_else(|_| Err(anyhow!("no connection within {} s", TIMEOUT.as_secs())))
            .with_context(|| format!("connect to {}", self.address))
    }

    async fn connect_now(&self) -> anyhow::Result<Connection> {
        if self.protocol == Protocol::Udp {
            let address = tokio::net::lookup_host(&self.address).await?.next().context("no address")?;
            let socket = UdpSocket::bind(if address.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" }).await?;
            socket.connect(address).await?;
            return Ok(Connection::Datagrams(socket));
        }
        let stream = TcpStream::connect(&self.address).await?;
        if self.protocol == Protocol::Tcp {
            return Ok(Connection::Stream(Box::new(stream)));
        }
        let host = self.address.rsplit_once(':').map_or("", |(host, _)| host).trim_matches(['[', ']']);
        let name =
            ServerName::try_from(host.to_owned()).context("`address` has no name that a certificate can have")?;
        // The files are read for each connection, so that replaced ones are used.
        let connector = TlsConnector::from(Arc::new(self.tls_config()?));
        Ok(Connection::Stream(Box::new(connector.connect(name, stream).await?)))
    }

    fn tls_config(&self) -> anyhow::Result<ClientConfig> {
        let Some(ca_file) = &self.tls.ca_file else {
            bail!("`protocol: tls` needs `tls.ca_file`, the authority that the receiver's certificate is from");
        };
        let mut roots = RootCertStore::empty();
        for certificate in certificates("tls.ca_file", ca_file)? {
            roots.add(certificate).with_context(|| format!("use `tls.ca_file` {}", ca_file.display()))?;
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        let builder = builder.with_root_certificates(roots);
        match (&self.tls.cert_file, &self.tls.key_file) {
            (None, None) => Ok(builder.with_no_client_auth()),
            (Some(cert), Some(key)) => {
                let read = PrivateKeyDer::from_pem_file(key);
                let private = read.map_err(|error| anyhow!("read `tls.key_file` {}: {error}", key.display()))?;
                let chain = certificates("tls.cert_file", cert)?;
                builder.with_client_auth_cert(chain, private).context("use `tls.cert_file` with `tls.key_file`")
            }
            (Some(_), None) => bail!("`tls.cert_file` needs `tls.key_file`"),
            (None, Some(_)) => bail!("`tls.key_file` needs `tls.cert_file`"),
        }
    }
}

fn certificates(setting: &str, path: &Path) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let found = read.map_err(|error| anyhow!("read `{setting}` {}: {error}", path.display()))?;
    if found.is_empty() {
        bail!("`{setting}` {}: no PEM certificate in it", path.display());
    }
    Ok(found)
}

impl Connection {
    /// Nothing when the receiver has closed it, as far as one can see.
    pub(super) fn if_open(mut self) -> Option<Self> {
        let Self::Stream(stream) = &mut self else { return Some(self) };
        let mut ignored = [0; 64];
        let closed = matches!(stream.read(&mut ignored).now_or_never(), Some(Ok(0) | Err(_)));
        (!closed).then_some(self)
    }

    /// Hands the messages to the network.
    pub(super) async fn send(&mut self, messages: &[Vec<u8>]) -> anyhow::Result<()> {
        let sent = timeout(TIMEOUT, self.send_now(messages)).await;
        sent.unwrap_or_else(|_| Err(anyhow!("not taken within {} s", TIMEOUT.as_secs()))).context("write to syslog")
    }

    async fn send_now(&mut self, messages: &[Vec<u8>]) -> anyhow::Result<()> {
        match self {
            Self::Datagrams(socket) => {
                for message in messages {
                    socket.send(message).await?;
                }
            }
            Self::Stream(stream) => {
                let mut bytes = Vec::new();
                for message in messages {
                    bytes.extend_from_slice(format!("{} ", message.len()).as_bytes());
                    bytes.extend_from_slice(message);
                }
                stream.write_all(&bytes).await?;
                stream.flush().await?;
            }
        }
        Ok(())
    }
}
