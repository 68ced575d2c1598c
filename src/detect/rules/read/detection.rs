//! The detection of a rule: selections, and the condition over them.

use super::condition::{Selections, condition};
use super::modifiers::Modifiers;
use super::{Context, Entries, Inside, entries, get, item, items};
use crate::detect::rules::expr::Expr;
use crate::detect::rules::mistake::{Mistake, Result};
use crate::yaml::{Location, Node, Spanned};

/// Reads a whole detection.
pub fn detection(node: &Spanned<Node>, context: &Context<'_>) -> Result<Expr> {
    let entries = entries(node, "the detection")?;
    if let Some((key, _)) = entries.iter().find(|(key, _)| key.value == "timeframe") {
        let advice = "write a correlation with a `timespan`; docs/rules.md shows one";
        return Err(Mistake::new(key.referenced, "`timeframe` is no longer part of Sigma", advice));
    }
    body(entries, node.referenced, Inside::Event, context)
}

/// Reads selections and the condition over them.
pub fn body(entries: &Entries, at: Location, inside: Inside, context: &Context<'_>) -> Result<Expr> {
    let named = entries.iter().filter(|(key, _)| key.value != "condition");
    let all: Result<Vec<_>> = named
        .map(|(key, value)| {
            check_name(key)?;
            Ok((key.value.clone(), selection(value, inside, context)?))
        })
        .collect();
    let mut selections = Selections::new(all?);
    let stated = get(entries, "condition")
        .ok_or_else(|| Mistake::new(at, "`condition` is missing", "add one, such as `condition: selection`"))?;
    let conditions: Result<Vec<_>> = items(stated)
        .iter()
        .map(|stated| match &stated.value {
            Node::Text(text) => condition(text, stated.referenced, &mut selections),
            other => {
                let message = format!("found {} where a condition belongs", other.kind());
                Err(Mistake::new(stated.referenced, message, "write one, such as `condition: selection`"))
            }
        })
        .collect();
    let mut conditions = conditions?;
    for (key, _) in entries.iter().filter(|(key, _)| selections.unused().any(|unused| unused == key.value)) {
        let message = format!("the condition does not use `{}`", key.value);
        context.warn(Mistake::new(key.referenced, message, "name it there, or take it out"));
    }
    match conditions.len() {
        0 => {
            Err(Mistake::new(stated.referenced, "the condition is empty", "write one, such as `condition: selection`"))
        }
        1 => Ok(conditions.remove(0)),
        _ => Ok(Expr::Some(1, conditions)),
    }
}

fn check_name(key: &Spanned<String>) -> Result<()> {
    let fits = |letter: char| letter.is_ascii_alphanumeric() || "_-".contains(letter);
    if !key.value.is_empty() && key.value.chars().all(fits) {
        return Ok(());
    }
    let message = format!("`{}` is no name for a selection: the condition could not name it", key.value);
    Err(Mistake::new(key.referenced, message, "use letters, digits, `_` and `-`"))
}

/// Reads one selection: a map of items that all hold, a list of which one holds, or keywords.
pub fn selection(node: &Spanned<Node>, inside: Inside, context: &Context<'_>) -> Result<Expr> {
    match &node.value {
        Node::Map(_) => {
            let all: Result<Vec<_>> = entries(node, "the selection")?
                .iter()
                .map(|(key, value)| item::item(key, value, inside, context))
                .collect();
            let mut all = all?;
            Ok(if all.len() == 1 { all.remove(0) } else { Expr::All(all) })
        }
        Node::List(list) if list.is_empty() => {
            Err(Mistake::new(node.referenced, "the selection is empty", "write what is wanted"))
        }
        Node::List(list) if list.iter().all(|node| !matches!(node.value, Node::Map(_) | Node::List(_))) => {
            item::keywords(&Modifiers::default(), node, context)
        }
        Node::List(list) => {
            let any: Result<Vec<_>> = list.iter().map(|node| selection(node, inside, context)).collect();
            Ok(Expr::Some(1, any?))
        }
        Node::Null => Err(Mistake::new(node.referenced, "the selection is empty", "write what is wanted")),
        _ => item::keywords(&Modifiers::default(), node, context),
    }
}
