//! Every field: its name, what it means, and how to get it. `gatecrier explain`, `docs/fields.md` and the lookup of
//! names in rules all read this table.

use std::sync::LazyLock;

use crate::enrich::document::Document;
use crate::enrich::facts::Facts;
use crate::event::{Level, Raw, Text};

use super::value::See;

mod actor;
mod body;
mod client;
mod grant;
mod guard;
mod record;
mod request;
mod workload;

/// One field.
#[derive(Debug)]
pub struct Entry {
    /// Its name in rules.
    pub name: &'static str,
    /// What its values are.
    pub kind: Kind,
    /// What it means, in a sentence without its full stop.
    pub meaning: &'static str,
    /// Every value it can have, where they are few.
    pub values: &'static [&'static str],
    /// One value, as a rule would write it.
    pub example: &'static str,
    /// The lowest audit level that shows it.
    pub level: Level,
    /// Where it comes from.
    pub whence: Whence,
}

/// What the values of a field are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Text,
    /// Texts: any of them will do.
    Texts,
    /// A number.
    Number,
    /// Numbers: any of them will do.
    Numbers,
    /// True or false.
    Flag,
    /// A time, as RFC 3339.
    Time,
    /// An object, with rows of its own for what is in it.
    Object,
    /// Objects, with rows of their own for what is in them; array blocks look at one at a time.
    Objects,
    /// Keys of the client's choice: any name below it is a field.
    Map,
    /// A body, whose shape depends on the resource: any path below it is a field.
    Body,
}

impl Kind {
    /// The words people read.
    pub fn word(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Texts => "list of texts",
            Self::Number => "number",
            Self::Numbers => "list of numbers",
            Self::Flag => "true or false",
            Self::Time => "time",
            Self::Object => "object",
            Self::Objects => "list of objects",
            Self::Map => "map, any key below it",
            Self::Body => "body, any path below it",
        }
    }

    /// Whether any path below it is a field too.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Map | Self::Body)
    }

    /// Whether there may be several values.
    pub fn is_list(self) -> bool {
        matches!(self, Self::Texts | Self::Numbers | Self::Objects)
    }
}

type TextOf = for<'a> fn(&Facts<'_, 'a>) -> Text<'a>;
type PartOf = for<'a> fn(&Facts<'_, 'a>) -> Raw<'a>;

/// Where a field comes from.
#[derive(Debug, Clone, Copy)]
pub enum Whence {
    /// A text that the decoder has found.
    Text(TextOf),
    /// JSON that the decoder has found; the name goes on in it below its first part.
    Part(PartOf),
    /// A text that has been found in such JSON already.
    TextIn(PartOf, TextOf),
    /// The record, where the decoder does not look.
    Record,
    /// What is known of every event. Takes the path below the field's row.
    Fact(fn(&Facts<'_, '_>, &str, See<'_>) -> bool),
    /// What the request writes; takes the path below the field's row.
    Written,
    /// Worked out for events of some kind when first asked for; the name goes on in it below its first part.
    Document(Document),
}

impl Whence {
    /// The words people read.
    pub fn word(self) -> &'static str {
        match self {
            Self::Text(_) | Self::Part(_) | Self::TextIn(..) | Self::Record => "the audit event",
            Self::Fact(_) | Self::Written | Self::Document(_) => "worked out",
        }
    }
}

/// Every field, in the order of the documentation.
pub fn table() -> &'static [Entry] {
    static TABLE: LazyLock<Vec<Entry>> = LazyLock::new(|| {
        [
            client::rows(),
            actor::rows(),
            request::rows(),
            workload::rows(),
            grant::rows(),
            guard::rows(),
            body::rows(),
            record::rows(),
        ]
        .into_iter()
        .flatten()
        .collect()
    });
    &TABLE
}

/// A row, of a field that is there at every audit level.
fn row(name: &'static str, kind: Kind, example: &'static str, meaning: &'static str, whence: Whence) -> Entry {
    Entry { name, kind, meaning, values: &[], example, level: Level::Metadata, whence }
}

impl Entry {
    fn of(self, values: &'static [&'static str]) -> Self {
        Self { values, ..self }
    }

    fn at(self, level: Level) -> Self {
        Self { level, ..self }
    }
}

/// Rows whose names begin alike, made by one document.
fn below(document: Document, level: Level, rows: Vec<(&'static str, Kind, &'static str, &'static str)>) -> Vec<Entry> {
    let made = |(name, kind, example, meaning)| row(name, kind, example, meaning, Whence::Document(document)).at(level);
    rows.into_iter().map(made).collect()
}
