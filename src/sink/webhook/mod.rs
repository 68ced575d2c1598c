//! Any receiver of JSON by HTTP: one alert a request, signed when a secret is configured.
//!
//! Each request carries an idempotency key that is the same whenever the alert is sent again, so that a receiver
//! can tell a repeat from news. The signature follows the layout of Standard Webhooks.

mod signature;
mod template;

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, anyhow, bail};
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;

use signature::{keys, signature};
pub use template::Preset;
use template::Template;

use super::http::{Auth, Client, Endpoint, Headers, Tls};
use super::settings::{FileSetting, settings};
use super::single::{Single, one_by_one};
use super::{Route, SendError, Sink, without_event};
use crate::alert::{Alert, Severity};
use crate::secret::SecretFile;

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
    /// What the body says, instead of the alert as it is.
    #[serde(default)]
    pub template: Option<String>,
    /// File that holds the template.
    #[serde(default)]
    pub template_file: Option<PathBuf>,
    /// A template of ours.
    #[serde(default)]
    pub preset: Option<Preset>,
    /// The body's type. In one that has `json` in it, values are written as JSON.
    #[serde(default)]
    pub content_type: Option<String>,
    /// Mildest severity to send; nothing sends all.
    #[serde(default)]
    pub min_severity: Option<Severity>,
    /// Whether reading the logs pauses rather than lose an alert for this sink when the outbox is full.
    #[serde(default)]
    pub required: bool,
    /// Which alerts, when, and how many at a time.
    #[serde(default)]
    pub route: Route,
}

settings!(Webhook, to: |config| config.url.origin().to_owned(), files: |config| [FileSetting::of_auth(&mut config.auth), FileSetting::of_tls(&mut config.tls), FileSetting::at("secret_file", &mut config.secret_file), FileSetting::at("template_file", &mut config.template_file)]);

/// Posts each alert by itself.
#[derive(Debug)]
pub struct Webhook {
    client: Client,
    secret: Option<SecretFile>,
    template: Option<Template>,
    content_type: HeaderValue,
}

impl Webhook {
    /// Prepares the sink. Fails when a file is missing or useless, or settings contradict each other.
    pub fn new(config: &Config) -> anyhow::Result<Self> {
        let client = Client::new(&config.url, &config.headers, &config.auth, &config.tls)?;
        let secret = config.secret_file.as_ref().map(|path| SecretFile::open("secret_file", path)).transpose()?;
        if let Some(secret) = &secret {
            keys(&secret.current())?;
        }
        let (source, usual_type) = source(config)?;
        let content_type = config.content_type.as_deref().unwrap_or(usual_type);
        let template =
            source.map(|source| Template::new(&source, content_type).context("read `template`")).transpose()?;
        let content_type = HeaderValue::from_str(content_type);
        let content_type = content_type.map_err(|_| anyhow!("`content_type` holds characters no header can carry"))?;
        Ok(Self { client, secret, template, content_type })
    }

    async fn post(&self, alert: &Alert) -> Result<(), SendError> {
        let body = match &self.template {
            Some(template) => template.render(alert),
            None => serde_json::to_vec(alert).map_err(anyhow::Error::from),
        };
        let body = body.map_err(SendError::Reject)?;
        let headers = self.request_headers(&alert.key(), &body)?;
        let answer = self.client.post("", headers, body).await?;
        if answer.is_success() { Ok(()) } else { Err(answer.into_error()) }
    }

    fn request_headers(&self, id: &str, body: &[u8]) -> Result<HeaderMap, SendError> {
        let mut headers = HeaderMap::from_iter([(CONTENT_TYPE, self.content_type.clone())]);
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

/// The template, if there is one, and the type of body it is usual for.
fn source(config: &Config) -> anyhow::Result<(Option<String>, &'static str)> {
    const JSON: &str = "application/json";
    match (&config.template, &config.template_file, config.preset) {
        (None, None, None) => Ok((None, JSON)),
        (Some(template), None, None) => Ok((Some(template.clone()), JSON)),
        (None, Some(path), None) => {
            let read = std::fs::read_to_string(path);
            Ok((Some(read.with_context(|| format!("read `template_file` {}", path.display()))?), JSON))
        }
        (None, None, Some(preset)) => {
            let (template, content_type) = preset.template();
            Ok((Some(template.to_owned()), content_type))
        }
        _ => bail!("keep one of `template`, `template_file` and `preset`"),
    }
}
