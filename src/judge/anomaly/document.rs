//! An anomaly document as it is written.
//!
//! ```yaml
//! id: first-harmful-operation
//! title: Somebody does what he has never done
//! level: high
//! tags: [attack.t1078]
//! anomaly:
//!   kind: first_seen
//!   where: { request.outcome: [success], request.action: [create, delete] }
//!   unless: [{ objectRef.resource: [events] }]
//!   of: [request.effect, objectRef.resource]
//! ```

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::clause::Clauses;
use crate::alert::Severity;
use crate::amount::Period;
use crate::detect::Rule;
use crate::enrich::field::{Field, UnknownField};
use crate::yaml::{Outline, Problem};

/// The document. What is only said to people is read and not kept.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    id: String,
    title: String,
    level: Severity,
    #[serde(default)]
    tags: Vec<String>,
    anomaly: Section,
    #[serde(default, rename = "description")]
    _description: Option<IgnoredAny>,
    #[serde(default, rename = "falsepositives")]
    _false_positives: Option<IgnoredAny>,
    #[serde(default, rename = "author")]
    _author: Option<IgnoredAny>,
    #[serde(default, rename = "date")]
    _date: Option<IgnoredAny>,
    #[serde(default, rename = "modified")]
    _modified: Option<IgnoredAny>,
    #[serde(default, rename = "status")]
    _status: Option<IgnoredAny>,
    #[serde(default, rename = "references")]
    _references: Option<IgnoredAny>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Section {
    kind: Kind,
    #[serde(default, rename = "where")]
    where_: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    unless: Vec<BTreeMap<String, Vec<String>>>,
    #[serde(default)]
    of: Vec<String>,
    #[serde(default, rename = "for")]
    whom: Whom,
    learning: Option<Period>,
    window: Option<Period>,
    at_least: Option<u32>,
}

/// What is unusual.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A value that was never seen.
    FirstSeen,
    /// A value that is seen seldom.
    Rare,
    /// Far more requests than usual.
    Spike,
    /// Far more different values than usual.
    ManyDistinct,
    /// A value that was seen regularly is not seen any more.
    Silence,
}

/// Whose habits count, narrowest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Whom {
    /// The identity's, then its peers', then the cluster's.
    #[default]
    Identity,
    /// Its peers', then the cluster's.
    Peers,
    /// The cluster's.
    Cluster,
}

/// An anomaly document, ready for use.
#[derive(Debug, Clone)]
pub struct Anomaly {
    pub(super) rule: std::sync::Arc<Rule>,
    pub(super) level: Severity,
    pub(super) kind: Kind,
    pub(super) where_: Clauses,
    /// Requests that are left out, though they are what it is about.
    pub(super) unless: Vec<Clauses>,
    /// The fields whose values, together, are looked at.
    pub(super) of: Vec<Field>,
    pub(super) whom: Whom,
    /// How long a baseline learns before it speaks, seconds; nothing: as configured.
    learning: Option<i64>,
    window: Option<i64>,
    at_least: Option<u32>,
    shape: String,
}

impl Anomaly {
    /// Reads one document; `file` is named in mistakes.
    ///
    /// # Errors
    /// It is not YAML, a key is not known, a field does not exist, or something that its kind needs is missing: with
    /// the place.
    pub fn read(text: &str, file: &str) -> Result<Self, Problem> {
        let outline = Outline::new(text, file.to_owned());
        let Written { id, title, level, tags, anomaly: section, .. } = crate::yaml::read(text, &outline)?;
        let unknown = |path: &[&str], error: UnknownField| {
            let advice = error
                .suggestion
                .map_or_else(|| "see docs/fields.md".to_owned(), |meant| format!("did you mean `{meant}`?"));
            outline.problem(path, error.to_string()).advise(advice)
        };
        let clauses = |key: &str, written: &BTreeMap<String, Vec<String>>| {
            Clauses::new(written).map_err(|error| unknown(&["anomaly", key, &error.name.clone()], error))
        };
        let of = section.of.iter().map(|name| Field::named(name)).collect::<Result<Vec<_>, _>>();
        let of = of.map_err(|error| unknown(&["anomaly", "of"], error))?;
        if of.is_empty() && section.kind != Kind::Spike {
            return Err(outline
                .problem(&["anomaly", "kind"], "it says nothing of which values")
                .advise("name fields under `of`"));
        }
        let seconds =
            |period: Option<Period>| period.map(|period| i64::try_from(period.0.as_secs()).unwrap_or(i64::MAX));
        let techniques = tags.iter().filter_map(|tag| tag.strip_prefix("attack.t")).map(|number| format!("T{number}"));
        let techniques: Vec<_> = techniques.collect();
        let techniques: Vec<_> = techniques.iter().map(String::as_str).collect();
        let Section { kind, where_, unless, whom, .. } = &section;
        Ok(Self {
            rule: Rule::new(&id, &title, &techniques),
            level,
            kind: *kind,
            where_: clauses("where", where_)?,
            unless: unless.iter().map(|written| clauses("unless", written)).collect::<Result<_, _>>()?,
            whom: *whom,
            learning: seconds(section.learning),
            window: seconds(section.window),
            at_least: section.at_least,
            shape: format!("1 {kind:?} {where_:?} {unless:?} {:?} {whom:?} {:?}", section.of, section.window),
            of,
        })
    }

    /// The id of its rule.
    pub fn id(&self) -> &str {
        &self.rule.id
    }

    /// How long a baseline learns before it speaks, seconds.
    pub(super) fn learning(&self, configured: i64) -> i64 {
        self.learning.unwrap_or(configured)
    }

    /// The time looked at together, seconds; ten minutes unless written.
    pub(super) fn window(&self) -> i64 {
        self.window.unwrap_or(600).max(60)
    }

    /// What it takes at least: observations of a baseline, or things in a window.
    pub(super) fn at_least(&self, usual: u32) -> u32 {
        self.at_least.unwrap_or(usual)
    }

    /// All that shapes what is learnt.
    pub(super) fn shape(&self) -> String {
        self.shape.clone()
    }
}
