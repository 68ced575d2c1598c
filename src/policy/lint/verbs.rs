//! Verbs that no request has.

use super::Lint;
use crate::policy::Rule;
use crate::policy::api::{METHODS, VERBS};
use crate::yaml::nearest;

/// Verbs of RBAC that are asked about and never sent.
const RIGHTS: [&str; 6] = ["use", "bind", "escalate", "impersonate", "approve", "sign"];

pub(super) fn look(lint: &mut Lint<'_>) {
    for rule in &lint.policy.rules {
        let known = known(rule);
        for verb in rule.verbs.iter().filter(|verb| !known.contains(&verb.text.as_str())) {
            let text = verb.text.as_str();
            let advice = match text {
                "*" => "leave `verbs` out: no verbs means any".to_owned(),
                _ if RIGHTS.contains(&text) => {
                    "it is a right that is checked within another request, not a verb of one".to_owned()
                }
                _ => match nearest(text, &known) {
                    Some(close) => format!("did you mean `{close}`?"),
                    None => format!("requests have {}", known.join(", ")),
                },
            };
            lint.warn(
                verb.at,
                "verb-spelling",
                format!("no request has the verb `{text}`: this matches nothing"),
                advice,
            );
        }
    }
}

/// The verbs of what the rule is about.
fn known(rule: &Rule) -> Vec<&'static str> {
    let resources = !(rule.resources.is_empty() && rule.namespaces.is_empty());
    match (resources, rule.paths.is_empty()) {
        // `proxy` is the verb of paths that begin with /api/v1/proxy, which old servers have.
        (true, _) => VERBS.into_iter().chain(["proxy"]).collect(),
        (false, false) => METHODS.to_vec(),
        (false, true) => VERBS.into_iter().chain(METHODS).chain(["proxy"]).collect(),
    }
}
