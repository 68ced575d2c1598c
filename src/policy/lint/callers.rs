//! Users and groups that nobody has, and rules that hide whatever somebody does.

use super::Lint;
use crate::policy::{Level, Rule, Word};

/// Groups that are often written among the users.
const GROUPS: [&str; 6] = [
    "system:masters",
    "system:nodes",
    "system:authenticated",
    "system:unauthenticated",
    "system:serviceaccounts",
    "system:bootstrappers",
];

const WRITES: [&str; 5] = ["create", "update", "patch", "delete", "deletecollection"];

pub(super) fn look(lint: &mut Lint<'_>) {
    for rule in &lint.policy.rules {
        for user in &rule.users {
            user_spelling(lint, user);
        }
        for group in &rule.groups {
            group_spelling(lint, group);
        }
        hidden_identity(lint, rule);
    }
}

fn user_spelling(lint: &mut Lint<'_>, user: &Word) {
    let text = user.text.as_str();
    let (message, advice) = if text.contains('*') {
        let advice = "names are compared whole; use a group, such as `userGroups: [\"system:nodes\"]`".to_owned();
        (format!("no user is called `{text}`: `*` stands for nothing here"), advice)
    } else if GROUPS.contains(&text) || text.starts_with("system:serviceaccounts:") {
        (format!("`{text}` is a group, and no user is called so"), format!("write `userGroups: [\"{text}\"]`"))
    } else if text.strip_prefix("system:serviceaccount:").is_some_and(|rest| rest.split(':').count() != 2) {
        let advice = "write `system:serviceaccount:NAMESPACE:NAME`; for all of a namespace the group \
                      `system:serviceaccounts:NAMESPACE`";
        (format!("`{text}` is no service account's name"), advice.to_owned())
    } else {
        return;
    };
    lint.warn(user.at, "user-spelling", message, advice);
}

fn group_spelling(lint: &mut Lint<'_>, group: &Word) {
    let text = group.text.as_str();
    let (message, advice) = if text.contains('*') {
        let advice = "groups are compared whole; leave `userGroups` out for any";
        (format!("no group is called `{text}`: `*` stands for nothing here"), advice.to_owned())
    } else if text.starts_with("system:serviceaccount:")
        || text.starts_with("system:node:")
        || text == "system:anonymous"
    {
        (format!("`{text}` is a user, and no group is called so"), format!("write `users: [\"{text}\"]`"))
    } else {
        return;
    };
    lint.warn(group.at, "user-spelling", message, advice);
}

/// Who holds such an identity's credential may do everything it may without leaving a trace.
fn hidden_identity(lint: &mut Lint<'_>, rule: &Rule) {
    let named = rule.users.first().or(rule.groups.first());
    let about_all = rule.resources.is_empty() && rule.namespaces.is_empty() && rule.paths.is_empty();
    let writes = rule.verbs.is_empty() || rule.verbs.iter().any(|verb| WRITES.contains(&verb.text.as_str()));
    let Some(named) = named.filter(|_| rule.level == Level::None && about_all && writes) else { return };
    let message = format!("nothing that `{}` does is logged: whoever steals that credential is not seen", named.text);
    lint.warn(named.at, "hidden-identity", message, "name the verbs and resources that are too many to log");
}
