//! What is left of rules once some of their wishes are known.
//!
//! Equal leftovers are one, and have a number. A rule of which nothing is left holds, or cannot.

use std::collections::HashMap;

use super::program::{Logic, Program, Seen};
use super::truth::Truth;
use crate::enrich::Facts;

/// The number of a leftover.
pub type Number = u32;

/// Holds whatever comes.
pub const HOLDS: Number = 0;

/// Cannot hold.
pub const FAILS: Number = 1;

/// Steps, a bit each.
pub type Steps = u8;

/// One leftover.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Left {
    /// This wish is met, or is not.
    Wish(usize, bool),
    /// At least so many of these.
    Some(usize, Box<[Number]>),
}

/// All leftovers there are so far.
#[derive(Debug)]
pub struct Residues {
    all: Vec<Left>,
    /// The steps at which something more becomes known of each.
    steps: Vec<Steps>,
    known: HashMap<Left, Number, foldhash::fast::RandomState>,
    bytes: usize,
}

impl Default for Residues {
    fn default() -> Self {
        let mut empty = Self { all: Vec::new(), steps: Vec::new(), known: HashMap::default(), bytes: 0 };
        // In the order of their numbers.
        empty.number(Left::Some(0, Box::default()), 0);
        empty.number(Left::Some(1, Box::default()), 0);
        empty
    }
}

impl Residues {
    /// Of a rule of which nothing is known; `step` tells where each wish becomes known.
    pub fn whole(&mut self, logic: &Logic, step: &dyn Fn(usize) -> Option<usize>) -> Number {
        match logic {
            Logic::Wish(wish, wanted) => {
                let steps = step(*wish).map_or(0, |step| 1 << step);
                self.number(Left::Wish(*wish, *wanted), steps)
            }
            Logic::All(all) => {
                let all: Vec<_> = all.iter().map(|logic| self.whole(logic, step)).collect();
                self.some(all.len(), all)
            }
            Logic::Some(least, all) => {
                let all = all.iter().map(|logic| self.whole(logic, step)).collect();
                self.some(*least, all)
            }
        }
    }

    /// The steps at which something more becomes known.
    pub fn steps(&self, number: Number) -> Steps {
        self.steps[number as usize]
    }

    /// What is left once the wishes of a step are known.
    pub fn after(&mut self, step: usize, number: Number, truth: &mut dyn FnMut(usize) -> Truth) -> Number {
        if self.steps(number) & (1 << step) == 0 {
            return number;
        }
        match self.all[number as usize].clone() {
            Left::Wish(wish, wanted) if truth(wish) == Truth::from(wanted) => HOLDS,
            Left::Wish(..) => FAILS,
            Left::Some(least, all) => {
                let mut left = Vec::with_capacity(all.len());
                let mut failed = 0;
                for number in &all {
                    let after = self.after(step, *number, truth);
                    failed += usize::from(after == FAILS);
                    if failed + least > all.len() {
                        return FAILS;
                    }
                    left.push(after);
                }
                self.some(least, left)
            }
        }
    }

    fn some(&mut self, least: usize, mut all: Vec<Number>) -> Number {
        let before = all.len();
        all.retain(|number| *number != HOLDS);
        let least = least.saturating_sub(before - all.len());
        all.retain(|number| *number != FAILS);
        match (least, all.as_slice()) {
            (0, _) => HOLDS,
            (_, all) if all.len() < least => FAILS,
            (1, [only]) => *only,
            _ => {
                let steps = all.iter().fold(0, |steps, number| steps | self.steps(*number));
                self.number(Left::Some(least, all.into()), steps)
            }
        }
    }

    fn number(&mut self, left: Left, steps: Steps) -> Number {
        if let Some(known) = self.known.get(&left) {
            return *known;
        }
        let number = self.all.len() as Number;
        let parts = if let Left::Some(_, all) = &left { size_of_val::<[_]>(all) } else { 0 };
        // It is kept twice.
        self.bytes += 2 * (parts + size_of::<Left>()) + size_of::<(Number, Steps)>();
        self.all.push(left.clone());
        self.steps.push(steps);
        self.known.insert(left, number);
        number
    }

    /// Whether it holds of an event.
    pub fn holds(&self, number: Number, program: &Program, facts: &Facts<'_, '_>, seen: &mut Seen) -> bool {
        match &self.all[number as usize] {
            Left::Wish(wish, wanted) => program.truth(*wish, facts, seen) == Truth::from(*wanted),
            Left::Some(least, all) => {
                let holding = all.iter().filter(|number| self.holds(**number, program, facts, seen));
                holding.take(*least).count() >= *least
            }
        }
    }

    /// Wishes that choruses listen for, one of which at least is met whenever it holds; the fewest that were found.
    pub fn calls(&self, number: Number, program: &Program) -> Option<Vec<usize>> {
        match &self.all[number as usize] {
            Left::Wish(wish, true) => program.chorus_of(*wish).map(|_| vec![*wish]),
            Left::Wish(_, false) => None,
            Left::Some(least, all) => {
                // Whichever are met, they are among any so many of these.
                let enough = (all.len() + 1).saturating_sub(*least);
                let mut calls: Vec<_> = all.iter().filter_map(|number| self.calls(*number, program)).collect();
                calls.sort_by_key(Vec::len);
                (calls.len() >= enough && enough > 0).then(|| calls.drain(..enough).flatten().collect())
            }
        }
    }

    /// Bytes that they take, about.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}
