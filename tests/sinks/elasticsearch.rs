//! Elasticsearch and OpenSearch.

use gatecrier::sink::elasticsearch::Elasticsearch;
use gatecrier::sink::{SendError, Sink as _};
use serde_json::{Value, json};

use crate::server::{Answer, Asked, Server, body, status};
use crate::{HOSTILE, alert, alerts, config, hostile_alert};

const OPENSEARCH: &str = r#"{"version":{"distribution":"opensearch","number":"2.19.1"}}"#;
const ELASTICSEARCH: &str = r#"{"version":{"number":"8.19.21"}}"#;
const TEMPLATE: &str = "/_index_template/gatecrier-alerts";

fn elasticsearch(server: &Server, more: Value) -> Elasticsearch {
    let mut value = json!({"url": server.url("/")});
    value.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    Elasticsearch::new(&config(value)).unwrap()
}

/// A server without our template that says it is `about`, and answers `_bulk` by script.
fn server(about: Answer, bulk: impl IntoIterator<Item = Answer>) -> Server {
    Server::choosing(bulk, move |asked| match (asked.method.as_str(), asked.uri.path()) {
        ("GET", "/") => Some(about.clone()),
        ("GET", TEMPLATE) => Some(status(404)),
        ("PUT", TEMPLATE) => Some(body(200, r#"{"acknowledged":true}"#)),
        _ => None,
    })
}

/// The answer to `_bulk` with such a status and error type for each document.
fn items(items: &[(u16, &str)]) -> Answer {
    let item = |&(status, kind): &(u16, &str)| match kind {
        "" => json!({"create": {"status": status}}),
        _ => json!({"create": {"status": status, "error": {"type": kind, "reason": "because"}}}),
    };
    let items: Vec<Value> = items.iter().map(item).collect();
    body(200, &json!({"errors": true, "items": items}).to_string())
}

fn taken() -> Answer {
    body(200, r#"{"errors":false}"#)
}

fn bulks(server: &Server) -> Vec<Asked> {
    server.asked().into_iter().filter(|asked| asked.uri.path().ends_with("/_bulk")).collect()
}

#[tokio::test]
async fn documents_are_created_under_the_alerts_key() {
    let server = server(body(200, OPENSEARCH), [taken()]);
    elasticsearch(&server, json!({})).send(&alerts(2)).await.unwrap();
    let asked = &bulks(&server)[0];
    assert_eq!(asked.uri.path(), "/gatecrier-alerts/_bulk");
    assert_eq!((asked.header("content-type"), asked.header("content-encoding")), ("application/x-ndjson", "gzip"));
    let lines = asked.lines();
    assert_eq!(lines.len(), 4);
    assert_eq!(lines[0], json!({"create": {"_id": "0.1"}}));
    assert_eq!(lines[2], json!({"create": {"_id": "1.1"}}));
    assert_eq!(lines[3]["gatecrier"]["id"], "1");
    assert_eq!(lines[3]["kubernetes"]["audit"]["verb"], "list");
    assert!(asked.body.ends_with(b"\n"));
}

#[tokio::test]
async fn the_template_is_installed_once_in_the_receivers_dialect() {
    let flattened = json!({"type": "flattened", "ignore_above": 1024});
    let plain = json!({"type": "object", "enabled": false});
    for (about, expected) in [
        (body(200, OPENSEARCH), json!({"type": "flat_object"})),
        (body(200, ELASTICSEARCH), flattened),
        (status(405), plain.clone()),
        (status(403), plain),
    ] {
        let server = server(about, [taken(), taken()]);
        let mut sink = elasticsearch(&server, json!({}));
        sink.send(&alerts(1)).await.unwrap();
        sink.send(&alerts(1)).await.unwrap();
        let puts: Vec<Asked> = server.asked().into_iter().filter(|asked| asked.method == "PUT").collect();
        assert_eq!(puts.len(), 1);
        let template = puts[0].json();
        assert_eq!(template["index_patterns"], json!(["gatecrier-alerts"]));
        assert_eq!(template.pointer("/template/mappings/properties/kubernetes/properties/audit"), Some(&expected));
    }
}

#[tokio::test]
async fn a_field_type_the_receiver_lacks_is_done_without() {
    let server = Server::choosing([taken()], |asked| match (asked.method.as_str(), asked.uri.path()) {
        ("GET", "/") => Some(body(200, ELASTICSEARCH)),
        ("GET", TEMPLATE) => Some(status(404)),
        ("PUT", TEMPLATE) if asked.body.windows(9).any(|bytes| bytes == b"flattened") => Some(status(400)),
        ("PUT", TEMPLATE) => Some(status(200)),
        _ => None,
    });
    elasticsearch(&server, json!({})).send(&alerts(1)).await.unwrap();
    assert_eq!(bulks(&server).len(), 1);
}

#[tokio::test]
async fn a_template_that_cannot_be_installed_blames_no_alert() {
    for code in [400, 401, 403, 500] {
        let server = Server::choosing([], move |asked| match (asked.method.as_str(), asked.uri.path()) {
            ("GET", TEMPLATE) => Some(status(404)),
            _ => Some(status(code)),
        });
        let error = elasticsearch(&server, json!({})).send(&alerts(1)).await.unwrap_err();
        assert!(matches!(error, SendError::Retry { .. }), "{code}: {error}");
        assert!(bulks(&server).is_empty());
    }
}

#[tokio::test]
async fn a_current_or_foreign_template_stays() {
    for meta in [json!({"managed_by": "gatecrier", "version": 1}), Value::Null] {
        let held = json!({"index_templates": [{"index_template": {"_meta": meta}}]}).to_string();
        let server = Server::choosing([taken()], move |asked| (asked.uri.path() == TEMPLATE).then(|| body(200, &held)));
        elasticsearch(&server, json!({})).send(&alerts(1)).await.unwrap();
        assert!(server.asked().iter().all(|asked| asked.method != "PUT"));
    }
    let server = Server::start([taken()]);
    elasticsearch(&server, json!({"template": false, "data_stream": "own"})).send(&alerts(1)).await.unwrap();
    assert_eq!(server.asked().len(), 1);
    assert_eq!(server.asked()[0].uri.path(), "/own/_bulk");
}

#[tokio::test]
async fn each_document_has_an_outcome_of_its_own() {
    let first = items(&[
        (201, ""),
        (409, "version_conflict_engine_exception"),
        (429, "es_rejected_execution_exception"),
        (400, "document_parsing_exception"),
        (503, "unavailable_shards_exception"),
    ]);
    let bare = items(&[(400, "document_parsing_exception")]);
    let server = server(body(200, OPENSEARCH), [first, bare]);
    let error = elasticsearch(&server, json!({})).send(&alerts(5)).await.unwrap_err();
    let SendError::Partly { rejected, retry, after, .. } = error else { panic!("{error}") };
    assert_eq!(rejected.len(), 1);
    assert_eq!(rejected[0].0, 3);
    assert!(rejected[0].1.to_string().contains("document_parsing_exception: because"));
    assert_eq!((retry, after), (vec![2, 4], None));
}

#[tokio::test]
async fn an_event_the_index_refuses_does_not_keep_its_alert_out() {
    let first = items(&[(201, ""), (400, "document_parsing_exception")]);
    let server = server(body(200, OPENSEARCH), [first, taken()]);
    elasticsearch(&server, json!({})).send(&alerts(2)).await.unwrap();
    let second = bulks(&server)[1].lines();
    assert_eq!(second.len(), 2);
    assert_eq!(second[0], json!({"create": {"_id": "1.1"}}));
    assert_eq!(second[1]["kubernetes"], Value::Null);
    assert_eq!(second[1]["gatecrier"]["evidence"]["cut"], true);
}

#[tokio::test]
async fn a_request_that_is_too_large_is_halved_and_then_bared() {
    let server = server(body(200, OPENSEARCH), [status(413), status(413), taken()]);
    let mut sink = elasticsearch(&server, json!({}));
    let error = sink.send(&alerts(2)).await.unwrap_err();
    assert!(matches!(error, SendError::Reject(_)), "{error}");
    sink.send(&alerts(1)).await.unwrap();
    assert_eq!(bulks(&server).len(), 3);
}

#[tokio::test]
async fn an_answer_that_says_nothing_of_the_documents_is_no_success() {
    for answer in [body(200, "<html>welcome</html>"), body(200, "{}"), items(&[(201, "")]), status(429), status(502)] {
        let server = server(body(200, OPENSEARCH), [answer]);
        let error = elasticsearch(&server, json!({})).send(&alerts(2)).await.unwrap_err();
        assert!(matches!(error, SendError::Retry { after: None, .. }), "{error}");
    }
}

#[tokio::test]
async fn hostile_text_stays_on_its_line() {
    for text in HOSTILE {
        let server = server(body(200, OPENSEARCH), [taken()]);
        elasticsearch(&server, json!({})).send(&[hostile_alert(text), alert("next")]).await.unwrap();
        let lines = bulks(&server)[0].lines();
        assert_eq!(lines.len(), 4);
        assert_eq!(lines[1]["user"]["name"], *text);
        assert_eq!(lines[1]["source"].get("ip"), Some(&Value::Null));
        assert_eq!(lines[3]["gatecrier"]["id"], "next");
    }
}

#[tokio::test]
async fn a_check_asks_for_the_clusters_health() {
    let server = Server::start([body(200, r#"{"status":"yellow"}"#), status(401)]);
    let sink = elasticsearch(&server, json!({}));
    let text = sink.check().await.unwrap();
    assert!(text.contains("yellow"), "{text}");
    assert!(sink.check().await.unwrap_err().to_string().contains("auth"));
    assert!(server.asked().iter().all(|asked| asked.uri == "/_cluster/health"));
}
