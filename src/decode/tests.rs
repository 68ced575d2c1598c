//! Every hostile line is read as its vector says, and never costs its neighbours.

use base64::Engine as _;
use serde_json::Value;

use super::*;

const HOSTILE: &str = include_str!("../../tests/vectors/hostile_lines.jsonl");

const PLAIN: &str = concat!(
    r#"{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","#,
    r#""auditID":"823afb8f-bd21-4918-81a6-3770801a3883","stage":"ResponseComplete","requestURI":"/version","verb":"get","#,
    r#""user":{"username":"neighbour"},"sourceIPs":["10.0.0.1"],"responseStatus":{"metadata":{},"code":200},"#,
    r#""requestReceivedTimestamp":"2026-01-01T00:00:00.000001Z","stageTimestamp":"2026-01-01T00:00:00.000002Z"}"#,
    "\n"
);

fn all(bytes: &[u8], framing: Framing) -> (Vec<Event<'_>>, Vec<Unreadable<'_>>) {
    let (mut events, mut unreadable) = (Vec::new(), Vec::new());
    decode(bytes, framing, &mut |record| match record {
        Record::Event(event) => events.push(event),
        Record::Unreadable(bytes) => unreadable.push(bytes),
        Record::Passed(reason) => panic!("{reason}"),
    });
    (events, unreadable)
}

#[test]
fn hostile_lines_are_read_as_expected_between_their_neighbours() {
    for line in HOSTILE.lines() {
        let vector: Value = serde_json::from_str(line).unwrap();
        let bytes = base64::engine::general_purpose::STANDARD.decode(vector["bytes_b64"].as_str().unwrap()).unwrap();
        let batch = [PLAIN.as_bytes(), &bytes, PLAIN.as_bytes()].concat();
        let (events, unreadable) = all(&batch, Framing::Lines);
        let users: Vec<_> = events.iter().map(|event| event.user().get("username").unwrap().text().unwrap()).collect();
        assert!(users[0] == "neighbour" && users[users.len() - 1] == "neighbour", "{}", vector["name"]);
        check_hostile(&vector, &events[1..events.len() - 1], &unreadable);
    }
}

#[track_caller]
fn check_hostile(vector: &Value, events: &[Event<'_>], unreadable: &[Unreadable<'_>]) {
    let (name, expect) = (vector["name"].as_str().unwrap(), &vector["expect"]);
    if expect.get("needs").is_some() {
        assert!(events.is_empty() && unreadable.len() == 1, "{name}: needs an envelope that is not configured");
        return;
    }
    assert_eq!(events.len() as u64, expect["events"].as_u64().unwrap(), "{name}");
    let event = &events[0];
    assert_eq!(event.verb().decode(), expect["verb"].as_str().unwrap(), "{name}");
    assert_eq!(event.user().get("username").unwrap().text().unwrap().decode(), expect["user"].as_str().unwrap());
    let marks: Vec<_> = expect["marks"].as_array().unwrap().iter().map(|mark| mark.as_str().unwrap()).collect();
    assert_eq!(event.marks().words(), marks, "{name}");
    let audit_id = expect["audit_id"].as_str().unwrap();
    if !audit_id.starts_with("kept") {
        assert_eq!(event.audit_id().decode(), audit_id, "{name}");
    }
    let quarantined: usize = unreadable.iter().map(|bytes| bytes.bytes.len()).sum();
    assert_eq!(quarantined > 0, expect["quarantined_bytes"] != 0, "{name}: {quarantined}");
}

#[test]
fn bodies_are_read_as_far_as_they_go() {
    #[track_caller]
    fn body(name: &str, path: &[&str]) -> Option<String> {
        let vector: Value = HOSTILE
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap())
            .find(|vector| vector["name"] == name)
            .unwrap();
        let bytes = base64::engine::general_purpose::STANDARD.decode(vector["bytes_b64"].as_str().unwrap()).unwrap();
        let (events, _) = all(&bytes, Framing::Lines);
        let raw = events[0].request_object()?.at(path)?;
        Some(raw.text().map_or_else(|| String::from_utf8_lossy(raw.bytes()).into_owned(), |t| t.decode().into_owned()))
    }
    assert_eq!(body("duplicate_keys", &["spec", "hostPID"]).as_deref(), Some("true"));
    assert_eq!(body("lone_surrogate", &["a"]).as_deref(), Some("\u{fffd}"));
    assert_eq!(body("invalid_utf8_in_patch", &["metadata", "annotations", "a"]).as_deref(), Some("\u{fffd}\u{fffd}"));
    assert_eq!(body("truncated_eks", &[]), None);
}

#[test]
fn a_torn_line_gives_back_the_event_glued_to_it_wherever_it_was_torn() {
    let line = PLAIN.trim_end();
    for cut in 1..line.len() {
        let batch = format!("{}{PLAIN}", &line[..cut]);
        let (events, unreadable) = all(batch.as_bytes(), Framing::Lines);
        let last = events.last().unwrap_or_else(|| panic!("nothing found after a cut at {cut}"));
        assert_eq!(last.bytes().len(), line.len(), "cut at {cut}");
        assert!(last.marks().torn_before, "cut at {cut}");
        assert_eq!(unreadable.len(), 1, "cut at {cut}");
        assert_eq!(unreadable[0].bytes.len(), cut);
    }
}

#[test]
fn a_body_that_looks_like_an_event_is_not_one_even_when_its_record_is_cut() {
    let fake = PLAIN.trim_end().replace("neighbour", "forged");
    let record = format!(r#"{},"requestObject":{{"a":{fake},"pad":"xxxxxx"#, PLAIN.trim_end().trim_end_matches('}'));
    let (events, unreadable) = all(record.as_bytes(), Framing::Lines);
    assert_eq!((events.len(), unreadable.len()), (1, 0));
    assert!(events[0].is_truncated() && events[0].user().get("username").unwrap().text().unwrap() == "neighbour");

    let hidden = format!(r#"{},"requestObject":{fake}}}"#, PLAIN.trim_end().trim_end_matches('}'));
    let torn = format!("{}{hidden}", &PLAIN[..200]);
    let (events, _) = all(torn.as_bytes(), Framing::Lines);
    assert_eq!(events.last().unwrap().bytes().len(), hidden.len());
}

#[test]
fn whole_events_on_one_line_are_both_read() {
    let batch = format!("{}{PLAIN}", PLAIN.trim_end());
    let (events, unreadable) = all(batch.as_bytes(), Framing::Lines);
    assert_eq!((events.len(), unreadable.len()), (2, 0));
}

#[test]
fn a_cut_line_never_panics_and_is_never_silent() {
    let line = PLAIN.trim_end();
    for cut in 1..line.len() {
        let (events, unreadable) = all(&line.as_bytes()[..cut], Framing::Lines);
        assert_eq!(events.len() + unreadable.len(), 1, "cut at {cut}");
        assert!(events.iter().all(Event::is_truncated));
    }
}

#[test]
fn lists_and_pretty_documents_are_read() {
    let item: Value = serde_json::from_str(PLAIN).unwrap();
    let list = serde_json::json!({"kind": "EventList", "apiVersion": "audit.k8s.io/v1", "metadata": {}, "items": [item, item]});
    let one_line = list.to_string();
    let pretty =
        format!("{}\n\n{}", serde_json::to_string_pretty(&list).unwrap(), serde_json::to_string_pretty(&item).unwrap());
    assert_eq!(all(one_line.as_bytes(), Framing::Lines).0.len(), 2);
    let (events, unreadable) = all(pretty.as_bytes(), Framing::Documents);
    assert_eq!((events.len(), unreadable.len()), (3, 0));
    assert_eq!(document_length(pretty.as_bytes()), Some(serde_json::to_string_pretty(&list).unwrap().len()));
    assert_eq!(document_length(&pretty.as_bytes()[..50]), None);
}

#[test]
fn what_is_no_audit_event_is_handed_on_with_a_reason() {
    #[track_caller]
    fn check(line: &str, reason: &str) {
        let (events, unreadable) = all(line.as_bytes(), Framing::Lines);
        assert!(events.is_empty());
        assert_eq!(unreadable.iter().map(|bytes| bytes.reason).collect::<Vec<_>>(), [reason], "{line}");
    }
    check("I1122 12:21:52 kube-apiserver starting", "not-json");
    check(r#"{"kind":"Pod","apiVersion":"v1"}"#, "not-an-audit-event");
    check("{}", "not-an-audit-event");
    check(r#"{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Meta"#, "cut");
}
