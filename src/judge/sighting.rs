//! One credential seen at one place, as judges read it.

use serde::{Deserialize, Serialize};

use super::Case;
use crate::alert::EventRef;
use crate::detect::observation::Observation;
use crate::detect::uses::USE;
use crate::event::Timestamp;

/// A use of a credential.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sighting<'o> {
    pub(super) who: &'o str,
    /// What kind of actor, in the word of JSON.
    pub(super) kind: &'o str,
    pub(super) address: &'o str,
    /// The address, or its IPv6 /64.
    pub(super) host: &'o str,
    /// A pod's or node's address, else the named network, else a /24 or /48.
    pub(super) place: &'o str,
    pub(super) network: Network,
    /// The credential's id, where the API server writes it.
    pub(super) credential: Option<&'o str>,
    /// The pod that its token is bound to.
    pub(super) pod: Option<&'o str>,
    /// The node of that pod.
    pub(super) pod_node: Option<&'o str>,
    /// The node whose identity it is.
    pub(super) node: Option<&'o str>,
}

/// What kind of network a place lies in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Network {
    Pods,
    Nodes,
    ControlPlane,
    /// Trusted, but no part of the cluster.
    Trusted,
    Untrusted,
}

impl Network {
    /// The network behind the word of an observation.
    pub(super) fn of(word: &str) -> Self {
        match word {
            "pods" => Self::Pods,
            "nodes" => Self::Nodes,
            "control-plane" | "loopback" => Self::ControlPlane,
            "untrusted" => Self::Untrusted,
            _ => Self::Trusted,
        }
    }

    /// Whether it is a part of the cluster.
    pub(super) fn is_cluster(self) -> bool {
        matches!(self, Self::Pods | Self::Nodes | Self::ControlPlane)
    }
}

impl<'o> Sighting<'o> {
    /// The use observed in a case, if any was.
    pub(super) fn of(case: &Case<'o>) -> Option<Self> {
        case.observed(USE).next().map(Self::read)
    }

    fn read(observation: &'o Observation) -> Self {
        let value = |name| observation.value(name);
        Self {
            who: value("who").unwrap_or_default(),
            kind: value("kind").unwrap_or_default(),
            address: value("address").unwrap_or_default(),
            host: value("host").unwrap_or_default(),
            place: value("place").unwrap_or_default(),
            network: Network::of(value("network").unwrap_or_default()),
            credential: value("credential"),
            pod: value("pod"),
            pod_node: value("pod-node"),
            node: value("node"),
        }
    }

    /// A token that is bound to a pod.
    pub(super) fn is_bound(&self) -> bool {
        self.pod.is_some()
    }
}

/// A place where something was, and when.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Stay {
    pub(super) place: String,
    pub(super) address: String,
    pub(super) network: Network,
    pub(super) first: Timestamp,
    pub(super) last: Timestamp,
    /// Minutes in which it was seen.
    pub(super) minutes: u32,
    /// The newest event.
    pub(super) event: Option<EventRef>,
}

/// Most places remembered of one thing. Beyond it the one left longest ago is forgotten.
const STAYS_MAX: usize = 4;

/// The places one thing was seen at lately.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Stays(pub(super) Vec<Stay>);

impl Stays {
    /// The stay at this place.
    pub(super) fn at(&self, place: &str) -> Option<&Stay> {
        self.0.iter().find(|stay| stay.place == place)
    }

    /// The stays elsewhere that are not older than so many seconds.
    pub(super) fn elsewhere<'s>(
        &'s self,
        place: &'s str,
        now: Timestamp,
        seconds: i64,
    ) -> impl Iterator<Item = &'s Stay> {
        self.0.iter().filter(move |stay| stay.place != place && stay.last.plus_seconds(seconds) >= now)
    }

    /// Whether it was here before its last sight there: it goes to and fro, or is at both.
    pub(super) fn alternates(&self, place: &str, other: &Stay) -> bool {
        self.at(place).is_some_and(|stay| stay.first <= other.last)
    }

    /// Notes a sight of it.
    pub(super) fn note(&mut self, seen: &Sighting<'_>, time: Timestamp, event: Option<&EventRef>) {
        if let Some(stay) = self.0.iter_mut().find(|stay| stay.place == seen.place) {
            stay.minutes = stay.minutes.saturating_add(u32::from(time.minute() != stay.last.minute()));
            stay.last = stay.last.max(time);
            stay.event = event.cloned();
            return;
        }
        if self.0.len() >= STAYS_MAX
            && let Some(oldest) = (0..self.0.len()).min_by_key(|at| self.0[*at].last)
        {
            self.0.remove(oldest);
        }
        self.0.push(Stay {
            place: seen.place.to_owned(),
            address: seen.address.to_owned(),
            network: seen.network,
            first: time,
            last: time,
            minutes: 1,
            event: event.cloned(),
        });
    }
}
