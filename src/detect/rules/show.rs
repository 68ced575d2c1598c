//! Clauses of a rule as people read them.

use std::fmt;

use super::expr::{Expr, Item, Quantifier, Wish};
use super::pattern::{Pattern, Piece};
use super::wanted::{Operator, Wanted};

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.wish {
            Wish::Value(any_of) => write!(f, "{}: {}", self.name, any_of.shown()),
            Wish::Exists(exists) => write!(f, "{}|exists: {exists}", self.name),
            Wish::Elements(quantifier, body) => write!(f, "{}[{quantifier}]: {{ {body} }}", self.name),
        }
    }
}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let joined = |all: &[Self], with: &str| all.iter().map(ToString::to_string).collect::<Vec<_>>().join(with);
        match self {
            Self::Item(item) => item.fmt(f),
            Self::Not(expr) => write!(f, "not ({expr})"),
            Self::All(all) => f.write_str(&joined(all, " and ")),
            Self::Some(1, all) => write!(f, "({})", joined(all, " or ")),
            Self::Some(least, all) => write!(f, "{least} of ({})", joined(all, ", ")),
        }
    }
}

impl fmt::Display for Quantifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("any"),
            Self::All => f.write_str("all"),
            Self::AllOrEmpty => f.write_str("all_or_empty"),
            Self::None => f.write_str("none"),
            Self::At(at) => write!(f, "{at}"),
        }
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Anything => f.write_str("*"),
            Self::Bool(truth) => write!(f, "{truth}"),
            Self::Number(number) => f.write_str(number),
            Self::Text(pattern) => pattern.fmt(f),
            Self::Regex(regex) => write!(f, "/{regex}/"),
            Self::Network(network) => write!(f, "{network}"),
            Self::Compare(comparison) => write!(f, "{} {}", comparison.operator.sign(), comparison.number),
            Self::Part(part, comparison) => {
                write!(f, "{part:?} {} {}", comparison.operator.sign(), comparison.number)
            }
            Self::Like(_) => f.write_str("another field's value"),
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.pieces().is_empty() {
            return f.write_str("''");
        }
        self.pieces().iter().try_for_each(|piece| match piece {
            Piece::Text(text) => f.write_str(text),
            Piece::One => f.write_str("?"),
            Piece::Run => f.write_str("*"),
        })
    }
}

impl Operator {
    fn sign(self) -> &'static str {
        match self {
            Self::Lt => "<",
            Self::Lte => "<=",
            Self::Gt => ">",
            Self::Gte => ">=",
            Self::Eq => "=",
            Self::Neq => "!=",
        }
    }
}
