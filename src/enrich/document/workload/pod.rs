//! A pod spec: what is said of the pod, and what of its containers taken together.

use std::collections::BTreeSet;

use crate::enrich::field::walk;
use crate::event::Raw;

use super::super::json::Object;
use super::super::read::{flag, has_key, items, number, take, text};
use super::container::{self, Container, Defaults};
use super::volume::Volumes;

/// What marks the nodes of the control plane, as label and as taint.
const CONTROL_PLANE: [&str; 2] = ["node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master"];

pub(super) fn describe<'a>(spec: Raw<'a>, annotations: Option<Raw<'a>>, workload: &mut Object) {
    account(spec, workload);
    placement(spec, workload);
    let [volumes, security] = take(spec, ["volumes", "securityContext"]);
    let volumes = Volumes::of(volumes);
    let defaults = Defaults::of(security, annotations);
    let [containers, init, ephemeral] = take(spec, ["containers", "initContainers", "ephemeralContainers"]);
    let kinds = [("container", containers), ("init", init), ("ephemeral", ephemeral)];
    let containers = kinds.into_iter().flat_map(|(kind, list)| items(list).map(move |raw| (kind, raw)));
    let containers: Vec<_> = containers.map(|(kind, raw)| Container::of(kind, raw, &defaults)).collect();
    security_of(spec, &containers, &defaults, workload);
    contents(&containers, &volumes, workload);
    workload.objects("containers", containers.iter().map(|container| container.describe(&volumes)));
    volumes.describe(workload);
}

fn account(spec: Raw<'_>, workload: &mut Object) {
    let [account, deprecated, automount, pull_secrets] =
        take(spec, ["serviceAccountName", "serviceAccount", "automountServiceAccountToken", "imagePullSecrets"]);
    let name = text(account).filter(|name| !name.is_empty()).or_else(|| text(deprecated));
    workload.maybe("service_account", name);
    workload.maybe_flag("automount", flag(automount));
    workload.texts("pull_secrets", items(pull_secrets).filter_map(|secret| text(secret.get("name"))));
}

fn placement(spec: Raw<'_>, workload: &mut Object) {
    let [node_name, selector, tolerations, affinity, runtime, priority, scheduler] = take(
        spec,
        [
            "nodeName",
            "nodeSelector",
            "tolerations",
            "affinity",
            "runtimeClassName",
            "priorityClassName",
            "schedulerName",
        ],
    );
    workload.maybe("node_name", text(node_name));
    workload.maybe_raw("node_selector", selector);
    workload.objects("tolerations", items(tolerations).map(toleration));
    workload.flag("tolerates_control_plane", items(tolerations).any(tolerates_control_plane));
    let path = "nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms.matchExpressions.key";
    let by_affinity = walk(affinity.unwrap_or_default(), path, &mut |key| {
        key.text().is_some_and(|key| CONTROL_PLANE.iter().any(|name| key == **name))
    });
    workload.flag("selects_control_plane", by_affinity || has_key(selector, &CONTROL_PLANE));
    workload.maybe("runtime_class", text(runtime));
    workload.maybe("priority_class", text(priority));
    workload.maybe("scheduler", text(scheduler));
}

fn toleration(raw: Raw<'_>) -> Object {
    let mut toleration = Object::default();
    let [key, operator, value, effect] = take(raw, ["key", "operator", "value", "effect"]);
    toleration.maybe("key", text(key));
    toleration.maybe("operator", text(operator));
    toleration.maybe("value", text(value));
    toleration.maybe("effect", text(effect));
    toleration
}

/// By name, or as one who tolerates everything. The control plane's taint has the effect `NoSchedule`.
fn tolerates_control_plane(raw: Raw<'_>) -> bool {
    let [key, operator, effect] = take(raw, ["key", "operator", "effect"]).map(text);
    let everything = key.as_deref().unwrap_or_default().is_empty() && operator.as_deref() == Some("Exists");
    let named = key.is_some_and(|key| CONTROL_PLANE.contains(&&*key));
    (everything || named) && matches!(effect.as_deref(), None | Some("" | "NoSchedule"))
}

fn security_of(spec: Raw<'_>, containers: &[Container<'_>], defaults: &Defaults<'_>, workload: &mut Object) {
    let [network, pid, ipc, users, share] =
        take(spec, ["hostNetwork", "hostPID", "hostIPC", "hostUsers", "shareProcessNamespace"]).map(flag);
    workload.flag("host_network", network == Some(true));
    workload.flag("host_pid", pid == Some(true));
    workload.flag("host_ipc", ipc == Some(true));
    workload.maybe_flag("host_users", users);
    workload.flag("shared_processes", share == Some(true));
    let any = |is: fn(&Container<'_>) -> bool| containers.iter().any(is);
    workload.flag("privileged", any(|container| container.privileged == Some(true)));
    workload.flag(
        "host_process",
        defaults.host_process == Some(true) || any(|container| container.host_process == Some(true)),
    );
    workload.flag("run_as_root", defaults.asks_for_root() || any(|container| container.asks_for_root));
    workload.flag("privilege_escalation", any(|container| container.privilege_escalation == Some(true)));
    let unconfined = containers.iter().flat_map(|container| &container.unconfined).chain(&defaults.unconfined);
    workload.texts("unconfined", unconfined.collect::<BTreeSet<_>>());
    let capabilities = containers.iter().flat_map(|container| &container.capabilities);
    workload.texts("capabilities", capabilities.collect::<BTreeSet<_>>());
    let sysctls = container::sysctls(spec);
    workload.texts("sysctls", sysctls);
}

fn contents(containers: &[Container<'_>], volumes: &Volumes<'_>, workload: &mut Object) {
    let images = containers.iter().filter_map(|container| container.image.as_deref());
    workload.texts("images", images.collect::<BTreeSet<_>>());
    let ports = containers.iter().flat_map(|container| container.host_ports());
    workload.numbers("host_ports", ports.filter_map(|port| number(Some(port))));
    let mut secrets: BTreeSet<_> = volumes.secrets().collect();
    secrets.extend(containers.iter().flat_map(Container::secrets));
    workload.texts("secrets", secrets);
}
