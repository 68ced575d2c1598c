//! From the text of rule files to rules.

mod array;
mod condition;
mod correlation;
mod detection;
mod encode;
mod head;
mod item;
mod modifiers;
mod placeholder;
mod rule;
mod values;

pub use correlation::COUNTED_MAX;
pub use head::{Head, TestCase, Whose};
pub use placeholder::Lists;
pub use rule::{Document, Narrowed, document};

use std::cell::RefCell;

use super::mistake::{Mistake, Result};
use super::subject::Subject;
use super::taxonomy::Correction;
use crate::yaml::{Location, Node, Spanned};

/// What items of one document are read with.
#[derive(Debug)]
pub struct Context<'c> {
    /// What placeholders stand for.
    pub lists: &'c Lists,
    /// Short names of the public rules are understood.
    pub aliases: bool,
    /// Brackets in names are array syntax.
    pub arrays: bool,
    /// How this very rule is corrected.
    pub correction: Option<&'static Correction>,
    /// What is probably not meant.
    pub warnings: RefCell<Vec<Mistake>>,
}

impl Context<'_> {
    fn warn(&self, mistake: Mistake) {
        self.warnings.borrow_mut().push(mistake);
    }
}

/// Where names are looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inside {
    /// In the event.
    Event,
    /// In an element of an array.
    Element,
}

/// The entries of a map.
type Entries = [(Spanned<String>, Spanned<Node>)];

fn entries<'n>(node: &'n Spanned<Node>, what: &str) -> Result<&'n Entries> {
    match &node.value {
        Node::Map(entries) if !entries.is_empty() => Ok(entries),
        Node::Map(_) | Node::Null => {
            Err(Mistake::new(node.referenced, format!("{what} is empty"), "write what is wanted"))
        }
        other => {
            let message = format!("found {} where {what} belongs", other.kind());
            Err(Mistake::new(node.referenced, message, "write keys with values, such as `verb: create`"))
        }
    }
}

fn get<'n>(entries: &'n Entries, key: &str) -> Option<&'n Spanned<Node>> {
    entries.iter().find(|(known, _)| known.value == key).map(|(_, value)| value)
}

/// A text or number under a key.
fn text_of(node: &Spanned<Node>) -> Result<String> {
    match &node.value {
        Node::Text(text) | Node::Number(text) => Ok(text.clone()),
        other => {
            Err(Mistake::new(node.referenced, format!("found {} where a text belongs", other.kind()), "write a text"))
        }
    }
}

/// The items of a list; anything else is a list of itself.
fn items(node: &Spanned<Node>) -> &[Spanned<Node>] {
    match &node.value {
        Node::List(items) => items,
        Node::Null => &[],
        _ => std::slice::from_ref(node),
    }
}

/// What a field's name means, and its full name.
fn subject(name: &str, at: Location, inside: Inside, context: &Context<'_>) -> Result<(Subject, String)> {
    use crate::enrich::field::{Field, Path};
    if inside == Inside::Element {
        let subject = if name == "." { Subject::Itself } else { Subject::Path(Path::parse(name)) };
        return Ok((subject, name.to_owned()));
    }
    let full = if context.aliases { super::taxonomy::meant(name).unwrap_or(name) } else { name };
    match Field::named(full) {
        Ok(field) => {
            let name = field.name().to_owned();
            Ok((Subject::Field(field), name))
        }
        Err(unknown) => {
            let message = format!("there is no field `{name}`, so this could never match");
            let advice = match unknown.suggestion {
                Some(near) => format!("did you mean `{near}`?"),
                None => "docs/rules.md says which fields there are".to_owned(),
            };
            Err(Mistake::new(at, message, advice).part(0, name.chars().count()))
        }
    }
}
