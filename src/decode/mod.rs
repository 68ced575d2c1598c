//! Bytes to events.
//!
//! What cannot be read whole is read as far as it goes. What cannot be read at all is handed on as it is,
//! with the reason, and never costs its neighbours.

mod record;
mod unwrap;

use memchr::memmem;

use crate::batch::{Envelope, Framing};
use crate::event::Event;
use crate::event::json::{Cursor, Fault};
use record::{Item, Outcome};
pub use unwrap::Partial;

/// What stands at one place of a batch.
// Records are handed over by value and never kept, so that the size of the larger variant costs nothing.
#[allow(clippy::large_enum_variant)]
#[derive(Debug)]
pub enum Record<'a> {
    /// An audit event, whole or as far as it goes.
    Event(Event<'a>),
    /// Bytes that are no audit event.
    Unreadable(Unreadable<'a>),
    /// Somebody else's record, which is never looked into. The reason is one of a fixed list of words.
    Passed(&'static str),
}

/// Bytes that are no audit event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unreadable<'a> {
    /// The bytes.
    pub bytes: &'a [u8],
    /// Where they begin in the batch.
    pub offset: usize,
    /// Why: one of a fixed list of words.
    pub reason: &'static str,
    /// The bytes are what stands around events: nothing of their text may be kept.
    pub wrapping: bool,
}

/// How every record of the API server's own log begins. After a torn write the next event is found by it.
const EVENT_START: &[u8] = br#"{"kind":"Event","apiVersion":"audit.k8s.io/"#;

/// The byte order mark that some exporters put before the first record.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Calls `each` with every record out of whatever stands around it, in their order. Those that are spread over several
/// lines are held in `partial` until they are whole. All of them stand where that which is around them stands.
pub fn open(
    bytes: &[u8],
    framing: Framing,
    envelope: &Envelope,
    partial: &mut Partial,
    each: &mut impl FnMut(Record<'_>),
) {
    if envelope.is_plain() {
        decode(bytes, framing, each);
    } else {
        unwrap::records(bytes, framing, envelope, partial, each);
    }
}

/// Calls `each` with every record of a batch, in their order.
pub fn decode<'a>(bytes: &'a [u8], framing: Framing, each: &mut impl FnMut(Record<'a>)) {
    match framing {
        Framing::Lines => {
            let mut start = 0;
            while start < bytes.len() {
                let end = memchr::memchr(b'\n', &bytes[start..]).map_or(bytes.len(), |length| start + length);
                stretch(&bytes[..end], start, each);
                start = end + 1;
            }
        }
        Framing::Documents => stretch(bytes, 0, each),
    }
}

/// Reads an event once more from its own bytes. Unlike [`decode()`] it does not ask what makes it one: an item of a
/// list may lack even its id.
pub fn again(bytes: &[u8]) -> Event<'_> {
    record::again(bytes)
}

/// Reads the records from `start` to the end of `bytes`: a line, or documents one after the other.
fn stretch<'a>(bytes: &'a [u8], start: usize, each: &mut impl FnMut(Record<'a>)) {
    let mut at = start;
    let mut torn = false;
    loop {
        let (next, after_hole) = skip_padding(bytes, at);
        if next == bytes.len() {
            return;
        }
        let mut cursor = Cursor::new(bytes);
        cursor.move_to(next);
        let item = record::read(bytes, &mut cursor, &mut |mut event| {
            event.marks.torn_before = torn;
            event.marks.nul_hole_before = after_hole;
            each(Record::Event(event));
        });
        match settle(bytes, next, &cursor, item, each) {
            Some(resumed) => {
                torn = resumed.torn;
                at = resumed.at;
            }
            None => return,
        }
    }
}

struct Resumed {
    at: usize,
    torn: bool,
}

/// Deals with how a record ended, and says where the next one begins.
fn settle<'a>(
    bytes: &'a [u8],
    from: usize,
    cursor: &Cursor<'a>,
    item: Item,
    each: &mut impl FnMut(Record<'a>),
) -> Option<Resumed> {
    let unreadable = |to: usize, reason| Unreadable { bytes: &bytes[from..to], offset: from, reason, wrapping: false };
    match item.outcome {
        Outcome::Whole => Some(Resumed { at: cursor.at(), torn: false }),
        Outcome::NotAudit => {
            each(Record::Unreadable(unreadable(cursor.at(), "not-an-audit-event")));
            Some(Resumed { at: cursor.at(), torn: false })
        }
        Outcome::Faulty(fault) => {
            if let Some(next) = glued_event(bytes, from) {
                each(Record::Unreadable(unreadable(next, "torn")));
                return Some(Resumed { at: next, torn: true });
            }
            if !item.salvaged {
                let reason = if fault == Fault::Cut { "cut" } else { "not-json" };
                each(Record::Unreadable(unreadable(bytes.len(), reason)));
            }
            None
        }
    }
}

/// Where the event begins that is glued to the torn record at `from`.
///
/// Only a record that could not be read whole is searched. Even then the same bytes may stand in its body, put
/// there by whoever made the request: where JSON has room for a value, only an event that runs exactly to the end
/// is believed, and the first such event wins, because its own body may hold the bytes as well.
fn glued_event(bytes: &[u8], from: usize) -> Option<usize> {
    if bytes[from] != b'{' {
        return None;
    }
    let starts =
        || memmem::find_iter(&bytes[from + 1..], EVENT_START).map(|found| from + 1 + found).take(GLUED_TRIES_MAX);
    let whole =
        starts().find(|&start| document_length(&bytes[start..]).is_some_and(|length| start + length == bytes.len()));
    whole.or_else(|| starts().filter(|&start| !b":[,".contains(&bytes[start - 1])).last())
}

/// Most places in a torn record where an event is looked for, so that a line made of nothing else costs no more.
/// Beyond it the rest stays in the quarantine.
const GLUED_TRIES_MAX: usize = 16;

/// Steps over white space, NUL runs and a byte order mark. Says whether there were NULs.
fn skip_padding(bytes: &[u8], from: usize) -> (usize, bool) {
    let mut at = from;
    let mut hole = false;
    loop {
        match bytes.get(at) {
            Some(b' ' | b'\n' | b'\r' | b'\t') => at += 1,
            Some(0) => {
                hole = true;
                at += bytes[at..].iter().take_while(|byte| **byte == 0).count();
            }
            Some(0xef) if bytes[at..].starts_with(BYTE_ORDER_MARK) => at += BYTE_ORDER_MARK.len(),
            _ => return (at, hole),
        }
    }
}

/// The length of the first record, what separates it from the next included; of one that is not whole, all there is.
pub fn record_length(bytes: &[u8], framing: Framing) -> usize {
    let length = match framing {
        Framing::Lines => memchr::memchr(b'\n', bytes).map(|end| end + 1),
        Framing::Documents => document_length(bytes),
    };
    length.unwrap_or(bytes.len())
}

/// The length of the JSON document at the start of `bytes`, white space before it included, once all of it is there.
pub fn document_length(bytes: &[u8]) -> Option<usize> {
    let (start, _) = skip_padding(bytes, 0);
    let mut cursor = Cursor::new(bytes);
    cursor.move_to(start);
    cursor.value().ok()?;
    Some(cursor.at())
}

#[cfg(test)]
mod against_serde;
#[cfg(test)]
mod tests;
