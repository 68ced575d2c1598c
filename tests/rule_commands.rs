//! The commands for people who write rules, as they use them.

#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

use std::path::Path;
use std::process::Command;

const RULE: &str = "\
title: Secret read
id: secret-read
level: high
tags: [attack.t1552.007]
logsource: { product: kubernetes, service: audit }
detection:
  read:
    verb: [get, list]
    objectRef.resource: secrets
  robot:
    user.username|cased: robot
  condition: read and not robot
runbook: Ask him.
";

const TESTS: &str = "\
tests:
  - name: eve reads one
    match: true
    events: [ { kind: Event, verb: get, user: { username: eve }, objectRef: { resource: secrets } } ]
  - name: the robot may
    match: false
    events: [ { kind: Event, verb: get, user: { username: robot }, objectRef: { resource: secrets } } ]
  - name: a pod is none
    match: false
    events: [ { kind: Event, verb: get, user: { username: eve }, objectRef: { resource: pods } } ]
";

const LAST: &str = "  - name: she deletes one
    match: false
    events: [ { kind: Event, verb: delete, user: { username: eve }, objectRef: { resource: secrets } } ]
";

const EVENT: &str = r#"{"kind":"Event","apiVersion":"audit.k8s.io/v1","auditID":"823afb8f-bd21-4918-81a6-3770801a3883","stage":"ResponseComplete","verb":"get","user":{"username":"eve"},"objectRef":{"resource":"pods"}}"#;

fn folder(tests: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("rule.yml"), format!("{RULE}{tests}")).unwrap();
    std::fs::write(folder.path().join("event.json"), EVENT).unwrap();
    folder
}

#[track_caller]
fn check(folder: &Path, arguments: &[&str], code: i32, parts: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gatecrier"));
    let said = command.args(arguments).current_dir(folder).env_remove("RUST_LOG").output().unwrap();
    let text = String::from_utf8([said.stdout, said.stderr].concat()).unwrap();
    assert_eq!(said.status.code(), Some(code), "{text}");
    for part in parts {
        assert!(text.contains(part), "`{part}` is not in\n{text}");
    }
    text
}

#[test]
fn tests_in_rule_files_are_run() {
    let here = folder(&format!("{TESTS}{LAST}"));
    let run = |arguments: &[&str], code, parts: &[&str]| check(here.path(), arguments, code, parts);
    run(&["test", "rules", "."], 0, &["ok      Secret read  (4 tests)", "1 rules, 4 tests; 0 rules failed"]);
    run(&["test", "rules", "rule.yml", "--mutate", "--require-tests"], 0, &["changes)"]);
    let xml =
        run(&["test", "rules", ".", "-o", "junit"], 0, &[r#"<testsuite name="Secret read" tests="4" failures="0">"#]);
    assert!(xml.contains(r#"<testcase classname="secret-read" name="eve reads one"/>"#), "{xml}");
}

#[test]
fn a_failed_test_says_which_clause_failed() {
    let wrong = TESTS.replace(
        "verb: get, user: { username: eve }, objectRef: { resource: secrets }",
        "verb: watch, user: { username: \"<eve>\" }, objectRef: { resource: secrets }",
    );
    let here = folder(&wrong);
    let run = |arguments: &[&str], code, parts: &[&str]| check(here.path(), arguments, code, parts);
    run(
        &["test", "rules", "."],
        1,
        &["FAILED  Secret read", "eve reads one: it does not match", "verb: get or list is false (it is watch)"],
    );
    run(
        &["test", "rules", ".", "-o", "junit"],
        1,
        &["failures=\"1\"", "<failure message=\"it does not match", "it is &lt;eve&gt;"],
    );
}

#[test]
fn changes_that_no_test_notices_are_told() {
    let here = folder(TESTS);
    let run = |arguments: &[&str], code, parts: &[&str]| check(here.path(), arguments, code, parts);
    run(&["test", "rules", ".", "--mutate"], 1, &["FAILED", "no test notices it without `verb: get or list`"]);
    let bare = folder("");
    check(bare.path(), &["test", "rules", "."], 0, &["1 have no tests"]);
    check(bare.path(), &["test", "rules", ".", "--require-tests"], 1, &["it has no tests"]);
}

#[test]
fn an_event_is_explained_clause_by_clause() {
    let here = folder(TESTS);
    let explain = ["explain", "--event", "event.json", "--rule", "secret-read", "--rules", "rule.yml"];
    let parts = [
        "Secret read does not match the event 823afb8f-bd21-4918-81a6-3770801a3883",
        "true      verb: get or list   (it is get)",
        "false     objectRef.resource: secrets   (it is pods)",
    ];
    let said = check(here.path(), &explain, 0, &[parts[0]]);
    let squeezed = said.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in parts {
        let part = part.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(squeezed.contains(&part), "`{part}` is not in\n{said}");
    }
    check(here.path(), &["explain", "--event", "event.json", "--rule", "x", "--rules", "."], 2, &["find the rule `x`"]);
    check(
        here.path(),
        &["explain", "--event", "event.json"],
        0,
        &["event 823afb8f", "medium   outside-trusted-networks: eve asked"],
    );
}

#[test]
fn rules_are_checked_listed_and_shown() {
    let here = folder(TESTS);
    let run = |arguments: &[&str], code, parts: &[&str]| check(here.path(), arguments, code, parts);
    run(&["check", "rules", "."], 0, &["1 rules, no mistake"]);
    run(
        &["rules", "list", "rule.yml"],
        0,
        &["high", "secret-read", "T1552.007", "outside-trusted-networks", "built in"],
    );
    run(&["rules", "show", "secret-read", "rule.yml"], 0, &["what to do", "Ask him.", "objectRef.resource: secrets"]);
    std::fs::write(here.path().join("wrong.yml"), RULE.replace("objectRef.resource", "objectRef.resorce")).unwrap();
    run(&["check", "rules", "wrong.yml"], 1, &["wrong.yml:9:5: there is no field", "did you mean"]);
    std::fs::write(here.path().join("bare.yaml"), "rules: { pack: false }\n").unwrap();
    let near = ["covered  K8S-IA-001", "~        K8S-CA-001", "secret-read", "blind"];
    run(&["rules", "coverage", "rule.yml", "-c", "bare.yaml"], 0, &near);
    run(&["rules", "coverage"], 0, &["covered  K8S-CA-001"]);
    run(&["rules", "coverage", "--blind"], 0, &["K8S-DE-020", "no audit log shows it"]);
    run(&["test", "rules", "-c", "bare.yaml"], 2, &["failed to find rules: name rule files"]);
    for command in [&["test", "rules", "--help"][..], &["rules", "list", "--help"], &["check", "rules", "--help"]] {
        run(command, 0, &["Examples:", "gatecrier"]);
    }
}

#[test]
fn a_replay_tells_what_other_rules_find() {
    let here = folder("");
    let write = |name: &str, text: &str| std::fs::write(here.path().join(name), text).unwrap();
    let time =
        r#""requestReceivedTimestamp":"2026-11-22T12:00:00.000000Z","stageTimestamp":"2026-11-22T12:00:00.000001Z""#;
    let event =
        EVENT.replace(r#""resource":"pods"}"#, &format!(r#""resource":"secrets"}},"sourceIPs":["10.0.0.7"],{time}"#));
    write("audit.log", &event);
    write("other.yml", &RULE.replace("secret-read", "other-rule").replace("level: high", "level: low"));
    write("graver.yml", &RULE.replace("level: high", "level: critical"));
    write("bare.yaml", "rules: { pack: false }\n");
    let replay = |new: &str, parts: &[&str]| {
        let only = ["replay", "audit.log", "-c", "bare.yaml", "--old", "rule.yml", "--new", new];
        check(here.path(), &only, 0, parts);
    };
    replay("rule.yml", &["0 new, 0 gone, 0 changed; 1 findings before, 1 now"]);
    replay("other.yml", &["+  low   other-rule", "-  high  secret-read", "1 new, 1 gone, 0 changed"]);
    replay("graver.yml", &["~  critical  secret-read", "0 new, 0 gone, 1 changed"]);
    check(here.path(), &["replay", "audit.log"], 2, &["--new"]);
}

/// Every rule of ours has tests, and every clause of it a test that notices when it is gone.
#[test]
fn the_rules_we_bring_are_tested_clause_by_clause() {
    let here = folder("");
    check(here.path(), &["check", "rules", "--deny-warnings"], 0, &["no mistake"]);
    check(here.path(), &["test", "rules", "--require-tests", "--mutate"], 0, &["0 rules failed"]);
}

#[test]
fn our_rules_are_there_unless_they_are_replaced_or_switched_off() {
    let here = folder("");
    let run = |arguments: &[&str], parts: &[&str]| check(here.path(), arguments, 0, parts);
    let write = |name: &str, text: &str| std::fs::write(here.path().join(name), text).unwrap();
    let line =
        |said: &str, id: &str| said.lines().find(|line| line.split_whitespace().nth(1) == Some(id)).map(str::to_owned);
    let said = run(&["rules", "list"], &["built in"]);
    assert!(line(&said, "key-of-the-kingdom-read").is_some_and(|line| line.ends_with("built in")), "{said}");
    run(&["rules", "show", "key-of-the-kingdom-read"], &["what to do", "without bodies"]);
    run(&["explain", "--event", "event.json", "--rule", "key-of-the-kingdom-read"], &["does not match"]);
    run(&["generate", "audit-policy"], &["# Not for ", "credential-in-config-map"]);

    write("own.yml", &RULE.replace("id: secret-read", "id: key-of-the-kingdom-read"));
    let said = run(&["rules", "list", "own.yml"], &["replaces the built-in one"]);
    assert_eq!(said.matches(" key-of-the-kingdom-read ").count(), 1, "{said}");
    run(&["test", "rules", "own.yml"], &["1 rules, 0 tests"]);

    write("off.yaml", "rules:\n  off: [key-of-the-kingdom-read]\n");
    let said = run(&["rules", "list", "-c", "off.yaml"], &["secrets-of-all-namespaces"]);
    assert!(line(&said, "key-of-the-kingdom-read").is_none(), "{said}");
    write("off.yaml", "rules:\n  off: [key-of-the-kingdom-rad]\n");
    let parts = ["off.yaml:2:9: no built-in rule has the id", "did you mean `key-of-the-kingdom-read`?"];
    check(here.path(), &["rules", "list", "-c", "off.yaml"], 1, &parts);
    write("none.yaml", "rules: { pack: false }\n");
    let said = run(&["rules", "list", "-c", "none.yaml"], &["outside-trusted-networks"]);
    assert!(line(&said, "key-of-the-kingdom-read").is_none(), "{said}");
}
