//! One event that something was found in: all that is needed of it once its bytes are gone.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::alert::{Actor, Client, EventRef, Evidence, Request};
use crate::detect::Finding;
use crate::event::{Stage, Timestamp};
use crate::request::Keys;

/// An event with findings, masked. Also what a source has to say, which has no request.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Hit {
    /// Event time.
    pub time: Timestamp,
    /// The stage of its request.
    pub stage: Stage,
    /// What tells it from all others.
    pub keys: Keys,
    /// When the server received the request.
    pub received: Timestamp,
    /// It is the last stage of its request.
    pub late: bool,
    /// Its source writes earlier stages as well.
    pub earlier_stages: bool,
    /// What the request did was done.
    pub success: bool,
    /// What was found.
    pub findings: Vec<Finding>,
    /// Whose cluster.
    pub cluster: Arc<str>,
    /// The address the caller is held to.
    pub client: Option<Client>,
    /// Who asked.
    pub actor: Option<Actor>,
    /// What was asked.
    pub request: Option<Request>,
    /// The event.
    pub event: Option<EventRef>,
    /// The event, masked.
    pub evidence: Option<Evidence>,
}

impl Hit {
    /// The order in which hits are taken, whatever the order they were read in.
    pub fn order(&self) -> (Timestamp, Stage, Keys) {
        (self.time, self.stage, self.keys)
    }
}
