//! What is wrong with `suppressions`, but for rule ids: those are known once the rules are read.

use std::collections::BTreeMap;

use super::{Config, cross, sources};
use crate::alert::Suppression;
use crate::alert::suppression::{AUTHOR_ASKED, OUTSIDE, REASON_ASKED, UNKNOWN};
use crate::enrich::network::PRIVATE_ZONE;
use crate::enrich::request::Action;
use crate::suppress::Pattern;
use crate::yaml::{Outline, Problem, nearest};

/// What makes them useless.
pub(super) fn problems(config: &Config, outline: &Outline<'_>) -> Vec<Problem> {
    let mut problems = Vec::new();
    let clusters: Vec<&str> = sources::clusters(config).into_iter().chain([config.cluster.as_str()]).collect();
    let zones = Zones::of(config);
    let mut labels: BTreeMap<String, usize> = BTreeMap::new();
    for (at, entry) in config.suppressions.iter().enumerate() {
        let one = One { entry, at: at.to_string(), outline };
        problems.extend(one.name());
        problems.extend(one.patterns());
        problems.extend(one.covers_all());
        problems.extend(one.unsaid());
        problems.extend(one.unknown("cluster", &clusters, "cluster"));
        problems.extend(one.unknown("action", &Action::ALL.map(Action::word), "action"));
        problems.extend(one.zone(&zones));
        if let Some(first) = labels.insert(entry.label(), at) {
            problems.push(one.twofold(first));
        }
    }
    problems
}

/// What is allowed but probably not meant.
pub(super) fn warnings(config: &Config, outline: &Outline<'_>) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (at, entry) in config.suppressions.iter().enumerate() {
        let one = One { entry, at: at.to_string(), outline };
        if entry.reason == REASON_ASKED || entry.author == AUTHOR_ASKED {
            let message = format!("the suppression `{}` still has the words it was proposed with", entry.label());
            problems.push(one.problem("reason", message).advise("say why this is expected, and who decided it"));
        }
        if entry.verb.as_ref().is_some_and(|verb| verb.chars().any(char::is_uppercase)) {
            problems.push(one.problem("verb", "verbs are logged in small letters").advise("write it so: case matters"));
        }
    }
    problems
}

/// The networks that may be named.
struct Zones<'c> {
    named: Vec<&'c str>,
    /// A network that is called like one of the words.
    taken: Option<&'c str>,
}

impl<'c> Zones<'c> {
    fn of(config: &'c Config) -> Self {
        let mut named: Vec<&str> = config.networks.keys().map(String::as_str).collect();
        if named.is_empty() {
            named.push(PRIVATE_ZONE);
        }
        let taken = named.iter().copied().find(|name| [OUTSIDE, UNKNOWN].contains(name));
        Self { named, taken }
    }
}

/// One entry and where it stands.
struct One<'c> {
    entry: &'c Suppression,
    at: String,
    outline: &'c Outline<'c>,
}

impl One<'_> {
    fn problem(&self, key: &str, message: impl Into<String>) -> Problem {
        self.outline.problem(&["suppressions", &self.at, key], message)
    }

    fn value(&self, key: &str) -> Option<&str> {
        self.entry.criteria().into_iter().find(|(known, _)| *known == key)?.1
    }

    fn name(&self) -> Option<Problem> {
        let name = self.entry.name.as_ref().filter(|name| !cross::is_name(name))?;
        Some(cross::name_problem(self.problem("name", format!("`{name}` cannot be a name"))))
    }

    fn patterns(&self) -> Vec<Problem> {
        let read = |(key, value): (&str, Option<&str>)| Some(self.problem(key, Pattern::read(value?).err()?));
        self.entry.criteria().into_iter().filter_map(read).collect()
    }

    fn covers_all(&self) -> Option<Problem> {
        let narrows = |value: &str| Pattern::read(value).map_or(true, |pattern| !pattern.is_any());
        let narrow = self.entry.criteria().into_iter().filter_map(|(_, value)| value).any(narrows);
        let message = "this suppression names nothing: every finding would be passed over";
        let advice = "say what it covers: rule, identity, impersonating, verb, action, resource, api_group, namespace, \
                      zone or cluster";
        (!narrow).then(|| self.problem("", message).advise(advice))
    }

    fn unsaid(&self) -> Vec<Problem> {
        let said = [("reason", &self.entry.reason), ("author", &self.entry.author)];
        let empty = said.into_iter().filter(|(_, text)| text.trim().is_empty());
        let told =
            |(key, _)| self.problem(key, format!("the {key} is empty")).advise("those who come after you will ask");
        empty.map(told).collect()
    }

    /// A criterion of which all values are known.
    fn unknown(&self, key: &str, known: &[&str], what: &str) -> Option<Problem> {
        let value = self.value(key)?;
        let pattern = Pattern::read(value).ok()?;
        if known.iter().any(|name| pattern.fits(name)) {
            return None;
        }
        Some(self.problem(key, format!("there is no {what} `{value}`")).advise(match nearest(value, known) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("name one of: {}", known.join(", ")),
        }))
    }

    fn zone(&self, zones: &Zones<'_>) -> Option<Problem> {
        let zone = self.entry.zone.as_deref()?;
        match [OUTSIDE, UNKNOWN].contains(&zone) {
            true => {
                let taken = zones.taken.filter(|taken| *taken == zone)?;
                let message = format!("`{taken}` is a network, and also the word for clients in none");
                Some(self.problem("zone", message).advise("give that network another name"))
            }
            false => {
                // A pattern fits only names, but who mistypes a word is told so.
                let words = [&zones.named[..], if zone.ends_with('*') { &[] } else { &[OUTSIDE, UNKNOWN] }].concat();
                self.unknown("zone", &words, "network")
            }
        }
    }

    fn twofold(&self, first: usize) -> Problem {
        let first = first + 1;
        match &self.entry.name {
            Some(name) => self
                .problem("name", format!("the suppression {first} is named `{name}` as well"))
                .advise("give each a name of its own"),
            None => self.problem("", format!("the suppression {first} covers the same")).advise("keep one of them"),
        }
    }
}
