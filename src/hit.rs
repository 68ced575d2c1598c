//! One event that something was found or observed in: all that is needed of it once its bytes are gone.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::alert::{Actor, Client, EventRef, Evidence, Request};
use crate::detect::Finding;
use crate::detect::observation::Observation;
use crate::event::{Stage, Timestamp};
use crate::request::{Key, Keys};

/// An event with findings, masked. Also what a source or a silence has to say, which has no request.
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
    /// What was observed, for judges.
    #[serde(default)]
    pub observed: Vec<Observation>,
    /// Who asked, as findings name him; empty when he had no credential, or no request raised it.
    #[serde(default)]
    pub who: String,
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
    /// A finding that no event raised. The key says of which cause it is, and is the same after a replay.
    pub fn without_event(time: Timestamp, key: Key, finding: Finding, cluster: Arc<str>) -> Self {
        Self {
            time,
            stage: Stage::Unknown,
            keys: Keys { request: key, record: Key::of(&[&key.bytes(), b"notice"]) },
            received: Timestamp::default(),
            late: false,
            earlier_stages: false,
            success: false,
            findings: vec![finding],
            observed: Vec::new(),
            who: String::new(),
            cluster,
            client: None,
            actor: None,
            request: None,
            event: None,
            evidence: None,
        }
    }

    /// Whether all that was found and observed counts once a minute.
    pub fn is_minutely(&self) -> bool {
        self.findings.iter().all(|finding| finding.once.is_some())
            && self.observed.iter().all(|observation| observation.once.is_some())
    }

    /// The order in which hits are taken, whatever the order they were read in.
    pub fn order(&self) -> (Timestamp, Stage, Keys) {
        (self.time, self.stage, self.keys)
    }
}
