//! Requests that nobody should be able to make unseen, and that leave no event under this policy.

use std::collections::BTreeMap;

use super::Lint;
use crate::policy::world::{Ask, Caller, Thing};
use crate::policy::{GroupResources, Policy, resource_matches};

/// A group, a resource, a subresource and why it matters.
type Sharp = (&'static str, &'static str, &'static str, &'static str);

/// What gives away keys, shells and rights.
const SHARP: [Sharp; 14] = [
    ("", "pods", "exec", "runs commands in containers"),
    ("", "pods", "attach", "takes over a container's terminal"),
    ("", "pods", "portforward", "reaches into the pod network"),
    ("", "pods", "ephemeralcontainers", "adds a container to a running pod"),
    ("", "pods", "proxy", "talks to pods through the API server"),
    ("", "services", "proxy", "talks to services through the API server"),
    ("", "nodes", "proxy", "talks to kubelets: that is exec on every pod of the node"),
    ("", "serviceaccounts", "token", "mints tokens"),
    ("", "secrets", "", "reads and writes credentials"),
    ("", "pods", "", "starts containers"),
    ("certificates.k8s.io", "certificatesigningrequests", "approval", "approves certificates"),
    ("rbac.authorization.k8s.io", "clusterrolebindings", "", "hands out rights"),
    ("rbac.authorization.k8s.io", "rolebindings", "", "hands out rights"),
    ("admissionregistration.k8s.io", "mutatingwebhookconfigurations", "", "puts a hand on every later request"),
];

pub(super) fn look(lint: &mut Lint<'_>) {
    if lint.policy.rules.is_empty() {
        return;
    }
    let caught = catch_all(lint);
    for sharp in &SHARP {
        sharp_request(lint, sharp, caught);
    }
    failed_authentication(lint);
    anonymous_paths(lint);
}

/// Whether what no rule names is logged all the same.
fn catch_all(lint: &mut Lint<'_>) -> bool {
    let mut missed = None;
    let person = |caller: &Caller| caller.shown == "people";
    let other = |ask: &Ask| matches!(&ask.thing, Thing::Resource { group, .. } if group == "another.example");
    lint.world.walk(person, other, |case| {
        if case.stages.is_empty() {
            missed = Some(case.rule);
        }
    });
    let Some(rule) = missed else { return true };
    let Some(at) = lint.place(rule) else { return true };
    let message = match rule {
        None => "no rule catches the rest: what no rule names, such as every custom resource, is not logged".to_owned(),
        Some(_) => "this rule logs nothing of what no other rule names, such as every custom resource".to_owned(),
    };
    lint.warn(at, "no-catch-all", message, "end the policy with `- level: Metadata`");
    false
}

/// People doing something sharp.
fn sharp_request(lint: &mut Lint<'_>, sharp: &Sharp, caught: bool) {
    let (group, resource, subresource, why) = *sharp;
    let person = |caller: &Caller| caller.shown == "people" || caller.shown == "cluster administrators";
    let is_it = |ask: &Ask| {
        ask.served
            && matches!(&ask.thing, Thing::Resource { group: g, resource: r, subresource: s, .. }
                if (g.as_str(), r.as_str(), s.as_str()) == (group, resource, subresource))
    };
    let mut hidden: BTreeMap<Option<usize>, String> = BTreeMap::new();
    lint.world.walk(person, is_it, |case| {
        if case.stages.is_empty() {
            let first = case.asks.first().map(ToString::to_string).unwrap_or_default();
            hidden.entry(case.rule).or_insert(first);
        }
    });
    for (rule, example) in hidden {
        let parent = rule.is_none().then(|| names_parent_only(lint.policy, sharp)).flatten();
        let (at, message, advice) = match (rule, parent) {
            (Some(_), _) => {
                let message = format!("this rule hides `{example}`, which {why}");
                (
                    lint.place(rule),
                    message,
                    "let it log these at `Metadata`, or put a rule that does so before it".to_owned(),
                )
            }
            (None, Some(entry)) => {
                let message =
                    format!("`{resource}` does not cover `{resource}/{subresource}`, which {why} and is not logged");
                (Some(entry.at), message, format!("add `{resource}/{subresource}`, or `{resource}/*` for all of them"))
            }
            // One word about the missing catch-all is enough.
            (None, None) if !caught => continue,
            (None, None) => {
                let message = format!("no rule logs `{example}`, which {why}");
                (lint.place(None), message, "end the policy with `- level: Metadata`".to_owned())
            }
        };
        if let Some(at) = at {
            lint.warn(at, "hidden-request", message, advice);
        }
    }
}

/// The entry that names the resource of a subresource that is named nowhere.
fn names_parent_only<'p>(policy: &'p Policy, sharp: &Sharp) -> Option<&'p GroupResources> {
    let (group, resource, subresource, _) = *sharp;
    let names = |entry: &&GroupResources| {
        let named =
            |subresource| entry.resources.iter().any(|word| resource_matches(&word.text, resource, subresource));
        entry.group.text == group && named("") && !named(subresource)
    };
    policy.rules.iter().flat_map(|rule| &rule.resources).find(names).filter(|_| !subresource.is_empty())
}

/// Somebody trying credentials.
fn failed_authentication(lint: &mut Lint<'_>) {
    let rejected = |caller: &Caller| caller.name.is_none();
    let resource = |ask: &Ask| matches!(ask.thing, Thing::Resource { .. }) && ask.served;
    let mut hidden = BTreeMap::new();
    lint.world.walk(rejected, resource, |case| {
        if case.level == crate::policy::Level::None {
            hidden.entry(case.rule).or_insert_with(|| case.asks.first().map(ToString::to_string).unwrap_or_default());
        }
    });
    for (rule, example) in hidden {
        let hides_all = rule.is_some_and(|rule| hides_all(lint, rule));
        let Some(at) = lint.place(rule).filter(|_| hides_all) else { continue };
        let message = format!("failed authentications (401) are not seen here, such as on `{example}`");
        let advice = "let rules with `level: None` name the users or groups whose requests are too many: who fails to \
                      authenticate is nobody, and such rules pass him on";
        lint.warn(at, "hidden-401", message, advice);
    }
}

/// Rules that hide some resource's noise also hide failed tries on it; that alone is no mistake.
fn hides_all(lint: &Lint<'_>, rule: usize) -> bool {
    let rule = &lint.policy.rules[rule];
    rule.resources.is_empty() && rule.namespaces.is_empty()
}

/// Somebody without credentials looking around.
fn anonymous_paths(lint: &mut Lint<'_>) {
    let stranger = |caller: &Caller| caller.name.is_none() || caller.is_anonymous();
    let look = |ask: &Ask| matches!(ask.thing, Thing::Path(_)) && ask.verb == "get" && !ask.is_health();
    let mut hidden: BTreeMap<Option<usize>, Vec<String>> = BTreeMap::new();
    lint.world.walk(stranger, look, |case| {
        if case.level == crate::policy::Level::None {
            let found = hidden.entry(case.rule).or_default();
            found.extend(case.asks.iter().map(ToString::to_string).filter(|ask| !ask.ends_with('*')));
        }
    });
    for (rule, mut examples) in hidden {
        let Some(at) = rule.and_then(|rule| lint.place(Some(rule))) else { continue };
        examples.sort();
        examples.dedup();
        examples.truncate(3);
        if examples.is_empty() {
            continue;
        }
        let message = format!("callers without credentials are not seen looking around: `{}`", examples.join("`, `"));
        let advice = "add `userGroups: [\"system:authenticated\"]` to this rule, so that it hides known callers only";
        lint.warn(at, "hidden-discovery", message, advice);
    }
}
