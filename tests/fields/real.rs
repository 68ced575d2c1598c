//! A real log: fields of the event itself say what another JSON reader reads, and the others are what they should be.

use std::collections::BTreeMap;
use std::io::Read;

use gatecrier::enrich::field::{Field, Value};
use serde_json::Value as Json;

use super::{values, with_facts};

fn log() -> Vec<u8> {
    let mut text = Vec::new();
    let file = std::fs::File::open("tests/data/attacks-cp-1.log.gz").unwrap();
    flate2::read::MultiGzDecoder::new(file).read_to_end(&mut text).unwrap();
    text
}

#[test]
fn what_the_event_says_is_what_another_reader_reads() {
    let paths = [
        "verb",
        "requestURI",
        "user.username",
        "user.groups",
        "objectRef.name",
        "objectRef.subresource",
        "sourceIPs",
        "responseStatus.code",
        "requestObject.spec.replicas",
        "requestObject.metadata.name",
        "responseObject.metadata.uid",
        "stageTimestamp",
    ];
    let fields: Vec<_> = paths.iter().map(|path| Field::named(path).unwrap()).collect();
    for line in log().split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).step_by(7) {
        let read: Json = serde_json::from_slice(line).unwrap();
        with_facts(line, &mut |facts| {
            for (path, field) in paths.iter().zip(&fields) {
                let expected = match read.pointer(&format!("/{}", path.replace('.', "/"))) {
                    None => Vec::new(),
                    Some(Json::Array(values)) => values.clone(),
                    Some(value) => vec![value.clone()],
                };
                assert_eq!(values(field, facts), expected, "{path}");
            }
        });
    }
}

#[test]
fn workloads_grants_and_commands_are_found_in_a_real_log() {
    let named = [
        "workload.kind",
        "workload.from",
        "grant.kind",
        "exec.program",
        "token.name",
        "service.type",
        "csr.signer",
        "body.form",
    ];
    let fields: Vec<_> = named.iter().map(|name| Field::named(name).unwrap()).collect();
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for line in log().split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        with_facts(line, &mut |facts| {
            for (name, field) in named.iter().zip(&fields) {
                field.any(facts, &mut |value| {
                    if let Value::Text(text) = value {
                        *seen.entry(format!("{name} {text}")).or_default() += 1;
                    }
                    false
                });
            }
        });
    }
    let of = |what: &str| seen.get(what).copied().unwrap_or_default();
    let expected = [
        ("workload.kind Pod", 66),
        ("workload.kind Job", 4),
        ("workload.kind CronJob", 1),
        ("grant.kind ClusterRoleBinding", 1),
        ("exec.program cat", 20),
        ("csr.signer kubernetes.io/kube-apiserver-client", 3),
        ("token.name web", 56),
    ];
    for (what, times) in expected {
        assert_eq!(of(what), times, "{what}, of {seen:#?}");
    }
}
