//! The API that every cluster serves, as far as a policy can name it: Kubernetes up to 1.36.

use crate::detect::needs::Kind;

/// A resource that every cluster serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resource {
    /// The group, `""` for core.
    pub group: &'static str,
    /// The resource.
    pub name: &'static str,
    /// Its objects are in namespaces.
    pub namespaced: bool,
    /// What can be asked for below an object.
    pub subresources: &'static [&'static str],
}

/// Groups that no supported release serves any more. A policy may name them; it does nothing.
pub const RETIRED_GROUPS: [&str; 3] = ["extensions", "settings.k8s.io", "auditregistration.k8s.io"];

/// Verbs of requests for resources.
pub const VERBS: [&str; 8] = ["get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"];

/// Verbs of requests for paths: the method in lower case.
pub const METHODS: [&str; 7] = ["get", "head", "post", "put", "patch", "delete", "options"];

const STATUS: &[&str] = &["status"];
const SCALE: &[&str] = &["scale", "status"];
const POD: &[&str] = &[
    "attach",
    "binding",
    "ephemeralcontainers",
    "eviction",
    "exec",
    "log",
    "portforward",
    "proxy",
    "resize",
    "status",
];

const ADMISSION: &str = "admissionregistration.k8s.io";
const CERTIFICATES: &str = "certificates.k8s.io";
const FLOW: &str = "flowcontrol.apiserver.k8s.io";
const NETWORKING: &str = "networking.k8s.io";
const RBAC: &str = "rbac.authorization.k8s.io";
const DEVICES: &str = "resource.k8s.io";
const STORAGE: &str = "storage.k8s.io";

const fn inside(group: &'static str, name: &'static str, subresources: &'static [&'static str]) -> Resource {
    Resource { group, name, namespaced: true, subresources }
}

const fn outside(group: &'static str, name: &'static str, subresources: &'static [&'static str]) -> Resource {
    Resource { group, name, namespaced: false, subresources }
}

/// Every resource of every group. `inside` namespaces, or `outside` of them.
pub const RESOURCES: &[Resource] = &[
    inside("", "bindings", &[]),
    outside("", "componentstatuses", &[]),
    inside("", "configmaps", &[]),
    inside("", "endpoints", &[]),
    inside("", "events", &[]),
    inside("", "limitranges", &[]),
    outside("", "namespaces", &["finalize", "status"]),
    outside("", "nodes", &["proxy", "status"]),
    inside("", "persistentvolumeclaims", STATUS),
    outside("", "persistentvolumes", STATUS),
    inside("", "pods", POD),
    inside("", "podtemplates", &[]),
    inside("", "replicationcontrollers", SCALE),
    inside("", "resourcequotas", STATUS),
    inside("", "secrets", &[]),
    inside("", "serviceaccounts", &["token"]),
    inside("", "services", &["proxy", "status"]),
    outside(ADMISSION, "mutatingadmissionpolicies", &[]),
    outside(ADMISSION, "mutatingadmissionpolicybindings", &[]),
    outside(ADMISSION, "mutatingwebhookconfigurations", &[]),
    outside(ADMISSION, "validatingadmissionpolicies", STATUS),
    outside(ADMISSION, "validatingadmissionpolicybindings", &[]),
    outside(ADMISSION, "validatingwebhookconfigurations", &[]),
    outside("apiextensions.k8s.io", "customresourcedefinitions", STATUS),
    outside("apiregistration.k8s.io", "apiservices", STATUS),
    inside("apps", "controllerrevisions", &[]),
    inside("apps", "daemonsets", STATUS),
    inside("apps", "deployments", SCALE),
    inside("apps", "replicasets", SCALE),
    inside("apps", "statefulsets", SCALE),
    outside("authentication.k8s.io", "selfsubjectreviews", &[]),
    outside("authentication.k8s.io", "tokenreviews", &[]),
    inside("authorization.k8s.io", "localsubjectaccessreviews", &[]),
    outside("authorization.k8s.io", "selfsubjectaccessreviews", &[]),
    outside("authorization.k8s.io", "selfsubjectrulesreviews", &[]),
    outside("authorization.k8s.io", "subjectaccessreviews", &[]),
    inside("autoscaling", "horizontalpodautoscalers", STATUS),
    inside("batch", "cronjobs", STATUS),
    inside("batch", "jobs", STATUS),
    outside(CERTIFICATES, "certificatesigningrequests", &["approval", "status"]),
    outside(CERTIFICATES, "clustertrustbundles", &[]),
    inside(CERTIFICATES, "podcertificaterequests", STATUS),
    inside("coordination.k8s.io", "leasecandidates", &[]),
    inside("coordination.k8s.io", "leases", &[]),
    inside("discovery.k8s.io", "endpointslices", &[]),
    inside("events.k8s.io", "events", &[]),
    outside(FLOW, "flowschemas", STATUS),
    outside(FLOW, "prioritylevelconfigurations", STATUS),
    outside("internal.apiserver.k8s.io", "storageversions", STATUS),
    outside("metrics.k8s.io", "nodes", &[]),
    inside("metrics.k8s.io", "pods", &[]),
    outside(NETWORKING, "ingressclasses", &[]),
    inside(NETWORKING, "ingresses", STATUS),
    outside(NETWORKING, "ipaddresses", &[]),
    inside(NETWORKING, "networkpolicies", &[]),
    outside(NETWORKING, "servicecidrs", STATUS),
    outside("node.k8s.io", "runtimeclasses", &[]),
    inside("policy", "poddisruptionbudgets", STATUS),
    outside(RBAC, "clusterrolebindings", &[]),
    outside(RBAC, "clusterroles", &[]),
    inside(RBAC, "rolebindings", &[]),
    inside(RBAC, "roles", &[]),
    outside(DEVICES, "deviceclasses", &[]),
    outside(DEVICES, "devicetaintrules", STATUS),
    inside(DEVICES, "resourceclaims", STATUS),
    inside(DEVICES, "resourceclaimtemplates", &[]),
    outside(DEVICES, "resourceslices", &[]),
    outside("scheduling.k8s.io", "priorityclasses", &[]),
    inside("scheduling.k8s.io", "workloads", &[]),
    outside(STORAGE, "csidrivers", &[]),
    outside(STORAGE, "csinodes", &[]),
    inside(STORAGE, "csistoragecapacities", &[]),
    outside(STORAGE, "storageclasses", &[]),
    outside(STORAGE, "volumeattachments", STATUS),
    outside(STORAGE, "volumeattributesclasses", &[]),
    outside("storagemigration.k8s.io", "storageversionmigrations", STATUS),
];

/// The resource of that group.
pub fn find(group: &str, name: &str) -> Option<&'static Resource> {
    RESOURCES.iter().find(|resource| resource.group == group && resource.name == name)
}

/// The groups that serve a resource of that name. Metrics are not meant where pods and nodes are.
pub fn groups_of(name: &str) -> impl Iterator<Item = &'static str> {
    let meant = move |resource: &&Resource| resource.name == name && resource.group != "metrics.k8s.io";
    RESOURCES.iter().filter(meant).map(|resource| resource.group)
}

/// The groups that a rule means: the one it names, or those that serve the resource; none when nobody knows.
pub fn groups_meant(kind: &Kind) -> Vec<&str> {
    match &kind.group {
        Some(group) => vec![group],
        None => groups_of(&kind.resource).collect(),
    }
}

/// All groups, each once.
pub fn groups() -> Vec<&'static str> {
    let mut groups: Vec<_> = RESOURCES.iter().map(|resource| resource.group).collect();
    groups.dedup();
    groups
}

/// The verbs with which a subresource is asked for, or, with an empty one, the resource itself.
pub fn verbs_of(subresource: &str) -> &'static [&'static str] {
    match subresource {
        "exec" | "attach" | "portforward" => &["get", "create"],
        "log" => &["get"],
        "token" | "eviction" | "binding" => &["create"],
        "status" | "scale" | "approval" | "finalize" | "ephemeralcontainers" | "resize" => &["get", "update", "patch"],
        "proxy" => &["get", "create", "update", "patch", "delete"],
        _ => &VERBS,
    }
}

/// Whether a request goes on after its answer has begun, so that `ResponseStarted` is logged of it.
pub fn is_long_running(verb: &str, subresource: &str) -> bool {
    matches!(verb, "watch" | "proxy") || matches!(subresource, "attach" | "exec" | "proxy" | "log" | "portforward")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_so_that_groups_stand_together() {
        let keys: Vec<_> = RESOURCES.iter().map(|resource| (resource.group, resource.name)).collect();
        assert!(keys.is_sorted(), "{keys:#?}");
        assert!(RESOURCES.iter().all(|resource| resource.subresources.is_sorted()));
    }
}
