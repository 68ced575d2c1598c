//! Where each key and value of a configuration stands, so that checks across modules can point at it.
//!
//! Modules know nothing of lines and columns; a check names a value by its path of keys and asks here.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Location, MergeKeyPolicy, Options, Spanned};

use super::error::{Problem, Spot};

/// Most YAML nodes read; beyond it the file is refused. Aliases count as often as they are used.
const NODES_MAX: usize = 100_000;

/// A configuration's text and the places in it.
#[derive(Debug)]
pub struct Outline<'a> {
    file: String,
    text: &'a str,
    root: Option<Node>,
}

/// A value and the keys under it.
#[derive(Debug)]
enum Node {
    Leaf,
    List(Vec<Spanned<Node>>),
    Map(Vec<(Spanned<String>, Spanned<Node>)>),
}

/// How configurations are read.
pub fn options() -> Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! { max_nodes: NODES_MAX, max_events: 4 * NODES_MAX, max_depth: 64 },
        merge_keys: MergeKeyPolicy::Merge,
        with_snippet: false,
    }
}

impl<'a> Outline<'a> {
    /// Finds the places in `text`. Text that is no YAML has none.
    pub fn new(text: &'a str, file: String) -> Self {
        let root = serde_saphyr::from_str_with_options::<Node>(text, options()).ok();
        Self { file, text, root }
    }

    /// Whether nothing but comments and blank lines stands in it.
    pub fn is_empty(&self) -> bool {
        self.text.lines().map(str::trim).all(|line| line.is_empty() || line.starts_with('#') || line == "---")
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
                Node::Leaf => None,
                Node::List(items) => step
                    .parse::<usize>()
                    .ok()
                    .and_then(|index| items.get(index))
                    .map(|item| (item.referenced, &item.value)),
                Node::Map(entries) => entries.iter().find(|(key, _)| key.value == *step).map(|(key, below)| {
                    let scalar = matches!(below.value, Node::Leaf);
                    (if last && value && scalar { below.referenced } else { key.referenced }, &below.value)
                }),
            };
            let Some((place, below)) = found else { return at };
            (at, node) = (Some(place), below);
        }
        at
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Node, E> {
        Ok(Node::Leaf)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Node, E> {
        Ok(Node::Leaf)
    }

    fn visit_i128<E>(self, _: i128) -> Result<Node, E> {
        Ok(Node::Leaf)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Node, E> {
        Ok(Node::Leaf)
    }

    fn visit_u128<E>(self, _: u128) -> Result<Node, E> {
        Ok(Node::Leaf)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Node, E> {
        Ok(Node::Leaf)
    }

    fn visit_str<E>(self, _: &str) -> Result<Node, E> {
        Ok(Node::Leaf)
    }

    fn visit_bytes<E>(self, _: &[u8]) -> Result<Node, E> {
        Ok(Node::Leaf)
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Leaf)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Node::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Node, A::Error> {
        let mut map = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            map.push(entry);
        }
        Ok(Node::Map(map))
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}
