//! One rule by itself: tried on single events, taken apart clause by clause, and changed on purpose.

use super::detector::Rules;
use super::expr::{Expr, Item, Wish};
use super::load::Loaded;
use super::read::Head;
use super::subject::Scope;
use super::truth::{self, Truth};
use crate::detect::{Detector, Findings};
use crate::enrich::Facts;
use crate::mask;

/// Most mutants made of one rule. What lies beyond is not made; no rule that people read has so many clauses.
const MUTANTS_MAX: usize = 10_000;

/// Most values of a field that are shown.
const VALUES_SHOWN_MAX: usize = 8;

/// A rule by itself.
pub struct Trial {
    /// What stands around it.
    pub head: Head,
    expr: Expr,
    rules: Rules,
}

/// A clause, and what came of it for an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clause {
    /// How deep it lies in the condition.
    pub depth: usize,
    /// The clause, or how those below it are joined.
    pub text: String,
    /// What came of it: `true`, `false`, or `open` while the request has not been answered.
    pub outcome: &'static str,
    /// The values that the field has in the event, masked; nothing where several clauses are joined.
    pub values: Option<Vec<String>>,
}

/// A rule with one clause changed.
pub struct Mutant {
    /// What was changed.
    pub change: String,
    /// The changed rule.
    pub trial: Trial,
}

impl Loaded {
    /// Each rule by itself, in the order of the files.
    pub fn trials(&self) -> impl Iterator<Item = Trial> {
        self.rules.iter().map(|(head, expr)| Trial::new(head, expr.clone()))
    }
}

impl Trial {
    fn new(head: &Head, expr: Expr) -> Self {
        let rules = vec![(head.clone(), expr.clone())];
        Self { head: head.clone(), expr, rules: Rules::new(&Loaded { rules, ..Loaded::default() }) }
    }

    /// Whether the rule finds something in an event.
    pub fn matches(&self, facts: &Facts<'_, '_>) -> bool {
        let mut findings = Findings::outlines();
        self.rules.inspect(facts, &mut findings);
        !findings.is_empty()
    }

    /// What came of every clause.
    pub fn clauses(&self, facts: &Facts<'_, '_>) -> Vec<Clause> {
        let mut clauses = Vec::new();
        explain(&self.expr, facts, 0, &mut clauses);
        clauses
    }

    /// The clauses with their depths, without any event.
    pub fn outline(&self) -> Vec<(usize, String)> {
        let mut lines = Vec::new();
        outline(&self.expr, 0, &mut lines);
        lines
    }

    /// The rule with each clause left out, and with each negated.
    pub fn mutants(&self) -> Vec<Mutant> {
        let mut changed = Vec::new();
        mutate(&self.expr, &|expr| expr, &mut changed);
        changed.truncate(MUTANTS_MAX);
        let mutant = |(change, expr)| Mutant { change, trial: Self::new(&self.head, expr) };
        changed.into_iter().map(mutant).collect()
    }
}

fn outline(expr: &Expr, depth: usize, lines: &mut Vec<(usize, String)>) {
    let (text, below) = joined(expr);
    lines.push((depth, text));
    below.iter().for_each(|expr| outline(expr, depth + 1, lines));
}

/// A clause, or how those below it are joined, and those.
fn joined(expr: &Expr) -> (String, &[Expr]) {
    match expr {
        Expr::Item(item) => (item.to_string(), &[]),
        Expr::Not(below) => ("not".to_owned(), std::slice::from_ref(&**below)),
        Expr::All(below) => ("all of".to_owned(), below),
        Expr::Some(1, below) => ("one of".to_owned(), below),
        Expr::Some(least, below) => (format!("{least} of"), below),
    }
}

/// Writes down what came of an expression and of all below it.
fn explain(expr: &Expr, facts: &Facts<'_, '_>, depth: usize, clauses: &mut Vec<Clause>) -> Truth {
    let at = clauses.len();
    let (text, below) = joined(expr);
    if let Expr::Item(item) = expr {
        let truth = truth::of_event(item, facts);
        clauses.push(Clause { depth, text, outcome: word(truth), values: Some(values(item, facts)) });
        return truth;
    }
    clauses.push(Clause { depth, text, outcome: "", values: None });
    let truths: Vec<_> = below.iter().map(|expr| explain(expr, facts, depth + 1, clauses)).collect();
    let truth = truth::joined(expr, &truths);
    clauses[at].outcome = word(truth);
    truth
}

fn word(truth: Truth) -> &'static str {
    match truth {
        Truth::Yes => "true",
        Truth::No => "false",
        Truth::Open => "open",
    }
}

/// The values of the field that a clause is about.
fn values(item: &Item, facts: &Facts<'_, '_>) -> Vec<String> {
    let mut values = Vec::new();
    if matches!(item.wish, Wish::Elements(..)) {
        return values;
    }
    item.subject.any(Scope::Event(facts), &mut |value| {
        let text = value.text().unwrap_or("(an object or a list)");
        values.push(mask::field(facts.event, &item.name, text));
        values.len() == VALUES_SHOWN_MAX
    });
    values
}

/// Every way to leave out or negate one clause; `around` puts a changed part back into the whole.
fn mutate(expr: &Expr, around: &dyn Fn(Expr) -> Expr, changed: &mut Vec<(String, Expr)>) {
    if changed.len() >= MUTANTS_MAX {
        return;
    }
    match expr {
        Expr::Item(item) => {
            changed.push((format!("`{item}` negated"), around(Expr::Not(Box::new(expr.clone())))));
        }
        Expr::Not(below) => mutate(below, &|part| around(Expr::Not(Box::new(part))), changed),
        Expr::All(all) => parts(all, Expr::All, around, changed),
        Expr::Some(least, all) => parts(all, |all| Expr::Some(*least, all), around, changed),
    }
}

fn parts(
    all: &[Expr],
    join: impl Fn(Vec<Expr>) -> Expr,
    around: &dyn Fn(Expr) -> Expr,
    changed: &mut Vec<(String, Expr)>,
) {
    for (at, part) in all.iter().enumerate() {
        let mut rest = all.to_vec();
        rest.remove(at);
        changed.push((format!("without `{part}`"), around(join(rest))));
        let with = |part: Expr| {
            let mut all = all.to_vec();
            all[at] = part;
            around(join(all))
        };
        mutate(part, &with, changed);
    }
}
