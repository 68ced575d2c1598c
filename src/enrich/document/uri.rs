//! Path and query of a request, read as the server would.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::enrich::facts::Facts;
use crate::mask::percent_decode;

use super::json::Object;

/// Most parameters of a query that are looked at: no honest request has more than an exec of a long command line.
const PARAMETERS_MAX: usize = 1024;

pub(super) fn document(facts: &Facts<'_, '_>) -> Option<Vec<u8>> {
    let sent = facts.event.request_uri().decode();
    let (path, query) = sent.split_once('?').unwrap_or((&sent, ""));
    let decoded = decode_path(path);
    let normal = normalise(&decoded);
    let mut uri = Object::default();
    let object = facts.object();
    if !object.resource.is_empty() {
        let resource = object.resource.decode();
        uri.text(
            "resource",
            &match &*object.subresource.decode() {
                "" => resource.into_owned(),
                subresource => format!("{resource}/{subresource}"),
            },
        );
    }
    uri.maybe("proxy_path", proxy_path(&normal));
    uri.text("path", &normal);
    uri.texts("path_tricks", tricks(path, &decoded));
    uri.object("query", parameters(query));
    Some(uri.finish())
}

/// In a path `+` is no blank.
fn decode_path(path: &str) -> String {
    percent_decode(&path.replace('+', "%2B")).into_owned()
}

fn normalise(path: &str) -> String {
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => _ = parts.pop(),
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

fn tricks(sent: &str, decoded: &str) -> Vec<&'static str> {
    let encoded_slash = || sent.as_bytes().windows(3).any(|three| three.eq_ignore_ascii_case(b"%2f"));
    let mut tricks = Vec::new();
    let mut note = |is_one: bool, word| tricks.extend(is_one.then_some(word));
    note(decoded.split('/').any(|part| matches!(part, "." | "..")), "dot-segments");
    note(decoded.contains("//"), "double-slash");
    note(encoded_slash(), "encoded-slash");
    note(decoded.chars().any(char::is_control), "control-character");
    note(decoded.contains('\\'), "backslash");
    tricks
}

/// What stands behind `/proxy` of a node, pod or service.
fn proxy_path(path: &str) -> Option<String> {
    let parts: Vec<_> = path.split('/').collect();
    let at = parts.windows(3).position(|three| {
        matches!(three[0], "nodes" | "pods" | "services") && !three[1].is_empty() && three[2] == "proxy"
    })?;
    Some(format!("/{}", parts[at + 3..].join("/")))
}

fn parameters(query: &str) -> Object {
    let mut parameters: BTreeMap<Cow<'_, str>, Vec<Cow<'_, str>>> = BTreeMap::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()).take(PARAMETERS_MAX) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        parameters.entry(percent_decode(key)).or_default().push(percent_decode(value));
    }
    let mut object = Object::default();
    for (key, values) in &parameters {
        object.texts(key, values);
    }
    object
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read_as_the_server_would() {
        for (sent, path, expected) in [
            ("/api/v1//pods/", "/api/v1/pods", vec!["double-slash"]),
            ("/api/v1/namespaces/a+b/pods", "/api/v1/namespaces/a+b/pods", vec![]),
            ("/version/../api/v1/secrets", "/api/v1/secrets", vec!["dot-segments"]),
            ("/version/%2e%2E%2Fapi", "/api", vec!["dot-segments", "encoded-slash"]),
            ("/a%00b", "/a\0b", vec!["control-character"]),
            ("", "/", vec![]),
        ] {
            let decoded = decode_path(sent);
            assert_eq!((&*normalise(&decoded), tricks(sent, &decoded)), (path, expected), "{sent}");
        }
    }

    #[test]
    fn what_stands_behind_a_proxy_is_its_own_path() {
        let of = |path| proxy_path(path);
        assert_eq!(of("/api/v1/nodes/n1:10250/proxy/exec/ns/pod/c").as_deref(), Some("/exec/ns/pod/c"));
        assert_eq!(of("/api/v1/namespaces/proxy/services/https:web:/proxy").as_deref(), Some("/"));
        assert_eq!(of("/api/v1/namespaces/a/pods"), None);
    }
}
