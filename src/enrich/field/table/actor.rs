//! `actor.*`: who asked, and as whom.

use crate::enrich::actor::{Kind as ActorKind, User};
use crate::enrich::facts::Facts;
use crate::enrich::field::table::{Entry, Kind, Whence, row};
use crate::enrich::field::value::{See, Value};
use crate::enrich::tool;

const KINDS: &[&str] = &[
    "anonymous",
    "unauthenticated",
    "service-account",
    "node",
    "control-plane",
    "bootstrap-token",
    "human",
    "unknown",
];

fn text(text: Option<&str>, see: See<'_>) -> bool {
    text.is_some_and(|text| see(Value::Text(text)))
}

/// The user acted as, read when a rule asks: few requests have one.
fn impersonated(facts: &Facts<'_, '_>) -> Option<User> {
    facts.event.impersonated_user().map(|raw| User::parse(raw.bytes()))
}

fn namespace<'f>(facts: &'f Facts<'_, '_>) -> Option<&'f str> {
    match facts.who.user.kind() {
        ActorKind::ServiceAccount { namespace, .. } => Some(namespace),
        _ => None,
    }
}

fn credential_kind(user: &User) -> Option<&'static str> {
    let id = user.credential_id.as_deref()?;
    Some(if id.starts_with("X509SHA256=") {
        "certificate"
    } else if id.starts_with("JTI=") {
        "token"
    } else {
        "other"
    })
}

/// Whether a service account names a namespace that is not its own.
fn crosses_namespace(facts: &Facts<'_, '_>) -> Option<bool> {
    let object = facts.object();
    (!object.namespace.is_empty()).then(|| namespace(facts).map(|own| object.namespace != *own))?
}

pub(super) fn rows() -> Vec<Entry> {
    use Kind::{Flag, Text, Texts};
    use Whence::Fact;
    vec![
        row(
            "actor.kind",
            Text,
            "service-account",
            "what kind of actor asked",
            Fact(|facts, _, see| text(Some(facts.who.user.kind().word()), see)),
        )
        .of(KINDS),
        row(
            "actor.name",
            Text,
            "alice",
            "the user name; missing when the API server knew none",
            Fact(|facts, _, see| {
                text(Some(&facts.who.user.name).filter(|name| !name.is_empty()).map(|name| &**name), see)
            }),
        ),
        row(
            "actor.service_account",
            Text,
            "deployer",
            "the name of a service account, without its namespace",
            Fact(|facts, _, see| match facts.who.user.kind() {
                ActorKind::ServiceAccount { name, .. } => see(Value::Text(name)),
                _ => false,
            }),
        ),
        row(
            "actor.namespace",
            Text,
            "ci",
            "the namespace of a service account",
            Fact(|facts, _, see| text(namespace(facts), see)),
        ),
        row(
            "actor.crosses_namespace",
            Flag,
            "true",
            "a service account asks about a namespace that is not its own; missing for others and for requests without a namespace",
            Fact(|facts, _, see| crosses_namespace(facts).is_some_and(|crosses| see(Value::Bool(crosses)))),
        ),
        row(
            "actor.groups",
            Texts,
            "system:masters",
            "the groups, at most 64 and the two that matter most",
            Fact(|facts, _, see| facts.who.user.groups.iter().any(|group| see(Value::Text(group)))),
        ),
        row(
            "actor.admin",
            Flag,
            "true",
            "the actor is in `system:masters`, which passes every authorization",
            Fact(|facts, _, see| see(Value::Bool(facts.who.user.admin))),
        ),
        row(
            "actor.credential",
            Text,
            "JTI=3f0c…",
            "the id of the credential used: of a token, or of a certificate (from Kubernetes 1.32 on)",
            Fact(|facts, _, see| text(facts.who.user.credential_id.as_deref(), see)),
        ),
        row(
            "actor.credential_kind",
            Text,
            "certificate",
            "what kind of credential has that id",
            Fact(|facts, _, see| text(credential_kind(&facts.who.user), see)),
        )
        .of(&["token", "certificate", "other"]),
        row(
            "actor.pod",
            Text,
            "web-7d9f",
            "the pod that a service account's token was made for",
            Fact(|facts, _, see| text(facts.who.user.pod_name.as_deref(), see)),
        ),
        row(
            "actor.node",
            Text,
            "node-1",
            "the node of that pod; of a kubelet its own",
            Fact(|facts, _, see| match facts.who.user.kind() {
                ActorKind::Node { name } => see(Value::Text(name)),
                _ => text(facts.who.user.node_name.as_deref(), see),
            }),
        ),
        row(
            "actor.impersonated",
            Text,
            "system:admin",
            "the name of the user acted as; missing without impersonation and when it was denied",
            Fact(|facts, _, see| impersonated(facts).is_some_and(|user| see(Value::Text(&user.name)))),
        ),
        row(
            "actor.impersonated_kind",
            Text,
            "human",
            "what kind of actor the user acted as is",
            Fact(|facts, _, see| impersonated(facts).is_some_and(|user| see(Value::Text(user.kind().word())))),
        )
        .of(KINDS),
        row(
            "actor.impersonated_groups",
            Texts,
            "system:masters",
            "the groups of the user acted as",
            Fact(|facts, _, see| {
                impersonated(facts).is_some_and(|user| user.groups.iter().any(|group| see(Value::Text(group))))
            }),
        ),
        row(
            "actor.impersonated_admin",
            Flag,
            "true",
            "the user acted as is in `system:masters`; missing without impersonation",
            Fact(|facts, _, see| impersonated(facts).is_some_and(|user| see(Value::Bool(user.admin)))),
        ),
        row(
            "actor.tool",
            Text,
            "kubectl",
            "the program that the user agent names, in lower case; the client writes it, so it is no proof",
            Fact(|facts, _, see| {
                let name = tool::name(&facts.event.user_agent().decode());
                !name.is_empty() && see(Value::Text(&name))
            }),
        ),
        row(
            "actor.tool_version",
            Text,
            "v1.36.3",
            "the version that the user agent names",
            Fact(|facts, _, see| text(tool::version(&facts.event.user_agent().decode()), see)),
        ),
        row(
            "actor.tool_interactive",
            Flag,
            "true",
            "the user agent names a program that people type into or scripts are made with, such as kubectl, k9s, curl, or a library's default; missing without a user agent",
            Fact(|facts, _, see| {
                let name = tool::name(&facts.event.user_agent().decode());
                !name.is_empty() && see(Value::Bool(tool::is_interactive(&name)))
            }),
        ),
    ]
}
