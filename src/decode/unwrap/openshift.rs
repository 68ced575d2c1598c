//! `OpenShift`: `oc adm node-logs` puts the node's name before each line; its log forwarder puts log types beside events.

use super::Opener;
use super::documents::lines as each_line;
use super::origin::{Said, said};
use crate::event::Raw;

/// What the forwarder calls the audit logs of API servers. Linux's own audit log has the same type.
const SOURCES: [&str; 3] = ["kubeAPI", "openshiftAPI", "oauthAPI"];

pub(super) fn lines(bytes: &[u8], opener: &mut Opener<'_>) {
    each_line(bytes, opener, |line, opener| document(Raw::new(without_node(line)), opener));
}

/// A node's name before an event is left out.
fn without_node(line: &[u8]) -> &[u8] {
    let is_name = |name: &[u8]| name.iter().all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(byte));
    match memchr::memchr(b' ', line) {
        Some(end) if line.first() != Some(&b'{') && is_name(&line[..end]) => &line[end + 1..],
        _ => line,
    }
}

pub(super) fn document(document: Raw<'_>, opener: &mut Opener<'_>) {
    let fits = |key: &str, words: &[&str]| match said(document, key) {
        Said::Nothing => true,
        Said::Once(word) => words.contains(&word.as_str()),
        Said::Twice => false,
    };
    if !fits("log_type", &["audit"]) {
        opener.passed("other-log-type");
    } else if !fits("log_source", &SOURCES) {
        opener.passed("other-log-source");
    } else {
        opener.event(document.bytes());
    }
}
