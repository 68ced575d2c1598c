//! The same credential in two networks within ten minutes.
//!
//! A pod's token lives in one pod, so that one sight of it elsewhere suffices. People move, and so do laptops: their
//! certificates must be seen here, there, and here again. Addresses of one named network are one place, both families
//! of it; a pod's address and its node's are the same place, since some networks hide pods behind their nodes.

use std::net::IpAddr;
use std::sync::Arc;

use serde_json::value::{RawValue, to_raw_value};

use super::recent::Recent;
use super::sighting::{Network, Sighting, Stay, Stays};
use super::{Case, Judge};
use crate::alert::Severity;
use crate::detect::needs::{ANY_STAGE, Callers, Needs, Targets};
use crate::detect::{Finding, Findings, Rule};

/// How close two uses must be to each other, seconds.
const WINDOW_SECONDS: i64 = 600;

/// Credentials of one generation. Beyond it those idle longest begin anew.
const CREDENTIALS_MAX: usize = 8192;

/// Remembers where each credential was.
pub(super) struct TwoNetworks {
    rule: Arc<Rule>,
    credentials: Recent<Stays>,
}

impl Default for TwoNetworks {
    fn default() -> Self {
        Self {
            rule: Rule::new(
                "credential-in-two-networks",
                "One credential used from two networks",
                &["T1528", "T1550.001"],
            ),
            credentials: Recent::new(CREDENTIALS_MAX),
        }
    }
}

impl Judge for TwoNetworks {
    fn id(&self) -> &str {
        &self.rule.id
    }

    fn shape(&self) -> String {
        "1".to_owned()
    }

    fn needs(&self) -> Vec<(String, Needs)> {
        vec![(self.rule.id.clone(), Needs::of(Callers::LetIn, Targets::All, &ANY_STAGE))]
    }

    fn judge(&mut self, case: &Case<'_>, verdict: &mut Findings) {
        let Some(seen) = Sighting::of(case) else { return };
        let Some(credential) = seen.credential else { return };
        let stays = self.credentials.entry(credential, Stays::default);
        let worst = stays
            .elsewhere(seen.place, case.time, WINDOW_SECONDS)
            .filter_map(|other| Some((grade(&seen, other, stays.alternates(seen.place, other))?, other)))
            .max_by_key(|(severity, _)| *severity);
        if let Some((severity, other)) = worst {
            let text = format!(
                "{} used one credential ({}) from {} and from {} within {} minutes",
                seen.who,
                short(credential),
                seen.address,
                other.address,
                WINDOW_SECONDS / 60
            );
            let mut finding = Finding::new(&self.rule, format!("{} ({})", seen.who, short(credential)), severity, text);
            finding.events.extend(other.event.clone());
            verdict.push(finding);
        }
        stays.note(&seen, case.time, case.event);
    }

    fn save(&self) -> serde_json::Result<Box<RawValue>> {
        to_raw_value(&self.credentials)
    }

    fn load(&mut self, memory: &RawValue) -> serde_json::Result<()> {
        self.credentials = serde_json::from_str(memory.get())?;
        Ok(())
    }
}

/// How grave it is to be here while the same was there. `alternates`: it was here before it was last there.
fn grade(here: &Sighting<'_>, there: &Stay, alternates: bool) -> Option<Severity> {
    use Network::{Nodes, Pods, Trusted, Untrusted};
    let inside = |network: Network| network.is_cluster();
    match (here.network, there.network) {
        // One pod, one address in each family.
        (Pods, Pods) if here.is_bound() => {
            (alternates && same_family(here.address, &there.address)).then_some(Severity::High)
        }
        (Nodes, Nodes) if here.is_bound() => alternates.then_some(Severity::High),
        (one, other) if inside(one) && inside(other) && (here.is_bound() || here.kind != "human") => None,
        (one, other) if here.is_bound() && inside(one) != inside(other) => Some(Severity::Critical),
        // Without networks of their own, pods and nodes are only trusted.
        (Trusted, Untrusted) | (Untrusted, Trusted) if here.is_bound() => Some(Severity::Critical),
        (Trusted, Trusted) if here.is_bound() => None,
        // Of a person the sight outside is the strange one.
        (Untrusted, other) if other != Untrusted => (alternates || here.kind != "human").then_some(Severity::High),
        (other, Untrusted) if other != Untrusted => (here.kind != "human").then_some(Severity::High),
        // A person's credential inside a pod, and with the person.
        (Pods, _) | (_, Pods) if here.kind == "human" => alternates.then_some(Severity::High),
        (one, other) if inside(one) != inside(other) => alternates.then_some(Severity::Medium),
        (Untrusted, Untrusted) => alternates.then_some(Severity::Medium),
        _ => alternates.then_some(Severity::Low),
    }
}

fn same_family(one: &str, other: &str) -> bool {
    let family = |address: &str| address.parse::<IpAddr>().ok().map(|address| address.is_ipv4());
    family(one) == family(other)
}

/// A credential's id, so much of it that people can tell it from others.
pub(super) fn short(credential: &str) -> String {
    let shown: String = credential.chars().take(28).collect();
    if shown.len() < credential.len() { format!("{shown}…") } else { shown }
}
