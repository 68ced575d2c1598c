//! The sinks against a server that answers as scripted.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod alertmanager;
mod chats;
mod elasticsearch;
mod events;
mod faults;
mod file;
mod loki;
mod nasty;
mod opsgenie;
mod pagerduty;
mod peers;
mod server;
mod slack;
mod syslog;
mod tls;
mod webhook;

use gatecrier::alert::Alert;
use gatecrier::sink::{SendError, Sink};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Text that somebody might hope to get into a log, a label, a header or a query.
const HOSTILE: &[&str] = &[
    "\u{1b}[2J\u{1b}]0;owned\u{7}",
    "\r\nX-Injected: yes\r\n\r\n{\"create\":{}}",
    "\"},\"severity\":\"info\",\"x\":{\"",
    "{job=\"gatecrier\"} |= `x`",
    "user\u{202e}nimda\u{2028}\u{200b}",
    "\0\u{1}\u{fffd}\u{10ffff}",
    "${jndi:ldap://x}%s%n{{.}}<script>alert(1)</script>",
    "' OR 1=1 --",
];

/// A full alert with another id.
fn alert(id: &str) -> Alert {
    let mut alert: Alert = serde_json::from_str(include_str!("../alerts/full.json")).unwrap();
    alert.id = id.to_owned();
    alert
}

fn alerts(count: usize) -> Vec<Alert> {
    (0..count).map(|number| alert(&number.to_string())).collect()
}

/// A full alert with hostile text wherever a client can put some.
fn hostile_alert(text: &str) -> Alert {
    let mut alert = alert("hostile");
    alert.summary = format!("{text} did it");
    alert.subject = text.to_owned();
    if let Some(client) = &mut alert.client {
        client.ip = Some(text.to_owned());
    }
    if let Some(actor) = &mut alert.actor {
        (actor.name, actor.user_agent) = (text.to_owned(), Some(text.to_owned()));
    }
    if let Some(request) = &mut alert.request {
        (request.uri, request.namespace, request.name) = (text.to_owned(), text.to_owned(), text.to_owned());
    }
    alert
}

/// A sink's configuration, as a file would hold it.
fn config<T: DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

/// A file that holds a secret, as long as the folder lives. Sinks keep what they read of it.
fn key_file(text: &str) -> (tempfile::TempDir, std::path::PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("secret");
    std::fs::write(&path, text).unwrap();
    (dir, path)
}

/// Sends one alert and says what came of it: `retry`, `slow` or `reject`, and the message.
async fn outcome(sink: &mut impl Sink) -> (&'static str, String) {
    let error = sink.send(&alerts(1)).await.unwrap_err();
    let text = format!("{error:#}");
    match error {
        SendError::Retry { after: None, .. } => ("retry", text),
        SendError::Retry { .. } => ("slow", text),
        SendError::Reject(_) => ("reject", text),
        SendError::Partly { rejected, .. } => ("reject", format!("{:#}", rejected[0].1)),
    }
}
