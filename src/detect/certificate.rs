//! Observes requests for certificates and their approval.

use std::sync::Arc;

use super::{Detector, Findings, Rule};
use crate::enrich::Facts;
use crate::enrich::request::{Action, Outcome};
use crate::event::Raw;
use crate::mask;

/// A request for a certificate is called so.
pub const REQUESTED: &str = "certificate-requested";
/// Its approval is called so.
pub const APPROVED: &str = "certificate-approved";

/// Observes certificate requests that were made, and those that were approved.
pub(super) struct Certificates {
    requested: Arc<str>,
    approved: Arc<str>,
}

impl Default for Certificates {
    fn default() -> Self {
        Self { requested: REQUESTED.into(), approved: APPROVED.into() }
    }
}

impl Detector for Certificates {
    fn rules(&self) -> Vec<Arc<Rule>> {
        Vec::new()
    }

    fn inspect(&self, facts: &Facts<'_, '_>, findings: &mut Findings) {
        let object = facts.object();
        if !(object.resource == "certificatesigningrequests") || facts.outcome() != Outcome::Success {
            return;
        }
        let name = || ("name".into(), mask::text(object.name));
        match facts.action() {
            Action::Create if object.subresource.is_empty() => findings.observe(&self.requested, || vec![name()]),
            Action::ApproveCertificate if object.subresource == "approval" => findings.observe(&self.approved, || {
                let mut values = vec![name(), ("kind".into(), facts.who.user.kind().word().to_owned())];
                // The whole object is sent back to be approved, where bodies are logged.
                let spec =
                    facts.event.response_object().or(facts.event.request_object()).and_then(|body| body.get("spec"));
                let requester = spec.and_then(|spec| spec.get("username")).and_then(Raw::text);
                values.extend(requester.map(|name| ("requester".into(), mask::text(name))));
                values
            }),
            _ => {}
        }
    }
}
