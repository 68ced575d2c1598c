//! PagerDuty.

use std::time::Duration;

use gatecrier::alert::{Alert, Severity, Status};
use gatecrier::sink::pagerduty::PagerDuty;
use gatecrier::sink::{SendError, Sink as _};
use serde_json::{Value, json};

use crate::peers::{self, ROUTING_KEY};
use crate::server::{Answer, Server, body, header, status};
use crate::{alert, alerts, config, key_file, outcome};

fn pagerduty(server: &Server, more: Value) -> PagerDuty {
    let (_dir, path) = key_file(ROUTING_KEY);
    let mut value = json!({"url": server.url("/v2/enqueue"), "routing_key_file": path});
    value.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    PagerDuty::new(&config(value)).unwrap()
}

fn server() -> Server {
    Server::choosing([], |asked| Some(peers::pagerduty(asked)))
}

fn closed(id: &str, revision: u32) -> Alert {
    Alert { status: Status::Closed, revision, ..alert(id) }
}

fn actions(server: &Server) -> Vec<String> {
    let action = |event: Value| format!("{} {}", event["event_action"].as_str().unwrap(), event["dedup_key"]);
    server.asked().iter().map(|asked| action(asked.json())).collect()
}

#[tokio::test]
async fn an_alert_triggers_under_its_id() {
    let server = server();
    let mut graver = alert("1");
    graver.severity = Severity::Critical;
    pagerduty(&server, json!({"severities": {"high": "warning"}})).send(&[alert("0"), graver]).await.unwrap();
    let events: Vec<Value> = server.asked().iter().map(|asked| asked.json()).collect();
    assert_eq!(actions(&server), ["trigger \"0\"", "trigger \"1\""]);
    let payload = &events[0]["payload"];
    assert_eq!(payload["summary"], "eve read secrets from 203.0.113.7");
    assert_eq!((&payload["source"], &payload["severity"]), (&json!("prod"), &json!("warning")));
    assert_eq!(payload["custom_details"]["From"], "203.0.113.7 (internet, NL, Example Transit)");
    assert_eq!(events[1]["payload"]["severity"], "critical");
}

#[tokio::test]
async fn an_end_resolves_unless_the_call_was_a_moment_ago() {
    let server = server();
    let mut sink = pagerduty(&server, json!({}));
    sink.send(&[closed("old", 3), alert("new"), closed("new", 2)]).await.unwrap();
    // One that never was open, as ours about ourselves, is a call.
    sink.send(&[closed("own", 1)]).await.unwrap();
    assert_eq!(actions(&server), ["resolve \"old\"", "trigger \"new\"", "trigger \"own\""]);
    pagerduty(&server, json!({"resolve": false})).send(&[closed("old", 3)]).await.unwrap();
    assert_eq!(server.asked().len(), 3);
}

#[tokio::test]
async fn failures_are_told_apart() {
    let wrong = |mistake: &str| json!({"status": "invalid event", "errors": [mistake]}).to_string();
    for (answer, expected) in [
        (body(400, &wrong("'payload.summary' is missing or blank")), "reject"),
        (body(400, &wrong("Length of 'routing_key' is incorrect (should be 32 characters)")), "slow"),
        (status(413), "reject"),
        (status(404), "slow"),
        (status(429), "retry"),
        (status(500), "retry"),
        (Answer::Cut, "retry"),
    ] {
        let server = Server::start([answer.clone()]);
        let (outcome, text) = outcome(&mut pagerduty(&server, json!({}))).await;
        assert_eq!(outcome, expected, "{text}");
        assert!(!text.contains(ROUTING_KEY), "{text}");
    }
    let server = Server::start([status(202), header(429, "retry-after", "30")]);
    let error = pagerduty(&server, json!({})).send(&alerts(3)).await.unwrap_err();
    let SendError::Partly { rejected, retry, after, .. } = error else { panic!("{error}") };
    assert_eq!((rejected.len(), retry, after), (0, vec![1, 2], Some(Duration::from_secs(30))));
}

#[tokio::test]
async fn a_repeat_after_a_lost_answer_has_the_same_key() {
    let server = Server::start([Answer::Cut, status(202)]);
    let mut sink = pagerduty(&server, json!({}));
    sink.send(&alerts(1)).await.unwrap_err();
    sink.send(&alerts(1)).await.unwrap();
    assert_eq!(actions(&server), ["trigger \"0\"", "trigger \"0\""]);
}

#[test]
fn a_key_that_cannot_be_one_is_said_when_it_is_built() {
    let (_dir, path) = key_file("short");
    let error = PagerDuty::new(&config(json!({"routing_key_file": path}))).unwrap_err().to_string();
    assert!(error.contains("32 characters") && !error.contains("short"), "{error}");
}
