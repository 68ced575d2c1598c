//! Which rules an event can satisfy at all.
//!
//! A few things, the same in very many events, rule most rules out: what was asked and what came of it, who asked, with
//! which program, from where, in which namespace. For each of them the rules that remain are worked out once a value
//! and remembered, so that most events meet few rules or none.

use std::collections::HashMap;
use std::sync::Arc;

use super::expr::Item;
use super::program::{Logic, Program, Seen};
use super::truth::Truth;
use crate::enrich::Facts;
use crate::event::Stage;

/// Most rule numbers remembered. Beyond it all is forgotten and worked out anew.
const REMEMBERED_MAX: usize = 4 << 20;

/// Most entries of one step. Beyond it likewise.
const ENTRIES_MAX: usize = 1 << 16;

/// Longest value that is remembered, bytes. By a longer one no rule is ruled out.
const VALUE_BYTES_MAX: usize = 4096;

/// A thing that rules out rules.
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

/// Rules that remain, and at which steps more of them may be ruled out.
#[derive(Debug)]
pub struct Remaining {
    /// Their numbers, rising.
    pub rules: Vec<u32>,
    steps: [bool; STEPS.len()],
    number: u32,
}

/// What was worked out so far.
#[derive(Debug, Default)]
struct Memory {
    entries: [HashMap<Box<[u8]>, Arc<Remaining>, foldhash::fast::RandomState>; STEPS.len()],
    /// Every rule.
    all: Option<Arc<Remaining>>,
    sets: HashMap<Vec<u32>, Arc<Remaining>, foldhash::fast::RandomState>,
    remembered: usize,
}

/// Says which rules an event can satisfy.
#[derive(Debug)]
pub struct Index {
    /// The step that each wish depends on alone.
    steps: Vec<Option<usize>>,
    /// The steps that each rule may be ruled out at.
    used: Vec<[bool; STEPS.len()]>,
    memory: Memory,
    value: Vec<u8>,
}

impl Index {
    /// Of the rules of a program.
    pub fn new(program: &Program) -> Self {
        let steps: Vec<_> = program.wishes.iter().map(step).collect();
        let used = program.rules.iter().map(|rule| {
            let mut used = [false; STEPS.len()];
            mark(rule, &steps, &mut used);
            used
        });
        Self { used: used.collect(), memory: Memory::default(), value: Vec::with_capacity(VALUE_BYTES_MAX + 4), steps }
    }

    /// The rules that this event can satisfy.
    pub fn candidates(&mut self, program: &Program, facts: &Facts<'_, '_>, seen: &mut Seen) -> Arc<Remaining> {
        if self.memory.remembered > REMEMBERED_MAX || self.memory.entries.iter().any(|step| step.len() > ENTRIES_MAX) {
            self.memory = Memory::default();
        }
        let mut remaining = self.all(program);
        for at in 0..STEPS.len() {
            if remaining.steps[at] {
                remaining = self.step(at, remaining, program, facts, seen);
            }
        }
        remaining
    }

    fn all(&mut self, program: &Program) -> Arc<Remaining> {
        if let Some(all) = &self.memory.all {
            return Arc::clone(all);
        }
        let all = self.set((0..).take(program.rules.len()).collect());
        Arc::clone(self.memory.all.insert(all))
    }

    fn step(
        &mut self,
        at: usize,
        before: Arc<Remaining>,
        program: &Program,
        facts: &Facts<'_, '_>,
        seen: &mut Seen,
    ) -> Arc<Remaining> {
        self.value.clear();
        self.value.extend(before.number.to_le_bytes());
        // What is still open depends on the stage, whatever the field.
        self.value.push(u8::from(facts.event.stage() == Stage::RequestReceived));
        (STEPS[at].value)(facts, &mut self.value);
        if let Some(known) = self.memory.entries[at].get(self.value.as_slice()) {
            return Arc::clone(known);
        }
        if self.value.len() > VALUE_BYTES_MAX {
            return before;
        }
        let can_hold = |rule: &&u32| self.can_hold(at, &program.rules[**rule as usize], program, facts, seen);
        let rules = before.rules.iter().filter(can_hold).copied().collect();
        let after = self.set(rules);
        self.memory.entries[at].insert(self.value.as_slice().into(), Arc::clone(&after));
        after
    }

    /// Whether a rule can hold of an event like this one in all that a step is about.
    fn can_hold(&self, at: usize, logic: &Logic, program: &Program, facts: &Facts<'_, '_>, seen: &mut Seen) -> bool {
        match logic {
            Logic::Wish(wish, _) if self.steps[*wish] != Some(at) => true,
            Logic::Wish(wish, wanted) => program.truth(*wish, facts, seen) == Truth::from(*wanted),
            Logic::All(all) => all.iter().all(|logic| self.can_hold(at, logic, program, facts, seen)),
            Logic::Some(least, all) => {
                let holding = all.iter().filter(|logic| self.can_hold(at, logic, program, facts, seen));
                holding.take(*least).count() >= *least
            }
        }
    }

    fn set(&mut self, rules: Vec<u32>) -> Arc<Remaining> {
        if let Some(known) = self.memory.sets.get(&rules) {
            return Arc::clone(known);
        }
        let mut steps = [false; STEPS.len()];
        for rule in &rules {
            steps.iter_mut().zip(self.used[*rule as usize]).for_each(|(any, one)| *any |= one);
        }
        self.memory.remembered += rules.len() + 1;
        let number = self.memory.sets.len() as u32;
        let set = Arc::new(Remaining { rules: rules.clone(), steps, number });
        self.memory.sets.insert(rules, Arc::clone(&set));
        set
    }
}

fn step(wish: &Item) -> Option<usize> {
    STEPS.iter().position(|step| step.decides(&wish.name) && !wish.refers())
}

fn mark(logic: &Logic, steps: &[Option<usize>], used: &mut [bool; STEPS.len()]) {
    match logic {
        Logic::Wish(wish, _) => {
            used[..].iter_mut().enumerate().for_each(|(at, used)| *used |= steps[*wish] == Some(at))
        }
        Logic::All(all) | Logic::Some(_, all) => all.iter().for_each(|logic| mark(logic, steps, used)),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::path::Path;

    use super::*;
    use crate::batch::Framing;
    use crate::decode::{Record, decode};
    use crate::detect::rules::{Lists, Sheet, load};

    /// Detections whose parts depend on several steps at once, joined in every way.
    const DETECTIONS: [&str; 10] = [
        "{s: {verb: get, user.username|startswith: 'system:serviceaccount'}, t: {verb: list, user.username: alice@corp.example}, condition: s or t}",
        "{s: {request.action: [get, list]}, t: {actor.kind: human}, u: {objectRef.namespace: kube-system}, condition: 2 of them}",
        "{s: {request.action: [get, list]}, t: {actor.kind: human}, u: {objectRef.namespace: kube-system}, condition: not 2 of them}",
        "{s: {objectRef.resource: secrets}, t: {userAgent|contains: kubectl}, condition: s and not t}",
        "{s: {request.outcome: denied}, t: {client.trusted: 'true'}, condition: s and t}",
        "{s: {responseStatus.code|gte: 400}, t: {verb: patch, objectRef.subresource: null}, condition: s or t}",
        "{s: {objectRef.resource: pods, objectRef.subresource|exists: true}, condition: s}",
        "{s: {stage: RequestReceived}, t: {responseStatus.code: 200}, condition: not s and not t}",
        "{s: {userAgent: null}, t: {objectRef.namespace: null}, u: {sourceIPs|cidr: 10.0.0.0/8}, condition: (s or t) and not u}",
        "{s: {user.username|fieldref|contains: objectRef.namespace}, t: {verb|neq: watch}, condition: s and t}",
    ];

    fn log(server: &str) -> Vec<u8> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/data/attacks-{server}.log.gz"));
        let mut bytes = Vec::new();
        flate2::read::MultiGzDecoder::new(std::fs::File::open(path).unwrap()).read_to_end(&mut bytes).unwrap();
        bytes
    }

    #[test]
    fn no_rule_that_holds_is_ever_ruled_out() {
        let head = "logsource: {product: kubernetes, service: audit}";
        let text = DETECTIONS
            .iter()
            .zip(1..)
            .map(|(detection, number)| format!("---\ntitle: R{number}\n{head}\ndetection: {detection}\n"));
        let sheet = Sheet { file: "r.yml".to_owned(), text: text.collect() };
        let loaded = load(&[sheet], &Lists::new()).unwrap();
        let mut program = Program::default();
        loaded.rules.iter().for_each(|(_, detection)| program.add(detection));
        let (mut index, mut seen) = (Index::new(&program), Seen::of(&program));
        let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/lab.yaml");
        let config = crate::config::Config::load_without_sources(&config).unwrap();
        let mut enricher = crate::pipeline::enricher(&config).unwrap();
        let mut held = [0_u32; DETECTIONS.len()];
        let (mut left, mut events) = (0, 0);
        for bytes in ["cp-1", "cp-2"].map(log) {
            decode(&bytes, Framing::Lines, &mut |record| {
                let Record::Event(event) = record else { return };
                let facts = enricher.facts(&event);
                seen.clear();
                let remaining = index.candidates(&program, &facts, &mut seen);
                left += remaining.rules.len();
                events += 1;
                for (rule, count) in held.iter_mut().enumerate() {
                    seen.clear();
                    let holds = program.holds(rule, &facts, &mut seen);
                    *count += u32::from(holds);
                    assert!(!holds || remaining.rules.contains(&(rule as u32)), "R{}: {event:?}", rule + 1);
                }
            });
        }
        assert!(held.iter().all(|count| *count > 0), "each holds of some event: {held:?}");
        let (held, all) = (held.iter().sum::<u32>() as usize, events * DETECTIONS.len());
        let (spared, needless) = (all - left, left - held);
        assert!(spared > 2 * needless, "most of what cannot hold is ruled out: {spared}, and {needless} is not");
    }
}
