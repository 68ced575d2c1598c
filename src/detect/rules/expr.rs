//! What a rule says, as a tree of wishes.

use super::any_of::AnyOf;
use super::subject::Subject;
use super::taxonomy::Late;

/// A condition over an event, or over an element of an array.
#[derive(Debug, Clone)]
pub enum Expr {
    /// All of them.
    All(Vec<Expr>),
    /// At least so many of them; one is "or".
    Some(usize, Vec<Expr>),
    /// Not this.
    Not(Box<Expr>),
    /// A wish about one subject.
    Item(Item),
}

/// A wish about one subject.
#[derive(Debug, Clone)]
pub struct Item {
    /// The subject as the rule names it.
    pub name: String,
    /// What it is about.
    pub subject: Subject,
    /// What is wished.
    pub wish: Wish,
    /// What a request that has not been answered yet says of it.
    pub late: Late,
}

/// What is wished of a subject.
#[derive(Debug, Clone)]
pub enum Wish {
    /// One of its values is one of these.
    Value(AnyOf),
    /// It is there, or is not.
    Exists(bool),
    /// So many of its elements satisfy a condition.
    Elements(Quantifier, Box<Expr>),
}

/// How many elements of an array.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quantifier {
    /// One at least.
    Any,
    /// Every one, and one at least.
    All,
    /// Every one, if there is any.
    AllOrEmpty,
    /// Not one.
    None,
    /// The one at this place; from the end when negative.
    At(i64),
}

impl Item {
    /// Whether what is wished depends on another field as well.
    pub fn refers(&self) -> bool {
        matches!(&self.wish, Wish::Value(any_of) if any_of.refers())
    }

    /// How much it costs to look at, roughly.
    pub fn cost(&self) -> usize {
        match (&self.subject, &self.wish) {
            (Subject::Everything, _) => 1000,
            (_, Wish::Elements(..)) => 200,
            _ if self.name.starts_with("requestObject") || self.name.starts_with("responseObject") => 100,
            _ if self.name == "verb" || self.name.starts_with("objectRef.") => 1,
            _ => 10,
        }
    }

    /// What tells it from all items that ask for something else.
    pub fn key(&self) -> String {
        let wish = match &self.wish {
            Wish::Value(any_of) => any_of.key().to_owned(),
            Wish::Exists(exists) => format!("exists {exists}"),
            Wish::Elements(quantifier, body) => format!("{quantifier:?} {}", body.key()),
        };
        format!("{} {:?} {wish}", self.name, self.late)
    }
}

impl Expr {
    fn key(&self) -> String {
        let all = |all: &[Expr]| all.iter().map(Expr::key).collect::<Vec<_>>().join(", ");
        match self {
            Self::All(exprs) => format!("all({})", all(exprs)),
            Self::Some(least, exprs) => format!("{least} of({})", all(exprs)),
            Self::Not(expr) => format!("not({})", expr.key()),
            Self::Item(item) => format!("[{}]", item.key()),
        }
    }
}
