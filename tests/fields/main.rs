//! Fields of events: `tests/data/fields/*.yaml`, each case an event and the values that fields must have in it.
//!
//! `event` is laid over a plain event by alice, or `record` stands for it as it is. `expect` names fields: a value or
//! a list of them in their order, `~` for one that is missing.

#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

mod hostile;
mod peers;
mod real;

use std::cell::RefCell;
use std::path::Path;

use gatecrier::batch::Framing;
use gatecrier::decode::{Record, decode};
use gatecrier::enrich::field::{Field, Value, table};
use gatecrier::enrich::place::Places;
use gatecrier::enrich::policy::Policies;
use gatecrier::enrich::trust::{self, Trust};
use gatecrier::enrich::{Enricher, Facts};
use serde_json::Value as Json;

fn enricher() -> Enricher {
    let networks = "networks: { office: { cidrs: [198.51.100.0/24] }, pods: { kind: pods, cidrs: [10.244.0.0/16] } }\nproxies: { nginx: { cidrs: [10.0.0.14] } }";
    let config: trust::Config = serde_saphyr::from_str(networks).unwrap();
    let trust = Trust::load(&config, Path::new("")).unwrap();
    Enricher::new(trust, Places::default(), Policies::new(Vec::new(), []))
}

thread_local! {
    static ENRICHER: RefCell<Enricher> = RefCell::new(enricher());
}

/// Shows the facts of every event in the record.
fn each_facts(record: &[u8], see: &mut dyn FnMut(&Facts<'_, '_>)) {
    decode(record, Framing::Lines, &mut |record| {
        if let Record::Event(event) = record {
            ENRICHER.with_borrow_mut(|enricher| see(&enricher.facts(&event)));
        }
    });
}

/// Shows the facts of the one event in the record.
#[track_caller]
fn with_facts(record: &[u8], see: &mut dyn FnMut(&Facts<'_, '_>)) {
    let mut seen = 0;
    each_facts(record, &mut |facts| {
        seen += 1;
        see(facts);
    });
    assert_eq!(seen, 1, "events in {}", String::from_utf8_lossy(record));
}

fn values(field: &Field, facts: &Facts<'_, '_>) -> Vec<Json> {
    let mut values = Vec::new();
    field.any(facts, &mut |value| {
        values.push(match value {
            Value::Null => Json::Null,
            Value::Bool(flag) => flag.into(),
            Value::Number(number) => serde_json::from_str(number).unwrap(),
            Value::Text(text) => text.into(),
            Value::Object(raw) | Value::List(raw) => serde_json::from_slice(raw.bytes()).unwrap(),
        });
        false
    });
    values
}

fn record(case: &Json) -> String {
    if let Some(record) = case["record"].as_str() {
        return record.trim_end().to_owned();
    }
    let mut event = serde_json::json!({
        "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "RequestResponse",
        "auditID": "823afb8f-bd21-4918-81a6-3770801a3883", "stage": "ResponseComplete", "requestURI": "/api", "verb": "create",
        "user": {"username": "alice", "groups": ["dev", "system:authenticated"]}, "sourceIPs": ["198.51.100.20"],
        "userAgent": "kubectl/v1.36.3 (linux/amd64) kubernetes/1f0c2d7",
        "requestReceivedTimestamp": "2026-11-22T12:00:00.000000Z", "stageTimestamp": "2026-11-22T12:00:00.034600Z",
    });
    for (key, value) in case["event"].as_object().unwrap() {
        event[key] = value.clone();
    }
    event.to_string()
}

/// Every case, with the file it stands in.
fn cases() -> Vec<(String, Json)> {
    let mut cases = Vec::new();
    for file in std::fs::read_dir("tests/data/fields").unwrap() {
        let path = file.unwrap().path();
        let name = path.display().to_string();
        let text = std::fs::read_to_string(&path).unwrap();
        let all: Vec<Json> = serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        cases.extend(all.into_iter().map(|case| (name.clone(), case)));
    }
    cases
}

#[test]
fn fields_have_the_values_that_the_cases_say() {
    let mut wrong = String::new();
    let cases = cases();
    for (file, case) in &cases {
        with_facts(record(case).as_bytes(), &mut |facts| {
            for (name, expected) in case["expect"].as_object().unwrap() {
                let field = Field::named(name).unwrap_or_else(|error| panic!("{error}, {:?}", error.suggestion));
                let expected = match expected {
                    Json::Null => Vec::new(),
                    Json::Array(values) => values.clone(),
                    value => vec![value.clone()],
                };
                let found = values(&field, facts);
                if found != expected {
                    let (found, expected) = (Json::from(found), Json::from(expected));
                    wrong += &format!("{file}: {}: {name} is {found}, not {expected}\n", case["name"]);
                }
            }
        });
    }
    assert!(wrong.is_empty(), "\n{wrong}");
    assert!(cases.len() >= 80, "only {} cases", cases.len());
}

#[test]
fn every_field_is_described_and_found_by_its_name() {
    let mut names: Vec<_> = table().iter().map(|entry| entry.name).collect();
    for entry in table() {
        assert_eq!(Field::named(entry.name).unwrap().name(), entry.name);
        assert!(
            !entry.meaning.is_empty() && !entry.meaning.ends_with('.') && !entry.example.is_empty(),
            "{}",
            entry.name
        );
        if entry.kind.is_open() {
            assert!(Field::named(&format!("{}.any.key", entry.name)).is_ok(), "{}", entry.name);
        }
    }
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), table().len(), "a name stands twice");
}

#[test]
fn a_name_that_is_no_field_is_an_error_that_knows_better() {
    for (name, meant) in [
        ("client.trustd", Some("client.trusted")),
        ("objectRef.resorce", Some("objectRef.resource")),
        ("user.usernam", Some("user.username")),
        ("hostPath", None),
        ("", None),
        ("requestObject.", None),
    ] {
        let error = Field::named(name).unwrap_err();
        assert_eq!((error.suggestion.filter(|_| meant.is_some()), &*error.name), (meant, name));
    }
}

#[test]
fn elements_are_shown_one_by_one() {
    let event = r#"{"kind":"Event","auditID":"x","stage":"ResponseComplete","verb":"get","user":{"groups":["a","b"]},
        "objectRef":{"resource":"pods","subresource":"exec"},"requestURI":"/x?command=sh\u0026command=%22",
        "requestObject":{"spec":{"containers":[{"a":1},{"a":2}],"one":{}}}}"#;
    for (name, expected) in [
        ("requestObject.spec.containers", &[r#"{"a":1}"#, r#"{"a":2}"#][..]),
        ("requestObject.spec.one", &[]),
        ("exec.command", &["\"sh\"", "\"\\\"\""]),
        ("actor.groups", &["\"a\"", "\"b\""]),
        ("verb", &[]),
    ] {
        let mut found = Vec::new();
        with_facts(event.replace('\n', "").as_bytes(), &mut |facts| {
            Field::named(name).unwrap().elements(facts, &mut |raw| {
                found.push(String::from_utf8_lossy(raw.bytes()).into_owned());
                false
            });
        });
        assert_eq!(found, expected, "{name}");
    }
}

/// Before the tables of `docs/fields.md`.
const PAGE: &str = "\
# Fields

What a rule may name. A name that is not here is an error when the rule is loaded, with the field that was probably
meant: a rule about a field that does not exist could never match. `gatecrier explain FIELD` says the same in the terminal.

* A field has no value, one, or several. A rule about it matches when **any** of its values does; arrays on the way are
  walked through.
* A key with dots is written as it is: `annotations.authorization.k8s.io/decision`, `requestObject.metadata.labels.app.kubernetes.io/name`.
* **Level** is the lowest audit level at which the API server logs what the field is made of: M is Metadata, R is Request,
  RR is RequestResponse. Below it the field is missing.
* Fields of the audit event itself stand under their own names, at the end. Clients write most of what they say; prefer
  the fields above them.

This page is made from the table in the program; a test keeps it so.
";

#[test]
fn the_page_about_fields_is_what_the_table_says() {
    let mut page = PAGE.to_owned();
    let mut section = "";
    for entry in table() {
        let root = entry.name.split('.').next().unwrap();
        let heading = if entry.whence.word() == "worked out" { root } else { "The audit event" };
        if heading != section {
            section = heading;
            let title = if heading == "The audit event" { heading.to_owned() } else { format!("`{heading}.*`") };
            page += &format!("\n## {title}\n\n| field | type | level | meaning | example |\n|---|---|---|---|---|\n");
        }
        let level = match entry.level.word() {
            "Metadata" => "M",
            "Request" => "R",
            _ => "RR",
        };
        let values: Vec<_> = entry.values.iter().map(|value| format!("`{value}`")).collect();
        let values = if values.is_empty() { String::new() } else { format!(": {}", values.join(", ")) };
        let (kind, meaning) = (entry.kind.word(), entry.meaning.replace('|', "\\|"));
        page += &format!("| `{}` | {kind} | {level} | {meaning}{values} | `{}` |\n", entry.name, entry.example);
    }
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        std::fs::write("docs/fields.md", &page).unwrap();
    }
    let written = std::fs::read_to_string("docs/fields.md").unwrap_or_default();
    assert!(written == page, "docs/fields.md is not what the table says: UPDATE_EXPECTED=1 writes it anew");
}

#[test]
fn plain_fields_are_shown_without_an_allocation() {
    let record = r#"{"kind":"Event","auditID":"x","stage":"ResponseComplete","verb":"create","user":{"username":"eve"},"objectRef":{"resource":"pods"},"requestObject":{"spec":{"containers":[{"image":"a"},{"image":"b"}]}}}"#;
    let names = [
        "verb",
        "user.username",
        "objectRef.resource",
        "objectRef.name",
        "userAgent",
        "client.trusted",
        "request.action",
        "requestObject.spec.containers.image",
    ];
    with_facts(record.as_bytes(), &mut |facts| {
        for name in names {
            let field = Field::named(name).unwrap();
            let made = allocation_counter::measure(|| _ = field.any(facts, &mut |_| false));
            assert_eq!(made.count_total, 0, "{name}");
        }
    });
}
