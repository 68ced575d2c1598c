//! Where each key and value of a YAML file stands, so that checks across modules can point at it.
//!
//! Modules know nothing of lines and columns; a check names a value by its path of keys and asks here.

use std::collections::BTreeMap;

use serde_saphyr::Location;

use super::problem::{Problem, Spot};
use super::tree::Node;

/// A file's text and the places in it.
#[derive(Debug)]
pub struct Outline<'a> {
    file: String,
    text: &'a str,
    root: Option<Node>,
}

impl<'a> Outline<'a> {
    /// Finds the places in `text`. Text that is no YAML has none.
    pub fn new(text: &'a str, file: String) -> Self {
        let root = serde_saphyr::from_str_with_options::<Node>(text, super::options()).ok();
        Self { file, text, root }
    }

    /// Whether nothing but comments and blank lines stands in it.
    pub fn is_empty(&self) -> bool {
        self.text.lines().map(str::trim).all(|line| line.is_empty() || line.starts_with('#') || line == "---")
    }

    /// What messages call the file.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// The sections, the keys of the whole file, each with all that is under it.
    pub fn sections(&self) -> BTreeMap<String, serde_json::Value> {
        match &self.root {
            Some(Node::Map(entries)) => {
                entries.iter().map(|(key, value)| (key.value.clone(), value.value.json())).collect()
            }
            _ => BTreeMap::new(),
        }
    }

    /// Every text under these keys, alone or in a list, wherever they stand; nothing when it is no YAML.
    pub fn texts_under(&self, keys: &[&str]) -> Option<Vec<&str>> {
        let (mut texts, mut nodes) = (Vec::new(), vec![(self.root.as_ref()?, false)]);
        while let Some((node, wanted)) = nodes.pop() {
            match node {
                Node::Text(text) if wanted => texts.push(text.as_str()),
                Node::List(items) => nodes.extend(items.iter().map(|item| (&item.value, wanted))),
                Node::Map(entries) => {
                    let below = entries.iter().map(|(key, value)| (&value.value, keys.contains(&key.value.as_str())));
                    nodes.extend(below);
                }
                _ => {}
            }
        }
        Some(texts)
    }

    /// Something wrong with the value at `path`, or with the nearest thing around it.
    pub fn problem(&self, path: &[&str], message: impl Into<String>) -> Problem {
        Problem::new(&self.file, message).at(self.find(path, true).and_then(|at| self.spot(at)))
    }

    /// Something wrong with the key at `path`, or with the nearest thing around it.
    pub fn problem_with_key(&self, path: &[&str], message: impl Into<String>) -> Problem {
        Problem::new(&self.file, message).at(self.find(path, false).and_then(|at| self.spot(at)))
    }

    /// Something wrong at a place the YAML crate named.
    pub fn problem_at(&self, at: Option<Location>, message: impl Into<String>) -> Problem {
        Problem::new(&self.file, message).at(at.and_then(|at| self.spot(at)))
    }

    /// The text of the line that `at` is on, for messages about it.
    pub fn spot(&self, at: Location) -> Option<Spot> {
        let line = usize::try_from(at.line()).ok().filter(|line| *line > 0)?;
        let column = usize::try_from(at.column()).ok().filter(|column| *column > 0)?;
        let text = self.text.lines().nth(line - 1).unwrap_or_default();
        let rest = text.chars().count().saturating_sub(column - 1).max(1);
        let length = usize::try_from(at.span().len()).unwrap_or(1).clamp(1, rest);
        Some(Spot { line, column, length, text: text.to_owned() })
    }

    fn find(&self, path: &[&str], value: bool) -> Option<Location> {
        let mut node = self.root.as_ref()?;
        let mut at = None;
        for (depth, step) in path.iter().enumerate() {
            let last = depth + 1 == path.len();
            let found = match node {
                Node::List(items) => step
                    .parse::<usize>()
                    .ok()
                    .and_then(|index| items.get(index))
                    .map(|item| (item.referenced, &item.value)),
                Node::Map(entries) => entries.iter().find(|(key, _)| key.value == *step).map(|(key, below)| {
                    let scalar = !matches!(below.value, Node::List(_) | Node::Map(_));
                    (if last && value && scalar { below.referenced } else { key.referenced }, &below.value)
                }),
                _ => None,
            };
            let Some((place, below)) = found else { return at };
            (at, node) = (Some(place), below);
        }
        at
    }
}
