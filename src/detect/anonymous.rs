//! The server did something for a caller without any credential.

use std::sync::Arc;

use super::deed::Deed;
use super::needs::{ANSWERED, Callers, Needs, Targets};
use super::{Detector, Findings, Rule, sentence};
use crate::alert::Severity;
use crate::enrich::Facts;
use crate::enrich::client::Trusted;
use crate::enrich::request::Outcome;

/// Health and version are open by design and say nothing by themselves; everything else that an anonymous
/// caller is granted was opened by somebody.
pub(super) struct AnonymousSuccess(Arc<Rule>);

impl Default for AnonymousSuccess {
    fn default() -> Self {
        Self(Rule::new("anonymous-success", "Anonymous request succeeded", &["T1190"]))
    }
}

impl Detector for AnonymousSuccess {
    fn rules(&self) -> Vec<Arc<Rule>> {
        vec![Arc::clone(&self.0)]
    }

    fn needs(&self, _: &Rule) -> Needs {
        Needs::of(Callers::Anonymous, Targets::AllButHealth, &ANSWERED)
    }

    fn inspect(&self, facts: &Facts<'_, '_>, findings: &mut Findings) {
        if !facts.who.without_credential || facts.outcome() != Outcome::Success {
            return;
        }
        let inside = facts.origin.trusted == Trusted::Yes;
        let severity = match (Deed::of(facts), inside) {
            (Deed::Health, _) => return,
            _ if is_meant_for_anyone(facts) => Severity::Low,
            (Deed::Discovery, true) => Severity::Low,
            (Deed::Discovery, false) => Severity::Medium,
            (Deed::Read, true) => Severity::High,
            _ => Severity::Critical,
        };
        let subject = format!("{} from {}", sentence_path(facts), facts.origin.subject());
        let text = || format!("{}, without any credential", sentence::deed(facts));
        findings.raise(&self.0, subject, severity, text);
    }
}

/// What clusters open on purpose: keys for checking tokens, and the introduction that joining nodes read.
fn is_meant_for_anyone(facts: &Facts<'_, '_>) -> bool {
    let uri = facts.event.request_uri().decode();
    uri.starts_with("/.well-known/openid-configuration")
        || uri.starts_with("/openid/v1/jwks")
        || uri.starts_with("/api/v1/namespaces/kube-public/configmaps/cluster-info")
}

/// What was granted, for the subject: the resource, or the first part of the path.
fn sentence_path(facts: &Facts<'_, '_>) -> String {
    let object = facts.object();
    if !object.resource.is_empty() {
        return crate::mask::text(object.resource);
    }
    let uri = facts.event.request_uri().decode();
    uri.split(['?', '/']).find(|part| !part.is_empty()).unwrap_or("/").chars().take(64).collect()
}
