//! The generic webhook.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use gatecrier::alert::Alert;
use gatecrier::sink::webhook::Webhook;
use gatecrier::sink::{SendError, Sink as _};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};

use crate::server::{Answer, Server, header, status};
use crate::{HOSTILE, alert, alerts, config, hostile_alert, key_file, outcome};

fn webhook(server: &Server, more: Value) -> Webhook {
    let mut value = json!({"url": server.url("/hook/path-secret?key=query-secret")});
    value.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    Webhook::new(&config(value)).unwrap()
}

#[tokio::test]
async fn each_alert_is_one_request_with_a_key_of_its_own() {
    let server = Server::start([]);
    let mut sink = webhook(&server, json!({"headers": {"X-Team": "blue", "Content-Type": "text/html"}}));
    sink.send(&alerts(3)).await.unwrap();
    let asked = server.asked();
    assert_eq!(asked.len(), 3);
    for (number, asked) in asked.iter().enumerate() {
        assert_eq!(
            (asked.method.as_str(), asked.uri.to_string().as_str()),
            ("POST", "/hook/path-secret?key=query-secret")
        );
        assert_eq!(asked.header("content-type"), "application/json");
        assert_eq!(asked.header("x-team"), "blue");
        assert_eq!(asked.header("idempotency-key"), format!("{number}.1"));
        assert_eq!(asked.header("webhook-id"), format!("{number}.1"));
        assert!(asked.header("user-agent").starts_with("gatecrier/"));
        assert_eq!(serde_json::from_slice::<Alert>(&asked.body).unwrap(), alert(&number.to_string()));
    }
}

fn hmac(key: &[u8], id: &str, timestamp: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(key).unwrap();
    mac.update(&[id.as_bytes(), b".", timestamp.as_bytes(), b".", body].concat());
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

#[tokio::test]
async fn requests_are_signed_with_what_the_file_holds_now() {
    let server = Server::start([]);
    let (_dir, path) = key_file("first\n");
    let mut sink = webhook(&server, json!({"secret_file": path}));
    sink.send(&alerts(1)).await.unwrap();
    std::fs::write(&path, format!("whsec_{}\nfirst\n", STANDARD.encode("second"))).unwrap();
    sink.send(&alerts(1)).await.unwrap();
    let asked = server.asked();
    for (asked, keys) in asked.iter().zip([&["first"][..], &["second", "first"]]) {
        let timestamp = asked.header("webhook-timestamp");
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        assert!(timestamp.parse::<u64>().unwrap().abs_diff(now) < 60);
        let expected: Vec<_> = keys.iter().map(|key| hmac(key.as_bytes(), "0.1", timestamp, &asked.body)).collect();
        assert_eq!(asked.header("webhook-signature"), expected.join(" "));
    }
}

#[tokio::test]
async fn each_way_to_say_who_we_are_is_read_from_its_file() {
    let (_dir, path) = key_file("s3cret\n");
    for (auth, expected) in [
        (json!({"username": "eve", "password_file": path}), format!("Basic {}", STANDARD.encode("eve:s3cret"))),
        (json!({"token_file": path}), "Bearer s3cret".to_owned()),
        (json!({"api_key_file": path}), "ApiKey s3cret".to_owned()),
    ] {
        let server = Server::start([]);
        webhook(&server, json!({"auth": auth})).send(&alerts(1)).await.unwrap();
        assert_eq!(server.asked()[0].header("authorization"), expected);
    }
}

#[tokio::test]
async fn what_fails_in_the_middle_is_named() {
    let script = [status(200), status(400), status(400), status(202), header(503, "retry-after", "7")];
    let server = Server::start(script);
    let error = webhook(&server, json!({})).send(&alerts(6)).await.unwrap_err();
    let SendError::Partly { rejected, retry, after, cause } = error else { panic!("{error}") };
    assert_eq!(rejected.iter().map(|(index, _)| *index).collect::<Vec<_>>(), [1]);
    assert_eq!((retry, after), (vec![3, 4, 5], Some(Duration::from_secs(7))));
    assert!(cause.unwrap().to_string().contains("503"));
    assert_eq!(server.asked().len(), 5);
}

#[tokio::test]
async fn an_event_the_receiver_refuses_does_not_keep_its_alert_out() {
    let server = Server::start([status(413), status(200)]);
    webhook(&server, json!({})).send(&alerts(1)).await.unwrap();
    let [whole, bare] = [0, 1].map(|number| server.asked()[number].json());
    assert_eq!(whole["evidence"]["event"]["verb"], "list");
    assert_eq!(bare["evidence"], json!({"event": null, "cut": true, "bytes": 1432}));
    assert_eq!(bare["id"], whole["id"]);
}

#[tokio::test]
async fn failures_are_told_apart_and_show_no_secret() {
    let elsewhere = Server::start([]);
    let location = elsewhere.url("/steal/path-secret");
    for (answer, expected, word) in [
        (status(500), "retry", "500"),
        (status(401), "slow", "401"),
        (status(404), "slow", "404"),
        (status(413), "reject", "413"),
        (header(307, "location", &location), "slow", "redirects to http://127.0.0.1"),
        (Answer::Cut, "retry", "no answer"),
    ] {
        let server = Server::start([answer.clone(), answer]);
        let (outcome, text) = outcome(&mut webhook(&server, json!({}))).await;
        assert_eq!(outcome, expected, "{text}");
        assert!(text.contains(word) && text.contains(&server.address.to_string()), "{text}");
        assert!(!text.contains("secret"), "{text}");
    }
    assert!(elsewhere.asked().is_empty(), "a redirect was followed");
}

#[tokio::test]
async fn no_connection_is_tried_again() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let url = format!("http://{address}/path-secret");
    let mut sink = Webhook::new(&config(json!({"url": url}))).unwrap();
    let (outcome, text) = outcome(&mut sink).await;
    assert_eq!(outcome, "retry", "{text}");
    assert!(text.contains(&address.to_string()) && !text.contains("secret"), "{text}");
}

#[tokio::test]
async fn a_connection_reset_is_tried_again() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    // Closed with the request unread, the kernel resets the connection.
    let reset = async {
        drop(listener.accept().await.unwrap());
    };
    let mut sink = Webhook::new(&config(json!({"url": url}))).unwrap();
    let ((outcome, text), ()) = tokio::join!(outcome(&mut sink), reset);
    assert_eq!(outcome, "retry", "{text}");
}

#[tokio::test]
async fn hostile_text_arrives_as_text() {
    let server = Server::start([]);
    let mut sink = webhook(&server, json!({}));
    for (number, text) in HOSTILE.iter().enumerate() {
        sink.send(&[hostile_alert(text)]).await.unwrap();
        let asked = &server.asked()[number];
        assert_eq!(serde_json::from_slice::<Alert>(&asked.body).unwrap(), hostile_alert(text));
        assert!(!asked.headers.contains_key("x-injected"));
    }
}

#[tokio::test]
async fn a_check_sends_no_alert() {
    for (code, is_ok) in [(204, true), (405, true), (401, false), (502, false)] {
        let server = Server::start([status(code)]);
        let checked = webhook(&server, json!({})).check().await;
        assert_eq!(checked.is_ok(), is_ok, "{checked:?}");
        assert!(server.asked().iter().all(|asked| asked.method == "HEAD" && asked.body.is_empty()));
        assert!(!format!("{checked:?}").contains("secret"));
    }
}

#[tokio::test]
async fn an_unknown_setting_is_an_error() {
    let value = json!({"url": "http://x", "secret_fil": "/x"});
    let error = serde_json::from_value::<gatecrier::sink::webhook::Config>(value).unwrap_err();
    assert!(error.to_string().contains("secret_fil"), "{error}");
}
