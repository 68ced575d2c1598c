//! Falco's own regression suite, with what Falco 0.44.1 itself printed for it.
//!
//! The files are Falco's and lie in `shared/peers/falco` beside the repository, or where `GATECRIER_SHARED` says.

#![allow(missing_docs, clippy::unwrap_used, clippy::panic, clippy::print_stderr)]

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;

use flate2::read::MultiGzDecoder;
use gatecrier::batch::Framing;
use gatecrier::config::Config;
use gatecrier::decode::{self, Record};
use gatecrier::detect::falco::{self, Falco, File, Loaded, Matching};
use gatecrier::detect::{Detector, Finding, Findings};
use gatecrier::pipeline;

/// Falco's files, or nothing, said, when they are not there. In CI they must be.
fn peer() -> Option<PathBuf> {
    let named = std::env::var_os("GATECRIER_SHARED").map(PathBuf::from);
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let beside = here.ancestors().map(|folder| folder.join("shared"));
    let found = named.into_iter().chain(beside).map(|shared| shared.join("peers/falco")).find(|peer| peer.is_dir());
    if found.is_none() {
        assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "shared/peers/falco is missing");
        eprintln!("passed over: there is no shared/peers/falco beside the repository");
    }
    found
}

fn read(path: &Path) -> File {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    File { name: path.file_name().unwrap().to_string_lossy().into_owned(), text }
}

#[track_caller]
fn load(files: &[File], matching: Matching) -> Loaded {
    falco::load(files, matching).unwrap_or_else(|complaints| {
        panic!("{}", complaints.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    })
}

fn findings(falco: &Falco, log: &[u8]) -> Vec<Finding> {
    let mut enricher = pipeline::enricher(&Config::default()).unwrap();
    let mut findings = Findings::default();
    decode::decode(log, Framing::Lines, &mut |record| {
        if let Record::Event(event) = record {
            falco.inspect(&enricher.facts(&event), &mut findings);
        }
    });
    findings.take()
}

/// `Rule [Severity]=count; …` as the golden file writes it, in our severities.
fn summary(findings: &[Finding]) -> String {
    let mut counts = BTreeMap::new();
    for finding in findings {
        *counts.entry(format!("{} [{}]", finding.rule.title, finding.severity)).or_insert(0) += 1;
    }
    let counts: Vec<_> = counts.into_iter().map(|(rule, count)| format!("{rule}={count}")).collect();
    if counts.is_empty() { "-".to_owned() } else { counts.join("; ") }
}

fn in_our_severities(golden: &str) -> String {
    let words =
        [("[Error]", "[high]"), ("[Warning]", "[medium]"), ("[Notice]", "[low]"), ("[Informational]", "[info]")];
    words.iter().fold(golden.to_owned(), |text, (theirs, ours)| text.replace(theirs, ours))
}

#[test]
fn the_suite_gives_what_falco_gives() {
    let Some(peer) = peer() else { return };
    let table = |name: &str| {
        let text = fs::read_to_string(peer.join(name)).unwrap();
        text.lines().skip(1).map(|line| line.split('\t').map(str::to_owned).collect()).collect::<Vec<Vec<String>>>()
    };
    let golden: BTreeMap<_, _> =
        table("golden_falco_0.44.1.tsv").into_iter().map(|row| (row[0].clone(), row)).collect();
    let cases = table("manifest.tsv");
    assert_eq!(cases.len(), 66);
    let (mut wrong, mut loaded) = (Vec::new(), BTreeMap::new());
    for case in cases {
        let log = fs::read(peer.join(&case[1])).unwrap();
        let expected = &golden[&case[0]];
        for (matching, expected) in [(Matching::First, &expected[6]), (Matching::All, &expected[7])] {
            let rules = loaded.entry((case[2].clone(), matching == Matching::All));
            let rules = rules.or_insert_with(|| {
                let files: Vec<_> = case[2].split('+').map(|path| read(&peer.join(path))).collect();
                load(&files, matching).falco
            });
            let found = summary(&findings(rules, &log));
            if found != in_our_severities(expected) {
                wrong.push(format!("{} {matching:?}: {found}, not {expected}", case[0]));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_shipped_files_load_as_they_are() {
    let Some(peer) = peer() else { return };
    let shipped = read(&peer.join("rules/k8s_audit_rules.yaml"));
    let alone = load(std::slice::from_ref(&shipped), Matching::First);
    assert_eq!(alone.falco.len(), 48);
    let gke = read(&peer.join("rules/k8s_audit_rules_gke.yaml"));
    assert_eq!(load(&[shipped, gke], Matching::First).falco.len(), 48);
    for warning in alone.warnings {
        println!("{warning}");
    }
}
/// 31,318 real events without an attack. Falco 0.44.1 raises as many.
#[test]
fn a_real_log_gives_as_many_matches_as_falco() {
    let Some(peer) = peer() else { return };
    let shipped = read(&peer.join("rules/k8s_audit_rules.yaml"));
    let rules = [Matching::First, Matching::All].map(|how| load(std::slice::from_ref(&shipped), how).falco);
    let mut counts = [0, 0];
    let mut enricher = pipeline::enricher(&Config::default()).unwrap();
    let mut findings = Findings::outlines();
    for log in ["quiet-cp-1.log.gz", "quiet-cp-2.log.gz"] {
        let packed = fs::File::open(peer.join("../../audit-logs").join(log)).unwrap();
        let mut text = Vec::new();
        MultiGzDecoder::new(packed).read_to_end(&mut text).unwrap();
        decode::decode(&text, Framing::Lines, &mut |record| {
            let Record::Event(event) = record else { return };
            let facts = enricher.facts(&event);
            for (falco, count) in rules.iter().zip(&mut counts) {
                falco.inspect(&facts, &mut findings);
                *count += findings.take().len();
            }
        });
    }
    assert_eq!(counts, [6621, 6732]);
}

const EVENTS: &str = concat!(
    r#"{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"823afb8f-bd21-4918-81a6-3770801a3883","stage":"ResponseComplete","requestURI":"/api/v1/pods","verb":"list","user":{"username":"alice","groups":["system:authenticated"]},"sourceIPs":["10.0.0.7"],"userAgent":"kubectl/v1.36.3","objectRef":{"resource":"pods","apiVersion":"v1"},"responseStatus":{"metadata":{},"code":200},"requestReceivedTimestamp":"2026-11-22T12:00:00.000000Z","stageTimestamp":"2026-11-22T12:00:00.000001Z","annotations":{"authorization.k8s.io/decision":"allow","authorization.k8s.io/reason":""}}"#,
    "\n",
    r#"{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"9c130e50-4acd-47fa-bbe6-0e9340133681","stage":"ResponseComplete","requestURI":"/api/v1/secrets","verb":"list","user":{"username":"eve","groups":["system:authenticated"]},"sourceIPs":["203.0.113.9"],"userAgent":"kubectl/v1.36.3","objectRef":{"resource":"secrets","apiVersion":"v1"},"responseStatus":{"metadata":{},"code":200},"requestReceivedTimestamp":"2026-11-22T12:00:01.000000Z","stageTimestamp":"2026-11-22T12:00:01.000001Z","annotations":{"authorization.k8s.io/decision":"allow","authorization.k8s.io/reason":""}}"#,
    "\n"
);

const FALCO: &str = "\
- list: watched
  items: [secrets]
- rule: Secrets Listed
  desc: somebody lists secrets
  source: k8s_audit
  condition: ka.verb = list and ka.target.resource in (watched)
  output: '%ka.user.name listed %ka.target.resource'
  priority: NOTICE
";

#[test]
fn scan_goes_by_falco_rules() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("audit.log", EVENTS);
    write("rules.yaml", FALCO);
    write("more.yaml", "- list: watched\n  items: [pods]\n  append: true\n");
    let run = |arguments: &[&str], code: i32, parts: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gatecrier"));
        let said = command.args(arguments).current_dir(folder.path()).env_remove("RUST_LOG").output().unwrap();
        let text = [said.stdout, said.stderr].concat();
        let text = String::from_utf8(text).unwrap();
        assert_eq!(said.status.code(), Some(code), "{text}");
        parts.iter().for_each(|part| assert!(text.contains(part), "`{part}` is not in\n{text}"));
        text
    };
    let alerts = |files: &[&str]| run(&[&["scan", "audit.log", "-o", "jsonl", "--falco"], files].concat(), 0, &[]);
    let one = alerts(&["rules.yaml"]);
    assert!(one.contains(r#""rule":"falco-secrets-listed""#) && one.contains("eve listed secrets"), "{one}");
    assert!(!one.contains("alice listed pods"), "{one}");
    let two = alerts(&["rules.yaml", "more.yaml"]);
    assert!(two.contains("alice listed pods"), "{two}");

    write("wrong.yaml", &FALCO.replace("ka.verb", "ka.verbs"));
    let scan = |file: &str, code, parts: &[&str]| run(&["scan", "audit.log", "--falco", file], code, parts);
    let line = "wrong.yaml:6:14: there is no field `ka.verbs`\n  6 |   condition: ka.verbs = list";
    scan("wrong.yaml", 1, &[line, "docs/falco.md"]);
    scan("none.yaml", 1, &["none.yaml: cannot read it"]);
    write("syscalls.yaml", &FALCO.replace("  source: k8s_audit\n", ""));
    scan("syscalls.yaml", 0, &["warning: syscalls.yaml:3:9: 1 rule is of the source `syscall` and passed over"]);

    write("g.yaml", "sources: { audit: { file: { path: a.log } } }\nrules: { falco: { files: [rules.yaml] } }\n");
    run(&["check", "-c", "g.yaml"], 0, &["falco", "1 rule"]);
    write("h.yaml", "sources: { audit: { file: { path: a.log } } }\nrules: { falco: { files: [wrong.yaml] } }\n");
    run(&["check", "-c", "h.yaml"], 1, &["wrong.yaml:6:14"]);
}
