//! Says a thing once, then counts.
//!
//! The first finding about a subject becomes an alert at once. Its repeats are counted, and what is new about them
//! goes out as a revision: a graver severity, a later outcome, another reason, ten times as many. Hits must come in
//! the order of event time; nothing here knows any other clock.

mod open;
mod windows;

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, HashMap};

use serde::{Deserialize, Serialize};

use crate::alert::{Alert, Severity};
use crate::detect::Finding;
use crate::event::Timestamp;
use crate::hit::Hit;
use crate::request::{Key, Requests};

use open::Open;
use windows::Windows;

/// Seconds of event time without an event after which an alert is closed.
pub const QUIET_SECONDS: i64 = 3600;

/// Seconds after which an alert is closed however busy its subject is, so that every day has its own.
pub const DAY_SECONDS: i64 = 24 * 3600;

/// Alerts open at once. Beyond it the one that would close first is closed early.
const OPEN_MAX: usize = 10_000;

/// Open alerts of one rule about requests that came to nothing. Beyond it further subjects fold into one alert about
/// many addresses, so that nobody can drown the others.
const SUBJECTS_MAX: usize = 100;

/// Share of the outbox in use beyond which low and medium alerts fold into counts.
const NEARLY_FULL: f32 = 0.8;

/// Subject of what is folded because there are too many subjects.
const MANY_ADDRESSES: &str = "many addresses";

/// Subject of what is folded because there is no room.
const HELD_BACK: &str = "held back while the outbox is nearly full";

/// What repeats are recognised by.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Pair {
    rule: String,
    subject: String,
}

impl Pair {
    fn of(finding: &Finding) -> Self {
        Self { rule: finding.rule.id.clone(), subject: finding.subject.clone() }
    }

    fn key(&self) -> Key {
        Key::of(&[self.rule.as_bytes(), self.subject.as_bytes()])
    }
}

/// An alert that the outbox holds and our memory, being older, does not.
#[derive(Debug, Clone)]
struct Said {
    id: String,
    first: Timestamp,
    last: Timestamp,
}

/// Turns hits into alerts and their revisions.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Throttle {
    #[serde(with = "crate::request::as_list")]
    open: HashMap<String, Open>,
    #[serde(with = "crate::request::as_list")]
    by_pair: HashMap<Pair, String>,
    requests: Requests,
    windows: Windows,
    due: BinaryHeap<Reverse<(Timestamp, String)>>,
    #[serde(skip)]
    said: HashMap<Pair, Vec<Said>>,
    #[serde(skip)]
    duplicates: u64,
}

impl Throttle {
    /// Learns an alert that was said after our memory was saved, so that a replay gives it the same id.
    pub fn learn(&mut self, alert: &Alert) {
        for reason in &alert.reasons {
            let pair = Pair { rule: reason.rule.clone(), subject: reason.subject.clone() };
            let known = self.said.entry(pair).or_default();
            match known.iter_mut().find(|said| said.id == alert.id) {
                Some(said) => said.last = said.last.max(alert.last_seen),
                None => known.push(Said { id: alert.id.clone(), first: alert.first_seen, last: alert.last_seen }),
            }
        }
    }

    /// Learns what another one has learnt and does not save.
    pub fn learn_all_of(&mut self, other: &Self) {
        self.said.clone_from(&other.said);
        self.duplicates = other.duplicates;
    }

    /// Records passed because they had been taken already, since the last call.
    pub fn take_duplicates(&mut self) -> u64 {
        std::mem::take(&mut self.duplicates)
    }

    /// Whether this hit would only be counted, so that nothing of it will be shown. Holds until the next hit or tick.
    pub fn only_counts(&self, hit: &Hit) -> bool {
        hit.findings.iter().all(|finding| {
            let pair = Pair::of(finding);
            match (self.by_pair.get(&pair).and_then(|id| self.open.get(id)), finding.rule.threshold) {
                (Some(open), _) => open.only_counts(finding, hit),
                (None, Some(threshold)) => !self.windows.may_reach(pair.key(), threshold),
                (None, None) => false,
            }
        })
    }

    /// Whether this record comes for the first time; from now on it does not.
    pub fn first_sight(&mut self, hit: &Hit) -> bool {
        let first = self.requests.first_sight(hit.keys.record);
        self.duplicates += u64::from(!first);
        first
    }

    /// Whether this request ran since before what we remember, so that an earlier stage of it was judged then.
    pub fn was_judged(&self, hit: &Hit) -> bool {
        hit.late && hit.earlier_stages && self.requests.is_forgotten(hit.keys.request, hit.received)
    }

    /// What is remembered of requests, shared by all that count them.
    pub fn requests(&mut self) -> &mut Requests {
        &mut self.requests
    }

    /// Takes one hit that is no copy. `fullness` is the share of the outbox in use.
    pub fn take(&mut self, hit: Hit, fullness: f32, out: &mut Vec<Alert>) {
        self.tick(hit.time, out);
        let judged = self.was_judged(&hit);
        let mut news = BTreeSet::new();
        let passing: Vec<_> = hit.findings.iter().filter(|finding| self.passes(finding, &hit, &mut news)).collect();
        if !passing.is_empty() && !judged {
            self.tell(passing, &hit, fullness, &mut news);
        }
        for id in news {
            if let Some(open) = self.open.get_mut(&id) {
                out.push(open.say());
            }
        }
        if self.open.len() > OPEN_MAX && self.next_due().is_some() {
            self.close_next(out);
        }
    }

    /// Closes what has been quiet for long enough at this moment of event time.
    pub fn tick(&mut self, now: Timestamp, out: &mut Vec<Alert>) {
        while self.next_due().is_some_and(|due| due <= now) {
            self.close_next(out);
        }
    }

    /// When the next one closes. Those that were busy since they were put in line are put in line anew.
    fn next_due(&mut self) -> Option<Timestamp> {
        loop {
            let Reverse((due, id)) = self.due.peek()?;
            match self.open.get(id).map(Open::due) {
                Some(later) if later > *due => {
                    let id = id.clone();
                    self.due.pop();
                    self.due.push(Reverse((later, id)));
                }
                _ => return Some(*due),
            }
        }
    }

    /// Says once more what was counted since it was last said, without closing anything.
    pub fn say_counts(&mut self, out: &mut Vec<Alert>) {
        let mut behind: Vec<_> = self.open.values_mut().filter(|open| open.has_unsaid()).collect();
        behind.sort_by(|one, other| one.alert.id.cmp(&other.alert.id));
        out.extend(behind.into_iter().map(Open::say));
    }

    fn close_next(&mut self, out: &mut Vec<Alert>) {
        let Some(Reverse((_, id))) = self.due.pop() else { return };
        let Some(open) = self.open.remove(&id) else { return };
        for pair in &open.pairs {
            if self.by_pair.get(pair) == Some(&id) {
                self.by_pair.remove(pair);
            }
            // Its window is over: what comes next is another alert, whatever was said before a crash.
            if let Some(said) = self.said.get_mut(pair) {
                said.retain(|said| said.id != id);
            }
        }
        out.push(open.close());
    }

    /// Counts a finding where it is a repeat, or says that it should become an alert.
    fn passes(&mut self, finding: &Finding, hit: &Hit, news: &mut BTreeSet<String>) -> bool {
        let pair = Pair::of(finding);
        if let Some(id) = self.by_pair.get(&pair).cloned() {
            self.repeat(&id, finding, hit, news);
            self.requests.counts(hit.keys.request, hit.received, judgement(finding));
            return false;
        }
        // An earlier stage said just this, in an alert that is closed by now.
        if self.requests.was_counted(hit.keys.request, judgement(finding)) {
            return false;
        }
        let Some(threshold) = finding.rule.threshold else { return true };
        let fresh = self.requests.counts(hit.keys.request, hit.received, pair.key());
        fresh && self.windows.reaches(pair.key(), hit.time, threshold)
    }

    fn repeat(&mut self, id: &str, finding: &Finding, hit: &Hit, news: &mut BTreeSet<String>) {
        let fresh = self.requests.counts(hit.keys.request, hit.received, Key::of(&[id.as_bytes()]));
        let Some(open) = self.open.get_mut(id) else { return };
        if open.count(finding, hit, fresh) {
            news.insert(id.to_owned());
        }
    }

    /// Makes an alert of the findings of one hit that are no repeats, or adds them to the one that speaks of its request.
    fn tell(&mut self, mut passing: Vec<&Finding>, hit: &Hit, fullness: f32, news: &mut BTreeSet<String>) {
        passing.sort_by(|one, other| other.severity.cmp(&one.severity).then_with(|| one.rule.id.cmp(&other.rule.id)));
        let known = self.requests.alert_of(hit.keys.request).map(str::to_owned);
        if let Some(id) = known
            && let Some(open) = self.open.get_mut(&id)
            && !(open.folds && deserves_its_own(passing[0], hit, open))
        {
            let mut new = false;
            for finding in passing {
                new |= open.join(finding, hit);
                if !open.folds {
                    self.requests.counts(hit.keys.request, hit.received, judgement(finding));
                    self.by_pair.insert(Pair::of(finding), id.clone());
                }
            }
            if new {
                news.insert(id);
            }
            return;
        }
        match self.folded_subject(passing[0], hit, fullness) {
            Some(subject) => self.fold(passing[0], subject, hit, news),
            None => self.found(&passing, hit, false, news),
        }
    }

    fn folded_subject(&self, gravest: &Finding, hit: &Hit, fullness: f32) -> Option<&'static str> {
        if fullness > NEARLY_FULL && gravest.severity <= Severity::Medium {
            return Some(HELD_BACK);
        }
        let of_rule =
            || self.open.values().filter(|open| !open.success && open.alert.rule.id == gravest.rule.id).count();
        let crowded =
            hit.event.is_some() && !hit.success && self.open.len() >= SUBJECTS_MAX && of_rule() >= SUBJECTS_MAX;
        crowded.then_some(MANY_ADDRESSES)
    }

    fn fold(&mut self, finding: &Finding, subject: &str, hit: &Hit, news: &mut BTreeSet<String>) {
        let folded =
            Finding { subject: subject.to_owned(), text: format!("{subject}: {}", finding.text), ..finding.clone() };
        match self.by_pair.get(&Pair::of(&folded)).cloned() {
            Some(id) => {
                self.requests.told_by(hit.keys.request, hit.received, &id);
                self.repeat(&id, &folded, hit, news);
            }
            None => self.found(&[&folded], hit, true, news),
        }
    }

    fn found(&mut self, findings: &[&Finding], hit: &Hit, folds: bool, news: &mut BTreeSet<String>) {
        let id = findings.iter().find_map(|finding| self.said_id(finding, hit.time));
        let id = id.unwrap_or_else(|| new_id(findings[0], hit));
        let open = Open::found(&id, findings, hit, folds);
        self.requests.counts(hit.keys.request, hit.received, Key::of(&[id.as_bytes()]));
        self.requests.told_by(hit.keys.request, hit.received, &id);
        for finding in findings {
            self.requests.counts(hit.keys.request, hit.received, judgement(finding));
        }
        for pair in &open.pairs {
            self.by_pair.insert(pair.clone(), id.clone());
        }
        self.due.push(Reverse((open.due(), id.clone())));
        self.open.insert(id.clone(), open);
        news.insert(id);
    }

    /// The id under which this finding was said before a crash.
    fn said_id(&self, finding: &Finding, time: Timestamp) -> Option<String> {
        let said = self.said.get(&Pair::of(finding))?;
        let inside = |said: &&Said| {
            said.first.plus_seconds(-QUIET_SECONDS) < time
                && time < said.last.plus_seconds(QUIET_SECONDS)
                && time < said.first.plus_seconds(DAY_SECONDS)
                && !self.open.contains_key(&said.id)
        };
        said.iter().find(inside).map(|said| said.id.clone())
    }
}

/// What one request is told for: a rule, a subject, and how grave it was found to be.
fn judgement(finding: &Finding) -> Key {
    Key::of(&[finding.rule.id.as_bytes(), finding.subject.as_bytes(), finding.severity.word().as_bytes()])
}

/// Whether a later stage of a request that was folded away shows more than a count can say.
fn deserves_its_own(gravest: &Finding, hit: &Hit, fold: &Open) -> bool {
    hit.success || (gravest.severity > Severity::Medium && fold.alert.subject == HELD_BACK)
}

/// The cluster is part of it: what one cluster's sender copies from another is an alert of its own.
fn new_id(finding: &Finding, hit: &Hit) -> String {
    let request = hit.keys.request.bytes();
    Key::of(&[finding.rule.id.as_bytes(), finding.subject.as_bytes(), &request, hit.cluster.as_bytes()]).to_string()
}

#[cfg(test)]
mod tests;
