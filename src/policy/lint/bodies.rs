//! Credentials that are written into the log.

use std::collections::BTreeMap;

use super::Lint;
use crate::policy::Level;
use crate::policy::world::{Ask, Thing};

/// Resources whose bodies hold credentials: group, resource, subresource.
pub const SENSITIVE: [(&str, &str, &str); 8] = [
    ("", "secrets", ""),
    ("", "configmaps", ""),
    ("", "serviceaccounts", "token"),
    ("authentication.k8s.io", "tokenreviews", ""),
    ("oauth.openshift.io", "oauthaccesstokens", ""),
    ("oauth.openshift.io", "oauthauthorizetokens", ""),
    ("oauth.openshift.io", "oauthclients", ""),
    ("route.openshift.io", "routes", ""),
];

pub(super) fn look(lint: &mut Lint<'_>) {
    let mut found: BTreeMap<(Option<usize>, Level), Vec<String>> = BTreeMap::new();
    lint.world.walk(
        |_| true,
        |ask| ask.served && is_sensitive(ask),
        |case| {
            for ask in case.asks.iter().filter(|ask| case.level >= reveals_from(ask.verb)) {
                let Thing::Resource { resource, subresource, .. } = &ask.thing else { continue };
                let shown = if subresource.is_empty() { resource.clone() } else { format!("{resource}/{subresource}") };
                let shown =
                    found.entry((case.rule, case.level)).or_default().iter().all(|had| *had != shown).then_some(shown);
                found.entry((case.rule, case.level)).or_default().extend(shown);
            }
        },
    );
    for ((rule, level), resources) in found {
        let Some(at) = lint.place(rule) else { continue };
        let message = format!("at `{level}` this rule writes the contents of {} into the log", resources.join(", "));
        let advice = "put a rule before it that logs them at `Metadata`; see `gatecrier generate audit-policy`";
        lint.warn(at, "logged-credentials", message, advice);
    }
}

fn is_sensitive(ask: &Ask) -> bool {
    let Thing::Resource { group, resource, subresource, .. } = &ask.thing else { return false };
    SENSITIVE.contains(&(group.as_str(), resource.as_str(), subresource.as_str()))
}

/// The level from which a request's events hold the object.
fn reveals_from(verb: &str) -> Level {
    match verb {
        "create" | "update" | "patch" => Level::Request,
        _ => Level::RequestResponse,
    }
}
