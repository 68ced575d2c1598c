//! JSON documents: one a line, one after the other on a line, over several lines, or all of them compressed.

use super::super::skip_padding;
use super::Opener;
use super::packed::{GZIP, INFLATED_BYTES_MAX, inflate};
use crate::batch::Framing;
use crate::event::Raw;
use crate::event::json::{Cursor, Fault};

/// What reads a document of one wrapping.
type Read = fn(Raw<'_>, &mut Opener<'_>);

/// Calls `read` with every document.
pub(super) fn each(bytes: &[u8], framing: Framing, opener: &mut Opener<'_>, read: Read) {
    if framing == Framing::Lines {
        return lines(bytes, opener, |line, opener| several(line, opener.offset, opener, read));
    }
    let (start, _) = skip_padding(bytes, 0);
    (opener.offset, opener.room) = (start, INFLATED_BYTES_MAX);
    if !bytes[start..].starts_with(GZIP) {
        return several(bytes, 0, opener, read);
    }
    match inflate(&bytes[start..], &mut opener.room) {
        Ok(inflated) => inner(&inflated, opener, read),
        Err(reason) => opener.unreadable(&bytes[start..], reason),
    }
}

/// Calls `read` with every line that is not empty.
pub(super) fn lines(bytes: &[u8], opener: &mut Opener<'_>, mut read: impl FnMut(&[u8], &mut Opener<'_>)) {
    let mut start = 0;
    while start < bytes.len() {
        let end = memchr::memchr(b'\n', &bytes[start..]).map_or(bytes.len(), |length| start + length);
        let (first, _) = skip_padding(&bytes[..end], start);
        if first < end {
            opener.offset = first;
            read(&bytes[first..end], opener);
        }
        start = end + 1;
    }
}

/// Reads documents that stand one after the other, as Firehose leaves them. `base` is where the bytes begin.
fn several(bytes: &[u8], base: usize, opener: &mut Opener<'_>, read: Read) {
    walk(bytes, opener, |at, document, opener| {
        (opener.offset, opener.room) = (base + at, INFLATED_BYTES_MAX);
        match document {
            Ok(document) => flat(document, opener, read),
            Err(reason) => opener.unreadable(&bytes[at..], reason),
        }
    });
}

/// Reads documents out of another one, where they stand and what may be inflated of them is known already.
pub(super) fn inner(bytes: &[u8], opener: &mut Opener<'_>, read: Read) {
    walk(bytes, opener, |at, document, opener| match document {
        Ok(document) => flat(document, opener, read),
        Err(reason) => opener.unreadable(&bytes[at..], reason),
    });
}

fn walk(
    bytes: &[u8],
    opener: &mut Opener<'_>,
    mut each: impl FnMut(usize, Result<Raw<'_>, &'static str>, &mut Opener<'_>),
) {
    let mut cursor = Cursor::new(bytes);
    loop {
        let (next, _) = skip_padding(bytes, cursor.at());
        if next == bytes.len() {
            return;
        }
        cursor.move_to(next);
        match cursor.value() {
            Ok(document) => each(next, Ok(document), opener),
            // Where the next one begins is not known.
            Err(fault) => return each(next, Err(if fault == Fault::Cut { "cut" } else { "not-json" }), opener),
        }
    }
}

/// A list of documents stands for each of them.
fn flat(document: Raw<'_>, opener: &mut Opener<'_>, read: Read) {
    match document.bytes().first() {
        Some(b'{') => read(document, opener),
        Some(b'[') => items(document, opener, |item, opener| match item.bytes().first() {
            Some(b'{') => read(item, opener),
            _ => opener.unreadable(item.bytes(), "not-an-object"),
        }),
        _ => opener.unreadable(document.bytes(), "not-an-object"),
    }
}

/// Calls `read` with every item of a list. What follows one that cannot be read has no known start, and is told of.
pub(super) fn items(list: Raw<'_>, opener: &mut Opener<'_>, mut read: impl FnMut(Raw<'_>, &mut Opener<'_>)) {
    let mut cursor = Cursor::new(list.bytes());
    if cursor.expect(b'[').is_err() {
        return opener.unreadable(list.bytes(), "not-a-list");
    }
    if cursor.peek() == Some(b']') {
        return;
    }
    loop {
        let rest = cursor.rest();
        let Ok(item) = cursor.value() else { return opener.unreadable(rest, "not-json") };
        read(item, opener);
        match cursor.peek() {
            Some(b',') => cursor.move_to(cursor.at() + 1),
            Some(b']') => return,
            _ => return opener.unreadable(cursor.rest(), "not-json"),
        }
    }
}
