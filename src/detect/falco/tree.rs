//! A condition as parsed: what is compared with what, before anything is looked up.

use super::fault::Spot;

/// A condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Tree {
    And(Vec<Tree>),
    Or(Vec<Tree>),
    Not(Box<Tree>),
    Check(Box<Check>),
    /// A macro's name.
    Macro(String, Spot),
}

impl Tree {
    /// Where it stands, or the first thing in it does.
    pub(super) fn spot(&self) -> Spot {
        match self {
            Self::And(parts) | Self::Or(parts) => parts.first().map_or(super::fault::NOWHERE, Self::spot),
            Self::Not(part) => part.spot(),
            Self::Check(check) => check.left.spot,
            Self::Macro(_, spot) => *spot,
        }
    }
}

/// One comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Check {
    pub(super) left: Operand,
    pub(super) test: Test,
    /// Where the operator stands.
    pub(super) spot: Spot,
}

/// What is worked out of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Operand {
    pub(super) spot: Spot,
    pub(super) kind: OperandKind,
}

/// The kinds of operands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum OperandKind {
    /// `name` or `name[argument]`
    Field { name: String, argument: Option<String> },
    /// `transformer(arguments)`
    Transformed { transformer: String, arguments: Vec<Operand> },
    /// A text, as an argument of a transformer.
    Literal(String),
}

/// How the left side is judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Test {
    Exists,
    /// Text or number against one value.
    Compare(Comparison, Right),
    /// Against several values at once.
    Several(Comparison, Quantifier, Vec<String>),
    /// Against a list.
    Member(Membership, RightList),
}

/// The right side of a comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Right {
    Value(String),
    Operand(Operand),
}

/// The right side of a membership.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum RightList {
    Values(Vec<String>),
    Operand(Operand),
}

/// Operators with one value on their right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Comparison {
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Contains,
    ContainsAnyCase,
    ContainsBytes,
    StartsWith,
    StartsWithBytes,
    EndsWith,
    Glob,
    GlobAnyCase,
    Regex,
}

/// How many of several values must satisfy an operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Quantifier {
    One,
    Any,
    All,
}

/// Operators with a list on their right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Membership {
    /// Every value is in the list.
    In,
    /// Some value is in the list.
    Intersects,
    /// The value is a path below one of the list.
    PathBelow,
}
