//! On whole JSON, whatever is in it, the decoder finds the fields that a real parser finds.

use proptest::prelude::*;
use serde_json::{Map, Value};

use super::*;
use crate::event::{Raw, Text};

const TEXTS: [&str; 7] = ["apiVersion", "level", "requestURI", "verb", "userAgent", "stageTimestamp", "stage"];
const VALUES: [&str; 6] = ["user", "sourceIPs", "responseStatus", "requestObject", "responseObject", "annotations"];

/// Text with all that has to be escaped, and brackets and quotes that must not mislead.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z/.:-]{0,24}",
        prop::collection::vec(
            prop::sample::select(&["\"", "\\", "{", "}", "[", "]", ",", "ü", "\n", "\u{1}", "x"]),
            0..80
        )
        .prop_map(|parts| parts.concat()),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        text().prop_map(Value::from)
    ];
    leaf.prop_recursive(5, 64, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((key(), inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Keys that we read, at any depth, and others.
fn key() -> impl Strategy<Value = String> {
    prop_oneof![prop::sample::select(&VALUES).prop_map(str::to_owned), text()]
}

fn event() -> impl Strategy<Value = Map<String, Value>> {
    let texts = prop::collection::vec((prop::sample::select(&TEXTS), text().prop_map(Value::from)), 0..8);
    let values = prop::collection::vec((prop::sample::select(&VALUES), value()), 0..8);
    let others = prop::collection::vec(("[a-z\"\\\\]{1,8}", value()), 0..4);
    (texts, values, others).prop_map(|(texts, values, others)| {
        let known = texts.into_iter().chain(values).map(|(key, value)| (key.to_owned(), value));
        let mut event: Map<_, _> = known.chain(others).collect();
        event.insert("auditID".to_owned(), "an id".into());
        let stage = event.entry("stage").or_insert_with(|| "Panic".into());
        if stage == "" {
            *stage = "Panic".into();
        }
        event
    })
}

fn check(event: &Map<String, Value>, line: &str) {
    let mut found = 0;
    decode(line.as_bytes(), Framing::Documents, &mut |record| {
        let Record::Event(read) = record else { panic!("unreadable: {line}") };
        found += 1;
        assert_eq!(read.bytes(), line.as_bytes());
        let texts = [read.api_version, read.level, read.request_uri, read.verb, read.user_agent, read.stage_time];
        for (key, text) in TEXTS.iter().zip(texts.into_iter().chain([read.stage])) {
            assert_eq!(text.decode(), event.get(*key).and_then(Value::as_str).unwrap_or_default(), "{key}: {line}");
        }
        let empty_is_absent = |raw: Raw<'_>| (!raw.bytes().is_empty()).then_some(raw.bytes().to_vec());
        let values = [
            empty_is_absent(read.user()),
            empty_is_absent(read.source_ips()),
            read.response_status().and_then(empty_is_absent),
            read.request_object().and_then(empty_is_absent),
            read.response_object().and_then(empty_is_absent),
            empty_is_absent(read.annotations),
        ];
        for (key, value) in VALUES.iter().zip(values) {
            let value: Option<Value> = value.map(|bytes| serde_json::from_slice(&bytes).unwrap());
            assert_eq!(value.as_ref(), event.get(*key), "{key}: {line}");
        }
        for (key, value) in event.get("annotations").and_then(Value::as_object).into_iter().flatten() {
            let expected = value.as_str().map(str::to_owned);
            assert_eq!(read.annotation(key).map(|text: Text<'_>| text.decode().into_owned()), expected, "{line}");
        }
    });
    assert_eq!(found, 1, "{line}");
}

proptest! {
    #[test]
    fn the_same_fields_are_found(event in event()) {
        check(&event, &serde_json::to_string(&event).unwrap());
        check(&event, &serde_json::to_string_pretty(&event).unwrap());
    }
}
