//! Comparisons as they could be written in a rule: what equal ones are recognised by, and what people are shown.

use std::fmt;

use super::tree::{Check, Comparison, Membership, Operand, OperandKind, Quantifier, Right, RightList, Test};

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.left)?;
        match &self.test {
            Test::Exists => f.write_str("exists"),
            Test::Compare(comparison, Right::Value(value)) => write!(f, "{} {value:?}", comparison.sign()),
            Test::Compare(comparison, Right::Operand(operand)) => write!(f, "{} val({operand})", comparison.sign()),
            Test::Several(comparison, quantifier, values) => {
                write!(f, "{} {} ", comparison.sign(), quantifier.word())?;
                list(f, values)
            }
            Test::Member(membership, RightList::Operand(operand)) => write!(f, "{} val({operand})", membership.word()),
            Test::Member(membership, RightList::Values(values)) => {
                write!(f, "{} ", membership.word())?;
                list(f, values)
            }
        }
    }
}

fn list(f: &mut fmt::Formatter<'_>, values: &[String]) -> fmt::Result {
    f.write_str("(")?;
    for (at, value) in values.iter().enumerate() {
        write!(f, "{}{value:?}", if at == 0 { "" } else { ", " })?;
    }
    f.write_str(")")
}

impl fmt::Display for Operand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            OperandKind::Literal(text) => write!(f, "{text:?}"),
            OperandKind::Field { name, argument: None } => f.write_str(name),
            OperandKind::Field { name, argument: Some(argument) } => write!(f, "{name}[{argument:?}]"),
            OperandKind::Transformed { transformer, arguments } => {
                write!(f, "{transformer}(")?;
                for (at, argument) in arguments.iter().enumerate() {
                    write!(f, "{}{argument}", if at == 0 { "" } else { ", " })?;
                }
                f.write_str(")")
            }
        }
    }
}

impl Comparison {
    fn sign(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::Unequal => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::Contains => "contains",
            Self::ContainsAnyCase => "icontains",
            Self::ContainsBytes => "bcontains",
            Self::StartsWith => "startswith",
            Self::StartsWithBytes => "bstartswith",
            Self::EndsWith => "endswith",
            Self::Glob => "glob",
            Self::GlobAnyCase => "iglob",
            Self::Regex => "regex",
        }
    }
}

impl Quantifier {
    fn word(self) -> &'static str {
        match self {
            Self::One => "oneof",
            Self::Any => "anyof",
            Self::All => "allof",
        }
    }
}

impl Membership {
    fn word(self) -> &'static str {
        match self {
            Self::In => "in",
            Self::Intersects => "intersects",
            Self::PathBelow => "pmatch",
        }
    }
}
