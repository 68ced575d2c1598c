//! Paths that match nothing, or more than is meant.

use super::Lint;

pub(super) fn look(lint: &mut Lint<'_>) {
    for path in lint.policy.rules.iter().flat_map(|rule| &rule.paths) {
        let text = path.text.as_str();
        if text.contains('?') {
            let advice = format!("write it without: `{}`", text.split('?').next().unwrap_or_default());
            lint.warn(
                path.at,
                "path-query",
                format!("a path is compared without its query: `{text}` matches nothing"),
                advice,
            );
        }
        if is_of_resource(text) {
            let message = format!("`{text}` is the path of a resource: rules with `nonResourceURLs` never match it");
            lint.warn(path.at, "path-of-resource", message, "write `resources: [{ group: …, resources: […] }]`");
        }
    }
}

/// Below a version of a group there are resources only.
fn is_of_resource(path: &str) -> bool {
    let path = path.trim_end_matches(['*', '/']);
    let below = |root: &str| path.strip_prefix(root).map(|rest| rest.split('/').count());
    below("/api/").is_some_and(|parts| parts > 1) || below("/apis/").is_some_and(|parts| parts > 2)
}
