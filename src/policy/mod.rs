//! The API server's audit policy: what it says, what it means, and what it leaves in the dark.
//!
//! A policy decides for each request whether and how much of it is logged: the first rule that matches decides,
//! and what no rule matches is not logged. [`Policy::decide`] decides exactly as kube-apiserver does
//! (`k8s.io/apiserver/pkg/audit/policy`, v1.37).

pub mod api;
mod coverage;
mod decide;
mod generate;
mod lint;
mod parse;
#[cfg(test)]
mod tests;
mod validate;
mod world;

use std::fmt;

pub use coverage::{Coverage, Dark, Examples, Verdict, coverage};
pub use decide::{Decision, Request, Target, resource_matches};
pub use generate::generate;
pub use lint::lint;
pub use parse::parse;

pub use crate::event::Stage;
use crate::yaml::{Place, Problem};

/// How much of a request is logged. More includes less.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Nothing.
    None,
    /// Who, what, when, from where and what came of it; no bodies.
    Metadata,
    /// With the request's body.
    Request,
    /// With both bodies.
    RequestResponse,
}

impl Level {
    /// All of them, least first.
    pub const ALL: [Self; 4] = [Self::None, Self::Metadata, Self::Request, Self::RequestResponse];

    /// The word in a policy.
    pub fn word(self) -> &'static str {
        match self {
            Self::None => "None",
            Self::Metadata => "Metadata",
            Self::Request => "Request",
            Self::RequestResponse => "RequestResponse",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// The stages that a policy can omit, in the order of time.
pub const STAGES: [Stage; 4] = [Stage::RequestReceived, Stage::ResponseStarted, Stage::ResponseComplete, Stage::Panic];

/// A set of stages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stages(u8);

impl Stages {
    /// These.
    pub fn of(stages: &[Stage]) -> Self {
        stages.iter().fold(Self::default(), |set, stage| set.with(*stage))
    }

    /// With one more.
    #[must_use]
    pub fn with(self, stage: Stage) -> Self {
        Self(self.0 | 1 << stage as u8)
    }

    /// In either.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// In both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Without those of `other`.
    #[must_use]
    pub fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether `stage` is in it.
    pub fn contains(self, stage: Stage) -> bool {
        self.0 & 1 << stage as u8 != 0
    }

    /// Those in it, in the order of time.
    pub fn iter(self) -> impl Iterator<Item = Stage> {
        STAGES.into_iter().filter(move |stage| self.contains(*stage))
    }
}

/// A policy as the API server understands it.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    /// Stages never logged.
    pub omit_stages: Stages,
    /// Bodies are logged without `managedFields`, unless a rule says otherwise.
    pub omit_managed_fields: bool,
    /// Tried in their order.
    pub rules: Vec<Rule>,
}

/// One rule. An empty list means any.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Where it begins.
    pub at: Place,
    /// How much is logged.
    pub level: Level,
    /// User names, before impersonation.
    pub users: Vec<Word>,
    /// Groups, of which the user must have one.
    pub groups: Vec<Word>,
    /// Verbs.
    pub verbs: Vec<Word>,
    /// Resources by group; with any, only requests for resources match.
    pub resources: Vec<GroupResources>,
    /// Namespaces, `""` for none; with any, only requests for resources match.
    pub namespaces: Vec<Word>,
    /// Paths that are no resources; `*` at the end stands for anything.
    pub paths: Vec<Word>,
    /// Stages not logged, besides the policy's own.
    pub omit_stages: Stages,
    /// Overrides the policy's.
    pub omit_managed_fields: Option<bool>,
}

/// Resources of one group.
#[derive(Debug, Clone)]
pub struct GroupResources {
    /// Where it begins.
    pub at: Place,
    /// The group, `""` for core.
    pub group: Word,
    /// `pods`, `pods/log`, `pods/*`, `*/log` or `*`; empty for all with their subresources.
    pub resources: Vec<Word>,
    /// Names of objects.
    pub names: Vec<Word>,
}

/// A text and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Word {
    /// The text.
    pub text: String,
    /// Where it stands.
    pub at: Place,
}

/// How grave something wrong with a policy is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Grade {
    /// The API server does not start with it, or does something else than what is written.
    Error,
    /// It does as is written, and that is probably not meant.
    Warning,
    /// Good to know.
    Note,
}

impl Grade {
    /// The word for people and JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// Something wrong with a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// How grave.
    pub grade: Grade,
    /// What kind of mistake it is: stable, for scripts.
    pub check: &'static str,
    /// What, where, and the way out.
    pub problem: Problem,
}
