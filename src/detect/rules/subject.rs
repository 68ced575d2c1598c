//! What a wish is about: a field of the event, a path in an element of an array, or everything that is said.

use super::leaves;
use crate::enrich::Facts;
use crate::enrich::field::{Field, Path};

pub use crate::enrich::field::Value;

/// What a wish is about.
#[derive(Debug, Clone)]
pub enum Subject {
    /// A field of the event.
    Field(Field),
    /// A path in an element of an array.
    Path(Path),
    /// The element itself.
    Itself,
    /// Every text and number of the event or element.
    Everything,
}

/// Where a subject is looked for.
#[derive(Debug, Clone, Copy)]
pub enum Scope<'s, 'e, 'a> {
    /// In the event.
    Event(&'s Facts<'e, 'a>),
    /// In an element of one of its arrays.
    Element(Value<'s>),
}

impl Subject {
    /// Shows every value until `see` says that it is enough; whether it did.
    pub fn any(&self, scope: Scope<'_, '_, '_>, see: &mut dyn FnMut(Value<'_>) -> bool) -> bool {
        match (self, scope) {
            (Self::Field(field), Scope::Event(facts)) => field.any(facts, see),
            (Self::Path(path), Scope::Element(Value::Object(raw) | Value::List(raw))) => path.any(raw, see),
            (Self::Itself, Scope::Element(value)) => see(value),
            (Self::Everything, Scope::Event(facts)) => leaves::any(facts.event.bytes(), see),
            (Self::Everything, Scope::Element(Value::Object(raw) | Value::List(raw))) => leaves::any(raw.bytes(), see),
            (Self::Everything, Scope::Element(value)) => see(value),
            _ => false,
        }
    }

    /// Whether it is there, be it null or empty.
    pub fn exists(&self, scope: Scope<'_, '_, '_>) -> bool {
        match (self, scope) {
            (Self::Field(field), Scope::Event(facts)) => field.exists(facts),
            (Self::Path(path), Scope::Element(Value::Object(raw) | Value::List(raw))) => path.exists(raw),
            (Self::Itself | Self::Everything, _) => true,
            _ => false,
        }
    }
}

impl<'v> Value<'v> {
    /// The text of a text, a number or a truth value.
    pub fn text(self) -> Option<&'v str> {
        match self {
            Self::Text(text) | Self::Number(text) => Some(text),
            Self::Bool(truth) => Some(if truth { "true" } else { "false" }),
            Self::Null | Self::Object(_) | Self::List(_) => None,
        }
    }

    /// The number that a number or a text stands for.
    pub fn number(self) -> Option<f64> {
        match self {
            Self::Text(text) | Self::Number(text) => text.trim().parse().ok().filter(|number: &f64| number.is_finite()),
            _ => None,
        }
    }
}
