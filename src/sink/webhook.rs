//! Any receiver of JSON by HTTP: one alert a request, signed when a secret is configured.
//!
//! Each request carries an idempotency key that is the same whenever the alert is sent again, so that a receiver
//! can tell a repeat from news. The signature follows the layout of Standard Webhooks.

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{anyhow, bail};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;
use sha2::Sha256;

use super::http::{Auth, Client, Endpoint, Headers, Tls, fixed_headers};
use super::settings::{FileSetting, settings};
use super::single::{Single, one_by_one};
use super::{SendError, Sink, without_event};
use crate::alert::{Alert, Severity};
use crate::secret::{Secret, SecretFile};

/// Most secrets that sign at a time: the new one and the one it replaces.
const SECRETS_MAX: usize = 2;

/// One generic webhook.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where alerts are posted. The whole address is kept out of logs, as its path may be a secret.
    pub url: Endpoint,
    /// Headers to add.
    #[serde(default)]
    pub headers: Headers,
    /// How we say who we are.
    #[serde(default)]
    pub auth: Auth,
    /// Whom we believe, and our certificate.
    #[serde(default)]
    pub tls: Tls,
    /// File with the secret that signs requests, one a line, at most two while one replaces the other. A secret
    /// that begins with `whsec_` is the key in base64; any other is the key itself.
    #[serde(default)]
    pub secret_file: Option<PathBuf>,
    /// Mildest severity to send; nothing sends all.
    #[serde(default)]
    pub min_severity: Option<Severity>,
    /// Whether reading the logs pauses rather than lose an alert for this sink when the outbox is full.
    #[serde(default)]
    pub required: bool,
}

settings!(Webhook, to: |config| config.url.origin().to_owned(), files: |config| [FileSetting::of_auth(&mut config.auth), FileSetting::of_tls(&mut config.tls), FileSetting::at("secret_file", &mut config.secret_file)]);

/// Posts each alert by itself.
#[derive(Debug)]
pub struct Webhook {
    client: Client,
    secret: Option<SecretFile>,
}

impl Webhook {
    /// Prepares the sink. Fails when a file is missing or useless, or settings contradict each other.
    pub fn new(config: &Config) -> anyhow::Result<Self> {
        let client = Client::new(&config.url, &config.headers, &config.auth, &config.tls)?;
        let secret = config.secret_file.as_ref().map(|path| SecretFile::open("secret_file", path)).transpose()?;
        if let Some(secret) = &secret {
            keys(&secret.current())?;
        }
        Ok(Self { client, secret })
    }

    async fn post(&self, alert: &Alert) -> Result<(), SendError> {
        let body = serde_json::to_vec(alert).map_err(|error| SendError::Reject(error.into()))?;
        let headers = self.request_headers(&alert.key(), &body)?;
        let answer = self.client.post("", headers, body).await?;
        if answer.is_success() { Ok(()) } else { Err(answer.into_error()) }
    }

    fn request_headers(&self, id: &str, body: &[u8]) -> Result<HeaderMap, SendError> {
        let mut headers = fixed_headers([(CONTENT_TYPE, "application/json")]);
        let mut set = |name: &'static str, value: &str| {
            let value =
                HeaderValue::from_str(value).map_err(|_| SendError::Reject(anyhow!("the alert's id is no text")))?;
            headers.insert(HeaderName::from_static(name), value);
            Ok(())
        };
        set("idempotency-key", id)?;
        set("webhook-id", id)?;
        let timestamp = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs().to_string();
        set("webhook-timestamp", &timestamp)?;
        if let Some(secret) = &self.secret {
            let keys = keys(&secret.current()).map_err(SendError::slow)?;
            set("webhook-signature", &signature(&keys, id, &timestamp, body))?;
        }
        Ok(headers)
    }
}

impl Single for Webhook {
    /// Posts an alert, once more without the event behind it if it is rejected as it stands.
    async fn send_one(&mut self, alert: &Alert) -> Result<(), SendError> {
        match self.post(alert).await {
            Err(SendError::Reject(_)) if alert.evidence.is_some() => self.post(&without_event(alert)).await,
            posted => posted,
        }
    }
}

impl Sink for Webhook {
    async fn send(&mut self, alerts: &[Alert]) -> Result<(), SendError> {
        one_by_one(self, alerts).await
    }

    /// Connects without sending an alert.
    async fn check(&self) -> anyhow::Result<String> {
        let answer = self.client.head().await?;
        match answer.status() {
            401 | 403 | 407 => bail!("{}: check `auth` and `headers`", answer.describe()),
            300..=399 => Err(answer.into_error().into()),
            500..=599 => bail!(answer.describe()),
            // Many receivers know only POST; that they answer is all we ask.
            status => Ok(format!("{} can be reached (it answered {status} to HEAD)", self.client.origin())),
        }
    }
}

/// The keys in a secret's text, newest first as written.
fn keys(secret: &Secret) -> anyhow::Result<Vec<Vec<u8>>> {
    let lines: Vec<&str> = secret.expose().lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    if lines.is_empty() || lines.len() > SECRETS_MAX {
        bail!("`secret_file` must hold one secret, or two while one replaces the other");
    }
    let key = |line: &str| match line.strip_prefix("whsec_") {
        Some(encoded) => {
            STANDARD.decode(encoded).map_err(|_| anyhow!("`secret_file`: what follows `whsec_` is not base64"))
        }
        None => Ok(line.as_bytes().to_vec()),
    };
    lines.into_iter().map(key).collect()
}

/// One signature for each key over `id.timestamp.body`, apart by a space.
fn signature(keys: &[Vec<u8>], id: &str, timestamp: &str, body: &[u8]) -> String {
    let sign = |key: &Vec<u8>| {
        // HMAC takes keys of any length.
        let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
        mac.update(format!("{id}.{timestamp}.").as_bytes());
        mac.update(body);
        Some(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
    };
    keys.iter().filter_map(sign).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_that_of_standard_webhooks() {
        // The example of the specification's reference libraries.
        let keys = keys(&Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")).unwrap();
        let signature = signature(&keys, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", br#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn two_secrets_sign_side_by_side() {
        let both = keys(&Secret::new("new\nold\n")).unwrap();
        let [new, old] = ["new", "old"].map(|key| signature(&[key.into()], "1.1", "0", b"{}"));
        assert_eq!(signature(&both, "1.1", "0", b"{}"), format!("{new} {old}"));
        keys(&Secret::new("a\nb\nc")).unwrap_err();
        keys(&Secret::new("whsec_!")).unwrap_err();
    }
}
