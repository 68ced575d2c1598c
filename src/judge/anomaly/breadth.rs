//! Many different things in a short time: far more than this identity, or its peers, ever touch.

use std::collections::VecDeque;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

use super::document::Anomaly;
use super::novelty::Seen;
use crate::alert::{EventRef, Unusual};
use crate::detect::{Finding, Findings};
use crate::event::Timestamp;
use crate::judge::recent::Recent;
use crate::judge::{Case, Judge};

/// Identities of one generation. Beyond it those idle longest learn anew.
const IDENTITIES_MAX: usize = 4096;

/// Most different values counted in one window; more are not told apart.
const VALUES_MAX: usize = 256;

/// Different values that are many, unless the document says otherwise.
const MANY: u32 = 10;

/// Events named as examples.
const EXAMPLES_MAX: usize = 8;

/// Days in which the usual breadth comes to count half.
const HALF_LIFE_DAYS: f64 = 14.0;

/// The most that was usual, fading.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Most {
    born: Timestamp,
    at: Timestamp,
    breadth: f64,
    /// The most of the window that is not over yet, and when that began. It is no habit before it is over: else a
    /// flood would teach itself.
    open: usize,
    since: Timestamp,
}

impl Most {
    fn new(now: Timestamp) -> Self {
        Self { born: now, at: now, breadth: 0.0, open: 0, since: now }
    }

    fn now(&self, now: Timestamp) -> f64 {
        let days = now.micros().saturating_sub(self.at.micros()) as f64 / 86_400e6;
        self.breadth * 0.5f64.powf(days.max(0.0) / HALF_LIFE_DAYS)
    }

    /// Ends the window that is over.
    fn pass(&mut self, now: Timestamp, window: i64) {
        if self.since.plus_seconds(window) > now {
            return;
        }
        if self.open as f64 >= self.now(now) {
            self.breadth = self.open as f64;
            self.at = now;
        }
        (self.open, self.since) = (0, now);
    }
}

/// One identity.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Identity {
    most: Most,
    window: VecDeque<(Timestamp, String, Option<EventRef>)>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Memory {
    identities: Recent<Identity>,
    peers: Recent<Most>,
}

/// One document's judge.
pub(super) struct Breadth {
    document: Anomaly,
    learning: i64,
    memory: Memory,
}

impl Breadth {
    pub(super) fn new(document: Anomaly, learning: i64) -> Self {
        let learning = document.learning(learning);
        let memory = Memory { identities: Recent::new(IDENTITIES_MAX), peers: Recent::new(IDENTITIES_MAX) };
        Self { document, learning, memory }
    }

    fn see(&mut self, seen: &Seen<'_>, case: &Case<'_>, verdict: &mut Findings) {
        let (now, learning) = (case.time, self.learning);
        let new = || Identity { most: Most::new(now), window: VecDeque::new() };
        let identity = self.memory.identities.entry(seen.who, new);
        let peers = self.memory.peers.entry(seen.peers, || Most::new(now));
        let window = self.document.window();
        identity.most.pass(now, window);
        peers.pass(now, window);
        let begin = now.plus_seconds(-window);
        identity.window.retain(|(time, value, _)| *time >= begin && value != seen.value);
        if identity.window.len() >= VALUES_MAX {
            identity.window.pop_front();
        }
        identity.window.push_back((now, seen.value.to_owned(), case.event.cloned()));
        let breadth = identity.window.len();
        // Who is new is compared with his peers; who has habits, with himself.
        let speaks = |most: &Most| most.born.plus_seconds(learning) <= now;
        let (most, whose) = if speaks(&identity.most) { (&identity.most, seen.who) } else { (&*peers, seen.peers) };
        let bar = f64::from(self.document.at_least(MANY)).max(2.0 * most.now(now));
        if breadth as f64 >= bar && speaks(most) {
            verdict.push(finding(&self.document, seen, case, identity, most, whose));
            return;
        }
        if case.is_innocent() {
            identity.most.open = identity.most.open.max(breadth);
            peers.open = peers.open.max(breadth);
        }
    }
}

fn finding(
    document: &Anomaly,
    seen: &Seen<'_>,
    case: &Case<'_>,
    identity: &Identity,
    most: &Most,
    whose: &str,
) -> Finding {
    let breadth = identity.window.len();
    let usual = most.now(case.time).round() as u64;
    let fields = document.of.iter().map(|field| field.name()).collect::<Vec<_>>().join(", ");
    let examples: Vec<_> = identity.window.iter().rev().take(3).map(|(_, value, _)| value.as_str()).collect();
    let text = format!(
        "{}: {}, {breadth} different values of {fields} within {} minutes, where {usual} were the most of {whose} so far (such as {})",
        document.rule.title,
        seen.who,
        document.window() / 60,
        examples.join("; ")
    );
    let mut finding = Finding::new(&document.rule, seen.who.to_owned(), document.level, text);
    finding.events =
        identity.window.iter().rev().skip(1).filter_map(|(_, _, event)| event.clone()).take(EXAMPLES_MAX).collect();
    finding.unusual = Some(Box::new(Unusual {
        feature: format!("different values of {fields}"),
        observed: breadth.to_string(),
        rarity: "UNSEEN".to_owned(),
        whose: whose.to_owned(),
        usual: Vec::new(),
        observations: usual,
        age_seconds: case.time.micros().saturating_sub(most.born.micros()) / 1_000_000,
        bits: 20,
    }));
    finding
}

impl Judge for Breadth {
    fn id(&self) -> &str {
        &self.document.rule.id
    }

    fn shape(&self) -> String {
        self.document.shape()
    }

    fn judge(&mut self, case: &Case<'_>, verdict: &mut Findings) {
        let rule = Arc::clone(&self.document.rule);
        for observation in case.observed(&rule.id) {
            self.see(&Seen::read(observation), case, verdict);
        }
    }

    fn save(&self) -> serde_json::Result<Box<RawValue>> {
        to_raw_value(&self.memory)
    }

    fn load(&mut self, memory: &RawValue) -> serde_json::Result<()> {
        self.memory = serde_json::from_str(memory.get())?;
        Ok(())
    }
}
