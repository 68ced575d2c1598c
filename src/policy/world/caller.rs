//! Those who may ask.

use std::collections::BTreeSet;

use crate::policy::Policy;

const AUTHENTICATED: &str = "system:authenticated";
const SERVICE_ACCOUNTS: &str = "system:serviceaccounts";
const ACCOUNT: &str = "system:serviceaccount:";

/// One who may ask.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Caller {
    /// The user; nobody when authentication failed.
    pub name: Option<String>,
    /// The groups.
    pub groups: Vec<String>,
    /// Whom it stands for, for sentences.
    pub shown: String,
}

impl Caller {
    fn new(name: &str, groups: Vec<String>, shown: &str) -> Self {
        Self { name: Some(name.to_owned()), groups, shown: shown.to_owned() }
    }

    /// Whether it came without credentials and was let in.
    pub fn is_anonymous(&self) -> bool {
        self.name.as_deref() == Some("system:anonymous")
    }

    /// Whether it is a service account.
    pub fn is_service_account(&self) -> bool {
        self.name.as_deref().is_some_and(|name| name.starts_with(ACCOUNT))
    }
}

/// Everybody whom `policy` can tell apart.
pub fn callers(policy: &Policy) -> Vec<Caller> {
    let mut all = cast();
    let mut seen: BTreeSet<_> = all.iter().map(|caller| (caller.name.clone(), caller.groups.clone())).collect();
    let mut add = |caller: Caller| {
        if seen.insert((caller.name.clone(), caller.groups.clone())) {
            all.push(caller);
        }
    };
    for rule in &policy.rules {
        for user in &rule.users {
            add(Caller::new(&user.text, groups_of(&user.text), &user.text));
            for group in &rule.groups {
                let mut groups = groups_of(&user.text);
                groups.push(group.text.clone());
                groups.dedup();
                add(Caller::new(&user.text, groups, &format!("{} in {}", user.text, group.text)));
            }
        }
        for group in &rule.groups {
            add(member(&group.text));
        }
    }
    all
}

/// Those who are in every cluster.
fn cast() -> Vec<Caller> {
    let named = |name: &str, shown: &str| Caller::new(name, groups_of(name), shown);
    vec![
        named("another-person", "people"),
        Caller::new(
            "another-admin",
            vec!["system:masters".to_owned(), AUTHENTICATED.to_owned()],
            "cluster administrators",
        ),
        named("system:serviceaccount:another-namespace:another-account", "service accounts"),
        named("system:serviceaccount:kube-system:another-account", "service accounts of kube-system"),
        named("system:node:another-node", "nodes"),
        named("system:kube-controller-manager", "system:kube-controller-manager"),
        named("system:kube-scheduler", "system:kube-scheduler"),
        named("system:apiserver", "system:apiserver"),
        named("system:anonymous", "anonymous callers"),
        Caller { name: None, groups: Vec::new(), shown: "callers whose authentication failed".to_owned() },
    ]
}

/// The groups that the API server gives to a user of that name.
fn groups_of(user: &str) -> Vec<String> {
    let mut groups: Vec<String> = Vec::new();
    if user == "system:anonymous" {
        return vec!["system:unauthenticated".to_owned()];
    }
    if let Some((namespace, _)) = user.strip_prefix(ACCOUNT).and_then(|rest| rest.split_once(':')) {
        groups.push(SERVICE_ACCOUNTS.to_owned());
        groups.push(format!("{SERVICE_ACCOUNTS}:{namespace}"));
    }
    if user.starts_with("system:node:") {
        groups.push("system:nodes".to_owned());
    }
    if user == "system:apiserver" {
        groups.push("system:masters".to_owned());
    }
    groups.push(AUTHENTICATED.to_owned());
    groups
}

/// One of a group.
fn member(group: &str) -> Caller {
    let shown = format!("members of {group}");
    match group.strip_prefix("system:serviceaccounts:") {
        Some(namespace) => {
            let name = format!("{ACCOUNT}{namespace}:another-account");
            Caller::new(&name, groups_of(&name), &shown)
        }
        None => Caller::new("another-member", vec![group.to_owned(), AUTHENTICATED.to_owned()], &shown),
    }
}
