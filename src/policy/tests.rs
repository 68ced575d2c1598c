//! The simulator against the API server's algorithm written down a second time, and what parsing tells.

use proptest::prelude::*;

use super::*;
use crate::yaml::Outline;

fn parse_text(text: &str) -> (Policy, Vec<Mistake>) {
    parse(text, &Outline::new(text, "policy.yaml".to_owned())).unwrap_or_else(|problem| panic!("{problem}"))
}

/// The rules as people write them, with one letter words so that much of it matches.
fn rule_texts() -> impl Strategy<Value = serde_json::Value> {
    let some = |words: &'static [&'static str]| proptest::collection::vec(proptest::sample::select(words), 0..3);
    let entry = (some(&["", "g", "*"]), some(&["p", "p/x", "p/*", "*/x", "*/*", "*"]), some(&["n", "m"]));
    let entry = entry.prop_map(|(groups, resources, names)| {
        serde_json::json!({
            "group": groups.first().unwrap_or(&""), "resources": resources, "resourceNames": names,
        })
    });
    let who = (some(&["a", "b"]), some(&["h", "i"]), some(&["get", "create"]));
    let what = (proptest::collection::vec(entry, 0..3), some(&["", "d"]), some(&["/q", "/q*", "*"]));
    let how = (proptest::sample::select(&["None", "Metadata", "Request"][..]), some(&["Panic", "RequestReceived"]));
    (who, what, how, proptest::option::of(any::<bool>())).prop_map(|(who, what, how, managed)| {
        serde_json::json!({
            "level": how.0, "omitStages": how.1, "omitManagedFields": managed,
            "users": who.0, "userGroups": who.1, "verbs": who.2,
            "resources": what.0, "namespaces": what.1, "nonResourceURLs": what.2,
        })
    })
}

#[derive(Debug, Clone)]
struct Asked {
    user: Option<&'static str>,
    groups: Vec<&'static str>,
    verb: &'static str,
    resource: bool,
    /// Group, resource, subresource, namespace, name.
    parts: [&'static str; 5],
    path: &'static str,
}

fn asked() -> impl Strategy<Value = Asked> {
    use proptest::sample::select;
    let parts = (select(&["", "g"][..]), select(&["p", "o"][..]), select(&["", "x", "y"][..]));
    let place = (select(&["", "d", "e"][..]), select(&["", "n", "k"][..]));
    let user = proptest::option::of(select(&["a", "b", "c"][..]));
    let groups = proptest::collection::vec(select(&["h", "i", "j"][..]), 0..2);
    let verb = select(&["get", "create", "list"][..]);
    let path = select(&["/q", "/q/r", "/", "/z"][..]);
    (user, groups, verb, any::<bool>(), parts, place, path).prop_map(|(user, groups, verb, resource, p, q, path)| {
        Asked {
            groups: if user.is_some() { groups } else { Vec::new() },
            user,
            verb,
            resource,
            parts: [p.0, p.1, p.2, q.0, q.1],
            path,
        }
    })
}

/// The server's algorithm over JSON: joined strings instead of parts.
fn expected(rules: &[serde_json::Value], asked: &Asked) -> Option<usize> {
    rules.iter().position(|rule| {
        let list = |value: &serde_json::Value, key: &str| -> Vec<String> {
            value[key].as_array().unwrap().iter().map(|word| word.as_str().unwrap_or_default().to_owned()).collect()
        };
        let has = |words: &[String], word: &str| words.iter().any(|each| each == word);
        let (users, groups, verbs) = (list(rule, "users"), list(rule, "userGroups"), list(rule, "verbs"));
        if !users.is_empty() && !asked.user.is_some_and(|user| has(&users, user))
            || !groups.is_empty() && !asked.groups.iter().any(|group| has(&groups, group))
            || !verbs.is_empty() && !has(&verbs, asked.verb)
        {
            return false;
        }
        let (entries, namespaces) = (rule["resources"].as_array().unwrap(), list(rule, "namespaces"));
        let paths = list(rule, "nonResourceURLs");
        if entries.is_empty() && namespaces.is_empty() {
            let path = |spec: &String| {
                spec == "*"
                    || spec == asked.path
                    || spec.ends_with('*') && asked.path.starts_with(&spec[..spec.len() - 1])
            };
            return paths.is_empty() || !asked.resource && paths.iter().any(path);
        }
        let [group, resource, sub, namespace, name] = asked.parts;
        let joined = if sub.is_empty() { resource.to_owned() } else { format!("{resource}/{sub}") };
        let entry = |entry: &serde_json::Value| {
            let (resources, names) = (list(entry, "resources"), list(entry, "resourceNames"));
            let one = |written: &String| {
                *written == joined
                    || written == "*"
                    || !sub.is_empty() && *written == format!("*/{sub}")
                    || *written == format!("{resource}/*")
            };
            (entry["group"] == group || entry["group"] == "*")
                && (resources.is_empty() || (names.is_empty() || has(&names, name)) && resources.iter().any(one))
        };
        asked.resource
            && (namespaces.is_empty() || has(&namespaces, namespace))
            && (entries.is_empty() || entries.iter().any(entry))
    })
}

proptest! {
    #[test]
    fn the_simulator_decides_as_the_api_server(
        rules in proptest::collection::vec(rule_texts(), 1..6),
        asked in proptest::collection::vec(asked(), 20),
        managed in any::<bool>(),
    ) {
        let text = serde_json::json!({
            "apiVersion": "audit.k8s.io/v1", "kind": "Policy", "rules": rules,
            "omitManagedFields": managed, "omitStages": ["ResponseStarted"],
        });
        let (policy, _) = parse_text(&text.to_string());
        for asked in asked {
            let [group, resource, subresource, namespace, name] = asked.parts;
            let target = match asked.resource {
                true => Target::Resource { group, resource, subresource, namespace, name },
                false => Target::Path(asked.path),
            };
            let decision = policy.decide(&Request { user: asked.user, groups: &asked.groups, verb: asked.verb, target });
            let rule = expected(&rules, &asked);
            prop_assert_eq!(decision.rule, rule, "{:?}", asked);
            let Some(rule) = rule.map(|rule| &rules[rule]) else {
                prop_assert_eq!(decision.level, Level::None);
                continue;
            };
            prop_assert_eq!(decision.level.word(), rule["level"].as_str().unwrap());
            prop_assert_eq!(decision.omit_managed_fields, rule["omitManagedFields"].as_bool().unwrap_or(managed));
            for stage in STAGES {
                let own = rule["omitStages"].as_array().unwrap().iter().any(|word| word == stage.word());
                prop_assert_eq!(decision.omit_stages.contains(stage), own || stage == Stage::ResponseStarted);
            }
        }
    }
}

/// A policy with one mistake gives exactly that one, where it stands.
#[track_caller]
fn check(rules: &str, expected: &str) {
    let text = format!("apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n{rules}");
    let (_, mistakes) = parse_text(&text);
    let told: Vec<_> = mistakes.iter().map(|mistake| mistake.problem.in_one_line()).collect();
    assert_eq!(told.len(), 1, "{told:#?}");
    assert!(told[0].starts_with(&format!("policy.yaml:{expected}")), "`{}` does not begin with `{expected}`", told[0]);
}

#[test]
fn what_the_api_server_refuses_or_passes_over_is_told_with_its_place() {
    check(
        "- level: Metdata\n",
        "4:10: there is no level `Metdata`: the API server does not start; did you mean `Metadata`",
    );
    check("- users: [a]\n", "4:3: this rule has no `level`");
    check("- level: None\n  userGroup: [a]\n", "5:3: unknown key `userGroup`");
    check("- level: None\n  users: bob\n", "5:10: `users` is a text");
    check("- level: None\n  users: [7]\n", "5:11: a value of `users` is a number");
    check("- level: None\n  omitStages: [ResponseStart]\n", "5:16: there is no stage `ResponseStart`");
    check("- level: None\n  omitManagedFields: perhaps\n", "5:22: `omitManagedFields` is a text");
    check("- level: None\n  nonResourceURLs: [healthz]\n", "5:21: the path `healthz` does not begin with `/`");
    check("- level: None\n  nonResourceURLs: ['/a*b']\n", "5:21: `*` may only be the last character");
    check("- level: None\n  nonResourceURLs: [/a]\n  namespaces: [b]\n", "5:21: one rule cannot be about");
    check("- level: None\n  resources: [{group: apps/v1}]\n", "5:23: `apps/v1` is no API group");
    check(
        "- level: None\n  resources: [{group: '', resourceNames: [a]}]\n",
        "5:43: `resourceNames` without `resources`",
    );
    check("- level: None\n  resources: [pods]\n", "5:15: an entry of `resources` is a text");
    check("- Metadata\n- level: None\n", "4:3: a rule is a text");
    check("  []\n", "3:1: there are no rules");
}

#[test]
fn the_header_is_told_when_it_is_not_a_policys() {
    let (_, mistakes) = parse_text("apiVersion: audit.k8s.io/v1beta1\nkind: policy\nrules: [{level: None}]\n");
    let told: Vec<_> = mistakes.iter().map(|mistake| mistake.problem.in_one_line()).collect();
    assert_eq!(
        told,
        [
            "policy.yaml:1:13: `apiVersion` is `audit.k8s.io/v1beta1`, which no API server since 1.24 reads; write \
             `apiVersion: audit.k8s.io/v1`",
            "policy.yaml:2:7: `kind` is `policy`; write `kind: Policy`",
        ]
    );
}

#[test]
fn what_is_no_map_is_one_mistake() {
    for text in ["- level: None\n", "Metadata\n", "rules: [\n"] {
        assert!(parse(text, &Outline::new(text, "policy.yaml".to_owned())).is_err(), "{text}");
    }
}
