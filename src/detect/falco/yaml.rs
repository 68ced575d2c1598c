//! YAML with the place of every value. Scalars keep their spelling: to Falco `007` is a text like any other.

use super::fault::{Fault, File, Spot};
use super::traced::Traced;
use crate::yaml::{self, Location, Outline, Problem, Spanned};

/// A value and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) spot: Spot,
    pub(super) value: Value,
}

/// What a value is.
#[derive(Debug, Clone)]
pub(super) enum Value {
    /// Nothing, or `~`.
    Null,
    /// A text, a number, a boolean: as it was written, quotes and escapes undone.
    Scalar(Traced),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// A key with its value.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) spot: Spot,
    pub(super) value: Node,
}

impl Node {
    /// The text, of a scalar.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar(traced) => Some(traced.as_str()),
            _ => None,
        }
    }

    /// What kind of value it is, for messages.
    pub(super) fn kind(&self) -> &'static str {
        match self.value {
            Value::Null => "nothing",
            Value::Scalar(_) => "a single value",
            Value::List(_) => "a list",
            Value::Map(_) => "keys with values",
        }
    }

    /// A mistake: it is of the wrong kind.
    pub(super) fn wrong(&self, what: &str, advice: &str) -> Fault {
        Fault::new(self.spot, format!("{what} is {}", self.kind())).advise(advice)
    }
}

/// Reads all documents of a file.
pub(super) fn documents(number: u16, file: &File) -> Result<Vec<Node>, Problem> {
    let outline = Outline::new(&file.text, file.name.clone());
    let documents = yaml::documents(&file.text, &outline)?;
    let reading = Reading { number, text: &file.text };
    Ok(documents.into_iter().map(|document| reading.node(document)).collect())
}

struct Reading<'t> {
    number: u16,
    text: &'t str,
}

impl Reading<'_> {
    fn node(&self, node: Spanned<yaml::Node>) -> Node {
        let spot = self.spot(node.referenced);
        let value = match node.value {
            yaml::Node::Null => Value::Null,
            yaml::Node::Text(text) => Value::Scalar(Traced::aligned(&text, self.written(node.referenced), spot)),
            yaml::Node::Bool(_) | yaml::Node::Number(_) => {
                let written = self.written(node.referenced);
                Value::Scalar(Traced::aligned(written.trim(), written, spot))
            }
            yaml::Node::List(items) => Value::List(items.into_iter().map(|item| self.node(item)).collect()),
            yaml::Node::Map(entries) => Value::Map(
                entries
                    .into_iter()
                    .map(|(key, value)| Entry {
                        spot: self.spot(key.referenced),
                        key: key.value,
                        value: self.node(value),
                    })
                    .collect(),
            ),
        };
        Node { spot, value }
    }

    fn spot(&self, at: Location) -> Spot {
        let offset = at.span().byte_offset().and_then(|offset| u32::try_from(offset).ok());
        Spot { file: self.number, offset: offset.unwrap_or(0) }
    }

    /// A value as it stands in the file.
    fn written(&self, at: Location) -> &str {
        let number = |number: Option<u64>| number.and_then(|number| usize::try_from(number).ok()).unwrap_or(0);
        let (start, length) = (number(at.span().byte_offset()), number(at.span().byte_len()));
        self.text.get(start..start.saturating_add(length)).unwrap_or_default()
    }
}
