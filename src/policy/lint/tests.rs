//! Each mistake alone, in a policy that is right otherwise.

use super::*;
use crate::policy::parse;

/// The mistakes of a policy with these rules, in one line each.
fn told(rules: &str) -> Vec<String> {
    let text = format!("apiVersion: audit.k8s.io/v1\nkind: Policy\nomitStages: [RequestReceived]\nrules:\n{rules}");
    let outline = Outline::new(&text, "p".to_owned());
    let (policy, mistakes) = parse(&text, &outline).unwrap_or_else(|problem| panic!("{problem}"));
    assert!(mistakes.is_empty(), "{mistakes:?}");
    let found = lint(&policy, &outline).into_iter();
    found
        .map(|mistake| format!("{} {} {}", mistake.grade.word(), mistake.check, mistake.problem.in_one_line()))
        .collect()
}

/// The rules, followed by a catch-all, give this mistake and no other.
#[track_caller]
fn check(rules: &str, expected: &str) {
    let told = told(&format!("{rules}- level: Metadata\n"));
    assert_eq!(told.len(), 1, "{told:#?}");
    assert!(told[0].starts_with(expected), "\n{}\ndoes not begin with\n{expected}", told[0]);
}

#[test]
fn a_policy_without_mistakes_gives_none() {
    assert_eq!(told("- level: Metadata\n"), [""; 0]);
    let rules = "- level: None\n  users: [system:kube-proxy]\n  verbs: [watch]\n  resources: [{group: '', resources: [endpoints]}]\n";
    assert_eq!(told(&format!("{rules}- level: Metadata\n")), [""; 0]);
}

#[test]
fn resources_that_match_nothing_are_told_with_what_was_meant() {
    let entry = |entry: &str| format!("- level: Metadata\n  resources: [{{{entry}}}]\n");
    check(
        &entry("group: '', resources: [deployments]"),
        "warning resource-spelling p:6:39: there is no `deployments` in the core group: this matches nothing; it is in the group `apps`",
    );
    check(
        &entry("group: apps, resources: [deployment]"),
        "warning resource-spelling p:6:41: there is no `deployment` in `apps`: this matches nothing; did you mean `deployments`?",
    );
    check(
        &entry("group: '', resources: [exec]"),
        "warning resource-spelling p:6:39: there is no `exec` in the core group: this matches nothing; it is a subresource: write `pods/exec`",
    );
    check(
        &entry("group: '', resources: [pods/exce]"),
        "warning resource-spelling p:6:39: `pods` has no subresource `exce`: this matches nothing; did you mean `pods/exec`?",
    );
    check(
        &entry("group: rbac, resources: [roles]"),
        "warning group-spelling p:6:23: no cluster serves a group `rbac` by itself; did you mean `rbac.authorization.k8s.io`?",
    );
    check(
        &entry("group: rbac.authorisation.k8s.io"),
        "warning group-spelling p:6:23: no cluster serves a group `rbac.authorisation.k8s.io` by itself; did you mean",
    );
    check(&entry("group: apps, resources: ['*/*']"), "warning matches-nothing p:6:41: `*/*` matches nothing");
    check(
        &entry("group: extensions"),
        "note retired-group p:6:23: no supported Kubernetes serves the group `extensions`",
    );
    check(&entry("group: '*', resources: [widgets]"), "note any-group p:6:23: API servers before 1.36");
    check(
        &entry("group: apps, resources: [deployments], resourceNames: [a]"),
        "note resource-names p:6:71: `resourceNames` never match creations",
    );
}

#[test]
fn groups_of_other_people_are_left_alone() {
    for group in ["argoproj.io", "cert-manager.io", "route.openshift.io", "example.com"] {
        let rules =
            format!("- level: Metadata\n  resources: [{{group: {group}, resources: [anything]}}]\n- level: Metadata\n");
        assert_eq!(told(&rules), [""; 0], "{group}");
    }
}

#[test]
fn words_that_nobody_has_are_told() {
    let rule = |line: &str| format!("- level: Metadata\n  {line}\n");
    check(
        &rule("verbs: ['*']"),
        "warning verb-spelling p:6:11: no request has the verb `*`: this matches nothing; leave `verbs` out",
    );
    check(
        &rule("verbs: [lsit]"),
        "warning verb-spelling p:6:11: no request has the verb `lsit`: this matches nothing; did you mean `list`?",
    );
    check(&rule("verbs: [impersonate]"), "warning verb-spelling p:6:11: no request has the verb `impersonate`");
    check(&rule("users: ['system:node:*']"), "warning user-spelling p:6:11: no user is called `system:node:*`");
    check(&rule("users: ['system:masters']"), "warning user-spelling p:6:11: `system:masters` is a group");
    check(
        &rule("users: ['system:serviceaccount:default']"),
        "warning user-spelling p:6:11: `system:serviceaccount:default` is no service account's name",
    );
    check(&rule("userGroups: ['system:anonymous']"), "warning user-spelling p:6:16: `system:anonymous` is a user");
    check(&rule("namespaces: ['kube-*']"), "warning namespace-spelling p:6:16: no namespace is called `kube-*`");
    check(&rule("nonResourceURLs: ['/logs?x']"), "warning path-query p:6:21: a path is compared without its query");
    check(
        &rule("nonResourceURLs: ['/api/v1/pods']"),
        "warning path-of-resource p:6:21: `/api/v1/pods` is the path of a resource",
    );
}

#[test]
fn namespaces_that_resources_are_not_in_are_told() {
    let rule = |resource: &str, namespace: &str| {
        format!(
            "- level: Metadata\n  namespaces: ['{namespace}']\n  resources: [{{group: '', resources: [{resource}]}}]\n"
        )
    };
    check(
        &rule("nodes", "kube-system"),
        "warning namespace-scope p:7:39: `nodes` are in no namespace: with `namespaces: [kube-system]`",
    );
    check(&rule("pods", ""), "warning namespace-scope p:7:39: `pods` are in namespaces");
    let own = told(&format!("{}- level: Metadata\n", rule("namespaces", "kube-system")));
    assert_eq!(own, [""; 0], "a Namespace object is in the namespace of its own name");
}

#[test]
fn rules_that_are_never_reached_are_told_with_what_takes_their_requests() {
    let pods = |level: &str, resource: &str| {
        format!("- level: {level}\n  resources: [{{group: '', resources: ['{resource}']}}]\n")
    };
    check(
        &format!("{}{}", pods("Metadata", "pods/*"), pods("Metadata", "pods")),
        "warning unreachable p:7:3: this rule is never reached: the rule on line 5 takes all it matches; move it before that rule; note that `pods/*`",
    );
    let verbs = "- level: Metadata\n  verbs: [get, head, list, watch, options]\n- level: Metadata\n  verbs: [create, post, update, put, patch, delete, deletecollection]\n";
    check(verbs, "warning unreachable p:9:3: this rule is never reached: the rules on lines 5, 7 take all it matches");
}

#[test]
fn what_stays_unseen_is_told() {
    let none = |rest: &str| format!("- level: None\n  {rest}\n");
    check(
        &none("resources: [{group: '', resources: [pods/exec]}]"),
        "warning hidden-request p:5:3: this rule hides `get pods/exec`, which runs commands",
    );
    check(
        &none("nonResourceURLs: ['/api*']"),
        "warning hidden-discovery p:5:3: callers without credentials are not seen looking around: `get /api`, `get /api/v1`",
    );
    check(&none("users: [cleaner]"), "warning hidden-identity p:6:11: nothing that `cleaner` does is logged");
    check(
        &none("resources: [{group: '', resources: [events]}]").replace("None", "Request"),
        "note apply-with-bodies p:5:3",
    );
    check(
        "- level: Metadata\n  verbs: [get]\n  omitStages: [ResponseStarted]\n",
        "warning omits-response-started p:5:3: this rule omits `ResponseStarted`",
    );
}

#[test]
fn a_parent_does_not_cover_its_subresources() {
    let told = told("- level: Metadata\n  resources: [{group: '', resources: [pods, secrets]}]\n");
    let exec = "warning hidden-request p:6:15: `pods` does not cover `pods/exec`, which runs commands in containers and is not logged";
    assert!(told.iter().any(|line| line.starts_with(exec)), "{told:#?}");
    assert!(
        told.iter().any(|line| line.starts_with("warning no-catch-all p:5:3: no rule catches the rest")),
        "{told:#?}"
    );
}

#[test]
fn credentials_in_the_log_are_told() {
    check(
        "- level: Request\n  verbs: [create]\n",
        "warning logged-credentials p:5:3: at `Request` this rule writes the contents of configmaps, secrets, serviceaccounts/token, tokenreviews into the log",
    );
}
