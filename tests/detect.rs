//! One event each, and what is found in it.

#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

use bytes::Bytes;
use gatecrier::analyze::Output;
use gatecrier::batch::{Batch, ClusterId, Framing, Input, Place, Position, SourceId};
use gatecrier::config::Config;
use gatecrier::event::Timestamp;
use gatecrier::pipeline;

const NETWORKS: &str = r#"
sources: { audit: { file: { path: /dev/null } } }
networks:
  office: { cidrs: [198.51.100.0/24] }
  pods: { kind: pods, cidrs: [10.244.0.0/16] }
  nodes: { kind: nodes, cidrs: [10.0.1.0/24] }
  admins: { kind: admin, cidrs: [10.9.0.0/24] }
  cafe: { kind: untrusted, cidrs: [192.0.2.0/24] }
proxies: { nginx: { cidrs: [10.0.0.14] } }
hiding_hops:
  quiet-lb: { cidrs: [10.0.0.10], unknown: info }
  lb: { cidrs: [10.0.0.11] }
  edge-lb: { cidrs: [10.0.0.12], unknown: high }
  open-lb: { cidrs: [10.0.0.13], unknown: untrusted }
detection: { storm: { failures: 1 } }
rules: { pack: false }
policies: [{ name: deployer, users: ["system:serviceaccount:ci:deployer"], zones: [office] }]
"#;

/// An event: user, `sourceIPs`, verb, what it is about, code. What it is about is a resource with its subresource, or a path.
fn event(user: &str, ips: &str, verb: &str, what: &str, code: u16) -> String {
    let groups = match user {
        "system:anonymous" => r#""system:unauthenticated""#,
        "root" => r#""system:masters","system:authenticated""#,
        _ if user.starts_with("system:node:") => r#""system:nodes","system:authenticated""#,
        _ => r#""system:authenticated""#,
    };
    let user =
        if user.is_empty() { "{}".to_owned() } else { format!(r#"{{"username":"{user}","groups":[{groups}]}}"#) };
    let ips: Vec<_> = ips.split_whitespace().map(|ip| format!("\"{ip}\"")).collect();
    let (uri, object) = match what.strip_prefix('/') {
        Some(_) => (what.to_owned(), String::new()),
        None => {
            let (path, query) = what.split_once('?').unwrap_or((what, ""));
            let (resource, subresource) = path.split_once('/').unwrap_or((path, ""));
            let object =
                format!(r#""objectRef":{{"resource":"{resource}","subresource":"{subresource}","namespace":"web"}},"#);
            (format!("/api/v1/namespaces/web/{path}?{query}"), object)
        }
    };
    let status =
        if code == 0 { String::new() } else { format!(r#""responseStatus":{{"metadata":{{}},"code":{code}}},"#) };
    let decision = if code == 403 { "forbid" } else { "allow" };
    format!(
        r#"{{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"823afb8f-bd21-4918-81a6-3770801a3883","stage":"ResponseComplete","requestURI":"{uri}","verb":"{verb}","user":{user},"sourceIPs":[{}],{object}{status}"requestReceivedTimestamp":"2026-11-22T12:00:00.000000Z","stageTimestamp":"2026-11-22T12:00:00.000001Z","annotations":{{"authorization.k8s.io/decision":"{decision}"}}}}"#,
        ips.join(",")
    )
}

/// `rule severity` of every finding, in the order of the alert's reasons.
#[track_caller]
fn check(event: &str, expected: &[&str]) {
    let mut analyzer = pipeline::analyzer(&Config::from_str(NETWORKS, "test.yaml").unwrap()).unwrap();
    let source = SourceId::new("test");
    let input = Input::Batch(Batch {
        envelope: gatecrier::batch::Envelope::default(),
        start: Place { name: source.shared(), offset: 0 },
        source,
        cluster: ClusterId::new("test"),
        bytes: Bytes::from(event.to_owned()),
        framing: Framing::Lines,
        upto: Position::new(""),
        at_end: true,
    });
    let mut out = Output::default();
    analyzer.analyze(&input, &mut out);
    analyzer.settle(Timestamp::MAX, 0.0, &mut out);
    assert!(out.alerts.len() <= 1, "one event gives one alert");
    let reasons = out.alerts.iter().flat_map(|alert| &alert.reasons);
    let found: Vec<_> = reasons.map(|reason| format!("{} {}", reason.rule, reason.severity)).collect();
    assert_eq!(found, expected, "{event}");
    assert!(out.alerts.iter().flat_map(|alert| &alert.reasons).all(|reason| !reason.text.is_empty()));
}

#[test]
fn severity_from_outside_follows_what_was_done() {
    let outside = |verb, what, code| event("eve", "192.0.2.9", verb, what, code);
    let found =
        |severity: &str| [format!("outside-trusted-networks {severity}"), "api-server-exposed medium".to_owned()];
    for (verb, what, code, severity) in [
        ("list", "secrets", 200, "critical"),
        ("get", "pods/exec", 101, "critical"),
        ("create", "serviceaccounts/token", 201, "critical"),
        ("create", "rolebindings", 201, "critical"),
        ("list", "pods", 200, "high"),
        ("delete", "pods", 200, "high"),
        ("create", "rolebindings", 409, "high"),
        ("get", "/metrics", 200, "high"),
    ] {
        let found = found(severity);
        check(&outside(verb, what, code), &[&found[0], &found[1]]);
    }
    // Of equally grave ones the first by name.
    for (verb, what, code) in [("create", "pods", 409), ("get", "/version", 200), ("list", "secrets", 0)] {
        check(&outside(verb, what, code), &["api-server-exposed medium", "outside-trusted-networks medium"]);
    }
    check(
        &outside("list", "secrets", 403),
        &["api-server-exposed medium", "forbidden-storm medium", "outside-trusted-networks medium"],
    );
    let dry = outside("create", "rolebindings?dryRun=All", 201);
    check(&dry, &["outside-trusted-networks high", "api-server-exposed medium"]);
}

#[test]
fn callers_without_credentials_are_judged_by_what_they_were_granted() {
    let anonymous = |ip, what, code| event("system:anonymous", ip, "get", what, code);
    check(&anonymous("198.51.100.7", "/readyz", 200), &[]);
    check(&anonymous("198.51.100.7", "/version", 200), &[]);
    check(&anonymous("198.51.100.7", "/apis", 200), &["anonymous-success low"]);
    check(&anonymous("198.51.100.7", "pods", 200), &["anonymous-success high"]);
    check(&anonymous("10.99.0.1", "/version", 200), &["outside-trusted-networks low"]);
    check(
        &anonymous("10.99.0.1", "secrets", 200),
        &["anonymous-success critical", "outside-trusted-networks critical"],
    );
    check(
        &event("", "10.99.0.1", "get", "pods", 401),
        &["unauthenticated-storm medium", "outside-trusted-networks low"],
    );
    check(&event("", "10.244.0.1", "get", "pods", 401), &["unauthenticated-storm low"]);
}

#[test]
fn identities_belong_to_networks() {
    let wrong = "wrong-network-for-identity";
    check(&event("system:serviceaccount:web:app", "10.244.0.1", "list", "secrets", 200), &[]);
    check(&event("system:serviceaccount:web:app", "198.51.100.7", "list", "secrets", 200), &[&format!("{wrong} high")]);
    check(&event("system:serviceaccount:ci:deployer", "198.51.100.7", "create", "pods", 201), &[]);
    check(
        &event("system:serviceaccount:ci:deployer", "10.244.0.1", "create", "pods", 201),
        &[&format!("{wrong} medium")],
    );
    check(&event("system:node:n1", "10.0.1.7", "get", "pods", 200), &[]);
    check(&event("system:node:n1", "10.244.0.1", "get", "pods", 200), &[&format!("{wrong} medium")]);
    check(&event("root", "10.9.0.1", "delete", "pods", 200), &[]);
    check(&event("root", "198.51.100.7", "list", "secrets", 200), &[&format!("{wrong} high")]);
    check(&event("alice", "198.51.100.7", "list", "secrets", 200), &[]);
}

#[test]
fn hidden_callers_mean_what_the_operator_says() {
    let hidden = |ip| event("alice", ip, "list", "secrets", 200);
    check(&hidden("10.0.0.10"), &["client-hidden info"]);
    check(&hidden("10.0.0.11"), &["client-hidden low"]);
    check(&hidden("10.0.0.12"), &["client-hidden high"]);
    check(&hidden("10.0.0.13"), &["outside-trusted-networks critical"]);
    check(&hidden("10.0.0.14"), &["proxy-hides-clients medium", "client-hidden low"]);
    check(&hidden("198.51.100.7 10.0.0.14"), &[]);
}

#[test]
fn unknown_is_never_trusted_and_forged_headers_are_seen() {
    check(&event("alice", "", "list", "secrets", 200), &["outside-trusted-networks medium"]);
    check(&event("alice", "198.51.100.007", "list", "pods", 200), &["outside-trusted-networks medium"]);
    let forged = event("alice", "198.51.100.7 10.99.0.1", "list", "pods", 200);
    check(&forged, &["forged-forwarding-header high", "outside-trusted-networks high"]);
    check(&event("alice", "8.8.8.8 198.51.100.7", "list", "pods", 200), &["forged-forwarding-header low"]);
    let behind_balancer = event("alice", "198.51.100.7 10.0.0.11", "list", "pods", 200);
    check(&behind_balancer, &["forged-forwarding-header high", "client-hidden low"]);
}
