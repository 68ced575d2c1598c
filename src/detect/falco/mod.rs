//! Falco's rules for the audit log, read from Falco's own files.
//!
//! Lists and macros are put together as Falco does it, conditions become one graph, and fields are read from the
//! event's spans. Where Falco reads a field wrong we read it right, and say so when rules are loaded: `differences`.

mod amend;
mod compile;
mod define;
mod differences;
mod exceptions;
mod fault;
mod field;
mod get;
mod judge;
mod keys;
mod lists;
mod load;
mod matcher;
mod output;
mod parse;
mod pattern;
mod program;
mod read;
mod reader;
mod scan;
mod show;
mod traced;
mod tree;
mod versions;
mod yaml;

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use serde::Deserialize;

use super::{Detector, Findings, Rule};
use crate::alert::Severity;
use crate::decode;
use crate::enrich::Facts;
use crate::mask;
pub use fault::File;
use get::Subject;
pub use load::{Loaded, load};
use output::Output;
use program::{Judging, Memo, NodeId, Program};

/// Which files of Falco rules are loaded.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Rule files, in their order: later ones change what earlier ones define.
    pub files: Vec<PathBuf>,
    /// Which of the rules that match an event are raised.
    pub matching: Matching,
}

/// Which of the rules that match an event are raised.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Matching {
    /// The first in the order of the files, as Falco does unless told otherwise.
    #[default]
    First,
    /// All of them.
    All,
}

impl FromStr for Matching {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        match word {
            "first" => Ok(Self::First),
            "all" => Ok(Self::All),
            other => Err(format!("unknown matching `{other}`: use first or all")),
        }
    }
}

/// Falco rules as a detector.
pub struct Falco {
    rules: Vec<Compiled>,
    program: Program,
    matching: Matching,
    /// By resource: the rules that may match, in their order. Of other resources, `elsewhere`.
    candidates: HashMap<String, Vec<usize>>,
    elsewhere: Vec<usize>,
    memo: RefCell<Memo>,
}

struct Compiled {
    rule: Arc<Rule>,
    severity: Severity,
    condition: NodeId,
    output: Output,
}

impl Falco {
    fn new(rules: Vec<Compiled>, program: Program, matching: Matching) -> Self {
        let resources = |rule: &Compiled| program.resources(rule.condition).cloned();
        let named: BTreeSet<String> = rules.iter().filter_map(resources).flatten().collect();
        let allows = |rule: &Compiled, resource: Option<&str>| match (program.resources(rule.condition), resource) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(only), Some(resource)) => only.contains(resource),
        };
        let those = |resource: Option<&str>| {
            (0..rules.len()).filter(|at| allows(&rules[*at], resource)).collect::<Vec<usize>>()
        };
        let candidates = named.iter().map(|resource| (resource.clone(), those(Some(resource)))).collect();
        let elsewhere = those(None);
        Self { rules, program, matching, candidates, elsewhere, memo: RefCell::default() }
    }

    /// How many rules are enabled.
    pub fn len(&self) -> usize {
        self.rules.len()
    }

    /// Whether no rule is enabled.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }
}

impl Detector for Falco {
    fn rules(&self) -> Vec<Arc<Rule>> {
        self.rules.iter().map(|compiled| Arc::clone(&compiled.rule)).collect()
    }

    fn inspect(&self, facts: &Facts<'_, '_>, findings: &mut Findings) {
        let resource = facts.object().resource.decode();
        let candidates = self.candidates.get(resource.as_ref()).unwrap_or(&self.elsewhere);
        self.memo.borrow_mut().begin(&self.program);
        let judging = Judging { program: &self.program, memo: &self.memo, subject: Subject::of(facts) };
        for compiled in candidates.iter().map(|at| &self.rules[*at]) {
            if !judging.holds(compiled.condition) {
                continue;
            }
            let text = || text(compiled, facts);
            findings.raise(&compiled.rule, subject(facts), compiled.severity, text);
            if self.matching == Matching::First {
                return;
            }
        }
    }
}

/// The output, from the event as it may be shown: what is masked in evidence is masked here.
fn text(compiled: &Compiled, facts: &Facts<'_, '_>) -> String {
    let masked = mask::event(facts.event);
    let event = decode::again(masked.json.as_bytes());
    let object = event.object_ref();
    compiled.output.text(Subject { event: &event, object: &object })
}

/// Who, from where, and what he named.
fn subject(facts: &Facts<'_, '_>) -> String {
    let object = facts.object();
    let named = [object.resource, object.namespace, object.name].map(mask::text);
    let named: Vec<_> = named.into_iter().filter(|part| !part.is_empty()).collect();
    format!("{} from {}: {}", facts.who.shown(), facts.origin.subject(), named.join("/"))
}

#[cfg(test)]
mod tests;
