//! Blocks over the elements of an array, of `sigma-version: 3`: `containers[any]: { … }`, and places, `containers[0].image`.

use super::detection::{body, selection};
use super::modifiers::modifiers;
use super::{Context, Entries, Inside, item, subject};
use crate::detect::rules::expr::{Expr, Item, Quantifier, Wish};
use crate::detect::rules::mistake::{Mistake, Result};
use crate::detect::rules::taxonomy::Late;
use crate::yaml::{Node, Spanned};

/// Whether a name has a bracket that is not behind a backslash.
pub fn is_block(name: &str) -> bool {
    opening(name).is_some()
}

fn opening(name: &str) -> Option<usize> {
    name.match_indices('[').map(|(at, _)| at).find(|at| !name[..*at].ends_with('\\'))
}

/// The name with its brackets freed of backslashes.
pub fn unescaped(name: &str) -> String {
    name.replace(r"\[", "[").replace(r"\]", "]")
}

/// Reads a block, or a name with a place in it.
pub fn block(
    key: &Spanned<String>,
    name: &str,
    rest: Option<&str>,
    value: &Spanned<Node>,
    inside: Inside,
    context: &Context<'_>,
) -> Result<Expr> {
    let at = key.referenced;
    let wrong = |message: String| {
        Mistake::new(
            at,
            message,
            "write `[any]`, `[all]`, `[all_or_empty]`, `[none]` or a number, such as `[0]` or `[-1]`",
        )
    };
    let open = opening(name).ok_or_else(|| wrong("a bracket is missing".to_owned()))?;
    let close = name[open..].find(']').map(|more| open + more).ok_or_else(|| wrong("`]` is missing".to_owned()))?;
    let (path, word, behind) = (&name[..open], &name[open + 1..close], &name[close + 1..]);
    let quantifier = match word {
        "any" => Quantifier::Any,
        "all" => Quantifier::All,
        "all_or_empty" => Quantifier::AllOrEmpty,
        "none" => Quantifier::None,
        number => Quantifier::At(number.parse().map_err(|_| wrong(format!("`[{number}]` says nothing of elements")))?),
    };
    let path = if path.is_empty() && inside == Inside::Element { "." } else { path };
    let (subject, full) = subject(&unescaped(path), at, inside, context)?;
    let late = if inside == Inside::Event { Late::of(&full) } else { Late::Never };
    let inner = match (&value.value, rest, behind) {
        (Node::Map(entries), None, "") => block_body(value, entries, context)?,
        _ => {
            // What stands behind the bracket is an item of the element.
            let inner = behind.strip_prefix('.').unwrap_or(if behind.is_empty() { "." } else { behind });
            let written = rest.map_or(inner.to_owned(), |rest| format!("{inner}|{rest}"));
            let key = Spanned { value: written, ..key.clone() };
            modifiers(rest.into_iter().flat_map(|rest| rest.split('|')).map(|word| (0, word)), at)?;
            item::item(&key, value, Inside::Element, context)?
        }
    };
    let wish = Wish::Elements(quantifier, Box::new(inner));
    Ok(Expr::Item(Item { name: format!("{full}[{word}]"), subject, wish, late }))
}

/// All items of one map hold of one element; with a `condition` of its own, the map's selections do as it says.
fn block_body(value: &Spanned<Node>, entries: &Entries, context: &Context<'_>) -> Result<Expr> {
    let has_condition = entries.iter().any(|(key, _)| key.value == "condition");
    let all_maps = entries
        .iter()
        .all(|(key, value)| key.value == "condition" || matches!(value.value, Node::Map(_) | Node::List(_)));
    if has_condition && all_maps {
        return body(entries, value.referenced, Inside::Element, context);
    }
    selection(value, Inside::Element, context)
}
