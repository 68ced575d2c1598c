//! The sinks against real servers, which `tests/real/run` starts and names in the environment.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::time::{Duration, Instant};

use gatecrier::alert::{Alert, Severity, Status};
use gatecrier::event::Timestamp;
use gatecrier::sink::alertmanager::Alertmanager;
use gatecrier::sink::elasticsearch::Elasticsearch;
use gatecrier::sink::loki::Loki;
use gatecrier::sink::{SendError, Sink as _};
use serde_json::value::RawValue;
use serde_json::{Value, json};

/// Longest we wait for what was stored to be found.
const PATIENCE: Duration = Duration::from_secs(30);

fn server(variable: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| panic!("{variable} is not set: run this test by tests/real/run"))
}

/// A name that no other test and no earlier run uses.
fn unique(name: &str) -> String {
    format!("{name}-{}", jiff::Timestamp::now().as_nanosecond())
}

fn now() -> Timestamp {
    Timestamp::from_micros(jiff::Timestamp::now().as_microsecond())
}

/// A full alert about something that happened now.
fn alert(id: &str, cluster: &str) -> Alert {
    let mut alert: Alert = serde_json::from_str(include_str!("../alerts/full.json")).unwrap();
    (alert.id, alert.cluster) = (id.to_owned(), cluster.to_owned());
    (alert.first_seen, alert.last_seen) = (now(), now());
    alert
}

fn with_event(mut alert: Alert, event: &str) -> Alert {
    alert.evidence.as_mut().unwrap().event = RawValue::from_string(event.to_owned()).unwrap();
    alert
}

async fn ask(method: &str, url: &str, body: Value) -> Value {
    let request = reqwest::Client::new().request(method.parse().unwrap(), url);
    let request = request.header("content-type", "application/json");
    let request = if body.is_null() { request } else { request.body(body.to_string()) };
    let text = request.send().await.unwrap().text().await.unwrap();
    serde_json::from_str(&text).unwrap_or_else(|_| panic!("{url} answered {text}"))
}

/// The stored documents by id, once there are so many.
async fn documents(url: &str, stream: &str, query: Value, count: usize) -> Vec<Value> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        ask("POST", &format!("{url}/{stream}/_refresh"), Value::Null).await;
        let body = json!({"query": query, "size": 100, "sort": ["gatecrier.id"],
            // Of the events, which can be such that no JSON parser reads them, only what is looked at.
            "_source": ["gatecrier.id", "kubernetes.audit.verb"]});
        let found = ask("POST", &format!("{url}/{stream}/_search"), body).await;
        let hits = found["hits"]["hits"].as_array().cloned().unwrap_or_default();
        if hits.len() == count {
            return hits;
        }
        assert!(Instant::now() < deadline, "{count} documents expected, found {found}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn elasticsearch(url: &str, stream: &str, template: bool) -> Elasticsearch {
    let config = json!({"url": url, "data_stream": stream, "template": template});
    Elasticsearch::new(&serde_json::from_value(config).unwrap()).unwrap()
}

/// Sends, sends again and finds each alert once, by its fields.
async fn stores_each_alert_once(url: &str) {
    let stream = unique("gatecrier-alerts");
    let mut sink = elasticsearch(url, &stream, true);
    assert!(sink.check().await.unwrap().contains("cluster"));
    let bare: Alert = serde_json::from_str(include_str!("../alerts/bare.json")).unwrap();
    let alerts = [alert("0", "prod"), alert("1", "prod"), bare];
    sink.send(&alerts).await.unwrap();
    // As after a lost answer: every document is there already.
    sink.send(&alerts).await.unwrap();
    elasticsearch(url, &stream, true).send(&alerts[..1]).await.unwrap();
    let hits = documents(url, &stream, json!({"match_all": {}}), 3).await;
    assert_eq!(hits[0]["_id"], "0.1");
    assert_eq!(hits[0]["_source"]["kubernetes"]["audit"]["verb"], "list");
    for query in [
        json!({"term": {"source.ip": "203.0.113.0/24"}}),
        json!({"term": {"user.name": "eve"}}),
        json!({"term": {"rule.id": "outside-trusted-networks"}}),
        json!({"term": {"threat.technique.id": "T1552.007"}}),
        json!({"match": {"message": "secrets"}}),
        json!({"range": {"event.severity": {"gte": 73, "lt": 99}}}),
        json!({"term": {"orchestrator.namespace": "payments"}}),
    ] {
        documents(url, &stream, query, 2).await;
    }
}

/// Audit events that an index refuses must not keep their alerts out.
async fn takes_alerts_about_any_event(url: &str) {
    let stream = unique("gatecrier-alerts");
    let nested = |depth: usize| format!("{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth));
    let long = format!("{{\"verb\":\"{}\"}}", "x".repeat(100_000));
    let events = [
        r#"{"a":1,"a":2}"#,
        r#"{"a.b":1,"a":{"b":{"c":2}},"":3,".":4,"a..b":5}"#,
        r#"{"text":"\ud800 \u0000"}"#,
        "{\n  \"pretty\":\r\n  true\n}",
        r#"{"number":1e999}"#,
        r#""no object""#,
        "[1,[2,[3]]]",
        &nested(100),
        &nested(2000),
        &long,
    ];
    let number = |(number, event): (usize, &&str)| with_event(alert(&number.to_string(), "prod"), event);
    let alerts: Vec<Alert> = events.iter().enumerate().map(number).collect();
    elasticsearch(url, &stream, true).send(&alerts).await.unwrap();
    documents(url, &stream, json!({"match_all": {}}), events.len()).await;
}

/// A document that can never be indexed is named, and its neighbours are stored.
async fn rejects_a_bad_document_alone(url: &str) {
    let stream = unique("strict");
    let properties = json!({"user": {"properties": {"name": {"type": "ip"}}},
        "gatecrier": {"properties": {"id": {"type": "keyword"}}}, "@timestamp": {"type": "date"}});
    let template = json!({"index_patterns": [stream], "data_stream": {}, "priority": 300,
        "template": {"mappings": {"dynamic": false, "properties": properties}}});
    let path = format!("{url}/_index_template/{stream}");
    assert_eq!(ask("PUT", &path, template).await["acknowledged"], true);
    let mut alerts: Vec<Alert> = ["0", "1", "2"].map(|id| alert(id, "prod")).into();
    for (alert, name) in alerts.iter_mut().zip(["10.0.0.1", "eve", "10.0.0.2"]) {
        alert.actor.as_mut().unwrap().name = name.to_owned();
    }
    let error = elasticsearch(url, &stream, true).send(&alerts).await.unwrap_err();
    let SendError::Partly { rejected, retry, .. } = error else { panic!("{error}") };
    assert_eq!(rejected.iter().map(|(index, _)| *index).collect::<Vec<_>>(), [1]);
    assert!(rejected[0].1.to_string().contains("eve"), "{}", rejected[0].1);
    assert!(retry.is_empty());
    documents(url, &stream, json!({"match_all": {}}), 2).await;
}

/// An index that was made read-only, as for want of disk space, keeps alerts waiting.
async fn waits_for_a_read_only_index(url: &str) {
    let stream = unique("gatecrier-alerts");
    let mut sink = elasticsearch(url, &stream, true);
    sink.send(&[alert("0", "prod")]).await.unwrap();
    let settings = format!("{url}/{stream}/_settings");
    ask("PUT", &settings, json!({"index.blocks.read_only_allow_delete": true})).await;
    let error = sink.send(&[alert("1", "prod")]).await.unwrap_err();
    let SendError::Partly { rejected, retry, after, .. } = error else { panic!("{error}") };
    assert!(rejected.is_empty() && after.is_some());
    assert_eq!(retry, [0]);
    ask("PUT", &settings, json!({"index.blocks.read_only_allow_delete": null})).await;
    sink.send(&[alert("1", "prod")]).await.unwrap();
    documents(url, &stream, json!({"match_all": {}}), 2).await;
}

#[tokio::test]
async fn opensearch_stores_each_alert_once() {
    stores_each_alert_once(&server("GATECRIER_TEST_OPENSEARCH_URL")).await;
}

#[tokio::test]
async fn opensearch_takes_alerts_about_any_event() {
    takes_alerts_about_any_event(&server("GATECRIER_TEST_OPENSEARCH_URL")).await;
}

#[tokio::test]
async fn opensearch_rejects_a_bad_document_alone() {
    rejects_a_bad_document_alone(&server("GATECRIER_TEST_OPENSEARCH_URL")).await;
}

#[tokio::test]
async fn opensearch_waits_for_a_read_only_index() {
    waits_for_a_read_only_index(&server("GATECRIER_TEST_OPENSEARCH_URL")).await;
}

#[tokio::test]
async fn opensearch_finds_alerts_by_their_event() {
    let url = server("GATECRIER_TEST_OPENSEARCH_URL");
    let stream = unique("gatecrier-alerts");
    elasticsearch(&url, &stream, true).send(&[alert("0", "prod")]).await.unwrap();
    let decision = json!({"term": {"kubernetes.audit.verb": "list"}});
    documents(&url, &stream, decision, 1).await;
}

#[tokio::test]
async fn elasticsearch_stores_each_alert_once() {
    stores_each_alert_once(&server("GATECRIER_TEST_ELASTICSEARCH_URL")).await;
}

#[tokio::test]
async fn elasticsearch_takes_alerts_about_any_event() {
    takes_alerts_about_any_event(&server("GATECRIER_TEST_ELASTICSEARCH_URL")).await;
}

#[tokio::test]
async fn elasticsearch_rejects_a_bad_document_alone() {
    rejects_a_bad_document_alone(&server("GATECRIER_TEST_ELASTICSEARCH_URL")).await;
}

#[tokio::test]
async fn elasticsearch_waits_for_a_read_only_index() {
    waits_for_a_read_only_index(&server("GATECRIER_TEST_ELASTICSEARCH_URL")).await;
}

fn loki(url: &str) -> Loki {
    Loki::new(&serde_json::from_value(json!({"url": url})).unwrap()).unwrap()
}

/// Time, line and metadata of the cluster's entries over the last and the next two days, once there are so many.
async fn entries(url: &str, cluster: &str, filter: &str, count: usize) -> Vec<(String, String, Value)> {
    let second = jiff::Timestamp::now().as_second();
    let query = format!("{{job=\"gatecrier\",cluster=\"{cluster}\"}}{filter}");
    let range = [("query", query), ("start", (second - 172_800).to_string()), ("end", (second + 172_800).to_string())];
    let mut address = reqwest::Url::parse(&format!("{url}/loki/api/v1/query_range?limit=1000")).unwrap();
    address.query_pairs_mut().extend_pairs(range);
    let deadline = Instant::now() + PATIENCE;
    loop {
        let request = reqwest::Client::new().get(address.clone());
        let request = request.header("X-Loki-Response-Encoding-Flags", "categorize-labels");
        let text = request.send().await.unwrap().text().await.unwrap();
        let found: Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}"));
        let streams = found["data"]["result"].as_array().cloned().unwrap_or_default();
        let values = streams.iter().flat_map(|stream| stream["values"].as_array().unwrap().clone());
        let entries: Vec<_> = values
            .map(|value| {
                let text = |index: usize| value[index].as_str().unwrap().to_owned();
                (text(0), text(1), value[2]["structuredMetadata"].clone())
            })
            .collect();
        if entries.len() == count {
            return entries;
        }
        assert!(Instant::now() < deadline, "{count} entries expected, found {found}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn loki_stores_each_alert_once() {
    let (url, cluster) = (server("GATECRIER_TEST_LOKI_URL"), unique("once"));
    let mut sink = loki(&url);
    assert!(sink.check().await.unwrap().contains("ready"));
    let alerts: Vec<Alert> = (0..20).map(|number| alert(&number.to_string(), &cluster)).collect();
    sink.send(&alerts).await.unwrap();
    // As after a lost answer: Loki drops what it holds already.
    sink.send(&alerts).await.unwrap();
    entries(&url, &cluster, "", 20).await;
    let found = entries(&url, &cluster, " | alert_id=\"7\" | actor=\"eve\"", 1).await;
    assert_eq!(serde_json::from_str::<Alert>(&found[0].1).unwrap(), alerts[7]);
    assert_eq!(found[0].2["client_ip"], "203.0.113.7");
}

#[tokio::test]
async fn loki_takes_alerts_out_of_their_time() {
    let (url, cluster) = (server("GATECRIER_TEST_LOKI_URL"), unique("late"));
    let mut sink = loki(&url);
    let [new, mut old, mut future] = ["new", "old", "future"].map(|id| alert(id, &cluster));
    old.last_seen = now().plus_seconds(-3 * 3600);
    future.last_seen = now().plus_seconds(24 * 3600);
    sink.send(std::slice::from_ref(&new)).await.unwrap();
    let error = sink.send(&[old.clone(), new.clone()]).await.unwrap_err();
    assert!(matches!(error, SendError::Reject(_)), "{error}");
    assert!(error.to_string().contains("too far behind"), "{error}");
    sink.send(std::slice::from_ref(&old)).await.unwrap();
    sink.send(std::slice::from_ref(&future)).await.unwrap();
    entries(&url, &cluster, "", 3).await;
    for late in [old, future] {
        let found = entries(&url, &cluster, &format!(" | alert_id=\"{}\"", late.id), 1).await;
        let original = (i128::from(late.last_seen.micros()) * 1000).to_string();
        assert_eq!(found[0].2["original_ts"], original);
        assert_ne!(found[0].0, original);
    }
}

#[tokio::test]
async fn loki_rejects_a_bad_entry_alone() {
    let (url, cluster) = (server("GATECRIER_TEST_LOKI_URL"), unique("bad"));
    let mut sink = loki(&url);
    let mut alerts: Vec<Alert> = ["0", "1", "2"].map(|id| alert(id, &cluster)).into();
    alerts[1].summary = "x".repeat(300_000);
    let rejected = |sent: Result<(), SendError>| matches!(sent, Err(SendError::Reject(_)));
    assert!(rejected(sink.send(&alerts).await));
    sink.send(&alerts[..1]).await.unwrap();
    assert!(rejected(sink.send(&alerts[1..2]).await));
    sink.send(&alerts[2..]).await.unwrap();
    entries(&url, &cluster, "", 2).await;
}

#[tokio::test]
async fn loki_stores_an_alert_with_long_evidence() {
    let (url, cluster) = (server("GATECRIER_TEST_LOKI_URL"), unique("long"));
    let event = format!("{{\"verb\":\"{}\"}}", "x".repeat(600_000));
    loki(&url).send(&[with_event(alert("0", &cluster), &event)]).await.unwrap();
    let found = entries(&url, &cluster, "", 1).await;
    assert_eq!(found[0].2["evidence_cut"], "true");
}

fn alertmanager(url: &str) -> Alertmanager {
    // One replica is never there.
    let config = json!({"urls": ["http://127.0.0.1:9", url], "resolve_after": "3s"});
    Alertmanager::new(&serde_json::from_value(config).unwrap()).unwrap()
}

/// Id and severity of the cluster's alerts that fire.
async fn firing(url: &str, cluster: &str) -> Vec<(String, String)> {
    let found = ask("GET", &format!("{url}/api/v2/alerts?filter=cluster=%22{cluster}%22"), Value::Null).await;
    let label = |alert: &Value, name: &str| alert["labels"][name].as_str().unwrap().to_owned();
    let pair = |alert: &Value| (label(alert, "alert_id"), label(alert, "severity"));
    let mut firing: Vec<_> = found.as_array().unwrap().iter().map(pair).collect();
    firing.sort();
    firing
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(id, severity)| ((*id).to_owned(), (*severity).to_owned())).collect()
}

#[tokio::test]
async fn alertmanager_holds_one_alert_for_all_revisions() {
    let (url, cluster) = (server("GATECRIER_TEST_ALERTMANAGER_URL"), unique("revisions"));
    let mut sink = alertmanager(&url);
    sink.send(&[alert("0", &cluster), alert("1", &cluster)]).await.unwrap();
    sink.send(&[alert("0", &cluster)]).await.unwrap();
    assert_eq!(firing(&url, &cluster).await, pairs(&[("0", "high"), ("1", "high")]));
    let mut graver = alert("0", &cluster);
    graver.severity = Severity::Critical;
    sink.send(&[graver]).await.unwrap();
    assert_eq!(firing(&url, &cluster).await, pairs(&[("0", "critical"), ("1", "high")]));
}

#[tokio::test]
async fn alertmanager_takes_any_text() {
    let (url, cluster) = (server("GATECRIER_TEST_ALERTMANAGER_URL"), unique("text"));
    let mut hostile = alert("0", &cluster);
    hostile.summary = format!("\0\u{1b}[2J<!channel>{{{{ .x }}}}\u{202e}{}", "x".repeat(100_000));
    hostile.first_seen = now().plus_seconds(3600);
    hostile.rule.id = "a rule\n\"".to_owned();
    alertmanager(&url).send(&[hostile]).await.unwrap();
    assert_eq!(firing(&url, &cluster).await.len(), 1);
}

#[tokio::test]
async fn alertmanager_notifies_of_an_alert_that_came_late_and_of_its_end() {
    let (url, cluster) = (server("GATECRIER_TEST_ALERTMANAGER_URL"), unique("notify"));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (heard, mut notices) = tokio::sync::mpsc::unbounded_channel();
    let hook = axum::Router::new().fallback(async move |body: String| drop(heard.send(body)));
    std::fs::write(server("GATECRIER_TEST_ALERTMANAGER_NOTIFY"), format!("http://{}/", listener.local_addr().unwrap()))
        .unwrap();
    tokio::spawn(async { axum::serve(listener, hook).await });
    let mut late = alert("0", &cluster);
    late.status = Status::Closed;
    let sink = &mut alertmanager(&url);
    assert!(sink.check().await.is_err(), "one replica is away");
    sink.send(&[late]).await.unwrap();
    let mut statuses = Vec::new();
    while statuses.len() < 2 {
        let body = tokio::time::timeout(PATIENCE, notices.recv()).await.unwrap().unwrap();
        let notice: Value = serde_json::from_str(&body).unwrap();
        if notice["groupLabels"]["cluster"] == cluster.as_str() {
            statuses.push(notice["status"].as_str().unwrap().to_owned());
        }
    }
    assert_eq!(statuses, ["firing", "resolved"]);
}
