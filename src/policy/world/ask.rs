//! What may be asked for.

use std::collections::BTreeSet;
use std::fmt;

use crate::detect::needs::Kind;
use crate::policy::api::{self, METHODS, RESOURCES, VERBS};
use crate::policy::{Policy, Target, Word};

// These stand for every word that the policy does not name.
const GROUP: &str = "another.example";
const RESOURCE: &str = "another-resource";
const SUBRESOURCE: &str = "another-subresource";
const NAMESPACE: &str = "another-namespace";
const NAME: &str = "another-name";
const PATH: &str = "another-path";

/// Paths that every API server answers.
const PATHS: [&str; 14] = [
    "/",
    "/api",
    "/api/v1",
    "/apis",
    "/apis/apps/v1",
    "/version",
    "/healthz",
    "/livez",
    "/readyz",
    "/metrics",
    "/logs/",
    "/openapi/v2",
    "/openid/v1/jwks",
    "/.well-known/openid-configuration",
];

/// A request but for who makes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// The verb.
    pub verb: &'static str,
    /// What for.
    pub thing: Thing,
    /// The API server serves that verb for it; otherwise it answers 405, and logs that too.
    pub served: bool,
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Thing {
    /// A resource.
    Resource {
        /// The group.
        group: String,
        /// The resource.
        resource: String,
        /// The subresource.
        subresource: String,
        /// The namespace.
        namespace: String,
        /// The name.
        name: String,
    },
    /// A path that is no resource.
    Path(String),
}

impl Ask {
    /// As the simulator wants it.
    pub fn target(&self) -> Target<'_> {
        match &self.thing {
            Thing::Path(path) => Target::Path(path),
            Thing::Resource { group, resource, subresource, namespace, name } => {
                Target::Resource { group, resource, subresource, namespace, name }
            }
        }
    }

    /// Whether `ResponseStarted` is logged of it.
    pub fn is_long_running(&self) -> bool {
        match &self.thing {
            Thing::Resource { subresource, .. } => api::is_long_running(self.verb, subresource),
            Thing::Path(path) => path.starts_with("/debug/pprof/"),
        }
    }

    /// Whether it asks for health or version only.
    pub fn is_health(&self) -> bool {
        let roots = ["/healthz", "/livez", "/readyz", "/version"];
        let under = |path: &str, root: &&str| {
            path.strip_prefix(*root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        matches!(&self.thing, Thing::Path(path) if self.verb == "get" && roots.iter().any(|root| under(path, root)))
    }
}

impl fmt::Display for Ask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.verb, self.thing)
    }
}

impl fmt::Display for Thing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (group, resource, subresource, namespace, name) = match self {
            Self::Path(path) if path == &format!("/{PATH}") => return f.write_str("any other path"),
            Self::Path(path) => return f.write_str(&path.replace(PATH, "*")),
            Self::Resource { group, resource, subresource, namespace, name } => {
                (group.as_str(), resource.as_str(), subresource.as_str(), namespace.as_str(), name.as_str())
            }
        };
        f.write_str(if resource == RESOURCE { "other resources" } else { resource })?;
        match subresource {
            "" => {}
            SUBRESOURCE => f.write_str("/*")?,
            subresource => write!(f, "/{subresource}")?,
        }
        match group {
            "" => {}
            GROUP => f.write_str(" of other groups")?,
            group => write!(f, " of {group}")?,
        }
        if !matches!(name, "" | NAME | NAMESPACE) {
            write!(f, " `{name}`")?;
        }
        if !matches!(namespace, "" | NAMESPACE) && namespace != name {
            write!(f, " in {namespace}")?;
        }
        Ok(())
    }
}

/// Everything that `policy` can tell apart, and the resources in `kinds`; at most `most`.
pub fn asks(policy: &Policy, kinds: &[Kind], most: usize) -> Vec<Ask> {
    let words = |list: Vec<&Word>, other: &str| -> BTreeSet<String> {
        list.into_iter()
            .map(|word| word.text.clone())
            .filter(|text| !text.is_empty())
            .chain([other.to_owned()])
            .collect()
    };
    let namespaces = words(policy.rules.iter().flat_map(|rule| &rule.namespaces).collect(), NAMESPACE);
    let entries = || policy.rules.iter().flat_map(|rule| &rule.resources);
    let names = words(entries().flat_map(|entry| &entry.names).collect(), NAME);
    let mut all = Vec::new();
    for path in paths(policy) {
        all.extend(METHODS.map(|verb| Ask { verb, thing: Thing::Path(path.clone()), served: true }));
    }
    for (group, resource, subresource) in resources(policy, kinds) {
        for verb in VERBS {
            for (namespace, name) in places(&group, &resource, &subresource, verb, &namespaces, &names) {
                if all.len() >= most {
                    return all;
                }
                let (group, resource, subresource) = (group.clone(), resource.clone(), subresource.clone());
                let served = api::verbs_of(&subresource).contains(&verb);
                let thing = Thing::Resource { group, resource, subresource, namespace, name };
                all.push(Ask { verb, thing, served });
            }
        }
    }
    all
}

fn paths(policy: &Policy) -> BTreeSet<String> {
    let mut paths: BTreeSet<String> = PATHS.iter().map(ToString::to_string).collect();
    paths.insert(format!("/{PATH}"));
    for word in policy.rules.iter().flat_map(|rule| &rule.paths) {
        match word.text.strip_suffix('*') {
            None => _ = paths.insert(word.text.clone()),
            Some(prefix) if prefix.starts_with('/') => {
                paths.insert(prefix.to_owned());
                paths.insert(format!("{prefix}{PATH}"));
            }
            Some(_) => {}
        }
    }
    paths
}

type Triple = (String, String, String);

fn resources(policy: &Policy, kinds: &[Kind]) -> BTreeSet<Triple> {
    let triple = |group: &str, resource: &str, subresource: &str| {
        (group.to_owned(), resource.to_owned(), subresource.to_owned())
    };
    let mut all = BTreeSet::from([triple(GROUP, RESOURCE, "")]);
    for known in RESOURCES {
        all.insert(triple(known.group, known.name, ""));
        all.extend(known.subresources.iter().map(|subresource| triple(known.group, known.name, subresource)));
    }
    for entry in policy.rules.iter().flat_map(|rule| &rule.resources) {
        let group = if entry.group.text == "*" { GROUP } else { &entry.group.text };
        all.insert(triple(group, RESOURCE, ""));
        for word in &entry.resources {
            all.insert(match word.text.split_once('/') {
                None if word.text == "*" => triple(group, RESOURCE, SUBRESOURCE),
                None => triple(group, &word.text, ""),
                Some(("*", "*")) => continue,
                Some(("*", subresource)) => triple(group, RESOURCE, subresource),
                Some((resource, "*")) => triple(group, resource, SUBRESOURCE),
                Some((resource, subresource)) => triple(group, resource, subresource),
            });
        }
    }
    for kind in kinds {
        let groups = api::groups_meant(kind);
        let groups = if groups.is_empty() { vec![GROUP] } else { groups };
        all.extend(groups.iter().map(|group| triple(group, &kind.resource, kind.subresource.as_deref().unwrap_or(""))));
    }
    all
}

/// Namespaces and names that a request with that verb may have.
fn places(
    group: &str,
    resource: &str,
    subresource: &str,
    verb: &str,
    namespaces: &BTreeSet<String>,
    names: &BTreeSet<String>,
) -> Vec<(String, String)> {
    let nameless = [String::new()];
    let names: Vec<&String> = match verb {
        "deletecollection" => nameless.iter().collect(),
        "create" if subresource.is_empty() => nameless.iter().collect(),
        // A list with a selector for one name carries that name.
        "list" | "watch" => nameless.iter().chain(names).collect(),
        _ => names.iter().collect(),
    };
    // A Namespace object is in the namespace of its own name.
    if (group, resource) == ("", "namespaces") {
        let named = names.into_iter().filter(|name| !name.is_empty() && *name != NAME);
        let nameless = (String::new(), String::new());
        let own = namespaces.iter().chain(named).map(|name| (name.clone(), name.clone()));
        return if matches!(verb, "create" | "deletecollection") {
            vec![nameless]
        } else {
            own.chain([nameless]).collect()
        };
    }
    let known = api::find(group, resource);
    let mut spaces: Vec<&str> = Vec::new();
    if known.is_none_or(|known| known.namespaced) {
        spaces.extend(namespaces.iter().map(String::as_str));
    }
    if known.is_none_or(|known| !known.namespaced) || matches!(verb, "list" | "watch") {
        spaces.push("");
    }
    let pairs = spaces.iter().flat_map(|space| names.iter().map(move |name| ((*space).to_owned(), (*name).clone())));
    pairs.collect()
}
