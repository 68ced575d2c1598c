//! For receivers that are posted a message an alert, and nothing when it is over unless that is wished.

use reqwest::header::HeaderMap;
use serde_json::Value;

use super::SendError;
use super::facts::is_closing;
use super::http::{Answer, Client};
use crate::alert::Alert;

/// Where messages are posted.
#[derive(Debug)]
pub(super) struct Messages {
    client: Client,
    closings: bool,
}

impl Messages {
    /// Posts with this client; whether to say that an alert is over is the configuration's to say.
    pub(super) fn new(client: Client, closings: bool) -> Self {
        Self { client, closings }
    }

    /// Posts the alert's message. `taken` reads what the receiver answered.
    pub(super) async fn post(
        &self,
        alert: &Alert,
        message: impl Fn(&Alert) -> Value,
        taken: impl Fn(Answer) -> Result<(), SendError>,
    ) -> Result<(), SendError> {
        if is_closing(alert) && !self.closings {
            return Ok(());
        }
        taken(self.client.post_json("", HeaderMap::new(), &message(alert)).await?)
    }

    /// Connects without sending a message; whether the address is right is seen by `sinks test`.
    pub(super) async fn reach(&self) -> anyhow::Result<String> {
        self.client.reach().await
    }
}
