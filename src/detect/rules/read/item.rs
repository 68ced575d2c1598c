//! One item of a selection: a field, its modifiers, and the values it may have.

use super::modifiers::{Change, Comparing, Modifiers, modifiers};
use super::values::wanted;
use super::{Context, Inside, array, items, subject};
use crate::detect::rules::any_of::AnyOf;
use crate::detect::rules::expr::{Expr, Item, Wish};
use crate::detect::rules::mistake::{Mistake, Result};
use crate::detect::rules::subject::Subject;
use crate::detect::rules::taxonomy::{self, Late};
use crate::detect::rules::wanted::Wanted;
use crate::yaml::{Location, Node, Spanned};

/// Names in which case matters to Kubernetes: without `cased` a filter lets more through than it says.
const CASED_NAMES: &[&str] = &["user.username", "user.groups", "objectRef.name", "actor.name", "actor.groups"];

/// Reads one item.
pub fn item(key: &Spanned<String>, value: &Spanned<Node>, inside: Inside, context: &Context<'_>) -> Result<Expr> {
    let at = key.referenced;
    let (name, rest) = key.value.split_once('|').map_or((key.value.as_str(), None), |(name, rest)| (name, Some(rest)));
    if context.arrays && array::is_block(name) {
        return array::block(key, name, rest, value, inside, context);
    }
    let mut from = name.chars().count() + 1;
    let words = rest.into_iter().flat_map(|rest| rest.split('|')).map(|word| {
        let begin = from;
        from += word.chars().count() + 1;
        (begin, word)
    });
    let modifiers = modifiers(words, at)?;
    let plain = if context.arrays { array::unescaped(name) } else { name.to_owned() };
    described(&plain, &modifiers, value, at, inside, context)
}

/// The item of a name and modifiers that are already read.
fn described(
    name: &str,
    modifiers: &Modifiers,
    value: &Spanned<Node>,
    at: Location,
    inside: Inside,
    context: &Context<'_>,
) -> Result<Expr> {
    if name.is_empty() {
        return finish(keywords(modifiers, value, context)?, modifiers);
    }
    let name = context
        .aliases
        .then(|| word_of(value))
        .flatten()
        .and_then(|word| taxonomy::meant_by_word(name, word))
        .unwrap_or(name);
    let (subject, name) = subject(name, at, inside, context)?;
    let late = if inside == Inside::Event { Late::of(&name) } else { Late::Never };
    if modifiers.comparing == Comparing::Presence {
        let Node::Bool(exists) = value.value else {
            return Err(Mistake::new(value.referenced, "`exists` wants `true` or `false`", "write one of them"));
        };
        return finish(Expr::Item(Item { name, subject, wish: Wish::Exists(exists), late }), modifiers);
    }
    let whole = values(value, modifiers, inside, context)?;
    let whole = whole.into_iter().map(|wanted| with_corrected_verbs(&name, wanted, modifiers, context)).collect();
    lint(&name, modifiers, at, context);
    let item = linked(whole, modifiers.all, |wanted| {
        let wish = Wish::Value(AnyOf::new(wanted));
        Expr::Item(Item { name: name.clone(), subject: subject.clone(), wish, late })
    });
    finish(with_corrected_flags(item, &name, at, context)?, modifiers)
}

/// The item, or one of the flags that a correction puts beside it.
fn with_corrected_flags(item: Expr, name: &str, at: Location, context: &Context<'_>) -> Result<Expr> {
    let flags = context.correction.map_or(&[][..], |correction| correction.flags);
    let mut any = vec![item];
    for (_, flag) in flags.iter().filter(|(named, _)| *named == name) {
        let (subject, name) = subject(flag, at, Inside::Event, context)?;
        let wish = Wish::Value(AnyOf::new(vec![Wanted::Bool(true)]));
        any.push(Expr::Item(Item { late: Late::of(&name), name, subject, wish }));
    }
    Ok(if any.len() == 1 { any.remove(0) } else { Expr::Some(1, any) })
}

/// A keyword is looked for in every text of the event; without a place of its own, anywhere in it.
pub fn keywords(modifiers: &Modifiers, value: &Spanned<Node>, context: &Context<'_>) -> Result<Expr> {
    let mut modifiers = modifiers.clone();
    if modifiers.comparing == Comparing::Plainly && !modifiers.placed {
        (modifiers.open_start, modifiers.open_end, modifiers.placed) = (true, true, true);
    }
    if matches!(modifiers.comparing, Comparing::Presence | Comparing::Reference) {
        let advice = "write the name of a field before it";
        return Err(Mistake::new(value.referenced, "this modifier needs a field", advice));
    }
    let whole = values(value, &modifiers, Inside::Event, context)?;
    Ok(linked(whole, modifiers.all, |wanted| {
        let wish = Wish::Value(AnyOf::new(wanted));
        Expr::Item(Item { name: "keywords".to_owned(), subject: Subject::Everything, wish, late: Late::UntilFound })
    }))
}

/// What each of the values is wanted to be.
fn values(
    value: &Spanned<Node>,
    modifiers: &Modifiers,
    inside: Inside,
    context: &Context<'_>,
) -> Result<Vec<Vec<Wanted>>> {
    let at = value.referenced;
    let all = match &value.value {
        Node::List(list) if list.is_empty() => {
            return Err(Mistake::new(at, "no value stands here, so this could never match", "write one"));
        }
        Node::Map(_) => {
            let advice = "write the path with dots, or with `sigma-version: 3` a block such as `containers[any]:`";
            return Err(Mistake::new(at, "found keys with values where a value belongs", advice));
        }
        Node::Null => std::slice::from_ref(value),
        _ => items(value),
    };
    if let (Some(null), true) = (all.iter().find(|value| value.value == Node::Null), all.len() > 1) {
        let advice = "give it a selection of its own and join them with `or`";
        return Err(Mistake::new(null.referenced, "`null` cannot be one of several values", advice));
    }
    let name = |name: &str, at| subject(name, at, inside, context).map(|(subject, _)| subject);
    all.iter()
        .map(|value| {
            warn_of_placeholder(value, modifiers, context);
            wanted(value, modifiers, context.lists, &name)
        })
        .collect()
}

fn linked(values: Vec<Vec<Wanted>>, all: bool, item: impl Fn(Vec<Wanted>) -> Expr) -> Expr {
    match all {
        true => Expr::All(values.into_iter().map(item).collect()),
        false => item(values.concat()),
    }
}

fn finish(expr: Expr, modifiers: &Modifiers) -> Result<Expr> {
    Ok(if modifiers.negated { Expr::Not(Box::new(expr)) } else { expr })
}

fn word_of(value: &Spanned<Node>) -> Option<&str> {
    match &value.value {
        Node::Text(text) => Some(text),
        _ => None,
    }
}

fn with_corrected_verbs(
    name: &str,
    mut wanted: Vec<Wanted>,
    modifiers: &Modifiers,
    context: &Context<'_>,
) -> Vec<Wanted> {
    let Some(correction) = context.correction.filter(|_| name == "verb" && !modifiers.placed) else { return wanted };
    let says = |verb: &str| {
        wanted.iter().any(|wanted| matches!(wanted, Wanted::Text(text) if text.folded_text() == Some(verb)))
    };
    let more: Vec<_> = correction.verbs.iter().filter(|(named, _)| says(named)).map(|(_, more)| *more).collect();
    wanted.extend(more.into_iter().map(Wanted::word));
    wanted
}

fn lint(name: &str, modifiers: &Modifiers, at: Location, context: &Context<'_>) {
    if name == "sourceIPs" && modifiers.comparing == Comparing::Network {
        let advice = "use `client.ip|cidr`, `client.zone` or `client.trusted`, which a forged header cannot change";
        context.warn(Mistake::new(at, "all of `sourceIPs` but the last is what the client wrote", advice));
    }
    if modifiers.negated && !modifiers.cased && modifiers.comparing == Comparing::Plainly && CASED_NAMES.contains(&name)
    {
        let advice = "add `cased`: names of users, groups and objects that differ in case are different ones";
        context.warn(Mistake::new(at, format!("this exception from `{name}` holds in any case of letters"), advice));
    }
}

fn warn_of_placeholder(value: &Spanned<Node>, modifiers: &Modifiers, context: &Context<'_>) {
    let inner = word_of(value).and_then(|text| text.strip_prefix('%')?.strip_suffix('%'));
    let looks_so = inner
        .is_some_and(|name| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'));
    if looks_so && !modifiers.changes.contains(&Change::Expand) {
        let advice = "add `expand` to the field's modifiers to have the values of a list";
        context.warn(Mistake::new(value.referenced, "without `expand` this is a text and no placeholder", advice));
    }
}
