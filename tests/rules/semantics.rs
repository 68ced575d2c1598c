//! One detection and one event each.

use super::{findings, loaded};
use gatecrier::detect::rules::{Lists, Rules};

/// What most cases are judged on: a pod with two containers, created by a person through a proxy.
const POD: &str = r#"{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"RequestResponse","auditID":"823afb8f-bd21-4918-81a6-3770801a3883","stage":"ResponseComplete","requestURI":"/api/v1/namespaces/web/pods?fieldManager=kubectl-client-side-apply","verb":"create","user":{"username":"Eve","groups":["dev","system:authenticated"],"extra":{"authentication.kubernetes.io/credential-id":["JTI=1"]}},"sourceIPs":["203.0.113.7","10.0.0.1"],"userAgent":"kubectl/v1.36.3 (linux/amd64)","objectRef":{"resource":"pods","namespace":"web","name":"p","apiVersion":"v1"},"responseStatus":{"metadata":{},"code":201},"requestObject":{"kind":"Pod","metadata":{"labels":{"app.kubernetes.io/name":"x"},"annotations":{},"finalizers":[]},"spec":{"hostNetwork":true,"priority":1000,"nodeName":null,"serviceAccountName":"","automount":"true","containers":[{"name":"c0","image":"nginx:1.2","securityContext":{"privileged":false,"capabilities":{"add":["SYS_ADMIN","BPF"]}},"ports":[80,443]},{"name":"c1","image":"evil/shell","args":["-c","echo aGVsbG8ga3ViZWN0bCBleGVj"],"securityContext":{"privileged":true}}],"volumes":[{"name":"v","hostPath":{"path":"/var/run/docker.sock"}}]}},"requestReceivedTimestamp":"2026-11-22T21:30:00.000000Z","stageTimestamp":"2026-11-22T21:30:00.000001Z","annotations":{"authorization.k8s.io/decision":"allow","authorization.k8s.io/reason":"RBAC: allowed"}}"#;

fn rule(detection: &str, version: u32) -> String {
    let detection: String = detection.lines().map(|line| format!("  {line}\n")).collect();
    format!(
        "title: A rule\nsigma-version: {version}\nlogsource: {{product: kubernetes, service: audit}}\ndetection:\n{detection}"
    )
}

#[track_caller]
fn check_on(event: &str, detection: &str, version: u32, expected: bool) {
    let list = |values: &[&str]| values.iter().map(ToString::to_string).collect();
    let lists = Lists::from([
        ("people".to_owned(), list(&["eve", "mallory"])),
        ("nets".to_owned(), list(&["203.0.113.0/24", "2001:db8::/32"])),
        ("tools".to_owned(), list(&["kubectl*", "helm?"])),
    ]);
    let text = rule(detection, version);
    let rules = Rules::new(&loaded(&[&text], &lists).unwrap_or_else(|error| panic!("{detection}\n{error}")));
    assert_eq!(!findings(&rules, event).is_empty(), expected, "{detection}");
    // The second time from memory.
    assert_eq!(!findings(&rules, event).is_empty(), expected, "{detection}, seen before");
}

/// An item, and whether it matches the pod.
#[track_caller]
fn item(item: &str, expected: bool) {
    check_on(POD, &format!("s:\n  {item}\ncondition: s"), 2, expected);
    check_on(POD, &format!("s:\n  {item}\ncondition: not s"), 2, !expected);
}

#[track_caller]
fn block(item: &str, expected: bool) {
    check_on(POD, &format!("s:\n  {item}\ncondition: s"), 3, expected);
}

#[test]
fn values_are_compared_by_type_and_by_text() {
    for (written, expected) in [
        ("verb: CREATE", true),
        ("verb: creat", false),
        ("verb|cased: CREATE", false),
        ("verb|cased: create", true),
        ("verb: [delete, create]", true),
        ("responseStatus.code: 201", true),
        ("responseStatus.code: 201.0", true),
        ("responseStatus.code: '201'", true),
        ("responseStatus.code: '20?'", true),
        ("responseStatus.code: 20", false),
        ("requestObject.spec.hostNetwork: true", true),
        ("requestObject.spec.hostNetwork: 'true'", true),
        ("requestObject.spec.automount: true", true),
        ("requestObject.spec.hostNetwork: false", false),
        ("objectRef.subresource: null", true),
        ("requestObject.spec.nodeName: null", true),
        ("requestObject.metadata.finalizers: null", true),
        ("verb: null", false),
        ("requestObject.spec.serviceAccountName: ''", true),
        ("objectRef.subresource: ''", false),
        ("requestObject.spec.serviceAccountName: null", false),
        ("requestObject.spec.volumes.hostPath: '*'", true),
        ("requestObject.spec.volumes.nfs: '*'", false),
        ("requestObject.spec.nodeName: '*'", false),
        ("verb: '*'", true),
    ] {
        item(written, expected);
    }
}

#[test]
fn modifiers_do_what_the_specification_says() {
    for (written, expected) in [
        ("userAgent|startswith: KUBECTL/", true),
        ("userAgent|endswith: amd64)", true),
        ("userAgent|contains: v1.36", true),
        ("userAgent|contains: '(linux*64'", true),
        ("userAgent|contains|all: [linux, kubectl]", true),
        ("userAgent|contains|all: [linux, windows]", false),
        ("userAgent|contains: [curl, wget, kubectl, python]", true),
        ("userAgent|contains: [curl, wget, helm, python]", false),
        ("userAgent|contains|cased: KUBECTL", false),
        ("verb|neq: delete", true),
        ("verb|neq: [create, delete]", false),
        ("objectRef.subresource|neq: exec", true),
        ("requestObject.spec.containers.name|neq: c0", false),
        ("objectRef.subresource|exists: false", true),
        ("requestObject.spec.nodeName|exists: true", true),
        ("requestObject.metadata.finalizers|exists: true", true),
        ("requestObject.metadata.annotations|exists: true", true),
        ("requestObject.spec.volumes.hostPath|exists: true", true),
        (r"userAgent|re: 'kubectl/v1\.\d+'", true),
        ("userAgent|re: '^linux'", false),
        ("userAgent|re: KUBECTL", false),
        ("userAgent|re|i: KUBECTL", true),
        ("userAgent|re|startswith: 'kube\\w+'", true),
        ("userAgent|re|endswith: 'kube\\w+'", false),
        ("userAgent|re: ['^x', 'amd64']", true),
        ("sourceIPs|cidr: 203.0.113.0/24", true),
        ("sourceIPs|cidr: [192.0.2.0/24, 10.0.0.0/8]", true),
        ("sourceIPs|cidr: 192.0.2.0/24", false),
        ("userAgent|cidr: 192.0.2.0/24", false),
        ("responseStatus.code|gte: 200", true),
        ("responseStatus.code|gt: 201", false),
        ("responseStatus.code|lt: '300'", true),
        ("requestObject.spec.priority|lte: 999.5", false),
        ("verb|gt: 1", false),
        ("stageTimestamp|hour: 21", true),
        ("stageTimestamp|hour|gte: 22", false),
        ("stageTimestamp|minute: [0, 30]", true),
        ("stageTimestamp|day: 22", true),
        ("stageTimestamp|week: 47", true),
        ("stageTimestamp|month: 11", true),
        ("stageTimestamp|year: 2026", true),
        ("objectRef.resource|fieldref: verb", false),
        ("requestURI|fieldref|contains: objectRef.resource", true),
        ("requestURI|fieldref|startswith: objectRef.resource", false),
        ("requestURI|fieldref|contains: objectRef.subresource", false),
        ("objectRef.resource|fieldref|neq: verb", true),
        ("user.username|expand: '%people%'", true),
        ("user.groups|expand: '%people%'", false),
        ("sourceIPs|cidr|expand: '%nets%'", true),
        ("userAgent|expand: '%tools%'", true),
        ("userAgent|expand|contains: '%people%'", false),
        (r"userAgent|re|expand: '^%tools%'", false),
        ("requestObject.spec.containers.args|base64offset|contains: kubectl", true),
        ("requestObject.spec.containers.args|base64offset|contains: kubelet", false),
        ("requestObject.spec.containers.args|base64: kubectl", false),
        ("requestObject.spec.containers.args|wide|base64offset|contains: kubectl", false),
        ("requestObject.spec.containers.args|windash: /c", true),
        ("user.groups|all: [dev, 'system:authenticated']", true),
        ("user.groups|all: [dev, admin]", false),
    ] {
        item(written, expected);
    }
}

#[test]
fn a_path_through_an_array_means_any_member() {
    for (written, expected) in [
        ("requestObject.spec.containers.securityContext.privileged: true", true),
        ("requestObject.spec.containers.securityContext.capabilities.add: bpf", true),
        ("requestObject.spec.containers.securityContext.capabilities.add|all: [BPF, SYS_ADMIN]", true),
        ("requestObject.spec.containers.ports: 443", true),
        ("requestObject.spec.containers.image|endswith: shell", true),
    ] {
        item(written, expected);
    }
    // Of different members: that is what blocks are for.
    let both =
        "requestObject.spec.containers.name: c0\n  requestObject.spec.containers.securityContext.privileged: true";
    check_on(POD, &format!("s:\n  {both}\ncondition: s"), 2, true);
}

#[test]
fn keys_with_dots_can_be_named() {
    for (written, expected) in [
        ("annotations.authorization.k8s.io/decision: allow", true),
        ("annotations.authorization_k8s_io/decision: allow", true),
        ("annotations.authorization.k8s.io/reason|startswith: 'RBAC:'", true),
        ("requestObject.metadata.labels.app.kubernetes.io/name: x", true),
        ("user.extra.authentication.kubernetes.io/credential-id: JTI=1", true),
        ("annotations.authorization.k8s.io/nothing: allow", false),
    ] {
        item(written, expected);
    }
}

#[test]
fn blocks_bind_several_wishes_to_one_element() {
    for (written, expected) in [
        ("requestObject.spec.containers[any]: {name: c1, securityContext.privileged: true}", true),
        ("requestObject.spec.containers[any]: {name: c0, securityContext.privileged: true}", false),
        ("requestObject.spec.containers[all]: {name|startswith: c}", true),
        ("requestObject.spec.containers[all]: {securityContext.privileged: true}", false),
        ("requestObject.spec.initContainers[all]: {name: x}", false),
        ("requestObject.spec.initContainers[all_or_empty]: {name: x}", true),
        ("requestObject.spec.containers[none]: {name: c2}", true),
        ("requestObject.spec.containers[none]: {name: c1}", false),
        ("requestObject.spec.initContainers[none]: {name: c1}", true),
        ("requestObject.spec.containers[0].name: c0", true),
        ("requestObject.spec.containers[0].name: c1", false),
        ("requestObject.spec.containers[-1].name: c1", true),
        ("requestObject.spec.containers[-3].name: c1", false),
        ("requestObject.spec.containers[2].name: c1", false),
        ("sourceIPs[0]: 203.0.113.7", true),
        ("sourceIPs[-1]|cidr: 10.0.0.0/8", true),
        ("sourceIPs[all]: {'.|cidr': 10.0.0.0/8}", false),
        ("requestObject.spec.containers[any]: {'ports[any]': {'.|gte': 443}, name: c0}", true),
        ("requestObject.spec.containers[any]: {'ports[1]': 443}", true),
        (
            "requestObject.spec.containers[any]: {a: {name: c0}, b: {securityContext.privileged: true}, condition: a and b}",
            false,
        ),
        (
            "requestObject.spec.containers[any]: {a: {name: c0}, b: {securityContext.privileged: true}, condition: a and not b}",
            true,
        ),
        (r"requestObject.spec.containers\[any\]|exists: false", true),
    ] {
        block(written, expected);
    }
    // Without version 3 a bracket is a letter.
    item("requestObject.spec.containers[any].name|exists: false", true);
}

#[test]
fn keywords_are_parts_of_any_text() {
    for (detection, expected) in [
        ("k: [docker.sock, nothing]\ncondition: k", true),
        ("k: [DOCKER.SOCK]\ncondition: k", true),
        ("k: [nothing]\ncondition: k", false),
        ("k: ['run*sock']\ncondition: k", true),
        ("k:\n  '|all': [docker.sock, kubectl]\ncondition: k", true),
        ("k:\n  '|all': [docker.sock, curl]\ncondition: k", false),
        ("k:\n  '|re': 'docker\\.s..k$'\ncondition: k", true),
        ("k:\n  '|startswith': docker\ncondition: k", false),
        ("k:\n  '|cased': DOCKER\ncondition: k", false),
        // A key is no text that somebody said.
        ("k: [hostNetwork]\ncondition: k", false),
        ("k: [1000]\ncondition: k", true),
    ] {
        check_on(POD, detection, 2, expected);
    }
}

#[test]
fn selections_and_conditions_are_put_together() {
    for (detection, expected) in [
        ("a:\n  - verb: delete\n  - verb: create\n    objectRef.resource: pods\ncondition: a", true),
        ("a:\n  - verb: delete\n  - verb: create\n    objectRef.resource: jobs\ncondition: a", false),
        ("a: {verb: create}\nb: {verb: delete}\ncondition: [b, a]", true),
        ("a: {verb: create}\nb: {verb: delete}\ncondition: [b, a and b]", false),
        ("a: {verb: create}\nb: {verb: delete}\ncondition: 1 of them", true),
        ("a: {verb: create}\nb: {verb: delete}\ncondition: all of them", false),
        ("a: {verb: create}\n_b: {verb: delete}\ncondition: all of them", true),
        ("a: {verb: create}\nb: {verb: delete}\nc: {objectRef.resource: pods}\ncondition: 2 of them", true),
        ("a: {verb: create}\nb: {verb: delete}\nc: {objectRef.resource: pods}\ncondition: not 2 of them", false),
        ("a: {verb: create}\nb: {verb: delete}\nc: {objectRef.resource: jobs}\ncondition: not 2 of them", true),
        ("a: {verb: create}\nb: {verb: delete}\ncondition: not (a and b)", true),
        ("a: {verb: create}\nb: {verb: delete}\ncondition: not (a or b)", false),
        ("a:\n  - - verb: create\n    - verb: delete\n  - verb: list\ncondition: a", true),
    ] {
        check_on(POD, detection, 2, expected);
    }
}

#[test]
fn a_request_without_an_answer_matches_only_what_the_answer_cannot_change() {
    let early = POD
        .replace("ResponseComplete", "RequestReceived")
        .replace(r#","responseStatus":{"metadata":{},"code":201}"#, "")
        .replace(
            r#""annotations":{"authorization.k8s.io/decision":"allow","authorization.k8s.io/reason":"RBAC: allowed"}"#,
            r#""annotations":{}"#,
        );
    let start = early.find(r#","requestObject""#).unwrap();
    let end = early.find(r#","requestReceivedTimestamp""#).unwrap();
    let early = format!("{}{}", &early[..start], &early[end..]);
    let denied = "denied: {responseStatus.code: [401, 403]}";
    for (detection, expected) in [
        ("a: {verb: create, objectRef.resource: pods}\ncondition: a".to_owned(), true),
        (format!("a: {{verb: create}}\n{denied}\ncondition: a and not denied"), false),
        (format!("a: {{verb: create}}\n{denied}\ncondition: a or denied"), true),
        ("a: {verb: create, responseStatus.code: null}\ncondition: a".to_owned(), false),
        ("a: {verb: create, responseStatus.code|exists: false}\ncondition: a".to_owned(), false),
        ("a: {verb: create, requestObject.spec.hostNetwork|neq: true}\ncondition: a".to_owned(), false),
        ("a: {verb: create}\nb: [nothing]\ncondition: a and not b".to_owned(), false),
        ("a: {verb: create, objectRef.subresource: null}\ncondition: a".to_owned(), true),
        ("a: {verb: create}\nb: {verb: delete, responseStatus.code: 200}\ncondition: a and not b".to_owned(), true),
    ] {
        check_on(&early, &detection, 2, expected);
    }
    let blocks = "a: {verb: create, 'requestObject.spec.containers[none]': {name: x}}\ncondition: a";
    check_on(&early, blocks, 3, false);
    check_on(POD, blocks, 3, true);
    check_on(POD, &format!("a: {{verb: create}}\n{denied}\ncondition: a and not denied"), 2, true);
}

#[test]
fn filters_narrow_the_rules_they_name() {
    let wide = rule("a: {verb: create}\ncondition: a", 2).replace("title: A rule", "title: A rule\nname: wide");
    let filter = |rules: &str, user: &str| {
        format!(
            "title: F\nlogsource: {{product: kubernetes}}\nfilter:\n  rules: {rules}\n  s: {{user.username: {user}}}\n  condition: not s\n"
        )
    };
    for (filter, expected) in [
        (filter("[wide]", "eve"), false),
        (filter("[wide]", "bob"), true),
        (filter("any", "eve"), false),
        (filter("wide", "eve"), false),
    ] {
        let rules = Rules::new(&loaded(&[&wide, &filter], &Lists::new()).unwrap());
        assert_eq!(!findings(&rules, POD).is_empty(), expected, "{filter}");
    }
}

#[test]
fn a_finding_says_what_it_rests_on_without_its_secrets() {
    let text = rule(
        "a:\n  verb: [create, delete]\n  userAgent|contains: kubectl\n  requestObject.spec.containers.args|contains: kubectl\nb: {verb: list}\ncondition: a and not b",
        2,
    );
    let secret = POD
        .replace(r#""resource":"pods""#, r#""resource":"secrets""#)
        .replace("echo aGVsbG8ga3ViZWN0bCBleGVj", "kubectl");
    let found = findings(&Rules::new(&loaded(&[&text], &Lists::new()).unwrap()), &secret);
    let matched: Vec<_> =
        found[0].matched.iter().map(|matched| format!("{}={}", matched.field, matched.value)).collect();
    assert_eq!(
        matched,
        [
            "verb=create",
            "userAgent=kubectl/v1.36.3 (linux/amd64)",
            "requestObject.spec.containers.args=[masked, 7 bytes]"
        ]
    );
    assert!(found[0].text.starts_with("A rule: Eve created secrets web/p from "), "{}", found[0].text);
}
