//! `request.*` and `exec.*`: what was asked, and what came of it.

use crate::enrich::document::Document;
use crate::enrich::facts::Facts;
use crate::enrich::field::table::{Entry, Kind, Whence, row};
use crate::enrich::field::value::{See, Value};
use crate::enrich::request::{
    Action, Outcome, RbacGrant, Scope, duration_ms, impersonation_denied, is_dry_run, is_long_running,
};

const EFFECTS: &[&str] = &[
    "read",
    "write",
    "exec",
    "attach",
    "portforward",
    "proxy",
    "log",
    "mint-token",
    "approve-certificate",
    "evict",
    "ask-own-rights",
    "other",
];

/// A part of what RBAC says allowed the request.
fn granted(facts: &Facts<'_, '_>, part: impl Fn(RbacGrant<'_>) -> &str, see: See<'_>) -> bool {
    let Some(reason) = facts.event.annotation("authorization.k8s.io/reason") else { return false };
    RbacGrant::parse(&reason.decode()).is_some_and(|grant| see(Value::Text(part(grant))))
}

pub(super) fn rows() -> Vec<Entry> {
    let mut rows = facts();
    rows.extend(uri());
    rows.extend(exec());
    rows
}

fn facts() -> Vec<Entry> {
    use Kind::{Flag, Number, Text};
    use Whence::Fact;
    vec![
        row("request.action", Text, "exec", "what the request does, whatever its verb: a server-side apply that created is a create, an exec by WebSocket an exec",
            Fact(|facts, _, see| see(Value::Text(facts.action().word())))).of(&Action::WORDS),
        row("request.effect", Text, "write", "what that comes to for what is asked about, as coarse as may be: get, list and watch read; create, update, patch and delete write",
            Fact(|facts, _, see| see(Value::Text(facts.action().effect())))).of(EFFECTS),
        row("request.outcome", Text, "success", "what came of it: denied is a missing right, rejected an unacceptable request; unknown until it is said, and when the client went away before any answer",
            Fact(|facts, _, see| see(Value::Text(facts.outcome().word()))))
            .of(&Outcome::WORDS),
        row("request.scope", Text, "cluster", "how much it names: one object, a namespace, all of the cluster (every namespace, or a kind that has none), or a path that is no resource",
            Fact(|facts, _, see| see(Value::Text(Scope::of(facts.event, facts.object()).word()))))
            .of(&["object", "namespace", "cluster", "path"]),
        row("request.dry_run", Flag, "true", "it only asks what would happen",
            Fact(|facts, _, see| see(Value::Bool(is_dry_run(facts.event))))),
        row("request.long_running", Flag, "true", "a watch, exec, attach, port-forward, proxy or log: it may run for hours",
            Fact(|facts, _, see| see(Value::Bool(is_long_running(facts.event, facts.object()))))),
        row("request.duration_ms", Number, "35", "milliseconds from receipt to this stage",
            Fact(|facts, _, see| duration_ms(facts.event).is_some_and(|millis| see(Value::Number(&millis.to_string()))))),
        row("request.impersonation_denied", Flag, "true", "refused before authorization, as a forbidden impersonation is; the log shows no `impersonatedUser` then",
            Fact(|facts, _, see| see(Value::Bool(impersonation_denied(facts.event))))),
        row("request.allowed_by.binding", Text, "cluster-admin", "the binding that RBAC says allowed the request",
            Fact(|facts, _, see| granted(facts, |grant| grant.binding, see))),
        row("request.allowed_by.role", Text, "cluster-admin", "the role that RBAC says allowed the request",
            Fact(|facts, _, see| granted(facts, |grant| grant.role, see))),
        row("request.allowed_by.subject", Text, "oidc:admins", "the subject of that binding",
            Fact(|facts, _, see| granted(facts, |grant| grant.subject, see))),
    ]
}

fn uri() -> Vec<Entry> {
    use Kind::{Map, Text, Texts};
    let uri = Whence::Document(Document::Uri);
    vec![
        row("request.resource", Text, "pods/exec", "resource and subresource in one", uri),
        row(
            "request.path",
            Text,
            "/api/v1/secrets",
            "the path, percent-decoded, without double slashes and dot segments",
            uri,
        ),
        row(
            "request.path_tricks",
            Texts,
            "dot-segments",
            "what the path as sent has that no honest client writes",
            uri,
        )
        .of(&["dot-segments", "double-slash", "encoded-slash", "control-character", "backslash"]),
        row(
            "request.proxy_path",
            Text,
            "/exec/kube-system/etcd/etcd",
            "the path behind `/proxy`, as the node, pod or service gets it",
            uri,
        ),
        row("request.query", Map, "fieldSelector: metadata.name=db", "the query's parameters, percent-decoded", uri),
    ]
}

fn exec() -> Vec<Entry> {
    use Kind::{Flag, Text, Texts};
    let exec = Whence::Document(Document::Exec);
    vec![
        row("exec.command", Texts, "/bin/sh", "the command, argument by argument, percent-decoded; at most 256", exec),
        row("exec.line", Text, "/bin/sh -c id", "the command in one line", exec),
        row("exec.program", Text, "sh", "the first argument without its folders", exec),
        row("exec.container", Text, "app", "the container", exec),
        row("exec.tty", Flag, "true", "with a terminal", exec),
        row("exec.stdin", Flag, "true", "with an input: what is typed is not logged", exec),
    ]
}
