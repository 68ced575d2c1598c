//! Everybody who may ask and everything that may be asked for, as far as a policy can tell them apart.
//!
//! A policy compares words, so all words that it does not name are one to it. With the words it names, one word
//! more of each kind, and the API that every cluster serves, whatever may happen has somebody here who stands for it.

mod ask;
mod bits;
mod caller;

pub use ask::{Ask, Thing};
pub use bits::Bits;
pub use caller::{Caller, callers};

use super::{Level, Policy, STAGES, Stage, Stages};
use crate::detect::needs::Kind;

/// Most requests told apart; a policy that names more is not walked whole.
const ASKS_MAX: usize = 400_000;

/// Most callers told apart.
const CALLERS_MAX: usize = 4_000;

/// All callers and all that may be asked for, each with the rules that match it.
pub struct World<'p> {
    policy: &'p Policy,
    callers: Vec<(Caller, Bits)>,
    asks: Vec<(Ask, Bits)>,
    /// Nothing was left out.
    pub complete: bool,
}

/// What the policy makes of requests that it cannot tell apart.
pub struct Case<'w> {
    /// Who asks.
    pub callers: &'w [&'w Caller],
    /// What for.
    pub asks: &'w [&'w Ask],
    /// The rule that decides, from 0.
    pub rule: Option<usize>,
    /// How much is logged.
    pub level: Level,
    /// Whether they are let in; failed authentication is logged without bodies, and once.
    pub let_in: bool,
    /// Stages of which an event is written.
    pub stages: Stages,
    /// Stages of which one would be written if the policy let it.
    pub possible: Stages,
}

impl<'p> World<'p> {
    /// The world of a policy, with resources that somebody wants to know about.
    pub fn new(policy: &'p Policy, kinds: &[Kind]) -> Self {
        let everybody = callers(policy);
        let everything = ask::asks(policy, kinds, ASKS_MAX);
        let complete = everybody.len() <= CALLERS_MAX && everything.len() < ASKS_MAX;
        let callers = everybody.into_iter().take(CALLERS_MAX);
        let callers = callers.map(|caller| {
            let groups: Vec<_> = caller.groups.iter().map(String::as_str).collect();
            let name = caller.name.as_deref();
            let bits = Bits::of(policy.rules.iter().map(|rule| rule.matches_caller(name, &groups)));
            (caller, bits)
        });
        let asks = everything.into_iter().map(|ask| {
            let target = ask.target();
            let verb =
                |rule: &super::Rule| rule.verbs.is_empty() || rule.verbs.iter().any(|word| word.text == ask.verb);
            let bits = Bits::of(policy.rules.iter().map(|rule| verb(rule) && rule.matches_target(&target)));
            (ask, bits)
        });
        Self { policy, callers: callers.collect(), asks: asks.collect(), complete }
    }

    /// Looks at every case of these callers and requests once.
    pub fn walk(&self, caller: impl Fn(&Caller) -> bool, ask: impl Fn(&Ask) -> bool, mut look: impl FnMut(Case<'_>)) {
        let callers = classes(self.callers.iter().filter(|(each, _)| caller(each)), |caller| caller.name.is_some());
        let asks = classes(self.asks.iter().filter(|(each, _)| ask(each)), Ask::is_long_running);
        for (caller_bits, let_in, callers) in &callers {
            for (ask_bits, long_running, asks) in &asks {
                let rule = caller_bits.first_common(ask_bits);
                let decision = self.policy.decision(rule);
                let possible = possible(*let_in, *long_running);
                let stages = match decision.level {
                    Level::None => Stages::default(),
                    _ => possible.without(decision.omit_stages),
                };
                look(Case { callers, asks, rule, level: decision.level, let_in: *let_in, stages, possible });
            }
        }
    }
}

/// Stages at which the API server would write an event, but for the policy. A panic is not counted on.
fn possible(let_in: bool, long_running: bool) -> Stages {
    match (let_in, long_running) {
        // Failed authentication is logged once.
        (false, _) => Stages::of(&[Stage::ResponseStarted]),
        (true, true) => Stages::of(&STAGES[..3]),
        (true, false) => Stages::of(&[Stage::RequestReceived, Stage::ResponseComplete]),
    }
}

type Class<'w, T> = (&'w Bits, bool, Vec<&'w T>);

/// Those that the same rules match, and that the API server logs alike, together.
fn classes<'w, T>(all: impl Iterator<Item = &'w (T, Bits)>, logged: impl Fn(&T) -> bool) -> Vec<Class<'w, T>> {
    let mut places = std::collections::HashMap::new();
    let mut classes: Vec<Class<'w, T>> = Vec::new();
    for (each, bits) in all {
        let kind = logged(each);
        let place = *places.entry((bits, kind)).or_insert(classes.len());
        match classes.get_mut(place) {
            Some((_, _, members)) => members.push(each),
            None => classes.push((bits, kind, vec![each])),
        }
    }
    classes
}
