//! The certificate we serve with, read again when its files change.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::{Context, anyhow};
use axum_server::tls_rustls::RustlsConfig;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::config::Tls;

/// How often we look whether the files changed. Two calls of `stat` each time.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// A certificate in use and the files it came from.
#[derive(Debug)]
pub struct Certificate {
    files: Tls,
    live: RustlsConfig,
    seen: Seen,
}

/// What tells one state of the files from another.
type Seen = [Option<(SystemTime, u64)>; 2];

impl Certificate {
    /// Reads certificate and key.
    ///
    /// # Errors
    /// A file cannot be read or is not PEM, or the key is not the certificate's.
    pub fn load(files: Tls) -> anyhow::Result<Self> {
        // Looked at before reading, so that a change in between is read again.
        let seen = look(&files);
        let live = RustlsConfig::from_config(Arc::new(read(&files)?));
        Ok(Self { files, live, seen })
    }

    /// What the server asks at each handshake.
    pub fn live(&self) -> RustlsConfig {
        self.live.clone()
    }

    /// Reads the files again whenever they change; never ends. While certificate and key do not fit each
    /// other, as between the two writes of a renewal, the old ones stay in use.
    pub async fn keep_fresh(mut self) {
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            let seen = look(&self.files);
            if seen == self.seen {
                continue;
            }
            self.seen = seen;
            match read(&self.files) {
                Ok(config) => {
                    self.live.reload_from_config(Arc::new(config));
                    tracing::info!(file = %self.files.cert_file.display(), "the certificate was renewed");
                }
                Err(error) => tracing::warn!(
                    error = format!("{error:#}"),
                    "the changed certificate cannot be used yet; the old one stays"
                ),
            }
        }
    }
}

fn look(files: &Tls) -> Seen {
    [&files.cert_file, &files.key_file].map(|path| {
        let metadata = std::fs::metadata(path).ok()?;
        Some((metadata.modified().ok()?, metadata.len()))
    })
}

fn read(files: &Tls) -> anyhow::Result<ServerConfig> {
    let chain = read_chain(&files.cert_file)?;
    let key = PrivateKeyDer::from_pem_file(&files.key_file).map_err(|error| {
        anyhow!("read the private key in `server.tls.key_file` {}: {error}", files.key_file.display())
    })?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .context("choose TLS versions")?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .context("use the certificate and key in `server.tls`: do they belong together?")?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

fn read_chain(path: &Path) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let failed = |error| anyhow!("read the certificate in `server.tls.cert_file` {}: {error}", path.display());
    let chain: Vec<_> =
        CertificateDer::pem_file_iter(path).map_err(failed)?.collect::<Result<_, _>>().map_err(failed)?;
    match chain.is_empty() {
        false => Ok(chain),
        true => Err(anyhow!("no certificate in `server.tls.cert_file` {}: it must hold PEM", path.display())),
    }
}
