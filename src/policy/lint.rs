//! A policy's own mistakes: what is written and cannot be meant.
//!
//! One file a kind of mistake. Each looks at the policy, or at what becomes of requests that nobody should be
//! able to make unseen.

mod blind;
mod bodies;
mod callers;
mod old_servers;
mod paths;
mod reach;
mod resources;
mod scope;
mod stages;
#[cfg(test)]
mod tests;
mod verbs;

pub(super) use bodies::SENSITIVE;

use super::world::World;
use super::{Grade, Mistake, Policy};
use crate::yaml::{Outline, Place};

/// Everything that is wrong with `policy` although the API server takes it, in the order of the file.
pub fn lint(policy: &Policy, outline: &Outline<'_>) -> Vec<Mistake> {
    let world = World::new(policy, &[]);
    let mut lint = Lint { policy, outline, world, mistakes: Vec::new() };
    resources::look(&mut lint);
    verbs::look(&mut lint);
    callers::look(&mut lint);
    paths::look(&mut lint);
    scope::look(&mut lint);
    stages::look(&mut lint);
    reach::look(&mut lint);
    blind::look(&mut lint);
    bodies::look(&mut lint);
    old_servers::look(&mut lint);
    lint.mistakes.sort_by_key(|mistake| (mistake.problem.line(), mistake.grade));
    lint.mistakes
}

/// What is looked at, and what was found.
struct Lint<'a> {
    policy: &'a Policy,
    outline: &'a Outline<'a>,
    world: World<'a>,
    mistakes: Vec<Mistake>,
}

impl Lint<'_> {
    fn warn(&mut self, at: Place, check: &'static str, message: impl Into<String>, advice: impl Into<String>) {
        self.tell(Grade::Warning, at, check, message.into(), advice.into());
    }

    fn note(&mut self, at: Place, check: &'static str, message: impl Into<String>, advice: impl Into<String>) {
        self.tell(Grade::Note, at, check, message.into(), advice.into());
    }

    fn tell(&mut self, grade: Grade, at: Place, check: &'static str, message: String, advice: String) {
        let problem = self.outline.problem_at(Some(at), message).advise(advice);
        self.mistakes.push(Mistake { grade, check, problem });
    }

    /// The line that a rule begins on.
    fn line(&self, rule: usize) -> u64 {
        self.policy.rules.get(rule).map_or(0, |rule| rule.at.line())
    }

    /// Where a rule begins; for what no rule decides, the last one: the missing rule belongs behind it.
    fn place(&self, rule: Option<usize>) -> Option<Place> {
        let rules = &self.policy.rules;
        rule.map_or(rules.last(), |rule| rules.get(rule)).map(|rule| rule.at)
    }
}
