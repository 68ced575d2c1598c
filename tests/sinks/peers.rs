//! Receivers as their documentation describes them: what they take, and what they answer to what they do not.

use serde_json::{Value, json};

use crate::server::{Answer, Asked, body, status};

/// Characters as JavaScript and the services built with it count them.
fn length(value: &Value) -> usize {
    value.as_str().map_or(0, |text| text.encode_utf16().count())
}

fn is_text(value: &Value, least: usize, most: usize) -> bool {
    value.is_string() && (least..=most).contains(&length(value))
}

fn is_json(asked: &Asked) -> bool {
    asked.method == "POST" && asked.header("content-type").starts_with("application/json")
}

/// The integration key that [`pagerduty`] knows.
pub const ROUTING_KEY: &str = "0123456789abcdef0123456789abcdef";

/// PagerDuty's Events API v2.
pub fn pagerduty(asked: &Asked) -> Answer {
    let event: Value = serde_json::from_slice(&asked.body).unwrap_or_default();
    let payload = &event["payload"];
    let is_trigger = event["event_action"] == "trigger";
    let severities = ["critical", "error", "warning", "info"];
    let mistakes = [
        ("'routing_key' is invalid", event["routing_key"] == ROUTING_KEY),
        ("'event_action' is invalid", is_trigger || event["event_action"] == "resolve"),
        ("Length of 'dedup_key' is too long", is_text(&event["dedup_key"], 1, 255)),
        ("'payload.summary' is missing or blank", !is_trigger || is_text(&payload["summary"], 1, 1024)),
        ("'payload.source' is missing or blank", !is_trigger || is_text(&payload["source"], 1, 10_000)),
        (
            "'payload.severity' is invalid",
            !is_trigger || severities.contains(&payload["severity"].as_str().unwrap_or_default()),
        ),
        (
            "'payload.timestamp' is invalid",
            !is_trigger || payload["timestamp"].as_str().unwrap_or_default().parse::<jiff::Timestamp>().is_ok(),
        ),
    ];
    let mistakes: Vec<&str> = mistakes.iter().filter(|(_, right)| !right).map(|(mistake, _)| *mistake).collect();
    match (is_json(asked), asked.body.len()) {
        (_, 512_001..) => status(413),
        (true, _) if mistakes.is_empty() => body(
            202,
            &json!({"status": "success", "message": "Event processed", "dedup_key": event["dedup_key"]}).to_string(),
        ),
        _ => body(
            400,
            &json!({"status": "invalid event", "message": "Event object is invalid", "errors": mistakes}).to_string(),
        ),
    }
}

/// A Slack incoming webhook.
pub fn slack(asked: &Asked) -> Answer {
    let message: Value = serde_json::from_slice(&asked.body).unwrap_or_default();
    if !is_json(asked) || !message.is_object() {
        return body(400, "invalid_payload");
    }
    if !is_text(&message["text"], 1, 40_000) {
        return body(400, "no_text");
    }
    let is_text_object = |object: &Value, most| {
        ["mrkdwn", "plain_text"].contains(&object["type"].as_str().unwrap_or_default())
            && is_text(&object["text"], 1, most)
    };
    let is_section = |block: &Value| {
        let fields = block["fields"].as_array();
        block["type"] == "section"
            && (block["text"].is_null() || is_text_object(&block["text"], 3000))
            && fields.is_none_or(|fields| {
                (1..=10).contains(&fields.len()) && fields.iter().all(|field| is_text_object(field, 2000))
            })
            && (fields.is_some() || !block["text"].is_null())
    };
    let blocks = message["blocks"].as_array().cloned().unwrap_or_default();
    if blocks.len() > 50 || !blocks.iter().all(is_section) {
        return body(400, "invalid_blocks");
    }
    body(200, "ok")
}
