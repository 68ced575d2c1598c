//! What depends on the API server's release.

use super::Lint;
use crate::policy::{Level, Rule};

pub(super) fn look(lint: &mut Lint<'_>) {
    let policy = lint.policy;
    for entry in policy.rules.iter().flat_map(|rule| &rule.resources).filter(|entry| entry.group.text == "*") {
        let advice = "name the groups, or leave `resources` out, for older ones";
        lint.note(entry.group.at, "any-group", "API servers before 1.36 do not start with the group `*`", advice);
    }
    let patches = |rule: &&Rule| {
        let any = rule.verbs.is_empty() || rule.verbs.iter().any(|verb| verb.text == "patch");
        rule.level >= Level::Request && rule.paths.is_empty() && any
    };
    if let Some(rule) = policy.rules.iter().find(patches) {
        let message = "before Kubernetes 1.37 a server-side apply sent as YAML gives no `ResponseComplete` event where patches \
                       are logged with bodies";
        let advice = "watch `apiserver_audit_error_total`, or log the verb `patch` at `Metadata` on older servers";
        lint.note(rule.at, "apply-with-bodies", message, advice);
    }
}
