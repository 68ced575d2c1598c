//! Canaries: none of them may come out, and what comes out is valid JSON.

use super::*;
use crate::batch::Framing;
use crate::decode::{self, Record};

const CANARY: &str = "c4n4ry-hunter2";

fn masked(line: &str) -> Masked {
    let mut found = None;
    decode::decode(line.as_bytes(), Framing::Lines, &mut |record| match record {
        Record::Event(read) => found = Some(event(&read)),
        Record::Unreadable(_) | Record::Passed(_) => {}
    });
    found.unwrap()
}

fn line(resource: &str, uri: &str, body: &str) -> String {
    format!(
        concat!(
            r#"{{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Request","auditID":"x","stage":"ResponseComplete","#,
            r#""requestURI":"{uri}","verb":"create","user":{{"username":"eve"}},"sourceIPs":["203.0.113.9"],"#,
            r#""objectRef":{{"resource":"{resource}"}},"requestObject":{body}}}"#
        ),
        uri = uri,
        resource = resource,
        body = body
    )
}

#[track_caller]
fn check_body(resource: &str, body: &str) {
    let shown = masked(&line(resource, "/x", body));
    assert!(!shown.json.contains(CANARY), "{}", shown.json);
    serde_json::from_str::<serde_json::Value>(&shown.json).unwrap_or_else(|error| panic!("{error}: {}", shown.json));
}

#[test]
fn secret_values_are_masked_wherever_they_stand() {
    for body in [
        r#"{"kind":"Secret","data":{"password":"c4n4ry-hunter2"}}"#,
        r#"{"kind":"Secret","stringData":{"a":"c4n4ry-hunter2"},"data":"c4n4ry-hunter2"}"#,
        r#"{"kind":"ConfigMap","binaryData":{"a":"c4n4ry-hunter2"}}"#,
        r#"{"kind":"List","items":[{"kind":"Secret","d\u0061ta":{"a":"c4n4ry-hunter2"}}]}"#,
        r#"{"kind":"Pod","kind":"Secret","Data":{"a":{"b":["c4n4ry-hunter2"]}}}"#,
        r#"{"metadata":{"annotations":{"kubectl.kubernetes.io/last-applied-configuration":"{\"data\":\"c4n4ry-hunter2\"}"}}}"#,
        r#"{"kind":"SecretList","items":[{"data":{"a":"c4n4ry-hunter2"}}]}"#,
        r#"{"patch.webhook.admission.k8s.io/round_0_index_0":"{\"patch\":[{\"value\":\"c4n4ry-hunter2\"}]}"}"#,
        r#"{"kind":"TokenRequest","status":{"token":"c4n4ry-hunter2"}}"#,
        r#"{"kind":"TokenReview","spec":{"token":"c4n4ry-hunter2"}}"#,
        r#"{"spec":{"containers":[{"env":[{"name":"DB_PASSWORD","value":"c4n4ry-hunter2"}]}]}}"#,
        r#"{"spec":{"containers":[{"args":["--db-password=c4n4ry-hunter2","postgres://u:c4n4ry-hunter2@db/x"]}]}}"#,
        r#"{"a":"Authorization: Bearer c4n4ry-hunter2"}"#,
    ] {
        check_body("things", body);
    }
    for body in [
        r#"{"data":{"a":"c4n4ry-hunter2"}}"#,
        r#"{"items":[{"data":{"a":"c4n4ry-hunter2"}}]}"#,
        r#"[{"op":"add","path":"/data/a","value":"c4n4ry-hunter2"}]"#,
        r#"[{"op":"add","path":"/data","value":{"a":"c4n4ry-hunter2"}}]"#,
    ] {
        check_body("secrets", body);
        check_body("configmaps", body);
    }
}

#[test]
fn keys_and_lengths_stay() {
    let shown = masked(&line("secrets", "/x", r#"{"data":{"password":"0123456789"}}"#)).json;
    assert!(shown.contains(r#""password":"[masked, 10 bytes]""#), "{shown}");
}

#[test]
fn names_of_secrets_are_no_secrets() {
    let shown = masked(&line(
        "pods",
        "/x",
        r#"{"spec":{"volumes":[{"secret":{"secretName":"db"}}],"tokenExpirationSeconds":3600}}"#,
    ));
    assert!(shown.json.contains(r#""secretName":"db""#), "{}", shown.json);
}

#[test]
fn hostile_bodies_come_out_as_valid_json() {
    for body in
        [r#"{"a":"\ud800"}"#, r#"{"a":1e999,"a":nan,"b":[1,2}"#, "\"just text\"", "[[[[]]]]", "{\"a\":\"\u{202e}\"}"]
    {
        check_body("pods", body);
    }
    let deep = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
    check_body("pods", &deep);
}

#[test]
fn a_large_event_keeps_its_head() {
    let shown = masked(&line("pods", "/x", &format!("{{\"a\":[{}1]}}", r#""xxxxxxxxxxxxxxxx","#.repeat(50_000))));
    assert!(shown.cut && shown.json.len() < EVIDENCE_BYTES_MAX && shown.json.contains("203.0.113.9"), "{}", shown.json);
}

#[test]
fn uris_and_commands_lose_credentials_only() {
    #[track_caller]
    fn check(given: &str, expected: &str) {
        assert_eq!(uri(Text::from_raw(given.as_bytes())), expected);
    }
    check("/api/v1/pods?watch=true", "/api/v1/pods?watch=true");
    check("/proxy?access_token=abc&x=1", "/proxy?access_token=[masked, 3 bytes]&x=1");
    check("/exec?command=mysql&command=-u&command=root", "/exec?command=mysql&command=-u&command=root");
    check(
        "/exec?command=a&command=--password&command=hunter2",
        "/exec?command=a&command=--password&command=[masked, 7 bytes]",
    );
    check("/exec?command=PGPASSWORD%3Dhunter2&command=psql", "/exec?command=PGPASSWORD=[masked, 7 bytes]&command=psql");
    let arguments: Vec<_> = ["curl", "-H", "Authorization: Bearer abc", "http://u:p@h/"].map(String::from).into();
    assert_eq!(
        command(&arguments),
        "curl -H Authorization: [masked, 6 bytes] [masked, 3 bytes] http://u:[masked, 1 bytes]@h/"
    );
}

#[test]
fn commands_lose_credentials_as_fields_too() {
    let uri = "/exec?command=mysql&command=--token&command=c4n4ry-hunter2&command=-u&command=root";
    let record = line("pods", uri, "{}");
    decode::decode(record.as_bytes(), Framing::Lines, &mut |record| {
        let Record::Event(event) = record else { panic!("no event") };
        let shown = |path, value| field(&event, path, value);
        assert_eq!(shown("exec.command", "--token"), "--token");
        assert_eq!(shown("exec.command", CANARY), "[masked, 14 bytes]");
        assert_eq!(shown("exec.command", "root"), "root");
        let said = shown("exec.line", "mysql --token c4n4ry-hunter2 -u root");
        assert_eq!(said, "mysql --token [masked, 14 bytes] -u root");
    });
}

#[test]
fn unreadable_records_are_kept_up_to_their_first_body() {
    let cut =
        r#"{"kind":"Event","apiVersion":"audit.k8s.io/v1","auditID":"x","requestObject":{"data":"c4n4ry-hunter2""#;
    let remains = unreadable(cut.as_bytes());
    assert!(remains.text.starts_with(r#"{"kind":"Event""#) && !remains.text.contains(CANARY));
    assert_eq!(remains.length, cut.len() as u64);
    assert_eq!(unreadable(br#"4n4ry-hunter2"},"b":1}"#).text, "");
    assert_eq!(unreadable(br#"{"kind":"Secret","data":{"a":"c4n4ry-hunter2"}}"#).text, "");
}
