//! The body as such: its form, and whether it can be read by everybody.

use crate::enrich::facts::Facts;
use crate::event::Raw;

use super::json::Object;
use super::written::Form;

/// Deepest nesting that common JSON readers follow.
const DEPTH_MAX: usize = 128;

pub(super) fn document(facts: &Facts<'_, '_>) -> Option<Vec<u8>> {
    let written = facts.written();
    let mut body = Object::default();
    body.text("form", written.form.word());
    if let Some(raw) = facts.event.request_object() {
        let oddities = oddities(raw);
        body.flag("parsed", oddities.is_empty() && written.form != Form::Unreadable);
        body.texts("oddities", oddities);
    } else if facts.event.is_truncated() && facts.event.names_resource() {
        // The record ends before its body does, or before it begins.
        body.flag("parsed", false);
        body.texts("oddities", ["cut"]);
    }
    body.flag("opaque", written.opaque);
    Some(body.finish())
}

/// What keeps other programs from reading it. Such bodies get past whatever gives up on them.
fn oddities(raw: Raw<'_>) -> Vec<&'static str> {
    let bytes = raw.bytes();
    let mut odd = Vec::new();
    let mut note = |is_odd: bool, word| odd.extend(is_odd.then_some(word));
    let scan = scan(bytes);
    note(std::str::from_utf8(bytes).is_err(), "not-utf8");
    note(scan.depth > DEPTH_MAX, "deep");
    note(scan.lone_surrogate, "lone-surrogate");
    note(scan.huge_number, "huge-number");
    odd
}

#[derive(Default)]
struct Scan {
    depth: usize,
    lone_surrogate: bool,
    huge_number: bool,
}

fn scan(bytes: &[u8]) -> Scan {
    let mut scan = Scan::default();
    let (mut depth, mut at) = (0usize, 0);
    while let Some(byte) = bytes.get(at) {
        at = match byte {
            b'"' => {
                let end = string_end(bytes, at + 1);
                scan.lone_surrogate |= has_lone_surrogate(&bytes[at..end]);
                end
            }
            b'0'..=b'9' | b'-' => {
                let length =
                    bytes[at..].iter().take_while(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(byte)).count();
                scan.huge_number |= Raw::new(&bytes[at..at + length]).number().is_none();
                at + length
            }
            b'{' | b'[' => {
                depth += 1;
                scan.depth = scan.depth.max(depth);
                at + 1
            }
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                at + 1
            }
            _ => at + 1,
        };
    }
    scan
}

/// The offset after the quote that ends the string, or the end of all.
fn string_end(bytes: &[u8], mut at: usize) -> usize {
    while let Some(found) = bytes.get(at..).and_then(|rest| memchr::memchr2(b'"', b'\\', rest)) {
        if bytes[at + found] == b'"' {
            return at + found + 1;
        }
        at += found + 2;
    }
    bytes.len()
}

fn has_lone_surrogate(string: &[u8]) -> bool {
    let mut rest = string;
    while let Some(found) = memchr::memchr(b'\\', rest) {
        let escape = &rest[found..];
        let is_half = |at: usize, halves: &[u8]| {
            let digits = escape.get(at..at + 6).filter(|escape| escape.starts_with(b"\\u"));
            digits.is_some_and(|digits| {
                digits[2].eq_ignore_ascii_case(&b'd') && halves.contains(&digits[3].to_ascii_lowercase())
            })
        };
        let used = match (is_half(0, b"89ab"), is_half(6, b"cdef"), is_half(0, b"cdef")) {
            (true, true, _) => 12,
            (true, false, _) | (_, _, true) => return true,
            _ => 2,
        };
        rest = escape.get(used..).unwrap_or_default();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(body: &[u8], expected: &[&str]) {
        assert_eq!(oddities(Raw::new(body)), expected, "{}", String::from_utf8_lossy(body));
    }

    #[test]
    fn what_other_readers_stumble_over_is_named() {
        check(br#"{"a":[1,-2.5e3,true,null,"\ud83d\ude00 \\ud800 \" 1e999"]}"#, &[]);
        check(b"{\"a\":\"\xff\"}", &["not-utf8"]);
        check(br#"{"a":"\ud800"}"#, &["lone-surrogate"]);
        check(br#"{"a":"\uDC00x"}"#, &["lone-surrogate"]);
        check(br#"{"a":1e999}"#, &["huge-number"]);
        check(format!("{}{}", "[".repeat(129), "]".repeat(129)).as_bytes(), &["deep"]);
        check(b"\"broken off\\", &[]);
    }
}
