//! One audit event, borrowed from the bytes it was read from.
//!
//! An event is a set of spans. Nothing is copied, no tree is built, and bodies stay raw until somebody
//! asks: a body that cannot be read never costs us the event around it.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

mod time;

pub use time::Timestamp;

/// The contents of a JSON string as logged, between its quotes. Written by whoever made the request.
#[derive(Debug, Clone, Copy, Default)]
pub struct Text<'a>(&'a [u8]);

impl<'a> Text<'a> {
    /// Wraps the bytes between a JSON string's quotes.
    pub fn from_raw(raw: &'a [u8]) -> Self {
        Self(raw)
    }

    /// The bytes as logged, escapes and all.
    pub fn raw(self) -> &'a [u8] {
        self.0
    }

    /// Whether there is nothing in it. An absent field reads as an empty one.
    pub fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// The text it stands for. What is not text (bytes that are not UTF-8, halves of surrogate pairs) shows as U+FFFD.
    pub fn decode(self) -> Cow<'a, str> {
        match std::str::from_utf8(self.0) {
            Ok(text) if memchr::memchr(b'\\', self.0).is_none() => Cow::Borrowed(text),
            _ => Cow::Owned(unescape(self.0)),
        }
    }
}

impl PartialEq<str> for Text<'_> {
    fn eq(&self, other: &str) -> bool {
        if memchr::memchr(b'\\', self.0).is_none() { self.0 == other.as_bytes() } else { self.decode() == other }
    }
}

impl PartialEq<&str> for Text<'_> {
    fn eq(&self, other: &&str) -> bool {
        *self == **other
    }
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.decode())
    }
}

fn unescape(raw: &[u8]) -> String {
    let mut text = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        text.extend_from_slice(&rest[..at]);
        let (escaped, used) = one_escape(&rest[at..]);
        text.extend_from_slice(escaped.encode_utf8(&mut [0; 4]).as_bytes());
        rest = &rest[at + used..];
    }
    text.extend_from_slice(rest);
    String::from_utf8(text).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

/// The character that an escape at the start of `raw` stands for, and the bytes it takes.
fn one_escape(raw: &[u8]) -> (char, usize) {
    let simple = match raw.get(1) {
        Some(b'n') => '\n',
        Some(b't') => '\t',
        Some(b'r') => '\r',
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(b'u') => return unicode_escape(raw),
        Some(&other @ (b'"' | b'\\' | b'/')) => char::from(other),
        _ => return (char::REPLACEMENT_CHARACTER, raw.len().min(1)),
    };
    (simple, 2)
}

fn unicode_escape(raw: &[u8]) -> (char, usize) {
    let unit = |at: usize| {
        let digits = raw.get(at + 2..at + 6).filter(|_| raw[at..].starts_with(b"\\u"))?;
        u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
    };
    let Some(first) = unit(0) else { return (char::REPLACEMENT_CHARACTER, 2) };
    if let Some(plain) = char::from_u32(first) {
        return (plain, 6);
    }
    match (first, raw.get(6..).and_then(|_| unit(6))) {
        (0xd800..=0xdbff, Some(second @ 0xdc00..=0xdfff)) => {
            let code = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
            (char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), 12)
        }
        _ => (char::REPLACEMENT_CHARACTER, 6),
    }
}

/// The bytes of one JSON value as logged. May be anything a client could send, and may be cut short.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Raw<'a>(&'a [u8]);

impl<'a> Raw<'a> {
    /// Wraps a value's bytes.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    pub fn bytes(self) -> &'a [u8] {
        self.0
    }
}

/// The level an event was logged at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Level {
    /// Something else, or missing.
    #[default]
    Unknown,
    /// No bodies.
    Metadata,
    /// With the request's body.
    Request,
    /// With both bodies.
    RequestResponse,
}

/// The stage of the request an event was logged at, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub enum Stage {
    /// Missing or not one we know.
    #[default]
    Unknown,
    /// Before anything was decided.
    RequestReceived,
    /// Headers are out: of long-running requests, and of failed authentication.
    ResponseStarted,
    /// All is said.
    ResponseComplete,
    /// The API server itself failed.
    Panic,
}

impl Stage {
    /// The API server's word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Unknown => "",
            Self::RequestReceived => "RequestReceived",
            Self::ResponseStarted => "ResponseStarted",
            Self::ResponseComplete => "ResponseComplete",
            Self::Panic => "Panic",
        }
    }
}

/// What is worth knowing about how an event was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Marks {
    /// It ends before its end: what stands is true, the rest is unknown.
    pub truncated: bool,
    /// The API server left its bodies out because they were too large.
    pub bodies_removed: bool,
    /// A torn record stood before it on the same line.
    pub torn_before: bool,
    /// A run of NUL bytes stood before it.
    pub nul_hole_before: bool,
    /// Its audit id is not one the API server would choose.
    pub client_chosen_audit_id: bool,
    /// It follows an older schema.
    pub old_schema: bool,
}

impl Marks {
    /// The marks that are set, as words.
    pub fn words(self) -> Vec<&'static str> {
        let all = [
            (self.truncated, "truncated"),
            (self.bodies_removed, "bodies_removed"),
            (self.torn_before, "torn_before"),
            (self.nul_hole_before, "nul_hole_before"),
            (self.client_chosen_audit_id, "client_chosen_audit_id"),
            (self.old_schema, "old_schema"),
        ];
        all.into_iter().filter_map(|(set, word)| set.then_some(word)).collect()
    }
}
