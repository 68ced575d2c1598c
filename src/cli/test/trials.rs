//! Runs the tests of one rule, and of its mutants.

use crate::decode;
use crate::detect::rules::{Head, TestCase, Trial};
use crate::enrich::Enricher;
use crate::terminal::escape_terminal;

/// A rule whose tests were run.
pub(super) struct Tried {
    /// The rule.
    pub(super) head: Head,
    /// By test: why it failed, if it did.
    pub(super) failures: Vec<Option<String>>,
    /// Changes that no test noticed.
    pub(super) survivors: Vec<String>,
    /// How many changes were tried.
    pub(super) mutants: usize,
}

impl Tried {
    /// Whether everything is as the tests say.
    pub(super) fn is_well(&self, require_tests: bool) -> bool {
        let tested = !require_tests || !self.head.tests.is_empty();
        tested && self.survivors.is_empty() && self.failures.iter().all(Option::is_none)
    }
}

/// Runs the tests of a rule.
pub(super) fn run(trial: &Trial, enricher: &mut Enricher, mutate: bool) -> Tried {
    let failures: Vec<_> = trial.head.tests.iter().map(|test| failure(trial, test, enricher)).collect();
    let mutants = if mutate { trial.mutants() } else { Vec::new() };
    let tried = mutants.len();
    let survives = |trial: &Trial| trial.head.tests.iter().all(|test| is_as_said(trial, test, enricher));
    let mut survives = survives;
    let survivors = mutants.into_iter().filter(|mutant| survives(&mutant.trial)).map(|mutant| mutant.change).collect();
    Tried { head: trial.head.clone(), failures, survivors, mutants: tried }
}

fn is_as_said(trial: &Trial, test: &TestCase, enricher: &mut Enricher) -> bool {
    found(trial, test, enricher).is_some() == test.matches
}

/// The number of the first event that the rule finds something in.
fn found(trial: &Trial, test: &TestCase, enricher: &mut Enricher) -> Option<usize> {
    test.events.iter().position(|event| trial.matches(&enricher.facts(&decode::again(event.as_bytes()))))
}

/// Why a test failed, if it did: of an event that should match, the clauses that do not.
fn failure(trial: &Trial, test: &TestCase, enricher: &mut Enricher) -> Option<String> {
    match (found(trial, test, enricher), test.matches) {
        (Some(_), true) | (None, false) => None,
        (Some(event), false) => Some(format!("it matches event {}, and should not", event + 1)),
        (None, true) => {
            let event = test.events.first().map_or("{}", String::as_str);
            let event = decode::again(event.as_bytes());
            let clauses = trial.clauses(&enricher.facts(&event));
            let failed = clauses.iter().filter(|clause| clause.outcome != "true");
            let failed = failed.filter_map(|clause| {
                let values = clause.values.as_ref()?;
                let values = if values.is_empty() { "missing".to_owned() } else { values.join(", ") };
                Some(format!("{} is {} (it is {values})", clause.text, clause.outcome))
            });
            let failed: Vec<_> = failed.map(|line| escape_terminal(&line).into_owned()).collect();
            Some(format!("it does not match; of the first event: {}", failed.join("; ")))
        }
    }
}
