//! Namespaces and names that the requests of a rule do not have.

use super::Lint;
use crate::policy::api::{self, Resource};
use crate::policy::{GroupResources, Rule};

pub(super) fn look(lint: &mut Lint<'_>) {
    for rule in &lint.policy.rules {
        for word in rule.namespaces.iter().filter(|word| word.text.contains('*')) {
            let message = format!("no namespace is called `{}`: `*` stands for nothing here", word.text);
            lint.warn(
                word.at,
                "namespace-spelling",
                message,
                "leave `namespaces` out for any; `\"\"` is what is in none",
            );
        }
        for entry in &rule.resources {
            namespaces(lint, rule, entry);
            names(lint, rule, entry);
        }
    }
}

/// Resources without namespaces under named ones, and the other way round.
fn namespaces(lint: &mut Lint<'_>, rule: &Rule, entry: &GroupResources) {
    let Some(first) = rule.namespaces.first() else { return };
    let only_none = rule.namespaces.iter().all(|word| word.text.is_empty());
    let only_named = rule.namespaces.iter().all(|word| !word.text.is_empty());
    for word in &entry.resources {
        let name = word.text.split('/').next().unwrap_or_default();
        match api::find(&entry.group.text, name) {
            // The namespace of a Namespace object is its own name.
            Some(Resource { group: "", name: "namespaces", .. }) | None => {}
            Some(known) if !known.namespaced && only_named => {
                let message =
                    format!("`{name}` are in no namespace: with `namespaces: [{}]` this matches nothing", first.text);
                lint.warn(word.at, "namespace-scope", message, "take it into a rule of its own without `namespaces`");
            }
            Some(known) if known.namespaced && only_none => {
                let message = format!(
                    "`{name}` are in namespaces: with `namespaces: [\"\"]` only lists and watches over all match"
                );
                lint.warn(word.at, "namespace-scope", message, "take `namespaces` out to match every namespace");
            }
            Some(_) => {}
        }
    }
}

/// The name of what is created is not in the URL.
fn names(lint: &mut Lint<'_>, rule: &Rule, entry: &GroupResources) {
    let Some(first) = entry.names.first() else { return };
    let nameless = |verb: &str| matches!(verb, "create" | "deletecollection");
    let subresources = entry.resources.iter().any(|word| word.text.contains('/') || word.text == "*");
    let all = !rule.verbs.is_empty() && rule.verbs.iter().all(|verb| nameless(&verb.text));
    if all && !subresources {
        let message = "requests to create, and to delete a collection, have no name: this matches nothing";
        lint.warn(first.at, "resource-names", message, "take `resourceNames` out");
    } else if rule.verbs.is_empty() || rule.verbs.iter().any(|verb| nameless(&verb.text)) {
        let message = "`resourceNames` never match creations, deletions of collections, and lists without a selector for that name";
        lint.note(first.at, "resource-names", message, "those requests go on to the next rules");
    }
}
