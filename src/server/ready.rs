//! Whether the work can be done, and why not.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::json;

/// What must hold before we are ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// Every source can be read.
    Inputs,
    /// The rules of the newest configuration are at work.
    Rules,
    /// Alerts can be written to disk.
    Outbox,
}

impl Condition {
    const ALL: [Self; 3] = [Self::Inputs, Self::Rules, Self::Outbox];

    /// The word in the answer.
    pub fn word(self) -> &'static str {
        match self {
            Self::Inputs => "inputs",
            Self::Rules => "rules",
            Self::Outbox => "outbox",
        }
    }
}

/// The conditions. Clones share them.
#[derive(Debug, Clone)]
pub struct Readiness {
    unmet: Arc<Mutex<Unmet>>,
    /// Who speaks, where several do: a cluster.
    part: Arc<str>,
}

/// For each condition, in the order of [`Condition::ALL`], the parts for which it does not hold, and why.
type Unmet = [BTreeMap<Arc<str>, String>; 3];

impl Default for Readiness {
    fn default() -> Self {
        let ready = Self { unmet: Arc::default(), part: Arc::from("") };
        ready.start();
        ready
    }
}

impl Readiness {
    /// None of the conditions holds yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// For a part of the whole, for which none of the conditions holds yet. A condition holds once it does for all.
    #[must_use]
    pub fn part(&self, name: &str) -> Self {
        let part = Self { unmet: Arc::clone(&self.unmet), part: Arc::from(name) };
        part.start();
        part
    }

    fn start(&self) {
        Condition::ALL.into_iter().for_each(|condition| self.unmet(condition, "starting"));
    }

    /// The parts speak for the whole from here on.
    pub fn leave_to_parts(&self) {
        Condition::ALL.into_iter().for_each(|condition| self.met(condition));
    }

    /// The condition holds.
    pub fn met(&self, condition: Condition) {
        self.lock()[condition as usize].remove(&self.part);
    }

    /// The condition does not hold; the reason is for people.
    pub fn unmet(&self, condition: Condition, reason: impl Into<String>) {
        self.lock()[condition as usize].insert(Arc::clone(&self.part), reason.into());
    }

    fn lock(&self) -> MutexGuard<'_, Unmet> {
        self.unmet.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether all conditions hold.
    pub fn is_ready(&self) -> bool {
        self.lock().iter().all(BTreeMap::is_empty)
    }

    /// Each condition, and the reason where one does not hold.
    pub fn to_json(&self) -> String {
        let unmet = self.lock();
        let conditions: Vec<_> = Condition::ALL
            .iter()
            .zip(unmet.iter())
            .map(|(condition, parts)| match reason(parts) {
                None => json!({"name": condition.word(), "ok": true}),
                Some(reason) => json!({"name": condition.word(), "ok": false, "reason": reason}),
            })
            .collect();
        let ready = unmet.iter().all(BTreeMap::is_empty);
        format!("{}\n", json!({"ready": ready, "conditions": conditions}))
    }
}

/// The reasons of all parts; of several, each with its name.
fn reason(parts: &BTreeMap<Arc<str>, String>) -> Option<String> {
    let mut reasons = parts.iter();
    let (part, first) = reasons.next()?;
    match parts.len() {
        1 => Some(first.clone()),
        _ => Some(reasons.fold(format!("{part}: {first}"), |all, (part, reason)| format!("{all}; {part}: {reason}"))),
    }
}
