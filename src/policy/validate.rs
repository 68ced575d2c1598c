//! What the API server refuses to start with, beyond the shape of the file.

use super::parse::Reader;
use super::{GroupResources, Policy, Rule, Word};

/// Tells of every rule that the API server does not accept.
pub(super) fn validate(policy: &Policy, reader: &mut Reader<'_>) {
    for rule in &policy.rules {
        one_kind_of_target(rule, reader);
        for path in &rule.paths {
            well_formed_path(path, reader);
        }
        for entry in &rule.resources {
            well_formed_entry(entry, reader);
        }
    }
}

fn one_kind_of_target(rule: &Rule, reader: &mut Reader<'_>) {
    if let Some(path) = rule.paths.first()
        && !(rule.resources.is_empty() && rule.namespaces.is_empty())
    {
        let message = "one rule cannot be about resources or namespaces and about paths: the API server does not start";
        reader.wrong(path.at, "mixed-rule", message.to_owned(), "write two rules");
    }
}

fn well_formed_path(path: &Word, reader: &mut Reader<'_>) {
    let text = path.text.as_str();
    if text == "*" {
        return;
    }
    if !text.starts_with('/') {
        let message = format!("the path `{text}` does not begin with `/`: the API server does not start");
        reader.wrong(path.at, "path", message, format!("write `/{}`", text.trim_start_matches('*')));
        return;
    }
    if text.trim_end_matches('*').contains('*') || text.ends_with("**") {
        let message = format!("`*` may only be the last character of a path, not as in `{text}`");
        reader.wrong(
            path.at,
            "path",
            message,
            "the API server does not start with it; write the beginning that they share",
        );
    }
}

fn well_formed_entry(entry: &GroupResources, reader: &mut Reader<'_>) {
    let group = entry.group.text.as_str();
    if !(group.is_empty() || group == "*" || is_dns_name(group)) {
        let message = format!("`{group}` is no API group: the API server does not start");
        let advice = match group.split_once('/') {
            Some((name, _)) => format!("write the group without its version: `{name}`"),
            None => "write it in lower case, such as `rbac.authorization.k8s.io`; the core group is `\"\"`".to_owned(),
        };
        reader.wrong(entry.group.at, "group", message, advice);
    }
    if let Some(name) = entry.names.first().filter(|_| entry.resources.is_empty()) {
        let message = "`resourceNames` without `resources`: the API server does not start".to_owned();
        reader.wrong(name.at, "resource-names", message, "say of which resources these are names");
    }
}

/// A DNS subdomain as Kubernetes has it.
fn is_dns_name(text: &str) -> bool {
    let edge = |letter: u8| letter.is_ascii_lowercase() || letter.is_ascii_digit();
    let label = |label: &str| {
        let bytes = label.as_bytes();
        bytes.first().is_some_and(|first| edge(*first))
            && bytes.last().is_some_and(|last| edge(*last))
            && bytes.iter().all(|letter| edge(*letter) || *letter == b'-')
    };
    text.len() <= 253 && text.split('.').all(label)
}
