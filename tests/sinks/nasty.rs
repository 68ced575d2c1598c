//! One corpus of nasty strings, put wherever a client can put some, over the sinks: each format has its own way to
//! keep a text a text.

use gatecrier::sink::pagerduty::PagerDuty;
use gatecrier::sink::slack::Slack;
use gatecrier::sink::{AnySink, Sink as _};
use serde_json::{Value, json};

use crate::server::{Answer, Asked, Server};
use crate::{HOSTILE, config, hostile_alert, key_file, peers};

/// What mentions, links, styles, breaks lines, ends a value, opens a template or does not end.
const NASTY: &[&str] = &[
    "<!channel> <!here> <!everyone> <!subteam^S1> <@U012AB3CD> <#C024BE7LR>",
    "@everyone @here <@123456789012345678> <@&123456789012345678> <at>everyone</at>",
    "<https://evil.example|your bank> [your bank](https://evil.example) https://evil.example",
    "*bold* _italic_ ~gone~ `code` ```block``` # title > quote - item 1. item | table |",
    "&lt;!channel&gt; &amp; &#60;!channel&#62;",
    "line\nbreak\r\nand\tmore\u{b}\u{c}\u{85}\u{2028}\u{2029}",
    "{{DATE(2026-01-01T00:00:00Z)}} {{ .Labels }} {% raw %} ${env:HOME} #{x} @{triggerBody()}",
    "\"]} severity=\"info\" [x@1 a=\"b\"] \\\" \\",
    "\u{202e}reversed\u{202c} \u{2066}isolated\u{2069} \u{200b}zero\u{200d}width\u{feff}",
    "\0\u{1}\u{8}\u{1b}[31m\u{7f}\u{9b}",
    "e\u{301}\u{301}\u{301}\u{301}\u{301} \u{1f469}\u{200d}\u{1f4bb} \u{e0041}\u{10ffff}",
    "<script>alert(1)</script> <img src=x onerror=alert(1)>",
    "' OR 1=1 -- ; DROP TABLE alerts",
    "",
    " ",
];

/// Very long, of one unit and of two, and of what grows when it is escaped.
const LONG: [&str; 4] = ["x", "🦀", "<", "*"];

fn texts() -> Vec<String> {
    let long = LONG.iter().map(|piece| piece.repeat(100_000));
    NASTY.iter().chain(HOSTILE).map(|text| (*text).to_owned()).chain(long).collect()
}

/// Every text in a JSON value.
fn leaves(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(items) => items.iter().flat_map(leaves).collect(),
        Value::Object(items) => items.values().flat_map(leaves).collect(),
        _ => Vec::new(),
    }
}

/// What a reader would not see, or see in another order.
fn is_invisible(character: char) -> bool {
    character.is_control() && character != '\n'
        || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// Sends every nasty alert to a receiver that enforces its limits, and looks at what it was sent.
async fn check(peer: fn(&Asked) -> Answer, sink: impl Fn(&Server) -> AnySink, is_harmless: fn(&Value)) {
    for text in texts() {
        let server = Server::choosing([], move |asked| Some(peer(asked)));
        sink(&server).send(&[hostile_alert(&text)]).await.unwrap();
        let sent = server.asked()[0].json();
        for leaf in leaves(&sent) {
            assert!(!leaf.contains(is_invisible), "{leaf:?}");
        }
        is_harmless(&sent);
    }
}

#[tokio::test]
async fn slack_shows_them_as_text() {
    let sink = |server: &Server| AnySink::new(Slack::new(&config(json!({"url": server.url("/")}))).unwrap());
    check(peers::slack, sink, |message| {
        for leaf in leaves(message) {
            assert!(!leaf.contains(['<', '>']), "{leaf}");
            let entity = |rest: &str| ["amp;", "lt;", "gt;"].iter().any(|entity| rest.starts_with(entity));
            assert!(leaf.split('&').skip(1).all(entity), "{leaf}");
        }
        for object in message["blocks"].as_array().unwrap().iter().map(|block| &block["text"]) {
            assert!(object.is_null() || object["verbatim"] == true, "{object}");
        }
        assert_eq!((&message["link_names"], &message["parse"]), (&json!(false), &json!("none")));
    })
    .await;
}

#[tokio::test]
async fn pagerduty_shows_them_as_text() {
    let (_dir, key) = key_file(peers::ROUTING_KEY);
    let sink = |server: &Server| {
        AnySink::new(PagerDuty::new(&config(json!({"url": server.url("/"), "routing_key_file": key}))).unwrap())
    };
    // It shows what it gets as text: there is nothing to escape, and nothing may be lost.
    check(peers::pagerduty, sink, |_| {}).await;
}
