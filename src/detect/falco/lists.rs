//! Lists: their names are replaced by their items in the text of a condition, before it is parsed.
//!
//! That is how Falco does it, and it shows: a name is replaced wherever it stands between delimiters, also where a
//! value was meant.

use super::define::{Definitions, List};
use super::fault::Spot;
use super::traced::Traced;

const BLANKS: &[u8] = b" \t\n\r";
const DELIMITERS: &[u8] = b" \t\n\r(),=";

/// What no bare value may hold.
const NOT_BARE: &[char] = &[' ', '\t', '\n', '\r', '\u{8}', '(', ')', '"', '\'', '=', ','];

/// Longest condition after replacement, bytes. A longer one is left as it is and will not parse, so that lists of
/// lists cannot fill the memory.
const CONDITION_BYTES_MAX: usize = 16 * 1024 * 1024;

/// The lists with the lists in them replaced, one level deep: what an inner list names is found when the outer one is
/// put into a condition. Only what was defined before the outer list was last changed counts.
pub(super) fn resolved(definitions: &Definitions) -> Vec<List> {
    let named = |name: &str| definitions.lists.iter().find(|list| list.name == name);
    let items = |list: &List| {
        let inner = |item: &Traced| match named(item.as_str()) {
            Some(inner) if inner.age.defined < list.age.changed => inner.items.iter().map(quoted).collect(),
            _ => vec![quoted(item)],
        };
        list.items.iter().flat_map(inner).collect()
    };
    definitions.lists.iter().map(|list| List { items: items(list), ..list.clone() }).collect()
}

/// A value as it may stand in a condition.
pub(super) fn quoted(value: &Traced) -> Traced {
    let text = value.as_str();
    if text.starts_with(['"', '\'']) || !(text.is_empty() || text.contains(NOT_BARE)) {
        return value.clone();
    }
    // What is a group already, such as a list written as text.
    if text.starts_with('(') && text.ends_with(')') {
        return value.clone();
    }
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"");
    let escaped = escaped.replace('\n', "\\n").replace('\t', "\\t").replace('\r', "\\r");
    Traced::at(&format!("\"{escaped}\""), value.spot(0))
}

/// A condition with the names of lists replaced.
pub(super) fn replaced(condition: &Traced, lists: &[List]) -> Traced {
    lists.iter().fold(condition.clone(), one_list)
}

fn one_list(mut text: Traced, list: &List) -> Traced {
    if list.name.is_empty() {
        return text;
    }
    let mut from = 0;
    while let Some(found) = text.as_str().get(from..).and_then(|rest| rest.find(&list.name)) {
        let (mut start, mut end) = (from + found, from + found + list.name.len());
        let named = text.spot(start);
        let bytes = text.as_str().as_bytes();
        let delimited = |at: Option<&u8>| at.is_none_or(|byte| DELIMITERS.contains(byte));
        if !(delimited(start.checked_sub(1).map(|before| &bytes[before])) && delimited(bytes.get(end))) {
            from = end;
            continue;
        }
        while start > 0 && BLANKS.contains(&bytes[start - 1]) {
            start -= 1;
        }
        while bytes.get(end).is_some_and(|byte| BLANKS.contains(byte)) {
            end += 1;
        }
        if list.items.is_empty() {
            match (start.checked_sub(1).map(|before| bytes[before]), bytes.get(end)) {
                (Some(b','), _) => start -= 1,
                (_, Some(b',')) => end += 1,
                _ => {}
            }
        }
        let put = put(&text, start..end, named, list);
        if put.0.as_str().len() > CONDITION_BYTES_MAX {
            return text;
        }
        (text, from) = put;
    }
    text
}

/// The text with the items in place of a range, and where they end. A mistake in an item is told where the list is named.
fn put(text: &Traced, range: std::ops::Range<usize>, spot: Spot, list: &List) -> (Traced, usize) {
    let mut whole = text.slice(0..range.start);
    whole.push_str(" ", spot);
    for (at, item) in list.items.iter().enumerate() {
        whole.push_str(if at == 0 { "" } else { ", " }, spot);
        whole.push_str(item.as_str(), spot);
    }
    whole.push_str(" ", spot);
    let after = whole.as_str().len();
    whole.push(&text.slice(range.end..text.as_str().len()));
    (whole, after)
}
