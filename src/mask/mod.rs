//! What must not leave: secret values, tokens, credential-like arguments.
//!
//! Everything that is shown of an event goes through here first. Keys and lengths are kept, values are not.
//! What comes out is always valid JSON or plain text, whatever went in.

mod body;
mod words;

use std::borrow::Cow;

use sha2::{Digest, Sha256};

use crate::event::{Event, Raw, Text};
use crate::hex::hex;
use body::Masker;
use words::{mask_free_text, names_credential};

/// Longest evidence kept of an event, bytes of JSON. Beyond it the bodies are left out.
pub const EVIDENCE_BYTES_MAX: usize = 16 * 1024;

/// Longest URI, command or other single text shown, characters. Beyond it the text is cut and says so.
pub const TEXT_CHARS_MAX: usize = 1024;

/// An event as it may be shown.
#[derive(Debug, Clone)]
pub struct Masked {
    /// A JSON object.
    pub json: String,
    /// Something was left out to keep it small, or could not be read.
    pub cut: bool,
}

/// The event with its secrets masked, at most [`EVIDENCE_BYTES_MAX`] long.
pub fn event(event: &Event<'_>) -> Masked {
    let object = event.object_ref();
    let holds_secrets = holds_secret_values(object.resource);
    let whole = object_json(event, Masker::new(holds_secrets, TEXT_CHARS_MAX, true));
    if whole.json.len() <= EVIDENCE_BYTES_MAX {
        return whole;
    }
    let small = object_json(event, Masker::new(holds_secrets, 128, false));
    if small.json.len() <= EVIDENCE_BYTES_MAX {
        return Masked { cut: true, ..small };
    }
    Masked { json: "{}".to_owned(), cut: true }
}

fn holds_secret_values(resource: Text<'_>) -> bool {
    resource == "secrets" || resource == "configmaps"
}

fn object_json(event: &Event<'_>, mut masker: Masker) -> Masked {
    masker.object(Raw::new(event.bytes()), |masker, key, value| match key {
        "requestURI" => masker.string(&uri(value.text().unwrap_or_default())),
        "requestObject" | "responseObject" => masker.body(value),
        _ => masker.value(value, key, 0),
    });
    masker.finish(event.is_truncated())
}

/// Path and query with the values of credential-like parameters masked, bounded.
pub fn uri(uri: Text<'_>) -> String {
    let uri = uri.decode();
    let Some((path, query)) = uri.split_once('?') else { return bounded(&mask_free_text(&uri)) };
    let mut masked = mask_free_text(path);
    let mut previous_names_credential = false;
    for (at, pair) in query.split('&').enumerate() {
        masked.push(if at == 0 { '?' } else { '&' });
        let Some((key, value)) = pair.split_once('=') else {
            masked.push_str(&mask_free_text(pair));
            continue;
        };
        masked.push_str(key);
        masked.push('=');
        if key == "command" {
            let argument = percent_decode(value);
            let shown = argument_shown(&argument, previous_names_credential);
            previous_names_credential = is_flag(&argument) && names_credential(&argument);
            masked.push_str(if shown == argument { value } else { &shown });
        } else if names_credential(&percent_decode(key)) {
            masked.push_str(&masked_value(value.len()));
        } else {
            masked.push_str(&mask_free_text(value));
        }
    }
    bounded(&masked)
}

/// Whether an argument of an exec stands behind one that names a credential.
fn is_announced(event: &Event<'_>, argument: &str) -> bool {
    let uri = event.request_uri().decode();
    let query = uri.split_once('?').map_or("", |(_, query)| query);
    let commands = query.split('&').filter_map(|pair| pair.strip_prefix("command=")).map(percent_decode);
    let mut previous_names_credential = false;
    commands.into_iter().any(|command| {
        let announced = previous_names_credential && command == argument;
        previous_names_credential = is_flag(&command) && names_credential(&command);
        announced
    })
}

/// The arguments of a command in one line, values of credential-like ones masked, bounded.
pub fn command(arguments: &[String]) -> String {
    let mut line = String::new();
    let mut previous_names_credential = false;
    for argument in arguments {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(&argument_shown(argument, previous_names_credential));
        previous_names_credential = is_flag(argument) && names_credential(argument);
    }
    bounded(&line)
}

fn is_flag(argument: &str) -> bool {
    argument.starts_with('-') && !argument.contains('=')
}

fn argument_shown(argument: &str, previous_names_credential: bool) -> String {
    if previous_names_credential { masked_value(argument.len()) } else { mask_free_text(argument) }
}

/// What a masked value reads as.
fn masked_value(bytes: usize) -> String {
    format!("[masked, {bytes} bytes]")
}

/// Any other text an event carries, such as a name or a user agent: bounded, tokens in it masked.
pub fn text(text: Text<'_>) -> String {
    bounded(&mask_free_text(&text.decode()))
}

/// The value of a field named by its path, bounded. Of bodies that may hold secret values nothing is shown.
pub fn field(event: &Event<'_>, path: &str, value: &str) -> String {
    let in_body = path.starts_with("requestObject") || path.starts_with("responseObject");
    let secret = |part: &str| names_credential(part) || (in_body && (part == "value" || body::is_value_key(part)));
    match path {
        "requestURI" => uri(event.request_uri()),
        "exec.command" if is_announced(event, value) => masked_value(value.len()),
        _ if in_body && holds_secret_values(event.object_ref().resource) => masked_value(value.len()),
        _ if path.split('.').any(secret) => masked_value(value.len()),
        _ => bounded(&mask_free_text(value)),
    }
}

fn bounded(text: &str) -> String {
    match text.char_indices().nth(TEXT_CHARS_MAX) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}… ({} bytes in all)", &text[..end], text.len()),
    }
}

/// Undoes percent-encoding and `+`, as far as it is well-formed.
pub fn percent_decode(text: &str) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    if memchr::memchr2(b'%', b'+', bytes).is_none() {
        return Cow::Borrowed(text);
    }
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escape = (bytes[at] == b'%').then(|| bytes.get(at + 1..at + 3)).flatten();
        let byte = escape.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        decoded.push(match (byte, bytes[at]) {
            (Some(byte), _) => byte,
            (None, b'+') => b' ',
            (None, other) => other,
        });
        at += if byte.is_some() { 3 } else { 1 };
    }
    Cow::Owned(String::from_utf8_lossy(&decoded).into_owned())
}

/// What may be kept of bytes that are no readable event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remains {
    /// What stood before the first body, when the bytes begin as an audit event does; otherwise nothing.
    pub text: String,
    /// Length of the whole, bytes.
    pub length: u64,
    /// Hexadecimal SHA-256 of the whole.
    pub sha256: String,
}

/// Reduces unreadable bytes to what may be kept: the part before the first body, and length and hash of the whole.
pub fn unreadable(bytes: &[u8]) -> Remains {
    Remains { text: readable_prefix(bytes), length: bytes.len() as u64, sha256: hex(&Sha256::digest(bytes)) }
}

/// Of bytes that may be secrets anywhere: length and hash.
pub fn opaque(bytes: &[u8]) -> Remains {
    Remains { text: String::new(), length: bytes.len() as u64, sha256: hex(&Sha256::digest(bytes)) }
}

/// The part of a record before its first body. Bytes that do not begin as an audit event could be the inside of a
/// body, so nothing is kept of them.
pub fn readable_prefix(bytes: &[u8]) -> String {
    let head = &bytes[..bytes.len().min(PREFIX_SEARCH_BYTES)];
    let begins_as_event = [&b"\"Event\""[..], b"audit.k8s.io/", b"\"auditID\""]
        .iter()
        .any(|sign| memchr::memmem::find(&head[..head.len().min(256)], sign).is_some());
    if !begins_as_event {
        return String::new();
    }
    let bodies = [&b"requestObject"[..], b"responseObject"];
    let end = bodies.iter().filter_map(|key| memchr::memmem::find(head, key)).min().unwrap_or(head.len());
    let prefix = String::from_utf8_lossy(&head[..end]);
    let shown: String = mask_free_text(&prefix);
    shown.chars().take(PREFIX_CHARS_MAX).collect()
}

/// How far into a record its first body is looked for. Audit id and URI come before it and may be a megabyte; of
/// such a record only this much is looked at.
const PREFIX_SEARCH_BYTES: usize = 64 * 1024;

/// Longest text kept of an unreadable record.
const PREFIX_CHARS_MAX: usize = 4096;

#[cfg(test)]
mod tests;
