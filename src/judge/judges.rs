//! The judges of one cluster, asked one after the other.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::once::Once;
use super::{Case, Judge};
use crate::detect::observation::Observation;
use crate::detect::{Finding, Findings};
use crate::event::Timestamp;
use crate::hit::Hit;
use crate::request::{Key, Requests};

/// What judges remember, as it is written.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Memory {
    once: Once,
    of: Vec<OfOne>,
}

/// What one judge remembers.
#[derive(Debug, Serialize, Deserialize)]
struct OfOne {
    id: String,
    shape: Key,
    memory: Box<RawValue>,
}

/// All judges.
#[derive(Default)]
pub struct Judges {
    judges: Vec<Box<dyn Judge>>,
    once: Once,
    verdict: Findings,
}

impl Judges {
    /// These, asked in this order; each sees what those before it have added.
    pub fn new(judges: Vec<Box<dyn Judge>>) -> Self {
        Self { judges, ..Self::default() }
    }

    /// Leaves out what was found in this minute already.
    pub fn pass_over_repeats(&mut self, hit: &mut Hit) {
        let time = hit.time;
        hit.findings.retain(|finding| finding.once.is_none_or(|key| self.once.is_first(key, time)));
    }

    /// The ids of the rules by which they raise findings.
    pub fn rules(&self) -> impl Iterator<Item = String> {
        self.judges.iter().flat_map(|judge| judge.rules())
    }

    /// Lets every judge see what is new in a hit that is no copy. What they find passes `mark`, so that those asked
    /// later know which of it is suppressed.
    pub fn judge(&mut self, hit: &Hit, requests: &mut Requests, mark: &dyn Fn(&mut Finding)) -> Vec<Finding> {
        let mut added = Vec::new();
        if self.judges.is_empty() {
            return added;
        }
        let (findings, observed) = self.news(hit, requests);
        if findings.is_empty() && observed.is_empty() {
            return added;
        }
        for judge in &mut self.judges {
            let case = Case {
                time: hit.time,
                who: &hit.who,
                success: hit.success,
                event: hit.event.as_ref(),
                findings: &findings,
                observed: &observed,
                added: &added,
            };
            judge.judge(&case, &mut self.verdict);
            let mut found = self.verdict.take();
            found.iter_mut().for_each(mark);
            added.append(&mut found);
        }
        added
    }

    /// What was not found or observed at an earlier stage of the request.
    fn news<'h>(&mut self, hit: &'h Hit, requests: &mut Requests) -> (Vec<&'h Finding>, Vec<&'h Observation>) {
        let mut counts = |parts: &[&[u8]]| requests.counts(hit.keys.request, hit.received, Key::of(parts));
        let found = |finding: &&Finding| {
            // As grave as before is nothing new.
            let severity = finding.severity.word().as_bytes();
            counts(&[b"judged", finding.rule.id.as_bytes(), finding.subject.as_bytes(), severity])
        };
        let findings = hit.findings.iter().filter(found).collect();
        let observed = |observation: &&Observation| match observation.once {
            Some(key) => self.once.is_first(key, hit.time),
            None => counts(&[b"observed", observation.what.as_bytes()]),
        };
        (findings, hit.observed.iter().filter(observed).collect())
    }

    /// The first moment at or before `now` at which somebody wants to speak, and what is said then.
    pub fn tick(&mut self, now: Timestamp) -> Option<(Timestamp, Vec<Finding>)> {
        let due = self.judges.iter().filter_map(|judge| judge.due()).min().filter(|due| *due <= now)?;
        for judge in &mut self.judges {
            if judge.due() == Some(due) {
                judge.tick(due, &mut self.verdict);
            }
        }
        Some((due, self.verdict.take()))
    }

    /// What is remembered.
    ///
    /// # Errors
    /// A value that JSON cannot hold; none is known.
    pub fn save(&self) -> serde_json::Result<Box<RawValue>> {
        #[derive(Serialize)]
        struct Written<'m> {
            once: &'m Once,
            of: Vec<OfOne>,
        }
        let of = self
            .judges
            .iter()
            .map(|judge| Ok(OfOne { id: judge.id().to_owned(), shape: shape(&**judge), memory: judge.save()? }));
        let of = of.collect::<serde_json::Result<_>>()?;
        serde_json::value::to_raw_value(&Written { once: &self.once, of })
    }

    /// Takes over what was remembered, as far as it has the shape of today; the ids of those that begin anew because
    /// theirs has not.
    ///
    /// # Errors
    /// A memory of the right shape that its judge cannot read.
    pub fn load(&mut self, memory: Memory) -> serde_json::Result<Vec<String>> {
        self.once = memory.once;
        let mut anew = Vec::new();
        for judge in &mut self.judges {
            let Some(known) = memory.of.iter().find(|known| known.id == judge.id()) else { continue };
            match known.shape == shape(&**judge) {
                true => judge.load(&known.memory)?,
                false => anew.push(known.id.clone()),
            }
        }
        Ok(anew)
    }
}

fn shape(judge: &dyn Judge) -> Key {
    Key::of(&[judge.shape().as_bytes()])
}
