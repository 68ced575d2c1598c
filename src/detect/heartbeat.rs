//! Observes leases that are renewed: the pulse of a cluster, a few seconds apart as long as it lives and is logged.

use std::sync::Arc;

use super::{Detector, Findings, Rule};
use crate::enrich::Facts;
use crate::enrich::request::Outcome;
use crate::mask;

/// What is observed is called so.
pub const HEARTBEAT: &str = "lease-renewed";

/// Nodes have a lease each; all of them are one pulse.
const NODE_LEASES: &str = "kube-node-lease";

/// Observes each lease once a minute.
pub(super) struct Heartbeat(Arc<str>);

impl Default for Heartbeat {
    fn default() -> Self {
        Self(HEARTBEAT.into())
    }
}

impl Detector for Heartbeat {
    fn rules(&self) -> Vec<Arc<Rule>> {
        Vec::new()
    }

    fn inspect(&self, facts: &Facts<'_, '_>, findings: &mut Findings) {
        let object = facts.object();
        let verb = facts.event.verb();
        if !(object.resource == "leases")
            || !(verb == "update" || verb == "patch")
            || facts.outcome() != Outcome::Success
        {
            return;
        }
        let of_nodes = object.namespace == NODE_LEASES;
        let name: &[u8] = if of_nodes { b"" } else { object.name.raw() };
        findings.observe_minutely(&self.0, &[object.namespace.raw(), name], facts.event.time(), || {
            let lease = match of_nodes {
                true => NODE_LEASES.to_owned(),
                false => format!("{}/{}", mask::text(object.namespace), mask::text(object.name)),
            };
            vec![("lease".into(), lease)]
        });
    }
}
