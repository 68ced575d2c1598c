//! Who may come only from where.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::actor::{Kind as ActorKind, User};
use super::network::{Kind as NetworkKind, Zone};

/// One of `policies:`: these identities only from these zones.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// What the policy is called in alerts.
    pub name: String,
    /// User names; a `*` at the end stands for any rest.
    pub users: Vec<String>,
    /// Groups; a `*` at the end stands for any rest.
    pub groups: Vec<String>,
    /// Names of networks.
    pub zones: Vec<String>,
}

/// The policies, written and built in.
///
/// The written ones come first; an identity that one of them names is judged by it alone. The others are judged by
/// what they are: service accounts belong to pod and node networks, kubelets to node networks, `system:masters` to
/// admin networks. Each built-in policy holds once a network of its kind is configured.
#[derive(Debug, Clone, Default)]
pub struct Policies {
    written: Vec<Config>,
    configured: BTreeSet<NetworkKind>,
}

/// The networks an identity is held to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bounds {
    /// None in particular.
    Anywhere,
    /// These, by name.
    Zones {
        /// The policies that say so.
        policy: String,
        /// Names of networks.
        zones: BTreeSet<String>,
    },
    /// Networks of these kinds.
    Kinds {
        /// What the policy is called in alerts.
        policy: &'static str,
        /// The kinds.
        kinds: &'static [NetworkKind],
    },
}

const SERVICE_ACCOUNT_KINDS: &[NetworkKind] = &[NetworkKind::Pods, NetworkKind::Nodes, NetworkKind::ControlPlane];
const NODE_KINDS: &[NetworkKind] = &[NetworkKind::Nodes, NetworkKind::ControlPlane];
const ADMIN_KINDS: &[NetworkKind] = &[NetworkKind::Admin, NetworkKind::ControlPlane];

impl Policies {
    /// From the written policies and the kinds of network that are configured.
    pub fn new(written: Vec<Config>, configured: impl IntoIterator<Item = NetworkKind>) -> Self {
        Self { written, configured: configured.into_iter().collect() }
    }

    /// The networks an identity is held to.
    pub fn bounds(&self, user: &User) -> Bounds {
        let mut naming = self.written.iter().filter(|policy| policy.names(user)).peekable();
        if naming.peek().is_some() {
            let named: Vec<_> = naming.collect();
            let zones = named.iter().flat_map(|policy| policy.zones.iter().cloned()).collect();
            let names: Vec<_> = named.iter().map(|policy| policy.name.as_str()).collect();
            return Bounds::Zones { policy: names.join(", "), zones };
        }
        let held = |needed: NetworkKind, policy, kinds| match self.configured.contains(&needed) {
            true => Bounds::Kinds { policy, kinds },
            false => Bounds::Anywhere,
        };
        match user.kind() {
            ActorKind::ServiceAccount { .. } => {
                held(NetworkKind::Pods, "service accounts from pod and node networks", SERVICE_ACCOUNT_KINDS)
            }
            ActorKind::Node { .. } => held(NetworkKind::Nodes, "nodes from node networks", NODE_KINDS),
            _ if user.admin => held(NetworkKind::Admin, "system:masters from admin networks", ADMIN_KINDS),
            _ => Bounds::Anywhere,
        }
    }
}

impl Config {
    fn names(&self, user: &User) -> bool {
        self.users.iter().any(|pattern| matches(pattern, &user.name))
            || self.groups.iter().any(|pattern| user.groups.iter().any(|group| matches(pattern, group)))
    }
}

fn matches(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => pattern == name,
    }
}

impl Bounds {
    /// The policy that an address in this zone breaks, if any. This machine itself is inside every bound but a written one.
    pub fn broken_by(&self, zone: Option<&Zone>, loopback: bool) -> Option<&str> {
        match self {
            Self::Anywhere => None,
            Self::Zones { policy, zones } => {
                (!zone.is_some_and(|zone| zones.contains(&*zone.name))).then_some(policy.as_str())
            }
            Self::Kinds { policy, kinds } => {
                (!loopback && !zone.is_some_and(|zone| kinds.contains(&zone.kind))).then_some(policy)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(name: &str, groups: &[&str]) -> User {
        let admin = groups.contains(&"system:masters");
        let groups = groups.iter().map(ToString::to_string).collect();
        User { name: name.to_owned(), groups, admin, whole: true, ..User::default() }
    }

    #[track_caller]
    fn check(policies: &Policies, user: &User, zone: &str, kind: NetworkKind, expected: Option<&str>) {
        let zone = Zone { name: zone.into(), kind };
        assert_eq!(policies.bounds(user).broken_by(Some(&zone), false), expected, "{} from {}", user.name, zone.name);
    }

    #[test]
    fn identities_are_held_to_their_networks() {
        let written = Config {
            name: "deployer".to_owned(),
            users: vec!["system:serviceaccount:ci:*".to_owned()],
            zones: vec!["ci".to_owned()],
            ..Config::default()
        };
        let policies = Policies::new(vec![written], [NetworkKind::Pods, NetworkKind::Nodes]);
        let web = user("system:serviceaccount:shop:web", &[]);
        let broken = Some("service accounts from pod and node networks");
        check(&policies, &web, "pods", NetworkKind::Pods, None);
        check(&policies, &web, "office", NetworkKind::Trusted, broken);
        check(&policies, &user("system:serviceaccount:ci:deployer", &[]), "ci", NetworkKind::Trusted, None);
        check(&policies, &user("system:serviceaccount:ci:deployer", &[]), "pods", NetworkKind::Pods, Some("deployer"));
        check(
            &policies,
            &user("system:node:n1", &["system:nodes"]),
            "pods",
            NetworkKind::Pods,
            Some("nodes from node networks"),
        );
        // No admin network is configured, so nothing can be said about administrators.
        check(&policies, &user("root", &["system:masters"]), "office", NetworkKind::Trusted, None);
        assert_eq!(policies.bounds(&web).broken_by(None, true), None);
    }
}
