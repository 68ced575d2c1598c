//! A user agent that does not go with the identity.
//!
//! Whoever steals a credential may write any user agent, so that one that fits proves nothing; one that does not fit
//! is worth a word. Distributions that are one binary (k3s, rke2) call themselves so and are not looked at.

use std::sync::Arc;

use super::{Detector, Findings, Rule, sentence};
use crate::alert::Severity;
use crate::enrich::Facts;
use crate::enrich::actor::Kind;

/// Programs people type into or write scripts with, as user agents begin.
const BY_HAND: [&[u8]; 8] = [b"kubectl", b"curl/", b"Wget/", b"python", b"Python", b"oc/", b"k9s/", b"Mozilla/"];

/// Programs of the cluster, as user agents begin.
const PROGRAMS: [&[u8]; 6] = [
    b"kubelet/",
    b"kube-controller-manager/",
    b"kube-scheduler/",
    b"kube-apiserver/",
    b"kube-proxy/",
    b"cloud-controller-manager/",
];

/// One rule, both ways round.
pub(super) struct Contradiction(Arc<Rule>);

impl Default for Contradiction {
    fn default() -> Self {
        Self(Rule::new(
            "user-agent-contradicts-identity",
            "A user agent that does not go with the identity",
            &["T1036"],
        ))
    }
}

impl Detector for Contradiction {
    fn rules(&self) -> Vec<Arc<Rule>> {
        vec![Arc::clone(&self.0)]
    }

    fn inspect(&self, facts: &Facts<'_, '_>, findings: &mut Findings) {
        let agent = facts.event.user_agent().raw();
        let begins = |with: &&&[u8]| agent.starts_with(with);
        let (program, how) = match facts.who.of_cluster {
            true => {
                (BY_HAND.iter().find(begins), "a program that people use, with the identity of a part of the cluster")
            }
            false if agent.starts_with(b"kube") || agent.starts_with(b"cloud") => {
                (PROGRAMS.iter().find(begins), "which calls itself a part of the cluster and is not known as one")
            }
            false => return,
        };
        let Some(program) = program.filter(|program| !fits(program, facts)) else { return };
        let program = String::from_utf8_lossy(program).trim_end_matches('/').to_owned();
        let subject = format!("{} as {program}", facts.who.shown());
        findings.raise(&self.0, subject, Severity::Low, || format!("{}, by {program}, {how}", sentence::deed(facts)));
    }
}

/// Whether an identity outside the cluster's own may go by the name of its programs.
fn fits(program: &[u8], facts: &Facts<'_, '_>) -> bool {
    match facts.who.user.kind() {
        // Controllers and proxies run under service accounts of their own.
        Kind::ServiceAccount { namespace, .. } => namespace == "kube-system",
        // A machine on its way to become a node.
        Kind::BootstrapToken => program == b"kubelet/",
        Kind::Anonymous | Kind::Unauthenticated | Kind::Unknown => true,
        _ => false,
    }
}
