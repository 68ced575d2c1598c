//! What we work out about an event: who asked, from where, and whether that place is trusted.
//!
//! Plain functions over values: no clock, no logging, and no files beyond the `load` and `open`
//! that read what the configuration names before the first event is looked at.

pub mod actor;
pub mod client;
pub mod document;
pub mod facts;
pub mod field;
mod memo;
pub mod network;
pub mod place;
pub mod policy;
pub mod request;
pub mod scope;
pub mod tool;
pub mod trust;

use crate::event::Event;

pub use facts::{Facts, Origin, Who};
use memo::Memo;
use place::Places;
use policy::Policies;
use trust::Trust;

/// Works out the facts of events. Who and where are remembered by the raw bytes they were worked out from:
/// a few hundred pairs make up nearly all traffic.
#[derive(Debug)]
pub struct Enricher {
    trust: Trust,
    places: Places,
    policies: Policies,
    users: Memo<Who>,
    origins: Memo<Origin>,
}

impl Enricher {
    /// From what the operator knows about his networks and the people in them.
    pub fn new(trust: Trust, places: Places, policies: Policies) -> Self {
        Self { trust, places, policies, users: Memo::default(), origins: Memo::default() }
    }

    /// The facts of one event.
    pub fn facts<'e, 'a>(&mut self, event: &'e Event<'a>) -> Facts<'e, 'a> {
        let policies = &self.policies;
        let who = self.users.get(event.user().bytes(), |raw| Who::new(raw, policies));
        let (trust, places) = (&self.trust, &self.places);
        let origin = self.origins.get(event.source_ips().bytes(), |raw| Origin::new(raw, trust, places));
        Facts::new(event, who, origin)
    }

    /// What an address is to us.
    pub fn trust(&self) -> &Trust {
        &self.trust
    }
}
