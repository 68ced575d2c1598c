//! Alertmanager.

use std::collections::BTreeSet;

use gatecrier::alert::{Severity, Status};
use gatecrier::sink::alertmanager::Alertmanager;
use gatecrier::sink::{SendError, Sink as _};
use serde_json::{Value, json};

use crate::server::{Answer, Server, header, status};
use crate::{HOSTILE, alert, alerts, config, hostile_alert};

fn alertmanager(servers: &[&Server], more: Value) -> Alertmanager {
    let urls: Vec<String> = servers.iter().map(|server| server.url("/am")).collect();
    let mut value = json!({"urls": urls});
    value.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    Alertmanager::new(&config(value)).unwrap()
}

fn posted(server: &Server) -> Vec<Value> {
    server.asked().iter().flat_map(|asked| asked.json().as_array().unwrap().clone()).collect()
}

/// Seconds from now to a time in an alert.
fn seconds_left(value: &Value) -> i64 {
    let time: jiff::Timestamp = value.as_str().unwrap().parse().unwrap();
    time.duration_since(jiff::Timestamp::now()).as_secs()
}

#[tokio::test]
async fn labels_are_ours_and_what_a_client_wrote_is_annotated() {
    let server = Server::start([]);
    let more = json!({"labels": {"team": "soc"}, "severities": {"high": "critical"}});
    alertmanager(&[&server], more).send(&alerts(2)).await.unwrap();
    let asked = &server.asked()[0];
    assert_eq!((asked.method.as_str(), asked.uri.path()), ("POST", "/am/api/v2/alerts"));
    assert_eq!(asked.header("content-type"), "application/json");
    let posted = posted(&server);
    assert_eq!(posted.len(), 2);
    let labels = json!({"alertname": "outside-trusted-networks", "severity": "critical", "cluster": "prod",
        "job": "gatecrier", "alert_id": "0", "team": "soc"});
    assert_eq!(posted[0]["labels"], labels);
    let annotations = &posted[0]["annotations"];
    assert_eq!(annotations["client_ip"], "203.0.113.7");
    assert_eq!(annotations["actor"], "eve");
    assert_eq!(annotations["count"], "1");
    assert_eq!(annotations.get("name"), None);
    assert_eq!(posted[0]["startsAt"], "2026-11-22T12:21:52.577015Z");
}

#[tokio::test]
async fn an_open_alert_ends_late_and_a_closed_one_soon() {
    let server = Server::start([]);
    let mut closed = alert("0");
    closed.status = Status::Closed;
    let mut sink = alertmanager(&[&server], json!({"resolve_after": "10m"}));
    sink.send(&[alert("0"), closed]).await.unwrap();
    let left: Vec<i64> = posted(&server).iter().map(|alert| seconds_left(&alert["endsAt"])).collect();
    assert!((24 * 3600..=25 * 3600).contains(&left[0]) && (590..=600).contains(&left[1]), "{left:?}");
}

#[tokio::test]
async fn an_alert_from_a_clock_ahead_begins_now() {
    let server = Server::start([]);
    let mut ahead = alert("0");
    ahead.first_seen = ahead.first_seen.plus_seconds(20 * 365 * 24 * 3600);
    alertmanager(&[&server], json!({})).send(&[ahead]).await.unwrap();
    assert!(seconds_left(&posted(&server)[0]["startsAt"]) <= 0);
}

#[tokio::test]
async fn the_milder_form_of_an_alert_that_became_graver_ends() {
    let server = Server::start([]);
    let mut sink = alertmanager(&[&server], json!({}));
    let mut graver = alert("0");
    (graver.severity, graver.revision) = (Severity::Critical, 2);
    sink.send(&[alert("0")]).await.unwrap();
    sink.send(std::slice::from_ref(&graver)).await.unwrap();
    sink.send(&[graver]).await.unwrap();
    let seen: Vec<(String, bool)> = posted(&server)
        .iter()
        .map(|alert| (alert["labels"]["severity"].as_str().unwrap().to_owned(), seconds_left(&alert["endsAt"]) > 0))
        .collect();
    let expected = [("high", true), ("high", false), ("critical", true), ("critical", true)];
    assert_eq!(seen, expected.map(|(severity, fires)| (severity.to_owned(), fires)));
}

#[tokio::test]
async fn every_replica_is_told_and_one_that_takes_it_is_enough() {
    for (first, second) in [(status(200), status(200)), (status(503), status(200)), (Answer::Cut, status(200))] {
        let servers = [Server::start([first]), Server::start([second])];
        alertmanager(&[&servers[0], &servers[1]], json!({})).send(&alerts(1)).await.unwrap();
        assert!(servers.iter().all(|server| server.asked().len() == 1));
    }
    let servers = [Server::start([header(429, "retry-after", "7")]), Server::start([status(500)])];
    let error = alertmanager(&[&servers[0], &servers[1]], json!({})).send(&alerts(1)).await.unwrap_err();
    assert!(matches!(error, SendError::Retry { .. }), "{error}");
}

#[tokio::test]
async fn failures_are_told_apart() {
    for (code, expected) in
        [(400, "reject"), (413, "reject"), (401, "slow"), (404, "slow"), (429, "retry"), (502, "retry")]
    {
        let server = Server::start([status(code)]);
        let outcome = match alertmanager(&[&server], json!({})).send(&alerts(2)).await.unwrap_err() {
            SendError::Retry { after: None, .. } => "retry",
            SendError::Retry { .. } => "slow",
            SendError::Reject(_) => "reject",
            SendError::Partly { .. } => "partly",
        };
        assert_eq!(outcome, expected, "{code}");
    }
}

#[tokio::test]
async fn hostile_text_is_no_label_and_no_mention() {
    for text in HOSTILE.iter().chain(&["<!channel> <@U1>", &"x".repeat(100_000)]) {
        let server = Server::start([]);
        alertmanager(&[&server], json!({})).send(&[hostile_alert(text)]).await.unwrap();
        let posted = posted(&server);
        let names: BTreeSet<&str> = posted[0]["labels"].as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(names, BTreeSet::from(["alert_id", "alertname", "cluster", "job", "severity"]));
        for (name, value) in posted[0]["annotations"].as_object().unwrap() {
            let value = value.as_str().unwrap();
            assert!(!value.contains(['<', '>', '\n', '\u{1b}', '\u{202e}', '\0']), "{name}: {value}");
            assert!(value.chars().count() <= 2000, "{name}");
        }
    }
}

#[test]
fn what_cannot_work_is_said_when_it_is_built() {
    for (value, word) in [
        (json!({"urls": []}), "every replica"),
        (json!({"urls": ["http://x"], "labels": {"a-b": "c"}}), "`a-b` cannot be a label"),
        (json!({"urls": ["http://x"], "labels": {"severity": "c"}}), "set by Gatecrier"),
        (json!({"urls": ["http://x"], "labels": {"team": ""}}), "`team` is empty"),
        (json!({"urls": ["http://x"], "severities": {"high": ""}}), "empty word"),
    ] {
        let error = Alertmanager::new(&config(value)).unwrap_err().to_string();
        assert!(error.contains(word), "{error}");
    }
}

#[tokio::test]
async fn a_check_asks_every_replica() {
    let servers = [Server::start([status(200)]), Server::start([status(200), status(404)])];
    let sink = alertmanager(&[&servers[0], &servers[1]], json!({}));
    assert_eq!(sink.check().await.unwrap().matches("is ready").count(), 2);
    let alone = alertmanager(&[&servers[1]], json!({}));
    assert!(alone.check().await.unwrap_err().to_string().contains("is this an Alertmanager"));
    assert!(servers[1].asked().iter().all(|asked| asked.uri.path() == "/am/api/v2/status"));
}

fn id(alert: &Value) -> String {
    alert["labels"]["alert_id"].as_str().unwrap().to_owned()
}

/// As the real one: the good alerts of a batch are taken though the answer is 400.
#[tokio::test]
async fn one_bad_alert_takes_no_others_along() {
    let server = Server::choosing([], |asked| {
        asked.json().as_array().unwrap().iter().any(|alert| id(alert) == "2").then(|| status(400))
    });
    let sink = alertmanager(&[&server], json!({}));
    assert_eq!(crate::faults::run(sink, 5).await, ["2"]);
    let mut ids = BTreeSet::new();
    for asked in server.asked() {
        let batch: BTreeSet<String> = asked.json().as_array().unwrap().iter().map(id).collect();
        ids.extend((!batch.contains("2")).then_some(batch).into_iter().flatten());
    }
    assert_eq!(ids, ["0", "1", "3", "4"].map(String::from).into());
}
