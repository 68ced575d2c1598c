//! A node's identity, or a pod's token, at an address that is another's.
//!
//! Where nodes are is learnt from their kubelets: an address at which a node was seen in [`LEARNT_MINUTES`] minutes, and
//! no other node was, is that node's. Node networks that hide all nodes behind one address therefore teach nothing.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

use super::recent::Recent;
use super::sighting::{Network, Sighting, Stays};
use super::{Case, Judge};
use crate::alert::Severity;
use crate::detect::needs::{ANY_STAGE, Callers, Needs, Targets};
use crate::detect::{Finding, Findings, Rule};

/// Minutes in which a node must be seen at an address before that is its own.
const LEARNT_MINUTES: u32 = 5;

/// How close to each other two uses must be to contradict, seconds.
const WINDOW_SECONDS: i64 = 600;

/// Nodes, and addresses, of one generation. Beyond it those idle longest are learnt anew.
const NODES_MAX: usize = 16_384;

/// Who was seen at an address.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Owner {
    node: String,
    minutes: u32,
    minute: i64,
    /// Other nodes were seen here as well: it is nobody's.
    shared: bool,
}

#[derive(Debug, Serialize, Deserialize)]
struct Memory {
    /// Where each node was.
    nodes: Recent<Stays>,
    /// Which node an address is of.
    owners: Recent<Owner>,
}

/// Remembers where nodes are.
pub(super) struct Nodes {
    rule: Arc<Rule>,
    pod_rule: Arc<Rule>,
    memory: Memory,
}

impl Default for Nodes {
    fn default() -> Self {
        Self {
            rule: Rule::new(
                "node-identity-elsewhere",
                "A node's identity used from an address that is not its own",
                &["T1078"],
            ),
            pod_rule: Rule::new(
                "pod-token-on-other-node",
                "A pod's token used from another node than the pod's",
                &["T1528"],
            ),
            memory: Memory { nodes: Recent::new(NODES_MAX), owners: Recent::new(NODES_MAX) },
        }
    }
}

impl Judge for Nodes {
    fn id(&self) -> &str {
        &self.rule.id
    }

    fn shape(&self) -> String {
        "1".to_owned()
    }

    fn needs(&self) -> Vec<(String, Needs)> {
        let uses = || Needs::of(Callers::LetIn, Targets::All, &ANY_STAGE);
        vec![(self.rule.id.clone(), uses()), (self.pod_rule.id.clone(), uses())]
    }

    fn judge(&mut self, case: &Case<'_>, verdict: &mut Findings) {
        let Some(seen) = Sighting::of(case) else { return };
        if let Some(node) = seen.node {
            self.node(node, &seen, case, verdict);
        }
        if let Some(node) = seen.pod_node {
            self.pod(node, &seen, verdict);
        }
    }

    fn save(&self) -> serde_json::Result<Box<RawValue>> {
        to_raw_value(&self.memory)
    }

    fn load(&mut self, memory: &RawValue) -> serde_json::Result<()> {
        self.memory = serde_json::from_str(memory.get())?;
        Ok(())
    }
}

impl Nodes {
    fn node(&mut self, node: &str, seen: &Sighting<'_>, case: &Case<'_>, verdict: &mut Findings) {
        let others = self.owner(seen.address).filter(|owner| *owner != node).map(str::to_owned);
        let stays = self.memory.nodes.entry(node, Stays::default);
        let learnt = stays.0.iter().any(|stay| stay.minutes >= LEARNT_MINUTES && stay.place != seen.place);
        let is_new = stays.at(seen.place).is_none_or(|stay| stay.minutes < LEARNT_MINUTES);
        let home = stays.elsewhere(seen.place, case.time, WINDOW_SECONDS).max_by_key(|stay| stay.minutes);
        let from = format!("the identity of node {node} was used from {}", seen.address);
        let found = match home {
            _ if !learnt || !is_new => None,
            _ if others.is_some() => Some((
                Severity::Critical,
                format!("{from}, the address of node {}", others.as_deref().unwrap_or_default()),
            )),
            Some(home) if home.network == Network::Nodes && !is_for_nodes(seen.network) => Some((
                Severity::Critical,
                format!("{from}, outside the node networks; its kubelet is at {}", home.address),
            )),
            // It has moved, unless it is still where it was.
            Some(home) if stays.alternates(seen.place, home) => Some((
                Severity::High,
                format!("{from} and from {} within {} minutes", home.address, WINDOW_SECONDS / 60),
            )),
            _ => None,
        };
        if let Some((severity, text)) = found {
            let mut finding = Finding::new(&self.rule, format!("node {node} at {}", seen.address), severity, text);
            finding.events.extend(home.and_then(|home| home.event.clone()));
            verdict.push(finding);
        }
        stays.note(seen, case.time, case.event);
        self.claim(node, seen.address, case.time.minute());
    }

    fn pod(&self, node: &str, seen: &Sighting<'_>, verdict: &mut Findings) {
        let Some(other) = self.owner(seen.address).filter(|owner| *owner != node) else { return };
        let pod = seen.pod.unwrap_or_default();
        let text = format!(
            "{} used the token of pod {pod}, which runs on node {node}, from {}, the address of node {other}",
            seen.who, seen.address
        );
        let subject = format!("{} at {}", seen.who, seen.address);
        verdict.tell(&self.pod_rule, subject, Severity::High, text);
    }

    /// The node whose address this is.
    fn owner(&self, address: &str) -> Option<&str> {
        let owner = self.memory.owners.get(address)?;
        (!owner.shared && owner.minutes >= LEARNT_MINUTES).then_some(owner.node.as_str())
    }

    fn claim(&mut self, node: &str, address: &str, minute: i64) {
        let new = || Owner { node: node.to_owned(), minutes: 0, minute: i64::MIN, shared: false };
        let owner = self.memory.owners.entry(address, new);
        if owner.node == node {
            owner.minutes += u32::from(owner.minute != minute);
            owner.minute = minute;
        } else if owner.minutes < LEARNT_MINUTES {
            owner.shared = true;
        }
    }
}

fn is_for_nodes(network: Network) -> bool {
    matches!(network, Network::Nodes | Network::ControlPlane)
}
