//! An alert in the words of the Elastic Common Schema, so that its dashboards and rules understand it.

use std::net::IpAddr;

use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use crate::alert::{Actor, Alert, Client, Request, Severity};

/// The version of the schema that field names are taken from.
const ECS_VERSION: &str = "8.17.0";

#[derive(Serialize)]
struct Document<'a> {
    #[serde(rename = "@timestamp")]
    timestamp: crate::event::Timestamp,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    kubernetes: Option<Kubernetes<'a>>,
    ecs: Value,
    event: Value,
    rule: Value,
    threat: Value,
    source: Value,
    user: Value,
    user_agent: Value,
    url: Value,
    http: Value,
    orchestrator: Value,
    related: Value,
    gatecrier: Value,
}

/// The founding event where Elastic's own Kubernetes integration keeps it.
#[derive(Serialize)]
struct Kubernetes<'a> {
    audit: &'a RawValue,
}

/// Deepest nesting of an event that is sent. A deeper one is left out and marked as cut: OpenSearch walks an event by
/// recursion, and where its stack ends it never answers, so that the alert would be sent again without end. Events come
/// masked, and so much shallower.
const NESTING_MAX: usize = 100;

/// The alert's document as one line of JSON, with the founding event or without it.
pub(super) fn document(alert: &Alert, with_event: bool, now: jiff::Timestamp) -> serde_json::Result<String> {
    let evidence =
        alert.evidence.as_ref().filter(|evidence| with_event && nesting(evidence.event.get()) <= NESTING_MAX);
    let with_event = with_event && evidence.is_some() == alert.evidence.is_some();
    let actor = alert.actor.as_ref();
    let document = Document {
        timestamp: alert.last_seen,
        message: &alert.summary,
        kubernetes: evidence.map(|evidence| Kubernetes { audit: &evidence.event }),
        ecs: json!({"version": ECS_VERSION}),
        event: event(alert, now),
        rule: json!({"id": alert.rule.id, "name": alert.rule.title}),
        threat: json!({"framework": "MITRE ATT&CK", "technique": {"id": alert.rule.techniques}}),
        source: alert.client.as_ref().map_or(Value::Null, source),
        user: actor.map_or(Value::Null, user),
        user_agent: json!({"original": actor.and_then(|actor| actor.user_agent.as_ref())}),
        url: alert.request.as_ref().map_or(Value::Null, url),
        http: json!({"response": {"status_code": alert.request.as_ref().and_then(|request| request.code)}}),
        orchestrator: orchestrator(alert),
        related: related(alert),
        gatecrier: whole(alert, with_event)?,
    };
    let json = serde_json::to_string(&document)?;
    // One line: between the tokens of the event as logged there may be line breaks.
    Ok(if json.contains(['\n', '\r']) { json.replace(['\n', '\r'], " ") } else { json })
}

/// How deep objects and arrays stand in each other.
fn nesting(json: &str) -> usize {
    let (mut depth, mut deepest) = (0usize, 0);
    let (mut in_string, mut escaped) = (false, false);
    for byte in json.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

fn event(alert: &Alert, now: jiff::Timestamp) -> Value {
    let request = alert.request.as_ref();
    json!({
        "kind": "alert",
        "category": categories(request),
        "type": [match request.map(|request| request.outcome.as_str()) {
            Some("success") => "allowed",
            Some("denied") => "denied",
            _ => "info",
        }],
        "action": request.map_or(alert.rule.id.as_str(), |request| &request.action),
        "outcome": match request.map(|request| request.outcome.as_str()) {
            Some("success") => "success",
            Some("denied" | "rejected" | "failed") => "failure",
            _ => "unknown",
        },
        "id": alert.key(),
        "severity": severity(alert.severity),
        "reason": alert.reasons.first().map(|reason| &reason.text),
        "dataset": "gatecrier.alerts",
        "module": "gatecrier",
        "start": alert.first_seen,
        "end": alert.last_seen,
        "created": now.to_string(),
    })
}

fn categories(request: Option<&Request>) -> Vec<&'static str> {
    let mut categories = vec!["intrusion_detection"];
    let Some(request) = request else { return categories };
    let resource = request.resource.split('/').next().unwrap_or_default();
    if request.api_group == "rbac.authorization.k8s.io"
        || matches!(resource, "serviceaccounts" | "certificatesigningrequests" | "users" | "groups")
    {
        categories.push("iam");
    }
    if matches!(request.action.as_str(), "create" | "update" | "patch" | "delete" | "deletecollection") {
        categories.push("configuration");
    }
    categories
}

/// The numbers that Elastic's own detection engine gives to its words.
fn severity(severity: Severity) -> u8 {
    match severity {
        Severity::Info => 10,
        Severity::Low => 21,
        Severity::Medium => 47,
        Severity::High => 73,
        Severity::Critical => 99,
    }
}

fn source(client: &Client) -> Value {
    json!({
        "address": client.ip,
        "ip": client.ip.as_deref().filter(|text| is_ip(text)),
        "as": {"number": client.asn, "organization": {"name": client.as_org}},
        "geo": {"country_iso_code": client.country},
    })
}

fn user(actor: &Actor) -> Value {
    json!({
        "name": actor.name,
        "group": {"name": actor.groups},
        "effective": {"name": actor.impersonated},
    })
}

fn url(request: &Request) -> Value {
    let (path, query) =
        request.uri.split_once('?').map_or((request.uri.as_str(), None), |(path, query)| (path, Some(query)));
    json!({"path": path, "query": query})
}

fn orchestrator(alert: &Alert) -> Value {
    let request = alert.request.as_ref();
    json!({
        "type": "kubernetes",
        "cluster": {"name": alert.cluster},
        "namespace": request.map(|request| &request.namespace),
        "resource": {
            "type": request.map(|request| &request.resource),
            "name": request.map(|request| &request.name),
        },
    })
}

fn related(alert: &Alert) -> Value {
    let client = alert.client.as_ref();
    let addresses = [client.and_then(|client| client.ip.as_ref()), client.and_then(|client| client.peer.as_ref())];
    let actor = alert.actor.as_ref();
    let users = [actor.map(|actor| &actor.name), actor.and_then(|actor| actor.impersonated.as_ref())];
    json!({
        "ip": addresses.into_iter().flatten().filter(|text| is_ip(text)).collect::<Vec<_>>(),
        "user": users.into_iter().flatten().filter(|name| !name.is_empty()).collect::<Vec<_>>(),
    })
}

/// The whole alert but for the founding event, which stands under `kubernetes.audit`.
fn whole(alert: &Alert, with_event: bool) -> serde_json::Result<Value> {
    let mut whole = serde_json::to_value(Alert { evidence: None, ..alert.clone() })?;
    if let (Value::Object(whole), Some(evidence)) = (&mut whole, &alert.evidence) {
        let rest = Map::from_iter([
            ("cut".to_owned(), Value::from(evidence.cut || !with_event)),
            ("bytes".to_owned(), Value::from(evidence.bytes)),
        ]);
        whole.insert("evidence".to_owned(), Value::Object(rest));
    }
    Ok(whole)
}

/// An `ip` field with anything else in it would cost us the document.
fn is_ip(text: &str) -> bool {
    text.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::sample;

    fn value(alert: &Alert, with_event: bool) -> Value {
        let line = document(alert, with_event, jiff::Timestamp::UNIX_EPOCH).unwrap();
        assert!(!line.contains('\n'));
        serde_json::from_str(&line).unwrap()
    }

    #[track_caller]
    fn check(document: &Value, pointer: &str, expected: Value) {
        assert_eq!(document.pointer(pointer).unwrap_or(&Value::Null), &expected, "{pointer}");
    }

    #[test]
    fn fields_have_their_common_names() {
        let document = value(&sample::alert("a", 2), true);
        check(&document, "/@timestamp", json!("2026-11-22T12:21:52.577015Z"));
        check(&document, "/message", json!("eve read secrets from 203.0.113.7"));
        check(&document, "/event/kind", json!("alert"));
        check(&document, "/event/id", json!("a.2"));
        check(&document, "/event/outcome", json!("success"));
        check(&document, "/event/severity", json!(73));
        check(&document, "/event/created", json!("1970-01-01T00:00:00Z"));
        check(&document, "/rule/id", json!("outside-trusted-networks"));
        check(&document, "/threat/technique/id", json!(["T1078.004", "T1552.007"]));
        check(&document, "/source/ip", json!("203.0.113.7"));
        check(&document, "/source/as/number", json!(64500));
        check(&document, "/source/geo/country_iso_code", json!("NL"));
        check(&document, "/user/name", json!("eve"));
        check(&document, "/user/group/name/0", json!("developers"));
        check(&document, "/user_agent/original", json!("kubectl/v1.37.0"));
        check(&document, "/url/path", json!("/api/v1/namespaces/payments/secrets"));
        check(&document, "/http/response/status_code", json!(200));
        check(&document, "/orchestrator/cluster/name", json!("prod"));
        check(&document, "/orchestrator/namespace", json!("payments"));
        check(&document, "/orchestrator/resource/type", json!("secrets"));
        check(&document, "/related/ip", json!(["203.0.113.7", "10.0.0.9"]));
        check(&document, "/related/user", json!(["eve", "system:admin"]));
        check(&document, "/gatecrier/revision", json!(2));
        check(&document, "/gatecrier/evidence", json!({"cut": false, "bytes": 1432}));
        check(&document, "/kubernetes/audit/verb", json!("list"));
    }

    #[test]
    fn what_is_no_address_stays_out_of_address_fields() {
        let mut alert = sample::alert("a", 1);
        if let Some(client) = &mut alert.client {
            client.ip = Some("203.0.113.7, 10.0.0.1".to_owned());
            client.peer = Some("unix".to_owned());
        }
        let document = value(&alert, true);
        check(&document, "/source/ip", Value::Null);
        check(&document, "/source/address", json!("203.0.113.7, 10.0.0.1"));
        check(&document, "/related/ip", json!([]));
    }

    #[test]
    fn the_event_can_be_left_out() {
        let document = value(&sample::alert("a", 1), false);
        check(&document, "/kubernetes", Value::Null);
        check(&document, "/gatecrier/evidence/cut", json!(true));
    }

    #[test]
    fn an_event_that_would_exhaust_the_receivers_stack_is_left_out() {
        let nested = |depth: usize| {
            let mut alert = sample::alert("a", 1);
            let event = format!("{}\"[{{\\\"[\"{}", "{\"a\":".repeat(depth), "}".repeat(depth));
            alert.evidence.as_mut().unwrap().event = RawValue::from_string(event).unwrap();
            document(&alert, true, jiff::Timestamp::UNIX_EPOCH).unwrap()
        };
        assert!(nested(NESTING_MAX).contains("\"kubernetes\":") && nested(NESTING_MAX).contains("\"cut\":false"));
        assert!(
            !nested(NESTING_MAX + 1).contains("\"kubernetes\":") && nested(NESTING_MAX + 1).contains("\"cut\":true")
        );
    }

    #[test]
    fn an_alert_that_no_request_raised_has_a_document_too() {
        let alert: Alert = serde_json::from_str(include_str!("../../../tests/alerts/bare.json")).unwrap();
        let document = value(&alert, true);
        check(&document, "/event/action", json!("log-gap"));
        check(&document, "/event/outcome", json!("unknown"));
        check(&document, "/source", Value::Null);
    }
}
