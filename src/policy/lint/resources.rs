//! Resources that are written in a way that matches nothing, or something else.

use std::collections::BTreeSet;

use super::Lint;
use crate::policy::api::{self, RESOURCES, RETIRED_GROUPS};
use crate::policy::{GroupResources, Word};
use crate::yaml::nearest;

pub(super) fn look(lint: &mut Lint<'_>) {
    let mut told = BTreeSet::new();
    for entry in lint.policy.rules.iter().flat_map(|rule| &rule.resources) {
        let group = entry.group.text.as_str();
        if RETIRED_GROUPS.contains(&group) {
            // Policies name all groups in several rules; once is enough.
            if !told.insert(group) {
                continue;
            }
            let message =
                format!("no supported Kubernetes serves the group `{group}` any more: this entry matches nothing");
            lint.note(entry.group.at, "retired-group", message, "take it out, or keep it for clusters that old");
            continue;
        }
        let known = api::groups().contains(&group);
        if !known && group != "*" {
            unknown_group(lint, entry);
        }
        for word in &entry.resources {
            match word.text.split_once('/') {
                Some(("*", "*")) => lint.warn(
                    word.at,
                    "matches-nothing",
                    "`*/*` matches nothing",
                    "write `*`, which matches every resource and subresource, or leave `resources` out",
                ),
                _ if known => spelling(lint, group, word),
                _ => {}
            }
        }
    }
}

/// A group that no cluster serves by itself may be one of somebody's own.
fn unknown_group(lint: &mut Lint<'_>, entry: &GroupResources) {
    let group = &entry.group;
    let groups: Vec<&str> = api::groups().into_iter().filter(|group| !group.is_empty()).collect();
    let short = groups.iter().find(|known| known.split('.').next() == Some(group.text.as_str()));
    let close =
        || nearest(&group.text, &groups).filter(|_| !group.text.contains(".io") || group.text.ends_with("k8s.io"));
    if let Some(meant) = short.copied().or_else(close) {
        let message = format!("no cluster serves a group `{}` by itself", group.text);
        lint.warn(group.at, "group-spelling", message, format!("did you mean `{meant}`?"));
    }
}

fn spelling(lint: &mut Lint<'_>, group: &str, word: &Word) {
    let (resource, subresource) = word.text.split_once('/').unwrap_or((&word.text, ""));
    if resource == "*" {
        return;
    }
    let shown = if group.is_empty() { "the core group".to_owned() } else { format!("`{group}`") };
    let Some(known) = api::find(group, resource) else {
        let message = format!("there is no `{resource}` in {shown}: this matches nothing");
        return lint.warn(word.at, "resource-spelling", message, meant(group, resource));
    };
    if matches!(subresource, "" | "*") || known.subresources.contains(&subresource) {
        return;
    }
    let message = format!("`{resource}` has no subresource `{subresource}`: this matches nothing");
    let advice = match (nearest(subresource, known.subresources), known.subresources) {
        (Some(close), _) => format!("did you mean `{resource}/{close}`?"),
        (None, []) => format!("it has none; write `{resource}`"),
        (None, all) => format!("it has {}", all.join(", ")),
    };
    lint.warn(word.at, "resource-spelling", message, advice);
}

/// What a resource that the group does not serve was probably meant to be.
fn meant(group: &str, resource: &str) -> String {
    if resource == "tokenrequests" {
        return "token requests are `serviceaccounts/token` in the core group".to_owned();
    }
    let elsewhere: Vec<_> = api::groups_of(resource).map(|group| format!("`{group}`")).collect();
    if !elsewhere.is_empty() {
        return format!("it is in the group {}", elsewhere.join(" and ").replace("``", "`\"\"`"));
    }
    if let Some(owner) = RESOURCES.iter().find(|known| known.group == group && known.subresources.contains(&resource)) {
        return format!("it is a subresource: write `{}/{resource}`", owner.name);
    }
    let names: Vec<_> = RESOURCES.iter().filter(|known| known.group == group).map(|known| known.name).collect();
    match nearest(resource, &names) {
        Some(name) => format!("did you mean `{name}`? Resources are written in lower case and plural"),
        None => "look it up with `kubectl api-resources`; resources are written in lower case and plural".to_owned(),
    }
}
