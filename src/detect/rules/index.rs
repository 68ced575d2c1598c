//! Which rules hold of an event, without asking each.
//!
//! A few things, the same in very many events, decide most of what rules wish: what was asked and what came of it, who
//! asked, with which program, from where, in which namespace. For each of them, one after the other, what is left of
//! the rules is worked out once a value and remembered, so that most events meet no rule at all. Of what is left, rules
//! that want some text of a field wait to be called by it.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;

use super::expr::Item;
use super::program::{Program, Seen};
use super::residue::{FAILS, Number, Residues, Steps};
use crate::enrich::Facts;
use crate::event::Stage;

/// Bytes remembered, about. Beyond it all is forgotten and worked out anew.
const REMEMBERED_BYTES_MAX: usize = 32 << 20;

/// What an entry takes beside its value, bytes, about.
const ENTRY_BYTES: usize = 96;

/// Longest value that is remembered, bytes. With a longer one rules are asked.
const VALUE_BYTES_MAX: usize = 4096;

/// A thing that decides wishes.
struct Step {
    /// Fields that depend on nothing but its value. A name that ends in a dot stands for all below it.
    fields: &'static [&'static str],
    /// Its value.
    value: fn(&Facts<'_, '_>, &mut Vec<u8>),
}

const STEPS: [Step; 5] = [
    Step {
        fields: &[
            "verb",
            "stage",
            "level",
            "objectRef.resource",
            "objectRef.subresource",
            "objectRef.apiGroup",
            "responseStatus.code",
            "request.action",
            "request.outcome",
        ],
        value: asked,
    },
    Step {
        fields: &[
            "user.",
            "actor.kind",
            "actor.name",
            "actor.service_account",
            "actor.namespace",
            "actor.groups",
            "actor.admin",
            "actor.credential",
            "actor.credential_kind",
            "actor.pod",
            "actor.node",
        ],
        value: |facts, value| value.extend(facts.event.user().bytes()),
    },
    Step {
        fields: &["userAgent", "actor.tool", "actor.tool_version", "actor.tool_interactive"],
        value: |facts, value| value.extend(facts.event.user_agent().raw()),
    },
    Step { fields: &["sourceIPs", "client."], value: |facts, value| value.extend(facts.event.source_ips().bytes()) },
    Step { fields: &["objectRef.namespace"], value: |facts, value| value.extend(facts.object().namespace.raw()) },
];

impl Step {
    fn decides(&self, name: &str) -> bool {
        self.fields.iter().any(|field| name == *field || (field.ends_with('.') && name.starts_with(field)))
    }
}

fn asked(facts: &Facts<'_, '_>, value: &mut Vec<u8>) {
    let object = facts.object();
    let texts = [facts.event.verb(), object.resource, object.subresource, object.api_group];
    for text in texts {
        value.extend(text.raw());
        value.push(0);
    }
    value.extend(facts.event.code().unwrap_or_default().to_le_bytes());
    value.extend([facts.event.stage() as u8, facts.event.level() as u8, facts.outcome() as u8]);
}

/// Rules that may hold, and what is left of each.
#[derive(Debug)]
struct Set {
    /// Rules rising.
    left: Arc<[(u32, Number)]>,
    /// Steps at which more becomes known.
    steps: Steps,
    /// What remains to be done when no step is left.
    plan: Option<Plan>,
}

/// How the rules are found that hold, of those that may.
#[derive(Debug, Default)]
struct Plan {
    /// These are asked.
    asked: Vec<(u32, Number)>,
    /// These only once a chorus has heard one of their wishes.
    called: Vec<(usize, Called)>,
}

/// The rules that each wish calls.
type Called = HashMap<usize, Vec<(u32, Number)>, foldhash::fast::FixedState>;

/// What was worked out so far.
#[derive(Debug, Default)]
struct Memory {
    residues: Residues,
    /// The first has every rule.
    sets: Vec<Set>,
    known: HashMap<Arc<[(u32, Number)]>, usize, foldhash::fast::RandomState>,
    /// What each step leads to, by the set it begins with and the value it looks at.
    entries: [HashMap<Box<[u8]>, usize, foldhash::fast::RandomState>; STEPS.len()],
    /// Bytes of all but the residues, about.
    remembered: usize,
}

/// Says which rules hold of an event.
#[derive(Debug)]
pub struct Index {
    /// The step at which each wish becomes known.
    steps: Vec<Option<usize>>,
    memory: Memory,
    /// The key of an entry, built up.
    value: Vec<u8>,
}

impl Index {
    /// Of the rules of a program.
    pub fn new(program: &Program) -> Self {
        let steps = program.wishes.iter().map(step).collect();
        Self { steps, memory: Memory::default(), value: Vec::with_capacity(VALUE_BYTES_MAX + 8) }
    }

    /// Adds the rules that hold of this event, rising.
    pub fn find(&mut self, program: &Program, facts: &Facts<'_, '_>, seen: &mut Seen, found: &mut Vec<u32>) {
        let at = self.remaining(program, facts, seen);
        let Memory { residues, sets, .. } = &mut self.memory;
        let set = &mut sets[at];
        if set.left.is_empty() {
            return;
        }
        let plan = set.plan.get_or_insert_with(|| Plan::of(&set.left, residues, program));
        let before = found.len();
        for (rule, left) in &plan.asked {
            if residues.holds(*left, program, facts, seen) {
                found.push(*rule);
            }
        }
        for (chorus, called) in &plan.called {
            for at in 0..program.heard(*chorus, facts, seen).len() {
                let wish = program.heard(*chorus, facts, seen)[at];
                let called = called.get(&wish).into_iter().flatten();
                found.extend(
                    called.filter(|(_, left)| residues.holds(*left, program, facts, seen)).map(|(rule, _)| rule),
                );
            }
        }
        if found.len() > before + 1 {
            found[before..].sort_unstable();
            found.dedup();
        }
    }

    /// The rules that may hold once everything is known that is remembered.
    fn remaining(&mut self, program: &Program, facts: &Facts<'_, '_>, seen: &mut Seen) -> usize {
        if self.memory.remembered + self.memory.residues.bytes() > REMEMBERED_BYTES_MAX {
            self.memory = Memory::default();
        }
        if self.memory.sets.is_empty() {
            self.begin(program);
        }
        let mut set = 0;
        for step in 0..STEPS.len() {
            if self.memory.sets[set].steps & (1 << step) != 0 {
                set = self.after(step, set, program, facts, seen);
            }
        }
        set
    }

    fn begin(&mut self, program: &Program) {
        let step = |wish: usize| self.steps[wish];
        let residues = &mut self.memory.residues;
        let wholes = program.rules.iter().zip(0..).map(|(logic, rule)| (rule, residues.whole(logic, &step)));
        let left = wholes.filter(|(_, left)| *left != FAILS).collect();
        self.memory.set(left);
    }

    fn after(
        &mut self,
        step: usize,
        before: usize,
        program: &Program,
        facts: &Facts<'_, '_>,
        seen: &mut Seen,
    ) -> usize {
        self.value.clear();
        self.value.extend(before.to_le_bytes());
        // What is still open depends on the stage, whatever the field.
        self.value.push(u8::from(facts.event.stage() == Stage::RequestReceived));
        (STEPS[step].value)(facts, &mut self.value);
        if let Some(known) = self.memory.entries[step].get(self.value.as_slice()) {
            return *known;
        }
        if self.value.len() > VALUE_BYTES_MAX {
            return before;
        }
        let Memory { residues, sets, .. } = &mut self.memory;
        let mut truth = |wish| program.truth(wish, facts, seen);
        let left = sets[before].left.iter().map(|(rule, left)| (*rule, residues.after(step, *left, &mut truth)));
        let left = left.filter(|(_, left)| *left != FAILS).collect();
        let after = self.memory.set(left);
        self.memory.remembered += self.value.len() + ENTRY_BYTES;
        self.memory.entries[step].insert(self.value.as_slice().into(), after);
        after
    }
}

impl Memory {
    /// The number of a set.
    fn set(&mut self, left: Vec<(u32, Number)>) -> usize {
        if let Some(known) = self.known.get(left.as_slice()) {
            return *known;
        }
        let steps = left.iter().fold(0, |steps, (_, left)| steps | self.residues.steps(*left));
        // Twice, for its plan.
        self.remembered += 2 * size_of_val(left.as_slice()) + ENTRY_BYTES;
        let left: Arc<[_]> = left.into();
        self.known.insert(Arc::clone(&left), self.sets.len());
        self.sets.push(Set { left, steps, plan: None });
        self.sets.len() - 1
    }
}

impl Plan {
    fn of(all: &[(u32, Number)], residues: &Residues, program: &Program) -> Self {
        let mut plan = Self::default();
        for (rule, left) in all.iter().copied() {
            let Some(calls) = residues.calls(left, program) else {
                plan.asked.push((rule, left));
                continue;
            };
            for (wish, chorus) in calls.iter().filter_map(|wish| Some((*wish, program.chorus_of(*wish)?))) {
                let place = plan.called.iter().position(|(known, _)| *known == chorus);
                let place = place.unwrap_or_else(|| {
                    plan.called.push((chorus, Called::default()));
                    plan.called.len() - 1
                });
                plan.called[place].1.entry(wish).or_default().push((rule, left));
            }
        }
        plan
    }
}

fn step(wish: &Item) -> Option<usize> {
    STEPS.iter().position(|step| step.decides(&wish.name) && !wish.refers())
}
