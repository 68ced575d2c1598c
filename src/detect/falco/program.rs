//! All conditions as one graph: equal comparisons are one node, a macro is one node, and each node is judged at most
//! once for an event. So the rules that ask for the same verb ask once.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};

use super::fault::Fault;
use super::get::{Get, Subject};
use super::judge::Judge;
use super::tree::Check;

/// Deepest nesting of the graph, macros included. Beyond it a rule is refused.
const DEPTH_MAX: usize = 1000;

/// A node's number.
pub(super) type NodeId = u32;

/// What a node is made of.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Parts {
    And(Vec<NodeId>),
    Or(Vec<NodeId>),
    Not(NodeId),
    /// A comparison, by its place among the judges.
    Check(usize),
}

/// The graph.
#[derive(Debug, Default)]
pub(super) struct Program {
    nodes: Vec<Parts>,
    depths: Vec<usize>,
    resources: Vec<Option<BTreeSet<String>>>,
    known: HashMap<Parts, NodeId>,
    judges: Vec<Judge>,
    checks: HashMap<String, usize>,
}

impl Program {
    /// A node that makes a comparison.
    pub(super) fn check(&mut self, check: &Check) -> Result<NodeId, Fault> {
        let written = check.to_string();
        let judge = match self.checks.get(&written) {
            Some(known) => *known,
            None => {
                self.judges.push(Judge::new(check)?);
                self.checks.insert(written, self.judges.len() - 1);
                self.judges.len() - 1
            }
        };
        Ok(self.node(Parts::Check(judge)))
    }

    pub(super) fn and(&mut self, all: Vec<NodeId>) -> NodeId {
        self.node(Parts::And(all))
    }

    pub(super) fn or(&mut self, any: Vec<NodeId>) -> NodeId {
        self.node(Parts::Or(any))
    }

    pub(super) fn not(&mut self, other: NodeId) -> NodeId {
        self.node(Parts::Not(other))
    }

    fn node(&mut self, parts: Parts) -> NodeId {
        if let Some(known) = self.known.get(&parts) {
            return *known;
        }
        let below = below(&parts).iter().map(|id| self.depths[*id as usize]).max().unwrap_or(0);
        let id = NodeId::try_from(self.nodes.len()).unwrap_or(NodeId::MAX);
        self.depths.push(below + 1);
        self.resources.push(self.resources_of(&parts));
        self.nodes.push(parts.clone());
        self.known.insert(parts, id);
        id
    }

    /// Whether a node is nested deeper than may be judged.
    pub(super) fn is_too_deep(&self, node: NodeId) -> bool {
        self.depths[node as usize] > DEPTH_MAX
    }

    /// The resources that a request must name for the node to hold; nothing when others may do.
    pub(super) fn resources(&self, node: NodeId) -> Option<&BTreeSet<String>> {
        self.resources[node as usize].as_ref()
    }

    fn resources_of(&self, parts: &Parts) -> Option<BTreeSet<String>> {
        let below = |part: &NodeId| self.resources[*part as usize].as_ref();
        match parts {
            Parts::Check(judge) => {
                self.judges[*judge].only(&Get::TargetResource).map(|values| values.into_iter().collect())
            }
            Parts::Not(_) => None,
            Parts::And(all) => all.iter().filter_map(below).min_by_key(|resources| resources.len()).cloned(),
            Parts::Or(any) => any.iter().map(below).try_fold(BTreeSet::new(), |mut all, part| {
                all.extend(part?.iter().cloned());
                Some(all)
            }),
        }
    }

    /// The comparisons below a node.
    pub(super) fn judges_below(&self, node: NodeId) -> Vec<&Judge> {
        let (mut found, mut seen, mut open) = (Vec::new(), BTreeSet::new(), vec![node]);
        while let Some(next) = open.pop() {
            if !seen.insert(next) {
                continue;
            }
            match &self.nodes[next as usize] {
                Parts::Check(judge) => found.push(&self.judges[*judge]),
                parts => open.extend(below(parts)),
            }
        }
        found
    }
}

fn below(parts: &Parts) -> Vec<NodeId> {
    match parts {
        Parts::And(parts) | Parts::Or(parts) => parts.clone(),
        Parts::Not(part) => vec![*part],
        Parts::Check(_) => Vec::new(),
    }
}

/// What has been judged of the event in hand.
#[derive(Debug, Default)]
pub(super) struct Memo {
    /// Which event it is.
    event: u32,
    /// By node: the event it was last judged for, and what came of it.
    judged: Vec<(u32, bool)>,
}

impl Memo {
    /// Forgets the event before.
    pub(super) fn begin(&mut self, program: &Program) {
        let wrapped = self.event == u32::MAX;
        self.event = if wrapped { 1 } else { self.event + 1 };
        if wrapped {
            self.judged.clear();
        }
        self.judged.resize(program.nodes.len(), (0, false));
    }
}

/// Judges nodes for one event.
pub(super) struct Judging<'p, 'e, 'a> {
    pub(super) program: &'p Program,
    pub(super) memo: &'p RefCell<Memo>,
    pub(super) subject: Subject<'e, 'a>,
}

impl Judging<'_, '_, '_> {
    /// Whether the node holds. `and` and `or` stop as soon as it is decided.
    pub(super) fn holds(&self, node: NodeId) -> bool {
        let at = node as usize;
        let (event, known) = {
            let memo = self.memo.borrow();
            (memo.event, memo.judged[at])
        };
        if known.0 == event {
            return known.1;
        }
        let holds = match &self.program.nodes[at] {
            Parts::Check(judge) => self.program.judges[*judge].holds(self.subject),
            Parts::And(all) => all.iter().all(|part| self.holds(*part)),
            Parts::Or(any) => any.iter().any(|part| self.holds(*part)),
            Parts::Not(part) => !self.holds(*part),
        };
        self.memo.borrow_mut().judged[at] = (event, holds);
        holds
    }
}
