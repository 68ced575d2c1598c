//! `docs/alert.schema.json` says what an alert's JSON is, all of it.
//!
//! The few keywords that the schema uses are checked here; one that is not known fails the test rather than pass
//! unread.
#![allow(clippy::unwrap_used, clippy::panic)]

use gatecrier::alert::{Alert, Severity, Status};
use gatecrier::event::Timestamp;
use serde_json::{Value, json};

const SAMPLES: [&str; 2] = [include_str!("alerts/full.json"), include_str!("alerts/bare.json")];

fn schema() -> Value {
    serde_json::from_str(include_str!("../docs/alert.schema.json")).unwrap()
}

/// What is wrong with a value, with the path to it.
fn faults(root: &Value, schema: &Value, value: &Value, path: &str) -> Vec<String> {
    let mut faults = Vec::new();
    for (keyword, rule) in schema.as_object().unwrap() {
        let holds = match keyword.as_str() {
            "$schema" | "$defs" | "title" | "description" => true,
            "$ref" => {
                let target = root.pointer(rule.as_str().unwrap().strip_prefix('#').unwrap()).unwrap();
                faults.extend(self::faults(root, target, value, path));
                true
            }
            "type" => is_any_type(rule, value),
            "enum" => rule.as_array().unwrap().contains(value),
            "format" => rule == "date-time" && Timestamp::parse(value.as_str().unwrap().as_bytes()).is_some(),
            "pattern" => rule == "^[0-9a-f]+$" && is_hexadecimal(value),
            "minimum" => value.as_f64().is_none_or(|number| number >= rule.as_f64().unwrap()),
            "maxLength" => value.as_str().is_none_or(|text| text.chars().count() as u64 <= rule.as_u64().unwrap()),
            "maxItems" => value.as_array().is_none_or(|items| items.len() as u64 <= rule.as_u64().unwrap()),
            "required" => value.as_object().is_none_or(|object| {
                rule.as_array().unwrap().iter().all(|name| object.contains_key(name.as_str().unwrap()))
            }),
            "items" => {
                for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                    faults.extend(self::faults(root, rule, item, &format!("{path}/{index}")));
                }
                true
            }
            "properties" => {
                for (name, schema) in rule.as_object().unwrap() {
                    if let Some(value) = value.get(name) {
                        faults.extend(self::faults(root, schema, value, &format!("{path}/{name}")));
                    }
                }
                true
            }
            other => panic!("teach this test the keyword `{other}`"),
        };
        if !holds {
            faults.push(format!("{path}: {keyword} {rule} does not hold for {value}"));
        }
    }
    faults
}

fn is_any_type(rule: &Value, value: &Value) -> bool {
    let types = if rule.is_array() { rule.as_array().unwrap().clone() } else { vec![rule.clone()] };
    types.iter().any(|kind| match kind.as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("teach this test the type `{other}`"),
    })
}

fn is_hexadecimal(value: &Value) -> bool {
    value.as_str().is_some_and(|text| !text.is_empty() && text.bytes().all(|byte| b"0123456789abcdef".contains(&byte)))
}

/// Fields of a value that the schema does not name. An audit event's own fields are nobody's business.
fn unnamed(schema: &Value, value: &Value, path: &str) -> Vec<String> {
    let mut unnamed = Vec::new();
    for item in value.as_array().into_iter().flatten() {
        unnamed.extend(self::unnamed(&schema["items"], item, path));
    }
    for (name, value) in value.as_object().into_iter().flatten().filter(|_| path != "/evidence/event") {
        let path = format!("{path}/{name}");
        match schema["properties"].get(name) {
            Some(schema) => unnamed.extend(self::unnamed(schema, value, &path)),
            None => unnamed.push(path),
        }
    }
    unnamed
}

#[test]
fn alerts_are_as_the_schema_says() {
    let schema = schema();
    for sample in SAMPLES {
        let alert: Alert = serde_json::from_str(sample).unwrap();
        let mut value = serde_json::to_value(&alert).unwrap();
        assert_eq!(value, serde_json::from_str::<Value>(sample).unwrap(), "a sample lost something on the way");
        assert_eq!(faults(&schema, &schema, &value, ""), Vec::<String>::new());
        for severity in Severity::ALL {
            value["severity"] = json!(severity);
            assert_eq!(faults(&schema, &schema, &value, ""), Vec::<String>::new());
        }
        value["status"] = json!(Status::Closed);
        assert_eq!(faults(&schema, &schema, &value, ""), Vec::<String>::new());
    }
}

#[test]
fn the_schema_names_every_field() {
    let schema = schema();
    let alert: Alert = serde_json::from_str(SAMPLES[0]).unwrap();
    assert_eq!(unnamed(&schema, &serde_json::to_value(&alert).unwrap(), ""), Vec::<String>::new());
}

/// The tests above see only what the samples hold.
#[test]
fn the_full_sample_sets_every_field_the_schema_names() {
    fn missing(schema: &Value, value: &Value, path: &str, found: &mut Vec<String>) {
        for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
            match value.get(name) {
                Some(value) if !value.is_null() => missing(schema, value, &format!("{path}/{name}"), found),
                _ => found.push(format!("{path}/{name}")),
            }
        }
        if let Some(first) = value.get(0) {
            missing(&schema["items"], first, path, found);
        }
    }
    let mut found = Vec::new();
    missing(&schema(), &serde_json::from_str(SAMPLES[0]).unwrap(), "", &mut found);
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn what_is_no_alert_is_told() {
    let schema = schema();
    let good: Value = serde_json::from_str(SAMPLES[0]).unwrap();
    for (pointer, bad) in [
        ("/severity", json!("urgent")),
        ("/revision", json!(0)),
        ("/id", json!("XYZ")),
        ("/last_seen", json!("yesterday")),
        ("/client/trusted", json!(true)),
        ("/reasons/1", json!({"rule": "x"})),
        ("/events", json!({})),
        ("/actor", json!("eve")),
    ] {
        let mut value = good.clone();
        *value.pointer_mut(pointer).unwrap() = bad;
        let faults = faults(&schema, &schema, &value, "");
        assert!(!faults.is_empty() && faults.iter().all(|fault| fault.starts_with(pointer)), "{pointer}: {faults:?}");
    }
}
