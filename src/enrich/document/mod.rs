//! What an event of some kind means, as JSON made when a rule first asks.
//!
//! A document is walked by the same code as the event itself, so any-member, array blocks and `exists` work alike.

use std::cell::OnceCell;

use crate::event::Raw;

use super::facts::Facts;

mod exec;
mod json;
mod uri;

/// The documents there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Document {
    /// Path and query of any request.
    Uri,
    /// The command of an exec, attach or port-forward.
    Exec,
}

/// Those made for one event so far. Empty where the event is not of that kind.
#[derive(Debug, Default)]
pub(super) struct Documents {
    made: [OnceCell<Vec<u8>>; 2],
}

impl Documents {
    /// One of them, made if need be.
    pub(super) fn get(&self, document: Document, facts: &Facts<'_, '_>) -> Raw<'_> {
        Raw::new(self.made[document as usize].get_or_init(|| make(document, facts).unwrap_or_default()))
    }
}

fn make(document: Document, facts: &Facts<'_, '_>) -> Option<Vec<u8>> {
    match document {
        Document::Uri => uri::document(facts),
        Document::Exec => exec::document(facts),
    }
}
