//! All rules put together: equal wishes are one, and an event is asked for each at most once.

use std::collections::HashMap;

use super::expr::{Expr, Item};
use super::truth::{self, Truth};
use crate::enrich::Facts;

/// What a rule says, with `not` moved down to the wishes. So what is still open simply does not hold, neither a wish
/// nor its opposite, and a rule holds as soon as nothing that is open could turn it.
#[derive(Debug)]
pub enum Logic {
    /// All of them.
    All(Box<[Logic]>),
    /// At least so many of them.
    Some(usize, Box<[Logic]>),
    /// This wish is met, or is not.
    Wish(usize, bool),
}

/// The rules of a detector and all that they wish.
#[derive(Debug, Default)]
pub struct Program {
    pub wishes: Vec<Item>,
    pub rules: Vec<Logic>,
    known: HashMap<String, usize>,
}

impl Program {
    /// Adds a rule.
    pub fn add(&mut self, expr: &Expr) {
        let logic = self.logic(expr, true);
        self.rules.push(logic);
    }

    fn logic(&mut self, expr: &Expr, wanted: bool) -> Logic {
        match expr {
            Expr::Not(expr) => self.logic(expr, !wanted),
            Expr::Item(item) => Logic::Wish(self.wish(item), wanted),
            Expr::All(all) if wanted => Logic::All(self.ordered(all, true)),
            // Not all of them: one at least is not.
            Expr::All(all) => Logic::Some(1, self.ordered(all, false)),
            Expr::Some(least, all) if wanted => Logic::Some(*least, self.ordered(all, true)),
            // Fewer than so many of them: so many more are not.
            Expr::Some(least, all) => Logic::Some((all.len() + 1).saturating_sub(*least), self.ordered(all, false)),
        }
    }

    /// What is cheap to look at comes first.
    fn ordered(&mut self, all: &[Expr], wanted: bool) -> Box<[Logic]> {
        let mut all: Vec<_> = all.iter().map(|expr| self.logic(expr, wanted)).collect();
        all.sort_by_key(|logic| self.cost(logic));
        all.into()
    }

    fn cost(&self, logic: &Logic) -> usize {
        match logic {
            Logic::Wish(wish, _) => self.wishes[*wish].cost(),
            Logic::All(all) | Logic::Some(_, all) => all.iter().map(|logic| self.cost(logic)).sum(),
        }
    }

    fn wish(&mut self, item: &Item) -> usize {
        let next = self.wishes.len();
        let wish = *self.known.entry(item.key()).or_insert(next);
        if wish == next {
            self.wishes.push(item.clone());
        }
        wish
    }

    /// Whether a rule holds of an event.
    pub fn holds(&self, rule: usize, facts: &Facts<'_, '_>, seen: &mut Seen) -> bool {
        self.is_so(&self.rules[rule], facts, seen)
    }

    fn is_so(&self, logic: &Logic, facts: &Facts<'_, '_>, seen: &mut Seen) -> bool {
        match logic {
            Logic::Wish(wish, wanted) => self.truth(*wish, facts, seen) == Truth::from(*wanted),
            Logic::All(all) => all.iter().all(|logic| self.is_so(logic, facts, seen)),
            Logic::Some(least, all) => {
                all.iter().filter(|logic| self.is_so(logic, facts, seen)).take(*least).count() >= *least
            }
        }
    }

    /// Whether an event meets a wish; looked at once.
    pub fn truth(&self, wish: usize, facts: &Facts<'_, '_>, seen: &mut Seen) -> Truth {
        if let Some(known) = seen.truths[wish] {
            return known;
        }
        let truth = truth::of_event(&self.wishes[wish], facts);
        seen.truths[wish] = Some(truth);
        seen.asked.push(wish);
        truth
    }

    /// The wishes that a rule rests on, when it holds.
    pub fn grounds(&self, rule: usize, facts: &Facts<'_, '_>, seen: &mut Seen) -> Vec<usize> {
        let mut grounds = Vec::new();
        self.collect(&self.rules[rule], facts, seen, &mut grounds);
        grounds.sort_unstable();
        grounds.dedup();
        grounds
    }

    fn collect(&self, logic: &Logic, facts: &Facts<'_, '_>, seen: &mut Seen, grounds: &mut Vec<usize>) {
        if !self.is_so(logic, facts, seen) {
            return;
        }
        match logic {
            Logic::Wish(wish, true) => grounds.push(*wish),
            Logic::Wish(_, false) => {}
            Logic::All(all) | Logic::Some(_, all) => {
                all.iter().for_each(|logic| self.collect(logic, facts, seen, grounds));
            }
        }
    }
}

/// What is known of one event. Reused from event to event.
#[derive(Debug, Default)]
pub struct Seen {
    truths: Vec<Option<Truth>>,
    asked: Vec<usize>,
}

impl Seen {
    /// For a program.
    pub fn of(program: &Program) -> Self {
        Self { truths: vec![None; program.wishes.len()], asked: Vec::with_capacity(program.wishes.len()) }
    }

    /// Forgets the event.
    pub fn clear(&mut self) {
        for wish in self.asked.drain(..) {
            self.truths[wish] = None;
        }
    }
}
