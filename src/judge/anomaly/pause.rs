//! A value that was seen regularly is not seen any more.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

use super::document::Anomaly;
use super::novelty::Seen;
use crate::detect::Findings;
use crate::event::Timestamp;
use crate::judge::{Case, Judge};

/// Most values remembered. Beyond it new ones are passed over.
const VALUES_MAX: usize = 1024;

/// Sights of a value before its silence means anything, unless the document says otherwise.
const SIGHTS: u32 = 10;

/// One value.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Beat {
    first: Timestamp,
    last: Timestamp,
    sights: u32,
    /// The longest it was usually silent, seconds.
    longest: i64,
    told: bool,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Memory {
    values: BTreeMap<String, Beat>,
    due: Option<Timestamp>,
}

/// One document's judge.
pub(super) struct Pause {
    document: Anomaly,
    learning: i64,
    memory: Memory,
}

impl Pause {
    pub(super) fn new(document: Anomaly, learning: i64) -> Self {
        let learning = document.learning(learning);
        Self { document, learning, memory: Memory::default() }
    }

    /// When the silence of a value is worth a word: three times as long as ever, and longer than the window.
    fn due_of(&self, beat: &Beat) -> Option<Timestamp> {
        let learnt = beat.first.plus_seconds(self.learning) <= beat.last;
        let regular = learnt && beat.sights >= self.document.at_least(SIGHTS) && !beat.told;
        regular.then(|| beat.last.plus_seconds(self.document.window().max(3 * beat.longest)))
    }

    fn next(&self) -> Option<Timestamp> {
        self.memory.values.values().filter_map(|beat| self.due_of(beat)).min()
    }
}

impl Judge for Pause {
    fn id(&self) -> &str {
        &self.document.rule.id
    }

    fn shape(&self) -> String {
        self.document.shape()
    }

    fn judge(&mut self, case: &Case<'_>, _: &mut Findings) {
        for observation in case.observed(&self.document.rule.id) {
            let value = Seen::read(observation).value;
            let room = self.memory.values.len() < VALUES_MAX;
            match self.memory.values.get_mut(value) {
                Some(beat) => {
                    let gap = case.time.micros().saturating_sub(beat.last.micros()) / 1_000_000;
                    // A silence that was told is no habit.
                    beat.longest = if beat.told { beat.longest } else { beat.longest.max(gap) };
                    beat.last = beat.last.max(case.time);
                    beat.sights = beat.sights.saturating_add(1);
                    beat.told = false;
                }
                None if room => {
                    let beat = Beat { first: case.time, last: case.time, sights: 1, longest: 0, told: false };
                    self.memory.values.insert(value.to_owned(), beat);
                }
                None => continue,
            }
            self.memory.due = self.next();
        }
    }

    fn due(&self) -> Option<Timestamp> {
        self.memory.due
    }

    fn tick(&mut self, now: Timestamp, verdict: &mut Findings) {
        let silent: Vec<_> = self
            .memory
            .values
            .iter()
            .filter(|(_, beat)| self.due_of(beat).is_some_and(|due| due <= now))
            .map(|(value, _)| value.clone())
            .collect();
        for value in silent {
            let Some(beat) = self.memory.values.get_mut(&value) else { continue };
            beat.told = true;
            let text = format!(
                "{}: {value} was seen {} times, at most {} s apart, and not since {}",
                self.document.rule.title, beat.sights, beat.longest, beat.last
            );
            verdict.tell(&self.document.rule, value, self.document.level, text);
        }
        self.memory.due = self.next();
    }

    fn save(&self) -> serde_json::Result<Box<RawValue>> {
        to_raw_value(&self.memory)
    }

    fn load(&mut self, memory: &RawValue) -> serde_json::Result<()> {
        self.memory = serde_json::from_str(memory.get())?;
        Ok(())
    }
}
