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

/// A Teams workflow that posts a card.
pub fn teams(asked: &Asked) -> Answer {
    let message: Value = serde_json::from_slice(&asked.body).unwrap_or_default();
    let card = &message["attachments"][0]["content"];
    let is_run = |run: &Value| run["type"] == "TextRun" && run["text"].is_string();
    let is_block = |block: &Value| {
        block["type"] == "RichTextBlock" && block["inlines"].as_array().is_some_and(|runs| runs.iter().all(is_run))
    };
    let fits = is_json(asked)
        && message["type"] == "message"
        && message["attachments"][0]["contentType"] == "application/vnd.microsoft.card.adaptive"
        && (&card["type"], &card["version"]) == (&json!("AdaptiveCard"), &json!("1.2"))
        && card["body"].as_array().is_some_and(|blocks| blocks.iter().all(is_block));
    match asked.body.len() {
        28_673.. => body(413, "RequestEntityTooLarge"),
        _ if fits => status(202),
        _ => body(400, r#"{"error":{"code":"TriggerInputSchemaMismatch"}}"#),
    }
}

/// A Discord webhook.
pub fn discord(asked: &Asked) -> Answer {
    let message: Value = serde_json::from_slice(&asked.body).unwrap_or_default();
    let embed = &message["embeds"][0];
    let fields = embed["fields"].as_array().cloned().unwrap_or_default();
    let is_said =
        |value: &Value, most| is_text(value, 1, most) && !value.as_str().unwrap_or_default().trim().is_empty();
    let of_fields: usize = fields.iter().map(|field| length(&field["name"]) + length(&field["value"])).sum();
    let fits = is_json(asked)
        && is_text(&embed["title"], 0, 256)
        && is_said(&embed["description"], 4096)
        && fields.len() <= 25
        && fields.iter().all(|field| is_said(&field["name"], 256) && is_said(&field["value"], 1024))
        && length(&embed["title"]) + length(&embed["description"]) + of_fields <= 6000;
    match (fits, asked.uri.query()) {
        (true, Some("wait=true")) => body(200, r#"{"id":"1"}"#),
        (true, _) => status(204),
        (false, _) => body(400, r#"{"code":50035,"message":"Invalid Form Body"}"#),
    }
}

/// The key that [`opsgenie`] knows.
pub const GENIE_KEY: &str = "eb243592-faa2-4ba2-a551-1afdf565c889";

/// Opsgenie's alert API.
pub fn opsgenie(asked: &Asked) -> Answer {
    let alert: Value = serde_json::from_slice(&asked.body).unwrap_or_default();
    let details = alert["details"].as_object().cloned().unwrap_or_default();
    let of_details: usize = details.iter().map(|(name, value)| name.len() + length(value)).sum();
    let tags = alert["tags"].as_array().cloned().unwrap_or_default();
    let fits = is_text(&alert["message"], 1, 130)
        && is_text(&alert["alias"], 1, 512)
        && is_text(&alert["description"], 0, 15_000)
        && is_text(&alert["entity"], 0, 512)
        && is_text(&alert["source"], 0, 100)
        && tags.len() <= 20
        && tags.iter().all(|tag| is_text(tag, 1, 50))
        && of_details <= 8000
        && ["P1", "P2", "P3", "P4", "P5"].contains(&alert["priority"].as_str().unwrap_or_default());
    let closes = asked.uri.path().ends_with("/close") && asked.uri.query() == Some("identifierType=alias");
    let taken = body(202, r#"{"result":"Request will be processed","took":0.1,"requestId":"r"}"#);
    match (asked.header("authorization"), asked.uri.path()) {
        (key, _) if key != format!("GenieKey {GENIE_KEY}") => body(401, r#"{"message":"Could not authenticate"}"#),
        (_, "/v2/alerts") if is_json(asked) && fits => taken,
        (_, "/v2/alerts") => body(422, r#"{"message":"Request body is not processable."}"#),
        _ if closes => taken,
        _ => status(404),
    }
}

/// Falcosidekick's handler, which looks at little.
pub fn falcosidekick(asked: &Asked) -> Answer {
    let event: Value = serde_json::from_slice(&asked.body).unwrap_or_default();
    let priorities = ["Critical", "Error", "Warning", "Notice", "Informational"];
    let fits = is_json(asked)
        && is_text(&event["output"], 1, usize::MAX)
        && is_text(&event["rule"], 1, usize::MAX)
        && priorities.contains(&event["priority"].as_str().unwrap_or_default())
        && event["time"].as_str().unwrap_or_default().parse::<jiff::Timestamp>().is_ok()
        && event["output_fields"].is_object()
        && event["tags"].is_array();
    if fits { status(200) } else { body(400, "Please send a valid request body") }
}

/// An OTLP collector.
pub fn otlp(asked: &Asked) -> Answer {
    let request: Value = serde_json::from_slice(&asked.body).unwrap_or_default();
    let record = &request["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0];
    let is_time = |value: &Value| value.as_str().is_some_and(|text| text.parse::<u64>().is_ok());
    let is_attribute =
        |value: &Value| value["key"].is_string() && value["value"].as_object().is_some_and(|value| value.len() == 1);
    let fits = is_json(asked)
        && asked.uri.path() == "/v1/logs"
        && is_time(&record["timeUnixNano"])
        && is_time(&record["observedTimeUnixNano"])
        && record["body"]["stringValue"].is_string()
        && record["attributes"].as_array().is_some_and(|attributes| attributes.iter().all(is_attribute));
    if fits { body(200, r#"{"partialSuccess":{}}"#) } else { body(400, r#"{"code":3,"message":"bad"}"#) }
}
