//! Stories of a few events each, and what only memory can say of them.

#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

use bytes::Bytes;
use gatecrier::alert::Alert;
use gatecrier::analyze::{Analyzer, Output};
use gatecrier::batch::{Batch, ClusterId, Framing, Input, Place, Position, SourceId};
use gatecrier::config::Config;
use gatecrier::event::Timestamp;
use gatecrier::judge::anomaly::{self, Anomaly};
use gatecrier::{detect, judge, pipeline};
use serde_json::{Value, json};

const NETWORKS: &str = r#"
sources: { audit: { file: { path: /dev/null } } }
networks:
  office: { cidrs: [198.51.100.0/24, "2001:db8:1::/48"] }
  vpn: { cidrs: [10.8.0.0/24] }
  pods: { kind: pods, cidrs: [10.244.0.0/16, "fd00::/32"] }
  nodes: { kind: nodes, cidrs: [10.0.1.0/24] }
  masters: { kind: control-plane, cidrs: [10.0.2.0/24] }
hiding_hops: { lb: { cidrs: [10.0.0.11] } }
policies: [{ name: deployer, users: ["system:serviceaccount:ci:deployer"], zones: [office, vpn, pods] }]
detection: { storm: { failures: 3 } }
"#;

const ANOMALIES: &str = "
id: new-operation
title: New
level: high
anomaly:
  kind: first_seen
  where: { request.outcome: [success], request.action: [create, delete] }
  unless: [{ request.action: [create], objectRef.resource: [ev*] }]
  of: [request.action, objectRef.resource]
  at_least: 4
---
id: many
title: Many
level: medium
anomaly:
  kind: many_distinct
  where: { request.action: [get], objectRef.resource: [secrets] }
  of: [objectRef.name]
  at_least: 4
---
id: burst
title: Burst
level: medium
anomaly: { kind: spike, where: { request.action: [evict] }, window: 1m, at_least: 8 }
---
id: quiet
title: Quiet
level: low
anomaly: { kind: silence, where: { request.action: [log] }, of: [objectRef.name], window: 5m, at_least: 3 }
---
id: seldom
title: Seldom
level: low
anomaly: { kind: rare, where: { request.action: [list] }, of: [objectRef.resource], for: cluster, at_least: 100 }
";

/// One request, but for what a test says of it.
#[derive(Clone)]
struct Asked {
    second: i64,
    value: Value,
}

impl Asked {
    /// `verb what`, where what is a resource with its subresource and name, such as `create pods/exec:web`.
    fn by(user: &str, ip: &str, second: i64, deed: &str) -> Self {
        let (verb, what) = deed.split_once(' ').unwrap();
        let (path, name) = what.split_once(':').unwrap_or((what, ""));
        let (resource, subresource) = path.split_once('/').unwrap_or((path, ""));
        let group = if user.starts_with("system:node:") { "system:nodes" } else { "system:authenticated" };
        let user = if user.is_empty() { json!({}) } else { json!({ "username": user, "groups": [group] }) };
        let object = json!({ "resource": resource, "subresource": subresource, "namespace": "web", "name": name });
        let value = json!({
            "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "Metadata",
            "auditID": format!("823afb8f-bd21-4918-81a6-{second:012}"),
            "stage": "ResponseComplete", "requestURI": format!("/api/v1/namespaces/web/{path}/{name}"), "verb": verb,
            "user": user, "sourceIPs": [ip], "objectRef": object, "responseStatus": { "metadata": {}, "code": 200 },
            "annotations": {},
        });
        Self { second, value }
    }

    fn set(mut self, pointer: &str, value: Value) -> Self {
        *self.value.pointer_mut(pointer).unwrap() = value;
        self
    }

    fn code(self, code: u16) -> Self {
        self.set("/responseStatus/code", code.into())
    }

    fn extra(mut self, key: &str, value: &str) -> Self {
        self.value["user"]["extra"][format!("authentication.kubernetes.io/{key}")] = json!([value]);
        self
    }

    fn credential(self, id: &str) -> Self {
        self.extra("credential-id", id)
    }

    fn note(mut self, key: &str, value: &str) -> Self {
        self.value["annotations"][key] = value.into();
        self
    }

    fn line(&self) -> String {
        let start = Timestamp::parse(b"2026-11-22T12:00:00.000000Z").unwrap();
        let mut value = self.value.clone();
        value["requestReceivedTimestamp"] = start.plus_seconds(self.second).to_string().into();
        value["stageTimestamp"] = start.plus_seconds(self.second).to_string().into();
        format!("{value}\n")
    }
}

fn analyzer() -> Analyzer {
    let anomalies = anomaly::read(ANOMALIES, "test.yaml").unwrap();
    let config = Config::from_str(NETWORKS, "test.yaml").unwrap();
    let mut detectors = detect::built_in(&config.detection);
    detectors.push(anomaly::detector(&anomalies));
    let mut judges = judge::built_in(&config.detection);
    judges.extend(anomaly::judges(&anomalies, 3600));
    judges.extend(judge::last());
    Analyzer::new(ClusterId::new("test"), pipeline::enricher(&config).unwrap(), detectors).with_judges(judges)
}

fn read(analyzer: &mut Analyzer, lines: &str) -> Vec<Alert> {
    let source = SourceId::new("test");
    let input = Input::Batch(Batch {
        envelope: gatecrier::batch::Envelope::default(),
        start: Place { name: source.shared(), offset: 0 },
        source,
        cluster: ClusterId::new("test"),
        bytes: Bytes::from(lines.to_owned()),
        framing: Framing::Lines,
        upto: Position::new(""),
        at_end: true,
    });
    let mut out = Output::default();
    analyzer.analyze(&input, &mut out);
    analyzer.settle(Timestamp::MAX, 0.0, &mut out);
    out.alerts
}

/// `severity summary` of what this rule says of the story, read twice: in one go, and with a restart after each line.
#[track_caller]
fn check(rule: &str, story: &[Asked], expected: &[&str]) {
    let lines: Vec<_> = story.iter().map(Asked::line).collect();
    let said = |alerts: &[Alert]| -> Vec<String> {
        let reasons = alerts.iter().filter(|alert| alert.revision == 1).flat_map(|alert| &alert.reasons);
        let reasons = reasons.filter(|reason| reason.rule == rule);
        reasons.map(|reason| format!("{} {}", reason.severity, reason.text)).collect()
    };
    let at_once = said(&read(&mut analyzer(), &lines.concat()));
    assert_eq!(at_once, expected);
    let mut analyzer = analyzer();
    let mut alerts = Vec::new();
    for line in &lines {
        alerts.extend(read(&mut analyzer, line));
        let memory = analyzer.snapshot().unwrap();
        analyzer = self::analyzer();
        assert!(analyzer.restore(&memory.bytes()).unwrap().is_empty());
    }
    assert_eq!(said(&alerts), expected, "after restarts");
}

const WEB: &str = "system:serviceaccount:web:web";

#[test]
fn a_pods_token_elsewhere_is_found_at_its_first_use_there() {
    let token = |ip, second| Asked::by(WEB, ip, second, "get pods").credential("JTI=1").extra("pod-name", "web-1");
    let story = [token("10.244.1.5", 0), token("10.244.1.5", 70), token("198.51.100.7", 80)];
    let text = "critical system:serviceaccount:web:web used one credential (JTI=1) from 198.51.100.7 and from 10.244.1.5 \
                within 10 minutes";
    check("credential-in-two-networks", &story, &[text]);
    let other_pod = [token("10.244.1.5", 0), token("10.244.2.9", 30), token("10.244.1.5", 60)];
    let text = "high system:serviceaccount:web:web used one credential (JTI=1) from 10.244.1.5 and from 10.244.2.9 within \
                10 minutes";
    check("credential-in-two-networks", &other_pod, &[text]);
}

#[test]
fn what_looks_like_two_networks_and_is_not() {
    let token = |ip, second| Asked::by(WEB, ip, second, "get pods").credential("JTI=1").extra("pod-name", "web-1");
    let person = |ip, second| Asked::by("eve", ip, second, "get pods").credential("X509SHA256=1");
    for (trap, story) in [
        ("a pod behind its node", [token("10.244.1.5", 0), token("10.0.1.4", 30), token("10.244.1.5", 61)]),
        ("both families of a pod", [token("10.244.1.5", 0), token("fd00::5", 30), token("10.244.1.5", 61)]),
        ("a pod that moved", [token("10.244.1.5", 0), token("10.244.1.6", 30), token("10.244.1.6", 90)]),
        ("long ago", [token("10.244.1.5", 0), token("198.51.100.7", 700), token("198.51.100.7", 790)]),
        ("a laptop that moved", [person("198.51.100.7", 0), person("10.8.0.9", 30), person("10.8.0.9", 90)]),
        (
            "one network, two families",
            [person("198.51.100.7", 0), person("2001:db8:1::7", 30), person("198.51.100.7", 61)],
        ),
        ("behind a hiding hop", [person("198.51.100.7", 0), person("10.0.0.11", 30), person("198.51.100.7", 61)]),
    ] {
        println!("{trap}");
        check("credential-in-two-networks", &story, &[]);
    }
}

#[test]
fn a_persons_certificate_must_go_to_and_fro() {
    let person = |ip, second| Asked::by("eve", ip, second, "get pods").credential("X509SHA256=1");
    let says = |severity: &str, one: &str, other: &str| {
        format!("{severity} eve used one credential (X509SHA256=1) from {one} and from {other} within 10 minutes")
    };
    for (severity, one, other) in [
        ("low", "198.51.100.7", "10.8.0.9"),
        ("medium", "198.51.100.7", "10.0.2.2"),
        ("high", "198.51.100.7", "10.244.1.5"),
    ] {
        let story = [person(one, 0), person(other, 30), person(one, 61)];
        check("credential-in-two-networks", &story, &[&says(severity, one, other)]);
    }
    // The strange sight is the one outside.
    let story = [person("198.51.100.7", 0), person("203.0.113.9", 30), person("198.51.100.7", 61)];
    check("credential-in-two-networks", &story, &[]);
    let again = [story.as_slice(), &[person("203.0.113.9", 95)]].concat();
    check("credential-in-two-networks", &again, &[&says("high", "203.0.113.9", "198.51.100.7")]);
}

#[test]
fn a_minted_token_is_followed_to_its_first_use() {
    let mint = |by: &str, ip| {
        let minted = Asked::by(by, ip, 0, "create serviceaccounts/token:backup").code(201);
        minted.note("authentication.kubernetes.io/issued-credential-id", "JTI=9")
    };
    let used = |ip| Asked::by("system:serviceaccount:web:backup", ip, 60, "get pods").credential("JTI=9");
    let says = |severity: &str, from: &str, how: &str| {
        format!(
            "{severity} a token for web/backup that eve minted from 198.51.100.7 was first used from {from}, {how} (JTI=9)"
        )
    };
    let rule = "minted-token-used-elsewhere";
    for (severity, from, how) in [
        ("medium", "198.51.100.7", "where it was minted, as if by hand"),
        ("high", "10.8.0.9", "elsewhere"),
        ("critical", "203.0.113.9", "outside every trusted network"),
        ("medium", "10.244.1.5", "inside the cluster"),
    ] {
        check(rule, &[mint("eve", "198.51.100.7"), used(from)], &[&says(severity, from, how)]);
    }
    check(rule, &[mint("system:serviceaccount:vault:vault", "10.244.1.7"), used("10.244.1.5")], &[]);
    check(rule, &[mint("system:node:n1", "10.0.1.4"), used("10.244.1.5")], &[]);
    check(rule, &[mint("eve", "198.51.100.7").code(403), used("203.0.113.9")], &[]);
    let alerts = [mint("eve", "198.51.100.7"), used("203.0.113.9")].map(|asked| asked.line()).concat();
    let alerts = read(&mut analyzer(), &alerts);
    let incident = alerts.iter().find(|alert| alert.reasons.iter().any(|reason| reason.rule == rule)).unwrap();
    let seconds: Vec<_> = incident.events.iter().map(|event| event.time.to_string()[17..19].to_owned()).collect();
    assert_eq!(seconds, ["00", "00"], "both events, in their order");
}

#[test]
fn a_nodes_identity_belongs_to_its_address() {
    let node = |name: &str, ip, minute: i64| Asked::by(&format!("system:node:{name}"), ip, minute * 60, "get nodes");
    let mut story: Vec<_> =
        (0..6).flat_map(|minute| [node("n1", "10.0.1.1", minute), node("n2", "10.0.1.2", minute)]).collect();
    let rule = "node-identity-elsewhere";
    check(rule, &story, &[]);
    let with = |asked: &[Asked]| [story.as_slice(), asked].concat();
    check(
        rule,
        &with(&[node("n1", "10.0.1.2", 6)]),
        &["critical the identity of node n1 was used from 10.0.1.2, the address of node n2"],
    );
    let outside = "critical the identity of node n1 was used from 198.51.100.7, outside the node networks; its kubelet is at \
                   10.0.1.1";
    check(rule, &with(&[node("n1", "198.51.100.7", 6)]), &[outside]);
    check(rule, &with(&[node("n1", "10.0.1.9", 6), node("n1", "10.0.1.9", 7)]), &[]);
    let both = "high the identity of node n1 was used from 10.0.1.9 and from 10.0.1.1 within 10 minutes";
    check(rule, &with(&[node("n1", "10.0.1.9", 6), node("n1", "10.0.1.1", 7), node("n1", "10.0.1.9", 8)]), &[both]);
    let pod = |ip, node| Asked::by(WEB, ip, 400, "get pods").extra("pod-name", "web-1").extra("node-name", node);
    story.push(pod("10.0.1.2", "n1"));
    let elsewhere = "high system:serviceaccount:web:web used the token of pod web-1, which runs on node n1, from 10.0.1.2, \
                     the address of node n2";
    check("pod-token-on-other-node", &story, &[elsewhere]);
    *story.last_mut().unwrap() = pod("10.0.1.1", "n1");
    check("pod-token-on-other-node", &story, &[]);
}

#[test]
fn a_success_after_many_failures_counts_for_a_newcomer() {
    let failed = |second| Asked::by("", "203.0.113.9", second, "get pods").code(401);
    let eve = |second| Asked::by("eve", "203.0.113.9", second, "get pods");
    let storm = [failed(0), failed(1), failed(2)];
    let rule = "success-after-failures";
    let text =
        "high eve authenticated from 203.0.113.9 after 3 failed attempts from there, and was not seen there before";
    check(rule, &[storm.as_slice(), &[eve(60)]].concat(), &[text]);
    check(rule, &[storm.as_slice(), &[eve(700)]].concat(), &[]);
    check(rule, &[&[eve(-70)], storm.as_slice(), &[eve(60)]].concat(), &[]);
    check(rule, &[failed(0), failed(1), eve(60)], &[]);
    let outage = (1..=5).flat_map(|host| {
        (0..3).map(move |at| failed(at * 5 + host).set("/sourceIPs", json!([format!("203.0.113.{host}")])))
    });
    check(
        rule,
        &outage
            .chain(storm.map(|failed| Asked { second: 30 + failed.second, ..failed }))
            .chain([eve(60)])
            .collect::<Vec<_>>(),
        &[],
    );
}

#[test]
fn who_approves_his_own_certificate_is_told_with_both_events() {
    let request = |who: &str| Asked::by(who, "198.51.100.7", 0, "create certificatesigningrequests:mine").code(201);
    let approve = |who: &str| Asked::by(who, "198.51.100.7", 5, "update certificatesigningrequests/approval:mine");
    let says = |severity: &str, who: &str| {
        format!(
            "{severity} {who} requested the certificate mine and approved it: it opens the cluster until it expires and \
             cannot be revoked"
        )
    };
    let rule = "certificate-self-approved";
    check(rule, &[request("eve"), approve("eve")], &[&says("critical", "eve")]);
    check(rule, &[request("bob"), approve("eve")], &[]);
    check(rule, &[request("eve").code(403), approve("eve")], &[]);
    check(rule, &[request(WEB), approve(WEB)], &[&says("medium", WEB)]);
    // Where bodies are logged the request itself need not have been seen.
    let mut approved = approve("eve");
    approved.value["responseObject"] = json!({ "spec": { "username": "eve" } });
    check(rule, &[approved], &[&says("critical", "eve")]);
}

#[test]
fn what_the_api_server_notes_is_told() {
    let asked = |key: &str, value: &str| [Asked::by("eve", "198.51.100.7", 0, "create pods:a").note(key, value)];
    let says = |rule, key, value, expected: &str| check(rule, &asked(key, value), &[expected]);
    says(
        "invalidated-token",
        "authentication.k8s.io/legacy-token-invalidated",
        "web/old",
        "high eve created pods web/a from 198.51.100.7 (office), with the invalidated token of secret web/old",
    );
    says(
        "old-token",
        "authentication.k8s.io/legacy-token-manual-secret",
        "web/old",
        "low eve uses a token that never ends, from secret web/old: mint bound ones instead",
    );
    says(
        "old-token",
        "authentication.k8s.io/stale-token",
        "seconds after warning threshold: 9",
        "low eve uses a token past its time (seconds after warning threshold: 9): its client does not renew it",
    );
    says(
        "invalid-certificate",
        "insecure-sha1.invalid-cert.kubernetes.io/hook.web.svc",
        "1",
        "low hook.web.svc, which the API server calls, has a certificate signed with SHA-1: it will be refused, replace it",
    );
    says(
        "bodies-removed",
        "audit.k8s.io/truncated",
        "true",
        "medium eve created pods web/a from 198.51.100.7 (office), with a body too large for the audit log: what it says is \
         not known",
    );
    let read = Asked::by("eve", "198.51.100.7", 0, "list pods").note("audit.k8s.io/truncated", "true");
    check("bodies-removed", &[read], &[]);
}

#[test]
fn a_user_agent_should_go_with_its_identity() {
    let asked = |user: &str, ip: &str, agent: &str| {
        let mut asked = Asked::by(user, ip, 0, "get pods:a");
        asked.value["userAgent"] = agent.into();
        [asked]
    };
    let rule = "user-agent-contradicts-identity";
    let kubelet = "kubelet/v1.36.3 (linux/amd64) kubernetes/abc";
    let claims = "low eve read pods web/a from 198.51.100.7 (office), by kubelet, which calls itself a part of the cluster and is \
                  not known as one";
    check(rule, &asked("eve", "198.51.100.7", kubelet), &[claims]);
    let by_hand = "low system:node:n1 read pods web/a from 10.0.1.1 (nodes), by curl, a program that people use, with the \
                   identity of a part of the cluster";
    check(rule, &asked("system:node:n1", "10.0.1.1", "curl/8.5.0"), &[by_hand]);
    check(rule, &asked("system:node:n1", "10.0.1.1", kubelet), &[]);
    check(rule, &asked("eve", "198.51.100.7", "kubectl/v1.36.3"), &[]);
    check(
        rule,
        &asked("system:serviceaccount:kube-system:job-controller", "10.0.2.2", "kube-controller-manager/v1"),
        &[],
    );
}

#[test]
fn an_audit_id_of_the_clients_choice_is_told_and_its_reuse_as_well() {
    let asked = |second, deed| Asked::by("eve", "198.51.100.7", second, deed).set("/auditID", "mine".into());
    let story = [asked(0, "get pods:a"), asked(5, "get pods:a"), asked(9, "get secrets:b")];
    let chosen =
        "low eve read pods web/a from 198.51.100.7 (office), under an audit id of the client's own choice (mine)";
    check("audit-id-chosen-by-client", &story, &[chosen]);
    let reused = "medium the audit id mine stands for `eve get /api/v1/namespaces/web/pods/a` and for `eve get \
                  /api/v1/namespaces/web/secrets/b`: tools that join by it are misled";
    check("audit-id-reused", &story, &[reused]);
    check("audit-id-reused", &story[..2], &[]);
}

#[test]
fn silence_is_told_once_it_is_longer_than_usual() {
    let renewed = |second: i64, name: &str| {
        let asked = Asked::by("system:kube-scheduler", "10.0.2.2", second, &format!("update leases:{name}"));
        asked.set("/objectRef/namespace", "kube-system".into())
    };
    let read = |second| Asked::by("", "198.51.100.7", second, "get pods").code(401);
    let pulse =
        |minutes: std::ops::Range<i64>, name: &'static str| minutes.map(move |minute| renewed(minute * 60, name));
    let both = |minutes: std::ops::Range<i64>| pulse(minutes.clone(), "kube-scheduler").chain(pulse(minutes, "other"));
    let story = |beats: &mut dyn Iterator<Item = Asked>, next: i64| {
        let mut story: Vec<_> = beats.chain([read(next)]).collect();
        story.sort_by_key(|asked| asked.second);
        story
    };
    let silent = "high no lease has been renewed since 2026-11-22T12:11:00.000000Z, though 2 were every minute: the API server \
                  is down, or its audit log is no longer written or read";
    check("log-silent", &story(&mut both(0..12), 11 * 60 + 301), &[silent]);
    check("log-silent", &story(&mut both(0..12), 11 * 60 + 299), &[]);
    check("log-silent", &story(&mut both(0..5), 5000), &[]);
    let one = "medium the lease kube-system/kube-scheduler was renewed every minute and has not been since \
               2026-11-22T12:11:00.000000Z: its holder is down, or no longer logged";
    let mut beats = pulse(0..12, "kube-scheduler").chain(pulse(0..30, "other"));
    check("heartbeat-silent", &story(&mut beats, 1790), &[one]);
}

/// A habit: the same deed every so many seconds.
fn habit(user: &str, deed: &str, seconds: std::ops::Range<i64>, step: usize) -> Vec<Asked> {
    let ip = if user == WEB { "10.244.1.5" } else { "198.51.100.7" };
    seconds.step_by(step).map(|second| Asked::by(user, ip, second, deed)).collect()
}

fn in_order(stories: &[Vec<Asked>]) -> Vec<Asked> {
    let mut story = stories.concat();
    story.sort_by_key(|asked| asked.second);
    story
}

#[test]
fn what_is_new_is_milder_the_wider_the_circle_that_knows_it() {
    let eve = habit("eve", "create pods", 0..4000, 120);
    let bob = habit("bob", "create secrets", 0..4000, 120);
    let machine = habit(WEB, "delete pods", 0..4000, 120);
    let usual = [eve, bob, machine];
    let with = |deed, second| in_order(&[usual.concat(), vec![Asked::by("eve", "198.51.100.7", second, deed)]]);
    let rule = "new-operation";
    let nowhere = "high New: eve, delete roles, UNSEEN for the cluster in 66 minutes (102 observations; usual: create pods 33 %, \
                   create secrets 33 %, delete pods 33 %)";
    check(rule, &with("delete roles", 4000), &[nowhere]);
    let among_peers = "medium New: eve, delete pods, UNSEEN for people in 66 minutes (68 observations; usual: create pods 50 %, \
                       create secrets 50 %)";
    check(rule, &with("delete pods", 4000), &[among_peers]);
    let only_her =
        "low New: eve, create secrets, UNSEEN for eve in 66 minutes (34 observations; usual: create pods 100 %)";
    check(rule, &with("create secrets", 4000), &[only_her]);
    check(rule, &with("create pods", 4000), &[]);
    check(rule, &with("create events", 4000), &[]);
    check(rule, &with("delete roles", 3000), &[]);
}

#[test]
fn a_new_value_is_on_probation_and_what_alerted_is_not_learnt() {
    let usual = habit("eve", "create pods", 0..20_000, 120);
    let new = |ip, second| Asked::by("eve", ip, second, "delete roles");
    let alerts = |story: &[Asked]| {
        let lines: String = in_order(&[usual.clone(), story.to_vec()]).iter().map(Asked::line).collect();
        let alerts = read(&mut analyzer(), &lines);
        let of_rule = alerts.iter().filter(|alert| alert.reasons.iter().any(|reason| reason.rule == "new-operation"));
        of_rule.map(|alert| alert.count).max()
    };
    let inside = "198.51.100.7";
    assert_eq!(alerts(&[new(inside, 4000), new(inside, 4100), new(inside, 4200)]), Some(3), "on probation for an hour");
    assert_eq!(alerts(&[new(inside, 4000), new(inside, 7700), new(inside, 7800)]), Some(1), "then it is a habit");
    let both = [new("203.0.113.9", 500), new("203.0.113.9", 600), new(inside, 4000)];
    assert_eq!(alerts(&both), Some(1), "an attack while learning teaches nothing");
}

#[test]
fn many_different_things_are_compared_with_what_is_usual() {
    let reads = |user: &str, from: i64, names: i64| -> Vec<Asked> {
        let read = |name: i64| Asked::by(user, "198.51.100.7", from + name, &format!("get secrets:s{name}"));
        (0..names).map(read).collect()
    };
    let learnt = in_order(&[reads("eve", 0, 3), reads("sync", 100, 20)]);
    let with = |story: Vec<Asked>| in_order(&[learnt.clone(), story]);
    let text = "medium Many: eve, 6 different values of objectRef.name within 10 minutes, where 3 were the most of eve so far \
                (such as s5; s4; s3)";
    check("many", &with(reads("eve", 4000, 6)), &[text]);
    check("many", &with(reads("eve", 4000, 5)), &[]);
    check("many", &with(reads("sync", 4000, 30)), &[]);
    check("many", &reads("eve", 0, 30), &[]);
}

#[test]
fn bursts_silences_and_seldom_things_are_told() {
    let evict = |second| Asked::by("eve", "198.51.100.7", second, "create pods/eviction:a");
    let mut story: Vec<_> = (0..80).map(|minute| evict(minute * 60)).collect();
    check("burst", &story, &[]);
    story.extend((0..20).map(|at| evict(4850 + at)));
    let text = "medium Burst: eve, 8 requests within 1 minutes, where 1.0 are usual";
    check("burst", &story, &[text]);

    let mut story = habit("job", "get pods/log:backup", 0..7200, 600);
    story.push(Asked::by("", "198.51.100.7", 9000, "get pods").code(401));
    let text = "low Quiet: backup was seen 12 times, at most 600 s apart, and not since 2026-11-22T13:50:00.000000Z";
    check("quiet", &story, &[text]);
    story.last_mut().unwrap().second = 8300;
    check("quiet", &story, &[]);
}

#[test]
fn an_alert_explains_what_is_usual() {
    let mut story = habit("eve", "create pods", 0..4000, 120);
    story.push(Asked::by("eve", "198.51.100.7", 4000, "delete roles"));
    let lines: String = story.iter().map(Asked::line).collect();
    let alerts = read(&mut analyzer(), &lines);
    let unusual = serde_json::to_value(&alerts[0].reasons[0].unusual).unwrap();
    let expected = json!({
        "feature": "request.action, objectRef.resource", "observed": "delete roles", "rarity": "UNSEEN",
        "whose": "the cluster", "usual": [{ "value": "create pods", "percent": 100 }], "observations": 34,
        "age_seconds": 4000, "bits": 6,
    });
    assert_eq!(unusual, expected);
}

#[test]
fn mistakes_in_documents_are_told_with_their_place() {
    let wrong = |from: &str, to: &str| {
        let first = ANOMALIES.split("\n---\n").next().unwrap();
        assert!(first.contains(from));
        Anomaly::read(&first.replace(from, to), "a.yaml").unwrap_err().in_one_line()
    };
    for (from, to, says) in [
        ("request.outcome", "request.outcom", "there is no field `request.outcom`"),
        ("kind: first_seen", "kind: first", "first"),
        ("  of: [request.action, objectRef.resource]\n", "", "it says nothing of which values"),
        ("  at_least: 4", "  atleast: 4", "atleast"),
        ("level: high", "level: huge", "huge"),
    ] {
        let message = wrong(from, to);
        assert!(message.contains(says) && message.contains("a.yaml"), "{message}");
    }
    anomaly::built_in().unwrap();
}

#[test]
fn one_thing_after_another_is_an_incident_with_its_events_in_order() {
    let by = |second, deed| Asked::by("eve", "198.51.100.7", second, deed);
    let mut privileged = by(20, "create pods:bad").code(201);
    privileged.value["level"] = "Request".into();
    privileged.value["requestObject"] = json!({ "apiVersion": "v1", "kind": "Pod",
        "spec": { "containers": [{ "name": "a", "securityContext": { "privileged": true } }] } });
    let guard = by(10, "delete validatingwebhookconfigurations:guard");
    let text = "high eve changed or removed an admission or network guard, and then made a workload that is dangerous to its node";
    check("unguarded-then-dangerous", &[guard.clone(), privileged.clone()], &[text]);
    check("unguarded-then-dangerous", &[privileged.clone(), Asked { second: 30, ..guard.clone() }], &[]);
    check("unguarded-then-dangerous", &[Asked { second: -2000, ..guard.clone() }, privileged.clone()], &[]);
    check("unguarded-then-dangerous", &[guard.clone().code(403), privileged.clone()], &[]);

    let entered = by(40, "create pods/exec:web").code(101);
    let pod = "low eve made a workload, ran a command in a pod, and then removed a pod";
    check("one-off-pod", &[by(30, "create pods:a"), entered.clone(), by(60, "delete pods:a")], &[pod]);
    let erased = "high eve ran a command in a pod, and then deleted events";
    check("entered-then-erased", &[entered.clone(), by(60, "deletecollection events")], &[erased]);

    let lines = [guard, privileged, entered].map(|asked| asked.line()).concat();
    let alerts = read(&mut analyzer(), &lines);
    let chain = alerts.iter().find(|alert| alert.rule.id == "unguarded-then-dangerous").unwrap();
    let seconds: Vec<_> = chain.events.iter().map(|event| event.time.to_string()[17..19].to_owned()).collect();
    assert_eq!(seconds, ["10", "20"]);
}

#[test]
fn many_signs_of_one_identity_are_one_incident_raised_once() {
    let sign = |second, deed| Asked::by("eve", "10.0.1.77", second, deed);
    let outside = |second| Asked::by("eve", "203.0.113.9", second, "get configmaps:a");
    let old = |second| sign(second, "get pods:a").note("authentication.k8s.io/legacy-token-invalidated", "web/old");
    let rule = "identity-at-risk";
    let text = "high 2 signs point to eve (risk 100): An invalidated token was used; then Request from outside the trusted \
                networks";
    check(rule, &[old(0), outside(10)], &[text]);
    check(rule, &[old(0), old(10), old(20), old(30)], &[]);
    check(rule, &[old(0), outside(4 * 3600)], &[]);
    check(rule, &[old(0), Asked::by("bob", "203.0.113.9", 10, "get configmaps:a")], &[]);
}
