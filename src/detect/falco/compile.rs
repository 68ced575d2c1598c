//! Puts macros and rules into the graph.

use std::collections::HashMap;

use super::define::{Definitions, List, Macro, RuleText};
use super::exceptions;
use super::fault::{Fault, Spot};
use super::lists;
use super::parse;
use super::program::{NodeId, Program};
use super::tree::Tree;

/// Most macros that name each other in a row. Beyond it a rule is refused.
const MACROS_DEEP_MAX: usize = 100;

/// Deepest nesting of a condition with the macros in it. Beyond it a rule is refused.
const DEPTH_MAX: usize = 300;

/// Compiles conditions; each macro once.
pub(super) struct Compiler<'d> {
    definitions: &'d Definitions,
    lists: Vec<List>,
    macros: HashMap<&'d str, Result<NodeId, Fault>>,
    /// The macros being compiled, outermost first.
    open: Vec<&'d Macro>,
    depth: usize,
    pub(super) program: Program,
}

impl<'d> Compiler<'d> {
    pub(super) fn new(definitions: &'d Definitions) -> Self {
        let lists = lists::resolved(definitions);
        Self { definitions, lists, macros: HashMap::new(), open: Vec::new(), depth: 0, program: Program::default() }
    }

    /// The node of a rule's condition, exceptions included.
    pub(super) fn rule(&mut self, rule: &RuleText) -> Result<NodeId, Fault> {
        let text = lists::replaced(&exceptions::applied(rule)?, &self.lists);
        let node = self.tree(&parse::condition(&text)?)?;
        if self.program.is_too_deep(node) {
            return Err(Fault::new(rule.spot, format!("the condition of `{}` is nested too deep", rule.name)));
        }
        Ok(node)
    }

    /// Macros that no rule has named and that do not parse.
    pub(super) fn unused_faults(&self) -> Vec<Fault> {
        let unused = self.definitions.macros.iter().filter(|named| !self.macros.contains_key(named.name.as_str()));
        unused.filter_map(|named| parse::condition(&lists::replaced(&named.condition, &self.lists)).err()).collect()
    }

    fn tree(&mut self, tree: &Tree) -> Result<NodeId, Fault> {
        self.depth += 1;
        let node = match self.depth > DEPTH_MAX {
            true => Err(Fault::new(tree.spot(), format!("with the macros around it nested deeper than {DEPTH_MAX}"))),
            false => self.parts(tree),
        };
        self.depth -= 1;
        node
    }

    fn parts(&mut self, tree: &Tree) -> Result<NodeId, Fault> {
        match tree {
            Tree::And(parts) => {
                let parts = self.trees(parts)?;
                Ok(self.program.and(parts))
            }
            Tree::Or(parts) => {
                let parts = self.trees(parts)?;
                Ok(self.program.or(parts))
            }
            Tree::Not(part) => {
                let part = self.tree(part)?;
                Ok(self.program.not(part))
            }
            Tree::Check(check) => self.program.check(check),
            Tree::Macro(name, spot) => self.named(name, *spot),
        }
    }

    fn trees(&mut self, trees: &[Tree]) -> Result<Vec<NodeId>, Fault> {
        trees.iter().map(|tree| self.tree(tree)).collect()
    }

    /// The node of a macro. A macro sees only those that were defined before it was last changed.
    fn named(&mut self, name: &str, spot: Spot) -> Result<NodeId, Fault> {
        let Some(named) = self.definitions.macros.iter().find(|named| named.name == name) else {
            let advice =
                "define it with `- macro:`, in this file or in one before; a value needs a field and an operator";
            return Err(Fault::new(spot, format!("there is no macro `{name}`")).advise(advice));
        };
        if self.open.iter().any(|open| open.name == name) {
            return Err(Fault::new(spot, format!("the macro `{name}` names itself")));
        }
        if let Some(outer) = self.open.last()
            && named.age.defined >= outer.age.changed
        {
            let message = format!("the macro `{name}` is defined only after `{}`, which names it", outer.name);
            return Err(Fault::new(spot, message).advise(format!("move `{name}` before it")));
        }
        if self.open.len() >= MACROS_DEEP_MAX {
            return Err(Fault::new(spot, format!("more than {MACROS_DEEP_MAX} macros name each other in a row")));
        }
        if let Some(known) = self.macros.get(name) {
            return known.clone();
        }
        self.open.push(named);
        let text = lists::replaced(&named.condition, &self.lists);
        let node = parse::condition(&text).and_then(|tree| self.tree(&tree));
        self.open.pop();
        self.macros.insert(&named.name, node.clone());
        node
    }
}
