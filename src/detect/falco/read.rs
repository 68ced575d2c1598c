//! Reads rule files item by item into definitions.

use super::amend::{self, Mode};
use super::define::{Definitions, List, Macro, Priority, Remarks, RuleText};
use super::fault::{Fault, NOWHERE, Spot};
use super::keys::Keys;
use super::yaml::{Node, Value};
use super::{exceptions, versions};

/// The source of the events we read; rules of others are passed over.
const SOURCE: &str = "k8s_audit";

/// What a rule without `source` is about.
const DEFAULT_SOURCE: &str = "syscall";

const LIST_KEYS: &[&str] = &["list", "items", "append", "override"];
const MACRO_KEYS: &[&str] = &["macro", "condition", "append", "override"];
const RULE_KEYS: &[&str] = &[
    "rule",
    "condition",
    "output",
    "desc",
    "priority",
    "source",
    "enabled",
    "tags",
    "exceptions",
    "warn_evttypes",
    "skip-if-unknown-filter",
    "capture",
    "capture_duration",
    "append",
    "override",
];

/// Reads one file after the ones before it.
pub(super) fn file(documents: &[Node], definitions: &mut Definitions, remarks: &mut Remarks) {
    for document in documents {
        match &document.value {
            Value::List(items) => items.iter().for_each(|node| {
                if let Err(fault) = item(node, definitions, remarks) {
                    remarks.errors.push(fault);
                }
            }),
            Value::Null => {}
            _ => {
                let advice = "a rule file is a list of items: begin each with `- rule:`, `- macro:` or `- list:`";
                remarks.errors.push(document.wrong("this", advice));
            }
        }
    }
}

fn item(node: &Node, definitions: &mut Definitions, remarks: &mut Remarks) -> Result<(), Fault> {
    let Some(keys) = Keys::new(node) else {
        return Err(node.wrong("an item", "write keys with values, such as `- rule: NAME`"));
    };
    if let Some((spot, version)) = keys.get("required_engine_version") {
        return versions::engine(spot, version);
    }
    if let Some((_, plugins)) = keys.get("required_plugin_versions") {
        remarks.warnings.extend(versions::plugins(plugins)?);
        return Ok(());
    }
    if keys.has("list") {
        unknown_keys(&keys, LIST_KEYS, remarks);
        return list(&keys, definitions);
    }
    if keys.has("macro") {
        unknown_keys(&keys, MACRO_KEYS, remarks);
        return named_macro(&keys, definitions);
    }
    if keys.has("rule") {
        unknown_keys(&keys, RULE_KEYS, remarks);
        return rule(&keys, definitions, remarks);
    }
    let what = keys.names().next().map_or(String::new(), |(name, _)| format!(", it begins with `{name}`"));
    let message = format!("this is no item that Falco knows{what}");
    remarks.warnings.push(Fault::new(node.spot, message).advise("it is passed over, as Falco does"));
    Ok(())
}

fn unknown_keys(keys: &Keys<'_>, known: &[&str], remarks: &mut Remarks) {
    for (name, spot) in keys.names().filter(|(name, _)| !known.contains(name)) {
        let known = known.join(", ");
        let fault = Fault::new(spot, format!("unknown key `{name}`"));
        remarks.warnings.push(fault.advise(format!("it is passed over, as Falco does; keys known here: {known}")));
    }
}

/// The name of an item, and where it stands.
fn name(keys: &Keys<'_>, key: &str) -> Result<(String, Spot), Fault> {
    let text = keys.text(key)?.filter(|text| !text.as_str().is_empty());
    match (text, keys.get(key)) {
        (Some(text), _) => Ok((text.as_str().to_owned(), text.spot(0))),
        (None, Some((spot, _))) => Err(Fault::new(spot, format!("the {key} has no name"))),
        (None, None) => Err(Fault::new(NOWHERE, format!("the {key} has no name"))),
    }
}

fn list(keys: &Keys<'_>, definitions: &mut Definitions) -> Result<(), Fault> {
    let (name, spot) = name(keys, "list")?;
    let items = keys.needed("items", keys.texts("items")?, spot)?;
    let before = definitions.list(&name).map(|list| list.age);
    match amend::mode(keys, "items")? {
        Mode::Define => {
            let age = definitions.now(before);
            match definitions.list(&name) {
                Some(list) => *list = List { name, items, age },
                None => definitions.lists.push(List { name, items, age }),
            }
        }
        Mode::Append | Mode::Replace if before.is_none() => return Err(amend::nothing_to_amend(spot, "list", &name)),
        mode => {
            let age = definitions.now(before);
            if let Some(list) = definitions.list(&name) {
                if mode == Mode::Replace {
                    list.items.clear();
                }
                list.items.extend(items);
                list.age = age;
            }
        }
    }
    Ok(())
}

fn named_macro(keys: &Keys<'_>, definitions: &mut Definitions) -> Result<(), Fault> {
    let (name, spot) = name(keys, "macro")?;
    let condition = keys.needed("condition", keys.text("condition")?, spot)?.clone();
    let before = definitions.named_macro(&name).map(|named| named.age);
    match amend::mode(keys, "condition")? {
        Mode::Append | Mode::Replace if before.is_none() => return Err(amend::nothing_to_amend(spot, "macro", &name)),
        mode => {
            let age = definitions.now(before);
            match definitions.named_macro(&name) {
                Some(named) => {
                    named.condition = if mode == Mode::Append { named.condition.joined(&condition) } else { condition };
                    named.age = age;
                }
                None => definitions.macros.push(Macro { name, condition, age }),
            }
        }
    }
    Ok(())
}

fn rule(keys: &Keys<'_>, definitions: &mut Definitions, remarks: &mut Remarks) -> Result<(), Fault> {
    let (name, spot) = name(keys, "rule")?;
    if amend::is_amendment(keys)? {
        return amend::rule(keys, &name, spot, definitions);
    }
    let defines = ["condition", "output", "desc", "priority"].into_iter().any(|key| keys.has(key));
    if let (Some(enabled), false) = (keys.flag("enabled")?, defines) {
        return amend::switch(&name, spot, enabled, definitions);
    }
    let source = keys.text("source")?.map_or(DEFAULT_SOURCE, |text| text.as_str()).to_owned();
    if source != SOURCE {
        definitions.foreign.entry(source).or_insert((0, spot)).0 += 1;
        return Ok(());
    }
    let rule = defined(keys, name, spot, source, remarks)?;
    definitions.now(None);
    match definitions.rule(&rule.name) {
        Some(before) => *before = rule,
        None => definitions.rules.push(rule),
    }
    Ok(())
}

fn defined(
    keys: &Keys<'_>,
    name: String,
    spot: Spot,
    source: String,
    remarks: &mut Remarks,
) -> Result<RuleText, Fault> {
    let exceptions = keys.list("exceptions")?.unwrap_or_default();
    Ok(RuleText {
        spot,
        source,
        condition: keys.needed("condition", keys.text("condition")?, spot)?.trimmed(),
        output: keys.needed("output", keys.text("output")?, spot)?.trimmed(),
        description: keys.needed("desc", keys.text("desc")?, spot)?.as_str().trim().to_owned(),
        priority: priority(keys, spot)?,
        enabled: keys.flag("enabled")?.unwrap_or(true),
        tags: keys.texts("tags")?.unwrap_or_default().iter().map(|tag| tag.as_str().to_owned()).collect(),
        exceptions: exceptions::read(exceptions, &name, remarks)?,
        name,
    })
}

/// The priority, which must be there.
pub(super) fn priority(keys: &Keys<'_>, item: Spot) -> Result<Priority, Fault> {
    let text = keys.needed("priority", keys.text("priority")?, item)?;
    Priority::parse(text.as_str()).ok_or_else(|| {
        Fault::new(text.spot(0), format!("unknown priority `{}`", text.as_str()))
            .advise("write emergency, alert, critical, error, warning, notice, informational or debug")
    })
}
