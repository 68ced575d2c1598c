//! What having a rule means.

use std::collections::BTreeSet;

/// A power: its word, and the verbs, API group and resources that give it. Any verb on any of the resources will do.
pub(super) struct Power {
    pub(super) word: &'static str,
    pub(super) verbs: &'static [&'static str],
    pub(super) group: &'static str,
    pub(super) resources: &'static [&'static str],
}

const READ: &[&str] = &["get", "list", "watch"];
const WRITE: &[&str] = &["create", "update", "patch"];
const CHANGE: &[&str] = &["create", "update", "patch", "delete", "deletecollection"];
const CONNECT: &[&str] = &["get", "create"];
const RBAC: &str = "rbac.authorization.k8s.io";
const CERTIFICATES: &str = "certificates.k8s.io";
const ADMISSION: &str = "admissionregistration.k8s.io";
const IDENTITIES: &[&str] = &["users", "groups", "serviceaccounts", "userextras", "uids"];

const fn power(
    word: &'static str,
    verbs: &'static [&'static str],
    group: &'static str,
    resources: &'static [&'static str],
) -> Power {
    Power { word, verbs, group, resources }
}

/// The powers that are worth a word.
pub(super) const POWERS: &[Power] = &[
    power("read-secrets", READ, "", &["secrets"]),
    power("write-secrets", CHANGE, "", &["secrets"]),
    power("exec", CONNECT, "", &["pods/exec"]),
    power("attach", CONNECT, "", &["pods/attach"]),
    power("port-forward", CONNECT, "", &["pods/portforward"]),
    power("ephemeral-containers", &["update", "patch"], "", &["pods/ephemeralcontainers"]),
    power("proxy-nodes", &["get", "create", "update", "patch", "delete"], "", &["nodes/proxy"]),
    power("proxy-pods", CONNECT, "", &["pods/proxy", "services/proxy"]),
    power("create-pods", &["create"], "", &["pods"]),
    power("write-workloads", WRITE, "", &["replicationcontrollers"]),
    power("write-workloads", WRITE, "apps", &["deployments", "daemonsets", "statefulsets", "replicasets"]),
    power("write-workloads", WRITE, "batch", &["jobs", "cronjobs"]),
    power("write-nodes", &["update", "patch"], "", &["nodes", "nodes/status"]),
    power("write-volumes", WRITE, "", &["persistentvolumes"]),
    power("delete-events", &["delete", "deletecollection"], "", &["events"]),
    power("mint-tokens", &["create"], "", &["serviceaccounts/token"]),
    power("impersonate", &["impersonate"], "", IDENTITIES),
    power("impersonate", &["impersonate"], "authentication.k8s.io", IDENTITIES),
    power("escalate", &["escalate"], RBAC, &["roles", "clusterroles"]),
    power("bind", &["bind"], RBAC, &["roles", "clusterroles"]),
    power("write-rbac", WRITE, RBAC, &["roles", "clusterroles", "rolebindings", "clusterrolebindings"]),
    power("approve-certificates", &["update", "patch"], CERTIFICATES, &["certificatesigningrequests/approval"]),
    power("approve-certificates", &["approve"], CERTIFICATES, &["signers"]),
    power("sign-certificates", &["update", "patch"], CERTIFICATES, &["certificatesigningrequests/status"]),
    power("sign-certificates", &["sign"], CERTIFICATES, &["signers"]),
    power("write-webhooks", CHANGE, ADMISSION, &["validatingwebhookconfigurations", "mutatingwebhookconfigurations"]),
    power(
        "write-admission-policies",
        CHANGE,
        ADMISSION,
        &[
            "validatingadmissionpolicies",
            "validatingadmissionpolicybindings",
            "mutatingadmissionpolicies",
            "mutatingadmissionpolicybindings",
        ],
    ),
    power("write-api-services", WRITE, "apiregistration.k8s.io", &["apiservices"]),
];

/// What the cluster roles give that every cluster has.
pub(super) fn of_known_role(name: &str) -> &'static [&'static str] {
    match name {
        "cluster-admin" => &["everything"],
        "admin" => &[
            "attach",
            "create-pods",
            "exec",
            "impersonate",
            "mint-tokens",
            "port-forward",
            "proxy-pods",
            "read-secrets",
            "write-rbac",
            "write-secrets",
            "write-workloads",
        ],
        "edit" => &[
            "attach",
            "create-pods",
            "exec",
            "impersonate",
            "mint-tokens",
            "port-forward",
            "proxy-pods",
            "read-secrets",
            "write-secrets",
            "write-workloads",
        ],
        _ => &[],
    }
}

/// Each word once.
pub(super) fn union(words: impl Iterator<Item = &'static str>) -> BTreeSet<&'static str> {
    words.collect()
}
