//! One corpus of nasty strings, put wherever a client can put some, over the sinks: each format has its own way to
//! keep a text a text.

use gatecrier::sink::discord::Discord;
use gatecrier::sink::falcosidekick::Falcosidekick;
use gatecrier::sink::opsgenie::Opsgenie;
use gatecrier::sink::pagerduty::PagerDuty;
use gatecrier::sink::slack::Slack;
use gatecrier::sink::teams::Teams;
use gatecrier::sink::webhook::Webhook;
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
    let long = LONG.iter().map(|piece| piece.repeat(20_000));
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

#[tokio::test]
async fn opsgenie_shows_them_as_text() {
    let (_dir, key) = key_file(peers::GENIE_KEY);
    let sink = |server: &Server| {
        AnySink::new(Opsgenie::new(&config(json!({"url": server.url("/"), "api_key_file": key}))).unwrap())
    };
    check(peers::opsgenie, sink, |_| {}).await;
}

#[tokio::test]
async fn teams_shows_them_as_text() {
    let sink = |server: &Server| AnySink::new(Teams::new(&config(json!({"url": server.url("/")}))).unwrap());
    // The receiver takes nothing but text runs, in which there is no markup; functions are called in them all the same.
    check(peers::teams, sink, |message| assert!(leaves(message).iter().all(|leaf| !leaf.contains("{{")))).await;
}

#[tokio::test]
async fn discord_shows_them_as_text() {
    let sink = |server: &Server| AnySink::new(Discord::new(&config(json!({"url": server.url("/")}))).unwrap());
    check(peers::discord, sink, |message| {
        assert_eq!(message["allowed_mentions"], json!({"parse": []}));
        let embed = &message["embeds"][0];
        let values = embed["fields"].as_array().unwrap().iter().map(|field| &field["value"]);
        for text in values.chain([&embed["description"]]).map(|text| text.as_str().unwrap()) {
            let mut letters = text.chars();
            while let Some(letter) = letters.next() {
                match letter {
                    '\\' => assert!(letters.next().is_some_and(|next| next.is_ascii_punctuation()), "{text}"),
                    other => assert!(!"*_~`|>#[]()<@-:".contains(other), "{text}"),
                }
            }
        }
    })
    .await;
}

#[tokio::test]
async fn falcosidekick_gets_nothing_that_its_chats_would_take_for_a_mention() {
    let sink = |server: &Server| AnySink::new(Falcosidekick::new(&config(json!({"url": server.url("/")}))).unwrap());
    check(peers::falcosidekick, sink, |event| assert!(leaves(event).iter().all(|leaf| !leaf.contains(['<', '>']))))
        .await;
}

#[tokio::test]
async fn a_webhook_with_a_template_gets_json_that_means_what_it_should() {
    for text in texts() {
        let server = Server::start([]);
        let template =
            json!({"url": server.url("/"), "template": "{\"text\": {{ summary }}, \"who\": {{ actor.name }}}"});
        let alert = hostile_alert(&text);
        Webhook::new(&config(template)).unwrap().send(std::slice::from_ref(&alert)).await.unwrap();
        assert_eq!(server.asked()[0].json(), json!({"text": alert.summary, "who": text}));
    }
}
