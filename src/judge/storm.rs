//! Many failed authentications, and then one that succeeds, from the same address.
//!
//! Clients that renew a stale token look the same, so it counts only for somebody who was not seen at that address
//! before; and when many addresses fail at once, it is the authentication that is broken.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

use super::recent::Recent;
use super::sighting::{Network, Sighting};
use super::{Case, Judge};
use crate::alert::{EventRef, Severity};
use crate::detect::storm::UNAUTHENTICATED;
use crate::detect::{Finding, Findings, Rule};
use crate::event::Timestamp;

/// How long after the failures a success counts, seconds.
const WINDOW_SECONDS: i64 = 600;

/// So many addresses with storms at once are an outage.
const OUTAGE_ADDRESSES: usize = 5;

/// Addresses of one generation. Beyond it those idle longest are forgotten.
const ADDRESSES_MAX: usize = 8192;

/// Most callers remembered of an address. Beyond it the oldest is forgotten, and looks new when it comes again.
const CALLERS_MAX: usize = 32;

/// What is known of an address.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Address {
    callers: Vec<String>,
    /// Failures in a row with no more than the window between them, and the last of them.
    failures: u32,
    last: Timestamp,
    event: Option<EventRef>,
}

/// Remembers failures and callers of addresses.
pub(super) struct SuccessAfterStorm {
    rule: Arc<Rule>,
    /// So many failures are a storm.
    failures: u32,
    addresses: Recent<Address>,
    /// Addresses whose failures became a storm, and when.
    storms: Vec<(Timestamp, String)>,
}

impl SuccessAfterStorm {
    pub(super) fn new(config: &crate::detect::storm::Config) -> Self {
        let title = "Authentication succeeded after many failures";
        Self {
            rule: Rule::new("success-after-failures", title, &["T1110"]),
            failures: config.failures.max(1),
            addresses: Recent::new(ADDRESSES_MAX),
            storms: Vec::new(),
        }
    }
}

impl Judge for SuccessAfterStorm {
    fn id(&self) -> &str {
        &self.rule.id
    }

    fn shape(&self) -> String {
        "1".to_owned()
    }

    fn judge(&mut self, case: &Case<'_>, verdict: &mut Findings) {
        for failed in case.findings().filter(|finding| finding.rule.id == UNAUTHENTICATED) {
            self.failed(&failed.subject, case);
        }
        if let Some(seen) = Sighting::of(case) {
            self.succeeded(&seen, case, verdict);
        }
    }

    fn save(&self) -> serde_json::Result<Box<RawValue>> {
        to_raw_value(&(&self.addresses, &self.storms))
    }

    fn load(&mut self, memory: &RawValue) -> serde_json::Result<()> {
        (self.addresses, self.storms) = serde_json::from_str(memory.get())?;
        Ok(())
    }
}

impl SuccessAfterStorm {
    fn failed(&mut self, subject: &str, case: &Case<'_>) {
        let address = self.addresses.entry(subject, Address::default);
        let goes_on = address.last.plus_seconds(WINDOW_SECONDS) >= case.time;
        address.failures = if goes_on { address.failures.saturating_add(1) } else { 1 };
        address.last = case.time;
        address.event = case.event.cloned();
        if address.failures == self.failures {
            self.storms.retain(|(time, _)| time.plus_seconds(WINDOW_SECONDS) >= case.time);
            self.storms.truncate(OUTAGE_ADDRESSES);
            self.storms.push((case.time, subject.to_owned()));
        }
    }

    fn succeeded(&mut self, seen: &Sighting<'_>, case: &Case<'_>, verdict: &mut Findings) {
        let address = self.addresses.entry(seen.host, Address::default);
        if address.callers.iter().any(|caller| caller == seen.who) {
            return;
        }
        if address.callers.len() >= CALLERS_MAX {
            address.callers.remove(0);
        }
        address.callers.push(seen.who.to_owned());
        let stormy = address.failures >= self.failures && address.last.plus_seconds(WINDOW_SECONDS) >= case.time;
        let at_once = self.storms.iter().filter(|(time, _)| time.plus_seconds(WINDOW_SECONDS) >= case.time).count();
        if !stormy || at_once >= OUTAGE_ADDRESSES {
            return;
        }
        // Inside it is mostly a client that came back with a new token.
        let severity = if seen.network == Network::Untrusted { Severity::High } else { Severity::Low };
        let text = format!(
            "{} authenticated from {} after {} failed attempts from there, and was not seen there before",
            seen.who, seen.address, address.failures
        );
        let mut finding = Finding::new(&self.rule, format!("{} from {}", seen.who, seen.host), severity, text);
        finding.events.extend(address.event.clone());
        verdict.push(finding);
    }
}
