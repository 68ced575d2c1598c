//! A known identity comes from a network that is not one of its own.

use std::sync::Arc;

use super::{Detector, Findings, Rule, deed, sentence};
use crate::alert::Severity;
use crate::enrich::Facts;
use crate::enrich::client::Trusted;
use crate::enrich::network::UnknownMeans;
use crate::enrich::scope::Scope;

/// Judges by the written policies, or by what the identity is.
pub(super) struct WrongNetwork(Arc<Rule>);

impl Default for WrongNetwork {
    fn default() -> Self {
        Self(Rule::new(
            "wrong-network-for-identity",
            "Identity used from a network it does not belong to",
            &["T1078.004", "T1528"],
        ))
    }
}

impl Detector for WrongNetwork {
    fn rules(&self) -> Vec<Arc<Rule>> {
        vec![Arc::clone(&self.0)]
    }

    fn inspect(&self, facts: &Facts<'_, '_>, findings: &mut Findings) {
        let origin = &facts.origin;
        let loopback = origin.scope == Some(Scope::Loopback);
        let Some(policy) = facts.who.bounds.broken_by(origin.zone.as_ref(), loopback) else { return };
        let severity = match (origin.trusted, origin.unknown) {
            (Trusted::Yes, _) => deed::from_wrong_network(facts),
            (Trusted::No, _) | (Trusted::Unknown, Some(UnknownMeans::Untrusted)) => deed::from_outside(facts),
            // The operator has said what hidden clients mean; his word holds for policies too.
            (Trusted::Unknown, Some(unknown)) if unknown <= UnknownMeans::Low => return,
            (Trusted::Unknown, _) => deed::from_wrong_network(facts).min(Severity::Medium),
        };
        let subject = format!("{} from {}", facts.who.shown(), origin.subject());
        let text = || format!("{}, {}; policy: {policy}", sentence::deed(facts), sentence::standing(origin));
        findings.raise(&self.0, subject, severity, text);
    }
}
