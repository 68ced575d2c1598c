//! Bodies that nobody honest writes: no field panics over them, and none takes long.

use std::sync::LazyLock;
use std::time::Duration;

use gatecrier::enrich::Facts;
use gatecrier::enrich::field::{Field, table};
use proptest::prelude::*;
use rustix::time::{ClockId, clock_gettime};

use super::{cases, each_facts, record, with_facts};

static FIELDS: LazyLock<Vec<Field>> =
    LazyLock::new(|| table().iter().map(|entry| Field::named(entry.name).unwrap()).collect());

/// Asks every field in every way.
fn ask_all(facts: &Facts<'_, '_>) {
    for field in FIELDS.iter() {
        field.any(facts, &mut |_| false);
        field.exists(facts);
        field.elements(facts, &mut |_| false);
    }
}

/// The records of the cases, which have something of everything.
static RECORDS: LazyLock<Vec<Vec<u8>>> =
    LazyLock::new(|| cases().iter().map(|(_, case)| record(case).into_bytes()).collect());

/// What is done to a record.
#[derive(Debug, Clone)]
enum Harm {
    Flip(usize, u8),
    Cut(usize),
    Insert(usize, &'static [u8]),
    Remove(usize, usize),
    Swap(usize, usize),
}

fn harm() -> impl Strategy<Value = Harm> {
    let pieces: Vec<&'static [u8]> = vec![
        b"null",
        b"[[[[",
        b"{\"",
        b"\\u0000",
        b"\xff\xfe",
        b"\\ud800",
        b"1e999",
        b"\"",
        b"}]",
        b"{}",
        b"[]",
        b"-",
        b"//..//",
        b"\\",
    ];
    prop_oneof![
        (any::<usize>(), any::<u8>()).prop_map(|(at, byte)| Harm::Flip(at, byte)),
        any::<usize>().prop_map(Harm::Cut),
        (any::<usize>(), prop::sample::select(pieces)).prop_map(|(at, piece)| Harm::Insert(at, piece)),
        (any::<usize>(), 1usize..40).prop_map(|(at, length)| Harm::Remove(at, length)),
        (any::<usize>(), any::<usize>()).prop_map(|(one, other)| Harm::Swap(one, other)),
    ]
}

fn harmed(mut record: Vec<u8>, harms: &[Harm]) -> Vec<u8> {
    for harm in harms {
        let length = record.len().max(1);
        match *harm {
            Harm::Flip(at, byte) => record.get_mut(at % length).into_iter().for_each(|found| *found = byte),
            Harm::Cut(at) => record.truncate(at % length),
            Harm::Insert(at, piece) => {
                let at = at % length;
                if at <= record.len() {
                    record.splice(at..at, piece.iter().copied());
                }
            }
            Harm::Remove(at, many) => {
                let at = (at % length).min(record.len());
                record.drain(at..(at + many).min(record.len()));
            }
            Harm::Swap(one, other) => {
                if !record.is_empty() {
                    record.swap(one % length, other % length);
                }
            }
        }
    }
    record
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn no_harm_to_a_record_makes_a_field_panic(case in 0usize..1000, harms in prop::collection::vec(harm(), 1..6)) {
        each_facts(&harmed(RECORDS[case % RECORDS.len()].clone(), &harms), &mut ask_all);
    }
}

/// What this thread has worked, whatever else the machine does.
fn busy() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// How long it takes to make the documents of a request with this body, and to walk a part of them.
fn time_of(verb: &str, resource: &str, body: &str) -> Duration {
    let group = if resource.ends_with("roles") { "rbac.authorization.k8s.io" } else { "" };
    let record = format!(
        r#"{{"kind":"Event","auditID":"x","stage":"ResponseComplete","requestURI":"/x","verb":"{verb}","user":{{"username":"eve"}},"objectRef":{{"resource":"{resource}","apiGroup":"{group}"}},"requestObject":{body},"responseStatus":{{"code":200}}}}"#
    );
    let names = [
        "workload.containers.image",
        "grant.powers",
        "body.parsed",
        "policy.kind",
        "requestObject.spec.containers.image",
    ];
    let begun = busy();
    with_facts(record.as_bytes(), &mut |facts| {
        for name in names {
            Field::named(name).unwrap().any(facts, &mut |_| false);
        }
    });
    busy() - begun
}

/// Eight times the body takes some eight times as long, and not sixty-four times.
#[track_caller]
fn check_linear(verb: &str, resource: &str, body: impl Fn(usize) -> String, size: usize) {
    let small = (0..3).map(|_| time_of(verb, resource, &body(size))).min().unwrap();
    let large = (0..3).map(|_| time_of(verb, resource, &body(8 * size))).min().unwrap();
    assert!(large < small * 30 + Duration::from_millis(50), "{verb} {resource}: {small:?}, then {large:?}");
}

#[test]
fn nothing_grows_with_the_square_of_its_body() {
    let many = |piece: &dyn Fn(usize) -> String, times: usize| (0..times).map(piece).collect::<Vec<_>>().join(",");
    let pod = |containers: String| format!(r#"{{"spec":{{"containers":[{containers}]}}}}"#);
    check_linear("create", "pods", |size| pod(format!("{}{}", "[".repeat(size), "]".repeat(size))), 5_000);
    check_linear(
        "create",
        "pods",
        |size| format!(r#"{{"spec":{}1{}}}"#, r#"{"spec":"#.repeat(size), "}".repeat(size)),
        2_000,
    );
    let container = |at| format!(r#"{{"image":"i{at}","securityContext":{{"capabilities":{{"add":["C{at}"]}}}}}}"#);
    check_linear("create", "pods", |size| pod(many(&container, size)), 200);
    let volumes = |size| many(&|at| format!(r#"{{"name":"v{at}","hostPath":{{"path":"/{at}"}}}}"#), size);
    let mounts = |size| many(&|at| format!(r#"{{"name":"v{at}"}}"#), size);
    let mounted = |size| {
        format!(r#"{{"spec":{{"volumes":[{}],"containers":[{{"volumeMounts":[{}]}}]}}}}"#, volumes(size), mounts(size))
    };
    check_linear("create", "pods", mounted, 200);
    let image = |_| r#"{"op":"add","path":"/spec/template/spec/containers/0/image","value":"a"}"#.to_owned();
    check_linear("patch", "deployments", |size| format!("[{}]", many(&image, size)), 1_000);
    let rule = |_| r#"{"op":"add","path":"/rules/-","value":{"verbs":["*"]}}"#.to_owned();
    check_linear("patch", "clusterroles", |size| format!("[{}]", many(&rule, size)), 200);
    check_linear(
        "create",
        "clusterroles",
        |size| format!(r#"{{"rules":[{{"verbs":[{}]}}]}}"#, many(&|at| format!("\"v{at}\""), size)),
        500,
    );
}
