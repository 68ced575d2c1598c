//! Reports of made-up findings.

use super::*;
use crate::cli::{Outcome, scan::judge};

fn alert(id: &str, severity: &str, summary: &str, first: &str) -> Alert {
    let text = include_str!("../../../../tests/alerts/full.json");
    let mut alert: Alert = serde_json::from_str(text).unwrap();
    alert.id = id.to_owned();
    alert.severity = severity.parse().unwrap();
    alert.rule.id = format!("rule-{severity}");
    alert.summary = summary.to_owned();
    alert.first_seen = Timestamp::parse(first.as_bytes()).unwrap();
    alert
}

fn report() -> Report {
    let caller = |actor: &str, ip: Option<&str>, trusted: &str, events| Caller {
        actor: actor.to_owned(),
        kind: "human".to_owned(),
        ip: ip.map(str::to_owned),
        zone: None,
        trusted: trusted.to_owned(),
        events,
    };
    let tally = Tally {
        passed: std::collections::BTreeMap::new(),
        events: 1_234_567,
        malformed: 2,
        first: Timestamp::parse(b"2026-11-22T12:00:00.000000Z"),
        last: Timestamp::parse(b"2026-11-22T13:00:00.500000Z"),
        who: vec![caller("", None, "unknown", 3), caller("eve\u{202e}\x1b[2J", Some("203.0.113.7"), "false", 90)],
        exposure: Some("203.0.113.7 reached the API server".to_owned()),
        alerts: vec![
            alert("b", "low", "second", "2026-11-22T12:00:01.000000Z"),
            alert("a", "critical", "first \x1b]0;title\x07", "2026-11-22T12:30:00.000000Z"),
            alert("c", "low", "third", "2026-11-22T12:00:02.000000Z"),
        ],
        suppressed: [("nightly", "secret-read", 1200), ("nightly", "x\x1b[2J", 1)]
            .map(|(by, rule, findings)| (Covered { suppression: by.to_owned(), rule: rule.to_owned() }, findings))
            .into(),
    };
    let read = Read {
        files: 2,
        bytes: 5_000_000,
        seconds: 0.5,
        unreadable: vec![("file:x.log".to_owned(), "permission denied".to_owned())],
        notes: vec!["No networks are named.".to_owned()],
    };
    Report::new(tally, read)
}

fn table_text(report: &Report) -> String {
    let mut out = anstream::StripStream::new(Vec::new());
    report.write_table(&mut out).unwrap();
    String::from_utf8(out.into_inner()).unwrap()
}

#[test]
fn the_table_tells_the_gravest_first_and_nothing_in_it_acts_on_the_terminal() {
    let text = table_text(&report());
    let at = |part: &str| text.find(part).unwrap_or_else(|| panic!("`{part}` is not in:\n{text}"));
    assert!(at("1,234,567 events from 2026-11-22T12:00:00Z to 2026-11-22T13:00:00Z") < at("2 files, 1 of them"));
    at("5.0 MB in 0.5 s (10 MB/s, 2,469,134 events/s)");
    at("2 records could not be read whole");
    assert!(at("203.0.113.7") < at("unknown"), "the busiest caller comes first");
    at("3 alerts");
    at("1 critical, 2 low");
    assert!(at("2  rule-low") < at("1  rule-critical"));
    assert!(at("1,201 findings suppressed") < at("1,200  secret-read by `nightly`"));
    assert!(at("CRITICAL first \\u{1b}]0;title") < at("LOW      second"));
    assert!(at("LOW      second") < at("LOW      third"));
    assert!(at("third") < at("No networks are named."));
    assert!(!text.contains(['\x1b', '\x07', '\u{202e}']), "{text}");
    assert!(text.contains("eve\\u{202e}\\u{1b}[2J"), "{text}");
}

#[test]
fn colours_are_written_around_the_severity_alone() {
    let mut out = Vec::new();
    report().write_table(&mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    assert!(text.contains("\x1b[1m\x1b[31mCRITICAL\x1b[0m first"), "{text:?}");
}

#[test]
fn json_is_one_object_with_summary_and_alerts() {
    let mut out = Vec::new();
    report().write_json(&mut out).unwrap();
    let told: serde_json::Value = serde_json::from_slice(&out).unwrap();
    assert_eq!(told["summary"]["events"], 1_234_567);
    assert_eq!(told["summary"]["first"], "2026-11-22T12:00:00.000000Z");
    assert_eq!(told["summary"]["alerts_by_severity"], serde_json::json!({"critical": 1, "low": 2}));
    assert_eq!(told["summary"]["alerts_by_rule"]["rule-low"], 2);
    assert_eq!(told["summary"]["unreadable"][0]["file"], "file:x.log");
    assert_eq!(told["summary"]["who"][0]["ip"], "203.0.113.7");
    let ids: Vec<_> = told["alerts"].as_array().unwrap().iter().map(|alert| alert["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["a", "b", "c"]);
}

#[test]
fn jsonl_is_an_alert_a_line() {
    let mut out = Vec::new();
    report().write_jsonl(&mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    let alerts: Vec<Alert> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(alerts.len(), 3);
    assert_eq!(alerts[0].severity, Severity::Critical);
    assert_eq!(report().gravest(), Some(Severity::Critical));
}

#[test]
fn nothing_found_is_said_in_few_words() {
    let text = table_text(&Report::new(Tally::default(), Read { files: 1, ..Read::default() }));
    assert!(text.starts_with("0 events\n"), "{text}");
    assert!(text.contains("No alerts"), "{text}");
    assert!(!text.contains("Who came") && !text.contains("Exposure"), "{text}");
}

#[test]
fn long_lists_are_cut_and_the_rest_is_counted() {
    let alerts = (0..150).map(|at| alert(&format!("{at}"), "low", "again", "2026-11-22T12:00:00Z")).collect();
    let text = table_text(&Report::new(Tally { alerts, ..Tally::default() }, Read::default()));
    assert_eq!(text.matches("LOW ").count(), ALERTS_SHOWN_MAX);
    assert!(text.contains("and 50 more; `-o jsonl` has all"), "{text}");
}

#[test]
fn the_exit_code_follows_the_gravest_alert_and_what_was_not_read() {
    let judged = |severity: Option<&str>, unreadable: bool, fail_on: Option<Severity>| {
        let alerts = severity.map(|severity| alert("a", severity, "x", "2026-11-22T12:00:00Z")).into_iter().collect();
        let unreadable = if unreadable { vec![("x".to_owned(), "gone".to_owned())] } else { Vec::new() };
        let report = Report::new(Tally { alerts, ..Tally::default() }, Read { unreadable, ..Read::default() });
        judge(&report, fail_on)
    };
    assert_eq!(judged(Some("critical"), false, None), Outcome::Well);
    assert_eq!(judged(Some("high"), false, Some(Severity::High)), Outcome::Found);
    assert_eq!(judged(Some("critical"), false, Some(Severity::High)), Outcome::Found);
    assert_eq!(judged(Some("medium"), false, Some(Severity::High)), Outcome::Well);
    assert_eq!(judged(None, false, Some(Severity::Info)), Outcome::Well);
    assert_eq!(judged(Some("critical"), true, Some(Severity::High)), Outcome::Failed);
}
