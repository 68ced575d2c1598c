//! One group of a correlation: what came within the span, and whether that is enough.

use std::collections::{HashSet, VecDeque};

use serde::{Deserialize, Serialize};

use crate::alert::EventRef;
use crate::detect::rules::{COUNTED_MAX, Condition, Correlation, CorrelationKind as Kind, Operator};
use crate::event::Timestamp;

/// Most events that a finding stands on; of more, the newest.
const EVENTS_MAX: usize = 16;

/// Longest value remembered, bytes; of a longer one its beginning is.
const VALUE_BYTES_MAX: usize = 512;

/// One thing that came.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Entry {
    pub time: Timestamp,
    /// Which of the parts it is.
    pub part: u16,
    /// The value that is counted.
    pub value: String,
}

/// What came of one group.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Group {
    /// In the order of time.
    entries: VecDeque<Entry>,
    events: VecDeque<EventRef>,
    /// The end of the span that is judged when it is over.
    closes: Option<Timestamp>,
    /// Silent until then.
    silent: Option<Timestamp>,
}

impl Group {
    /// Whether it has fired and is silent for now.
    pub fn is_silent(&self, time: Timestamp) -> bool {
        self.silent.is_some_and(|until| time < until)
    }

    /// Adds what came, and forgets what is older than the span.
    pub fn add(&mut self, mut entry: Entry, correlation: &Correlation, event: Option<&EventRef>) {
        if entry.value.len() > VALUE_BYTES_MAX {
            let cut = (0..=VALUE_BYTES_MAX).rev().find(|at| entry.value.is_char_boundary(*at)).unwrap_or(0);
            entry.value.truncate(cut);
        }
        let place = self.entries.iter().rposition(|known| known.time <= entry.time).map_or(0, |place| place + 1);
        self.entries.insert(place, entry);
        if self.closes.is_none() {
            self.forget_old(correlation.timespan);
        }
        if self.entries.len() > COUNTED_MAX {
            self.entries.pop_front();
        }
        if let Some(event) = event.filter(|event| self.events.back() != Some(event)) {
            self.events.push_back(event.clone());
            if self.events.len() > EVENTS_MAX {
                self.events.pop_front();
            }
        }
    }

    fn forget_old(&mut self, timespan: i64) {
        let Some(newest) = self.entries.back().map(|entry| entry.time) else { return };
        let too_old = |time: Timestamp| time.plus_seconds(timespan) <= newest;
        while self.entries.front().is_some_and(|entry| too_old(entry.time)) {
            self.entries.pop_front();
        }
        while self.events.front().is_some_and(|event| too_old(event.time)) {
            self.events.pop_front();
        }
    }

    /// The end of the span that begins now, if its end has to be waited for.
    pub fn opens(&mut self, correlation: &Correlation) -> Option<Timestamp> {
        if self.closes.is_some() || !waits(&correlation.condition) {
            return None;
        }
        self.closes = self.entries.back().map(|entry| entry.time.plus_seconds(correlation.timespan));
        self.closes
    }

    /// Whether its span ends then.
    pub fn closes(&self, end: Timestamp) -> bool {
        self.closes == Some(end)
    }

    /// What was counted, if that suffices and nothing more can undo it.
    pub fn fires_at_once(&self, correlation: &Correlation) -> Option<f64> {
        if waits(&correlation.condition) { None } else { self.holds(correlation) }
    }

    /// At the end of the span: what was counted, if that suffices.
    pub fn holds_at_end(&self, correlation: &Correlation) -> Option<f64> {
        self.closes?;
        self.holds(correlation)
    }

    /// Fires: what came is used up, and the group is silent for a span.
    pub fn fire(&mut self, time: Timestamp, correlation: &Correlation) -> Vec<EventRef> {
        self.entries.clear();
        self.closes = None;
        // Its span is over when it is judged at the end.
        self.silent = (!waits(&correlation.condition)).then(|| time.plus_seconds(correlation.timespan));
        std::mem::take(&mut self.events).into()
    }

    fn holds(&self, correlation: &Correlation) -> Option<f64> {
        let count = self.count(correlation)?;
        match &correlation.condition {
            Condition::Number(comparisons) => {
                comparisons.iter().all(|comparison| comparison.holds(count)).then_some(count)
            }
            Condition::Rules(rules) => {
                let found = self.found(correlation);
                rules.holds(&|part| found.get(part).copied().unwrap_or(false)).then_some(count)
            }
        }
    }

    fn count(&self, correlation: &Correlation) -> Option<f64> {
        match correlation.kind {
            Kind::EventCount => Some(self.entries.len() as f64),
            Kind::ValueCount => {
                Some(self.entries.iter().map(|entry| entry.value.as_str()).collect::<HashSet<_>>().len() as f64)
            }
            Kind::Temporal | Kind::TemporalOrdered => {
                Some(self.found(correlation).iter().filter(|found| **found).count() as f64)
            }
            kind => self.of_numbers(kind),
        }
    }

    fn of_numbers(&self, kind: Kind) -> Option<f64> {
        let numbers = self.entries.iter().filter_map(|entry| entry.value.trim().parse::<f64>().ok());
        let mut numbers: Vec<_> = numbers.filter(|number| number.is_finite()).collect();
        if numbers.is_empty() {
            return None;
        }
        let count = numbers.len();
        Some(match kind {
            Kind::ValueSum => numbers.iter().sum(),
            Kind::ValueAvg => numbers.iter().sum::<f64>() / count as f64,
            Kind::ValuePercentile(percent) => {
                numbers.sort_by(f64::total_cmp);
                // The nearest rank: the smallest number that so many of a hundred do not exceed.
                let rank = (count * usize::from(percent)).div_ceil(100).max(1);
                numbers[rank - 1]
            }
            _ => return None,
        })
    }

    /// Which parts came; in order, those that came after all that came of those before them.
    fn found(&self, correlation: &Correlation) -> Vec<bool> {
        let mut found = vec![false; correlation.parts.len()];
        if correlation.kind != Kind::TemporalOrdered {
            self.entries.iter().for_each(|entry| found[usize::from(entry.part)] = true);
            return found;
        }
        let mut from = 0;
        for (part, found) in found.iter_mut().enumerate() {
            let place = self.entries.iter().skip(from).position(|entry| usize::from(entry.part) == part);
            if let Some(place) = place {
                (*found, from) = (true, from + place + 1);
            }
        }
        found
    }
}

/// Whether more of the same could undo what holds.
fn waits(condition: &Condition) -> bool {
    match condition {
        Condition::Number(all) => all.iter().any(|one| !matches!(one.operator, Operator::Gt | Operator::Gte)),
        Condition::Rules(rules) => rules.can_turn(),
    }
}
