//! GKE: entries of Cloud Audit Logs, from which events are made that read like the API server's own.
//!
//! What the entry does not hold stays away: groups, the query of the request, the chain of addresses. Google tells
//! outcomes in gRPC's codes; they become the HTTP codes that stand for the same.

mod object;
mod status;

use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::Opener;
use super::documents::inner;
use super::origin::{said, text};
use crate::event::{Raw, Text};
use object::{Object, Target};

/// The logs that hold what the API server audits, behind the name of the project. Nobody but Google writes to them.
const LOGS: [&str; 2] = ["/logs/cloudaudit.googleapis.com%2Factivity", "/logs/cloudaudit.googleapis.com%2Fdata_access"];

/// The service whose requests are those of the Kubernetes API. `container.googleapis.com` is about clusters.
const SERVICE: &str = "k8s.io";

pub(super) fn document(document: Raw<'_>, opener: &mut Opener<'_>) {
    // Pub/Sub puts an entry in base64 when it pushes.
    match document.at(&["message", "data"]).and_then(Raw::text) {
        Some(data) if document.get("logName").is_none() => match STANDARD.decode(data.decode().as_bytes()) {
            Ok(bytes) => inner(&bytes, opener, entry),
            Err(_) => opener.unreadable(document.bytes(), "not-base64"),
        },
        _ => entry(document, opener),
    }
}

fn entry(entry: Raw<'_>, opener: &mut Opener<'_>) {
    let Some(log) = text(entry, "logName") else { return opener.unreadable(entry.bytes(), "no-log-name") };
    if !LOGS.iter().any(|known| log.ends_with(known)) {
        return opener.passed("other-log");
    }
    let Some(payload) = entry.get("protoPayload") else { return opener.unreadable(entry.bytes(), "no-event-inside") };
    if payload.get("serviceName").and_then(Raw::text).is_none_or(|service| service != SERVICE) {
        return opener.passed("other-service");
    }
    if opener.is_ours(entry, |key| said(entry, key)) {
        opener.event(&event(entry, payload));
    }
}

/// An event in the API server's words.
fn event(entry: Raw<'_>, payload: Raw<'_>) -> Vec<u8> {
    let under = |path: &[&str]| payload.at(path).and_then(Raw::text).unwrap_or_default().decode();
    let (method, resource) = (under(&["methodName"]), under(&["resourceName"]));
    let target = Target::read(&method, &resource);
    let (request, response) = (payload.get("request"), payload.get("response"));
    let mut event = Object::new();
    event.text("kind", "Event").text("apiVersion", "audit.k8s.io/v1");
    event.text(
        "level",
        match (request, response) {
            (_, Some(_)) => "RequestResponse",
            (Some(_), None) => "Request",
            (None, None) => "Metadata",
        },
    );
    let id = entry.at(&["operation", "id"]).or_else(|| entry.get("insertId")).and_then(Raw::text);
    let stage = stage(entry);
    event.text("auditID", &id.unwrap_or_default().decode()).text("stage", stage);
    let dry_run = entry.at(&["labels", "command.gke.io/dryRun"]).is_some();
    event.text("requestURI", &target.uri(dry_run)).text("verb", target.verb);
    event.raw("user", &user(payload));
    event.raw("sourceIPs", &source_ips(&under(&["requestMetadata", "callerIp"])));
    event.text("userAgent", &under(&["requestMetadata", "callerSuppliedUserAgent"]));
    if let Some(reference) = target.reference() {
        event.raw("objectRef", &reference);
    }
    event.raw("responseStatus", &status::status(payload, &target, stage));
    for (key, body) in [("requestObject", request), ("responseObject", response)] {
        if let Some(body) = body {
            event.raw(key, body.bytes());
        }
    }
    let time = entry.get("timestamp").and_then(Raw::text).unwrap_or_default().decode();
    event.text("requestReceivedTimestamp", &time).text("stageTimestamp", &time);
    event.raw("annotations", &annotations(entry, payload));
    event.finish()
}

/// A request that runs for long has two entries: its first and its last one.
fn stage(entry: Raw<'_>) -> &'static str {
    let is = |key| entry.at(&["operation", key]).is_some_and(|value| value.bytes() == b"true");
    if is("first") && !is("last") { "ResponseStarted" } else { "ResponseComplete" }
}

fn user(payload: Raw<'_>) -> Vec<u8> {
    let names = ["principalEmail", "principalSubject", "authoritySelector"];
    let named =
        |key: &&str| payload.at(&["authenticationInfo", key]).and_then(Raw::text).filter(|name| !name.is_empty());
    let mut user = Object::new();
    if let Some(name) = names.iter().find_map(named) {
        user.text("username", &name.decode());
    }
    user.finish()
}

/// Google writes words such as `private` for addresses that it does not show: those are not known.
fn source_ips(caller: &str) -> Vec<u8> {
    match caller.parse::<IpAddr>() {
        Ok(address) => format!("[\"{address}\"]").into_bytes(),
        Err(_) => b"[]".to_vec(),
    }
}

/// The entry's labels, and the decision where they lack it.
fn annotations(entry: Raw<'_>, payload: Raw<'_>) -> Vec<u8> {
    const DECISION: &str = "authorization.k8s.io/decision";
    let mut annotations = Object::new();
    let labels = entry.get("labels").into_iter().flat_map(Raw::members);
    for (key, value) in labels.filter_map(|(key, value)| Some((key, value.text()?))) {
        annotations.text(&key.decode(), &Text::decode(value));
    }
    if entry.at(&["labels", DECISION]).is_none()
        && let Some(granted) = status::granted(payload)
    {
        annotations.text(DECISION, if granted { "allow" } else { "forbid" });
    }
    annotations.finish()
}
