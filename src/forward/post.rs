//! Sends a load until it is taken.

use std::time::Duration;

use anyhow::Context;
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};

use super::{Config, Load};
use crate::backoff::Backoff;
use crate::metrics::{ByResult, Metrics};
use crate::sink::SendError;
use crate::sink::http::{Client, gzip};
use crate::source::spool::{NOTICE_TYPE, STANDING_BEHIND, STANDING_HEADER, Standing};

/// Longest wait after the first failure, and after many.
const BACKOFF: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// Failures in a row after which it is said again that the receiver takes nothing.
const COMPLAIN_EVERY: u32 = 20;

/// The way to the other Gatecrier.
#[derive(Debug)]
pub struct Poster {
    client: Client,
    backoff: Backoff,
    metrics: Metrics,
}

impl Poster {
    /// Prepares to post. Nothing is connected yet.
    ///
    /// # Errors
    /// A file that cannot be used, or settings that contradict each other.
    pub fn new(config: &Config, metrics: Metrics) -> anyhow::Result<Self> {
        let Config { url, headers, auth, tls } = config;
        let client = Client::new(url, headers, auth, tls).context("set up `forward`")?;
        Ok(Self { client, backoff: Backoff::new(BACKOFF.0, BACKOFF.1), metrics })
    }

    /// Where to, as people may see it.
    pub fn origin(&self) -> &str {
        self.client.origin()
    }

    /// Sends a load until it is taken, without end. `failing` is told why it is not, and nothing once it is.
    pub async fn deliver(&mut self, load: Load, standing: Standing, mut failing: impl FnMut(Option<String>)) {
        let mut stack = vec![load];
        while let Some(load) = stack.pop() {
            let (load, after, cause) = match self.once(&load, standing).await {
                Ok(()) => {
                    self.taken(&load);
                    failing(None);
                    continue;
                }
                Err(Failure::TooLong) => match load.smaller("a forwarded log") {
                    Ok(smaller) => {
                        stack.extend(smaller);
                        continue;
                    }
                    Err(load) => (load, None, "even a notice is too long for the receiver".to_owned()),
                },
                Err(Failure::Retry { after, cause }) => (load, after, cause),
            };
            stack.push(load);
            if self.backoff.failures().is_multiple_of(COMPLAIN_EVERY) {
                tracing::warn!(receiver = self.origin(), "events are not taken: {cause}");
            }
            failing(Some(cause));
            tokio::time::sleep(self.backoff.failed(after)).await;
        }
    }

    fn taken(&mut self, load: &Load) {
        if self.backoff.failures() > 0 {
            tracing::info!(receiver = self.origin(), "events are taken again");
        }
        self.backoff.succeeded();
        self.metrics.forwarded.inc_by(load.events());
    }

    async fn once(&self, load: &Load, standing: Standing) -> Result<(), Failure> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        let kind = if matches!(load, Load::Told(_)) { NOTICE_TYPE } else { "application/json" };
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        if standing == Standing::Behind {
            headers.insert(HeaderName::from_static(STANDING_HEADER), HeaderValue::from_static(STANDING_BEHIND));
        }
        let answer = self.client.post("", headers, gzip(&load.body())).await;
        let outcome = match answer {
            Ok(answer) if answer.is_success() => Ok(()),
            Ok(answer) if answer.status() == 413 => Err(Failure::TooLong),
            Ok(answer) => Err(answer.into_error().into()),
            Err(error) => Err(error.into()),
        };
        let result = if outcome.is_ok() { "ok" } else { "failed" };
        self.metrics.forward_posts.get_or_create(&ByResult { result }).inc();
        outcome
    }
}

/// Why a load was not taken.
enum Failure {
    /// Something smaller may be.
    TooLong,
    /// Try again. Nothing that is read is ever thrown away for an answer: what is refused today may be taken once
    /// somebody has mended the token, the address or the receiver.
    Retry { after: Option<Duration>, cause: String },
}

impl From<SendError> for Failure {
    fn from(error: SendError) -> Self {
        let after = if let SendError::Retry { after, .. } = &error { *after } else { None };
        Self::Retry { after, cause: error.to_string() }
    }
}
