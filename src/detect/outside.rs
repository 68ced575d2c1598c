//! A request from outside the trusted networks.

use std::sync::Arc;

use super::{Detector, Findings, Rule, deed, sentence};
use crate::alert::Severity;
use crate::enrich::Facts;
use crate::enrich::client::Trusted;
use crate::enrich::network::UnknownMeans;

/// Raises each pair of caller and address; a success that is graver than what was seen before speaks again.
pub(super) struct OutsideTrusted(Arc<Rule>);

impl Default for OutsideTrusted {
    fn default() -> Self {
        Self(Rule::new("outside-trusted-networks", "Request from outside the trusted networks", &["T1133", "T1078"]))
    }
}

impl Detector for OutsideTrusted {
    fn rules(&self) -> Vec<Arc<Rule>> {
        vec![Arc::clone(&self.0)]
    }

    fn inspect(&self, facts: &Facts<'_, '_>, findings: &mut Findings) {
        let origin = &facts.origin;
        let severity = match (origin.trusted, origin.unknown) {
            (Trusted::Yes, _) => return,
            (Trusted::No, _) | (Trusted::Unknown, Some(UnknownMeans::Untrusted)) => deed::from_outside(facts),
            // A hop hides the client: that is another detector's.
            (Trusted::Unknown, Some(_)) => return,
            // The log shows no client at all, and no hop explains it.
            (Trusted::Unknown, None) => deed::from_outside(facts).min(Severity::Medium),
        };
        let subject = format!("{} from {}", facts.who.shown(), origin.subject());
        let text = || format!("{}, {}", sentence::deed(facts), sentence::standing(origin));
        findings.raise(&self.0, subject, severity, text);
    }
}
