//! A certificate is requested and approved by the same one.

use std::sync::Arc;

use serde_json::value::{RawValue, to_raw_value};

use super::recent::Recent;
use super::{Case, Judge};
use crate::alert::{EventRef, Severity};
use crate::detect::certificate::{APPROVED, REQUESTED};
use crate::detect::needs::{Kind, Needs, Requests};
use crate::detect::{Finding, Findings, Rule};

/// Certificate requests of one generation. Beyond it those made longest ago are forgotten.
const REQUESTS_MAX: usize = 4096;

/// Remembers who asked for which certificate.
pub(super) struct SelfApproved {
    rule: Arc<Rule>,
    requests: Recent<(String, Option<EventRef>)>,
}

impl Default for SelfApproved {
    fn default() -> Self {
        let title = "A certificate was approved by the one who requested it";
        Self {
            rule: Rule::new("certificate-self-approved", title, &["T1098", "T1552.004"]),
            requests: Recent::new(REQUESTS_MAX),
        }
    }
}

impl Judge for SelfApproved {
    fn id(&self) -> &str {
        &self.rule.id
    }

    fn shape(&self) -> String {
        "1".to_owned()
    }

    fn needs(&self) -> Vec<(String, Needs)> {
        let requests = "certificatesigningrequests";
        let approval = Kind::subresource(requests, "approval");
        let needs = [
            Requests::completed(&["create"], &[Kind::object(requests)]),
            Requests::completed(&["update", "patch"], &[approval]),
        ];
        vec![(self.rule.id.clone(), Needs(needs.to_vec()))]
    }

    fn judge(&mut self, case: &Case<'_>, verdict: &mut Findings) {
        for requested in case.observed(REQUESTED) {
            let name = requested.value("name").unwrap_or_default();
            // A name that is used again is another request.
            self.requests.remove(name);
            self.requests.entry(name, || (case.who.to_owned(), case.event.cloned()));
        }
        for approved in case.observed(APPROVED) {
            let name = approved.value("name").unwrap_or_default();
            let known = self.requests.get(name);
            let requester = approved.value("requester").or(known.map(|(who, _)| who.as_str()));
            if requester != Some(case.who) || case.who.is_empty() {
                continue;
            }
            // Approvers of serving certificates ask for their own as well.
            let machine = approved.value("kind") != Some("human");
            let severity = if machine { Severity::Medium } else { Severity::Critical };
            let text = format!(
                "{} requested the certificate {name} and approved it: it opens the cluster until it expires and cannot be \
                 revoked",
                case.who
            );
            let mut finding = Finding::new(&self.rule, case.who.to_owned(), severity, text);
            finding.events.extend(known.and_then(|(_, event)| event.clone()));
            verdict.push(finding);
        }
    }

    fn save(&self) -> serde_json::Result<Box<RawValue>> {
        to_raw_value(&self.requests)
    }

    fn load(&mut self, memory: &RawValue) -> serde_json::Result<()> {
        self.requests = serde_json::from_str(memory.get())?;
        Ok(())
    }
}
