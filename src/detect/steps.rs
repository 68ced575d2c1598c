//! Observes what may be a step of an attack, and mostly is not: by itself it is no finding.

use std::sync::Arc;

use super::{Detector, Findings, Rule};
use crate::enrich::Facts;
use crate::enrich::actor::Kind as ActorKind;
use crate::enrich::field::{Field, Value};
use crate::enrich::request::{Action, Outcome, is_dry_run};

/// A step is called so.
pub const STEP: &str = "step";

const GRANTS: [&str; 4] = ["roles", "clusterroles", "rolebindings", "clusterrolebindings"];
const GUARDS: [&str; 7] = [
    "validatingwebhookconfigurations",
    "mutatingwebhookconfigurations",
    "validatingadmissionpolicies",
    "validatingadmissionpolicybindings",
    "mutatingadmissionpolicies",
    "mutatingadmissionpolicybindings",
    "networkpolicies",
];
const WORKLOADS: [&str; 7] = ["pods", "deployments", "daemonsets", "statefulsets", "replicasets", "jobs", "cronjobs"];

/// Observes steps of everybody but the cluster's own controllers.
pub(super) struct Steps {
    step: Arc<str>,
    /// What makes a workload dangerous to its node, where bodies are logged.
    flags: Vec<Field>,
    paths: Option<Field>,
}

impl Default for Steps {
    fn default() -> Self {
        let flags = ["workload.privileged", "workload.host_pid"].into_iter().filter_map(|name| Field::named(name).ok());
        Self { step: STEP.into(), flags: flags.collect(), paths: Field::named("workload.host_path_risks").ok() }
    }
}

impl Detector for Steps {
    fn rules(&self) -> Vec<Arc<Rule>> {
        Vec::new()
    }

    fn inspect(&self, facts: &Facts<'_, '_>, findings: &mut Findings) {
        let action = facts.action();
        if matches!(action, Action::Get | Action::List | Action::Watch | Action::Other | Action::Log) {
            return;
        }
        let machinery = facts.who.of_cluster
            || matches!(facts.who.user.kind(), ActorKind::ServiceAccount { namespace: "kube-system", .. });
        if machinery || facts.outcome() != Outcome::Success {
            return;
        }
        let Some(step) = self.step(facts, action).filter(|_| !is_dry_run(facts.event)) else { return };
        findings.observe(&self.step, || vec![("step".into(), step.to_owned())]);
    }
}

impl Steps {
    fn step(&self, facts: &Facts<'_, '_>, action: Action) -> Option<&'static str> {
        let object = facts.object();
        let is = |resources: &[&str]| resources.iter().any(|resource| object.resource == *resource);
        let whole = object.subresource.is_empty();
        let removes = matches!(action, Action::Delete | Action::DeleteCollection);
        let writes = matches!(action, Action::Create | Action::Update | Action::Patch);
        Some(match action {
            Action::Exec | Action::Attach => "entered",
            _ if object.resource == "events" && removes => "erased",
            _ if is(&GUARDS) && (removes || (writes && action != Action::Create)) => "unguarded",
            _ if is(&GRANTS) && writes => "granted",
            _ if is(&WORKLOADS) && whole && writes && self.is_dangerous(facts) => "dangerous",
            _ if is(&WORKLOADS) && whole && action == Action::Create => "ran",
            _ if object.resource == "pods" && whole && removes => "removed",
            _ => return None,
        })
    }

    fn is_dangerous(&self, facts: &Facts<'_, '_>) -> bool {
        self.flags.iter().any(|flag| flag.any(facts, &mut |value| value == Value::Bool(true)))
            || self.paths.as_ref().is_some_and(|paths| paths.any(facts, &mut |_| true))
    }
}
