//! A hop hides who is calling.

use std::sync::Arc;

use super::{Detector, Findings, Rule, deed, sentence};
use crate::alert::Severity;
use crate::enrich::Facts;
use crate::enrich::client::Trusted;
use crate::enrich::network::UnknownMeans;

/// Two rules: clients are hidden, as the operator expects of this hop; and a hop that is configured as a proxy
/// behaves like a hiding one.
pub(super) struct Hidden {
    client: Arc<Rule>,
    proxy: Arc<Rule>,
}

impl Default for Hidden {
    fn default() -> Self {
        Self {
            client: Rule::new("client-hidden", "The log does not show the client", &["T1090"]),
            proxy: Rule::new(
                "proxy-hides-clients",
                "A configured proxy passes requests without naming their client",
                &[],
            ),
        }
    }
}

impl Detector for Hidden {
    fn rules(&self) -> Vec<Arc<Rule>> {
        vec![Arc::clone(&self.client), Arc::clone(&self.proxy)]
    }

    fn inspect(&self, facts: &Facts<'_, '_>, findings: &mut Findings) {
        let origin = &facts.origin;
        let (Trusted::Unknown, Some(hop), Some(unknown)) = (origin.trusted, &origin.hop, origin.unknown) else {
            return;
        };
        if origin.flags.client_hidden_by_proxy {
            let text = || {
                format!(
                    "{hop} passes requests without a forwarding chain, so whoever sent them is unknown; it is configured as \
                     a proxy and is probably a hiding hop: list it under hiding_hops, or make it append X-Forwarded-For"
                )
            };
            findings.raise_minutely(&self.proxy, hop, Severity::Medium, facts.event.time(), text);
        }
        let severity = match unknown {
            UnknownMeans::Untrusted => return,
            UnknownMeans::Info => Severity::Info,
            UnknownMeans::Low => Severity::Low,
            UnknownMeans::Medium => deed::from_outside(facts).min(Severity::Medium),
            UnknownMeans::High => deed::from_outside(facts).min(Severity::High),
        };
        // Where the operator expects hidden clients, one word a hop is enough; where not, every caller counts.
        let text = || format!("{}, {}", sentence::deed(facts), sentence::standing(origin));
        if severity <= Severity::Low {
            return findings.raise_minutely(&self.client, hop, severity, facts.event.time(), text);
        }
        findings.raise(&self.client, format!("{} behind {hop}", facts.who.shown()), severity, text);
    }
}
