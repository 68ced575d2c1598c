use std::collections::BTreeMap;
use std::io::Write;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use super::super::{Partial, Record, open};
use crate::batch::{Envelope, Framing, Wrapping};
use crate::event::Event;

/// An event, its keys in the API server's order.
fn text(id: &str) -> String {
    format!(
        r#"{{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"{id}","stage":"ResponseComplete","requestURI":"/api/v1/pods","verb":"list","user":{{"username":"ann"}},"userAgent":"back\\slash \"quotes\" ü"}}"#
    )
}

fn event(id: &str) -> Value {
    serde_json::from_str(&text(id)).unwrap()
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

fn packed(value: &Value) -> String {
    STANDARD.encode(gzip(&value.to_string()))
}

fn from(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, text)| ((*key).to_owned(), (*text).to_owned())).collect()
}

/// What came out, a word each: an event's id (with `~` when it is cut), `!` and a reason, `-` and a reason.
fn read(envelope: &Envelope, framing: Framing, bytes: &[u8], partial: &mut Partial) -> Vec<String> {
    let mut found = Vec::new();
    open(bytes, framing, envelope, partial, &mut |record| {
        found.push(match record {
            Record::Event(event) => {
                format!("{}{}", event.audit_id(), if event.is_truncated() { "~" } else { "" })
            }
            Record::Unreadable(unreadable) => format!("!{}", unreadable.reason),
            Record::Passed(reason) => format!("-{reason}"),
        });
    });
    found
}

#[track_caller]
fn check_from(wrapping: Wrapping, origins: &[(&str, &str)], lines: &[&str], expected: &[&str]) {
    let envelope = Envelope::new(wrapping, &from(origins));
    let mut partial = Partial::default();
    let found = read(&envelope, Framing::Lines, lines.join("\n").as_bytes(), &mut partial);
    assert_eq!(found, expected);
    // However the lines are cut into batches, and whatever is saved and read back between two.
    let mut partial = Partial::default();
    let mut one_by_one = Vec::new();
    for line in lines {
        one_by_one.extend(read(&envelope, Framing::Lines, line.as_bytes(), &mut partial));
        partial = serde_json::from_str(&serde_json::to_string(&partial).unwrap()).unwrap();
    }
    assert_eq!(one_by_one, expected);
}

#[track_caller]
fn check(wrapping: Wrapping, lines: &[&str], expected: &[&str]) {
    check_from(wrapping, &[], lines, expected);
}

/// All that one event says, as `show` tells it.
fn shown<T>(wrapping: Wrapping, bytes: &[u8], mut show: impl FnMut(&Event<'_>) -> T) -> Vec<T> {
    let (envelope, mut found) = (Envelope::new(wrapping, &BTreeMap::new()), Vec::new());
    open(bytes, Framing::Lines, &envelope, &mut Partial::default(), &mut |record| match record {
        Record::Event(event) => found.push(show(&event)),
        Record::Unreadable(unreadable) => panic!("{}", unreadable.reason),
        Record::Passed(reason) => panic!("{reason}"),
    });
    found
}

fn subscription(stream: &str, messages: &[String]) -> Value {
    let events: Vec<_> =
        messages.iter().map(|message| json!({"id": "1", "timestamp": 1, "message": message})).collect();
    json!({"messageType": "DATA_MESSAGE", "owner": "1", "logGroup": "/aws/eks/prod/cluster", "logStream": stream,
        "subscriptionFilters": ["f"], "logEvents": events})
}

#[test]
fn events_of_eks_are_read_in_all_that_aws_puts_around_them() {
    let messages = [text("a"), text("b")];
    let audit = subscription("kube-apiserver-audit-0f", &messages);
    let other = subscription("authenticator-0f", &messages);
    let control = json!({"messageType": "CONTROL_MESSAGE", "logEvents": [{"message": "x"}]});
    let streams = ["-other-stream", "-other-stream"];
    check(Wrapping::Eks, &[&audit.to_string()], &["a", "b"]);
    check(Wrapping::Eks, &[&other.to_string(), &audit.to_string()], &[streams[0], streams[1], "a", "b"]);
    check(Wrapping::Eks, &[&control.to_string()], &["-control-message"]);
    // Firehose leaves nothing between records.
    check(Wrapping::Eks, &[&format!("{audit}{other}{audit}")], &["a", "b", streams[0], streams[1], "a", "b"]);
    check(Wrapping::Eks, &[&json!({"awslogs": {"data": packed(&audit)}}).to_string()], &["a", "b"]);
    let firehose = json!({"records": [{"data": packed(&other)}, {"data": STANDARD.encode(audit.to_string())}]});
    check(Wrapping::Eks, &[&firehose.to_string()], &[streams[0], streams[1], "a", "b"]);
    let kinesis = json!({"Records": [{"kinesis": {"data": packed(&audit)}}]});
    check(Wrapping::Eks, &[&kinesis.to_string()], &["a", "b"]);
    let whole = gzip(&format!("{audit}{audit}"));
    let eks = Envelope::new(Wrapping::Eks, &BTreeMap::new());
    assert_eq!(read(&eks, Framing::Documents, &whole, &mut Partial::default()), ["a", "b", "a", "b"]);
}

#[test]
fn what_cloudwatch_cut_is_read_as_far_as_it_goes() {
    let whole = text("a");
    let cut = format!("{}[Truncated...]", &whole[..whole.len() - 5]);
    let lines = subscription("kube-apiserver-audit-0f", &[cut, whole, "[Truncated...]".to_owned()]);
    check(Wrapping::Eks, &[&lines.to_string()], &["a~", "a", "!not-json"]);
}

#[test]
fn what_is_broken_around_events_costs_no_neighbour_whose_start_is_known() {
    let audit = subscription("kube-apiserver-audit-0f", &[text("a")]).to_string();
    let bad = json!({"records": [{"data": "%%%"}, {"data": STANDARD.encode(b"\x1f\x8bnothing")}, {"x": 1},
        {"data": STANDARD.encode(&audit)}]});
    check(Wrapping::Eks, &[&bad.to_string()], &["!not-base64", "!not-gzip", "!no-event-inside", "a"]);
    check(
        Wrapping::Eks,
        &["{\"torn\":", &audit, "[1]", "]nonsense", &audit],
        &["!cut", "a", "!not-an-object", "!not-json", "a"],
    );
    check(Wrapping::Eks, &["{\"a\":1}", "{\"messageType\":\"DATA_MESSAGE\"}"], &["!not-cloudwatch", "!not-cloudwatch"]);
    let broken = audit.replace("{\"id\"", "{\"message\":\"\"} {\"id\"");
    check(Wrapping::Eks, &[&broken, &audit], &["!not-json", "a"]);
}

#[test]
fn what_inflates_without_end_is_left() {
    let bomb = gzip(&" ".repeat(super::packed::INFLATED_BYTES_MAX + 1));
    let audit = subscription("kube-apiserver-audit-0f", &[text("a")]);
    let firehose = json!({"records": [{"data": STANDARD.encode(bomb)}, {"data": packed(&audit)}]});
    let audit = audit.to_string();
    let eks = Envelope::new(Wrapping::Eks, &BTreeMap::new());
    let found = read(&eks, Framing::Lines, firehose.to_string().as_bytes(), &mut Partial::default());
    assert_eq!(found, ["!inflates-too-far", "!inflates-too-far"]);
    assert_eq!(read(&eks, Framing::Lines, audit.as_bytes(), &mut Partial::default()), ["a"]);
}

#[test]
fn events_of_aks_are_those_of_its_audit_categories() {
    let record =
        |category: &str, log: Value| json!({"category": category, "properties": {"log": log, "stream": "stdout"}});
    let log = |id: &str| Value::String(text(id) + "\n");
    let hub = json!({"records": [record("kube-audit", log("a")), record("kube-apiserver", log("no")),
        record("kube-audit-admin", log("b")), record("kube-audit", event("c")), record("kube-audit", json!(7)),
        {"properties": {"log": log("no")}}]});
    check(Wrapping::Aks, &[&hub.to_string()], &["a", "-other-category", "b", "c", "!no-event-inside", "!no-category"]);
    check(Wrapping::Aks, &[&record("kube-audit", log("a")).to_string()], &["a"]);
    let cut = text("a");
    let lines = record("kube-audit", Value::String(cut[..cut.len() - 9].to_owned()));
    check(Wrapping::Aks, &[&format!("\u{feff}{lines}")], &["a~"]);
    let resource = |cluster: &str| {
        json!({"category": "kube-audit", "resourceId": format!("/X/MANAGEDCLUSTERS/{cluster}"),
        "properties": {"log": log(cluster)}})
    };
    let origins = [("resourceId", "*/MANAGEDCLUSTERS/PROD")];
    let lines = [resource("PROD").to_string(), resource("TEST").to_string()];
    check_from(Wrapping::Aks, &origins, &[&lines[0], &lines[1]], &["PROD", "-other-origin"]);
}

#[test]
fn parts_of_cri_lines_become_one_event() {
    let time = "2026-11-22T12:00:00.123456789Z";
    let whole = text("a");
    let line = |stream: &str, tag: &str, text: &str| format!("{time} {stream} {tag} {text}");
    let (first, rest) = whole.split_at(40);
    let (second, third) = rest.split_at(50);
    let lines = [
        line("stdout", "F", &whole),
        line("stdout", "P", first),
        line("stderr", "F", &whole),
        line("stdout", "P", second),
        line("stdout", "F", third),
        line("stdout", "P", &whole),
        line("stdout", "F", ""),
        "torn".to_owned(),
        line("stdout", "F:x", "I1122 some log"),
    ];
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    check(Wrapping::Cri, &lines, &["a", "-other-stream", "a", "a", "!not-cri", "!not-json"]);
    // What is begun and then broken off is read as far as it goes.
    let begun = line("stdout", "P", &whole[..whole.len() - 10]);
    check(Wrapping::Cri, &[&begun, "torn", &line("stdout", "F", &whole)], &["a~", "!not-cri", "a"]);
}

#[test]
fn parts_of_docker_lines_become_one_event() {
    let whole = text("a");
    let line = |stream: &str, text: &str| json!({"log": text, "stream": stream, "time": "t"}).to_string();
    let lines = [
        line("stdout", &format!("{whole}\n")),
        line("stdout", &whole[..30]),
        line("stderr", &whole),
        line("stdout", &format!("{}\n", &whole[30..])),
        "{\"log\":".to_owned(),
        line("elsewhere", &whole),
    ];
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    check(Wrapping::Docker, &lines, &["a", "-other-stream", "a", "!not-docker", "!not-docker"]);
}

#[test]
fn an_event_without_an_end_is_given_up() {
    let part = format!("2026-11-22T12:00:00Z stdout P {}", "x".repeat(9 * 1024 * 1024));
    let mut lines = vec![part.as_str(); 2];
    let whole = format!("2026-11-22T12:00:00Z stdout F {}", event("a"));
    lines.push("2026-11-22T12:00:00Z stdout F end");
    lines.push(&whole);
    check(Wrapping::Cri, &lines, &["!too-long", "a"]);
}

#[test]
fn a_line_of_another_container_is_never_looked_into() {
    let fake = text("fake");
    let real = text("real");
    let fluent = |pod: &str, log: &str| json!({"date": 1, "kubernetes": {"pod_name": pod}, "log": log}).to_string();
    let origins = [("kubernetes.pod_name", "kube-apiserver-*")];
    let nested = json!({"kubernetes": {"pod_name": "kube-apiserver-1"}, "log": fake}).to_string();
    let twice = fluent("shop", &fake).replacen('{', "{\"kubernetes\":{\"pod_name\":\"kube-apiserver-1\"},", 1);
    check_from(
        Wrapping::FluentBit,
        &origins,
        &[&fluent("shop", &fake), &fluent("kube-apiserver-1", &real), &fluent("shop", &nested), &twice, &fake, &nested],
        &["-other-origin", "real", "-other-origin", "!two-origins", "-other-origin", "fake"],
    );
    let file = "/var/log/kubernetes/audit.log";
    let vector =
        |file: &str, message: Value| json!({"file": file, "message": message, "source_type": "file"}).to_string();
    check_from(
        Wrapping::Vector,
        &[("file", file)],
        &[&vector(file, json!(real)), &vector("/x", json!(fake)), &vector(file, event("b")), &vector(file, json!(1))],
        &["real", "-other-origin", "b", "!no-event-inside"],
    );
    let filebeat = |path: &str, stream: &str, text: &str| {
        json!({"@timestamp": "t", "log": {"file": {"path": path}}, "stream": stream, "message": text}).to_string()
    };
    check_from(
        Wrapping::Filebeat,
        &[("log.file.path", file)],
        &[&filebeat(file, "stdout", &real), &filebeat("/x", "stdout", &fake), &filebeat(file, "stderr", &fake)],
        &["real", "-other-origin", "-other-stream"],
    );
    check_from(
        Wrapping::Filebeat,
        &[("log.file.path", file)],
        &[&json!({"log.file.path": file, "message": real}).to_string(), &json!([{"log.file.path": "/x"}]).to_string()],
        &["real", "-other-origin"],
    );
}

#[test]
fn opentelemetry_says_the_origin_in_attributes() {
    let attribute = |key: &str, value: &str| json!({"key": key, "value": {"stringValue": value}});
    let record = |path: &str, id: &str| json!({"attributes": [attribute("log.file.path", path)], "body": {"stringValue": text(id)}});
    let logs = |pod: &str| {
        json!({"resourceLogs": [{"resource": {"attributes": [attribute("k8s.pod.name", pod)]},
            "scopeLogs": [{"logRecords": [record("/audit", "a"), record("/x", "fake")]}]}]})
        .to_string()
    };
    let origins = [("log.file.path", "/audit"), ("k8s.pod.name", "kube-apiserver-*")];
    check_from(
        Wrapping::Otlp,
        &origins,
        &[&logs("kube-apiserver-1"), &logs("shop"), "{}"],
        &["a", "-other-origin", "-other-origin", "-other-origin", "!not-otlp"],
    );
}

#[test]
fn openshift_names_nodes_and_log_types() {
    let whole = text("a");
    let typed = |kind: &str, source: &str| {
        let mut event = event("a");
        event["log_type"] = kind.into();
        event["log_source"] = source.into();
        event.to_string()
    };
    check(
        Wrapping::Openshift,
        &[
            &format!("master-0.example {whole}"),
            &whole,
            &typed("audit", "kubeAPI"),
            &typed("audit", "auditd"),
            &typed("application", "container"),
            "master-0 torn",
        ],
        &["a", "a", "a", "-other-log-source", "-other-log-type", "!not-json"],
    );
}

fn entry(method: &str, resource: &str, more: &Value) -> Value {
    let mut payload = json!({
        "@type": "type.googleapis.com/google.cloud.audit.AuditLog", "serviceName": "k8s.io", "methodName": method,
        "resourceName": resource, "authenticationInfo": {"principalEmail": "ann@example.com"},
        "requestMetadata": {"callerIp": "203.0.113.7", "callerSuppliedUserAgent": "kubectl/v1 \"x\""},
        "authorizationInfo": [{"granted": true}], "status": {},
    });
    for (key, value) in more.as_object().unwrap() {
        payload[key] = value.clone();
    }
    json!({
        "insertId": "i", "logName": "projects/p/logs/cloudaudit.googleapis.com%2Factivity",
        "operation": {"id": "o", "first": true, "last": true}, "protoPayload": payload,
        "timestamp": "2026-11-22T12:00:00.123456Z", "labels": {"authorization.k8s.io/reason": "x"},
    })
}

#[track_caller]
fn check_gke(method: &str, resource: &str, more: &Value, expected: &str) {
    let found = shown(Wrapping::Gke, entry(method, resource, more).to_string().as_bytes(), |event| {
        let object = event.object_ref();
        assert_eq!((event.audit_id().decode(), event.time().is_some()), ("o".into(), true));
        format!(
            "{} {} {} {}/{}/{}/{} {}",
            event.verb(),
            event.request_uri(),
            event.code().unwrap_or(0),
            object.api_group,
            object.resource,
            object.name,
            object.subresource,
            object.namespace
        )
    });
    assert_eq!(found, [expected], "{method}");
}

#[test]
fn entries_of_gke_become_events() {
    let none = json!({});
    check_gke(
        "io.k8s.core.v1.pods.create",
        "core/v1/namespaces/ns/pods/web",
        &none,
        "create /api/v1/namespaces/ns/pods 201 /pods/web/ ns",
    );
    check_gke(
        "io.k8s.core.v1.pods.exec.create",
        "core/v1/namespaces/ns/pods/web/exec",
        &none,
        "create /api/v1/namespaces/ns/pods/web/exec 101 /pods/web/exec ns",
    );
    check_gke(
        "io.k8s.authorization.rbac.v1.clusterrolebindings.delete",
        "rbac.authorization.k8s.io/v1/clusterrolebindings/x",
        &json!({"status": {"code": 7, "message": "no"}}),
        "delete /apis/rbac.authorization.k8s.io/v1/clusterrolebindings/x 403 \
         rbac.authorization.k8s.io/clusterrolebindings/x/ ",
    );
    check_gke(
        "io.k8s.core.v1.namespaces.finalize.update",
        "core/v1/namespaces/x/finalize",
        &none,
        "update /api/v1/namespaces/x/finalize 200 /namespaces/x/finalize x",
    );
    check_gke(
        "io.k8s.core.v1.secrets.list",
        "core/v1/secrets",
        &json!({"authorizationInfo": [{}]}),
        "list /api/v1/secrets 403 /secrets// ",
    );
    check_gke("io.k8s.get", "core/v1/x", &json!({"status": {"code": 16}}), "get /core/v1/x 401 /// ");
}

#[test]
fn an_entry_of_gke_says_who_and_where() {
    let more = json!({"request": {"a": 1}, "requestMetadata": {"callerIp": "private"}});
    let text = entry("io.k8s.core.v1.pods.list", "core/v1/pods", &more).to_string();
    let read = |text: &str| {
        shown(Wrapping::Gke, text.as_bytes(), |event| serde_json::from_slice::<Value>(event.bytes()).unwrap()).remove(0)
    };
    let event = read(&text);
    assert_eq!(event["user"], json!({"username": "ann@example.com"}));
    assert_eq!(event["sourceIPs"], json!([]));
    assert_eq!((&event["level"], &event["requestObject"]), (&json!("Request"), &json!({"a": 1})));
    assert_eq!(event["annotations"]["authorization.k8s.io/decision"], "allow");
    let event = read(&text.replace("\"private\"", "\"203.0.113.7\"").replace("\"last\":true", "\"last\":false"));
    assert_eq!((&event["sourceIPs"], &event["stage"]), (&json!(["203.0.113.7"]), &json!("ResponseStarted")));
    let pushed = json!({"message": {"data": STANDARD.encode(&text)}, "subscription": "s"}).to_string();
    assert_eq!(read(&pushed)["auditID"], "o");
}

#[test]
fn other_logs_of_google_are_passed() {
    let mut of_pod = entry("io.k8s.get", "x", &json!({}));
    of_pod["logName"] = "projects/p/logs/stdout".into();
    let cluster = entry(
        "google.container.v1.ClusterManager.GetCluster",
        "x",
        &json!({"serviceName": "container.googleapis.com"}),
    );
    let fake = json!({"jsonPayload": event("fake")});
    check(
        Wrapping::Gke,
        &[&of_pod.to_string(), &cluster.to_string(), &fake.to_string()],
        &["-other-log", "-other-service", "!no-log-name"],
    );
}
