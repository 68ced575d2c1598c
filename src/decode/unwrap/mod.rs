//! Events out of what clouds, container runtimes and collectors put around them.
//!
//! What stands around an event says whose it is: a stream, a category, a container. What is not the API server's is
//! counted and never looked into, so that a line that a container prints stays a line that a container printed.
//!
//! * `lines`: container logs, a record over several lines. `documents`: everything that is JSON on the outside.
//! * `origin`: what a record says of where it came from. `packed`: base64 and gzip.
//! * `aks`, `collector`, `eks`, `gke`, `openshift`, `otlp`: one wrapping each.

mod aks;
mod collector;
mod documents;
mod eks;
mod gke;
mod lines;
mod openshift;
mod origin;
mod otlp;
mod packed;

use super::{Record, Unreadable, decode};
use crate::batch::{Envelope, Framing, Wrapping};
use crate::event::Raw;
pub use lines::Partial;
use origin::Said;

/// What takes the records.
type Each<'e> = &'e mut dyn FnMut(Record<'_>);

/// Calls `each` with every record, out of what stands around it.
pub(super) fn records(bytes: &[u8], framing: Framing, envelope: &Envelope, partial: &mut Partial, each: Each<'_>) {
    let mut opener = Opener { envelope, offset: 0, room: 0, each };
    match envelope.wrapping {
        Wrapping::Plain | Wrapping::Eventlist => decode(bytes, framing, &mut |record| (opener.each)(record)),
        Wrapping::Cri => lines::cri(bytes, partial, &mut opener),
        Wrapping::Docker => lines::docker(bytes, partial, &mut opener),
        Wrapping::Openshift if framing == Framing::Lines => openshift::lines(bytes, &mut opener),
        Wrapping::Openshift => documents::each(bytes, framing, &mut opener, openshift::document),
        Wrapping::Eks => documents::each(bytes, framing, &mut opener, eks::document),
        Wrapping::Aks => documents::each(bytes, framing, &mut opener, aks::document),
        Wrapping::Gke => documents::each(bytes, framing, &mut opener, gke::document),
        Wrapping::FluentBit => documents::each(bytes, framing, &mut opener, collector::fluent_bit),
        Wrapping::Vector | Wrapping::Filebeat => documents::each(bytes, framing, &mut opener, collector::message),
        Wrapping::Otlp => documents::each(bytes, framing, &mut opener, otlp::document),
    }
}

/// Hands over what it is given out of a wrapping, as standing where that stands.
struct Opener<'e> {
    envelope: &'e Envelope,
    /// Where the outermost wrapping begins.
    offset: usize,
    /// Bytes that may still be inflated out of it.
    room: usize,
    each: Each<'e>,
}

impl Opener<'_> {
    /// The text of an event. What cannot be read of it is told as of any other.
    fn event(&mut self, text: &[u8]) {
        let offset = self.offset;
        decode(text, Framing::Documents, &mut |mut record| {
            match &mut record {
                Record::Event(event) => event.offset = offset,
                Record::Unreadable(unreadable) => unreadable.offset = offset,
                Record::Passed(_) => {}
            }
            (self.each)(record);
        });
    }

    /// An event that is a text within JSON, or JSON itself. `around` is told of when it is neither.
    fn event_in(&mut self, value: Option<Raw<'_>>, around: Raw<'_>) {
        match value.map(|value| (value, value.text())) {
            Some((_, Some(text))) => self.event(text.decode().as_bytes()),
            Some((value, None)) if value.bytes().first() == Some(&b'{') => self.event(value.bytes()),
            _ => self.unreadable(around.bytes(), "no-event-inside"),
        }
    }

    /// A wrapping that is not what it should be.
    fn unreadable(&mut self, bytes: &[u8], reason: &'static str) {
        (self.each)(Record::Unreadable(Unreadable { bytes, offset: self.offset, reason, wrapping: true }));
    }

    /// What is not the API server's.
    fn passed(&mut self, reason: &'static str) {
        (self.each)(Record::Passed(reason));
    }

    /// Whether a record says that it comes from where it should. What does not is told of here.
    fn is_ours(&mut self, around: Raw<'_>, said: impl Fn(&str) -> Said) -> bool {
        for origin in self.envelope.from() {
            match said(&origin.key) {
                Said::Once(text) if origin.fits(&text) => {}
                Said::Once(_) | Said::Nothing => {
                    self.passed("other-origin");
                    return false;
                }
                Said::Twice => {
                    self.unreadable(around.bytes(), "two-origins");
                    return false;
                }
            }
        }
        true
    }
}

#[cfg(test)]
mod tests;
