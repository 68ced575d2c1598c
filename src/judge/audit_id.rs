//! One audit id for different requests: whoever counts an id once misses the second.

use std::sync::Arc;

use serde_json::value::{RawValue, to_raw_value};

use super::recent::Recent;
use super::{Case, Judge};
use crate::alert::{EventRef, Severity};
use crate::detect::audit_id::CHOSEN;
use crate::detect::{Finding, Findings, Rule};

/// Ids of one generation. Beyond it those used longest ago are forgotten.
const IDS_MAX: usize = 4096;

/// Remembers what an id stood for first: who, verb and URI, and the event.
pub(super) struct ReusedAuditId {
    rule: Arc<Rule>,
    ids: Recent<(String, Option<EventRef>)>,
}

impl Default for ReusedAuditId {
    fn default() -> Self {
        let rule = Rule::new("audit-id-reused", "One audit id stands for different requests", &["T1070", "T1562.008"]);
        Self { rule, ids: Recent::new(IDS_MAX) }
    }
}

impl Judge for ReusedAuditId {
    fn id(&self) -> &str {
        &self.rule.id
    }

    fn shape(&self) -> String {
        "1".to_owned()
    }

    fn judge(&mut self, case: &Case<'_>, verdict: &mut Findings) {
        for chosen in case.observed(CHOSEN) {
            let value = |name| chosen.value(name).unwrap_or_default();
            let request = format!("{} {} {}", case.who, value("verb"), value("uri"));
            let (first, event) = self.ids.entry(value("id"), || (request.clone(), case.event.cloned()));
            // An aggregated API server logs the same request under the same id.
            if *first == request {
                continue;
            }
            let text = format!(
                "the audit id {} stands for `{first}` and for `{request}`: tools that join by it are misled",
                value("id")
            );
            let mut finding = Finding::new(&self.rule, case.who.to_owned(), Severity::Medium, text);
            finding.events.extend(event.clone());
            verdict.push(finding);
        }
    }

    fn save(&self) -> serde_json::Result<Box<RawValue>> {
        to_raw_value(&self.ids)
    }

    fn load(&mut self, memory: &RawValue) -> serde_json::Result<()> {
        self.ids = serde_json::from_str(memory.get())?;
        Ok(())
    }
}
