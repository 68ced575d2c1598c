//! Whether the work can be done, and why not.

use std::sync::{Arc, Mutex, PoisonError};

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
    /// For each condition, in the order of [`Condition::ALL`], the reason why it does not hold.
    unmet: Arc<Mutex<[Option<String>; 3]>>,
}

impl Default for Readiness {
    fn default() -> Self {
        let starting = || Some("starting".to_owned());
        Self { unmet: Arc::new(Mutex::new([starting(), starting(), starting()])) }
    }
}

impl Readiness {
    /// None of the conditions holds yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The condition holds.
    pub fn met(&self, condition: Condition) {
        self.set(condition, None);
    }

    /// The condition does not hold; the reason is for people.
    pub fn unmet(&self, condition: Condition, reason: impl Into<String>) {
        self.set(condition, Some(reason.into()));
    }

    fn set(&self, condition: Condition, reason: Option<String>) {
        let mut unmet = self.unmet.lock().unwrap_or_else(PoisonError::into_inner);
        unmet[condition as usize] = reason;
    }

    /// Whether all conditions hold.
    pub fn is_ready(&self) -> bool {
        self.unmet.lock().unwrap_or_else(PoisonError::into_inner).iter().all(Option::is_none)
    }

    /// Each condition, and the reason where one does not hold.
    pub fn to_json(&self) -> String {
        let unmet = self.unmet.lock().unwrap_or_else(PoisonError::into_inner);
        let conditions: Vec<_> = Condition::ALL
            .iter()
            .zip(unmet.iter())
            .map(|(condition, reason)| match reason {
                None => json!({"name": condition.word(), "ok": true}),
                Some(reason) => json!({"name": condition.word(), "ok": false, "reason": reason}),
            })
            .collect();
        let ready = unmet.iter().all(Option::is_none);
        format!("{}\n", json!({"ready": ready, "conditions": conditions}))
    }
}
