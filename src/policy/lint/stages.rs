//! Stages whose absence hides something, or that cost without telling anything.

use super::Lint;
use crate::policy::{Level, STAGES, Stage, Stages};
use crate::yaml::Place;

pub(super) fn look(lint: &mut Lint<'_>) {
    let policy = lint.policy;
    let Some(first) = policy.rules.first() else { return };
    if !policy.omit_stages.is_empty() {
        hidden(lint, policy.omit_stages, first.at, "the policy");
    }
    for rule in policy.rules.iter().filter(|rule| rule.level != Level::None) {
        let own = rule.omit_stages.without(policy.omit_stages);
        if rule.omit_stages.or(policy.omit_stages) == Stages::of(&STAGES) {
            let message = "every stage is omitted: nothing is logged, whatever the level says";
            lint.warn(rule.at, "all-stages-omitted", message, "omit `RequestReceived` alone, or say `level: None`");
        } else if !own.is_empty() {
            hidden(lint, own, rule.at, "this rule");
        }
    }
    let twice = |rule: &&crate::policy::Rule| {
        rule.level != Level::None && !rule.omit_stages.or(policy.omit_stages).contains(Stage::RequestReceived)
    };
    if let Some(rule) = policy.rules.iter().find(twice) {
        let message =
            "`RequestReceived` is logged: most requests give two events, of which the first says nothing more";
        let advice = "add `omitStages: [RequestReceived]` to the policy, unless you want a trace of requests that crash the server";
        lint.note(rule.at, "request-received", message, advice);
    }
}

fn hidden(lint: &mut Lint<'_>, stages: Stages, at: Place, who: &str) {
    let omitted = |stage: Stage| format!("{who} omits `{}`", stage.word());
    if stages.contains(Stage::ResponseStarted) {
        let message = format!(
            "{}: failed authentications (401), which have no other stage, are not seen, and exec, attach and watch only \
             when they end",
            omitted(Stage::ResponseStarted)
        );
        lint.warn(at, "omits-response-started", message, "take `ResponseStarted` out of `omitStages`");
    }
    if stages.contains(Stage::ResponseComplete) {
        let message = format!("{}: what came of a request, and bodies, are not seen", omitted(Stage::ResponseComplete));
        lint.warn(at, "omits-response-complete", message, "take `ResponseComplete` out of `omitStages`");
    }
    if stages.contains(Stage::Panic) {
        let message = format!("{}: a request that makes the server panic leaves no outcome", omitted(Stage::Panic));
        lint.warn(at, "omits-panic", message, "take `Panic` out of `omitStages`");
    }
}
