//! `webhook.*`, `policy.*`, `service.*` and `ingress.*`: what protects the cluster, and what opens it.

use crate::enrich::document::Document;
use crate::event::Level;

use super::{Entry, Kind, below};

pub(super) fn rows() -> Vec<Entry> {
    let mut rows = below(Document::Webhook, Level::Request, webhook());
    rows.extend(below(Document::Policy, Level::Request, policy()));
    rows.extend(below(Document::Service, Level::Request, service()));
    rows.extend(below(Document::Ingress, Level::Request, ingress()));
    for entry in &mut rows {
        match entry.name {
            "webhook.kind" => entry.values = &["validating", "mutating"],
            "policy.kind" => entry.values = &["pod-security", "network", "admission", "webhook", "exception", "quota"],
            "policy.weakens" => {
                entry.values = &[
                    "removed",
                    "pod-security-privileged",
                    "pod-security-removed",
                    "open-ingress",
                    "open-egress",
                    "fails-open",
                    "only-warns",
                    "exception",
                ];
            }
            "service.from" | "ingress.from" => entry.values = &["request", "patch", "response"],
            _ => {}
        }
        if ["webhook.kind", "webhook.removed", "policy.kind", "policy.removed", "policy.failed_open"]
            .contains(&entry.name)
        {
            entry.level = Level::Metadata;
        }
    }
    rows
}

type Rows = Vec<(&'static str, Kind, &'static str, &'static str)>;

fn webhook() -> Rows {
    use Kind::{Flag, Number, Objects, Text, Texts};
    vec![
        ("webhook.kind", Text, "mutating", "which kind of admission webhook it is"),
        ("webhook.removed", Flag, "true", "it is deleted"),
        ("webhook.external", Flag, "true", "any of its hooks is a URL and not a service of the cluster"),
        ("webhook.fails_open", Flag, "true", "any of its hooks lets through what it cannot be asked about"),
        ("webhook.catches_all", Flag, "true", "any of its hooks is asked about every resource of every group"),
        (
            "webhook.only_certificate",
            Flag,
            "true",
            "a patch that writes nothing but the certificate to trust, as renewals do",
        ),
        ("webhook.hooks", Objects, "catches_all: true", "its hooks; an array block looks at one at a time"),
        ("webhook.hooks.name", Text, "pods.example.com", "the hook's name"),
        ("webhook.hooks.url", Text, "https://example.com/x", "the URL it is asked at"),
        ("webhook.hooks.host", Text, "example.com", "the URL's host"),
        ("webhook.hooks.service", Text, "policy/hook", "namespace and name of the service it is asked at"),
        ("webhook.hooks.failure_policy", Text, "Ignore", "`Fail` or `Ignore`; the API server's default is `Fail`"),
        ("webhook.hooks.operations", Texts, "CREATE", "the operations it is asked about"),
        ("webhook.hooks.groups", Texts, "apps", "the API groups it is asked about"),
        ("webhook.hooks.resources", Texts, "pods", "the resources it is asked about"),
        ("webhook.hooks.catches_all", Flag, "true", "it is asked about every resource of every group"),
        ("webhook.hooks.selects_namespaces", Flag, "true", "it is asked about some namespaces only"),
        ("webhook.hooks.selects_objects", Flag, "true", "it is asked about objects with some labels only"),
        ("webhook.hooks.has_conditions", Flag, "true", "it is asked under further conditions only"),
        ("webhook.hooks.timeout_seconds", Number, "30", "how long it may take, seconds"),
    ]
}

fn policy() -> Rows {
    use Kind::{Flag, Text, Texts};
    vec![
        (
            "policy.kind",
            Text,
            "network",
            "what kind of protection is written or deleted: Pod Security labels of a namespace, network policies, admission policies (Kubernetes', Gatekeeper's, Kyverno's) and their bindings, webhooks, exceptions, quotas and disruption budgets",
        ),
        ("policy.removed", Flag, "true", "it is deleted"),
        ("policy.weakens", Texts, "pod-security-removed", "how it protects less now, as far as the request shows"),
        ("policy.enforce", Text, "privileged", "the Pod Security level that is enforced"),
        ("policy.audit", Text, "restricted", "the Pod Security level that is noted"),
        ("policy.warn", Text, "restricted", "the Pod Security level that is warned about"),
        ("policy.actions", Texts, "Audit", "what an admission policy does"),
        ("policy.failure_policy", Text, "Ignore", "what an admission policy does when it fails"),
        (
            "policy.failed_open",
            Texts,
            "pods.example.com",
            "webhooks that could not be asked about this request, and were passed over",
        ),
    ]
}

fn service() -> Rows {
    use Kind::{Flag, Map, Numbers, Text, Texts};
    vec![
        (
            "service.from",
            Text,
            "request",
            "where it was found: in the body, in a patch (what it writes only), or in the answer, which shows the whole of what a patch changed",
        ),
        ("service.type", Text, "NodePort", "`ClusterIP`, `NodePort`, `LoadBalancer` or `ExternalName`"),
        ("service.external_ips", Texts, "192.0.2.1", "addresses outside that the cluster takes for the service's"),
        ("service.ports", Numbers, "443", "its ports"),
        ("service.node_ports", Numbers, "30443", "the ports it has on every node, where they are chosen or shown"),
        ("service.internal", Flag, "true", "an annotation keeps its load balancer inside"),
        ("service.load_balancer", Texts, "192.0.2.1", "addresses that a status request says its load balancer has"),
        ("service.load_balancer_ip", Text, "192.0.2.1", "the address asked for"),
        ("service.external_name", Text, "db.example.com", "the name it stands for"),
        ("service.selector", Map, "app: web", "the labels of its pods"),
    ]
}

fn ingress() -> Rows {
    use Kind::{Flag, Text, Texts};
    vec![
        (
            "ingress.from",
            Text,
            "request",
            "where it was found: in the body, in a patch (what it writes only), or in the answer, which shows the whole of what a patch changed",
        ),
        ("ingress.hosts", Texts, "shop.example.com", "the hosts of an Ingress or a Gateway route"),
        ("ingress.tls", Flag, "false", "an Ingress has a certificate"),
        ("ingress.class", Text, "nginx", "the class of an Ingress"),
        ("ingress.services", Texts, "dashboard", "the services that an Ingress leads to"),
        (
            "ingress.snippets",
            Texts,
            "nginx.ingress.kubernetes.io/server-snippet",
            "annotations that put text into the proxy's configuration",
        ),
    ]
}
