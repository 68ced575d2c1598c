//! Receivers of single records by HTTP: falcosidekick and OTLP.

use gatecrier::alert::Alert;
use gatecrier::sink::Sink as _;
use gatecrier::sink::falcosidekick::Falcosidekick;
use gatecrier::sink::otlp::Otlp;
use serde_json::{Value, json};

use crate::server::{Answer, Server, body, status};
use crate::{alert, alerts, config, outcome, peers};

fn falcosidekick(server: &Server) -> Falcosidekick {
    Falcosidekick::new(&config(json!({"url": server.url("/")}))).unwrap()
}

fn otlp(server: &Server) -> Otlp {
    Otlp::new(&config(json!({"url": server.url("/v1/logs")}))).unwrap()
}

#[tokio::test]
async fn falcosidekick_gets_an_event_by_falcos_names() {
    let server = Server::choosing([], |asked| Some(peers::falcosidekick(asked)));
    let id = "3f6b0c1d2e4a5968778695a4b3c2d1e0";
    falcosidekick(&server).send(&[alert(id), Alert { revision: 2, ..alert(id) }]).await.unwrap();
    let events: Vec<Value> = server.asked().iter().map(|asked| asked.json()).collect();
    assert_eq!(events[0]["priority"], "Error");
    assert_eq!(events[0]["source"], "k8s_audit");
    assert_eq!(events[0]["output_fields"]["ka.user.name"], "eve");
    assert_eq!(events[0]["output_fields"]["ka.target.namespace"], "payments");
    let uuids: Vec<&str> = events.iter().map(|event| event["uuid"].as_str().unwrap()).collect();
    assert_eq!(uuids[0], "3f6b0c1d-2e4a-4596-8877-869500000001");
    assert_ne!(uuids[0], uuids[1]);
}

#[tokio::test]
async fn falcosidekick_failures_are_told_apart() {
    for (answer, expected) in
        [(status(400), "reject"), (status(404), "slow"), (status(503), "retry"), (Answer::Cut, "retry")]
    {
        let server = Server::start([answer]);
        assert_eq!(outcome(&mut falcosidekick(&server)).await.0, expected);
    }
}

#[tokio::test]
async fn a_collector_gets_a_record_for_each_alert() {
    let server = Server::choosing([], |asked| Some(peers::otlp(asked)));
    otlp(&server).send(&alerts(2)).await.unwrap();
    assert_eq!(server.asked().len(), 2);
    let logs = server.asked()[0].json()["resourceLogs"][0].clone();
    assert_eq!(logs["resource"]["attributes"][1]["value"]["stringValue"], "prod");
    let record = &logs["scopeLogs"][0]["logRecords"][0];
    assert_eq!((&record["severityNumber"], &record["timeUnixNano"]), (&json!(17), &json!("1795350112577015000")));
    let whole = record["attributes"][3]["value"]["stringValue"].as_str().unwrap();
    assert_eq!(serde_json::from_str::<Alert>(whole).unwrap().summary, alerts(1)[0].summary);
}

#[tokio::test]
async fn a_partial_success_is_a_refusal_and_is_not_sent_again() {
    for (partly, expected) in [
        (r#"{"partialSuccess":{"rejectedLogRecords":"1","errorMessage":"too old\u001b"}}"#, "reject"),
        (r#"{"partialSuccess":{"rejectedLogRecords":1}}"#, "reject"),
    ] {
        let server = Server::start([body(200, partly)]);
        let (outcome, text) = outcome(&mut otlp(&server)).await;
        assert_eq!(outcome, expected, "{text}");
        assert!(!text.contains('\u{1b}'), "{text}");
    }
    // A warning is none, and a proxy before the collector may say anything.
    for fine in [
        r#"{"partialSuccess":{"errorMessage":"deprecated"}}"#,
        r#"{"partialSuccess":{"rejectedLogRecords":"0"}}"#,
        "",
        "ok",
    ] {
        let server = Server::start([body(200, fine)]);
        otlp(&server).send(&alerts(1)).await.unwrap();
    }
    for (answer, expected) in
        [(status(400), "reject"), (status(401), "slow"), (status(429), "retry"), (status(503), "retry")]
    {
        let server = Server::start([answer]);
        assert_eq!(outcome(&mut otlp(&server)).await.0, expected);
    }
}
