//! What an event of some kind means, as JSON made when a rule first asks.
//!
//! A document is walked by the same code as the event itself, so any-member, array blocks and `exists` work alike.

use std::cell::OnceCell;

use crate::event::Raw;

use super::facts::Facts;

mod body;
mod exec;
mod json;
mod patch;
mod read;
mod uri;
mod workload;
mod written;

pub(super) use written::Written;

/// The documents there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Document {
    /// Path and query of any request.
    Uri,
    /// The command of an exec, attach or port-forward.
    Exec,
    /// The form of a body.
    Body,
    /// The pod spec in a write.
    Workload,
}

/// How many there are.
const DOCUMENTS: usize = Document::Workload as usize + 1;

/// Those made for one event so far. Empty where the event is not of that kind.
#[derive(Debug, Default)]
pub(super) struct Documents<'a> {
    written: OnceCell<Written<'a>>,
    made: [OnceCell<Vec<u8>>; DOCUMENTS],
}

impl<'a> Documents<'a> {
    /// What the request writes.
    pub(super) fn written(&self, facts: &Facts<'_, 'a>) -> &Written<'a> {
        self.written.get_or_init(|| Written::of(facts.event))
    }

    /// One of them, made if need be.
    pub(super) fn get(&self, document: Document, facts: &Facts<'_, '_>) -> Raw<'_> {
        Raw::new(self.made[document as usize].get_or_init(|| make(document, facts).unwrap_or_default()))
    }
}

fn make(document: Document, facts: &Facts<'_, '_>) -> Option<Vec<u8>> {
    match document {
        Document::Uri => uri::document(facts),
        Document::Exec => exec::document(facts),
        Document::Body => body::document(facts),
        Document::Workload => workload::document(facts),
    }
}
