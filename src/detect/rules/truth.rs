//! Whether a wish is met, as far as it can be known.

use super::any_of::Verdict;
use super::expr::{Expr, Item, Quantifier, Wish};
use super::subject::{Scope, Value};
use super::taxonomy::Late;
use crate::enrich::Facts;
use crate::event::Stage;

/// What is known of a wish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Truth {
    /// It is met.
    Yes,
    /// It is not.
    No,
    /// The request has not been answered yet, and this depends on the answer.
    Open,
}

impl From<bool> for Truth {
    fn from(holds: bool) -> Self {
        if holds { Self::Yes } else { Self::No }
    }
}

/// Whether an event meets a wish.
pub fn of_event(item: &Item, facts: &Facts<'_, '_>) -> Truth {
    known(item, facts, || met(item, Scope::Event(facts)))
}

/// The same of a wish that no value in the event meets.
pub fn of_unmet(item: &Item, facts: &Facts<'_, '_>) -> Truth {
    known(item, facts, || false)
}

fn known(item: &Item, facts: &Facts<'_, '_>, met: impl FnOnce() -> bool) -> Truth {
    let pending = item.late != Late::Never && facts.event.stage() == Stage::RequestReceived;
    if pending && item.late.is_open(facts) {
        return Truth::Open;
    }
    let exists = || item.subject.exists(Scope::Event(facts));
    match met() {
        true if pending && item.late == Late::WhileMissing && !exists() => Truth::Open,
        false if pending && (item.late == Late::UntilFound || !exists()) => Truth::Open,
        met => met.into(),
    }
}

/// What comes of parts that are joined as an expression joins its own.
pub fn joined(expr: &Expr, parts: &[Truth]) -> Truth {
    let count = |wanted| parts.iter().filter(|truth| **truth == wanted).count();
    let least = match expr {
        Expr::Some(least, _) => *least,
        _ => parts.len(),
    };
    match (expr, count(Truth::Yes), count(Truth::Open)) {
        (Expr::Not(_), 1, _) => Truth::No,
        (Expr::Not(_), _, 0) => Truth::Yes,
        (_, yes, _) if yes >= least => Truth::Yes,
        (_, yes, open) if yes + open >= least => Truth::Open,
        _ => Truth::No,
    }
}

/// Whether what is known of an element satisfies an expression.
fn holds(expr: &Expr, scope: Scope<'_, '_, '_>) -> bool {
    match expr {
        Expr::All(all) => all.iter().all(|expr| holds(expr, scope)),
        Expr::Some(least, all) => all.iter().filter(|expr| holds(expr, scope)).take(*least).count() >= *least,
        Expr::Not(expr) => !holds(expr, scope),
        Expr::Item(item) => met(item, scope),
    }
}

fn met(item: &Item, scope: Scope<'_, '_, '_>) -> bool {
    match &item.wish {
        Wish::Value(any_of) => any_of.judge(&item.subject, scope) == Verdict::Holds,
        Wish::Exists(wanted) => item.subject.exists(scope) == *wanted,
        Wish::Elements(quantifier, body) => elements(item, *quantifier, body, scope),
    }
}

fn elements(item: &Item, quantifier: Quantifier, body: &Expr, scope: Scope<'_, '_, '_>) -> bool {
    let each = |see: &mut dyn FnMut(Value<'_>) -> bool| item.subject.any(scope, see);
    let any = |wanted: bool| each(&mut |value| holds(body, Scope::Element(value)) == wanted);
    match quantifier {
        Quantifier::Any => any(true),
        Quantifier::None => !any(true),
        Quantifier::AllOrEmpty => !any(false),
        Quantifier::All => !any(false) && each(&mut |_| true),
        Quantifier::At(at) => {
            let mut count = 0;
            if at < 0 {
                each(&mut |_| {
                    count += 1;
                    false
                });
            }
            let Ok(wanted) = usize::try_from(count + at) else { return false };
            let mut next = 0..;
            each(&mut |value| next.next() == Some(wanted) && holds(body, Scope::Element(value)))
        }
    }
}
