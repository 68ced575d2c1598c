//! Observes tokens that are minted for service accounts.

use std::sync::Arc;

use super::uses::{network_word, place};
use super::{Detector, Findings, Rule};
use crate::enrich::Facts;
use crate::enrich::actor::Kind as ActorKind;
use crate::enrich::request::{Action, Outcome};
use crate::mask;

/// What is observed is called so.
pub const MINTED: &str = "token-minted";

/// Longest id of a token that is remembered, bytes. The API server's own have 40.
const ID_BYTES_MAX: usize = 256;

/// Observes minted tokens, but for those that kubelets mint for their pods.
pub(super) struct Minted(Arc<str>);

impl Default for Minted {
    fn default() -> Self {
        Self(MINTED.into())
    }
}

impl Detector for Minted {
    fn rules(&self) -> Vec<Arc<Rule>> {
        Vec::new()
    }

    fn inspect(&self, facts: &Facts<'_, '_>, findings: &mut Findings) {
        let object = facts.object();
        let mints = object.subresource == "token" && facts.action() == Action::MintToken;
        if !mints || facts.outcome() != Outcome::Success || matches!(facts.who.user.kind(), ActorKind::Node { .. }) {
            return;
        }
        let Some(issued) = facts.event.annotation("authentication.kubernetes.io/issued-credential-id") else { return };
        if issued.raw().len() > ID_BYTES_MAX {
            return;
        }
        let origin = &facts.origin;
        findings.observe(&self.0, || {
            vec![
                ("issued".into(), issued.decode().into_owned()),
                ("who".into(), facts.who.shown().to_owned()),
                ("kind".into(), facts.who.user.kind().word().to_owned()),
                ("address".into(), origin.shown()),
                ("place".into(), origin.address.map_or_else(|| origin.shown(), |address| place(origin, address))),
                ("network".into(), network_word(origin).to_owned()),
                ("target".into(), format!("{}/{}", mask::text(object.namespace), mask::text(object.name))),
            ]
        });
    }
}
