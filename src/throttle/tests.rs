//! Hits in, what is said of them out.

use super::*;
use crate::alert::{Client, EventRef, Request, Status};
use crate::detect::{Rule, Threshold};
use crate::event::Stage;
use crate::hit::Hit;
use crate::request::Keys;
use Severity::{Critical, High, Low, Medium};
use Stage::{RequestReceived, ResponseComplete, ResponseStarted};

/// A request from 198.51.100.7 that was denied, but for what a test says of it.
#[derive(Clone)]
struct Asked {
    second: i64,
    /// Which request it is.
    number: u64,
    stage: Stage,
    outcome: &'static str,
    findings: Vec<(&'static str, String, Severity)>,
    fullness: f32,
}

impl Asked {
    fn at(second: i64, number: u64) -> Self {
        let findings = vec![("outside", "198.51.100.7".to_owned(), Medium)];
        Self { second, number, stage: ResponseComplete, outcome: "denied", findings, fullness: 0.0 }
    }

    fn stage(self, stage: Stage, outcome: &'static str) -> Self {
        Self { stage, outcome, ..self }
    }

    fn done(self, severity: Severity) -> Self {
        Self { outcome: "success", ..self }.severity(severity)
    }

    fn severity(mut self, severity: Severity) -> Self {
        self.findings[0].2 = severity;
        self
    }

    fn from(mut self, subject: impl ToString) -> Self {
        self.findings[0].1 = subject.to_string();
        self
    }

    fn also(mut self, rule: &'static str, severity: Severity) -> Self {
        self.findings.push((rule, "198.51.100.7".to_owned(), severity));
        self
    }

    fn full(self, fullness: f32) -> Self {
        Self { fullness, ..self }
    }

    fn hit(&self) -> Hit {
        let time = Timestamp::default().plus_seconds(self.second);
        let request = Key::of(&[&self.number.to_le_bytes()]);
        let record = Key::of(&[&request.bytes(), self.stage.word().as_bytes()]);
        let finding = |(id, subject, severity): &(&'static str, String, Severity)| {
            Finding::new(&rule(id), subject.clone(), *severity, format!("{subject} {} {id}", self.outcome))
        };
        Hit {
            time,
            stage: self.stage,
            keys: Keys { request, record },
            received: time,
            late: self.stage == ResponseComplete,
            earlier_stages: true,
            success: self.outcome == "success",
            findings: self.findings.iter().map(finding).collect(),
            observed: Vec::new(),
            who: "eve".to_owned(),
            cluster: "lab".into(),
            client: Some(client(&self.findings[0].1)),
            actor: None,
            request: Some(asked(self.outcome)),
            event: Some(EventRef {
                audit_id: self.number.to_string(),
                stage: self.stage.word().to_owned(),
                time,
                source: "audit".into(),
            }),
            evidence: None,
        }
    }
}

/// A storm takes three requests within ten seconds, every other rule takes one.
fn rule(id: &str) -> std::sync::Arc<Rule> {
    let threshold = (id == "storm").then_some(Threshold { count: 3, window_seconds: 10 });
    Rule { threshold, ..(*Rule::new(id, id, &[])).clone() }.into()
}

fn client(ip: &str) -> Client {
    Client {
        ip: Some(ip.to_owned()),
        zone: None,
        trusted: "false".to_owned(),
        scope: "public".to_owned(),
        forwarded: "none".to_owned(),
        peer: None,
        country: None,
        asn: None,
        as_org: None,
        place_date: None,
    }
}

fn asked(outcome: &str) -> Request {
    let empty = String::new;
    Request {
        verb: "get".to_owned(),
        action: "get".to_owned(),
        resource: "pods".to_owned(),
        api_group: empty(),
        namespace: empty(),
        name: empty(),
        uri: "/api/v1/pods".to_owned(),
        outcome: outcome.to_owned(),
        code: None,
        command: None,
    }
}

fn play(throttle: &mut Throttle, hits: impl IntoIterator<Item = Asked>) -> Vec<Alert> {
    let mut out = Vec::new();
    for asked in hits {
        let hit = asked.hit();
        if throttle.first_sight(&hit) {
            throttle.take(hit, asked.fullness, &mut out);
        }
    }
    out
}

/// `subject severity count outcome`, and whether it was closed by this.
fn line(alert: &Alert) -> String {
    let closed = if alert.status == Status::Closed { " closed" } else { "" };
    let outcome = alert.request.as_ref().map_or("-", |request| &request.outcome);
    format!("{} {} {} {outcome}{closed}", alert.subject, alert.severity, alert.count)
}

#[track_caller]
fn check(hits: impl IntoIterator<Item = Asked>, expected: &[&str]) -> Vec<Alert> {
    let said = play(&mut Throttle::default(), hits);
    assert_eq!(said.iter().map(line).collect::<Vec<_>>(), expected);
    said
}

#[test]
fn repeats_are_counted_and_said_at_powers_of_ten() {
    let said = check(
        (0..2345).map(|number| Asked::at(number as i64, number)),
        &[
            "198.51.100.7 medium 1 denied",
            "198.51.100.7 medium 10 denied",
            "198.51.100.7 medium 100 denied",
            "198.51.100.7 medium 1000 denied",
        ],
    );
    assert!(said.iter().all(|alert| alert.id == said[0].id));
    assert_eq!(said.iter().map(|alert| alert.revision).collect::<Vec<_>>(), [1, 2, 3, 4]);
    assert_eq!(said[3].events.len(), 16, "named events are bounded");
    assert_eq!(said[3].events[0].audit_id, "0", "the first one is kept");
    assert_eq!(said[3].events[15].audit_id, "999", "and the newest");
}

#[test]
fn what_was_counted_and_not_said_is_said_when_asked_for() {
    let mut throttle = Throttle::default();
    play(&mut throttle, (0..5).map(|number| Asked::at(0, number)));
    let mut out = Vec::new();
    throttle.say_counts(&mut out);
    throttle.say_counts(&mut out);
    assert_eq!(out.iter().map(line).collect::<Vec<_>>(), ["198.51.100.7 medium 5 denied"]);
}

#[test]
fn severity_only_rises_and_speaks_at_once() {
    let said = check(
        [Asked::at(0, 1), Asked::at(1, 2).done(High), Asked::at(2, 3).severity(Low), Asked::at(3, 4).done(Critical)],
        &["198.51.100.7 medium 1 denied", "198.51.100.7 high 2 success", "198.51.100.7 critical 4 success"],
    );
    assert_eq!(said[1].summary, "198.51.100.7 success outside");
    assert_eq!(said[1].reasons[0].severity, High);
}

#[test]
fn a_new_subject_has_an_alert_of_its_own() {
    let said = check(
        [Asked::at(0, 1), Asked::at(1, 2).from("203.0.113.9")],
        &["198.51.100.7 medium 1 denied", "203.0.113.9 medium 1 denied"],
    );
    assert_ne!(said[0].id, said[1].id);
}

#[test]
fn the_stages_of_one_request_are_one_request_and_a_later_outcome_speaks() {
    let stages = |number| {
        [
            Asked::at(0, number).stage(RequestReceived, "unknown"),
            Asked::at(1, number).stage(ResponseStarted, "success"),
            Asked::at(2, number).stage(ResponseComplete, "success"),
        ]
    };
    let said = check(
        stages(1).into_iter().chain(stages(2)),
        &["198.51.100.7 medium 1 unknown", "198.51.100.7 medium 1 success"],
    );
    assert_eq!(said[1].summary, "198.51.100.7 success outside", "the sentence says how it ended");
    assert_eq!(said[1].reasons[0].text, said[1].summary);
}

#[test]
fn the_sentence_follows_the_outcome_whichever_rule_speaks() {
    // The rule that founded the alert comes second among the findings.
    let stage = |second, stage, outcome| Asked::at(second, 1).stage(stage, outcome).also("forged", High);
    let said = check(
        [stage(0, RequestReceived, "unknown"), stage(1, ResponseComplete, "success")],
        &["198.51.100.7 high 1 unknown", "198.51.100.7 high 1 success"],
    );
    assert_eq!(said[1].rule.id, "forged");
    assert_eq!(said[1].summary, "198.51.100.7 success forged");
    let texts: Vec<_> = said[1].reasons.iter().map(|reason| reason.text.as_str()).collect();
    assert_eq!(texts, ["198.51.100.7 success forged", "198.51.100.7 success outside"]);
}

#[test]
fn a_new_reason_on_a_later_stage_speaks_in_the_same_alert() {
    let said = check(
        [
            Asked::at(0, 1).stage(RequestReceived, "unknown"),
            Asked::at(1, 1).stage(ResponseStarted, "unknown").also("anonymous", High),
            // From now on both rules count there.
            Asked::at(2, 2).also("anonymous", High),
        ],
        &["198.51.100.7 medium 1 unknown", "198.51.100.7 high 1 unknown"],
    );
    assert_eq!(said[1].reasons.len(), 2);
    assert_eq!(said[1].id, said[0].id);
}

#[test]
fn the_findings_of_one_event_are_one_alert_under_the_gravest() {
    let said = check([Asked::at(0, 1).also("b", High).also("a", High)], &["198.51.100.7 high 1 denied"]);
    let rules: Vec<_> = said[0].reasons.iter().map(|reason| reason.rule.as_str()).collect();
    assert_eq!((said[0].rule.id.as_str(), rules), ("a", vec!["a", "b", "outside"]));
}

#[test]
fn a_threshold_counts_requests_not_stages() {
    let storm = |second, number, stage| {
        let mut asked = Asked::at(second, number).stage(stage, "denied");
        asked.findings[0].0 = "storm";
        asked
    };
    check(
        [
            storm(0, 1, ResponseStarted),
            storm(0, 1, ResponseComplete),
            storm(1, 2, ResponseComplete),
            storm(2, 3, ResponseComplete),
            storm(3, 4, ResponseComplete),
        ],
        &["198.51.100.7 medium 3 denied"],
    );
}

#[test]
fn an_hour_of_quiet_closes_and_the_next_founds_a_new_id() {
    let said = check(
        [Asked::at(0, 1), Asked::at(3599, 2), Asked::at(3599 + 3600, 3)],
        &["198.51.100.7 medium 1 denied", "198.51.100.7 medium 2 denied closed", "198.51.100.7 medium 1 denied"],
    );
    assert_eq!(said[0].id, said[1].id);
    assert_ne!(said[1].id, said[2].id);
}

#[test]
fn time_alone_closes() {
    let mut throttle = Throttle::default();
    play(&mut throttle, [Asked::at(0, 1)]);
    let mut out = Vec::new();
    throttle.tick(Timestamp::default().plus_seconds(3599), &mut out);
    assert_eq!(out, []);
    throttle.tick(Timestamp::default().plus_seconds(3600), &mut out);
    assert_eq!(out.iter().map(line).collect::<Vec<_>>(), ["198.51.100.7 medium 1 denied closed"]);
}

#[test]
fn a_day_closes_however_busy_it_was() {
    let said = play(&mut Throttle::default(), (0..150).map(|number| Asked::at(number as i64 * 600, number)));
    let ids: BTreeSet<_> = said.iter().map(|alert| &alert.id).collect();
    let closed: Vec<_> = said.iter().filter(|alert| alert.status == Status::Closed).map(line).collect();
    assert_eq!((ids.len(), closed), (2, vec!["198.51.100.7 medium 144 denied closed".to_owned()]));
}

/// As many denied requests as have alerts of their own, each from another address.
fn crowd() -> impl Iterator<Item = Asked> {
    (0..SUBJECTS_MAX as u64).map(|number| Asked::at(0, number).from(format!("a{number}")))
}

#[test]
fn a_crowd_of_denied_addresses_folds_and_a_success_never_does() {
    let mut throttle = Throttle::default();
    assert_eq!(play(&mut throttle, crowd()).len(), SUBJECTS_MAX);
    let mut check = |hits: Vec<Asked>, expected: &[&str]| {
        let said = play(&mut throttle, hits);
        assert_eq!(said.iter().map(line).collect::<Vec<_>>(), expected);
    };
    check(
        (1000..1010).map(|number| Asked::at(1, number).from(number)).collect(),
        &["many addresses medium 1 denied", "many addresses medium 10 denied"],
    );
    check(vec![Asked::at(2, 2000).from("thief").done(High)], &["thief high 1 success"]);
    // It was folded before it was known to succeed.
    check(vec![Asked::at(3, 2001).from("sly").stage(RequestReceived, "unknown")], &[]);
    check(vec![Asked::at(3, 2001).from("sly").done(Medium)], &["sly medium 1 success"]);
    check(vec![Asked::at(4, 2002).from("sly")], &[]);
    // A stage of a folded request adds nothing.
    check(vec![Asked::at(4, 2003).from("x").stage(RequestReceived, "unknown"), Asked::at(5, 2003).from("x")], &[]);
    // What is known keeps its own alert.
    check(vec![Asked::at(5, 2004).from("a7").severity(High)], &["a7 high 2 denied"]);
    let mut out = Vec::new();
    throttle.say_counts(&mut out);
    let folded = out.iter().find(|alert| alert.subject == MANY_ADDRESSES).map(line);
    assert_eq!(folded.as_deref(), Some("many addresses medium 12 denied"), "each request once, those of others never");
}

#[test]
fn another_rule_has_a_crowd_of_its_own() {
    let mut other = Asked::at(1, 1000).from("b");
    other.findings[0].0 = "anonymous";
    let said = play(&mut Throttle::default(), crowd().chain([other]));
    assert_eq!(said.last().map(line).as_deref(), Some("b medium 1 denied"));
}

#[test]
fn a_nearly_full_outbox_holds_back_low_and_medium() {
    let full = |number, severity: Severity| Asked::at(0, number).from(number).severity(severity).full(0.81);
    let held = format!("{HELD_BACK} medium 1 denied");
    check(
        [full(1, Medium), full(2, Low), full(3, High), full(4, Critical), full(5, Medium).full(0.79)],
        &[&held, "3 high 1 denied", "4 critical 1 denied", "5 medium 1 denied"],
    );
    // Held back at first, then seen to be grave.
    for later in [Asked::at(1, 1).from(1).done(High), Asked::at(1, 1).from(1).severity(High)] {
        let first = full(1, Medium).stage(RequestReceived, "unknown");
        let held = format!("{HELD_BACK} medium 1 unknown");
        check([first, later.clone().full(0.9)], &[&held, &format!("1 high 1 {}", later.outcome)]);
    }
}

#[test]
fn a_record_that_comes_twice_is_passed() {
    let mut throttle = Throttle::default();
    let said = play(&mut throttle, [Asked::at(0, 1), Asked::at(0, 1), Asked::at(0, 2)]);
    assert_eq!((said.len(), throttle.take_duplicates(), throttle.take_duplicates()), (1, 1, 0));
    let mut out = Vec::new();
    throttle.say_counts(&mut out);
    assert_eq!(out[0].count, 2);
}

#[test]
fn a_late_completion_of_a_forgotten_request_founds_nothing() {
    let begun = Asked::at(0, 1).stage(ResponseStarted, "success");
    let mut throttle = Throttle::default();
    play(&mut throttle, [begun]);
    // So many others that the memory of it is gone, and so long that its alert is closed.
    for number in 10..150_000 {
        let record = Key::of(&[b"other", &number.to_string().into_bytes()]);
        assert!(throttle.requests.first_sight(record));
        assert!(throttle.requests.counts(record, Timestamp::default().plus_seconds(1), record));
    }
    let mut late = Asked::at(8000, 1).done(Medium).hit();
    late.received = Timestamp::default();
    let mut out = Vec::new();
    throttle.take(late.clone(), 0.0, &mut out);
    assert_eq!(out.iter().map(line).collect::<Vec<_>>(), ["198.51.100.7 medium 1 success closed"]);
    // Nobody could have known it earlier when its source writes no earlier stage.
    let mut other = Throttle { requests: throttle.requests, ..Throttle::default() };
    late.earlier_stages = false;
    late.keys.record = Key::of(&[b"again"]);
    other.take(late, 0.0, &mut out);
    assert_eq!(out.len(), 2);
}

#[test]
fn a_late_completion_after_its_alert_has_closed_founds_only_what_is_graver() {
    let started = |number| Asked::at(0, number).stage(ResponseStarted, "success");
    let closed = "198.51.100.7 medium 2 success closed";
    let long = [started(1), started(2), Asked::at(9000, 1).done(Medium), Asked::at(9000, 2).done(Medium)];
    check(long, &["198.51.100.7 medium 1 success", closed]);
    let graver = [started(1), started(2), Asked::at(9000, 1).done(High)];
    check(graver, &["198.51.100.7 medium 1 success", closed, "198.51.100.7 high 1 success"]);
}

#[test]
fn learned_ids_are_taken_once() {
    // A day of it and a bit, so that there are two ids.
    let hits: Vec<_> = (0..150).map(|number| Asked::at(number as i64 * 600, number)).collect();
    let said = play(&mut Throttle::default(), hits.clone());
    let ids = |alerts: &[Alert]| alerts.iter().map(|alert| (alert.id.clone(), line(alert))).collect::<Vec<_>>();
    let mut again = Throttle::default();
    said.iter().for_each(|alert| again.learn(alert));
    assert_eq!(ids(&play(&mut again, hits.clone())), ids(&said));
    // A replay that begins in the middle takes the same ids, although another request founds them there.
    let mut late = Throttle::default();
    said.iter().for_each(|alert| late.learn(alert));
    let replayed = play(&mut late, hits[100..].to_vec());
    assert_eq!(replayed[0].id, said[0].id);
    // What is too far from what was said is something new.
    let mut far = Throttle::default();
    said.iter().for_each(|alert| far.learn(alert));
    let new = play(&mut far, [Asked::at(200_000, 9999)]);
    assert!(said.iter().all(|alert| alert.id != new[0].id));
}

#[test]
fn memory_survives_saving_and_loading() {
    let mut throttle = Throttle::default();
    play(&mut throttle, (0..9).map(|number| Asked::at(0, number)));
    let saved = serde_json::to_string(&throttle).unwrap();
    let mut loaded: Throttle = serde_json::from_str(&saved).unwrap();
    let said = play(&mut loaded, [Asked::at(0, 3), Asked::at(1, 9)]);
    assert_eq!(said.iter().map(line).collect::<Vec<_>>(), ["198.51.100.7 medium 10 denied"]);
    assert_eq!(loaded.take_duplicates(), 1);
}
