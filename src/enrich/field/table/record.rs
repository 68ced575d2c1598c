//! What the audit event itself says, by its own names: the schema of `audit.k8s.io/v1`.

use crate::enrich::field::table::{Entry, Kind, Whence, row};
use crate::event::{Level, Raw};

pub(super) fn rows() -> Vec<Entry> {
    [whole(), user(), object(), bodies()].into_iter().flatten().collect()
}

fn whole() -> Vec<Entry> {
    use Kind::{Map, Text, Texts, Time};
    use Whence::{Part, Record};
    vec![
        row("kind", Text, "Event", "always `Event`; missing in the items of a list", Record),
        row(
            "apiVersion",
            Text,
            "audit.k8s.io/v1",
            "the schema; missing in the items of a list",
            Whence::Text(|facts| facts.event.api_version),
        ),
        row("level", Text, "Metadata", "how much was logged", Whence::Text(|facts| facts.event.level)).of(&[
            "Metadata",
            "Request",
            "RequestResponse",
        ]),
        row(
            "auditID",
            Text,
            "6f3d5d3e-…",
            "id of the request; the client may choose it",
            Whence::Text(|facts| facts.event.audit_id()),
        ),
        row(
            "stage",
            Text,
            "ResponseComplete",
            "the stage of the request at which the event was written",
            Whence::Text(|facts| facts.event.stage),
        )
        .of(&["RequestReceived", "ResponseStarted", "ResponseComplete", "Panic"]),
        row(
            "requestURI",
            Text,
            "/api/v1/secrets?limit=500",
            "path and query as sent; see `request.path` and `request.query`",
            Whence::Text(|facts| facts.event.request_uri()),
        ),
        row(
            "verb",
            Text,
            "create",
            "the verb as logged; see `request.action` for what it means",
            Whence::Text(|facts| facts.event.verb()),
        ),
        row(
            "sourceIPs",
            Texts,
            "203.0.113.7",
            "the addresses the request came through; all but the last are the client's word, so use `client.*`",
            Part(|facts| facts.event.source_ips()),
        ),
        row(
            "userAgent",
            Text,
            "kubectl/v1.36.3",
            "what the client calls itself",
            Whence::Text(|facts| facts.event.user_agent()),
        ),
        row(
            "requestReceivedTimestamp",
            Time,
            "2026-11-22T12:21:52.577015Z",
            "when the server received the request",
            Whence::Text(|facts| facts.event.received),
        ),
        row(
            "stageTimestamp",
            Time,
            "2026-11-22T12:21:52.612847Z",
            "when the stage was reached",
            Whence::Text(|facts| facts.event.stage_time),
        ),
        row(
            "annotations",
            Map,
            "authorization.k8s.io/decision: allow",
            "what the server's parts noted; keys as they are, dots and all",
            Part(|facts| facts.event.annotations),
        ),
        row(
            "authenticationMetadata.impersonationConstraint",
            Text,
            "impersonate:user-info",
            "the verb that allowed a constrained impersonation (from Kubernetes 1.35 on)",
            Record,
        ),
        row("metadata.creationTimestamp", Time, "2018-10-25T13:00:01Z", "only in the older schemas", Record),
        row("timestamp", Time, "2018-10-25T13:00:01Z", "only in the older schemas", Record),
    ]
}

fn user() -> Vec<Entry> {
    use Kind::{Map, Object, Text, Texts};
    let user = Whence::Part(|facts| facts.event.user());
    let acted_as = Whence::Part(|facts| facts.event.impersonated_user().unwrap_or_default());
    vec![
        row("user", Object, "username: alice", "who was authenticated; empty when nobody was", user),
        row("user.username", Text, "alice", "the user name", user),
        row("user.uid", Text, "4c2a…", "the unique id", user),
        row("user.groups", Texts, "system:authenticated", "the groups", user),
        row(
            "user.extra",
            Map,
            "authentication.kubernetes.io/pod-name: web-7d9f",
            "what else the authenticator knew",
            user,
        ),
        row("impersonatedUser", Object, "username: admin", "the user acted as", acted_as),
        row("impersonatedUser.username", Text, "admin", "the name of the user acted as", acted_as),
        row("impersonatedUser.uid", Text, "4c2a…", "the unique id of the user acted as", acted_as),
        row("impersonatedUser.groups", Texts, "system:masters", "the groups of the user acted as", acted_as),
        row("impersonatedUser.extra", Map, "scopes: view", "what else was asked to be", acted_as),
    ]
}

fn object() -> Vec<Entry> {
    use Kind::{Map, Number, Object, Objects, Text};
    let object = Whence::Part(|facts| facts.event.object_ref);
    let found = |text| Whence::TextIn(|facts| facts.event.object_ref, text);
    let status = Whence::Part(|facts| facts.event.response_status().unwrap_or_default());
    vec![
        row(
            "objectRef",
            Object,
            "resource: pods",
            "what the request names; missing for paths that are no resource",
            object,
        ),
        row("objectRef.resource", Text, "secrets", "the resource, in plural", found(|facts| facts.object().resource)),
        row("objectRef.subresource", Text, "exec", "the subresource", found(|facts| facts.object().subresource)),
        row(
            "objectRef.namespace",
            Text,
            "web",
            "the namespace; of a Namespace its own name",
            found(|facts| facts.object().namespace),
        ),
        row(
            "objectRef.name",
            Text,
            "db-password",
            "the object's name; missing on a create that lets the server choose",
            found(|facts| facts.object().name),
        ),
        row(
            "objectRef.apiGroup",
            Text,
            "rbac.authorization.k8s.io",
            "the API group; missing for the core group",
            found(|facts| facts.object().api_group),
        ),
        row("objectRef.apiVersion", Text, "v1", "the version of the API group", object),
        row("objectRef.uid", Text, "0a5e…", "the object's unique id", object),
        row("objectRef.resourceVersion", Text, "40712", "the object's version", object),
        row("responseStatus", Object, "code: 403", "the answer's status; missing at RequestReceived", status),
        row("responseStatus.code", Number, "403", "the HTTP status code", status),
        row("responseStatus.status", Text, "Failure", "`Failure`, or missing on most successes", status),
        row("responseStatus.reason", Text, "Forbidden", "the reason in a word; the client can suppress it", status),
        row(
            "responseStatus.message",
            Text,
            "pods is forbidden: …",
            "the reason in a sentence; the client can suppress it",
            status,
        ),
        row("responseStatus.metadata", Map, "continue: eyJ2…", "of a list its position", status),
        row("responseStatus.details", Object, "name: web", "what the failure was about", status),
        row("responseStatus.details.name", Text, "web", "the object's name", status),
        row("responseStatus.details.group", Text, "apps", "the API group", status),
        row("responseStatus.details.kind", Text, "deployments", "the resource", status),
        row("responseStatus.details.uid", Text, "0a5e…", "the object's unique id", status),
        row("responseStatus.details.retryAfterSeconds", Number, "5", "when to try again, seconds", status),
        row("responseStatus.details.causes", Objects, "reason: FieldValueInvalid", "each fault", status),
        row("responseStatus.details.causes.reason", Text, "FieldValueInvalid", "the fault in a word", status),
        row("responseStatus.details.causes.message", Text, "Invalid value: …", "the fault in a sentence", status),
        row("responseStatus.details.causes.field", Text, "spec.containers[0].image", "the faulty field", status),
    ]
}

fn bodies() -> Vec<Entry> {
    let request = Whence::Part(|facts| facts.event.request_object().unwrap_or(Raw::new(b"")));
    let response = Whence::Part(|facts| facts.event.response_object().unwrap_or(Raw::new(b"")));
    vec![
        row("requestObject", Kind::Body, "spec.replicas: 0", "the request's body as sent: an object, or a patch in its own form; see `workload.*`, `grant.*` and `body.object`", request).at(Level::Request),
        row("responseObject", Kind::Body, "status.phase: Running", "the answer's body", response).at(Level::RequestResponse),
    ]
}
