//! Lines of container logs: containerd and CRI-O (`TIME stdout F text`), and Docker (`{"log":"text\n",…}`).
//!
//! An API server that writes its audit log to `-` writes it to standard output; its own log goes to standard error.
//! Container runtimes cut long lines, so an event may stand in several.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Opener;
use super::documents::lines;
use super::origin::text;
use crate::event::Raw;

/// Most bytes of an event that is put together. Beyond it the event is quarantined; those of an API server end at a few
/// megabytes, where etcd's limit is.
const WHOLE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// The beginning of an event whose end was not read yet. It is part of what is remembered of a source.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Partial {
    #[serde(serialize_with = "to_base64", deserialize_with = "from_base64")]
    bytes: Vec<u8>,
    /// It became too long: what comes until its end is passed over.
    too_long: bool,
}

impl Partial {
    /// Nothing has begun.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty() && !self.too_long
    }

    /// What has begun.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// One part; `ends` when it is the last one.
    fn take(&mut self, part: &[u8], ends: bool, opener: &mut Opener<'_>) {
        if ends && self.is_empty() {
            return opener.event(part);
        }
        if !self.too_long && self.bytes.len() + part.len() > WHOLE_BYTES_MAX {
            self.too_long = true;
            opener.unreadable(&std::mem::take(&mut self.bytes), "too-long");
        }
        if !self.too_long {
            self.bytes.extend_from_slice(part);
        }
        if ends {
            opener.event(&std::mem::take(self).bytes);
        }
    }

    /// Its end will not come: it is read as far as it goes.
    fn abandon(&mut self, opener: &mut Opener<'_>) {
        opener.event(&std::mem::take(self).bytes);
    }
}

pub(super) fn cri(bytes: &[u8], partial: &mut Partial, opener: &mut Opener<'_>) {
    lines(bytes, opener, |line, opener| match cri_line(line) {
        Some(CriLine { stdout: false, .. }) => opener.passed("other-stream"),
        Some(CriLine { whole, text, .. }) => partial.take(text, whole, opener),
        None => {
            partial.abandon(opener);
            opener.unreadable(line, "not-cri");
        }
    });
}

/// What stands in a line.
#[derive(Debug, PartialEq, Eq)]
struct CriLine<'a> {
    stdout: bool,
    whole: bool,
    text: &'a [u8],
}

fn cri_line(line: &[u8]) -> Option<CriLine<'_>> {
    let (time, rest) = word(line)?;
    let (stream, rest) = word(rest)?;
    let (tags, text) = word(rest).unwrap_or((rest, b""));
    let is_time = time.first().is_some_and(u8::is_ascii_digit) && time.contains(&b'T');
    let stdout = match stream {
        b"stdout" => true,
        b"stderr" => false,
        _ => return None,
    };
    let whole = match tags.split(|byte| *byte == b':').next()? {
        b"F" => true,
        b"P" => false,
        _ => return None,
    };
    is_time.then_some(CriLine { stdout, whole, text })
}

fn word(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = memchr::memchr(b' ', bytes)?;
    Some((&bytes[..end], &bytes[end + 1..]))
}

pub(super) fn docker(bytes: &[u8], partial: &mut Partial, opener: &mut Opener<'_>) {
    lines(bytes, opener, |line, opener| {
        let line = Raw::new(line.trim_ascii_end());
        match (text(line, "stream").as_deref(), line.get("log").and_then(Raw::text)) {
            (Some("stdout"), Some(log)) => {
                let log = log.decode();
                partial.take(log.as_bytes(), log.ends_with('\n'), opener);
            }
            (Some("stderr"), Some(_)) => opener.passed("other-stream"),
            _ => {
                partial.abandon(opener);
                opener.unreadable(line.bytes(), "not-docker");
            }
        }
    });
}

fn to_base64<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&STANDARD.encode(bytes))
}

fn from_base64<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    STANDARD.decode(String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
}
