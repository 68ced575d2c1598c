//! What the index finds is what every rule by itself says.

use std::fmt::Write;
use std::io::Read;
use std::path::Path;

use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::*;
use crate::batch::Framing;
use crate::decode::{Record, decode};
use crate::detect::rules::expr::Expr;
use crate::detect::rules::residue::HOLDS;
use crate::detect::rules::truth::{self, Truth};
use crate::detect::rules::{Lists, Loaded, Sheet, load};

/// Detections whose parts depend on several steps at once, joined in every way.
const DETECTIONS: [&str; 11] = [
    "{s: {verb: get, user.username|startswith: 'system:serviceaccount'}, t: {verb: list, user.username: alice@corp.example}, condition: s or t}",
    "{s: {request.action: [get, list]}, t: {actor.kind: human}, u: {objectRef.namespace: kube-system}, condition: 2 of them}",
    "{s: {request.action: [get, list]}, t: {actor.kind: human}, u: {objectRef.namespace: kube-system}, condition: not 2 of them}",
    "{s: {objectRef.resource: secrets}, t: {userAgent|contains: kubectl}, condition: s and not t}",
    "{s: {request.outcome: denied}, t: {client.trusted: 'true'}, condition: s and t}",
    "{s: {responseStatus.code|gte: 400}, t: {verb: patch, objectRef.subresource: null}, condition: s or t}",
    "{s: {objectRef.resource: pods, objectRef.subresource|exists: true}, condition: s}",
    "{s: {stage: RequestReceived}, t: {responseStatus.code: 200}, condition: not s and not t}",
    "{s: {userAgent: null}, t: {objectRef.namespace: null}, u: {sourceIPs|cidr: 10.0.0.0/8}, condition: (s or t) and not u}",
    "{s: {user.username|fieldref|contains: objectRef.namespace}, t: {verb|neq: watch}, condition: s and t}",
    "{s: {userAgent|startswith: kubectl/}, t: {sourceIPs|cidr: 192.168.0.0/16}, condition: s or t}",
];

/// Wishes about what is remembered and what is not, about texts and about all else.
const WISHES: [&str; 34] = [
    "verb: [get, list]",
    "verb|neq: patch",
    "request.action: [create, exec]",
    "request.outcome: denied",
    "objectRef.resource: pods",
    "objectRef.namespace: [web, 'kube-*']",
    "objectRef.subresource: null",
    "objectRef.name: a",
    "objectRef.name: B",
    "objectRef.name|cased: B",
    "objectRef.name|contains: kube",
    "objectRef.name|startswith: a",
    "objectRef.name: 'a?c'",
    "objectRef.name: ''",
    "objectRef.name|exists: true",
    "objectRef.name|re: '^[ab]$'",
    "user.username: alice",
    "user.username|startswith: 'system:'",
    "user.username|fieldref: objectRef.name",
    "userAgent|contains: kubectl",
    "userAgent|startswith: curl/",
    "sourceIPs|cidr: 10.0.0.0/8",
    "responseStatus.code: [403, 404]",
    "responseStatus.code|gte: 400",
    "requestObject.spec.text: a",
    "requestObject.spec.text: 7",
    "requestObject.spec.text: '7'",
    "requestObject.spec.text: '*'",
    "requestObject.spec.text: null",
    "requestObject.spec.text|contains: ['B', kube]",
    "requestObject.spec.text|contains|all: [a, c]",
    "requestObject.spec.text|endswith: c",
    "requestObject.spec.text|contains|cased: B",
    "requestObject.spec.text: ['true', x]",
];

const CONDITIONS: [&str; 9] = [
    "s",
    "not s",
    "s and t",
    "s or t",
    "s and not t",
    "not (s or t) and u",
    "2 of them",
    "not 2 of them",
    "(s or t) and not u",
];

/// What fields of events are, some of them missing, and some not as they should be. The third of the names begins
/// with a Kelvin sign, whose small letter is that of `K`.
const VERBS: [&str; 4] = ["get", "list", "create", "patch"];
const STAGES: [&str; 3] = ["RequestReceived", "ResponseStarted", "ResponseComplete"];
const NAMES: [&str; 8] = [
    "",
    r#","name":"A""#,
    r#","name":"Kube""#,
    r#","name":"\u212aube""#,
    r#","name":"abc""#,
    r#","name":"b""#,
    r#","name":"B""#,
    r#","name":"""#,
];
const TEXTS: [&str; 9] =
    [r#""a""#, r#"["x","B"]"#, "7", "null", "true", r#"["\u212aUBE",{}]"#, r#""axc""#, r#"{"a":1}"#, r#"[["b"],7.0]"#];

fn rules(detections: impl IntoIterator<Item = String>) -> Loaded {
    let mut text = String::new();
    for (number, detection) in detections.into_iter().enumerate() {
        let head = "logsource: {product: kubernetes, service: audit}";
        write!(text, "---\ntitle: R{number}\nid: r-{number}\n{head}\ndetection: {detection}\n").unwrap();
    }
    load(&[Sheet { file: "r.yml".to_owned(), text }], &Lists::new()).unwrap()
}

fn plainly(expr: &Expr, facts: &Facts<'_, '_>) -> Truth {
    let parts: Vec<_> = match expr {
        Expr::Item(item) => return truth::of_event(item, facts),
        Expr::Not(part) => vec![plainly(part, facts)],
        Expr::All(parts) | Expr::Some(_, parts) => parts.iter().map(|part| plainly(part, facts)).collect(),
    };
    truth::joined(expr, &parts)
}

/// Compares on every event of some logs, and counts how often each rule held, and how many rules had to be asked.
fn compare<'l>(loaded: &Loaded, logs: impl IntoIterator<Item = &'l [u8]>) -> (Vec<u32>, usize) {
    let program = Program::new(loaded.rules.iter().map(|(_, detection)| detection));
    let (mut index, mut seen) = (Index::new(&program), Seen::of(&program));
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/lab.yaml");
    let config = crate::config::Config::load_without_sources(&config).unwrap();
    let mut enricher = crate::pipeline::enricher(&config).unwrap();
    let (mut held, mut asked) = (vec![0; loaded.rules.len()], 0);
    for bytes in logs {
        decode(bytes, Framing::Lines, &mut |record| {
            let Record::Event(event) = record else { panic!("no event: {}", String::from_utf8_lossy(bytes)) };
            let facts = enricher.facts(&event);
            let mut found = Vec::new();
            seen.clear();
            index.find(&program, &facts, &mut seen, &mut found);
            asked += index.asked(&program, &facts, &mut seen);
            let is_so = |rule: &u32| plainly(&loaded.rules[*rule as usize].1, &facts) == Truth::Yes;
            let expected: Vec<_> = (0..loaded.rules.len() as u32).filter(is_so).collect();
            assert_eq!(found, expected, "{}", String::from_utf8_lossy(bytes));
            found.iter().for_each(|rule| held[*rule as usize] += 1);
        });
    }
    (held, asked)
}

impl Index {
    /// How many rules are asked by themselves of this event.
    fn asked(&mut self, program: &Program, facts: &Facts<'_, '_>, seen: &mut Seen) -> usize {
        let at = self.remaining(program, facts, seen);
        self.memory.sets[at].left.iter().filter(|(_, left)| *left != HOLDS).count()
    }
}

fn log(server: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/data/attacks-{server}.log.gz"));
    let mut bytes = Vec::new();
    flate2::read::MultiGzDecoder::new(std::fs::File::open(path).unwrap()).read_to_end(&mut bytes).unwrap();
    bytes
}

#[test]
fn on_real_logs_rules_are_found_without_asking_them() {
    let loaded = rules(DETECTIONS.map(str::to_owned));
    let logs = ["cp-1", "cp-2"].map(log);
    let (held, asked) = compare(&loaded, logs.iter().map(Vec::as_slice));
    assert!(held.iter().all(|count| *count > 0), "each holds of some event: {held:?}");
    // Only one of them wishes something that is not remembered.
    let events = logs.iter().map(|log| memchr::memchr_iter(b'\n', log).count()).sum::<usize>();
    assert!(asked <= events, "{asked} rules were asked of {events} events");
}

fn detection() -> impl Strategy<Value = String> {
    let selection = || {
        subsequence(WISHES.as_slice(), 1..4).prop_map(|mut wishes| {
            let key = |wish: &&'static str| wish.split_once(": ").map(|(key, _)| key);
            wishes.sort_by_key(key);
            wishes.dedup_by_key(|wish| key(wish));
            format!("{{{}}}", wishes.join(", "))
        })
    };
    (selection(), selection(), selection(), select(CONDITIONS.as_slice())).prop_map(|(s, t, u, condition)| {
        // What a condition does not name may be left out, and is.
        let named =
            |name: &str| condition.contains("them") || condition.split(['(', ')', ' ']).any(|word| word == name);
        let parts = [("s", s), ("t", t), ("u", u)].into_iter().filter(|(name, _)| named(name));
        let parts: String = parts.map(|(name, selection)| format!("{name}: {selection}, ")).collect();
        format!("{{{parts}condition: '{condition}'}}")
    })
}

fn event() -> impl Strategy<Value = String> {
    let who = select(["alice", "system:admin", "b"].as_slice());
    let agent = select(["kubectl/v1.30.0", "curl/8", "\\u212aubectl", ""].as_slice());
    let address = select(["10.1.2.3", "192.0.2.7"].as_slice());
    let space = select(["web", "kube-system", ""].as_slice());
    let place = (agent, address, space, select(["pods", "secrets"].as_slice()), select(["", "exec"].as_slice()));
    let asked = (select(VERBS.as_slice()), select(STAGES.as_slice()), select([0, 200, 403, 404].as_slice()));
    (asked, who, place, select(NAMES.as_slice()), select(TEXTS.as_slice())).prop_map(
        |((verb, stage, code), who, (agent, address, space, resource, below), name, text)| {
            format!(
                r#"{{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Request","auditID":"1","stage":"{stage}","requestURI":"/","verb":"{verb}","user":{{"username":"{who}"}},"sourceIPs":["{address}"],"userAgent":"{agent}","objectRef":{{"resource":"{resource}","namespace":"{space}","subresource":"{below}","apiVersion":"v1"{name}}},"responseStatus":{{"code":{code}}},"requestObject":{{"spec":{{"text":{text}}}}},"requestReceivedTimestamp":"2026-11-22T10:00:00.000000Z","stageTimestamp":"2026-11-22T10:00:00.000000Z"}}"#
            ) + "\n"
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_rules_and_events_what_is_found_is_what_holds(
        detections in proptest::collection::vec(detection(), 1..40),
        events in proptest::collection::vec(event(), 1..40),
    ) {
        let loaded = rules(detections);
        compare(&loaded, events.iter().map(String::as_bytes));
    }
}
