//! One subject of a binding: who is given the role.

use std::borrow::Cow;

use crate::enrich::actor::{ADMIN_GROUP, Kind, NODES_GROUP, actor_kind};
use crate::enrich::facts::Facts;
use crate::event::Raw;

use super::super::json::Object;
use super::super::read::{take, text};

/// One subject of a binding.
#[derive(Debug)]
pub(super) struct Subject<'a> {
    kind: Cow<'a, str>,
    name: Cow<'a, str>,
    namespace: Cow<'a, str>,
    /// Who it is, in a word.
    pub(super) who: &'static str,
    /// It is the one who writes the binding, or a group of his that not everybody is in.
    pub(super) is_actor: bool,
    /// It is a service account of another namespace than the binding's.
    pub(super) is_elsewhere: bool,
}

impl<'a> Subject<'a> {
    pub(super) fn of(raw: Raw<'a>, facts: &Facts<'_, '_>) -> Self {
        let [kind, name, namespace] =
            take(raw, ["kind", "name", "namespace"]).map(|part| text(part).unwrap_or_default());
        let (account_namespace, account) = match actor_kind(&name, &[]) {
            _ if kind == "ServiceAccount" => (&*namespace, &*name),
            Kind::ServiceAccount { namespace, name } if kind == "User" => (namespace, name),
            _ => ("", ""),
        };
        let who = if account.is_empty() { who(&kind, &name) } else { who_of_account(account) };
        let user = &facts.who.user;
        let is_actor = match (user.kind(), &*kind) {
            (_, "Group") => !EVERYBODY.contains(&&*name) && user.groups.iter().any(|group| *group == name),
            (Kind::ServiceAccount { namespace, name }, _) => (namespace, name) == (account_namespace, account),
            _ => kind == "User" && !name.is_empty() && *name == user.name,
        };
        let own = facts.object().namespace;
        let is_elsewhere = !account.is_empty() && !own.is_empty() && own != *account_namespace;
        Self { who, is_actor, is_elsewhere, kind, name, namespace }
    }

    pub(super) fn describe(&self) -> Object {
        let mut subject = Object::default();
        subject.text("kind", &self.kind);
        subject.text("name", &self.name);
        if !self.namespace.is_empty() {
            subject.text("namespace", &self.namespace);
        }
        subject.text("who", self.who);
        subject
    }
}

/// Groups that all callers are in, or all service accounts.
const EVERYBODY: [&str; 3] = ["system:authenticated", "system:unauthenticated", "system:serviceaccounts"];

fn who_of_account(name: &str) -> &'static str {
    if name == "default" { "default-service-account" } else { "service-account" }
}

fn who(kind: &str, name: &str) -> &'static str {
    match (kind, name) {
        ("Group", "system:unauthenticated") => "unauthenticated",
        ("Group", "system:authenticated") => "authenticated",
        ("Group", "system:serviceaccounts") => "all-service-accounts",
        ("Group", ADMIN_GROUP) => "masters",
        ("Group", NODES_GROUP) => "nodes",
        ("Group", name) if name.starts_with("system:serviceaccounts:") => "namespace-service-accounts",
        ("Group", _) => "group",
        (_, name) => match actor_kind(name, &[]) {
            Kind::Anonymous => "anonymous",
            Kind::Node { .. } => "node",
            Kind::ControlPlane => "control-plane",
            _ => "user",
        },
    }
}
