//! What the files define: lists, macros and rules, as they stand after all files have been read in their order.

use std::collections::HashMap;

use super::fault::{Fault, Spot};
use super::traced::Traced;
use super::yaml::Node;

/// A named list of values.
#[derive(Debug, Clone)]
pub(super) struct List {
    pub(super) name: String,
    pub(super) items: Vec<Traced>,
    pub(super) age: Age,
}

/// A named condition.
#[derive(Debug, Clone)]
pub(super) struct Macro {
    pub(super) name: String,
    pub(super) condition: Traced,
    pub(super) age: Age,
}

/// When something was first defined and last changed, counted in items: what may be named depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Age {
    pub(super) defined: usize,
    pub(super) changed: usize,
}

/// A rule before it is compiled.
#[derive(Debug, Clone)]
pub(super) struct RuleText {
    pub(super) name: String,
    pub(super) spot: Spot,
    pub(super) source: String,
    pub(super) condition: Traced,
    pub(super) output: Traced,
    pub(super) description: String,
    pub(super) priority: Priority,
    pub(super) enabled: bool,
    pub(super) tags: Vec<String>,
    pub(super) exceptions: Vec<Exception>,
}

/// A named reason not to raise.
#[derive(Debug, Clone)]
pub(super) struct Exception {
    pub(super) name: String,
    pub(super) spot: Spot,
    pub(super) fields: Option<Node>,
    pub(super) comps: Option<Node>,
    pub(super) values: Vec<Node>,
}

/// How grave a rule is in Falco's words, gravest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    /// `EMERGENCY`
    Emergency,
    /// `ALERT`
    Alert,
    /// `CRITICAL`
    Critical,
    /// `ERROR`
    Error,
    /// `WARNING`
    Warning,
    /// `NOTICE`
    Notice,
    /// `INFORMATIONAL` or `INFO`
    Informational,
    /// `DEBUG`
    Debug,
}

impl Priority {
    /// From the word in a rule file, whatever its case.
    pub(super) fn parse(word: &str) -> Option<Self> {
        Some(match word.to_ascii_lowercase().as_str() {
            "emergency" => Self::Emergency,
            "alert" => Self::Alert,
            "critical" => Self::Critical,
            "error" => Self::Error,
            "warning" => Self::Warning,
            "notice" => Self::Notice,
            "informational" | "info" => Self::Informational,
            "debug" => Self::Debug,
            _ => return None,
        })
    }
}

/// Everything defined so far. Order is that of first definition: a later definition of the same name takes its place.
#[derive(Debug, Default)]
pub(super) struct Definitions {
    pub(super) lists: Vec<List>,
    pub(super) macros: Vec<Macro>,
    pub(super) rules: Vec<RuleText>,
    /// Rules of sources that are not the audit log, by source: how many, and where the first stands.
    pub(super) foreign: HashMap<String, (usize, Spot)>,
    items: usize,
}

impl Definitions {
    /// The age of something that is defined or changed now.
    pub(super) fn now(&mut self, before: Option<Age>) -> Age {
        let at = self.items;
        self.items += 1;
        Age { defined: before.map_or(at, |age| age.defined), changed: at }
    }

    pub(super) fn list(&mut self, name: &str) -> Option<&mut List> {
        self.lists.iter_mut().find(|list| list.name == name)
    }

    pub(super) fn named_macro(&mut self, name: &str) -> Option<&mut Macro> {
        self.macros.iter_mut().find(|named| named.name == name)
    }

    pub(super) fn rule(&mut self, name: &str) -> Option<&mut RuleText> {
        self.rules.iter_mut().find(|rule| rule.name == name)
    }
}

/// What reading the files came to besides definitions.
#[derive(Debug, Default)]
pub(super) struct Remarks {
    pub(super) errors: Vec<Fault>,
    pub(super) warnings: Vec<Fault>,
}
