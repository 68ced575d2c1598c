//! Follows a dotted path into JSON.
//!
//! Kubernetes keys hold dots themselves (`eks.amazonaws.com/role-arn`), so each key of an object is tried against the
//! beginning of what is left of the path. Arrays on the way are walked through: any member will do.

use std::sync::Arc;

use crate::event::{Raw, Text};

use super::value::{ARRAYS_MAX, Value, show};

/// Most dotted parts of a path that a key on the way may span. The last key may span any number.
const PARTS_MAX: usize = 8;

/// A path into one element of an array. `.` is the element itself.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Path(Arc<str>);

impl Path {
    /// Reads a path such as `securityContext.privileged`.
    pub fn parse(path: &str) -> Self {
        Self(if path == "." { "".into() } else { path.into() })
    }

    /// Shows every value at the path to `see` until it answers true; whether it did.
    pub fn any(&self, element: Raw<'_>, see: &mut dyn FnMut(Value<'_>) -> bool) -> bool {
        walk(element, &self.0, &mut |raw| show(raw, see))
    }

    /// Whether something stands at the path, be it null or an empty list.
    pub fn exists(&self, element: Raw<'_>) -> bool {
        walk(element, &self.0, &mut |_| true)
    }

    /// Shows every element of the arrays at the path, for an array block in an array block.
    pub fn elements(&self, element: Raw<'_>, see: &mut dyn FnMut(Raw<'_>) -> bool) -> bool {
        walk(element, &self.0, &mut |raw| raw.items().any(&mut *see))
    }
}

/// Calls `end` with what stands at the end of the path until it answers true; whether it did.
///
/// Of duplicate keys the last counts, as in the API server. The depth of calls is bound by the path, not by the JSON.
pub(in crate::enrich) fn walk(value: Raw<'_>, path: &str, end: &mut dyn FnMut(Raw<'_>) -> bool) -> bool {
    descend(value, path, ARRAYS_MAX, end)
}

fn descend(value: Raw<'_>, path: &str, arrays: u8, end: &mut dyn FnMut(Raw<'_>) -> bool) -> bool {
    if path.is_empty() {
        return end(value);
    }
    match value.bytes().first() {
        Some(b'{') => step(value, path, end),
        Some(b'[') if arrays > 0 => value.items().any(|item| descend(item, path, arrays - 1, end)),
        _ => false,
    }
}

fn step(object: Raw<'_>, path: &str, end: &mut dyn FnMut(Raw<'_>) -> bool) -> bool {
    let mut whole = None;
    let mut begun = [None; PARTS_MAX];
    for (key, value) in object.members() {
        match covers(key, path) {
            Some(length) if length == path.len() => whole = Some(value),
            Some(length) => {
                let parts = path[..length].bytes().filter(|byte| *byte == b'.').count();
                if let Some(slot) = begun.get_mut(parts) {
                    *slot = Some((value, length));
                }
            }
            None => {}
        }
    }
    let mut begun = begun.into_iter().flatten();
    whole.is_some_and(&mut *end) || begun.any(|(value, length)| descend(value, &path[length + 1..], ARRAYS_MAX, end))
}

/// How much of the path a key stands for: all of it, or the parts up to a dot.
#[inline]
fn covers(key: Text<'_>, path: &str) -> Option<usize> {
    let first = key.raw().first()?;
    if *first != path.as_bytes()[0] && *first != b'\\' {
        return None;
    }
    if memchr::memchr(b'\\', key.raw()).is_some() {
        return covers_plain(key.decode().as_bytes(), path);
    }
    covers_plain(key.raw(), path)
}

fn covers_plain(key: &[u8], path: &str) -> Option<usize> {
    let after = path.as_bytes().strip_prefix(key).filter(|_| !key.is_empty())?;
    (after.is_empty() || (after[0] == b'.' && after.len() > 1)).then_some(key.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(json: &str, path: &str, expected: &[&str]) {
        let mut shown = Vec::new();
        Path::parse(path).any(Raw::new(json.as_bytes()), &mut |value| {
            shown.push(match value {
                Value::Text(text) => format!("'{text}'"),
                Value::Object(raw) | Value::List(raw) => String::from_utf8_lossy(raw.bytes()).into_owned(),
                Value::Number(number) => number.to_owned(),
                other => format!("{other:?}"),
            });
            false
        });
        assert_eq!(shown, expected, "{path} in {json}");
    }

    #[test]
    fn arrays_are_walked_on_the_way_and_at_the_end() {
        check(r#"{"a":[{"b":1},{"c":2},{"b":[3,[4]]}]}"#, "a.b", &["1", "3", "4"]);
        check(r#"{"a":[]}"#, "a", &[]);
        check(r#"{"a":null}"#, "a", &["Null"]);
        check(r#"{"a":{"b":null}}"#, "a.b.c", &[]);
        check(r#"["x","y"]"#, ".", &["'x'", "'y'"]);
        check("7", ".", &["7"]);
    }

    #[test]
    fn keys_may_hold_dots() {
        check(r#"{"a.b":{"c":1},"a":{"b.c":2,"b":{"c":3}}}"#, "a.b.c", &["2", "3", "1"]);
        check(
            r#"{"data":{"one.two.three.four.five.six.seven.eight.nine.ten":1}}"#,
            "data.one.two.three.four.five.six.seven.eight.nine.ten",
            &["1"],
        );
        check(r#"{"a":{"b":1}}"#, "a.b.", &[]);
    }

    #[test]
    fn the_last_of_duplicates_counts_however_it_is_spelled() {
        check(r#"{"a":1,"\u0061":2}"#, "a", &["2"]);
        check(r#"{"a":{"b":1},"a":{"c":2}}"#, "a.b", &[]);
    }

    #[test]
    fn what_is_nested_without_end_is_shown_as_it_stands() {
        let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
        let json = format!(r#"{{"a":{deep}}}"#);
        let mut lists = 0;
        Path::parse("a").any(Raw::new(json.as_bytes()), &mut |value| {
            lists += usize::from(matches!(value, Value::List(_)));
            false
        });
        assert_eq!(lists, 1);
        assert!(!Path::parse("a.b").any(Raw::new(json.as_bytes()), &mut |_| true));
    }

    #[test]
    fn an_empty_list_exists_and_shows_nothing() {
        let raw = Raw::new(br#"{"a":[],"b":null}"#);
        assert!(Path::parse("a").exists(raw) && Path::parse("b").exists(raw) && !Path::parse("c").exists(raw));
    }
}
