//! `grant.*`, `token.*` and `csr.*`: rights and credentials that are given.

use crate::enrich::document::Document;
use crate::event::Level;

use super::{Entry, Kind, below};

const POWERS: &[&str] = &[
    "everything",
    "wildcard-verbs",
    "wildcard-groups",
    "wildcard-resources",
    "all-urls",
    "read-secrets",
    "write-secrets",
    "named-secrets",
    "exec",
    "attach",
    "port-forward",
    "ephemeral-containers",
    "proxy-nodes",
    "proxy-pods",
    "create-pods",
    "write-workloads",
    "write-nodes",
    "write-volumes",
    "delete-events",
    "mint-tokens",
    "impersonate",
    "escalate",
    "bind",
    "write-rbac",
    "approve-certificates",
    "sign-certificates",
    "write-webhooks",
    "write-admission-policies",
    "write-api-services",
];

const WHO: &[&str] = &[
    "anonymous",
    "unauthenticated",
    "authenticated",
    "masters",
    "all-service-accounts",
    "namespace-service-accounts",
    "default-service-account",
    "service-account",
    "nodes",
    "node",
    "control-plane",
    "group",
    "user",
];

pub(super) fn rows() -> Vec<Entry> {
    let mut rows = below(Document::Grant, Level::Request, grant());
    rows.extend(below(Document::Token, Level::Request, token()));
    rows.extend(below(Document::Csr, Level::Request, csr()));
    for entry in &mut rows {
        match entry.name {
            "grant.kind" => entry.values = &["Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding"],
            "grant.from" => entry.values = &["request", "patch", "response"],
            "grant.powers" | "grant.rules.powers" => entry.values = POWERS,
            "grant.to" | "grant.subjects.who" => entry.values = WHO,
            "csr.decision" => entry.values = &["approved", "denied", "failed"],
            "csr.grants" => entry.values = &["masters", "nodes", "system-user"],
            _ => {}
        }
        let at_metadata = [
            "grant.kind",
            "grant.cluster_wide",
            "token.name",
            "token.namespace",
            "token.issued",
            "token.to_self",
            "token.crosses_namespace",
        ];
        if at_metadata.contains(&entry.name) {
            entry.level = Level::Metadata;
        }
    }
    rows
}

type Rows = Vec<(&'static str, Kind, &'static str, &'static str)>;

fn grant() -> Rows {
    use Kind::{Flag, Object, Objects, Text, Texts};
    vec![
        ("grant.kind", Text, "ClusterRoleBinding", "what is created, updated or patched"),
        ("grant.cluster_wide", Flag, "true", "it is of the cluster and not of a namespace"),
        (
            "grant.from",
            Text,
            "request",
            "where it was found: in the body, in a patch (what it writes only), or in the answer, which shows the whole of what a patch changed",
        ),
        (
            "grant.powers",
            Texts,
            "escalate",
            "what having the role means, each of its rules judged by itself; of a binding what `cluster-admin`, `admin` and `edit` give",
        ),
        ("grant.rules", Objects, "verbs: '*'", "the role's rules; an array block looks at one at a time"),
        ("grant.rules.verbs", Texts, "escalate", "the rule's verbs"),
        ("grant.rules.groups", Texts, "apps", "the rule's API groups"),
        ("grant.rules.resources", Texts, "pods/exec", "the rule's resources"),
        ("grant.rules.names", Texts, "db-password", "the objects that the rule is limited to"),
        ("grant.rules.urls", Texts, "/metrics", "the paths that are no resource"),
        ("grant.rules.powers", Texts, "read-secrets", "what having the rule means"),
        ("grant.aggregates_to", Texts, "admin", "the roles that take in this one's rules, by its labels"),
        ("grant.aggregates", Flag, "true", "it takes in the rules of other roles"),
        ("grant.role", Object, "name: cluster-admin", "the role that is bound"),
        ("grant.role.kind", Text, "ClusterRole", "the role's kind"),
        ("grant.role.name", Text, "cluster-admin", "the role's name; of a patch only the answer shows it"),
        ("grant.subjects", Objects, "who: anonymous", "to whom it is given; of a patch whom it adds"),
        ("grant.subjects.kind", Text, "ServiceAccount", "`User`, `Group` or `ServiceAccount`"),
        ("grant.subjects.name", Text, "default", "the subject's name"),
        ("grant.subjects.namespace", Text, "web", "the namespace of a service account"),
        ("grant.subjects.who", Text, "default-service-account", "who the subject is"),
        ("grant.to", Texts, "unauthenticated", "who the subjects are"),
        (
            "grant.to_self",
            Flag,
            "true",
            "a subject is who writes the binding, or a group of his that not everybody is in",
        ),
        (
            "grant.to_other_namespace",
            Flag,
            "true",
            "a subject is a service account of another namespace than the binding's",
        ),
    ]
}

fn token() -> Rows {
    use Kind::{Flag, Number, Object, Text, Texts};
    vec![
        ("token.name", Text, "deployer", "the service account that the token is made for"),
        ("token.namespace", Text, "ci", "its namespace"),
        (
            "token.issued",
            Text,
            "JTI=3f0c…",
            "the credential id that `actor.credential` will have when the token is used",
        ),
        ("token.to_self", Flag, "true", "a service account asks for a token of its own"),
        (
            "token.crosses_namespace",
            Flag,
            "true",
            "a service account asks for the token of one in another namespace; missing for other actors",
        ),
        ("token.audiences", Texts, "sts.amazonaws.com", "for whom it is good; none means the API server"),
        ("token.seconds", Number, "3600", "how long it is good, seconds"),
        ("token.bound", Flag, "false", "it ends with an object"),
        ("token.bound_to", Object, "kind: Pod", "the object it ends with"),
        ("token.bound_to.kind", Text, "Pod", "the object's kind"),
        ("token.bound_to.name", Text, "web-7d9f", "the object's name"),
    ]
}

fn csr() -> Rows {
    use Kind::{Flag, Number, Text, Texts};
    vec![
        ("csr.signer", Text, "kubernetes.io/kube-apiserver-client", "who is to sign"),
        ("csr.usages", Texts, "client auth", "what for"),
        ("csr.seconds", Number, "31536000", "how long the certificate is to be good, seconds"),
        ("csr.requester", Text, "alice", "who asked for the certificate"),
        (
            "csr.requester_groups",
            Texts,
            "system:authenticated",
            "the groups of who asked, once the server has noted them",
        ),
        ("csr.decision", Text, "approved", "what is decided"),
        ("csr.self_approved", Flag, "true", "who asked approves"),
        ("csr.common_name", Text, "system:admin", "the user that the certificate would name, read out of the request"),
        ("csr.organizations", Texts, "system:masters", "the groups that the certificate would name"),
        ("csr.grants", Texts, "masters", "what having the certificate means"),
    ]
}
