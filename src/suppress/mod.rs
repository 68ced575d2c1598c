//! What need not be told, because somebody wrote down that it is expected, why, and until when.
//!
//! Each finding is judged by itself, after the judges and before the throttle: one that is covered is counted and left
//! out, and the others of its event speak. Criteria are what the API server vouches for (who), what was worked out
//! (from where) and what was asked; whatever else a client writes cannot make an entry cover more.

mod pattern;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::alert::Suppression;
use crate::alert::suppression::{OUTSIDE, Shown, UNKNOWN, Until, zone_of};
use crate::detect::Rule;
use crate::event::Timestamp;

pub use pattern::Pattern;

/// A finding that was not told.
#[derive(Debug, Clone)]
pub struct Suppressed {
    /// The entry's label.
    pub by: Arc<str>,
    /// What found it.
    pub rule: Arc<Rule>,
}

/// Every entry, ready to be asked.
#[derive(Debug, Default)]
pub struct Suppressions(Vec<Entry>);

#[derive(Debug)]
struct Entry {
    label: Arc<str>,
    rule: Option<Pattern>,
    cluster: Option<Pattern>,
    identity: Option<Pattern>,
    impersonating: Option<Pattern>,
    verb: Option<Pattern>,
    action: Option<Pattern>,
    resource: Option<Pattern>,
    api_group: Option<Pattern>,
    namespace: Option<Pattern>,
    zone: Option<Zone>,
    until: Until,
}

/// Where the client must be. The two words are no names: a pattern for names never fits them.
#[derive(Debug)]
enum Zone {
    Word(&'static str),
    Named(Pattern),
}

impl Suppressions {
    /// Reads the entries of a configuration.
    ///
    /// # Errors
    /// The first criterion that is no pattern, in words.
    pub fn new(entries: &[Suppression]) -> Result<Self, String> {
        entries.iter().map(Entry::new).collect::<Result<_, _>>().map(Self)
    }

    /// Whether any entry may cover something that a rule finds.
    pub fn concern(&self, rule: &str) -> bool {
        self.0.iter().any(|entry| allows(&entry.rule, rule))
    }

    /// The label of the first entry that covers what a rule found in a request.
    pub fn covering(&self, rule: &str, shown: Shown<'_>, cluster: &str, time: Timestamp) -> Option<&Arc<str>> {
        let covers = |entry: &&Entry| allows(&entry.rule, rule) && entry.covers(shown, cluster, time);
        self.0.iter().find(covers).map(|entry| &entry.label)
    }
}

impl Entry {
    fn new(entry: &Suppression) -> Result<Self, String> {
        let read = |pattern: &Option<String>| pattern.as_deref().map(Pattern::read).transpose();
        Ok(Self {
            label: entry.label().into(),
            rule: read(&entry.rule)?,
            cluster: read(&entry.cluster)?,
            identity: read(&entry.identity)?,
            impersonating: read(&entry.impersonating)?,
            verb: read(&entry.verb)?,
            action: read(&entry.action)?,
            resource: read(&entry.resource)?,
            api_group: read(&entry.api_group)?,
            namespace: read(&entry.namespace)?,
            zone: match entry.zone.as_deref() {
                None => None,
                Some(OUTSIDE) => Some(Zone::Word(OUTSIDE)),
                Some(UNKNOWN) => Some(Zone::Word(UNKNOWN)),
                Some(name) => Some(Zone::Named(Pattern::read(name)?)),
            },
            until: entry.until,
        })
    }

    fn covers(&self, shown: Shown<'_>, cluster: &str, time: Timestamp) -> bool {
        let Shown { client, actor, request } = shown;
        // What no request raised fits no criterion of requests.
        let fits = |pattern: &Option<Pattern>, value: Option<&str>| match (pattern, value) {
            (None, _) => true,
            (Some(pattern), Some(value)) => pattern.fits(value),
            (Some(_), None) => false,
        };
        let zone = match (&self.zone, client.map(zone_of)) {
            (None, _) => true,
            (Some(Zone::Word(word)), Some(zone)) => zone == *word,
            (Some(Zone::Named(name)), Some(zone)) => ![OUTSIDE, UNKNOWN].contains(&zone) && name.fits(zone),
            (Some(_), None) => false,
        };
        zone && allows(&self.cluster, cluster)
            && fits(&self.identity, actor.map(|actor| actor.name.as_str()))
            && self.covers_role(actor.and_then(|actor| actor.impersonated.as_deref()))
            && fits(&self.verb, request.map(|request| request.verb.as_str()))
            && fits(&self.action, request.map(|request| request.action.as_str()))
            && fits(&self.resource, request.map(|request| request.resource.as_str()))
            && fits(&self.api_group, request.map(|request| request.api_group.as_str()))
            && fits(&self.namespace, request.map(|request| request.namespace.as_str()))
            && !self.until.is_over(time)
    }

    /// Whom it may act as. Somebody who is named is named as himself: what he does as another is another matter.
    fn covers_role(&self, impersonated: Option<&str>) -> bool {
        match (&self.impersonating, impersonated) {
            (Some(pattern), Some(name)) => pattern.fits(name),
            (Some(_), None) => false,
            (None, Some(_)) => self.identity.is_none(),
            (None, None) => true,
        }
    }
}

fn allows(pattern: &Option<Pattern>, text: &str) -> bool {
    pattern.as_ref().is_none_or(|pattern| pattern.fits(text))
}
