//! Values never seen, and values seen seldom.
//!
//! What is new for an identity may be usual among its peers or in the cluster: the narrower the circle in which it is
//! new, the milder. Nobody speaks before he has learnt; what alerted is not learnt from.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

use super::document::{Anomaly, Kind, Whom};
use super::habits::{Habits, Maturity, Standing, bits, rarity};
use crate::alert::{Severity, Unusual};
use crate::detect::observation::Observation;
use crate::detect::{Finding, Findings};
use crate::event::Timestamp;
use crate::judge::recent::Recent;
use crate::judge::{Case, Judge};

/// Identities, or groups of peers, of one generation. Beyond it those idle longest learn anew; until then their peers
/// speak for them.
const SCOPES_MAX: usize = 4096;

/// Observations that a baseline needs, unless the document says otherwise.
const OBSERVATIONS: u32 = 20;

/// Less surprise than this is none, bits: who does something new every other day surprises nobody.
const SURPRISE_BITS: f64 = 5.0;

/// A rare value must surprise more, since it was seen.
const RARE_BITS: f64 = 9.0;

#[derive(Debug, Serialize, Deserialize)]
struct Memory {
    identities: Recent<Habits>,
    peers: Recent<Habits>,
    cluster: Option<Habits>,
}

/// One document's judge.
pub(super) struct Novelty {
    document: Anomaly,
    needed: Maturity,
    memory: Memory,
}

/// A baseline that speaks of a value.
struct Speaker<'m> {
    whom: Whom,
    whose: String,
    habits: &'m Habits,
    standing: Standing,
}

impl Novelty {
    pub(super) fn new(document: Anomaly, learning: i64) -> Self {
        let needed = Maturity { seconds: document.learning(learning), observations: document.at_least(OBSERVATIONS) };
        let memory = Memory { identities: Recent::new(SCOPES_MAX), peers: Recent::new(SCOPES_MAX), cluster: None };
        Self { document, needed, memory }
    }

    /// The baselines asked about a value, narrowest first.
    fn speakers(&self, seen: &Seen<'_>, now: Timestamp) -> Vec<Speaker<'_>> {
        let Memory { identities, peers, cluster } = &self.memory;
        let all = [
            (Whom::Identity, seen.who.to_owned(), identities.get(seen.who)),
            (Whom::Peers, seen.peers.to_owned(), peers.get(seen.peers)),
            (Whom::Cluster, "the cluster".to_owned(), cluster.as_ref()),
        ];
        let asked = all.into_iter().filter(|(whom, ..)| *whom >= self.document.whom);
        asked
            .filter_map(|(whom, whose, habits)| {
                let habits = habits?;
                // The cluster lives and is seen even while nothing of this kind happens in it.
                let observations = if whom == Whom::Cluster { 0 } else { self.needed.observations };
                let needed = Maturity { observations, ..self.needed };
                Some(Speaker { whom, whose, habits, standing: habits.standing(seen.value, now, seen.trusted, needed) })
            })
            .collect()
    }

    /// How grave it is, and who says so.
    fn verdict<'m>(&self, speakers: &'m [Speaker<'m>]) -> Option<(Severity, &'m Speaker<'m>, f64)> {
        match self.document.kind {
            Kind::Rare => {
                let surprise = |speaker: &Speaker<'_>| match speaker.standing {
                    // Each wider circle in which it is usual takes a bit more to surprise.
                    Standing::Known(share) => Some(bits(share) + f64::from(speaker.whom as u8)),
                    _ => None,
                };
                let known: Vec<_> = speakers.iter().filter_map(|speaker| Some((surprise(speaker)?, speaker))).collect();
                let (bits, speaker) = known.into_iter().min_by(|(one, _), (other, _)| one.total_cmp(other))?;
                let enough = bits >= RARE_BITS && speaker.habits.observations() >= u64::from(self.needed.observations);
                enough.then_some((self.document.level, speaker, bits))
            }
            _ => {
                let own = speakers.first()?;
                if matches!(own.standing, Standing::Known(_)) && own.whom == self.document.whom {
                    return None;
                }
                let new = speakers.iter().rev().find(|speaker| speaker.standing == Standing::New)?;
                // A wider circle that knows it makes it milder; one that cannot say does not.
                let wider_knows =
                    speakers.iter().filter(|speaker| matches!(speaker.standing, Standing::Known(_))).count();
                let bits = new.habits.bits_of_new();
                (bits >= SURPRISE_BITS).then(|| (milder(self.document.level, wider_knows), new, bits))
            }
        }
    }

    fn finding(
        &self,
        seen: &Seen<'_>,
        now: Timestamp,
        severity: Severity,
        speaker: &Speaker<'_>,
        bits: f64,
    ) -> Finding {
        let unusual = Unusual {
            feature: self.document.of.iter().map(|field| field.name()).collect::<Vec<_>>().join(", "),
            observed: seen.value.to_owned(),
            rarity: rarity(speaker.standing).to_owned(),
            whose: speaker.whose.clone(),
            usual: speaker.habits.usual(),
            observations: speaker.habits.observations(),
            age_seconds: speaker.habits.age_seconds(now),
            bits: bits.round() as u8,
        };
        let text = format!("{}: {}, {}", self.document.rule.title, seen.who, unusual.sentence());
        let mut finding = Finding::new(&self.document.rule, format!("{}: {}", seen.who, seen.value), severity, text);
        finding.unusual = Some(Box::new(unusual));
        finding
    }

    fn learn(&mut self, seen: &Seen<'_>, now: Timestamp) {
        let Memory { identities, peers, cluster } = &mut self.memory;
        let new = || Habits::new(now);
        identities.entry(seen.who, new).learn(seen.value, now, seen.trusted, self.needed);
        peers.entry(seen.peers, new).learn(seen.value, now, seen.trusted, self.needed);
        let needed = Maturity { observations: 0, ..self.needed };
        cluster.get_or_insert_with(new).learn(seen.value, now, seen.trusted, needed);
    }
}

impl Judge for Novelty {
    fn id(&self) -> &str {
        &self.document.rule.id
    }

    fn shape(&self) -> String {
        self.document.shape()
    }

    fn judge(&mut self, case: &Case<'_>, verdict: &mut Findings) {
        let innocent = case.is_innocent();
        self.memory.cluster.get_or_insert_with(|| Habits::new(case.time));
        let rule = Arc::clone(&self.document.rule);
        for observation in case.observed(&rule.id) {
            let seen = Seen::read(observation);
            let speakers = self.speakers(&seen, case.time);
            if let Some((severity, speaker, bits)) = self.verdict(&speakers) {
                verdict.push(self.finding(&seen, case.time, severity, speaker, bits));
            }
            if innocent {
                self.learn(&seen, case.time);
            }
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

/// So many steps milder.
fn milder(level: Severity, steps: usize) -> Severity {
    let at = Severity::ALL.iter().position(|severity| *severity == level).unwrap_or_default();
    Severity::ALL[at.saturating_sub(steps)]
}

/// One observation, as the documents' judges read it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen<'o> {
    pub(super) who: &'o str,
    pub(super) peers: &'o str,
    pub(super) value: &'o str,
    pub(super) trusted: bool,
}

impl<'o> Seen<'o> {
    pub(super) fn read(observation: &'o Observation) -> Self {
        let value = |name| observation.value(name).unwrap_or_default();
        Self { who: value("who"), peers: value("peers"), value: value("value"), trusted: value("trusted") == "true" }
    }
}
