//! The keys of one item of a rule file, each taken once.

use super::fault::{Fault, Spot};
use super::traced::Traced;
use super::yaml::{Entry, Node, Value};

/// One item.
pub(super) struct Keys<'n> {
    entries: &'n [Entry],
}

impl<'n> Keys<'n> {
    pub(super) fn new(node: &'n Node) -> Option<Self> {
        let Value::Map(entries) = &node.value else { return None };
        Some(Self { entries })
    }

    /// The value under a key, with the key's place.
    pub(super) fn get(&self, key: &str) -> Option<(Spot, &'n Node)> {
        self.entries.iter().find(|entry| entry.key == key).map(|entry| (entry.spot, &entry.value))
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// Every key with its place.
    pub(super) fn names(&self) -> impl Iterator<Item = (&'n str, Spot)> {
        self.entries.iter().map(|entry| (entry.key.as_str(), entry.spot))
    }

    /// A single value.
    pub(super) fn text(&self, key: &str) -> Result<Option<&'n Traced>, Fault> {
        let Some((_, node)) = self.get(key) else { return Ok(None) };
        match &node.value {
            Value::Scalar(text) => Ok(Some(text)),
            _ => Err(node.wrong(&format!("`{key}`"), "write a single value")),
        }
    }

    /// `true` or `false`.
    pub(super) fn flag(&self, key: &str) -> Result<Option<bool>, Fault> {
        let Some(text) = self.text(key)? else { return Ok(None) };
        match text.as_str().to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" | "y" => Ok(Some(true)),
            "false" | "no" | "off" | "n" => Ok(Some(false)),
            other => Err(Fault::new(text.spot(0), format!("`{key}` is `{other}`")).advise("write `true` or `false`")),
        }
    }

    /// A list; a key with nothing behind it is an empty one.
    pub(super) fn list(&self, key: &str) -> Result<Option<&'n [Node]>, Fault> {
        let Some((_, node)) = self.get(key) else { return Ok(None) };
        match &node.value {
            Value::List(items) => Ok(Some(items)),
            Value::Null => Ok(Some(&[])),
            _ => Err(node.wrong(&format!("`{key}`"), "write a list, such as `[one, two]`")),
        }
    }

    /// A list of single values.
    pub(super) fn texts(&self, key: &str) -> Result<Option<Vec<Traced>>, Fault> {
        let Some(items) = self.list(key)? else { return Ok(None) };
        items.iter().map(|item| scalar(item, key).cloned()).collect::<Result<_, _>>().map(Some)
    }

    /// What must be there.
    pub(super) fn needed<T>(&self, key: &str, found: Option<T>, item: Spot) -> Result<T, Fault> {
        found.ok_or_else(|| Fault::new(item, format!("`{key}` is missing")).advise(format!("add `{key}:`")))
    }
}

/// The text of an item of a list.
pub(super) fn scalar<'n>(item: &'n Node, of: &str) -> Result<&'n Traced, Fault> {
    match &item.value {
        Value::Scalar(text) => Ok(text),
        _ => Err(item.wrong(&format!("an item of `{of}`"), "write a single value")),
    }
}
