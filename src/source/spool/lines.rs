//! From a body to events, one a line, in place.
//!
//! An `EventList` is one JSON document. Looked at as one record, an event that cannot be read would take its
//! neighbours along, so each becomes a line of its own. No byte of an event is changed but for line breaks between its
//! tokens, which become spaces; inside a string JSON allows none.

use std::ops::Range;

use crate::decode::document_length;
use crate::event::json::{Cursor, Fault};

/// Makes lines of a body and says which of its bytes they are. What is no list of events is one line when it is one
/// document, and stays as it is otherwise: it may be lines already.
pub(super) fn lines(body: &mut [u8]) -> Range<usize> {
    match items(body) {
        Some(items) => {
            let Items { starts, end } = items;
            blank(&mut body[starts[0]..end]);
            for start in &starts[1..] {
                body[start - 1] = b'\n';
            }
            starts[0]..end
        }
        None => {
            let one = document_length(body).is_some_and(|length| body[length..].trim_ascii().is_empty());
            if one {
                blank(body);
            }
            0..body.len()
        }
    }
}

/// Line breaks become spaces.
fn blank(bytes: &mut [u8]) {
    let mut at = 0;
    while let Some(found) = memchr::memchr(b'\n', &bytes[at..]) {
        bytes[at + found] = b' ';
        at += found + 1;
    }
}

/// Where the items of a list begin, and where the last one ends: at least one.
struct Items {
    starts: Vec<usize>,
    end: usize,
}

/// The items of a body that is a list of events and nothing else. Of one that is torn, the rest is the last item.
fn items(body: &[u8]) -> Option<Items> {
    let mut cursor = Cursor::new(body);
    find_items(&mut cursor).ok()??;
    let mut starts = vec![cursor.at()];
    let end = loop {
        match cursor.value() {
            Ok(_) => {}
            Err(Fault::Cut | Fault::Broken) => break body.len(),
        }
        let end = cursor.at();
        match cursor.peek() {
            Some(b',') => {
                cursor.move_to(cursor.at() + 1);
                starts.push(cursor.at());
            }
            // Whatever else may stand behind the items: the whole is looked at, as one.
            Some(b']') if cursor.rest()[1..].trim_ascii() != b"}" => return None,
            Some(b']') => break end,
            _ => break body.len(),
        }
    };
    Some(Items { starts, end })
}

/// Moves to the first of the `items`; nothing when there is none.
fn find_items(cursor: &mut Cursor<'_>) -> Result<Option<()>, Fault> {
    cursor.expect(b'{')?;
    loop {
        let key = cursor.string()?;
        cursor.expect(b':')?;
        if key.raw() == b"items" {
            cursor.expect(b'[')?;
            return Ok(cursor.peek().filter(|first| *first != b']').map(|_| ()));
        }
        // An event of its own may have items in it, as in a body.
        if key.raw() == b"auditID" {
            return Ok(None);
        }
        cursor.value()?;
        cursor.expect(b',')?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(body: &str, expected: &[&str]) {
        let mut bytes = body.as_bytes().to_vec();
        let range = lines(&mut bytes);
        let text = String::from_utf8(bytes[range].to_vec()).unwrap();
        let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        assert_eq!(lines, expected, "{body}");
    }

    #[test]
    fn each_event_of_a_list_is_a_line_of_its_own() {
        check(
            r#"{"kind":"EventList","metadata":{},"items":[{"a":1},{"b":[2,{}]}]}"#,
            &[r#"{"a":1}"#, r#"{"b":[2,{}]}"#],
        );
        check("{ \"items\" : [\n {\n\"a\":1}\n,\n{\"b\":2}\n]\n}\n", &["{ \"a\":1}", "{\"b\":2}"]);
        check(r#"{"items":[{"a":"},{"}]}"#, &[r#"{"a":"},{"}"#]);
        check(r#" {"items":[7,"x",{}]}"#, &["7", "\"x\"", "{}"]);
    }

    #[test]
    fn what_is_torn_costs_nobody_before_it() {
        check(r#"{"items":[{"a":1},{"b":"#, &[r#"{"a":1}"#, r#"{"b":"#]);
        check(r#"{"items":[{"a":1} {"b":2}]}"#, &[r#"{"a":1} {"b":2}]}"#]);
        check(r#"{"items":[{"a":1},]}"#, &[r#"{"a":1}"#, "]}"]);
        check(r#"{"items":["#, &[r#"{"items":["#]);
    }

    #[test]
    fn what_is_no_list_stays_whole() {
        check("{\"auditID\":\"x\",\n\"items\":[1,2]}", &["{\"auditID\":\"x\", \"items\":[1,2]}"]);
        check("{\"a\":1}\n{\"b\":2}\n", &["{\"a\":1}", "{\"b\":2}"]);
        check(r#"{"items":[{"a":1}],"items":[{"b":2}]}"#, &[r#"{"items":[{"a":1}],"items":[{"b":2}]}"#]);
        check(r#"{"items":[]}"#, &[r#"{"items":[]}"#]);
        check("garbage", &["garbage"]);
        check("", &[]);
        check("[[[[", &["[[[["]);
    }
}
