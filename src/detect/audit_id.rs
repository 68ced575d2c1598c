//! An audit id that the API server did not make, and what it is used for.

use std::sync::Arc;

use super::{Detector, Findings, Rule, sentence};
use crate::alert::Severity;
use crate::enrich::Facts;
use crate::mask;

/// A request with an id of the client's own is called so.
pub const CHOSEN: &str = "audit-id-chosen";

/// Clients may choose the id that tools count and join by. Ids that look like the API server's own cannot be told from
/// them; they are never a key here.
pub(super) struct ChosenAuditId {
    rule: Arc<Rule>,
    chosen: Arc<str>,
}

impl Default for ChosenAuditId {
    fn default() -> Self {
        let rule = Rule::new(
            "audit-id-chosen-by-client",
            "A client chose the audit id of its requests",
            &["T1070", "T1562.008"],
        );
        Self { rule, chosen: CHOSEN.into() }
    }
}

impl Detector for ChosenAuditId {
    fn rules(&self) -> Vec<Arc<Rule>> {
        vec![Arc::clone(&self.rule)]
    }

    fn inspect(&self, facts: &Facts<'_, '_>, findings: &mut Findings) {
        let id = facts.event.audit_id();
        // Of an event without an id nothing can be said.
        if id.is_empty() || is_random_uuid(id.raw()) {
            return;
        }
        let subject = format!("{} from {}", facts.who.shown(), facts.origin.subject());
        let text =
            || format!("{}, under an audit id of the client's own choice ({})", sentence::deed(facts), mask::text(id));
        findings.raise(&self.rule, subject, Severity::Low, text);
        findings.observe(&self.chosen, || {
            vec![
                ("id".into(), mask::text(id)),
                ("verb".into(), mask::text(facts.event.verb())),
                ("uri".into(), mask::uri(facts.event.request_uri())),
            ]
        });
    }
}

/// Version 4, as the API server makes them.
fn is_random_uuid(id: &[u8]) -> bool {
    id.len() == 36 && [8, 13, 18, 23].iter().all(|at| id[*at] == b'-') && id[14] == b'4'
}
