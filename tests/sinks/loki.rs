//! Loki's push API.

use gatecrier::alert::{Alert, Severity};
use gatecrier::sink::loki::Loki;
use gatecrier::sink::{SendError, Sink as _};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::server::{Asked, Server, body, status};
use crate::{HOSTILE, alert, alerts, config, hostile_alert};

const TOO_FAR_BEHIND: &str = "entry for stream '{}' has timestamp too old: entry too far behind, oldest acceptable …";

fn loki(server: &Server, more: Value) -> Loki {
    let mut value = json!({"url": server.url("")});
    value.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    Loki::new(&config(value)).unwrap()
}

/// Stream labels, time, line and metadata of every entry, in order.
fn entries(asked: &Asked) -> Vec<(Value, String, String, Value)> {
    let push = asked.json();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let of_stream = |stream: &Value| {
        let labels = stream["stream"].clone();
        let values = stream["values"].as_array().unwrap().clone();
        values.into_iter().map(move |entry| (labels.clone(), text(&entry[0]), text(&entry[1]), entry[2].clone()))
    };
    push["streams"].as_array().unwrap().iter().flat_map(of_stream).collect()
}

#[tokio::test]
async fn labels_are_few_and_the_rest_is_metadata() {
    let server = Server::start([]);
    let mut sink = loki(&server, json!({"tenant": "security", "labels": {"region": "eu"}}));
    let mut graver = alert("b");
    graver.severity = Severity::Critical;
    sink.send(&[alert("a"), graver, alert("c")]).await.unwrap();
    let asked = &server.asked()[0];
    assert_eq!(asked.uri, "/loki/api/v1/push");
    assert_eq!((asked.header("content-encoding"), asked.header("x-scope-orgid")), ("gzip", "security"));
    let entries = entries(asked);
    let high = entries.iter().filter(|(labels, ..)| labels["severity"] == "high").collect::<Vec<_>>();
    let (labels, time, line, metadata) = high[0];
    let rule = "outside-trusted-networks";
    assert_eq!(
        *labels,
        json!({"job": "gatecrier", "cluster": "prod", "severity": "high", "rule": rule, "region": "eu"})
    );
    assert_eq!(time, "1795350112577015000");
    assert_eq!(serde_json::from_str::<Alert>(line).unwrap(), alert("a"));
    let expected = json!({"alert_id": "a", "revision": "1", "client_ip": "203.0.113.7", "actor": "eve",
        "namespace": "payments", "resource": "secrets", "outcome": "success"});
    assert_eq!(*metadata, expected);
    assert_eq!(high[1].3["alert_id"], "c");
    assert_eq!(entries.len(), 3);
}

#[tokio::test]
async fn the_same_alert_gives_the_same_bytes() {
    let server = Server::start([]);
    let mut sink = loki(&server, json!({}));
    sink.send(&alerts(5)).await.unwrap();
    sink.send(&alerts(5)).await.unwrap();
    assert_eq!(server.asked()[0].body, server.asked()[1].body);
}

#[tokio::test]
async fn only_some_answers_mean_stored() {
    for (code, expected) in [
        (200, "ok"),
        (202, "ok"),
        (204, "ok"),
        (260, "slow"),
        (201, "slow"),
        (400, "reject"),
        (413, "reject"),
        (429, "retry"),
        (500, "retry"),
        (401, "slow"),
    ] {
        let server = Server::start([status(code)]);
        let outcome = match loki(&server, json!({})).send(&alerts(3)).await {
            Ok(()) => "ok",
            Err(SendError::Retry { after: None, .. }) => "retry",
            Err(SendError::Retry { .. }) => "slow",
            Err(SendError::Reject(_)) => "reject",
            Err(other) => panic!("{other}"),
        };
        assert_eq!(outcome, expected, "{code}");
    }
}

#[tokio::test]
async fn an_entry_behind_its_stream_is_sent_as_of_now() {
    let server = Server::start([body(400, TOO_FAR_BEHIND)]);
    loki(&server, json!({})).send(&alerts(1)).await.unwrap();
    let [first, second] = [0, 1].map(|number| entries(&server.asked()[number]).remove(0));
    assert_eq!(second.3["original_ts"], first.1);
    let now = jiff::Timestamp::now().as_nanosecond();
    assert!((second.1.parse::<i128>().unwrap() - now).abs() < 60_000_000_000);
    assert_eq!(first.2, second.2);
}

#[tokio::test]
async fn several_entries_behind_their_stream_are_told_apart_first() {
    let server = Server::start([body(400, TOO_FAR_BEHIND)]);
    let error = loki(&server, json!({})).send(&alerts(2)).await.unwrap_err();
    assert!(matches!(error, SendError::Reject(_)), "{error}");
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn a_long_line_loses_its_evidence_and_says_so() {
    let server = Server::start([]);
    let mut long = alert("long");
    let event = format!("{{\"verb\":\"{}\"}}", "x".repeat(300_000));
    long.evidence.as_mut().unwrap().event = RawValue::from_string(event).unwrap();
    loki(&server, json!({})).send(&[long]).await.unwrap();
    let (_, _, line, metadata) = entries(&server.asked()[0]).remove(0);
    assert!(line.len() < 256 * 1024);
    assert_eq!(metadata["evidence_cut"], "true");
    let evidence = serde_json::from_str::<Alert>(&line).unwrap().evidence.unwrap();
    assert_eq!((evidence.event.get(), evidence.cut, evidence.bytes), ("null", true, 1432));
}

#[tokio::test]
async fn a_push_stays_below_a_megabyte() {
    let server = Server::start([status(204), status(503)]);
    let mut big = alerts(10);
    for alert in &mut big {
        let event = format!("{{\"verb\":\"{}\"}}", "x".repeat(200_000));
        alert.evidence.as_mut().unwrap().event = RawValue::from_string(event).unwrap();
    }
    let error = loki(&server, json!({})).send(&big).await.unwrap_err();
    let asked = server.asked();
    assert!(asked.iter().all(|asked| asked.body.len() < 1_000_000));
    let taken = entries(&asked[0]).len();
    let SendError::Partly { rejected, retry, .. } = error else { panic!("{error}") };
    assert!(rejected.is_empty());
    assert_eq!(retry, (taken..10).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_loki_without_structured_metadata_is_told_from_a_bad_entry() {
    let text = "stream '{}' includes structured metadata, but this feature is disallowed";
    let server = Server::start([body(400, text)]);
    let error = loki(&server, json!({})).send(&alerts(1)).await.unwrap_err();
    assert!(matches!(error, SendError::Retry { after: Some(_), .. }), "{error}");
    assert!(error.to_string().contains("structured_metadata: false"), "{error}");
    let server = Server::start([]);
    loki(&server, json!({"structured_metadata": false})).send(&alerts(1)).await.unwrap();
    assert_eq!(entries(&server.asked()[0])[0].3, Value::Null);
}

#[tokio::test]
async fn hostile_text_never_becomes_a_label() {
    for text in HOSTILE {
        let server = Server::start([]);
        loki(&server, json!({})).send(&[hostile_alert(text)]).await.unwrap();
        let (labels, _, line, metadata) = entries(&server.asked()[0]).remove(0);
        let names: Vec<_> = labels.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(names, ["cluster", "job", "rule", "severity"]);
        assert_eq!(labels["severity"], "high");
        assert_eq!(metadata["actor"], *text);
        assert!(!line.contains(['\n', '\r', '\u{1b}']));
        assert_eq!(serde_json::from_str::<Alert>(&line).unwrap(), hostile_alert(text));
    }
}

#[test]
fn labels_that_cannot_be_are_errors() {
    for labels in [json!({"a-b": "x"}), json!({"1a": "x"}), json!({"rule": "x"}), json!({"a": ""})] {
        let value = json!({"url": "http://x", "labels": labels});
        let error = Loki::new(&config(value)).unwrap_err().to_string();
        assert!(error.contains("`labels`"), "{error}");
    }
}

#[tokio::test]
async fn a_check_asks_whether_it_is_ready() {
    for (code, is_ok) in [(200, true), (404, true), (503, false), (401, false)] {
        let server = Server::start([status(code)]);
        assert_eq!(loki(&server, json!({})).check().await.is_ok(), is_ok, "{code}");
        assert_eq!(server.asked()[0].uri, "/ready");
    }
}
