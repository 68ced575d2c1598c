//! Correlations of rules: so many, so many different, one after the other, within a span of event time.
//!
//! Detectors observe what counted rules found, with the values that make groups and that are counted. Within a group a
//! window slides with event time. What more of the same cannot undo fires as soon as it holds; the rest (`lt`, `eq`,
//! `not`…) is judged when a span is over that began with the first event. Having fired, a group is silent for a span.

mod group;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

use super::recent::Recent;
use super::{Case, Judge};
use crate::alert::{EventRef, Severity};
use crate::detect::observation::Observation;
use crate::detect::rules::{Correlation, observed_as};
use crate::detect::{Finding, Findings, Rule};
use crate::event::Timestamp;
use group::{Entry, Group};

/// Groups of one correlation in one generation. Beyond it those idle longest begin anew.
const GROUPS_MAX: usize = 8192;

/// Spans of one correlation that wait for their end. Beyond it the first to end is not judged, and its group begins anew.
const CLOSINGS_MAX: usize = 4 * GROUPS_MAX;

/// Combinations of values that one event counts as. Beyond it the others are not counted.
const COMBINATIONS_MAX: usize = 1024;

/// Between the values of a group in its key.
const BETWEEN: &str = "\u{1f}";

/// Judges every correlation, those that are counted before those that count them.
pub struct Correlations(Vec<One>);

/// One correlation and what it remembers.
struct One {
    correlation: Correlation,
    rule: Arc<Rule>,
    /// What each of its parts is observed as.
    parts: Vec<Arc<str>>,
    memory: Memory,
}

#[derive(Debug, Serialize, Deserialize)]
struct Memory {
    groups: Recent<Group>,
    /// When spans end, and whose.
    closings: BTreeSet<(Timestamp, String)>,
}

impl Default for Memory {
    fn default() -> Self {
        Self { groups: Recent::new(GROUPS_MAX), closings: BTreeSet::new() }
    }
}

/// What a correlation found: of which group, and on which events.
struct Fired {
    /// Its place among the correlations.
    one: usize,
    time: Timestamp,
    /// The values of the group, in the order of its names.
    group: Vec<String>,
    count: f64,
    events: Vec<EventRef>,
}

impl Correlations {
    /// In an order in which what is counted stands before what counts it.
    pub fn new(correlations: Vec<Correlation>) -> Self {
        let one = |correlation: Correlation| One {
            rule: correlation.head.rule(),
            parts: correlation.parts.iter().map(|part| observed_as(&part.id)).collect(),
            memory: Memory::default(),
            correlation,
        };
        Self(correlations.into_iter().map(one).collect())
    }

    /// Says what fired, and lets those that count it see it. They stand behind it, so this ends.
    fn tell(&mut self, fired: Fired, verdict: &mut Findings) {
        let mut waiting = vec![fired];
        while let Some(fired) = waiting.pop() {
            let told = &self.0[fired.one];
            let names = told.correlation.group_by.iter();
            let values: Vec<_> =
                names.zip(&fired.group).map(|(name, value)| (name.clone().into(), value.clone())).collect();
            let seen = Observation { what: observed_as(&told.correlation.head.id), values, once: None };
            if told.correlation.tells {
                verdict.push(told.finding(&fired));
            }
            for at in fired.one + 1..self.0.len() {
                for event in self.0[at].take(&seen, fired.time, fired.events.last().cloned()) {
                    waiting.push(Fired { one: at, ..event });
                }
            }
        }
    }
}

impl Judge for Correlations {
    fn id(&self) -> &str {
        "correlations"
    }

    fn rules(&self) -> Vec<String> {
        let told = self.0.iter().filter(|one| one.correlation.tells);
        told.map(|one| one.correlation.head.id.clone()).collect()
    }

    fn shape(&self) -> String {
        "1".to_owned()
    }

    fn needs(&self) -> Vec<(String, crate::detect::needs::Needs)> {
        Vec::new()
    }

    fn judge(&mut self, case: &Case<'_>, verdict: &mut Findings) {
        for at in 0..self.0.len() {
            let parts = self.0[at].parts.clone();
            let mut parts: Vec<_> = parts.iter().collect();
            parts.dedup();
            for seen in parts.into_iter().flat_map(|part| case.observed(part)) {
                for fired in self.0[at].take(seen, case.time, case.event.cloned()) {
                    self.tell(Fired { one: at, ..fired }, verdict);
                }
            }
        }
    }

    fn due(&self) -> Option<Timestamp> {
        self.0.iter().filter_map(|one| one.memory.closings.first()).map(|(time, _)| *time).min()
    }

    fn tick(&mut self, now: Timestamp, verdict: &mut Findings) {
        for at in 0..self.0.len() {
            while let Some(fired) = self.0[at].close(now) {
                if let Some(fired) = fired {
                    self.tell(Fired { one: at, ..fired }, verdict);
                }
            }
        }
    }

    fn save(&self) -> serde_json::Result<Box<RawValue>> {
        let of: Vec<_> = self.0.iter().map(|one| (&one.correlation.head.id, one.shape(), &one.memory)).collect();
        to_raw_value(&of)
    }

    fn load(&mut self, memory: &RawValue) -> serde_json::Result<()> {
        let known: Vec<(String, String, Memory)> = serde_json::from_str(memory.get())?;
        for (id, shape, memory) in known {
            // A correlation that was changed begins anew.
            if let Some(one) = self.0.iter_mut().find(|one| one.correlation.head.id == id && one.shape() == shape) {
                one.memory = memory;
            }
        }
        Ok(())
    }
}

impl One {
    /// All that shapes what it remembers.
    fn shape(&self) -> String {
        let Correlation { kind, parts, group_by, timespan, condition, .. } = &self.correlation;
        format!("{kind:?} {parts:?} {group_by:?} {timespan} {condition:?}")
    }

    /// Takes one observation, for each of its parts that it may be.
    fn take(&mut self, seen: &Observation, time: Timestamp, event: Option<EventRef>) -> Vec<Fired> {
        let places = 0..self.parts.len();
        let places: Vec<_> = places.filter(|place| self.parts[*place] == seen.what).collect();
        places.into_iter().filter_map(|place| self.take_as(place, seen, time, event.clone())).collect()
    }

    fn take_as(&mut self, place: usize, seen: &Observation, time: Timestamp, event: Option<EventRef>) -> Option<Fired> {
        let part = &self.correlation.parts[place];
        // What has no value for a name of the group belongs to none.
        let group: Vec<_> =
            part.group.iter().map(|field| seen.value(field).map(str::to_owned)).collect::<Option<_>>()?;
        let values = combinations(&part.values, seen);
        let key = group.join(BETWEEN);
        let Memory { groups, closings } = &mut self.memory;
        let state = groups.entry(&key, Group::default);
        if values.is_empty() || state.is_silent(time) {
            return None;
        }
        for value in values {
            state.add(Entry { time, part: place as u16, value }, &self.correlation, event.as_ref());
        }
        let opened = state.opens(&self.correlation);
        // Only now: what an event says it says at once.
        let fired = state.fires_at_once(&self.correlation).map(|count| Fired {
            one: 0,
            time,
            group,
            count,
            events: state.fire(time, &self.correlation),
        });
        closings.extend(opened.map(|end| (end, key)));
        if closings.len() > CLOSINGS_MAX
            && let Some((end, key)) = closings.pop_first()
            && groups.get(&key).is_some_and(|state| state.closes(end))
        {
            groups.remove(&key);
        }
        fired
    }

    /// Judges the next span that is over by now; nothing when there is none.
    fn close(&mut self, now: Timestamp) -> Option<Option<Fired>> {
        self.memory.closings.first().filter(|(end, _)| *end <= now)?;
        let (time, key) = self.memory.closings.pop_first()?;
        // A group that was forgotten meanwhile, and maybe began anew, is not judged at the end it had before.
        if !self.memory.groups.get(&key).is_some_and(|state| state.closes(time)) {
            return Some(None);
        }
        // With its span a group is over; the next event begins another.
        let mut state = self.memory.groups.remove(&key)?;
        Some(state.holds_at_end(&self.correlation).map(|count| {
            let values = key.split(BETWEEN).map(str::to_owned);
            let group = if self.correlation.group_by.is_empty() { Vec::new() } else { values.collect() };
            Fired { one: 0, time, group, count, events: state.fire(time, &self.correlation) }
        }))
    }

    fn finding(&self, fired: &Fired) -> Finding {
        let subject = if fired.group.is_empty() { self.rule.title.clone() } else { fired.group.join(", ") };
        let severity: Severity = self.correlation.head.severity;
        let mut finding = Finding::new(&self.rule, subject, severity, self.text(fired));
        finding.events = fired.events.clone();
        finding
    }

    fn text(&self, fired: &Fired) -> String {
        let names = self.correlation.group_by.iter().zip(&fired.group);
        let group: Vec<_> = names.map(|(name, value)| format!("{name} {value}")).collect();
        let of = if group.is_empty() { String::new() } else { format!(" ({})", group.join(", ")) };
        let what = self.correlation.kind.counted(fired.count);
        format!("{}: {what} within {}{of}", self.rule.title, span(self.correlation.timespan))
    }
}

/// What an event counts as: the values of a field, or of several fields every combination of theirs.
fn combinations(fields: &[String], seen: &Observation) -> Vec<String> {
    let Some((first, others)) = fields.split_first() else { return vec![String::new()] };
    let mut all: Vec<_> = seen.values(first).map(str::to_owned).collect();
    for field in others {
        let longer =
            all.iter().flat_map(|begun| seen.values(field).map(move |value| format!("{begun}{BETWEEN}{value}")));
        all = longer.take(COMBINATIONS_MAX).collect();
    }
    all
}

/// `5 minutes`, `1 hour`.
fn span(seconds: i64) -> String {
    let units = [(86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second")];
    let (size, unit) = units.into_iter().find(|(size, _)| seconds % size == 0).unwrap_or((1, "second"));
    let count = seconds / size;
    if count == 1 { format!("1 {unit}") } else { format!("{count} {unit}s") }
}
