//! One value of a field, as a rule compares it.

use crate::event::Raw;

/// Arrays that stand directly in arrays are walked so deep. What is nested deeper is shown as a list:
/// no Kubernetes type has more than two, and a client may send thousands.
pub(super) const ARRAYS_MAX: u8 = 8;

/// One value of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value<'v> {
    /// JSON's null.
    Null,
    /// True or false.
    Bool(bool),
    /// A number as written; it may be one that no machine can hold.
    Number(&'v str),
    /// Text, its escapes read.
    Text(&'v str),
    /// An object.
    Object(Raw<'v>),
    /// A list that stands too deep in other lists to be walked.
    List(Raw<'v>),
}

/// Who looks at values; true ends the looking.
pub(super) type See<'s> = &'s mut dyn FnMut(Value<'_>) -> bool;

/// Shows a JSON value, and of an array each element, until `see` is content.
pub(super) fn show(raw: Raw<'_>, see: See<'_>) -> bool {
    show_within(raw, ARRAYS_MAX, see)
}

fn show_within(raw: Raw<'_>, arrays: u8, see: See<'_>) -> bool {
    match raw.bytes() {
        [b'"', ..] => raw.text().is_some_and(|text| see(Value::Text(&text.decode()))),
        [b'[', ..] if arrays > 0 => raw.items().any(|item| show_within(item, arrays - 1, see)),
        [b'[', ..] => see(Value::List(raw)),
        [b'{', ..] => see(Value::Object(raw)),
        b"true" => see(Value::Bool(true)),
        b"false" => see(Value::Bool(false)),
        b"null" => see(Value::Null),
        number @ [b'-' | b'0'..=b'9', ..] => std::str::from_utf8(number).is_ok_and(|text| see(Value::Number(text))),
        // No value of JSON: broken off, or never one.
        _ => false,
    }
}
