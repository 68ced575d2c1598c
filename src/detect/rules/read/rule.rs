//! One document: a rule, or a filter over rules.

use std::cell::RefCell;

use super::correlation;
use super::detection::{body, detection};
use super::head::{Head, head, understand};
use super::{Context, Entries, Inside, Lists, entries, get, items, text_of};
use crate::detect::rules::any_of::AnyOf;
use crate::detect::rules::correlation::Draft;
use crate::detect::rules::expr::{Expr, Item, Wish};
use crate::detect::rules::mistake::{Mistake, Result};
use crate::detect::rules::subject::Subject;
use crate::detect::rules::taxonomy::{self, Correction, Late};
use crate::detect::rules::wanted::Wanted;
use crate::enrich::field::Field;
use crate::yaml::{Location, Node, Spanned};

/// What a document is.
#[derive(Debug)]
pub enum Document {
    /// Looks at one event.
    Rule { head: Box<Head>, detection: Expr, at: Location },
    /// Counts what rules find.
    Correlation(Box<Draft>),
    /// Narrows rules.
    Filter { rules: Narrowed, condition: Expr },
}

/// The rules that a filter narrows.
#[derive(Debug)]
pub enum Narrowed {
    /// All of them.
    Every,
    /// Those of these ids or names.
    These(Vec<(String, Location)>),
}

/// Reads one document. What is probably not meant is added to `warnings`.
pub fn document(node: &Spanned<Node>, lists: &Lists, warnings: &mut Vec<Mistake>) -> Result<Document> {
    let entries = entries(node, "the document")?;
    let mut context = Context { lists, aliases: true, arrays: false, correction: None, warnings: RefCell::default() };
    understand(entries, &mut context)?;
    let read = match (get(entries, "detection"), get(entries, "correlation"), get(entries, "filter")) {
        (Some(detection), None, None) => rule(entries, detection, node.referenced, &mut context),
        (None, None, Some(filter)) => narrowing(entries, filter, node.referenced, &context),
        (None, Some(stated), None) => {
            let draft = correlation::correlation(entries, stated, node.referenced)?;
            correlation::check_counts(&draft)?;
            Ok(Document::Correlation(Box::new(draft)))
        }
        (None, None, None) => {
            let advice = "add `detection:` with selections and a condition, `correlation:` or `filter:`";
            Err(Mistake::new(node.referenced, "this document says nothing to look for", advice))
        }
        _ => {
            let advice = "write one document each, with `---` between them";
            Err(Mistake::new(node.referenced, "a document is one of detection, correlation and filter", advice))
        }
    };
    warnings.append(&mut context.warnings.borrow_mut());
    read
}

fn rule(entries: &Entries, stated: &Spanned<Node>, at: Location, context: &mut Context<'_>) -> Result<Document> {
    let head = Box::new(head(entries, at)?);
    check_logsource(entries, at)?;
    context.correction = taxonomy::correction(&head.id).filter(|_| context.aliases);
    let mut detection = detection(stated, context)?;
    if context.correction.is_some_and(|correction: &Correction| correction.whole_objects) {
        detection = Expr::All(vec![detection, no_subresource(at)?]);
    }
    Ok(Document::Rule { head, detection, at })
}

fn no_subresource(at: Location) -> Result<Expr> {
    let name = "objectRef.subresource";
    let field = Field::named(name).map_err(|_| Mistake::new(at, format!("there is no field `{name}`"), ""))?;
    let wish = Wish::Value(AnyOf::new(vec![Wanted::Null, Wanted::word("")]));
    Ok(Expr::Item(Item { name: name.to_owned(), subject: Subject::Field(field), wish, late: Late::Never }))
}

/// A rule for another log could never match.
fn check_logsource(entries: &Entries, at: Location) -> Result<()> {
    let advice = "write `logsource: { product: kubernetes, service: audit }`";
    let Some(node) = get(entries, "logsource") else {
        return Err(Mistake::new(at, "`logsource` is missing", advice));
    };
    let Node::Map(source) = &node.value else {
        return Err(Mistake::new(node.referenced, "a log source has keys with values", advice));
    };
    for (key, expected) in [("product", "kubernetes"), ("service", "audit"), ("category", "application")] {
        let Some(node) = get(source, key) else { continue };
        let found = text_of(node)?;
        if !found.eq_ignore_ascii_case(expected) {
            let message = format!("this rule is for the {key} `{found}`, and no audit log is that");
            return Err(Mistake::new(node.referenced, message, "do not load it, or correct its `logsource`"));
        }
    }
    Ok(())
}

fn narrowing(entries: &Entries, stated: &Spanned<Node>, at: Location, context: &Context<'_>) -> Result<Document> {
    head(entries, at)?;
    check_logsource(entries, at)?;
    let Node::Map(parts) = &stated.value else {
        return Err(Mistake::new(
            stated.referenced,
            "a filter has `rules`, selections and a `condition`",
            "write them",
        ));
    };
    let named = get(parts, "rules").ok_or_else(|| {
        Mistake::new(stated.referenced, "`rules` is missing", "name the ids or names of rules, or write `rules: any`")
    })?;
    let rules = match &named.value {
        Node::Text(any) if any == "any" => Narrowed::Every,
        _ => Narrowed::These(
            items(named).iter().map(|node| Ok((text_of(node)?, node.referenced))).collect::<Result<_>>()?,
        ),
    };
    if matches!(&rules, Narrowed::These(these) if these.is_empty()) {
        return Err(Mistake::new(named.referenced, "this filter is for no rule", "name one"));
    }
    let rest: Vec<_> = parts.iter().filter(|(key, _)| key.value != "rules").cloned().collect();
    let condition = body(&rest, stated.referenced, Inside::Event, context)?;
    if !has_not(&condition) {
        let message = "this filter lets through only what its selections describe";
        context.warn(Mistake::new(stated.referenced, message, "to leave that out, write `condition: not selection`"));
    }
    Ok(Document::Filter { rules, condition })
}

fn has_not(expr: &Expr) -> bool {
    match expr {
        Expr::Not(_) => true,
        Expr::All(all) | Expr::Some(_, all) => all.iter().any(has_not),
        Expr::Item(_) => false,
    }
}
