//! What an event of some kind means, as JSON made when a rule first asks.
//!
//! A document is walked by the same code as the event itself, so any-member, array blocks and `exists` work alike.

use std::cell::OnceCell;

use crate::event::Raw;

use super::facts::Facts;

mod body;
mod csr;
mod exec;
mod grant;
mod json;
mod patch;
mod policy;
mod read;
mod service;
mod token;
mod uri;
mod webhook;
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
    /// A role or binding in a write.
    Grant,
    /// A service account's token that is made.
    Token,
    /// A certificate that is asked for or decided on.
    Csr,
    /// An admission webhook that is written or deleted.
    Webhook,
    /// What protects the cluster and is written or deleted.
    Policy,
    /// A service in a write.
    Service,
    /// An ingress or route in a write.
    Ingress,
}

/// How many there are.
const DOCUMENTS: usize = Document::Ingress as usize + 1;

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

impl Document {
    /// Whether an event may have this document. Cheap, and asked before any room is made for documents.
    pub(super) fn may_be_of(self, facts: &Facts<'_, '_>) -> bool {
        match self {
            Self::Workload => workload::may_be_of(facts),
            _ => true,
        }
    }
}

fn make(document: Document, facts: &Facts<'_, '_>) -> Option<Vec<u8>> {
    match document {
        Document::Uri => uri::document(facts),
        Document::Exec => exec::document(facts),
        Document::Body => body::document(facts),
        Document::Workload => workload::document(facts),
        Document::Grant => grant::document(facts),
        Document::Token => token::document(facts),
        Document::Csr => csr::document(facts),
        Document::Webhook => webhook::document(facts),
        Document::Policy => policy::document(facts),
        Document::Service => service::document(facts),
        Document::Ingress => service::ingress(facts),
    }
}

/// Whether a request writes an object.
fn writes(facts: &Facts<'_, '_>) -> bool {
    matches!(facts.event.verb().raw(), b"create" | b"update" | b"patch")
}

/// Whether a request deletes objects.
fn deletes(facts: &Facts<'_, '_>) -> bool {
    matches!(facts.event.verb().raw(), b"delete" | b"deletecollection")
}
