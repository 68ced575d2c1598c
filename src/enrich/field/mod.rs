//! Fields that rules may name: what the audit event says, and what we worked out from it.
//!
//! [`table`] is the one place that knows them all. A name is looked up once, when a rule is loaded; a name that is
//! not in the table is an error there, for a rule about it could never match.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use crate::event::{Raw, Text};
use crate::yaml::nearest;

use super::facts::Facts;

mod path;
mod table;
mod value;

pub use path::Path;
pub use table::{Entry, Kind, Whence, table};
pub use value::Value;

pub(super) use path::walk;
use value::show;

/// A field that rules may name, looked up once.
#[derive(Debug, Clone)]
pub struct Field {
    name: Arc<str>,
    entry: &'static Entry,
    /// Where in the name the path below its first part begins.
    below_root: usize,
    /// Where in the name the path below its row in the table begins.
    below_entry: usize,
}

/// A name that is no field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no field `{name}`")]
pub struct UnknownField {
    /// What was asked for.
    pub name: String,
    /// The field that was probably meant.
    pub suggestion: Option<&'static str>,
}

impl Field {
    /// The field of this name.
    ///
    /// # Errors
    /// A name that is not in the [`table`] and not below a row of it that is open.
    pub fn named(name: &str) -> Result<Self, UnknownField> {
        let name = spelled(name);
        let entry = table().iter().find(|entry| entry.name == name).or_else(|| {
            let above = |entry: &&Entry| {
                name.strip_prefix(entry.name).is_some_and(|rest| rest.len() > 1 && rest.starts_with('.'))
            };
            table().iter().filter(|entry| entry.kind.is_open()).find(above)
        });
        let Some(entry) = entry else {
            let known: Vec<_> = table().iter().map(|entry| entry.name).collect();
            let suggestion = nearest(&name, &known);
            return Err(UnknownField { name, suggestion });
        };
        let below = |above: usize| (above + 1).min(name.len());
        let below_root = below(name.find('.').unwrap_or(name.len()));
        Ok(Self { below_root, below_entry: below(entry.name.len()), entry, name: name.into() })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its row in the table.
    pub fn entry(&self) -> &'static Entry {
        self.entry
    }

    /// Shows every value to `see` until it answers true; whether it did. A missing field shows nothing, and so does an empty list.
    pub fn any(&self, facts: &Facts<'_, '_>, see: &mut dyn FnMut(Value<'_>) -> bool) -> bool {
        match self.entry.whence {
            Whence::Fact(shows) => shows(facts, &self.name[self.below_entry..], see),
            _ => match self.text(facts) {
                Some(text) => see(Value::Text(&text.decode())),
                None => self.walk(facts, &mut |raw| show(raw, see)),
            },
        }
    }

    /// Whether the field is there, be it null or an empty list.
    pub fn exists(&self, facts: &Facts<'_, '_>) -> bool {
        match self.entry.whence {
            Whence::Fact(_) => self.any(facts, &mut |_| true),
            _ => self.text(facts).is_some() || self.walk(facts, &mut |_| true),
        }
    }

    /// Shows every element of the array at the field until `see` answers true; whether it did.
    pub fn elements(&self, facts: &Facts<'_, '_>, see: &mut dyn FnMut(Raw<'_>) -> bool) -> bool {
        match self.entry.whence {
            Whence::Fact(_) if !self.entry.kind.is_list() => false,
            Whence::Fact(shows) => shows(facts, &self.name[self.below_entry..], &mut |value| as_json(value, see)),
            _ => self.walk(facts, &mut |raw| raw.items().any(&mut *see)),
        }
    }

    /// The text that the decoder has found already.
    fn text<'a>(&self, facts: &Facts<'_, 'a>) -> Option<Text<'a>> {
        match self.entry.whence {
            // Of an empty one only the JSON can tell whether it is there.
            Whence::Text(text) | Whence::TextIn(_, text) => Some(text(facts)).filter(|text| !text.is_empty()),
            _ => None,
        }
    }

    fn walk(&self, facts: &Facts<'_, '_>, end: &mut dyn FnMut(Raw<'_>) -> bool) -> bool {
        match self.entry.whence {
            Whence::Part(part) | Whence::TextIn(part, _) => walk(part(facts), &self.name[self.below_root..], end),
            Whence::Written => walk(facts.written().object(), &self.name[self.below_entry..], end),
            Whence::Document(document) => walk(facts.document(document), &self.name[self.below_root..], end),
            Whence::Text(_) | Whence::Record => walk(Raw::new(facts.event.bytes().trim_ascii_start()), &self.name, end),
            Whence::Fact(_) => false,
        }
    }
}

impl PartialEq for Field {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Field {}

impl Hash for Field {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

/// Elasticsearch's Kubernetes integration writes the dots in the domain of an annotation's key as `_`, which no domain has.
fn spelled(name: &str) -> String {
    match name.strip_prefix("annotations.").and_then(|key| key.split_once('/')) {
        Some((domain, rest)) if !domain.contains('.') => format!("annotations.{}/{rest}", domain.replace('_', ".")),
        _ => name.to_owned(),
    }
}

fn as_json(value: Value<'_>, see: &mut dyn FnMut(Raw<'_>) -> bool) -> bool {
    let json = match value {
        Value::Null => "null".to_owned(),
        Value::Bool(flag) => flag.to_string(),
        Value::Number(number) => number.to_owned(),
        Value::Text(text) => serde_json::Value::from(text).to_string(),
        Value::Object(raw) | Value::List(raw) => return see(raw),
    };
    see(Raw::new(json.as_bytes()))
}
