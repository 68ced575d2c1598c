//! What a detection rule sees under a policy: all it needs, a part, or nothing.

use std::collections::BTreeMap;
use std::fmt;

use super::world::{Ask, Caller, Case, Thing, World};
use super::{Level, Policy, Stages, api};
use crate::detect::needs::{Callers, Kind, Needs, Requests, Targets};
use crate::event;

/// Most examples kept of what is in the dark for one reason; of the rest it is said that there is more.
const EXAMPLES_MAX: usize = 3;

/// What a rule sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// Nothing of what it needs.
    Never,
    /// Some of it.
    Partial,
    /// All of it.
    Always,
}

impl Verdict {
    /// The word for people and JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Never => "NEVER",
            Self::Partial => "PARTIAL",
            Self::Always => "ALWAYS",
        }
    }
}

/// What a rule sees, and what not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coverage {
    /// In one word.
    pub verdict: Verdict,
    /// What it does not see, by the policy's rule that hides it.
    pub dark: Vec<Dark>,
}

/// Requests that a rule does not see, for one reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dark {
    /// The policy's rule that decides, from 0; none when no rule matches.
    pub rule: Option<usize>,
    /// How much is logged of them.
    pub level: Level,
    /// How much would have to be.
    pub needed: Level,
    /// Enough is logged, but at no stage that helps.
    pub stage_omitted: bool,
    /// Whose.
    pub callers: Examples,
    /// With which verbs.
    pub verbs: Examples,
    /// What for.
    pub things: Examples,
}

/// The first few of many.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Examples {
    /// Some.
    pub some: Vec<String>,
    /// There are others.
    pub more: bool,
}

/// Holds each of `needs` against `policy`.
pub fn coverage(policy: &Policy, needs: &[Needs]) -> Vec<Coverage> {
    let kinds: Vec<Kind> =
        needs.iter().flat_map(|needs| &needs.0).flat_map(|requests| kinds(&requests.targets)).collect();
    let world = World::new(policy, &kinds);
    needs.iter().map(|needs| cover(&world, needs)).collect()
}

fn kinds(targets: &Targets) -> Vec<Kind> {
    match targets {
        Targets::Resources(kinds) => kinds.clone(),
        _ => Vec::new(),
    }
}

fn cover(world: &World<'_>, needs: &Needs) -> Coverage {
    let mut seen = false;
    let mut dark = BTreeMap::new();
    for requests in &needs.0 {
        let stages = Stages::of(&requests.stages);
        let needed = level(requests.level);
        world.walk(
            |caller| is_asked_of(requests.callers, caller),
            |ask| ask.served && is_asked_for(requests, ask),
            |case| {
                // What no policy could show is not missing.
                if case.possible.and(stages).is_empty() || needed > Level::Metadata && !case.let_in {
                    return;
                }
                let enough = case.level >= needed;
                if enough && !case.stages.and(stages).is_empty() {
                    seen = true;
                } else {
                    note(&mut dark, &case, needed, enough);
                }
            },
        );
    }
    let verdict = match (seen, dark.is_empty()) {
        (true, true) => Verdict::Always,
        (true, false) => Verdict::Partial,
        (false, _) => Verdict::Never,
    };
    Coverage { verdict, dark: dark.into_values().collect() }
}

type Reason = (Option<usize>, Level, bool);

fn note(dark: &mut BTreeMap<Reason, Dark>, case: &Case<'_>, needed: Level, stage_omitted: bool) {
    let found = dark.entry((case.rule, needed, stage_omitted)).or_insert_with(|| Dark {
        rule: case.rule,
        level: case.level,
        needed,
        stage_omitted,
        callers: Examples::default(),
        verbs: Examples::default(),
        things: Examples::default(),
    });
    found.callers.add(case.callers.iter().map(|caller| &caller.shown));
    found.verbs.add(case.asks.iter().map(|ask| ask.verb));
    found.things.add(case.asks.iter().map(|ask| &ask.thing));
}

impl Examples {
    fn add<T: ToString>(&mut self, words: impl Iterator<Item = T>) {
        for word in words {
            if self.more {
                return;
            }
            let word = word.to_string();
            match self.some.contains(&word) {
                true => {}
                false if self.some.len() < EXAMPLES_MAX => self.some.push(word),
                false => self.more = true,
            }
        }
    }
}

impl fmt::Display for Examples {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.some.join(", "))?;
        f.write_str(if self.more { " and others" } else { "" })
    }
}

fn is_asked_of(callers: Callers, caller: &Caller) -> bool {
    match callers {
        Callers::Anyone => true,
        Callers::LetIn => caller.name.is_some(),
        Callers::Anonymous => caller.is_anonymous(),
        Callers::Rejected => caller.name.is_none(),
        Callers::ServiceAccounts => caller.is_service_account(),
    }
}

fn is_asked_for(requests: &Requests, ask: &Ask) -> bool {
    if !requests.verbs.is_empty() && !requests.verbs.iter().any(|verb| verb == ask.verb) {
        return false;
    }
    match (&requests.targets, &ask.thing) {
        (Targets::All, _) => true,
        (Targets::AllButHealth, _) => !ask.is_health(),
        (Targets::AnyResource, Thing::Resource { .. }) | (Targets::AnyPath, Thing::Path(_)) => true,
        (Targets::Resources(kinds), Thing::Resource { group, resource, subresource, .. }) => {
            let is_kind = |kind: &Kind| {
                let groups = api::groups_meant(kind);
                kind.resource == *resource
                    && (groups.is_empty() || groups.contains(&group.as_str()))
                    && kind.subresource.as_ref().is_none_or(|wanted| wanted == subresource)
            };
            kinds.iter().any(is_kind)
        }
        _ => false,
    }
}

fn level(level: event::Level) -> Level {
    match level {
        event::Level::Unknown | event::Level::Metadata => Level::Metadata,
        event::Level::Request => Level::Request,
        event::Level::RequestResponse => Level::RequestResponse,
    }
}
