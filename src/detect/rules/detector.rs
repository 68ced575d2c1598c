//! The detector of all rules.

use std::cell::RefCell;
use std::sync::Arc;

use super::correlation::tells;
use super::expr::Wish;
use super::index::Index;
use super::load::Loaded;
use super::program::{Program, Seen};
use super::read::Head;
use super::subject::{Scope, Subject};
use super::taxonomy::Late;
use crate::alert::{Matched, Severity};
use crate::detect::observation::Values;
use crate::detect::{Detector, Findings, Rule, sentence};
use crate::enrich::Facts;
use crate::enrich::client::Trusted;
use crate::enrich::field::Field;
use crate::event::Stage;
use crate::mask;

/// Most matched fields a finding carries.
const MATCHED_MAX: usize = 16;

/// Most values of one field that are observed; more are passed over.
const VALUES_MAX: usize = 64;

/// Rules from files, as one detector.
#[derive(Debug)]
pub struct Rules {
    rules: Vec<One>,
    program: Program,
    state: RefCell<State>,
}

/// One rule.
#[derive(Debug)]
struct One {
    rule: Arc<Rule>,
    severity: Severity,
    /// It raises findings; otherwise it is only counted.
    tells: bool,
    /// What correlations want to know of what it finds.
    counted: Option<Observed>,
}

/// What is observed for correlations.
#[derive(Debug)]
struct Observed {
    what: Arc<str>,
    fields: Vec<Field>,
    /// Something of it is only known once the request has been answered.
    late: bool,
}

/// What is worked out again and again, and never told by events that came before.
#[derive(Debug)]
struct State {
    index: Index,
    seen: Seen,
    found: Vec<u32>,
}

/// What correlations know the findings of a rule by.
pub fn observed_as(id: &str) -> Arc<str> {
    format!("rule {id}").into()
}

impl Rules {
    /// Of rules that were loaded.
    pub fn new(loaded: &Loaded) -> Self {
        let program = Program::new(loaded.rules.iter().map(|(_, detection)| detection));
        let one = |head: &Head| One {
            rule: head.rule(),
            severity: head.severity,
            tells: tells(&head.id, &loaded.counted),
            counted: observed(&head.id, loaded),
        };
        let rules = loaded.rules.iter().map(|(head, _)| one(head)).collect();
        let state = State { index: Index::new(&program), seen: Seen::of(&program), found: Vec::new() };
        Self { rules, program, state: RefCell::new(state) }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }
}

fn observed(id: &str, loaded: &Loaded) -> Option<Observed> {
    let parts = loaded.correlations.iter().flat_map(|correlation| &correlation.parts);
    let parts: Vec<_> = parts.filter(|part| part.id == id).collect();
    let mut names: Vec<_> = parts.iter().flat_map(|part| part.group.iter().chain(&part.values)).collect();
    names.sort_unstable();
    names.dedup();
    let late = names.iter().any(|name| Late::of(name) != Late::Never);
    let fields = names.into_iter().filter_map(|name| Field::named(name).ok()).collect();
    (!parts.is_empty()).then(|| Observed { what: observed_as(id), fields, late })
}

impl Observed {
    fn values(&self, facts: &Facts<'_, '_>) -> Values {
        let mut values = Values::new();
        for field in &self.fields {
            let before = values.len();
            field.any(facts, &mut |value| {
                let shown = value.text().map(|text| mask::field(facts.event, field.name(), text));
                // The judge puts this between values.
                values.extend(shown.map(|text| (field.name().to_owned().into(), text.replace('\u{1f}', "\u{fffd}"))));
                values.len() - before >= VALUES_MAX
            });
        }
        values
    }
}

impl Detector for Rules {
    fn rules(&self) -> Vec<Arc<Rule>> {
        self.rules.iter().map(|one| Arc::clone(&one.rule)).collect()
    }

    fn inspect(&self, facts: &Facts<'_, '_>, findings: &mut Findings) {
        let State { index, seen, found } = &mut *self.state.borrow_mut();
        seen.clear();
        index.find(&self.program, facts, seen, found);
        for number in found.drain(..).map(|number| number as usize) {
            let One { rule, severity, tells, counted } = &self.rules[number];
            if let Some(counted) = counted
                && !(counted.late && facts.event.stage() == Stage::RequestReceived)
            {
                findings.observe(&counted.what, || counted.values(facts));
            }
            if *tells {
                let subject = format!("{} from {}", facts.who.shown(), facts.origin.subject());
                findings
                    .raise_matched(rule, subject, *severity, || (text(rule, facts), self.matched(number, facts, seen)));
            }
        }
    }
}

fn text(rule: &Rule, facts: &Facts<'_, '_>) -> String {
    let deed = format!("{}: {}", rule.title, sentence::deed(facts));
    match facts.origin.trusted {
        Trusted::Yes => deed,
        Trusted::No | Trusted::Unknown => format!("{deed}, {}", sentence::standing(&facts.origin)),
    }
}

impl Rules {
    /// What the rule rests on: each field with the value that was wanted.
    fn matched(&self, rule: usize, facts: &Facts<'_, '_>, seen: &mut Seen) -> Vec<Matched> {
        let grounds = self.program.grounds(rule, facts, seen);
        let matched = grounds.into_iter().take(MATCHED_MAX).map(|wish| {
            let item = &self.program.wishes[wish];
            let mut value = String::new();
            if let (Wish::Value(any_of), Subject::Field(_)) = (&item.wish, &item.subject) {
                item.subject.any(Scope::Event(facts), &mut |found| {
                    let is = any_of.matches(found, Scope::Event(facts));
                    if let (true, Some(text)) = (is, found.text()) {
                        value = mask::field(facts.event, &item.name, text);
                    }
                    is
                });
            }
            Matched { field: item.name.clone(), value }
        });
        matched.collect()
    }
}
