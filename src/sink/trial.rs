//! An alert about nothing, to try things with.

use serde_json::value::RawValue;

use crate::alert::{Actor, Alert, AlertRule, Client, EventRef, Evidence, Reason, Request, Severity, Status};
use crate::event::Timestamp;

/// What it says of itself.
const SENTENCE: &str = "This is a test of Gatecrier: nothing happened, and nothing is to be done";

/// An alert with every field set that says that it is a test. It is closed from the beginning, as nothing will end it.
pub fn alert(severity: Severity, cluster: &str, now: Timestamp) -> Alert {
    let text = |text: &str| text.to_owned();
    // From the range that documents use, so that it names nobody.
    let (rule, subject, address) = (text("test"), text("test"), text("192.0.2.1"));
    let reason = Reason {
        rule: rule.clone(),
        subject: subject.clone(),
        severity,
        text: text(SENTENCE),
        matched: Vec::new(),
        unusual: None,
    };
    let event = EventRef { audit_id: text("test"), stage: text("ResponseComplete"), time: now, source: "test".into() };
    Alert {
        id: format!("7e57{:060x}", now.micros()),
        revision: 1,
        status: Status::Closed,
        severity,
        rule: AlertRule::new(&rule, "Test", &[]),
        subject,
        summary: text(SENTENCE),
        reasons: vec![reason],
        cluster: text(cluster),
        first_seen: now,
        last_seen: now,
        count: 1,
        client: Some(client(address)),
        actor: Some(Actor {
            kind: text("human"),
            name: text("test"),
            groups: Vec::new(),
            credential: None,
            impersonated: None,
            user_agent: Some(text("gatecrier sinks test")),
        }),
        request: Some(request()),
        events: vec![event],
        evidence: Some(Evidence { event: RawValue::NULL.to_owned(), cut: true, bytes: 0 }),
        suppressions: Vec::new(),
    }
}

fn client(address: String) -> Client {
    let (trusted, scope, forwarded) = ("unknown".to_owned(), "documentation".to_owned(), "none".to_owned());
    let zone = Some("test".to_owned());
    Client {
        ip: Some(address),
        zone,
        trusted,
        scope,
        forwarded,
        peer: None,
        country: None,
        asn: None,
        as_org: None,
        place_date: None,
    }
}

fn request() -> Request {
    let text = |text: &str| text.to_owned();
    Request {
        verb: text("get"),
        action: text("get"),
        resource: text("tests"),
        api_group: String::new(),
        namespace: text("test"),
        name: text("test"),
        uri: text("/test"),
        outcome: text("success"),
        code: Some(200),
        command: None,
    }
}
