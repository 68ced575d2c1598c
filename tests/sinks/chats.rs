//! Teams and Discord, and what all chats have in common.

use std::time::Duration;

use gatecrier::alert::{Alert, Status};
use gatecrier::sink::discord::Discord;
use gatecrier::sink::teams::Teams;
use gatecrier::sink::{SendError, Sink as _};
use serde_json::{Value, json};

use crate::server::{Answer, Server, body, header, status};
use crate::{alert, alerts, config, outcome, peers};

fn address(server: &Server) -> Value {
    json!({"url": server.url("/webhook/url-secret?sig=url-secret")})
}

fn teams(server: &Server) -> Teams {
    Teams::new(&config(address(server))).unwrap()
}

fn discord(server: &Server) -> Discord {
    Discord::new(&config(json!({"url": server.url("/api/webhooks/1/url-secret")}))).unwrap()
}

fn closing() -> Alert {
    Alert { status: Status::Closed, revision: 2, ..alert("0") }
}

#[tokio::test]
async fn teams_gets_a_card() {
    let server = Server::choosing([], |asked| Some(peers::teams(asked)));
    teams(&server).send(&[alert("0"), closing()]).await.unwrap();
    let asked = server.asked();
    assert_eq!((asked.len(), asked[0].uri.query()), (1, Some("sig=url-secret")));
    let card = &asked[0].json()["attachments"][0]["content"];
    assert_eq!(card["body"][0]["inlines"][0]["text"], "HIGH ");
    assert_eq!(card["body"][0]["inlines"][1]["text"], "eve read secrets from 203.0.113.7");
    assert_eq!(card["body"][1]["inlines"][1]["text"], "eve (human), acting as system:admin");
}

#[tokio::test]
async fn teams_failures_are_told_apart() {
    let legacy = "Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error";
    for (answer, expected) in [
        (body(200, &format!("{legacy} 429 with ContextId …")), "retry"),
        (body(200, &format!("{legacy} 403 with ContextId …")), "slow"),
        (body(400, r#"{"error":{"code":"WorkflowTriggerIsNotEnabled"}}"#), "slow"),
        (body(401, r#"{"error":{"code":"DirectApiAuthorizationRequired"}}"#), "slow"),
        (body(400, r#"{"error":{"code":"TriggerInputSchemaMismatch"}}"#), "reject"),
        (status(413), "reject"),
        (status(429), "retry"),
        (status(502), "retry"),
        (Answer::Cut, "retry"),
    ] {
        let server = Server::start([answer]);
        let (outcome, text) = outcome(&mut teams(&server)).await;
        assert_eq!(outcome, expected, "{text}");
        assert!(!text.contains("url-secret"), "{text}");
    }
    let server = Server::start([body(200, "1"), status(202)]);
    teams(&server).send(&alerts(2)).await.unwrap();
}

#[tokio::test]
async fn discord_gets_an_embed_and_says_when_it_is_stored() {
    let server = Server::choosing([], |asked| Some(peers::discord(asked)));
    discord(&server).send(&[alert("0"), closing()]).await.unwrap();
    let asked = server.asked();
    assert_eq!((asked.len(), asked[0].uri.query()), (1, Some("wait=true")));
    let message = asked[0].json();
    assert_eq!(message["embeds"][0]["title"], "HIGH");
    assert_eq!(message["embeds"][0]["description"], "eve read secrets from 203.0.113.7");
    assert_eq!(message["allowed_mentions"], json!({"parse": []}));
}

#[tokio::test]
async fn discord_failures_are_told_apart() {
    for (answer, expected) in [
        (body(400, r#"{"code":50035,"message":"Invalid Form Body"}"#), "reject"),
        (body(404, r#"{"code":10015,"message":"Unknown Webhook"}"#), "slow"),
        (body(401, r#"{"code":50027,"message":"Invalid Webhook Token"}"#), "slow"),
        (status(500), "retry"),
        (Answer::Cut, "retry"),
    ] {
        let server = Server::start([answer]);
        let (outcome, text) = outcome(&mut discord(&server)).await;
        assert_eq!(outcome, expected, "{text}");
        assert!(!text.contains("url-secret"), "{text}");
    }
    for (limited, expected) in [
        (body(429, r#"{"message":"You are being rate limited.","retry_after":0.25,"global":false}"#), 250),
        (header(429, "retry-after", "3"), 3000),
        (body(429, r#"{"retry_after":1e12}"#), 3_600_000),
    ] {
        let server = Server::start([status(200), limited]);
        let error = discord(&server).send(&alerts(3)).await.unwrap_err();
        let SendError::Partly { retry, after, .. } = error else { panic!("{error}") };
        assert_eq!((retry, after), (vec![1, 2], Some(Duration::from_millis(expected))));
    }
}
