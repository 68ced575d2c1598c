//! Rules that never decide anything, because earlier ones take everything they match.

use std::collections::BTreeSet;

use super::Lint;
use crate::policy::Rule;

/// So many of the rules that stand in the way are named.
const NAMED_MAX: usize = 4;

pub(super) fn look(lint: &mut Lint<'_>) {
    if !lint.world.complete {
        let Some(first) = lint.policy.rules.first() else { return };
        let message = "the policy names so many words that not all of their combinations were tried";
        lint.note(first.at, "too-large", message, "rules that are never reached may go untold");
        return;
    }
    let mut deciding = BTreeSet::new();
    lint.world.walk(|_| true, |_| true, |case| deciding.extend(case.rule));
    for (index, rule) in lint.policy.rules.iter().enumerate().filter(|(index, _)| !deciding.contains(index)) {
        let takers = takers(lint, rule, index);
        // What matches nothing at all has been told by its own check, in better words.
        let Some(message) = message(lint, &takers) else { continue };
        let narrow = takers.len() == 1 && has_wildcard(&lint.policy.rules[takers[0]]);
        let advice = match narrow {
            true => "move it before that rule; note that `pods/*` matches bare `pods` as well, not only subresources",
            false => "move it before what takes its requests, or take it out",
        };
        lint.warn(rule.at, "unreachable", message, advice);
    }
}

/// The rules that decide what `rule` matches.
fn takers(lint: &Lint<'_>, rule: &Rule, index: usize) -> Vec<usize> {
    let mut takers = BTreeSet::new();
    let caller = |caller: &crate::policy::world::Caller| {
        let groups: Vec<_> = caller.groups.iter().map(String::as_str).collect();
        rule.matches_caller(caller.name.as_deref(), &groups)
    };
    let ask = |ask: &crate::policy::world::Ask| {
        let verb = rule.verbs.is_empty() || rule.verbs.iter().any(|word| word.text == ask.verb);
        verb && rule.matches_target(&ask.target())
    };
    lint.world.walk(caller, ask, |case| takers.extend(case.rule.filter(|taker| *taker < index)));
    takers.into_iter().collect()
}

fn message(lint: &Lint<'_>, takers: &[usize]) -> Option<String> {
    match takers {
        [] => None,
        [one] => Some(format!("this rule is never reached: the rule on line {} takes all it matches", lint.line(*one))),
        many => {
            let lines: Vec<_> = many.iter().take(NAMED_MAX).map(|taker| lint.line(*taker).to_string()).collect();
            let more = if many.len() > NAMED_MAX { " and others" } else { "" };
            Some(format!(
                "this rule is never reached: the rules on lines {}{more} take all it matches",
                lines.join(", ")
            ))
        }
    }
}

fn has_wildcard(rule: &Rule) -> bool {
    rule.resources.iter().flat_map(|entry| &entry.resources).any(|word| word.text.ends_with("/*"))
}
