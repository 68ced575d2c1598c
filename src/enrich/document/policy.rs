//! What protects the cluster being taken away or weakened: Pod Security labels, network policies, admission policies
//! and webhooks, quotas.

use std::collections::BTreeSet;

use crate::enrich::facts::Facts;
use crate::event::Raw;

use super::json::Object;
use super::read::{at, items, take, text, texts};
use super::{deletes, writes};

/// Resources that protect, by any group that has them, and what they are.
const KINDS: &[(&str, &str)] = &[
    ("namespaces", "pod-security"),
    ("networkpolicies", "network"),
    ("globalnetworkpolicies", "network"),
    ("ciliumnetworkpolicies", "network"),
    ("ciliumclusterwidenetworkpolicies", "network"),
    ("adminnetworkpolicies", "network"),
    ("baselineadminnetworkpolicies", "network"),
    ("validatingwebhookconfigurations", "webhook"),
    ("mutatingwebhookconfigurations", "webhook"),
    ("validatingadmissionpolicies", "admission"),
    ("validatingadmissionpolicybindings", "admission"),
    ("mutatingadmissionpolicies", "admission"),
    ("mutatingadmissionpolicybindings", "admission"),
    ("clusterpolicies", "admission"),
    ("policyexceptions", "exception"),
    ("resourcequotas", "quota"),
    ("limitranges", "quota"),
    ("poddisruptionbudgets", "quota"),
];

/// Gatekeeper's constraints have a resource each, all in this group.
const CONSTRAINTS: &str = "constraints.gatekeeper.sh";

pub(super) fn document(facts: &Facts<'_, '_>) -> Option<Vec<u8>> {
    let mut policy = Object::default();
    let failed_open = failed_open(facts);
    policy.texts("failed_open", failed_open);
    let object = facts.object();
    let kind = KINDS.iter().find(|(resource, _)| object.resource == *resource).map(|(_, kind)| *kind);
    let kind = kind.or_else(|| (object.api_group == CONSTRAINTS).then_some("admission"));
    let (removes, writes) = (deletes(facts), writes(facts));
    if let Some(kind) =
        kind.filter(|kind| object.subresource.is_empty() && (writes || (removes && *kind != "pod-security")))
    {
        let mut weakens = BTreeSet::new();
        policy.text("kind", kind);
        policy.flag("removed", removes && kind != "exception");
        if removes && kind != "exception" {
            weakens.insert("removed");
        }
        if writes {
            let found = facts.written().whole(|patch| ["spec", "webhooks"].iter().any(|key| patch.get(key).is_some()));
            describe(kind, found.object, &mut policy, &mut weakens);
        }
        policy.texts("weakens", weakens);
    }
    Some(policy.finish())
}

/// Webhooks that could not be asked, and were passed over.
fn failed_open(facts: &Facts<'_, '_>) -> Vec<String> {
    let notes = facts.event.annotations.members().filter(|(key, _)| {
        let key = key.decode();
        key.starts_with("failed-open.") && key.contains(".webhook.admission.k8s.io/")
            || key.starts_with("failed-open.validating.webhook.")
    });
    notes.filter_map(|(_, value)| text(Some(value)).map(String::from)).collect()
}

fn describe(kind: &str, object: Raw<'_>, policy: &mut Object, weakens: &mut BTreeSet<&'static str>) {
    match kind {
        "pod-security" => pod_security(at(object, &["metadata", "labels"]).unwrap_or_default(), policy, weakens),
        "network" => network(object.get("spec").unwrap_or_default(), weakens),
        "exception" => _ = weakens.insert("exception"),
        "webhook" => {
            let fails_open = |hook: Raw<'_>| text(hook.get("failurePolicy")).is_some_and(|policy| policy == "Ignore");
            if items(object.get("webhooks")).any(fails_open) {
                weakens.insert("fails-open");
            }
        }
        "admission" => admission(object.get("spec").unwrap_or_default(), policy, weakens),
        _ => {}
    }
}

fn pod_security(labels: Raw<'_>, policy: &mut Object, weakens: &mut BTreeSet<&'static str>) {
    for (key, value) in labels.members() {
        let key = key.decode();
        let Some(mode @ ("enforce" | "audit" | "warn")) = key.strip_prefix("pod-security.kubernetes.io/") else {
            continue;
        };
        let level = text(Some(value));
        match (mode, level.as_deref()) {
            ("enforce", None) => weakens.insert("pod-security-removed"),
            ("enforce", Some("privileged")) => weakens.insert("pod-security-privileged"),
            _ => false,
        };
        policy.maybe(mode, level);
    }
}

/// A rule that says nothing of the other side lets everybody in.
fn network(spec: Raw<'_>, weakens: &mut BTreeSet<&'static str>) {
    for (direction, side, word) in [("ingress", "from", "open-ingress"), ("egress", "to", "open-egress")] {
        let is_open = |rule: Raw<'_>| {
            let peers = rule.get(side);
            let everywhere = |peer: Raw<'_>| {
                text(at(peer, &["ipBlock", "cidr"])).is_some_and(|cidr| matches!(&*cidr, "0.0.0.0/0" | "::/0"))
            };
            rule.bytes().starts_with(b"{") && (items(peers).next().is_none() || items(peers).any(everywhere))
        };
        if items(spec.get(direction)).any(is_open) {
            weakens.insert(word);
        }
    }
}

fn admission(spec: Raw<'_>, policy: &mut Object, weakens: &mut BTreeSet<&'static str>) {
    // Kubernetes' own, Gatekeeper's and Kyverno's.
    let [failure, actions, enforcement, old] =
        take(spec, ["failurePolicy", "validationActions", "enforcementAction", "validationFailureAction"]);
    let failure = text(failure);
    if failure.as_deref() == Some("Ignore") {
        weakens.insert("fails-open");
    }
    policy.maybe("failure_policy", failure);
    let mut actions = texts(actions);
    actions.extend([enforcement, old].into_iter().filter_map(text));
    if !actions.is_empty()
        && !actions.iter().any(|action| action.eq_ignore_ascii_case("deny") || action.eq_ignore_ascii_case("enforce"))
    {
        weakens.insert("only-warns");
    }
    policy.texts("actions", actions);
}
