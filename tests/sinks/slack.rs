//! Slack.

use std::time::Duration;

use gatecrier::alert::{Alert, Status};
use gatecrier::sink::slack::Slack;
use gatecrier::sink::{SendError, Sink as _};
use serde_json::{Value, json};

use crate::peers;
use crate::server::{Answer, Server, body, header, status};
use crate::{alert, alerts, config, key_file, outcome};

fn slack(server: &Server, more: Value) -> Slack {
    let mut value = json!({"url": server.url("/services/T0/B0/url-secret")});
    value.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    Slack::new(&config(value)).unwrap()
}

fn server() -> Server {
    Server::choosing([], |asked| Some(peers::slack(asked)))
}

#[tokio::test]
async fn an_alert_is_a_message_with_its_facts() {
    let server = server();
    slack(&server, json!({})).send(&alerts(2)).await.unwrap();
    let asked = server.asked();
    assert_eq!((asked.len(), asked[0].uri.path()), (2, "/services/T0/B0/url-secret"));
    let message = asked[0].json();
    assert_eq!(message["text"], "HIGH: eve read secrets from 203.0.113.7");
    assert_eq!(message["blocks"][0]["text"]["text"], "*HIGH* eve read secrets from 203.0.113.7");
    assert_eq!(message["blocks"][1]["fields"][0]["text"], "*Who*\neve (human), acting as system:admin");
}

#[tokio::test]
async fn an_end_is_said_only_when_asked_for() {
    let server = server();
    let closed = Alert { status: Status::Closed, revision: 2, ..alert("0") };
    slack(&server, json!({})).send(std::slice::from_ref(&closed)).await.unwrap();
    assert!(server.asked().is_empty());
    slack(&server, json!({"closings": true})).send(std::slice::from_ref(&closed)).await.unwrap();
    // Ours about ourselves are closed from the beginning.
    slack(&server, json!({})).send(&[Alert { revision: 1, ..closed }]).await.unwrap();
    let texts: Vec<Value> = server.asked().iter().map(|asked| asked.json()["text"].clone()).collect();
    assert_eq!(texts, ["HIGH (over): eve read secrets from 203.0.113.7", "HIGH: eve read secrets from 203.0.113.7"]);
}

#[tokio::test]
async fn failures_are_told_apart_and_show_no_secret() {
    for (answer, expected) in [
        (body(400, "invalid_blocks"), "reject"),
        (body(400, "invalid_payload"), "reject"),
        (body(403, "action_prohibited"), "slow"),
        (body(403, "invalid_token"), "slow"),
        (body(404, "channel_not_found"), "slow"),
        (body(410, "channel_is_archived"), "slow"),
        (body(400, "user_not_found"), "slow"),
        (body(200, "invalid_payload"), "slow"),
        (body(200, "<html>welcome</html>"), "slow"),
        (status(204), "slow"),
        (body(500, "rollup_error"), "retry"),
        (Answer::Cut, "retry"),
    ] {
        let server = Server::start([answer]);
        let (outcome, text) = outcome(&mut slack(&server, json!({}))).await;
        assert_eq!(outcome, expected, "{text}");
        assert!(!text.contains("url-secret"), "{text}");
    }
    // One message a second is what Slack grants.
    let server = Server::start([body(200, "ok"), header(429, "retry-after", "1")]);
    let error = slack(&server, json!({})).send(&alerts(3)).await.unwrap_err();
    let SendError::Partly { retry, after, .. } = error else { panic!("{error}") };
    assert_eq!((retry, after), (vec![1, 2], Some(Duration::from_secs(1))));
}

#[tokio::test]
async fn the_address_is_read_from_its_file_again_when_it_changes() {
    let servers = [server(), server()];
    let (_dir, path) = key_file(&servers[0].url("/first"));
    let mut sink = Slack::new(&config(json!({"url_file": path}))).unwrap();
    sink.send(&alerts(1)).await.unwrap();
    std::fs::write(&path, servers[1].url("/second\n")).unwrap();
    sink.send(&alerts(1)).await.unwrap();
    assert_eq!([&servers[0], &servers[1]].map(|server| server.asked().len()), [1, 1]);
    std::fs::write(&path, "url-secret").unwrap();
    let (outcome, text) = outcome(&mut sink).await;
    assert_eq!(outcome, "slow", "{text}");
    assert!(!text.contains("url-secret"), "{text}");
}

#[test]
fn an_address_that_is_missing_or_set_twice_is_said_when_it_is_built() {
    let (_dir, path) = key_file("https://x/");
    for (value, word) in [(json!({}), "url_file"), (json!({"url": "https://x", "url_file": path}), "keep one")] {
        let error = Slack::new(&config(value)).unwrap_err().to_string();
        assert!(error.contains(word), "{error}");
    }
}
