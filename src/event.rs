//! One audit event, borrowed from the bytes it was read from.
//!
//! An event is a set of spans. Nothing is copied, no tree is built, and bodies stay raw until somebody
//! asks: a body that cannot be read never costs us the event around it.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

pub mod json;
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

impl Level {
    /// The API server's word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Unknown => "",
            Self::Metadata => "Metadata",
            Self::Request => "Request",
            Self::RequestResponse => "RequestResponse",
        }
    }
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

/// One audit event. Every accessor reads spans of the record it was decoded from.
#[derive(Debug, Clone, Default)]
pub struct Event<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) offset: usize,
    pub(crate) api_version: Text<'a>,
    pub(crate) level: Text<'a>,
    pub(crate) audit_id: Text<'a>,
    pub(crate) stage: Text<'a>,
    pub(crate) request_uri: Text<'a>,
    pub(crate) verb: Text<'a>,
    pub(crate) user: Raw<'a>,
    pub(crate) impersonated_user: Option<Raw<'a>>,
    pub(crate) source_ips: Raw<'a>,
    pub(crate) user_agent: Text<'a>,
    pub(crate) object_ref: Raw<'a>,
    pub(crate) response_status: Option<Raw<'a>>,
    pub(crate) request_object: Option<Raw<'a>>,
    pub(crate) response_object: Option<Raw<'a>>,
    pub(crate) received: Text<'a>,
    pub(crate) stage_time: Text<'a>,
    pub(crate) annotations: Raw<'a>,
    pub(crate) marks: Marks,
}

/// What a request names. An absent field reads as empty.
#[derive(Debug, Clone, Copy, Default)]
pub struct ObjectRef<'a> {
    /// `pods`, `secrets`, …; empty for paths that are not resources.
    pub resource: Text<'a>,
    /// `exec`, `status`, `token`, …
    pub subresource: Text<'a>,
    /// The namespace; of a Namespace object its own name.
    pub namespace: Text<'a>,
    /// The object's name; empty on a create until the server has decoded the body.
    pub name: Text<'a>,
    /// The API group; empty for the core group.
    pub api_group: Text<'a>,
}

impl<'a> Event<'a> {
    /// The whole record.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Where the record begins in its batch, bytes.
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// How much was logged.
    pub fn level(&self) -> Level {
        match self.level.raw() {
            b"Metadata" => Level::Metadata,
            b"Request" => Level::Request,
            b"RequestResponse" => Level::RequestResponse,
            _ => Level::Unknown,
        }
    }

    /// The audit id: unbounded, and the client's own if he sent one. Never a key by itself.
    pub fn audit_id(&self) -> Text<'a> {
        self.audit_id
    }

    /// The stage.
    pub fn stage(&self) -> Stage {
        match self.stage.raw() {
            b"RequestReceived" => Stage::RequestReceived,
            b"ResponseStarted" => Stage::ResponseStarted,
            b"ResponseComplete" => Stage::ResponseComplete,
            b"Panic" => Stage::Panic,
            _ => Stage::Unknown,
        }
    }

    /// Path and query as sent.
    pub fn request_uri(&self) -> Text<'a> {
        self.request_uri
    }

    /// The verb as logged; see `enrich::request` for what it means.
    pub fn verb(&self) -> Text<'a> {
        self.verb
    }

    /// The authenticated user, `{}` when there was none.
    pub fn user(&self) -> Raw<'a> {
        self.user
    }

    /// The user acted as.
    pub fn impersonated_user(&self) -> Option<Raw<'a>> {
        self.impersonated_user
    }

    /// The addresses the request came through. Only the last one is the server's own word.
    pub fn source_ips(&self) -> Raw<'a> {
        self.source_ips
    }

    /// What the client calls itself.
    pub fn user_agent(&self) -> Text<'a> {
        self.user_agent
    }

    /// What the request names.
    pub fn object_ref(&self) -> ObjectRef<'a> {
        let mut object = ObjectRef::default();
        for (key, value) in self.object_ref.members() {
            let field = match key.raw() {
                b"resource" => &mut object.resource,
                b"subresource" => &mut object.subresource,
                b"namespace" => &mut object.namespace,
                b"name" => &mut object.name,
                b"apiGroup" => &mut object.api_group,
                _ => continue,
            };
            *field = value.text().unwrap_or_default();
        }
        object
    }

    /// Whether the request named a resource at all, as opposed to another path.
    pub fn names_resource(&self) -> bool {
        !self.object_ref.bytes().is_empty()
    }

    /// The answer's status, from the first stage that has one.
    pub fn response_status(&self) -> Option<Raw<'a>> {
        self.response_status
    }

    /// The HTTP status code of the answer.
    pub fn code(&self) -> Option<u16> {
        let status = self.response_status?;
        if status.bytes() == br#"{"metadata":{},"code":200}"# {
            return Some(200);
        }
        let digits = status.get("code")?.bytes();
        std::str::from_utf8(digits).ok()?.parse().ok()
    }

    /// The request's body as the client sent it, when it was logged.
    pub fn request_object(&self) -> Option<Raw<'a>> {
        self.request_object
    }

    /// The answer's body, when it was logged.
    pub fn response_object(&self) -> Option<Raw<'a>> {
        self.response_object
    }

    /// When the server received the request, by its own clock.
    pub fn received(&self) -> Option<Timestamp> {
        Timestamp::parse(self.received.raw())
    }

    /// The time of receipt as logged.
    pub fn received_raw(&self) -> &'a [u8] {
        self.received.raw()
    }

    /// The time of this stage as logged.
    pub fn stage_time_raw(&self) -> &'a [u8] {
        self.stage_time.raw()
    }

    /// When this stage was reached; of an event cut before it, when the request was received.
    pub fn time(&self) -> Option<Timestamp> {
        Timestamp::parse(self.stage_time.raw()).or_else(|| self.received())
    }

    /// What the API server wrote beside the request.
    pub fn annotations(&self) -> Raw<'a> {
        self.annotations
    }

    /// An annotation's value.
    pub fn annotation(&self, key: &str) -> Option<Text<'a>> {
        self.annotations.get(key)?.text()
    }

    /// What is worth knowing about how it was read.
    pub fn marks(&self) -> Marks {
        Marks {
            bodies_removed: self.annotation("audit.k8s.io/truncated").is_some_and(|value| value == "true"),
            client_chosen_audit_id: !is_uuid(self.audit_id.raw()),
            old_schema: !self.api_version.is_empty() && !self.api_version.raw().ends_with(b"/v1"),
            ..self.marks
        }
    }

    /// Whether it ends before its end.
    pub fn is_truncated(&self) -> bool {
        self.marks.truncated
    }
}

/// Whether an id has the form of those the API server makes itself.
fn is_uuid(id: &[u8]) -> bool {
    id.len() == 36
        && id.iter().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
        })
}
