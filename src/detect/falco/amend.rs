//! Later items that change earlier ones: `append`, `override`, and the switch `enabled`.

use super::define::{Definitions, RuleText};
use super::exceptions;
use super::fault::{Fault, Spot};
use super::keys::Keys;
use super::read;
use super::yaml::{Entry, Value};

/// What an item does to one of its keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// It stands for itself; an earlier item of the name is forgotten.
    Define,
    /// It is added to the earlier item.
    Append,
    /// It takes the place of the earlier item's.
    Replace,
}

const APPENDABLE: &[&str] = &["condition", "output", "desc", "tags", "exceptions"];
const REPLACEABLE: &[&str] = &[
    "condition",
    "output",
    "desc",
    "tags",
    "exceptions",
    "priority",
    "enabled",
    "capture",
    "capture_duration",
    "warn_evttypes",
    "skip-if-unknown-filter",
];

/// The mode of a list's or a macro's only key.
pub(super) fn mode(keys: &Keys<'_>, key: &str) -> Result<Mode, Fault> {
    let overrides = overrides(keys)?;
    match (appends(keys)?, overrides.first()) {
        (true, _) => Ok(Mode::Append),
        (false, None) => Ok(Mode::Define),
        (false, Some((name, _, mode))) if name == key => Ok(*mode),
        (false, Some((name, spot, _))) => Err(cannot_override(*spot, name, &[key])),
    }
}

/// Whether a rule item changes an earlier one.
pub(super) fn is_amendment(keys: &Keys<'_>) -> Result<bool, Fault> {
    Ok(appends(keys)? || !overrides(keys)?.is_empty())
}

pub(super) fn nothing_to_amend(spot: Spot, what: &str, name: &str) -> Fault {
    Fault::new(spot, format!("there is no {what} `{name}` before this that could be changed"))
        .advise("put the file that defines it first, or take out `append` or `override`")
}

fn appends(keys: &Keys<'_>) -> Result<bool, Fault> {
    let appends = keys.flag("append")?.unwrap_or(false);
    match keys.get("override") {
        Some((spot, _)) if appends => Err(Fault::new(spot, "`append` and `override` stand together")
            .advise("keep `override`, and name in it what is appended")),
        _ => Ok(appends),
    }
}

/// The keys under `override`, with their modes.
fn overrides(keys: &Keys<'_>) -> Result<Vec<(String, Spot, Mode)>, Fault> {
    let Some((spot, node)) = keys.get("override") else { return Ok(Vec::new()) };
    let Value::Map(entries) = &node.value else {
        return Err(node.wrong("`override`", "write what is changed and how, such as `override: { items: append }`"));
    };
    let mode = |entry: &Entry| match entry.value.text() {
        Some("append") => Ok((entry.key.clone(), entry.spot, Mode::Append)),
        Some("replace") => Ok((entry.key.clone(), entry.spot, Mode::Replace)),
        _ => Err(Fault::new(entry.spot, format!("what is done to `{}` is not said", entry.key))
            .advise("write `append` or `replace`")),
    };
    let found: Vec<_> = entries.iter().map(mode).collect::<Result<_, _>>()?;
    match found.iter().find(|(key, ..)| !keys.has(key)) {
        Some((key, spot, _)) => Err(Fault::new(*spot, format!("`{key}` stands under `override` but not in the item"))
            .advise(format!("add `{key}:` beside `override`, or take it out here"))),
        None if found.is_empty() => Err(Fault::new(spot, "`override` names nothing")),
        None => Ok(found),
    }
}

fn cannot_override(spot: Spot, key: &str, possible: &[&str]) -> Fault {
    Fault::new(spot, format!("`{key}` cannot be changed like this"))
        .advise(format!("possible: {}", possible.join(", ")))
}

/// Switches an earlier rule on or off.
pub(super) fn switch(name: &str, spot: Spot, enabled: bool, definitions: &mut Definitions) -> Result<(), Fault> {
    // It may switch a rule of a source that we pass over.
    let foreign = !definitions.foreign.is_empty();
    match definitions.rule(name) {
        Some(rule) => rule.enabled = enabled,
        None if foreign => {}
        None => return Err(nothing_to_amend(spot, "rule", name)),
    }
    Ok(())
}

/// Changes an earlier rule.
pub(super) fn rule(keys: &Keys<'_>, name: &str, spot: Spot, definitions: &mut Definitions) -> Result<(), Fault> {
    let changes = changes(keys)?;
    let foreign = !definitions.foreign.is_empty();
    let Some(rule) = definitions.rule(name) else {
        // It may change a rule of a source that we pass over.
        return if foreign { Ok(()) } else { Err(nothing_to_amend(spot, "rule", name)) };
    };
    if let Some(source) = keys.text("source")?
        && source.as_str() != rule.source
    {
        return Err(Fault::new(source.spot(0), format!("the rule `{name}` is of the source `{}`", rule.source))
            .advise("leave `source` out"));
    }
    for (key, key_spot, mode) in changes {
        change(rule, keys, &key, key_spot, mode)?;
    }
    definitions.now(None);
    Ok(())
}

/// What an amending rule item changes, and how.
fn changes(keys: &Keys<'_>) -> Result<Vec<(String, Spot, Mode)>, Fault> {
    let own = |name: &str| matches!(name, "rule" | "append" | "override" | "source");
    if appends(keys)? {
        let given = keys.names().filter(|(name, _)| APPENDABLE.contains(name));
        return Ok(given.map(|(name, spot)| (name.to_owned(), spot, Mode::Append)).collect());
    }
    let overrides = overrides(keys)?;
    for (name, spot) in keys.names().filter(|(name, _)| !own(name)) {
        if !overrides.iter().any(|(key, ..)| key == name) {
            return Err(Fault::new(spot, format!("`{name}` is not named under `override`"))
                .advise(format!("add `{name}: append` or `{name}: replace` there, or take it out here")));
        }
    }
    for (key, spot, mode) in &overrides {
        let possible = if *mode == Mode::Append { APPENDABLE } else { REPLACEABLE };
        if !possible.contains(&key.as_str()) {
            return Err(cannot_override(*spot, key, possible));
        }
    }
    Ok(overrides)
}

fn change(rule: &mut RuleText, keys: &Keys<'_>, key: &str, spot: Spot, mode: Mode) -> Result<(), Fault> {
    let append = mode == Mode::Append;
    let text = || keys.needed(key, keys.text(key)?, spot);
    match key {
        "condition" if append => rule.condition = rule.condition.joined(&text()?.trimmed()),
        "condition" => rule.condition = text()?.trimmed(),
        "output" if append => rule.output = rule.output.joined(&text()?.trimmed()),
        "output" => rule.output = text()?.trimmed(),
        "desc" if append => rule.description = format!("{} {}", rule.description, text()?.as_str().trim()),
        "desc" => rule.description = text()?.as_str().trim().to_owned(),
        "tags" => {
            if !append {
                rule.tags.clear();
            }
            let tags = keys.texts(key)?.unwrap_or_default();
            let new: Vec<_> =
                tags.iter().map(|tag| tag.as_str().to_owned()).filter(|tag| !rule.tags.contains(tag)).collect();
            rule.tags.extend(new);
        }
        "exceptions" => {
            if !append {
                rule.exceptions.clear();
            }
            exceptions::merge(&mut rule.exceptions, keys.list(key)?.unwrap_or_default(), &rule.name)?;
        }
        "priority" => rule.priority = read::priority(keys, spot)?,
        "enabled" => rule.enabled = keys.needed(key, keys.flag(key)?, spot)?,
        // Of no meaning for audit events.
        _ => {}
    }
    Ok(())
}
