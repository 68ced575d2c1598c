//! All of the thinking as one function: bytes in, alerts out.
//!
//! What is found in an event does not depend on any other, so batches are inspected as they come. Only the few
//! events in which something is found or observed go on, to judges and throttle, in the order of event time: while some source is behind, they are
//! held until every source is past them by [`LATENESS_SECONDS`]. So one log dealt out over several files gives the
//! alerts of the one file, and a source that is up to date is told of at once.

mod census;
mod held;
mod memory;
mod merge;
mod notices;
mod show;
mod suppressing;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap};

use serde::{Deserialize, Serialize};

use crate::alert::Alert;
use crate::batch::{Batch, ClusterId, Input, Place, Position, SourceId};
use crate::decode::{self, Partial, Record};
use crate::detect::{Detector, Findings};
use crate::enrich::Enricher;
use crate::event::{Event, Stage, Timestamp};
use crate::hit::Hit;
use crate::judge::{Judge, Judges};
use crate::mask::Remains;
use crate::request::Key;
use crate::suppress::{Suppressed, Suppressions};
use crate::throttle::Throttle;

pub use census::{Caller, Census};
use held::Held;
pub use memory::Snapshot;
pub use merge::Merge;
use notices::SourceRules;

/// How much out of order the records of one cluster may be, seconds of event time. API servers write within
/// milliseconds of each other; what comes later than this while a source is behind is taken when it comes.
pub const LATENESS_SECONDS: i64 = 10;

/// Most hits held for order. Beyond it the oldest are taken although something older may still come.
const HELD_MAX: usize = 50_000;

/// What came of an input.
#[derive(Debug, Default)]
pub struct Output {
    /// Alerts and revisions, in the order to be told.
    pub alerts: Vec<Alert>,
    /// Records that could not be read whole.
    pub quarantined: Vec<Quarantined>,
    /// Events analyzed.
    pub events: u64,
    /// Records passed because they had been taken already.
    pub duplicates: u64,
    /// Findings that were not told because they are expected, each once a request.
    pub suppressed: Vec<Suppressed>,
    /// Records that are not the API server's, by why they were passed.
    pub passed: BTreeMap<&'static str, u64>,
}

/// A record that could not be read whole.
#[derive(Debug, Clone)]
pub struct Quarantined {
    /// Event time, as far as it is known.
    pub time: Timestamp,
    /// Who read it.
    pub source: SourceId,
    /// Where it stands.
    pub place: Place,
    /// One of a fixed list of words.
    pub reason: &'static str,
    /// What may be kept of it.
    pub remains: Remains,
}

/// What we remember of one source.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct SourceMemory {
    /// How far it has been read.
    position: Option<Position>,
    /// Time of the newest event read.
    newest: Option<Timestamp>,
    /// It writes stages before the last one.
    earlier_stages: bool,
    /// What it said before we knew any time.
    waiting: Vec<Hit>,
    /// The beginning of a record that goes on in the next batch.
    #[serde(default, skip_serializing_if = "Partial::is_empty")]
    partial: Partial,
}

/// The memory of one cluster, and all that thinks about it.
pub struct Analyzer {
    cluster: ClusterId,
    enricher: Enricher,
    detectors: Vec<Box<dyn Detector>>,
    source_rules: SourceRules,
    findings: Findings,
    judges: Judges,
    suppressions: Suppressions,
    throttle: Throttle,
    sources: HashMap<SourceId, SourceMemory>,
    held: BinaryHeap<Reverse<Held>>,
    census: Option<Census>,
}

impl Analyzer {
    /// Remembers nothing yet.
    pub fn new(cluster: ClusterId, enricher: Enricher, detectors: Vec<Box<dyn Detector>>) -> Self {
        Self {
            cluster,
            enricher,
            detectors,
            source_rules: SourceRules::default(),
            findings: Findings::outlines(),
            judges: Judges::default(),
            suppressions: Suppressions::default(),
            throttle: Throttle::default(),
            sources: HashMap::new(),
            held: BinaryHeap::new(),
            census: None,
        }
    }

    /// Looks at another cluster's records.
    pub fn of_cluster(mut self, cluster: &ClusterId) -> Self {
        self.cluster = cluster.clone();
        self
    }

    /// Lets these remember what was found and observed.
    pub fn with_judges(mut self, judges: Vec<Box<dyn Judge>>) -> Self {
        self.judges = Judges::new(judges);
        self
    }

    /// Passes over what these cover.
    pub fn with_suppressions(mut self, suppressions: Suppressions) -> Self {
        self.suppressions = suppressions;
        self
    }

    /// The ids of all rules by which it may raise findings.
    pub fn rules(&self) -> BTreeSet<String> {
        let detectors = self.detectors.iter().flat_map(|detector| detector.rules());
        let of_events = detectors.map(|rule| rule.id.clone()).chain(self.judges.rules());
        of_events.chain(self.source_rules.ids()).collect()
    }

    /// Counts who came from where, for a report.
    pub fn with_census(mut self) -> Self {
        self.census = Some(Census::default());
        self
    }

    /// Who came from where so far.
    pub fn census(&self) -> Option<&Census> {
        self.census.as_ref()
    }

    /// How far a source had been read.
    pub fn position(&self, source: &SourceId) -> Option<&Position> {
        self.sources.get(source)?.position.as_ref()
    }

    /// Time of the newest event of a source.
    pub fn newest(&self, source: &SourceId) -> Option<Timestamp> {
        self.sources.get(source)?.newest
    }

    /// Whether a source is remembered.
    pub fn knows(&self, source: &SourceId) -> bool {
        self.sources.contains_key(source)
    }

    /// Remembers a source from now on, at its very beginning.
    pub fn meet(&mut self, source: &SourceId) {
        self.sources.entry(source.clone()).or_default();
    }

    /// Learns an alert that was said after the memory was saved.
    pub fn learn(&mut self, alert: &Alert) {
        self.throttle.learn(alert);
    }

    /// Inspects one input. What is found waits for [`Analyzer::settle`].
    pub fn analyze(&mut self, input: &Input, out: &mut Output) {
        match input {
            Input::Batch(batch) => self.batch(batch, out),
            Input::Notice(notice) => self.notice(notice, out),
        }
    }

    /// Takes what was found up to the horizon: event time that every source is past, or the end of time when all are
    /// at their ends. `fullness` is the share of the outbox in use.
    pub fn settle(&mut self, horizon: Timestamp, fullness: f32, out: &mut Output) {
        while let Some(Reverse(held)) = self.held.peek() {
            if held.hit.time > horizon && self.held.len() <= HELD_MAX {
                break;
            }
            let Some(Reverse(held)) = self.held.pop() else { break };
            // What has to be said or closed by then is, so that the throttle's answer holds until it takes the hit.
            self.pass_time(held.hit.time, fullness, out);
            self.take(held, fullness, out);
        }
        out.duplicates += self.throttle.take_duplicates();
    }

    /// Judges a hit, and takes it if there is anything to say.
    fn take(&mut self, mut held: Held, fullness: f32, out: &mut Output) {
        // What is observed once a minute is known by that: the memory of records is kept for the others.
        let minutely = held.hit.is_minutely();
        if !minutely && !self.throttle.first_sight(&held.hit) {
            return;
        }
        self.judges.pass_over_repeats(&mut held.hit);
        self.judge(&mut held);
        self.leave_out(&mut held.hit, out);
        if held.hit.findings.is_empty() || (minutely && !self.throttle.first_sight(&held.hit)) {
            return;
        }
        let hit = if self.throttle.only_counts(&held.hit) { held.hit } else { held.shown(&self.detectors) };
        self.throttle.take(*hit, fullness, &mut out.alerts);
    }

    /// Lets judges speak of what did not come until now, and closes what has been quiet.
    fn pass_time(&mut self, now: Timestamp, fullness: f32, out: &mut Output) {
        while let Some((due, findings)) = self.judges.tick(now) {
            for finding in findings {
                let (rule, subject) = (finding.rule.id.as_bytes(), finding.subject.as_bytes());
                let key = Key::of(&[rule, subject, &due.micros().to_le_bytes()]);
                let hit = Hit::without_event(due, key, finding, self.cluster.shared());
                if self.throttle.first_sight(&hit) {
                    self.take_unraised(hit, fullness, out);
                }
            }
        }
        self.throttle.tick(now, &mut out.alerts);
    }

    /// Closes what has been quiet for long enough. `watermark` is event time that no source will go back behind.
    pub fn tick(&mut self, watermark: Timestamp, out: &mut Output) {
        self.release_waiting(watermark);
        let oldest_held = self.held.peek().map(|Reverse(held)| held.hit.time);
        self.pass_time(oldest_held.map_or(watermark, |oldest| oldest.min(watermark)), 0.0, out);
    }

    /// Nothing more will come: takes all that is held, and says the last counts without closing anything.
    pub fn finish(&mut self, out: &mut Output) {
        self.release_waiting(Timestamp::default());
        self.settle(Timestamp::MAX, 0.0, out);
        self.throttle.say_counts(&mut out.alerts);
    }

    fn batch(&mut self, batch: &Batch, out: &mut Output) {
        let mut memory = self.sources.remove(&batch.source).unwrap_or_default();
        let mut partial = std::mem::take(&mut memory.partial);
        decode::open(&batch.bytes, batch.framing, &batch.envelope, &mut partial, &mut |record| match record {
            Record::Event(event) => self.event(&event, batch, &mut memory, out),
            Record::Unreadable(unreadable) => {
                let place = batch.place(unreadable.offset);
                let remains = match unreadable.wrapping {
                    true => crate::mask::opaque(unreadable.bytes),
                    false => crate::mask::unreadable(unreadable.bytes),
                };
                self.unreadable(&batch.source, place, unreadable.reason, remains, &mut memory, out);
            }
            Record::Passed(reason) => *out.passed.entry(reason).or_default() += 1,
        });
        memory.partial = partial;
        memory.position = Some(batch.upto.clone());
        self.sources.insert(batch.source.clone(), memory);
    }

    #[inline]
    fn event(&mut self, event: &Event<'_>, batch: &Batch, memory: &mut SourceMemory, out: &mut Output) {
        out.events += 1;
        let time = event.time();
        if let Some(time) = time {
            memory.newest = Some(memory.newest.map_or(time, |newest| newest.max(time)));
            if !memory.waiting.is_empty() {
                self.release(memory, time);
            }
        }
        memory.earlier_stages |= event.stage() == Stage::RequestReceived;
        let facts = self.enricher.facts(event);
        if let Some(census) = &mut self.census {
            census.count(&facts.who, &facts.origin, time);
        }
        for detector in &self.detectors {
            detector.inspect(&facts, &mut self.findings);
        }
        if event.is_truncated() {
            let remains = crate::mask::unreadable(event.bytes());
            self.source_rules.cut(&batch.source, &batch.place(event.offset()), &mut self.findings);
            out.quarantined.push(Quarantined {
                time: time.or(memory.newest).unwrap_or_default(),
                source: batch.source.clone(),
                place: batch.place(event.offset()),
                reason: "truncated",
                remains,
            });
        }
        if self.findings.is_empty() {
            return;
        }
        let mut hit = show::outline(&facts, &mut self.findings, &batch.source, &self.cluster);
        hit.earlier_stages = memory.earlier_stages;
        let held = Held::new(hit, &facts, &self.detectors);
        match time.or(memory.newest) {
            Some(time) => self.held.push(Reverse(held.at(time))),
            None => memory.waiting.push(*held.shown(&self.detectors)),
        }
    }

    /// Gives what was said before any time was known the first time that is.
    fn release(&mut self, memory: &mut SourceMemory, time: Timestamp) {
        for mut hit in memory.waiting.drain(..) {
            hit.time = time;
            for finding in &mut hit.findings {
                finding.text = finding.text.replace(notices::GAP_END, &time.to_string());
            }
            self.hold_shown(hit);
        }
    }

    fn hold_shown(&mut self, hit: Hit) {
        self.held.push(Reverse(Held::from(hit)));
    }

    fn release_waiting(&mut self, time: Timestamp) {
        let mut sources = std::mem::take(&mut self.sources);
        for memory in sources.values_mut().filter(|memory| !memory.waiting.is_empty()) {
            self.release(memory, time);
        }
        self.sources = sources;
    }
}

#[cfg(test)]
mod tests;
