//! The certificate we serve with, read again when its files change.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::{Context, anyhow};
use axum_server::tls_rustls::RustlsConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};

/// How often we look whether the files changed. Two calls of `stat` each time.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The files a server shows itself with, and by which it knows its clients. All are PEM.
#[derive(Debug, Clone)]
pub struct Files {
    /// The setting that names them, for messages.
    pub setting: String,
    /// The certificate, followed by those that lead to its issuer.
    pub cert_file: PathBuf,
    /// Its private key.
    pub key_file: PathBuf,
    /// Authorities whose certificates clients may show. Without it none is asked for.
    pub client_ca_file: Option<PathBuf>,
}

/// A certificate in use and the files it came from.
#[derive(Debug)]
pub struct Certificate {
    files: Files,
    live: RustlsConfig,
    seen: Seen,
}

/// What tells one state of the files from another.
type Seen = Vec<Option<(SystemTime, u64)>>;

impl Certificate {
    /// Reads certificate and key.
    ///
    /// # Errors
    /// A file cannot be read or is not PEM, or the key is not the certificate's.
    pub fn load(files: Files) -> anyhow::Result<Self> {
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

fn look(files: &Files) -> Seen {
    let stamp = |path: &PathBuf| {
        let metadata = std::fs::metadata(path).ok()?;
        Some((metadata.modified().ok()?, metadata.len()))
    };
    [Some(&files.cert_file), Some(&files.key_file), files.client_ca_file.as_ref()]
        .into_iter()
        .flatten()
        .map(stamp)
        .collect()
}

fn read(files: &Files) -> anyhow::Result<ServerConfig> {
    let setting = &files.setting;
    let chain = read_certificates(&format!("{setting}.cert_file"), &files.cert_file)?;
    let key = PrivateKeyDer::from_pem_file(&files.key_file).map_err(|error| {
        anyhow!("read the private key in `{setting}.key_file` {}: {error}", files.key_file.display())
    })?;
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .context("choose TLS versions")?;
    let builder = match &files.client_ca_file {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let roots = read_roots(&format!("{setting}.client_ca_file"), path)?;
            // Whoever shows no certificate is told so in an answer, which more people read than an alert of TLS.
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider).allow_unauthenticated().build();
            builder.with_client_cert_verifier(verifier.context("use the client authorities")?)
        }
    };
    let mut config = builder
        .with_single_cert(chain, key)
        .with_context(|| format!("use the certificate and key in `{setting}`: do they belong together?"))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

fn read_roots(setting: &str, path: &Path) -> anyhow::Result<Arc<RootCertStore>> {
    let mut roots = RootCertStore::empty();
    for certificate in read_certificates(setting, path)? {
        roots.add(certificate).with_context(|| format!("use the authority in `{setting}` {}", path.display()))?;
    }
    Ok(Arc::new(roots))
}

fn read_certificates(setting: &str, path: &Path) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let failed = |error| anyhow!("read the certificate in `{setting}` {}: {error}", path.display());
    let chain: Vec<_> =
        CertificateDer::pem_file_iter(path).map_err(failed)?.collect::<Result<_, _>>().map_err(failed)?;
    match chain.is_empty() {
        false => Ok(chain),
        true => Err(anyhow!("no certificate in `{setting}` {}: it must hold PEM", path.display())),
    }
}
