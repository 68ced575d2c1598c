//! The detector of all rules.

use std::cell::RefCell;
use std::sync::Arc;

use super::expr::Wish;
use super::index::Index;
use super::load::Loaded;
use super::program::{Program, Seen};
use super::read::Head;
use super::subject::{Scope, Subject};
use crate::alert::{Matched, Severity};
use crate::detect::{Credit, Detector, Findings, Rule, sentence};
use crate::enrich::Facts;
use crate::enrich::client::Trusted;
use crate::mask;

/// Most matched fields a finding carries.
const MATCHED_MAX: usize = 16;

/// Rules from files, as one detector.
#[derive(Debug)]
pub struct Rules {
    rules: Vec<(Arc<Rule>, Severity)>,
    program: Program,
    state: RefCell<State>,
}

/// What is worked out again and again, and never told by events that came before.
#[derive(Debug)]
struct State {
    index: Index,
    seen: Seen,
}

impl Rules {
    /// Of rules that were loaded.
    pub fn new(loaded: Loaded) -> Self {
        let mut program = Program::default();
        let mut rules = Vec::new();
        for (head, detection) in loaded.rules {
            program.add(&detection);
            rules.push((rule(&head), head.severity));
        }
        let state = State { index: Index::new(&program), seen: Seen::of(&program) };
        Self { rules, program, state: RefCell::new(state) }
    }
}

fn rule(head: &Head) -> Arc<Rule> {
    let credit = Credit {
        author: head.author.clone(),
        license: head.license.clone(),
        references: head.references.clone(),
        false_positives: head.false_positives.clone(),
        runbook: head.runbook.clone(),
    };
    let (id, title, techniques) = (head.id.clone(), head.title.clone(), head.techniques.clone());
    Arc::new(Rule { id, title, techniques, threshold: None, credit })
}

impl Detector for Rules {
    fn rules(&self) -> Vec<Arc<Rule>> {
        self.rules.iter().map(|(rule, _)| Arc::clone(rule)).collect()
    }

    fn inspect(&self, facts: &Facts<'_, '_>, findings: &mut Findings) {
        let State { index, seen } = &mut *self.state.borrow_mut();
        seen.clear();
        let candidates = index.candidates(&self.program, facts, seen);
        for number in candidates.rules.iter().map(|number| *number as usize) {
            if !self.program.holds(number, facts, seen) {
                continue;
            }
            let (rule, severity) = &self.rules[number];
            let subject = format!("{} from {}", facts.who.shown(), facts.origin.subject());
            findings.raise_matched(rule, subject, *severity, || (text(rule, facts), self.matched(number, facts, seen)));
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
