//! JSON values as text, and JSON pointers.

use std::borrow::Cow;

use crate::event::json::Cursor;
use crate::event::{Event, Raw};

/// Longest pretty-printed event, bytes of it; the rest is left out.
const PRETTY_BYTES_MAX: usize = 64 * 1024;

/// Deepest indentation of a pretty-printed event. Deeper values are indented no further.
const INDENT_MAX: usize = 32;

/// The value without white space between its parts, and with strings escaped in one way, whatever way the client chose.
pub(super) fn compact(value: Raw<'_>) -> Cow<'_, str> {
    let bytes = value.bytes();
    let is_compact = !bytes.iter().any(|byte| matches!(byte, b'\\' | b'\n' | b'\r' | b'\t' | b' '));
    match std::str::from_utf8(bytes) {
        Ok(text) if is_compact => Cow::Borrowed(text),
        _ => Cow::Owned(written(value, usize::MAX, |_, _| {})),
    }
}

/// The value on several lines, indented by two blanks.
pub(super) fn pretty(value: Raw<'_>) -> String {
    let mut depth: usize = 0;
    let mut fresh = false;
    written(value, PRETTY_BYTES_MAX, |out, byte| {
        let newline = |out: &mut String, depth: usize| {
            out.push('\n');
            out.extend(std::iter::repeat_n("  ", depth.min(INDENT_MAX)));
        };
        if matches!(byte, b'}' | b']') {
            depth = depth.saturating_sub(1);
            if !std::mem::take(&mut fresh) {
                newline(out, depth);
            }
        } else if std::mem::take(&mut fresh) {
            newline(out, depth);
        }
        match out.as_bytes().last() {
            Some(b',') if !out.ends_with('\n') => newline(out, depth),
            Some(b':') => out.push(' '),
            _ => {}
        }
        if matches!(byte, b'{' | b'[') {
            depth += 1;
            fresh = true;
        }
    })
}

/// Writes the value anew. `before` is called with the first byte of each part, before that is written.
fn written(value: Raw<'_>, bytes_max: usize, mut before: impl FnMut(&mut String, u8)) -> String {
    let bytes = value.bytes();
    let mut out = String::with_capacity(bytes.len());
    let mut cursor = Cursor::new(bytes);
    while let Some(first) = cursor.peek() {
        if out.len() > bytes_max {
            out.push('…');
            break;
        }
        before(&mut out, first);
        let start = cursor.at();
        if first == b'"' {
            match cursor.string() {
                Ok(text) => out.push_str(&serde_json::Value::String(text.decode().into_owned()).to_string()),
                Err(_) => break,
            }
            continue;
        }
        let end = bytes[start..].iter().skip(1).position(|byte| b"{}[],:\" \n\r\t".contains(byte));
        let single = b"{}[],:".contains(&first);
        let end = if single { start + 1 } else { end.map_or(bytes.len(), |length| start + 1 + length) };
        out.push_str(&String::from_utf8_lossy(&bytes[start..end]));
        cursor.move_to(end);
    }
    out
}

/// A JSON pointer (RFC 6901), with the part of the event it begins in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::detect::falco) struct Pointer {
    parts: Vec<String>,
}

impl Pointer {
    /// From its text; the leading slash may be missing.
    pub(in crate::detect::falco) fn new(text: &str) -> Self {
        let text = text.strip_prefix('/').unwrap_or(text);
        let unescaped = |part: &str| part.replace("~1", "/").replace("~0", "~");
        let parts = if text.is_empty() { Vec::new() } else { text.split('/').map(unescaped).collect() };
        Self { parts }
    }

    pub(super) fn read<'a>(&self, event: &Event<'a>) -> Option<Raw<'a>> {
        let whole = Raw::new(event.bytes());
        let Some((first, rest)) = self.parts.split_first() else { return Some(whole) };
        // What the decoder has found already need not be looked for again.
        let found = match first.as_str() {
            "requestObject" => event.request_object()?,
            "responseObject" => event.response_object()?,
            "responseStatus" => event.response_status()?,
            "annotations" => event.annotations,
            "objectRef" => event.object_ref,
            "user" => event.user(),
            _ => whole.get(first)?,
        };
        let value = rest.iter().try_fold(found, |value, part| match value.bytes().first() {
            Some(b'[') => value.items().nth(index(part)?),
            _ => value.get(part),
        })?;
        (!value.bytes().is_empty()).then_some(value)
    }

    /// The name of the stage of a request, which nearly every rule begins with.
    pub(in crate::detect::falco) fn is_stage(&self) -> bool {
        self.parts == ["stage"]
    }
}

fn index(part: &str) -> Option<usize> {
    let canonical = part == "0" || !part.starts_with('0');
    part.parse().ok().filter(|_| canonical && part.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_written_in_one_way() {
        for (json, expected) in [
            (r#"{"a":[1,true,null]}"#, r#"{"a":[1,true,null]}"#),
            ("{ \"a\" :\n [ 1 , \"x y\" ] }", r#"{"a":[1,"x y"]}"#),
            (r#"{"p\u0061ss":"\u003c\""}"#, r#"{"pass":"<\""}"#),
            ("201", "201"),
        ] {
            assert_eq!(compact(Raw::new(json.as_bytes())), expected);
        }
    }

    #[test]
    fn a_whole_event_is_indented() {
        let json = br#"{"a":{"b":[1,2],"c":{}},"d":"x"}"#;
        let expected = "{\n  \"a\": {\n    \"b\": [\n      1,\n      2\n    ],\n    \"c\": {}\n  },\n  \"d\": \"x\"\n}";
        assert_eq!(pretty(Raw::new(json)), expected);
    }
}
