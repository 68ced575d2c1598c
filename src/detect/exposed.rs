//! The API server's port is open to the Internet.

use std::sync::Arc;

use super::{Detector, Findings, Rule};
use crate::alert::Severity;
use crate::enrich::Facts;
use crate::enrich::client::Trusted;
use crate::enrich::scope::Scope;

/// Any request that came straight from an untrusted public address proves it, whatever its answer was.
pub(super) struct Exposed(Arc<Rule>);

impl Default for Exposed {
    fn default() -> Self {
        Self(Rule::new(
            "api-server-exposed",
            "API server reachable from untrusted public addresses",
            &["T1133", "T1190"],
        ))
    }
}

impl Detector for Exposed {
    fn rules(&self) -> Vec<Arc<Rule>> {
        vec![Arc::clone(&self.0)]
    }

    fn inspect(&self, facts: &Facts<'_, '_>, findings: &mut Findings) {
        let origin = &facts.origin;
        // Through a proxy the port itself may still be closed. Ranges reserved for examples stand for public ones:
        // no inside network has them.
        let public = matches!(origin.scope, Some(Scope::Public | Scope::Documentation));
        if origin.trusted != Trusted::No || !public || origin.address != origin.peer {
            return;
        }
        let text = || {
            format!(
                "the API server's port was reached from {}, a public address outside every trusted network: restrict \
                 inbound access to it (no such request would prove nothing, since address translation can hide public \
                 clients)",
                origin.shown()
            )
        };
        findings.raise(&self.0, "api-server".to_owned(), Severity::Medium, text);
    }
}
