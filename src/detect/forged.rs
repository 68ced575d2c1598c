//! A client wrote a forwarding header of its own.

use std::sync::Arc;

use super::{Detector, Findings, Rule, sentence};
use crate::alert::Severity;
use crate::enrich::client::{Forwarded, Trusted};
use crate::enrich::{Facts, Origin};

/// Headers from a peer that is no proxy, and chains in which a forged one would look just as they do.
pub(super) struct Forged(Arc<Rule>);

impl Default for Forged {
    fn default() -> Self {
        Self(Rule::new("forged-forwarding-header", "Forged or ambiguous forwarding header", &["T1036", "T1090"]))
    }
}

impl Detector for Forged {
    fn rules(&self) -> Vec<Arc<Rule>> {
        vec![Arc::clone(&self.0)]
    }

    fn inspect(&self, facts: &Facts<'_, '_>, findings: &mut Findings) {
        let Some((severity, why)) = judge(&facts.origin) else { return };
        let subject = format!("{} from {}", facts.who.shown(), facts.origin.subject());
        findings.raise(&self.0, subject, severity, || format!("{}; {why}", sentence::deed(facts)));
    }
}

fn judge(origin: &Origin) -> Option<(Severity, &'static str)> {
    let flags = origin.flags;
    if flags.forwarded_header_from_untrusted_peer {
        return Some(match (origin.trusted, origin.claims_trusted) {
            (Trusted::Yes, _) => (
                Severity::Low,
                "it came with a forwarding header, and its sender is in a trusted network but no proxy we know: if it is \
                 yours, list it under proxies",
            ),
            (_, true) => (Severity::High, "it came with a forwarding header that claims a trusted address"),
            (_, false) => {
                (Severity::Medium, "it came with a forwarding header that its sender has no business to write")
            }
        });
    }
    if flags.ambiguous_x_real_ip || origin.forwarded == Forwarded::Ambiguous {
        return Some((
            Severity::Medium,
            "what stands where the proxy writes the client may be a forged X-Real-Ip: make the proxy overwrite that header",
        ));
    }
    let outsider = origin.trusted == Trusted::No && flags.unverified_prefix && origin.claims_trusted;
    outsider.then_some((Severity::Low, "it sent the proxy a forwarding header that claims a trusted address"))
}
