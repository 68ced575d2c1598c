//! The command of an exec, and how it is attached to. It stands in the query, so it is seen at every level.

use std::borrow::Cow;

use crate::enrich::facts::Facts;
use crate::enrich::request::{ARGUMENTS_MAX, Action, query_values};

use super::json::Object;

pub(super) fn document(facts: &Facts<'_, '_>) -> Option<Vec<u8>> {
    if !matches!(facts.action(), Action::Exec | Action::Attach | Action::PortForward | Action::Proxy) {
        return None;
    }
    let uri = facts.event.request_uri().decode();
    let values = |name| query_values(&uri, name);
    let mut command: Vec<Cow<'_, str>> = values("command").take(ARGUMENTS_MAX).collect();
    if command.is_empty() && facts.action() == Action::Proxy {
        // The kubelet's own `/run` takes the whole command as one text.
        command.extend(values("cmd").take(ARGUMENTS_MAX));
    }
    let mut exec = Object::default();
    if let Some(first) = command.first() {
        exec.text("program", first.trim().rsplit('/').next().unwrap_or(first));
        exec.text("line", &command.join(" "));
        exec.texts("command", &command);
    }
    exec.maybe("container", values("container").next());
    // The API server takes the first value, and anything but these two for true.
    let is_set = |name| values(name).next().is_some_and(|value| value != "0" && !value.eq_ignore_ascii_case("false"));
    if facts.action() != Action::Proxy || !command.is_empty() {
        exec.flag("tty", is_set("tty"));
        exec.flag("stdin", is_set("stdin") || is_set("input"));
    }
    Some(exec.finish())
}
