//! The same log in all the envelopes there are, and what others put beside it.

#![allow(missing_docs, clippy::unwrap_used, clippy::panic, clippy::print_stderr)]

mod logs;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use gatecrier::analyze::Output;
use gatecrier::batch::{Envelope, Framing, Input, Wrapping};
use gatecrier::config::Config;
use gatecrier::decode::{Partial, Record, open};
use gatecrier::pipeline;
use logs::{cut, data, log, run};
use proptest::prelude::*;
use serde_json::{Value, json};

const FILE: &str = "/var/log/kubernetes/audit/audit.log";

/// As much of the log as has several attacks in it.
const LINES: usize = 900;

/// An event that nobody should believe: an administrator who reads secrets from far away.
const FAKE: &str = r#"{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"00000000-0000-4000-8000-000000000000","stage":"ResponseComplete","requestURI":"/api/v1/secrets","verb":"list","user":{"username":"fake-admin","groups":["system:masters","system:authenticated"]},"sourceIPs":["203.0.113.99"],"userAgent":"curl/8","objectRef":{"resource":"secrets","apiVersion":"v1"},"responseStatus":{"metadata":{},"code":200},"requestReceivedTimestamp":"2026-11-22T12:31:00.000000Z","stageTimestamp":"2026-11-22T12:31:00.000000Z"}"#;

fn envelope(wrapping: Wrapping) -> Envelope {
    let origin = match wrapping {
        Wrapping::FluentBit => Some(("kubernetes.pod_name", "kube-apiserver-*")),
        Wrapping::Vector => Some(("file", FILE)),
        Wrapping::Filebeat | Wrapping::Otlp => Some(("log.file.path", FILE)),
        _ => None,
    };
    let from = origin.map(|(key, text)| (key.to_owned(), text.to_owned()));
    Envelope::new(wrapping, &BTreeMap::from_iter(from))
}

/// A line as it stands in an envelope: of the API server, or else of somebody who shares what it is written to.
fn wrap(wrapping: Wrapping, line: &str, ours: bool) -> String {
    let choose = |us: &'static str, others: &'static str| if ours { us } else { others };
    let file = choose(FILE, "/var/log/pods/shop_web_1/web/0.log");
    let stream = choose("stdout", "stderr");
    let attribute = |key: &str, value: &str| json!({"key": key, "value": {"stringValue": value}});
    match wrapping {
        Wrapping::Plain | Wrapping::Eventlist | Wrapping::Gke => line.to_owned(),
        Wrapping::Openshift if ours => format!("master-0.example {line}"),
        Wrapping::Openshift => line.replacen('{', r#"{"log_type":"application","#, 1),
        Wrapping::Eks => firehose(choose("kube-apiserver-audit-1", "kube-controller-manager-1"), line),
        Wrapping::Aks => json!({"records": [{
            "category": choose("kube-audit", "cloud-controller-manager"), "properties": {"log": format!("{line}\n")}}]})
        .to_string(),
        Wrapping::Cri => cri(stream, line),
        Wrapping::Docker => json!({"log": format!("{line}\n"), "stream": stream, "time": "t"}).to_string(),
        Wrapping::FluentBit => {
            json!({"log": line, "kubernetes": {"pod_name": choose("kube-apiserver-cp-1", "web")}}).to_string()
        }
        Wrapping::Vector => json!({"message": line, "file": file, "source_type": "file"}).to_string(),
        Wrapping::Filebeat => json!({"message": line, "log": {"file": {"path": file}, "offset": 7}}).to_string(),
        Wrapping::Otlp => json!({"resourceLogs": [{"resource": {}, "scopeLogs": [{"logRecords": [{
            "attributes": [attribute("log.file.path", file)], "body": {"stringValue": line}}]}]}]})
        .to_string(),
    }
}

fn firehose(stream: &str, line: &str) -> String {
    let inside = json!({"messageType": "DATA_MESSAGE", "logGroup": "g", "logStream": stream,
        "logEvents": [{"id": "1", "timestamp": 1, "message": line}]});
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(inside.to_string().as_bytes()).unwrap();
    json!({"records": [{"data": STANDARD.encode(encoder.finish().unwrap())}]}).to_string()
}

/// In parts, as runtimes cut long lines.
fn cri(stream: &str, line: &str) -> String {
    let parts: Vec<_> = line.as_bytes().chunks(300).collect();
    let line = |(at, part): (usize, &&[u8])| {
        let tag = if at + 1 == parts.len() { "F" } else { "P" };
        format!("2026-11-22T12:00:00.1Z {stream} {tag} {}", std::str::from_utf8(part).unwrap())
    };
    parts.iter().enumerate().map(line).collect::<Vec<_>>().join("\n")
}

/// Attacks on one API server, in an envelope; the fakes of somebody else between them.
fn wrapped(wrapping: Wrapping, fakes: bool) -> String {
    let log = String::from_utf8(log("attacks-cp-1.log.gz")).unwrap();
    let mut wrapped = String::new();
    for (at, line) in log.lines().take(LINES).enumerate() {
        if fakes && at % 50 == 0 {
            wrapped += &(wrap(wrapping, FAKE, false) + "\n");
        }
        wrapped += &(wrap(wrapping, line, true) + "\n");
    }
    wrapped
}

/// Ids and counts of all alerts.
fn alerts(wrapping: Wrapping, log: &str) -> BTreeMap<String, (u64, String)> {
    let config = Config::load_without_sources(data("lab.yaml").as_ref()).unwrap();
    let mut analyzer = pipeline::analyzer(&config).unwrap();
    let mut inputs = cut("cp-2", log.as_bytes(), 333);
    for input in &mut inputs {
        if let Input::Batch(batch) = input {
            batch.envelope = envelope(wrapping);
        }
    }
    let alerts = run(&mut analyzer, vec![inputs], |_| 0);
    alerts.into_values().map(|alert| (alert.id, (alert.count, alert.summary))).collect()
}

#[test]
fn an_envelope_changes_no_alert_and_a_fake_beside_the_log_gains_nothing() {
    let plain = alerts(Wrapping::Plain, &wrapped(Wrapping::Plain, false));
    assert!(plain.len() >= 2, "{plain:?}");
    let believed = alerts(Wrapping::Plain, &wrapped(Wrapping::Plain, true));
    assert!(believed.len() > plain.len(), "the fake is one that would be told of");
    for wrapping in Wrapping::ALL.into_iter().skip(2).filter(|wrapping| *wrapping != Wrapping::Gke) {
        assert_eq!(alerts(wrapping, &wrapped(wrapping, true)), plain, "{wrapping:?}");
    }
}

/// What came out of some bytes.
#[derive(Debug, Default, PartialEq, Eq)]
struct Found {
    ids: Vec<String>,
    unreadable: Vec<&'static str>,
    passed: Vec<&'static str>,
}

fn found(wrapping: Wrapping, framing: Framing, bytes: &[u8]) -> Found {
    let mut found = Found::default();
    let (envelope, mut partial) = (envelope(wrapping), Partial::default());
    open(bytes, framing, &envelope, &mut partial, &mut |record| match record {
        Record::Event(event) => found.ids.push(event.audit_id().to_string()),
        Record::Unreadable(unreadable) => {
            assert!(unreadable.offset < bytes.len());
            found.unreadable.push(unreadable.reason);
        }
        Record::Passed(reason) => found.passed.push(reason),
    });
    found
}

fn samples(name: &str) -> Option<Vec<u8>> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let shared = std::env::var_os("GATECRIER_SHARED").map(PathBuf::from);
    let mut near = here.ancestors().map(|folder| folder.join("shared"));
    let folder = shared.or_else(|| near.find(|shared| shared.join("samples").is_dir()));
    let Some(folder) = folder else {
        assert!(std::env::var_os("CI").is_none(), "the samples are not beside the repository");
        eprintln!("passed over: the samples are not beside the repository (set GATECRIER_SHARED)");
        return None;
    };
    Some(std::fs::read(folder.join("samples").join(name)).unwrap())
}

#[test]
fn real_records_of_azure_are_read() {
    let Some(hub) = samples("aks/sysdig_event.json") else { return };
    let found = found(Wrapping::Aks, Framing::Documents, &hub);
    assert_eq!((found.ids.len(), found.unreadable.len(), found.passed.len()), (22, 0, 0), "{found:?}");
}

#[test]
fn real_entries_of_google_are_read() {
    let Some(entries) = samples("gke/khi_k8s_audit.jsonl") else { return };
    let (envelope, mut shown) = (envelope(Wrapping::Gke), Vec::new());
    open(&entries, Framing::Lines, &envelope, &mut Partial::default(), &mut |record| {
        let Record::Event(event) = record else { panic!("{record:?}") };
        assert!(serde_json::from_slice::<Value>(event.bytes()).is_ok());
        assert!(event.time().is_some() && event.request_object().is_some());
        let (uri, object) = (event.request_uri(), event.object_ref());
        let of = (object.resource, object.subresource);
        shown.push(format!("{} {} {}/{} {}", event.verb(), event.code().unwrap(), of.0, of.1, uri));
    });
    let pod = "/api/v1/namespaces/1-2-deployment-update/pods";
    assert_eq!(shown[0], format!("create 201 pods/ {pod}"));
    assert!(shown[1].starts_with(&format!("patch 200 pods/status {pod}/nginx")), "{}", shown[1]);
    assert_eq!(shown.len(), 3);
}

#[test]
fn what_is_passed_is_counted_and_what_cannot_be_read_is_kept_without_its_text() {
    let config = Config::load_without_sources(data("lab.yaml").as_ref()).unwrap();
    let mut analyzer = pipeline::analyzer(&config).unwrap();
    let secret = r#"{"category":"kube-audit","auditID":"x","properties":{"lag":"hunter2"}}"#;
    let text = [&wrap(Wrapping::Aks, FAKE, false), secret, &wrap(Wrapping::Aks, FAKE, true)].join("\n");
    let mut inputs = cut("hub", text.as_bytes(), 10);
    if let Input::Batch(batch) = &mut inputs[0] {
        batch.envelope = envelope(Wrapping::Aks);
    }
    let mut out = Output::default();
    analyzer.analyze(&inputs[0], &mut out);
    assert_eq!(out.passed, BTreeMap::from([("other-category", 1)]));
    assert_eq!((out.events, out.quarantined.len()), (1, 1));
    let quarantined = &out.quarantined[0];
    assert_eq!((quarantined.reason, quarantined.remains.text.as_str()), ("no-event-inside", ""));
    assert_eq!(quarantined.place.offset, text.find(secret).unwrap() as u64);
}

#[test]
fn what_has_begun_is_remembered_with_the_position() {
    let config = Config::load_without_sources(data("lab.yaml").as_ref()).unwrap();
    let lines = cri("stdout", FAKE).replace('\n', "\n\n");
    let mut inputs = cut("cp-1", lines.as_bytes(), 1);
    let mut out = Output::default();
    let mut snapshot = pipeline::analyzer(&config).unwrap().snapshot().unwrap();
    for input in &mut inputs {
        if let Input::Batch(batch) = input {
            batch.envelope = envelope(Wrapping::Cri);
        }
        let mut analyzer = pipeline::analyzer(&config).unwrap();
        analyzer.restore(&snapshot.bytes()).unwrap();
        analyzer.analyze(input, &mut out);
        snapshot = analyzer.snapshot().unwrap();
    }
    assert!(inputs.len() > 1);
    assert_eq!((out.events, out.quarantined.len()), (1, 0));
}

#[track_caller]
fn scan(arguments: &[&str], file: &Path, code: i32, parts: &[&str]) {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_gatecrier"));
    let output = command.arg("scan").args(arguments).arg(file).env_remove("RUST_LOG").output().unwrap();
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).replace("\n  ", " ");
    assert_eq!(output.status.code(), Some(code), "{said}");
    for part in parts {
        assert!(said.contains(part), "`{part}` is not in\n{said}");
    }
}

#[test]
fn a_scan_opens_the_envelope_it_is_told_of() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bus.ndjson");
    let lines = [true, false].map(|ours| wrap(Wrapping::FluentBit, FAKE, ours)).join("\n");
    std::fs::write(&file, lines).unwrap();
    let from = ["--envelope", "fluent-bit", "--from", "kubernetes.pod_name=kube-apiserver-*"];
    scan(&from, &file, 0, &["fake-admin", "passed over: 1 other-origin"]);
    scan(&from[..2], &file, 2, &["such as `--from 'kubernetes.pod_name=kube-apiserver-*'`"]);
    scan(&["--envelope", "fluentbit"], &file, 2, &["did you mean `fluent-bit`?"]);
    scan(&["--from", "a=b"], &file, 2, &["records of `--envelope plain` do not say where"]);
    scan(&["--envelope", "fluent-bit", "--from", "log=*"], &file, 2, &["which whoever printed the line has written"]);
}

fn any_wrapping() -> impl Strategy<Value = Wrapping> {
    prop::sample::select(Wrapping::ALL.to_vec())
}

/// Bytes that look like what stands in envelopes, cut and mixed anyhow.
fn almost() -> impl Strategy<Value = Vec<u8>> {
    let pieces = prop::sample::select(vec![
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "\\",
        "\n",
        "records",
        "\"data\":",
        "\"logEvents\":[",
        "\"message\":\"",
        "null",
        "\"properties\":{\"log\":",
        "\"category\":\"kube-audit\",",
        "2026-11-22T12:00:00Z stdout P ",
        " F ",
        "\u{1f}\u{8b}",
        "\"protoPayload\":{",
        "\"logName\":\"x/logs/cloudaudit.googleapis.com%2Factivity\",",
        "\"serviceName\":\"k8s.io\"",
        "\"methodName\":\"a.b.v1.c.d\"",
        "\"resourceName\":\"b/v1/c\"",
        "\"log\":",
        "\"stream\":\"stdout\"",
        "ü",
        "7",
    ]);
    let piece = prop_oneof![
        4 => pieces.prop_map(|piece| piece.as_bytes().to_vec()),
        1 => any::<Wrapping0>().prop_map(|Wrapping0(wrapping)| wrap(wrapping, FAKE, true).into_bytes()),
        1 => prop::collection::vec(any::<u8>(), 0..8),
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

#[derive(Debug, Clone)]
struct Wrapping0(Wrapping);

impl Arbitrary for Wrapping0 {
    type Parameters = ();
    type Strategy = BoxedStrategy<Self>;

    fn arbitrary_with((): ()) -> Self::Strategy {
        any_wrapping().prop_map(Wrapping0).boxed()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_panic(bytes in almost(), wrapping in any_wrapping(), documents: bool) {
        found(wrapping, if documents { Framing::Documents } else { Framing::Lines }, &bytes);
    }

    #[test]
    fn neighbours_survive(bytes in almost(), wrapping in any_wrapping()) {
        prop_assume!(!matches!(wrapping, Wrapping::Plain | Wrapping::Eventlist | Wrapping::Gke));
        let bytes: Vec<u8> = bytes.into_iter().filter(|byte| *byte != b'\n').collect();
        let event = |id: &str| wrap(wrapping, &FAKE.replace("00000000-0000", id), true).into_bytes();
        let mut log = [event("before"), bytes].join(&b'\n');
        // A part that was begun is ended first.
        log.extend_from_slice(b"\n\xff\n");
        log.extend_from_slice(&event("behind"));
        let found = found(wrapping, Framing::Lines, &log);
        prop_assert!(found.ids.first().is_some_and(|id| id.starts_with("before")), "{found:?}");
        prop_assert!(found.ids.last().is_some_and(|id| id.starts_with("behind")), "{found:?}");
    }
}
