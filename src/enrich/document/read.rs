//! Reads what a document needs from bodies that anybody may have written. Nulls read as absent: a patch removes by them.
//! Bodies are bounded (`written::BODY_BYTES_MAX`), and so is all that is read here.

use std::borrow::Cow;

use crate::event::Raw;

/// The members of these names, found in one pass. Of duplicates the last counts.
pub(super) fn take<'a, const N: usize>(object: Raw<'a>, names: [&str; N]) -> [Option<Raw<'a>>; N] {
    let mut found = [None; N];
    for (key, value) in object.members() {
        if let Some(at) = names.iter().position(|name| key == **name) {
            found[at] = present(value);
        }
    }
    found
}

/// The value at the end of a path of keys.
pub(super) fn at<'a>(value: Raw<'a>, path: &[&str]) -> Option<Raw<'a>> {
    value.at(path).and_then(present)
}

fn present(value: Raw<'_>) -> Option<Raw<'_>> {
    (value.bytes() != b"null").then_some(value)
}

/// A text; numbers and flags where a text should be are none.
pub(super) fn text(value: Option<Raw<'_>>) -> Option<Cow<'_, str>> {
    Some(value?.text()?.decode())
}

/// True or false.
pub(super) fn flag(value: Option<Raw<'_>>) -> Option<bool> {
    match value?.bytes() {
        b"true" => Some(true),
        b"false" => Some(false),
        _ => None,
    }
}

/// A number as written.
pub(super) fn number(value: Option<Raw<'_>>) -> Option<Raw<'_>> {
    value.filter(|raw| raw.number().is_some())
}

/// The items of a list, those left out that only direct a strategic merge patch.
pub(super) fn items(list: Option<Raw<'_>>) -> impl Iterator<Item = Raw<'_>> {
    list.unwrap_or_default().items().filter(|item| !is_directive(*item))
}

/// `{"$patch": "delete", "name": "x"}` or `{"$patch": "replace"}`. What holds more than that is looked at: whether a
/// patch is strategic stands in a header that is not logged, and to any other kind `$patch` means nothing.
fn is_directive(item: Raw<'_>) -> bool {
    item.members().take(3).count() <= 2 && item.get("$patch").is_some()
}

/// The texts of a list.
pub(super) fn texts(list: Option<Raw<'_>>) -> Vec<Cow<'_, str>> {
    list.unwrap_or_default().items().filter_map(|item| text(Some(item))).collect()
}

/// Whether a map has one of these keys, whatever its value.
pub(super) fn has_key(map: Option<Raw<'_>>, keys: &[&str]) -> bool {
    map.unwrap_or_default().members().any(|(key, _)| keys.iter().any(|wanted| key == **wanted))
}
