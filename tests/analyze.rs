//! The sample logs through the whole of the thinking.

#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

mod logs;

use std::collections::BTreeMap;

use gatecrier::alert::{Alert, Severity};
use gatecrier::analyze::{Analyzer, Merge, Output};
use gatecrier::batch::{Input, SourceId};
use gatecrier::config::Config;
use gatecrier::pipeline;
use logs::{cut, data, log, run};
use proptest::prelude::*;
use serde_json::Value;

fn analyzer() -> Analyzer {
    let config = Config::load_without_sources(data("lab.yaml").as_ref()).unwrap();
    pipeline::analyzer(&config).unwrap()
}

/// Trusts the control plane only, so that much of the quiet life is an alert, and storms are small.
fn suspicious() -> Analyzer {
    let text = "sources: { audit: { file: { path: /dev/null } } }\n\
                detection: { storm: { failures: 3 } }\n\
                networks: { inside: { cidrs: [127.0.0.0/8, \"::1\", 10.0.0.11, 10.0.0.12] } }\n\
                hiding_hops: { haproxy: { cidrs: [10.0.0.10], unknown: medium } }\n\
                proxies: { nginx: { cidrs: [10.0.0.14] } }\n";
    pipeline::analyzer(&Config::from_str(text, "suspicious.yaml").unwrap()).unwrap()
}

#[test]
fn attacks_from_outside_are_found_and_the_quiet_life_is_not() {
    let logs = vec![cut("cp-1", &log("attacks-cp-1.log.gz"), 500), cut("cp-2", &log("attacks-cp-2.log.gz"), 500)];
    let alerts = run(&mut analyzer(), logs, |_| 0);
    let labels = std::fs::read_to_string(data("labels.jsonl")).unwrap();
    let labels: Vec<Value> = labels.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let labelled: Vec<_> = labels.iter().flat_map(|label| label["events"].as_array().unwrap()).collect();
    // kubectl's first steps towards an attack, from the attacker's address, are not labelled.
    let goes_with = |alert: &Alert, label: &Value| {
        let is_outside = alert.client.as_ref().is_some_and(|client| client.trusted == "false");
        let time = alert.first_seen.to_string();
        is_outside && *label["start"].as_str().unwrap() <= *time && *time <= *label["end"].as_str().unwrap()
    };
    let is_labelled = |alert: &Alert| {
        alert.events.iter().any(|event| labelled.iter().any(|label| label["auditID"] == event.audit_id.as_str()))
            || labels.iter().any(|label| goes_with(alert, label))
    };
    for alert in alerts.values() {
        println!("{:8} {:4} {} | {}", alert.severity, alert.count, alert.rule.id, alert.summary);
    }
    let from_outside = [
        ("anon-probe", "api-server-exposed", Severity::Medium),
        ("admin-kubeconfig-abroad", "outside-trusted-networks", Severity::Critical),
        ("pod-token-abroad", "outside-trusted-networks", Severity::Critical),
        ("exec-read-token", "outside-trusted-networks", Severity::Critical),
        ("forged-forwarded-for", "forged-forwarding-header", Severity::High),
        ("port-forward", "outside-trusted-networks", Severity::Critical),
    ];
    for (attack, rule, severity) in from_outside {
        let label = labels.iter().find(|label| label["attack"] == attack).unwrap();
        let found = alerts.values().filter(|alert| {
            let named = alert.events.iter().any(|event| {
                label["events"].as_array().unwrap().iter().any(|label| label["auditID"] == event.audit_id.as_str())
            });
            named && alert.severity >= severity && alert.reasons.iter().any(|reason| reason.rule == rule)
        });
        assert!(found.count() > 0, "{attack} is not found");
    }
    let noise: Vec<_> =
        alerts.values().filter(|alert| alert.severity >= Severity::Medium && !is_labelled(alert)).collect();
    assert!(noise.is_empty(), "{:#?}", noise.iter().map(|alert| &alert.summary).collect::<Vec<_>>());
}

/// What must be the same however a log is dealt out: all but the sources its events were read from.
fn essence(alerts: &BTreeMap<String, Alert>) -> Vec<String> {
    let essence = |alert: &Alert| {
        let mut value = serde_json::to_value(alert).unwrap();
        value["revision"] = Value::Null;
        for event in value["events"].as_array_mut().unwrap() {
            event["source"] = Value::Null;
        }
        value.to_string()
    };
    alerts.values().map(essence).collect()
}

fn one_log() -> &'static (Vec<u8>, Vec<String>) {
    static ONE: std::sync::OnceLock<(Vec<u8>, Vec<String>)> = std::sync::OnceLock::new();
    ONE.get_or_init(|| {
        let log = log("attacks-cp-2.log.gz");
        let alerts = run(&mut suspicious(), vec![cut("one", &log, 500)], |_| 0);
        assert!(alerts.len() > 5);
        (log, essence(&alerts))
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn one_log_dealt_out_over_three_files_gives_the_same_alerts(
        deal in prop::collection::vec(0usize..3, 1822),
        lines in prop::array::uniform3(1usize..700),
        names in Just(["a", "b", "c"]).prop_shuffle(),
        turns in prop::collection::vec(0usize..3, 64),
    ) {
        let (log, expected) = one_log();
        let mut files = [Vec::new(), Vec::new(), Vec::new()];
        for (at, line) in log.split_inclusive(|byte| *byte == b'\n').enumerate() {
            files[deal[at % deal.len()]].extend_from_slice(line);
        }
        let logs = (0..3).filter(|at| !files[*at].is_empty()).map(|at| cut(names[at], &files[at], lines[at])).collect();
        let mut at = 0;
        let alerts = run(&mut suspicious(), logs, |_| { at += 1; turns[at % turns.len()] });
        prop_assert_eq!(&essence(&alerts), expected);
    }

    #[test]
    fn a_restored_memory_goes_on_as_if_nothing_had_happened(stop in 1usize..1800) {
        let (log, expected) = one_log();
        let inputs = cut("one", log, 1);
        let (before, after) = inputs.split_at(stop.min(inputs.len() - 1));
        let mut first = suspicious();
        let mut alerts = BTreeMap::new();
        let mut out = Output::default();
        let mut merge = Merge::default();
        for input in before {
            merge.offer(input.clone(), ());
            merge.take().unwrap();
            first.analyze(input, &mut out);
            merge.progressed(input.source(), first.newest(input.source()));
            first.settle(merge.horizon(), 0.0, &mut out);
        }
        alerts.extend(out.alerts.into_iter().map(|alert| (alert.id.clone(), alert)));
        let snapshot = first.snapshot().unwrap();
        let mut second = suspicious();
        second.restore(&snapshot.bytes()).unwrap();
        prop_assert_eq!(second.position(&SourceId::new("one")).unwrap().as_str().to_owned(),
            before.iter().map(Input::weight).sum::<usize>().to_string());
        alerts.extend(run(&mut second, vec![after.to_vec()], |_| 0));
        prop_assert_eq!(&essence(&alerts), expected);
    }
}

#[test]
fn an_item_of_a_list_that_lacks_its_id_is_told_in_full() {
    let list = concat!(
        r#"{"kind":"EventList","apiVersion":"audit.k8s.io/v1","items":[{"verb":"list","requestURI":"/api/v1/secrets","#,
        r#""user":{"username":"eve"},"sourceIPs":["192.0.2.9"],"objectRef":{"resource":"secrets"},"#,
        r#""responseStatus":{"code":200},"stageTimestamp":"2026-01-01T00:00:00.000002Z"}]}"#,
    );
    let alerts = run(&mut analyzer(), vec![cut("one", list.as_bytes(), 1)], |_| 0);
    let alert = alerts.values().next().unwrap();
    assert!(alert.summary.starts_with("eve listed secrets in all namespaces from 192.0.2.9"), "{}", alert.summary);
    assert!(alert.client.is_some() && alert.request.is_some() && alert.evidence.is_some());
}

#[test]
fn a_replay_says_nothing_new_and_takes_the_ids_that_were_said() {
    let (log, _) = one_log();
    let first = run(&mut suspicious(), vec![cut("one", log, 100)], |_| 0);
    let mut second = suspicious();
    for alert in first.values() {
        second.learn(alert);
    }
    let mut reversed: Vec<_> = log.split_inclusive(|byte| *byte == b'\n').collect();
    reversed.reverse();
    let replayed = run(&mut second, vec![cut("one", &reversed.concat(), 5000)], |_| 0);
    assert_eq!(first.keys().collect::<Vec<_>>(), replayed.keys().collect::<Vec<_>>());
    for (id, alert) in &replayed {
        assert!(!alert.adds_to(&first[id]), "{id} says something new");
    }
}
