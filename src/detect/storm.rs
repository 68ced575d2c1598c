//! Many failed attempts from one address.

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use super::needs::{ANSWERED, Callers, Needs, Targets};
use super::{Detector, Findings, Rule, Threshold};
use crate::alert::Severity;
use crate::amount::Period;
use crate::enrich::Facts;
use crate::enrich::client::Trusted;

/// The rule about failed authentications. Its findings, one a request, are for judges as well.
pub const UNAUTHENTICATED: &str = "unauthenticated-storm";

/// When failed requests of one address are a storm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Failed requests; fewer than one counts as one.
    pub failures: u32,
    /// Within so much event time.
    pub window: Period,
}

impl Default for Config {
    fn default() -> Self {
        Self { failures: 20, window: Period(Duration::from_secs(300)) }
    }
}

/// 401 and 403 are told apart: one is about credentials, the other about rights.
pub(super) struct Storm {
    unauthenticated: Arc<Rule>,
    forbidden: Arc<Rule>,
}

impl Storm {
    pub(super) fn new(config: &Config) -> Self {
        let counting = |id, title, techniques: &[&str]| {
            let window_seconds = u32::try_from(config.window.0.as_secs()).unwrap_or(u32::MAX).max(1);
            let threshold = Some(Threshold { count: config.failures.max(1), window_seconds });
            Arc::new(Rule { threshold, ..(*Rule::new(id, title, techniques)).clone() })
        };
        Self {
            unauthenticated: counting(UNAUTHENTICATED, "Many failed authentications from one address", &["T1110"]),
            forbidden: counting("forbidden-storm", "Many forbidden requests from one address", &["T1613", "T1069"]),
        }
    }
}

impl Detector for Storm {
    fn rules(&self) -> Vec<Arc<Rule>> {
        vec![Arc::clone(&self.unauthenticated), Arc::clone(&self.forbidden)]
    }

    fn needs(&self, rule: &Rule) -> Needs {
        let callers = if rule.id == self.unauthenticated.id { Callers::Rejected } else { Callers::LetIn };
        Needs::of(callers, Targets::All, &ANSWERED)
    }

    fn inspect(&self, facts: &Facts<'_, '_>, findings: &mut Findings) {
        let (rule, what) = match facts.event.code() {
            Some(401) => (&self.unauthenticated, "failed to authenticate"),
            Some(403) => (&self.forbidden, "was refused"),
            _ => return,
        };
        let origin = &facts.origin;
        // Inside, a storm is mostly a client with a stale token that nobody stopped.
        let severity = if origin.trusted == Trusted::Yes { Severity::Low } else { Severity::Medium };
        let Threshold { count, window_seconds } = rule.threshold.unwrap_or(Threshold { count: 1, window_seconds: 1 });
        let text = || format!("{} {what} {count} times or more within {window_seconds} s", origin.shown());
        findings.raise(rule, origin.subject(), severity, text);
    }
}
