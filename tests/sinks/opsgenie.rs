//! Opsgenie.

use gatecrier::alert::{Alert, Status};
use gatecrier::sink::Sink as _;
use gatecrier::sink::opsgenie::Opsgenie;
use serde_json::{Value, json};

use crate::peers::{self, GENIE_KEY};
use crate::server::{Answer, Server, body, status};
use crate::{alert, config, key_file, outcome};

fn opsgenie(server: &Server, more: Value) -> Opsgenie {
    let (_dir, path) = key_file(GENIE_KEY);
    let mut value = json!({"url": server.url("/"), "api_key_file": path});
    value.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    Opsgenie::new(&config(value)).unwrap()
}

#[tokio::test]
async fn an_alert_is_created_under_its_id_and_closed() {
    let server = Server::choosing([], |asked| Some(peers::opsgenie(asked)));
    let mut sink = opsgenie(&server, json!({"priorities": {"high": "P1"}, "teams": ["soc"]}));
    let over = |id: &str| Alert { status: Status::Closed, revision: 2, ..alert(id) };
    sink.send(&[alert("0"), over("0"), over("a/../b?c")]).await.unwrap();
    let asked = server.asked();
    let created = asked[0].json();
    assert_eq!((&created["alias"], &created["priority"]), (&json!("0"), &json!("P1")));
    assert_eq!(created["responders"], json!([{"name": "soc", "type": "team"}]));
    assert_eq!(asked[1].uri.to_string(), "/v2/alerts/abc/close?identifierType=alias");
    assert_eq!(asked.len(), 2, "what was created a moment ago is left to a person");
}

#[tokio::test]
async fn failures_are_told_apart() {
    for (answer, expected) in [
        (body(422, r#"{"message":"Request body is not processable."}"#), "reject"),
        (body(401, r#"{"message":"Could not authenticate"}"#), "slow"),
        (body(403, r#"{"message":"You are not authorized to perform this action"}"#), "slow"),
        (body(429, r#"{"message":"You are making too many requests!"}"#), "retry"),
        (status(503), "retry"),
        (Answer::Cut, "retry"),
    ] {
        let server = Server::start([answer]);
        let (outcome, text) = outcome(&mut opsgenie(&server, json!({}))).await;
        assert_eq!(outcome, expected, "{text}");
        assert!(!text.contains(GENIE_KEY), "{text}");
    }
}
