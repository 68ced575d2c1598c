//! Hits in, what a judge makes of them out.

use std::sync::Arc;

use serde_json::value::{RawValue, to_raw_value};

use super::*;
use crate::alert::Severity;
use crate::detect::Rule;
use crate::detect::observation::Observation;
use crate::event::Stage;
use crate::hit::Hit;
use crate::request::{Key, Keys, Requests};

/// Counts what it sees and says the count; an hour after the last it says that nothing came.
struct Counter {
    shape: &'static str,
    rule: Arc<Rule>,
    seen: u32,
    due: Option<Timestamp>,
}

impl Counter {
    fn new(shape: &'static str) -> Self {
        Self { shape, rule: Rule::new("counter", "Counter", &[]), seen: 0, due: None }
    }
}

impl Judge for Counter {
    fn id(&self) -> &str {
        &self.rule.id
    }

    fn shape(&self) -> String {
        self.shape.to_owned()
    }

    fn judge(&mut self, case: &Case<'_>, verdict: &mut Findings) {
        self.seen += (case.findings().count() + case.observed("tick").count()) as u32;
        self.due = Some(case.time.plus_seconds(3600));
        verdict.tell(&self.rule, case.who.to_owned(), Severity::Low, self.seen.to_string());
    }

    fn due(&self) -> Option<Timestamp> {
        self.due
    }

    fn tick(&mut self, _: Timestamp, verdict: &mut Findings) {
        self.due = None;
        verdict.tell(&self.rule, "silence".to_owned(), Severity::Low, "nothing came".to_owned());
    }

    fn save(&self) -> serde_json::Result<Box<RawValue>> {
        to_raw_value(&(self.seen, self.due))
    }

    fn load(&mut self, memory: &RawValue) -> serde_json::Result<()> {
        (self.seen, self.due) = serde_json::from_str(memory.get())?;
        Ok(())
    }
}

fn at(second: i64) -> Timestamp {
    Timestamp::default().plus_seconds(second)
}

/// A stage of a request in which `tick` was observed.
fn hit(second: i64, request: u8, stage: Stage, once: Option<Key>) -> Hit {
    let finding = Finding::new(&Rule::new("any", "Any", &[]), "eve".to_owned(), Severity::Low, String::new());
    let request = Key::of(&[&[request]]);
    let mut hit = Hit::without_event(at(second), request, finding, "lab".into());
    hit.keys = Keys { request, record: Key::of(&[&request.bytes(), stage.word().as_bytes()]) };
    hit.observed = vec![Observation { what: "tick".into(), values: Vec::new(), once }];
    hit.who = "eve".to_owned();
    hit
}

fn judged(judges: &mut Judges, requests: &mut Requests, hit: Hit) -> Vec<String> {
    judges.judge(&hit, requests, &|_| ()).into_iter().map(|finding| finding.text).collect()
}

#[test]
fn stages_of_one_request_are_judged_once_and_a_minute_is_judged_once() {
    let (mut judges, mut requests) = (Judges::new(vec![Box::new(Counter::new("1"))]), Requests::default());
    let mut judge =
        |second, request, stage, once| judged(&mut judges, &mut requests, hit(second, request, stage, once));
    assert_eq!(judge(0, 1, Stage::ResponseStarted, None), ["2"], "a finding and an observation");
    assert!(judge(1, 1, Stage::ResponseComplete, None).is_empty(), "nothing new at the second stage");
    assert_eq!(judge(2, 2, Stage::ResponseComplete, None), ["4"]);
    let minute = Some(Key::of(&[b"tick"]));
    assert_eq!(judge(3, 3, Stage::ResponseComplete, minute), ["6"]);
    assert_eq!(judge(4, 4, Stage::ResponseComplete, minute), ["7"], "only the finding is new");
}

#[test]
fn silence_is_said_at_its_own_time_and_once() {
    let (mut judges, mut requests) = (Judges::new(vec![Box::new(Counter::new("1"))]), Requests::default());
    judged(&mut judges, &mut requests, hit(0, 1, Stage::ResponseComplete, None));
    assert!(judges.tick(at(3599)).is_none());
    let (time, findings) = judges.tick(at(100_000)).unwrap();
    assert_eq!((time, &*findings[0].text), (at(3600), "nothing came"));
    assert!(judges.tick(at(100_000)).is_none());
}

#[test]
fn memory_goes_on_under_its_shape_and_begins_anew_under_another() {
    let (mut judges, mut requests) = (Judges::new(vec![Box::new(Counter::new("1"))]), Requests::default());
    judged(&mut judges, &mut requests, hit(0, 1, Stage::ResponseComplete, None));
    let saved = judges.save().unwrap();
    for (shape, anew, next) in [("1", Vec::<String>::new(), "4"), ("2", vec!["counter".to_owned()], "2")] {
        let mut restored = Judges::new(vec![Box::new(Counter::new(shape))]);
        assert_eq!(restored.load(serde_json::from_str(saved.get()).unwrap()).unwrap(), anew);
        let next_hit = hit(9, 2, Stage::ResponseComplete, None);
        assert_eq!(judged(&mut restored, &mut Requests::default(), next_hit), [next]);
    }
}
