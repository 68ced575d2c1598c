//! The binary as people and scripts use it: what it prints where, and what it exits with.

// A test ends at its first failure, wherever that is.
#![allow(clippy::unwrap_used)]

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

struct Said {
    code: i32,
    out: String,
    err: String,
}

impl Said {
    #[track_caller]
    fn check(&self, code: i32, out: &[&str], err: &[&str]) {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.out, self.err);
        for part in out {
            assert!(self.out.contains(part), "`{part}` is not in stdout:\n{}", self.out);
        }
        for part in err {
            assert!(self.err.contains(part), "`{part}` is not in stderr:\n{}", self.err);
        }
    }
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gatecrier"));
    command.args(arguments).current_dir(folder).env_remove("RUST_LOG").env_remove("NO_COLOR");
    command
}

fn run(folder: &Path, arguments: &[&str]) -> Said {
    command(folder, arguments).stdin(Stdio::null()).output().unwrap().into()
}

/// A folder with a valid configuration.
fn configured() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let yaml = "\
cluster: prod-eu
state: /var/lib/gatecrier
sources:
  audit: { file: { path: audit.log } }
networks:
  office:
    cidrs:
      - 198.51.100.0/24
      - 198.51.100.20/31
    files: [extra.txt]
  pods: { cidrs: [10.244.0.0/16], kind: pods }
  guests: { cidrs: [198.51.100.128/25], kind: untrusted }
proxies:
  access: { cidrs: [10.0.0.14] }
hiding_hops:
  haproxy: { cidrs: [10.0.0.10] }
";
    std::fs::write(folder.path().join("gatecrier.yaml"), yaml).unwrap();
    std::fs::write(folder.path().join("extra.txt"), "# more\n203.0.113.0/28\n").unwrap();
    folder
}

#[test]
fn every_command_teaches_by_examples() {
    let here = Path::new(".");
    for arguments in [
        &["--help"][..],
        &["run", "--help"],
        &["scan", "--help"],
        &["check", "--help"],
        &["check", "audit-policy", "--help"],
        &["generate", "--help"],
    ] {
        run(here, arguments).check(0, &["Examples:\n", "gatecrier "], &[]);
    }
    run(here, &["networks", "check", "--help"]).check(0, &["Examples:\n"], &[]);
    run(here, &["explain", "--help"]).check(0, &["Examples:\n"], &[]);
    run(here, &["--help"]).check(0, &["Exit codes:", "130"], &[]);
    run(here, &["scna"]).check(2, &[], &["scan"]);
    run(here, &["scan", "x", "--fail-on", "grave"]).check(2, &[], &["unknown severity `grave`", "critical"]);
    run(here, &["check", "-c", "x", "--log-level", "=="]).check(2, &[], &["read the log filter `==`"]);
}

#[test]
fn check_says_what_was_understood() {
    let folder = configured();
    let said = run(folder.path(), &["check", "-c", "gatecrier.yaml"]);
    let understood = ["gatecrier.yaml is valid", "prod-eu", "2 ranges and 1 file, trusted", "not there yet", "stdout"];
    said.check(0, &understood, &[]);
    said.check(0, &["http://127.0.0.1:9187"], &[]);
}

#[test]
fn check_tells_mistakes_and_exits_with_1() {
    let folder = configured();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("typo.yaml", "sources: { audit: { file: { path: a.log } } }\nnetwroks: {}\n");
    run(folder.path(), &["check", "-c", "typo.yaml"]).check(
        1,
        &[],
        &["typo.yaml:2:1: unknown key `netwroks`\n  2 | netwroks: {}\n    | ^^^^^^^^\n", "did you mean"],
    );
    run(folder.path(), &["check", "-c", "none.yaml"]).check(1, &[], &["none.yaml: cannot read", "after `-c`"]);
    write("extra.txt", "203.0.113.0/28\nnonsense\n");
    run(folder.path(), &["check", "-c", "gatecrier.yaml"]).check(1, &[], &["extra.txt", "line 2", "nonsense"]);
}

#[test]
fn check_connects_to_the_sinks_when_asked() {
    let folder = configured();
    // A port that was free a moment ago and has no listener.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let yaml = format!(
        "sources: {{ audit: {{ file: {{ path: a.log }} }} }}\n\
         sinks: {{ stdout: {{}}, webhook: {{ soc: {{ url: \"http://127.0.0.1:{port}/hook\" }} }} }}\n"
    );
    std::fs::write(folder.path().join("sinks.yaml"), yaml).unwrap();
    run(folder.path(), &["check", "-c", "sinks.yaml"]).check(0, &["webhook.soc"], &[]);
    let said = run(folder.path(), &["check", "-c", "sinks.yaml", "--connect"]);
    said.check(2, &["ok      stdout", "failed  webhook.soc: "], &[]);
}

#[test]
fn without_a_configuration_a_first_one_is_shown() {
    for command in ["run", "check"] {
        run(Path::new("."), &[command]).check(2, &[], &["name it with `-c FILE`", "sources:", "networks:"]);
    }
}

#[test]
fn networks_check_says_which_line_decides() {
    let folder = configured();
    let check = |address: &str| run(folder.path(), &["networks", "check", address, "-c", "gatecrier.yaml"]);
    check("198.51.100.20").check(0, &["in the network `office` (trusted): trusted"], &[]);
    check("198.51.100.20").check(0, &["198.51.100.20/31 in gatecrier.yaml:9"], &[]);
    check("203.0.113.5").check(0, &["`office`", "203.0.113.0/28 in extra.txt:2"], &[]);
    check("198.51.100.200").check(0, &["`guests` (untrusted): not trusted"], &[]);
    check("::ffff:10.244.1.1").check(0, &["10.244.1.1 is in the network `pods` (pods): trusted", "private"], &[]);
    check("192.0.2.1").check(0, &["in no named network: not trusted"], &[]);
    check("10.0.0.14").check(0, &["proxy", "`access`", "gatecrier.yaml:14"], &[]);
    check("10.0.0.10").check(0, &["hiding hop", "`haproxy`"], &[]);
    for (address, told) in [
        ("10.0.0.300", "an IPv4 or IPv6 address is needed"),
        ("10.0.0.0/8", "this is a network; ask for one address of it, such as 10.0.0.0"),
        ("10.0.0.1:6443", "leave out the port: 10.0.0.1"),
        ("[2001:db8::1]:6443", "leave out brackets and port: 2001:db8::1"),
        ("", "an IPv4 or IPv6 address is needed"),
    ] {
        check(address).check(2, &[], &[told]);
    }
    let without = run(folder.path(), &["networks", "check", "10.1.2.3"]);
    without.check(0, &["private address: trusted, as no networks are named"], &[]);
}

const EVENTS: &str = concat!(
    r#"{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"823afb8f-bd21-4918-81a6-3770801a3883","stage":"ResponseComplete","requestURI":"/api/v1/pods","verb":"list","user":{"username":"alice","groups":["system:authenticated"]},"sourceIPs":["10.0.0.7"],"userAgent":"kubectl/v1.36.3","objectRef":{"resource":"pods","apiVersion":"v1"},"responseStatus":{"metadata":{},"code":200},"requestReceivedTimestamp":"2026-11-22T12:00:00.000000Z","stageTimestamp":"2026-11-22T12:00:00.000001Z","annotations":{"authorization.k8s.io/decision":"allow","authorization.k8s.io/reason":""}}"#,
    "\n",
    r#"{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"9c130e50-4acd-47fa-bbe6-0e9340133681","stage":"ResponseComplete","requestURI":"/api/v1/secrets","verb":"list","user":{"username":"eve","groups":["system:authenticated"]},"sourceIPs":["203.0.113.9"],"userAgent":"kubectl/v1.36.3","objectRef":{"resource":"secrets","apiVersion":"v1"},"responseStatus":{"metadata":{},"code":200},"requestReceivedTimestamp":"2026-11-22T12:00:01.000000Z","stageTimestamp":"2026-11-22T12:00:01.000001Z","annotations":{"authorization.k8s.io/decision":"allow","authorization.k8s.io/reason":""}}"#,
    "\n"
);

#[test]
fn explain_says_what_a_field_means() {
    let here = Path::new(".");
    run(here, &["explain"]).check(0, &["client.trusted", "request.action", "objectRef.resource"], &[]);
    run(here, &["explain", "client.trusted"]).check(0, &["true, false, unknown", "Metadata", "worked out"], &[]);
    run(here, &["explain", "client"]).check(0, &["client.ip"], &[]);
    run(here, &["explain", "requestObject.spec.replicas"]).check(0, &["below requestObject", "Request"], &[]);
    run(here, &["explain", "client.trustd"]).check(2, &[], &["did you mean `client.trusted`?"]);
}

#[test]
fn scan_looks_for_sigma_rules_and_says_what_is_wrong_with_them() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("audit.log"), EVENTS).unwrap();
    let rule = "title: Secrets listed\nlevel: low\nauthor: Alice\ntags: [attack.t1552.007]\n\
        logsource: {product: kubernetes, service: audit}\n\
        detection:\n  s: {request.action: list, objectRef.resource: secrets, client.trusted: 'false'}\n  condition: s\n";
    std::fs::create_dir(folder.path().join("rules")).unwrap();
    std::fs::write(folder.path().join("rules/a.yml"), rule).unwrap();
    let said = run(folder.path(), &["scan", "audit.log", "--rules", "rules", "-o", "json"]);
    said.check(0, &[], &[]);
    let told: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    let reasons = told["alerts"][0]["reasons"].as_array().unwrap();
    let reason = reasons.iter().find(|reason| reason["rule"] == "secrets-listed").unwrap();
    let text = "Secrets listed: eve listed secrets in all namespaces from 203.0.113.9, outside every trusted network";
    assert_eq!(reason["text"], text);
    assert_eq!(reason["matched"][0], serde_json::json!({"field": "request.action", "value": "list"}));

    std::fs::write(folder.path().join("rules/a.yml"), rule.replace("request.action", "request.acton")).unwrap();
    let said = run(folder.path(), &["scan", "audit.log", "--rules", "rules/a.yml"]);
    said.check(1, &[], &["rules/a.yml:7:7: there is no field `request.acton`", "did you mean `request.action`?"]);
}

#[test]
fn scan_reads_files_folders_and_stdin() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("audit.log"), EVENTS).unwrap();
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(EVENTS.as_bytes()).unwrap();
    std::fs::write(folder.path().join("audit.log.1.gz"), packed.finish().unwrap()).unwrap();
    let pretty = |line: &str| {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        serde_json::to_string_pretty(&event).unwrap()
    };
    let documents: Vec<_> = EVENTS.lines().map(pretty).collect();
    std::fs::write(folder.path().join("pretty.json"), documents.join("\n")).unwrap();

    let said = run(folder.path(), &["scan", "."]);
    let secrets = "CRITICAL eve listed secrets in all namespaces from 203.0.113.9, outside every trusted network";
    // The same records three times are one request, and of one request no count is shown.
    said.check(0, &["6 events", "3 files", "No networks are named", "-c FILE", secrets], &[]);
    assert!(!said.out.contains("requests"), "{}", said.out);
    assert_eq!(said.err, "", "progress is hidden when stderr is no terminal");
    run(folder.path(), &["scan", "pretty.json"]).check(0, &["2 events"], &[]);

    let mut child = command(folder.path(), &["scan", "-", "-o", "json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(EVENTS.as_bytes()).unwrap();
    let said = Said::from(child.wait_with_output().unwrap());
    said.check(0, &[], &[]);
    let told: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(told["summary"]["events"], 2);
    assert_eq!(told["summary"]["bytes"], EVENTS.len());
    let alerts: Vec<_> = told["alerts"].as_array().unwrap().iter().map(|alert| &alert["rule"]["id"]).collect();
    assert_eq!(alerts, ["outside-trusted-networks"], "the exposure is one of its reasons");
    run(folder.path(), &["scan", "audit.log", "--fail-on", "critical"]).check(1, &[], &[]);
}

#[test]
fn scan_goes_on_after_what_it_cannot_read_and_exits_with_2() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("audit.log"), EVENTS).unwrap();
    std::fs::write(folder.path().join("broken.log.gz"), b"\x1f\x8b\x08\x00broken").unwrap();
    let said = run(folder.path(), &["scan", "audit.log", "none.log", "broken.log.gz"]);
    said.check(
        2,
        &["2 events", "2 of them not readable to the end"],
        &["cannot open none.log: No such file", "broken.log.gz to its end"],
    );
    std::fs::create_dir(folder.path().join("empty")).unwrap();
    run(folder.path(), &["scan", "empty"]).check(2, &[], &["failed to find logs in empty", ".jsonl"]);
    std::fs::write(folder.path().join("syslog.log"), "Nov 25 10:00:00 host sshd[1]: hello\n").unwrap();
    let said = run(folder.path(), &["scan", "syslog.log"]);
    said.check(2, &["There is no audit event in it", "at an unknown time"], &[]);
}

#[test]
fn scan_takes_a_configuration_without_sources() {
    let folder = configured();
    std::fs::write(folder.path().join("audit.log"), EVENTS).unwrap();
    std::fs::write(folder.path().join("networks.yaml"), "networks: { office: { cidrs: [198.51.100.0/24] } }\n")
        .unwrap();
    let said = run(folder.path(), &["scan", "audit.log", "-c", "networks.yaml"]);
    said.check(0, &["2 events"], &[]);
    assert!(!said.out.contains("No networks are named"), "{}", said.out);
    run(folder.path(), &["scan", "audit.log", "-c", "none.yaml"]).check(1, &[], &["cannot read"]);
    let told = run(folder.path(), &["scan", "audit.log", "-o", "jsonl"]).out;
    let alert: serde_json::Value = serde_json::from_str(told.trim_end()).unwrap();
    assert_eq!((&alert["severity"], &alert["count"]), (&"critical".into(), &1.into()));
    let trusting = "networks: { everyone: { cidrs: [0.0.0.0/0] } }\nrules: { pack: false }\n";
    std::fs::write(folder.path().join("trusting.yaml"), trusting).unwrap();
    assert_eq!(run(folder.path(), &["scan", "audit.log", "-o", "jsonl", "-c", "trusting.yaml"]).out, "");
}

/// A folder with a log of a request from outside, and a configuration with this entry.
fn suppressing(entry: &str) -> tempfile::TempDir {
    let folder = configured();
    let event = r#"{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"5c5cd3d5-8a0c-4c5b-9e5d-3c9d1cf2a001","stage":"ResponseComplete","requestURI":"/api/v1/namespaces/shop/secrets","verb":"list","user":{"username":"eve\u001b[31m","groups":["system:authenticated"]},"sourceIPs":["192.0.2.66"],"objectRef":{"resource":"secrets","namespace":"shop","apiVersion":"v1"},"responseStatus":{"code":200},"requestReceivedTimestamp":"2026-11-22T12:00:00.000000Z","stageTimestamp":"2026-11-22T12:00:00.500000Z"}"#;
    std::fs::write(folder.path().join("log.json"), event).unwrap();
    let config = folder.path().join("gatecrier.yaml");
    let text = std::fs::read_to_string(&config).unwrap();
    let entry = format!("suppressions:\n  - {{ name: drill, {entry}, reason: a drill, author: bob }}\n");
    std::fs::write(&config, text + &entry).unwrap();
    folder
}

const CONFIG: [&str; 2] = ["-c", "gatecrier.yaml"];

#[test]
fn what_is_suppressed_is_counted_listed_and_explained() {
    let folder = suppressing("rule: outside-trusted-networks, zone: outside, until: 2030-01-01");
    let here = folder.path();
    let said = run(here, &[&["scan", "log.json"][..], &CONFIG].concat());
    said.check(0, &["1 finding suppressed", "1  outside-trusted-networks by `drill`", "api-server-exposed"], &[]);
    let said = run(here, &[&["scan", "log.json", "-o", "json"][..], &CONFIG].concat());
    let all: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    let counted = serde_json::json!([{"suppression": "drill", "rule": "outside-trusted-networks", "findings": 1}]);
    assert_eq!(all["summary"]["suppressed"], counted);
    assert_eq!(all["alerts"][0]["suppressions"][0]["rule"], "api-server-exposed");
    let said = run(here, &[&["suppressions", "list", "log.json"][..], &CONFIG].concat());
    said.check(0, &["drill", "2030-01-01", " 1 ", "zone outside", "a drill", "bob"], &[]);
    let said = run(here, &[&["explain", "--event", "log.json"][..], &CONFIG].concat());
    let why = "suppressed outside-trusted-networks by `drill` until 2030-01-01 (bob: a drill)";
    said.check(0, &["event 5c5cd3d5", "medium   api-server-exposed", why], &[]);
    let said = run(here, &[&["check"][..], &CONFIG].concat());
    said.check(0, &["suppression", "drill", "until 2030-01-01"], &[]);
    assert!(!said.out.contains("ended"), "{}", said.out);
}

#[test]
fn a_suppression_that_is_over_or_of_no_rule_is_told() {
    let over = suppressing("rule: outside-trusted-networks, until: 2026-11-21");
    let said = run(over.path(), &[&["check"][..], &CONFIG].concat());
    said.check(0, &["gatecrier.yaml:18:", "the suppression `drill` ended on 2026-11-21"], &[]);
    run(over.path(), &[&["suppressions", "list"][..], &CONFIG].concat()).check(0, &["2026-11-21 (over)"], &[]);
    let typo = suppressing("rule: outside-trusted-network, until: 2030-01-01");
    for command in [&["check"][..], &["scan", "log.json"], &["suppressions", "list"]] {
        let said = run(typo.path(), &[command, &CONFIG].concat());
        let place = [
            "gatecrier.yaml:18:26: there is no rule `outside-trusted-network`",
            "did you mean `outside-trusted-networks`?",
        ];
        said.check(1, &[], &place);
    }
    for (rule, code) in
        [("log-gap", 0), ("granted-then-ran", 0), ("identity-at-risk", 0), ("outside-*", 0), ("log-*", 0), ("x*", 1)]
    {
        let folder = suppressing(&format!("rule: '{rule}', until: 2030-01-01"));
        assert_eq!(run(folder.path(), &[&["check"][..], &CONFIG].concat()).code, code, "{rule}");
    }
}

#[test]
fn colours_are_asked_for_or_not() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("audit.log"), EVENTS).unwrap();
    let coloured = |arguments: &[&str]| run(folder.path(), arguments).out.contains('\x1b');
    assert!(!coloured(&["scan", "audit.log"]), "a pipe is no terminal");
    assert!(coloured(&["scan", "audit.log", "--color", "always"]));
    assert!(!coloured(&["scan", "audit.log", "--color", "never"]));
}

#[test]
fn run_serves_and_stops_at_sigterm() {
    let folder = configured();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let yaml = format!(
        "state: {}\nsources: {{ audit: {{ file: {{ path: a.log }} }} }}\nserver: {{ listen: \"127.0.0.1:{port}\" }}\n",
        folder.path().join("state").display()
    );
    std::fs::write(folder.path().join("run.yaml"), yaml).unwrap();
    let mut child = command(folder.path(), &["run", "-c", "run.yaml"]).stderr(Stdio::piped()).spawn().unwrap();
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(std::time::Instant::now() < deadline, "nothing listens");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let stopped = Command::new("kill").arg(child.id().to_string()).status().unwrap();
    assert!(stopped.success());
    assert!(child.wait().unwrap().success());
}

#[test]
fn an_audit_policy_is_checked_beside_configurations() {
    let folder = configured();
    let here = folder.path();
    let policy = |rules: &str| {
        let text = format!("apiVersion: audit.k8s.io/v1\nkind: Policy\nomitStages: [RequestReceived]\nrules:\n{rules}");
        std::fs::write(here.join("policy.yaml"), text).unwrap();
    };
    let check = |more: &[&str]| run(here, &[&["check", "audit-policy", "policy.yaml"], more].concat());

    policy("- level: Metadata\n");
    let praise = ["policy.yaml: 1 rule, no mistake", "ALWAYS  outside-trusted-networks"];
    std::fs::write(here.join("bare.yaml"), "rules: { pack: false }\n").unwrap();
    check(&["--deny-warnings", "-c", "bare.yaml"]).check(0, &praise, &[]);
    // Some of our rules look at bodies.
    check(&["--deny-warnings"]).check(1, &[&praise[..], &["NEVER", "logs at Metadata only"]].concat(), &[]);

    policy("- level: None\n  userGroups: ['system:nodes']\n  verbs: [get]\n- level: Metadata\n- level: Request\n");
    check(&[]).check(
        0,
        &["policy.yaml:9:3: this rule is never reached", "PARTIAL outside-trusted-networks", "line 5 hides"],
        &[],
    );
    check(&["--deny-warnings"]).check(1, &[], &[]);
    let json: serde_json::Value = serde_json::from_str(&check(&["-o", "json", "-c", "gatecrier.yaml"]).out).unwrap();
    assert_eq!(json["mistakes"][0]["check"], "unreachable");
    assert_eq!(json["rules"][0]["dark"][0]["line"], 5);

    policy("- level: Metdata\n");
    check(&[]).check(1, &["policy.yaml:5:10: there is no level `Metdata`", "did you mean `Metadata`?"], &[]);
    policy("- level: [\n");
    check(&[]).check(1, &[], &["policy.yaml:", "this is not YAML as we read it"]);
    run(here, &["check", "audit-policy", "missing.yaml"]).check(2, &[], &["failed to open the policy missing.yaml"]);
    run(here, &["check"]).check(2, &[], &["-c FILE"]);
    run(here, &["check", "-c", "gatecrier.yaml"]).check(0, &["gatecrier.yaml is valid."], &[]);
}

#[test]
fn the_generated_policy_is_one_that_check_praises() {
    let folder = configured();
    let here = folder.path();
    let generated = run(here, &["generate", "audit-policy", "-c", "gatecrier.yaml"]);
    generated.check(0, &["apiVersion: audit.k8s.io/v1\nkind: Policy\n"], &[]);
    std::fs::write(here.join("policy.yaml"), &generated.out).unwrap();
    let checked = run(here, &["check", "audit-policy", "policy.yaml"]);
    checked.check(0, &["ALWAYS"], &[]);
    assert!(!checked.out.contains("warning: "), "{}", checked.out);
    // What needs to see credentials stays blind, and the policy says so.
    assert!(generated.out.contains("# Not for "), "{}", generated.out);
}

#[test]
fn a_test_alert_goes_through_a_sink_and_what_came_back_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let yaml = "\
cluster: prod-eu
sinks:
  file:
    log: { path: alerts.jsonl }
  webhook:
    soc: { url: 'http://127.0.0.1:9/secret' }
    log: { url: 'http://127.0.0.1:9/secret' }
";
    std::fs::write(folder.path().join("gatecrier.yaml"), yaml).unwrap();
    let test = |name| run(folder.path(), &["sinks", "test", name, "-c", "gatecrier.yaml", "--severity", "high"]);
    test("file.log").check(0, &["ok      file.log: took the test alert"], &[]);
    let written = std::fs::read_to_string(folder.path().join("alerts.jsonl")).unwrap();
    for part in ["This is a test of Gatecrier", "\"severity\":\"high\"", "\"cluster\":\"prod-eu\""] {
        assert!(written.contains(part), "{written}");
    }
    let failed = test("soc");
    failed.check(2, &["failed  webhook.soc: no answer from http://127.0.0.1:9", "sent again until it is taken"], &[]);
    assert!(!failed.out.contains("secret"), "{}", failed.out);
    test("log").check(2, &[], &["several are called so", "webhook.log"]);
    test("nobody").check(2, &[], &["there are webhook.log, webhook.soc, file.log"]);
}

#[test]
fn dead_letters_are_listed_shown_and_sent_again() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let yaml = "state: state\nsinks:\n  file:\n    log: { path: out/alerts.jsonl }\n";
    std::fs::write(here.join("gatecrier.yaml"), yaml).unwrap();
    std::fs::create_dir_all(here.join("state")).unwrap();
    let alert: serde_json::Value = serde_json::from_str(include_str!("alerts/full.json")).unwrap();
    let letters: String = ["3f6b0c1d", "aaaa"].iter().fold(String::new(), |text, id| {
        let mut alert = alert.clone();
        alert["id"] = (*id).into();
        let letter = serde_json::json!({"time": "2026-11-25T09:00:00Z", "sink": "file-log", "reason": "no\u{1b}[2J", "alert": alert});
        format!("{text}{letter}\n")
    });
    let file = here.join("state/dead-letters-file-log.jsonl");
    std::fs::write(&file, letters).unwrap();
    let dead = |arguments: &[&str]| run(here, &[&["deadletters"], arguments, &["-c", "gatecrier.yaml"]].concat());
    let listed = dead(&["list"]);
    listed.check(0, &["file-log", "3f6b0c1d.1", "high", "eve read secrets", "no\\u{1b}[2J"], &[]);
    dead(&["show", "3f6b"]).check(0, &["file-log refused it at 2026-11-25T09:00:00Z", "\"severity\": \"high\""], &[]);
    dead(&["show", "bbbb"]).check(2, &[], &["find `bbbb`"]);
    // The folder is not there: it is refused again, and nothing is lost.
    dead(&["resend", "--all"]).check(2, &[], &["set up file.log"]);
    assert_eq!(dead(&["list"]).out, listed.out);
    std::fs::create_dir(here.join("out")).unwrap();
    dead(&["resend", "3f6b0c1d"]).check(0, &["1 taken, 0 not"], &[]);
    let left = dead(&["list", "--sink", "file.log"]);
    left.check(0, &["aaaa.1"], &[]);
    assert!(!left.out.contains("3f6b0c1d"), "{}", left.out);
    dead(&["resend", "--all"]).check(0, &["1 taken, 0 not"], &[]);
    dead(&["list"]).check(0, &["There are no dead letters."], &[]);
    assert_eq!(std::fs::read_to_string(here.join("out/alerts.jsonl")).unwrap().lines().count(), 2);
    dead(&["resend"]).check(2, &[], &["<ALERTS>"]);
}
