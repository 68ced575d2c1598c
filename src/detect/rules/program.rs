//! All rules put together: equal wishes are one, and an event is asked for each at most once.

use std::collections::HashMap;

use super::chorus::{Chorus, choruses};
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
#[derive(Debug)]
pub struct Program {
    pub wishes: Vec<Item>,
    pub rules: Vec<Logic>,
    choruses: Vec<Chorus>,
    /// The chorus that each wish belongs to.
    chorus_of: Vec<Option<usize>>,
}

/// A program while rules are added.
#[derive(Default)]
struct Draft {
    wishes: Vec<Item>,
    known: HashMap<String, usize>,
}

impl Program {
    /// Of rules.
    pub fn new<'r>(rules: impl IntoIterator<Item = &'r Expr>) -> Self {
        let mut draft = Draft::default();
        let rules = rules.into_iter().map(|rule| draft.logic(rule, true)).collect();
        let (choruses, chorus_of) = choruses(&draft.wishes);
        Self { wishes: draft.wishes, rules, choruses, chorus_of }
    }

    /// The chorus that a wish belongs to.
    pub fn chorus_of(&self, wish: usize) -> Option<usize> {
        self.chorus_of[wish]
    }

    /// Whether an event meets a wish; looked at once.
    pub fn truth(&self, wish: usize, facts: &Facts<'_, '_>, seen: &mut Seen) -> Truth {
        if let Some(known) = seen.truths[wish] {
            return known;
        }
        let item = &self.wishes[wish];
        let truth = match self.chorus_of[wish] {
            Some(chorus) if self.heard(chorus, facts, seen).binary_search(&wish).is_err() => {
                truth::of_unmet(item, facts)
            }
            _ => truth::of_event(item, facts),
        };
        seen.truths[wish] = Some(truth);
        seen.asked.push(wish);
        truth
    }

    /// The wishes of a chorus that an event may meet; it meets no other of them.
    pub fn heard<'s>(&self, chorus: usize, facts: &Facts<'_, '_>, seen: &'s mut Seen) -> &'s [usize] {
        if !seen.has_listened[chorus] {
            seen.has_listened[chorus] = true;
            seen.listened.push(chorus);
            let heard = &mut seen.heard[chorus];
            self.choruses[chorus].listen(facts, &mut |wish| heard.push(wish));
            heard.sort_unstable();
            heard.dedup();
        }
        &seen.heard[chorus]
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

    fn is_so(&self, logic: &Logic, facts: &Facts<'_, '_>, seen: &mut Seen) -> bool {
        match logic {
            Logic::Wish(wish, wanted) => self.truth(*wish, facts, seen) == Truth::from(*wanted),
            Logic::All(all) => all.iter().all(|logic| self.is_so(logic, facts, seen)),
            Logic::Some(least, all) => {
                all.iter().filter(|logic| self.is_so(logic, facts, seen)).take(*least).count() >= *least
            }
        }
    }
}

impl Draft {
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
}

/// What is known of one event. Reused from event to event.
#[derive(Debug, Default)]
pub struct Seen {
    truths: Vec<Option<Truth>>,
    asked: Vec<usize>,
    /// What each chorus heard, rising.
    heard: Vec<Vec<usize>>,
    /// The choruses that listened.
    listened: Vec<usize>,
    has_listened: Vec<bool>,
}

impl Seen {
    /// For a program.
    pub fn of(program: &Program) -> Self {
        Self {
            truths: vec![None; program.wishes.len()],
            heard: vec![Vec::new(); program.choruses.len()],
            has_listened: vec![false; program.choruses.len()],
            ..Self::default()
        }
    }

    /// Forgets the event.
    pub fn clear(&mut self) {
        for wish in self.asked.drain(..) {
            self.truths[wish] = None;
        }
        for chorus in self.listened.drain(..) {
            self.heard[chorus].clear();
            self.has_listened[chorus] = false;
        }
    }
}
