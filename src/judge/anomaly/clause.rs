//! Which requests an anomaly document is about.

use std::collections::BTreeMap;

use crate::enrich::Facts;
use crate::enrich::field::{Field, UnknownField, Value};

/// Fields and the values any of which they must have.
#[derive(Debug, Clone)]
pub struct Clauses(Vec<Clause>);

#[derive(Debug, Clone)]
struct Clause {
    field: Field,
    patterns: Vec<Pattern>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Pattern {
    Whole(String),
    Begin(String),
    End(String),
    Anything,
}

impl Clauses {
    /// From fields and patterns; a `*` at an end of a pattern stands for any rest.
    ///
    /// # Errors
    /// A field that does not exist.
    pub fn new(written: &BTreeMap<String, Vec<String>>) -> Result<Self, UnknownField> {
        let clause = |(name, patterns): (&String, &Vec<String>)| {
            let patterns = patterns.iter().map(|pattern| Pattern::of(pattern)).collect();
            Ok(Clause { field: Field::named(name)?, patterns })
        };
        let mut clauses: Vec<_> = written.iter().map(clause).collect::<Result<_, _>>()?;
        // What is worked out anyway goes first.
        clauses.sort_by_key(|clause| match clause.field.name() {
            "request.action" => 0,
            "objectRef.resource" => 1,
            "request.outcome" => 2,
            _ => 3,
        });
        Ok(Self(clauses))
    }

    /// Whether every field has one of its values.
    pub fn all(&self, facts: &Facts<'_, '_>) -> bool {
        self.0.iter().all(|clause| clause.holds(facts))
    }

    /// Whether nothing said of this field excludes a value.
    pub fn allows(&self, field: &str, value: &str) -> bool {
        let mut of_field = self.0.iter().filter(|clause| clause.field.name() == field);
        of_field.all(|clause| clause.patterns.iter().any(|pattern| pattern.matches(value)))
    }

    /// What is said of all other fields.
    pub fn without(&self, fields: &[&str]) -> Self {
        Self(self.0.iter().filter(|clause| !fields.contains(&clause.field.name())).cloned().collect())
    }
}

impl Clause {
    fn holds(&self, facts: &Facts<'_, '_>) -> bool {
        self.field.any(facts, &mut |value| {
            with_text(value, &mut |text| self.patterns.iter().any(|pattern| pattern.matches(text)))
        })
    }
}

impl Pattern {
    fn of(written: &str) -> Self {
        match (written.strip_prefix('*'), written.strip_suffix('*')) {
            _ if written == "*" => Self::Anything,
            (Some(end), _) => Self::End(end.to_owned()),
            (None, Some(begin)) => Self::Begin(begin.to_owned()),
            (None, None) => Self::Whole(written.to_owned()),
        }
    }

    fn matches(&self, text: &str) -> bool {
        match self {
            Self::Whole(whole) => text == whole,
            Self::Begin(begin) => text.starts_with(begin),
            Self::End(end) => text.ends_with(end),
            Self::Anything => true,
        }
    }
}

/// Shows a value as text; objects, lists and null are none.
pub(super) fn with_text(value: Value<'_>, see: &mut dyn FnMut(&str) -> bool) -> bool {
    match value {
        Value::Text(text) | Value::Number(text) => see(text),
        Value::Bool(flag) => see(if flag { "true" } else { "false" }),
        Value::Null | Value::Object(_) | Value::List(_) => false,
    }
}
