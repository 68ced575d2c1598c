//! The connection pool, made anew when a certificate file changes.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, bail};
use reqwest::redirect::Policy;
use reqwest::{Certificate, Identity};

use super::Tls;

/// Longest we try to connect. Beyond it the attempt failed and is retried.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest a request takes from connecting to the answer's last byte. Beyond it the attempt failed and is retried.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// Longest a connection stays unused: a name that moved to another address is looked up again soon.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// When each of the files was written last, and its length; nothing for one that cannot be read.
type Stamp = Vec<Option<(SystemTime, u64)>>;

#[derive(Debug)]
pub(super) struct Wire {
    tls: Tls,
    plain: bool,
    built: Mutex<(Stamp, reqwest::Client)>,
}

impl Wire {
    pub(super) fn new(tls: &Tls, plain: bool) -> anyhow::Result<Self> {
        let built = (stamp(tls), build(tls, plain)?);
        Ok(Self { tls: tls.clone(), plain, built: Mutex::new(built) })
    }

    /// The pool. When a file changed and cannot be used, the pool made from what was there before.
    pub(super) fn current(&self) -> reqwest::Client {
        let mut built = self.built.lock().unwrap_or_else(PoisonError::into_inner);
        let now = stamp(&self.tls);
        if built.0 != now {
            match build(&self.tls, self.plain) {
                Ok(client) => *built = (now, client),
                // Certificate and key are rarely replaced at one moment: the next request tries again.
                Err(error) => {
                    tracing::debug!(error = format!("{error:#}"), "changed certificate files cannot be used yet")
                }
            }
        }
        built.1.clone()
    }
}

fn stamp(tls: &Tls) -> Stamp {
    let files = [&tls.ca_file, &tls.cert_file, &tls.key_file];
    let stamp_of = |path: &PathBuf| {
        let metadata = std::fs::metadata(path).ok()?;
        Some((metadata.modified().ok()?, metadata.len()))
    };
    files.into_iter().flatten().map(stamp_of).collect()
}

fn build(tls: &Tls, plain: bool) -> anyhow::Result<reqwest::Client> {
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("gatecrier/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(REQUEST_TIMEOUT)
        .pool_idle_timeout(IDLE_TIMEOUT)
        // A redirect would carry alerts and credentials to somebody we were not told to trust.
        .redirect(Policy::none());
    if let Some(path) = &tls.ca_file {
        builder = builder.tls_certs_only(authorities(path)?);
    } else if plain {
        // Nothing to verify: an image without any system roots will do.
        builder = builder.tls_certs_only([]);
    }
    match (&tls.cert_file, &tls.key_file) {
        (Some(cert), Some(key)) => builder = builder.identity(identity(cert, key)?),
        (None, None) => {}
        (Some(_), None) => bail!("`tls.cert_file` needs `tls.key_file`"),
        (None, Some(_)) => bail!("`tls.key_file` needs `tls.cert_file`"),
    }
    builder.build().context("set up TLS (are the system's root certificates installed? `tls.ca_file` can replace them)")
}

fn authorities(path: &Path) -> anyhow::Result<Vec<Certificate>> {
    let pem = read("tls.ca_file", path)?;
    let certificates = Certificate::from_pem_bundle(&pem).with_context(|| unusable("tls.ca_file", path))?;
    if certificates.is_empty() {
        bail!("{}: no PEM certificate in it", unusable("tls.ca_file", path));
    }
    Ok(certificates)
}

fn identity(cert: &Path, key: &Path) -> anyhow::Result<Identity> {
    let mut pem = read("tls.cert_file", cert)?;
    pem.push(b'\n');
    pem.extend(read("tls.key_file", key)?);
    Identity::from_pem(&pem)
        .with_context(|| format!("{} with `tls.key_file` {}", unusable("tls.cert_file", cert), key.display()))
}

fn read(setting: &str, path: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("read `{setting}` {}", path.display()))
}

fn unusable(setting: &str, path: &Path) -> String {
    format!("use `{setting}` {}", path.display())
}
