//! What is expected is counted and not told, and nothing else goes with it.

#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

mod logs;

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use gatecrier::alert::Alert;
use gatecrier::analyze::{Analyzer, Output};
use gatecrier::batch::{Batch, ClusterId, Framing, Input, Place, Position, SourceId};
use gatecrier::config::Config;
use gatecrier::pipeline;
use logs::{cut, data, log, run};
use serde_json::{Value, json};

const CONFIG: &str = r#"
sources: { audit: { file: { path: /dev/null } } }
networks:
  office: { cidrs: [198.51.100.0/24] }
  pods: { kind: pods, cidrs: [10.244.0.0/16] }
hiding_hops: { lb: { cidrs: [10.0.0.11] } }
"#;

/// An analyzer with these entries besides a configuration.
fn analyzer(config: &str, entries: &Value) -> Analyzer {
    let text = format!("{config}\nsuppressions: {entries}\n");
    pipeline::analyzer(&Config::from_str(&text, "lab.yaml").unwrap_or_else(|error| panic!("{error}"))).unwrap()
}

/// Why and until when, for entries that are only tried.
fn entry(criteria: Value) -> Value {
    let mut entry = json!({"reason": "tried", "author": "bob", "until": "2030-01-01"});
    entry.as_object_mut().unwrap().extend(criteria.as_object().unwrap().clone());
    entry
}

/// What was told by rule and subject, and what was not by label and rule.
type Outcome = (BTreeMap<(String, String), Alert>, BTreeMap<(String, String), u64>);

fn judge(analyzer: &mut Analyzer, events: &[Value]) -> Outcome {
    let lines: Vec<_> = events.iter().map(|event| format!("{event}\n")).collect();
    let source = SourceId::new("audit");
    let batch = Batch {
        envelope: gatecrier::batch::Envelope::default(),
        start: Place { name: source.shared(), offset: 0 },
        cluster: ClusterId::new("default"),
        bytes: Bytes::from(lines.concat()),
        framing: Framing::Lines,
        upto: Position::new("1"),
        source,
        at_end: true,
    };
    let mut out = Output::default();
    analyzer.analyze(&Input::Batch(batch), &mut out);
    analyzer.finish(&mut out);
    let mut told = BTreeMap::new();
    for alert in out.alerts {
        for reason in &alert.reasons {
            told.insert((reason.rule.clone(), reason.subject.clone()), alert.clone());
        }
    }
    let mut suppressed = BTreeMap::new();
    for one in out.suppressed {
        *suppressed.entry((one.by.to_string(), one.rule.id.clone())).or_default() += 1;
    }
    (told, suppressed)
}

/// A request that succeeded, at its last stage.
fn event(number: u32, user: &str, ip: &str, resource: &str) -> Value {
    json!({
        "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "Metadata", "auditID": format!("id-{number}"),
        "stage": "ResponseComplete", "requestURI": format!("/api/v1/namespaces/shop/{resource}"), "verb": "list",
        "user": {"username": user, "groups": ["system:authenticated"]}, "sourceIPs": [ip],
        "userAgent": "velero/1.14", "objectRef": {"resource": resource, "namespace": "shop", "apiVersion": "v1"},
        "responseStatus": {"code": 200}, "annotations": {"authorization.k8s.io/decision": "allow"},
        "requestReceivedTimestamp": format!("2026-11-22T12:{:02}:00.000000Z", number),
        "stageTimestamp": format!("2026-11-22T12:{:02}:00.500000Z", number),
    })
}

fn rules(told: &Outcome) -> BTreeSet<&str> {
    told.0.keys().map(|(rule, _)| rule.as_str()).collect()
}

#[test]
fn each_finding_is_judged_by_itself() {
    let events = [event(1, "eve", "203.0.113.7", "secrets")];
    let before = judge(&mut analyzer(CONFIG, &json!([])), &events);
    assert!(rules(&before).contains("outside-trusted-networks") && rules(&before).contains("api-server-exposed"));
    let entries = json!([entry(json!({"name": "eve", "rule": "outside-trusted-networks", "identity": "eve"}))]);
    let after = judge(&mut analyzer(CONFIG, &entries), &events);
    assert!(!rules(&after).contains("outside-trusted-networks"));
    let alert = after.0.values().find(|alert| alert.rule.id == "api-server-exposed").unwrap();
    assert!(alert.reasons.iter().all(|reason| reason.rule != "outside-trusted-networks"));
    assert_eq!(after.1, [(("eve".to_owned(), "outside-trusted-networks".to_owned()), 1)].into());
}

#[test]
fn a_request_is_counted_once_whatever_stages_it_has() {
    let complete = event(1, "eve", "203.0.113.7", "secrets");
    let mut received = complete.clone();
    received["stage"] = json!("RequestReceived");
    received["stageTimestamp"] = received["requestReceivedTimestamp"].clone();
    received.as_object_mut().unwrap().remove("responseStatus");
    received.as_object_mut().unwrap().remove("annotations");
    let entries = json!([entry(json!({"name": "eve", "identity": "eve"}))]);
    let after = judge(&mut analyzer(CONFIG, &entries), &[received, complete.clone(), complete]);
    assert_eq!(after.1[&("eve".to_owned(), "outside-trusted-networks".to_owned())], 1);
    assert!(after.0.is_empty(), "{:?}", after.0.keys());
}

#[test]
fn what_a_client_says_of_itself_covers_nothing() {
    let entries = json!([entry(json!({"identity": "alice", "zone": "office"}))]);
    // A forged header, a hidden client, the same name in another case.
    let mut forged = event(1, "alice", "203.0.113.7", "secrets");
    forged["sourceIPs"] = json!(["198.51.100.7", "203.0.113.7"]);
    let hidden = event(2, "alice", "10.0.0.11", "secrets");
    for event in [forged, hidden, event(3, "Alice", "203.0.113.7", "secrets")] {
        let after = judge(&mut analyzer(CONFIG, &entries), std::slice::from_ref(&event));
        assert!(after.1.is_empty(), "{event}");
        assert!(!after.0.is_empty(), "{event}");
    }
}

#[test]
fn an_entry_that_is_over_covers_nothing() {
    let old = json!([{"identity": "eve", "reason": "tried", "author": "bob", "until": "2026-11-21"}]);
    let after = judge(&mut analyzer(CONFIG, &old), &[event(1, "eve", "203.0.113.7", "secrets")]);
    assert!(after.1.is_empty() && rules(&after).contains("outside-trusted-networks"));
}

/// A token of a service account in one place, then in another: a rule that only memory can find.
#[test]
fn what_is_remembered_is_remembered_and_may_be_suppressed_too() {
    let using = |number, ip: &str| {
        let mut event = event(number, "system:serviceaccount:shop:web", ip, "pods");
        event["user"]["extra"] = json!({"authentication.kubernetes.io/credential-id": ["JTI=1"]});
        event
    };
    let events = [using(1, "203.0.113.7"), using(2, "198.51.100.7")];
    let rule = "credential-in-two-networks";
    // The first request is expected from outside; that it comes from two places is not.
    let outside = entry(json!({"rule": "outside-trusted-networks"}));
    let after = judge(&mut analyzer(CONFIG, &json!([outside])), &events);
    assert!(rules(&after).contains(rule), "{:?}", rules(&after));
    let both = json!([outside, entry(json!({"rule": rule, "identity": "system:serviceaccount:shop:*"}))]);
    let after = judge(&mut analyzer(CONFIG, &both), &events);
    assert!(!rules(&after).contains(rule), "{:?}", rules(&after));
    assert!(after.1.keys().any(|(_, by_rule)| by_rule == rule), "{:?}", after.1);
}

#[test]
fn what_is_expected_is_no_sign_against_anybody() {
    let mut invalidated = event(1, "eve", "198.51.100.7", "pods");
    invalidated["annotations"]["authentication.k8s.io/legacy-token-invalidated"] = json!("web/old");
    let events = [invalidated, event(2, "eve", "203.0.113.7", "configmaps")];
    let rule = "identity-at-risk";
    let before = judge(&mut analyzer(CONFIG, &json!([])), &events);
    assert!(rules(&before).contains(rule), "{:?}", rules(&before));
    let entries = json!([entry(json!({"rule": "invalidated-token", "identity": "eve"}))]);
    let after = judge(&mut analyzer(CONFIG, &entries), &events);
    assert!(!rules(&after).contains(rule) && rules(&after).contains("outside-trusted-networks"), "{:?}", rules(&after));
}

#[test]
fn what_an_alert_proposes_covers_it_when_it_is_pasted() {
    let config = format!(
        "sources: {{ audit: {{ file: {{ path: /dev/null }} }} }}\nrules: {{ pack: false }}\n{}",
        std::fs::read_to_string(data("lab.yaml")).unwrap()
    );
    let logs = || ["cp-1", "cp-2"].map(|server| cut(server, &log(&format!("attacks-{server}.log.gz")), 500)).to_vec();
    let before = run(&mut analyzer(&config, &json!([])), logs(), |_| 0);
    assert!(before.len() > 5, "{}", before.len());
    for alert in before.values() {
        assert!(!alert.suppressions.is_empty(), "{} proposes nothing", alert.rule.id);
        let after = run(&mut analyzer(&config, &json!(alert.suppressions)), logs(), |_| 0);
        assert!(!after.contains_key(&alert.id), "{}: {}", alert.rule.id, json!(alert.suppressions));
        // Who is covered is covered for a rule and an operation, so most others still speak.
        let others = before.values().filter(|other| other.actor != alert.actor && other.actor.is_some());
        for other in others.filter(|other| other.rule.id != alert.rule.id) {
            assert!(after.contains_key(&other.id), "{} goes with {}", other.summary, json!(alert.suppressions));
        }
    }
}
