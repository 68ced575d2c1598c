//! What a role or a binding gives, and to whom. Each rule of a role is judged by itself: the verbs of one rule say
//! nothing about the resources of another.

use crate::enrich::facts::Facts;
use crate::event::Raw;

use super::json::Object;
use super::read::take;
use super::writes;
use super::written::{Form, Found};

mod power;
mod rule;
mod subject;

use rule::Rule;
use subject::Subject;

const GROUP: &str = "rbac.authorization.k8s.io";

pub(super) fn document(facts: &Facts<'_, '_>) -> Option<Vec<u8>> {
    let object = facts.object();
    if object.api_group != GROUP || !object.subresource.is_empty() || !writes(facts) {
        return None;
    }
    let mut grant = Object::default();
    match &*object.resource.decode() {
        "roles" => role(facts, "Role", &mut grant),
        "clusterroles" => role(facts, "ClusterRole", &mut grant),
        "rolebindings" => binding(facts, "RoleBinding", &mut grant),
        "clusterrolebindings" => binding(facts, "ClusterRoleBinding", &mut grant),
        _ => return None,
    }
    Some(grant.finish())
}

/// Whether there is a body to go on with.
fn begin(found: Found<'_>, kind: &str, grant: &mut Object) -> bool {
    grant.text("kind", kind);
    grant.flag("cluster_wide", kind.starts_with("Cluster"));
    let is_there = !found.object.bytes().is_empty();
    if is_there {
        grant.text("from", found.from);
    }
    is_there
}

fn role(facts: &Facts<'_, '_>, kind: &str, grant: &mut Object) {
    let written = facts.written();
    let found = written.whole(|patch| patch.get("rules").is_some() || patch.get("aggregationRule").is_some());
    if !begin(found, kind, grant) {
        return;
    }
    let [metadata, rules, aggregation] = take(found.object, ["metadata", "rules", "aggregationRule"]);
    // A JSON patch may write a verb and not say of which resources.
    let in_pieces = written.form == Form::JsonPatch && found.from == "patch";
    let rules: Vec<_> = super::read::items(rules).map(|raw| Rule::of(raw, in_pieces)).collect();
    grant.texts("powers", power::union(rules.iter().flat_map(Rule::powers)));
    grant.objects("rules", rules.iter().map(Rule::describe));
    grant.texts(
        "aggregates_to",
        aggregates_to(metadata.and_then(|metadata| metadata.get("labels")).unwrap_or_default()),
    );
    grant.flag("aggregates", aggregation.is_some());
}

/// The roles that take in this one's rules, by its labels.
fn aggregates_to(labels: Raw<'_>) -> Vec<String> {
    let set = labels.members().filter(|(_, value)| value.text().is_some_and(|value| value == "true"));
    let roles = set
        .filter_map(|(key, _)| key.decode().strip_prefix("rbac.authorization.k8s.io/aggregate-to-").map(str::to_owned));
    roles.collect()
}

fn binding(facts: &Facts<'_, '_>, kind: &str, grant: &mut Object) {
    let written = facts.written();
    let found = written.whole(|patch| patch.get("subjects").is_some() || patch.get("roleRef").is_some());
    if !begin(found, kind, grant) {
        return;
    }
    let [role, subjects] = take(found.object, ["roleRef", "subjects"]);
    if let Some(role) = role {
        let [kind, name] = take(role, ["kind", "name"]).map(super::read::text);
        let known = kind.as_deref() == Some("ClusterRole");
        let powers = name.as_deref().filter(|_| known).map_or(&[][..], power::of_known_role);
        grant.texts("powers", powers);
        let mut role = Object::default();
        role.maybe("kind", kind);
        role.maybe("name", name);
        grant.object("role", role);
    }
    // What a patch adds, and not who was there before.
    let added = written.object().get("subjects").filter(|list| list.items().any(|item| item.get("name").is_some()));
    let subjects: Vec<_> = super::read::items(added.or(subjects)).map(|raw| Subject::of(raw, facts)).collect();
    grant.texts("to", power::union(subjects.iter().map(|subject| subject.who)));
    grant.flag("to_self", subjects.iter().any(|subject| subject.is_actor));
    grant.flag("to_other_namespace", subjects.iter().any(|subject| subject.is_elsewhere));
    grant.objects("subjects", subjects.iter().map(Subject::describe));
}
