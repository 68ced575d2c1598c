//! Telling every replica, and what it means when some do not answer.

use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::bail;
use futures_util::future::join_all;
use reqwest::header::CONTENT_TYPE;

use super::Config;
use crate::sink::SendError;
use crate::sink::http::{Client, Endpoint, fixed_headers};

/// Where alerts are posted to, below a replica's address.
const ALERTS_PATH: &str = "api/v2/alerts";

#[derive(Debug)]
pub(super) struct Replicas(Vec<Replica>);

#[derive(Debug)]
struct Replica {
    client: Client,
    /// It did not take the last post while another did, and that was told.
    behind: AtomicBool,
}

impl Replicas {
    pub(super) fn new(config: &Config) -> anyhow::Result<Self> {
        let replica = |url: &Endpoint| {
            let endpoint = url.without(&format!("/{ALERTS_PATH}"));
            let client = Client::new(&endpoint, &config.headers, &config.auth, &config.tls)?;
            Ok(Replica { client, behind: AtomicBool::new(false) })
        };
        Ok(Self(config.urls.iter().map(replica).collect::<anyhow::Result<_>>()?))
    }

    /// Posts to all of them at once. It is enough that one took it: each notifies by itself, and one that was away
    /// hears of the alert with its next revision.
    pub(super) async fn post(&self, body: Vec<u8>) -> Result<(), SendError> {
        let posts = self.0.iter().map(|replica| replica.post(body.clone()));
        let posted = join_all(posts).await;
        if posted.iter().all(Result::is_err) {
            return posted.into_iter().reduce(worse).unwrap_or(Ok(()));
        }
        for (replica, posted) in self.0.iter().zip(posted) {
            replica.tell(posted.err());
        }
        Ok(())
    }

    /// Asks every replica for its status.
    pub(super) async fn check(&self) -> anyhow::Result<String> {
        let mut said = Vec::new();
        for Replica { client, .. } in &self.0 {
            let answer = client.get("api/v2/status").await?;
            match answer.status() {
                200 => said.push(format!("Alertmanager at {} is ready", client.origin())),
                401 | 403 => bail!("{}: check `auth`", answer.describe()),
                404 => bail!("{}: is this an Alertmanager, with API v2?", answer.describe()),
                _ => bail!(answer.describe()),
            }
        }
        Ok(said.join("; "))
    }
}

impl Replica {
    async fn post(&self, body: Vec<u8>) -> Result<(), SendError> {
        let headers = fixed_headers([(CONTENT_TYPE, "application/json")]);
        let answer = self.client.post(ALERTS_PATH, headers, body).await?;
        if answer.is_success() { Ok(()) } else { Err(answer.into_error()) }
    }

    /// Tells once that it does not take what others take, and once that it does again.
    fn tell(&self, error: Option<SendError>) {
        let was_behind = self.behind.swap(error.is_some(), Ordering::Relaxed);
        let replica = self.client.origin();
        match error {
            Some(error) if !was_behind => {
                tracing::warn!(replica, %error, "an Alertmanager replica does not take alerts; another one does");
            }
            None if was_behind => tracing::info!(replica, "the Alertmanager replica takes alerts again"),
            _ => {}
        }
    }
}

/// Of two failures the one that says more: a replica that refused the alerts has at least read them.
fn worse(one: Result<(), SendError>, other: Result<(), SendError>) -> Result<(), SendError> {
    if matches!(one, Err(SendError::Reject(_))) { one } else { other }
}
