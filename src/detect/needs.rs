//! What a rule must be shown to do its work, so that an audit policy can be held against it.

use crate::event::{Level, Stage};

/// The requests that a rule must see; all of them, to miss nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Needs(pub Vec<Requests>);

/// Requests of one kind and how much of each must be logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requests {
    /// Whose.
    pub callers: Callers,
    /// With which verbs; empty for any.
    pub verbs: Vec<String>,
    /// What for.
    pub targets: Targets,
    /// At which level or above.
    pub level: Level,
    /// At one of these stages.
    pub stages: Vec<Stage>,
}

/// Who makes a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Callers {
    /// Anyone, with and without credentials.
    Anyone,
    /// Anyone who is let in, be it as anonymous.
    LetIn,
    /// Who comes without credentials and is let in as anonymous.
    Anonymous,
    /// Whose credentials are wrong.
    Rejected,
    /// Service accounts.
    ServiceAccounts,
}

/// What requests are for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Targets {
    /// Anything.
    All,
    /// Anything but health and version.
    AllButHealth,
    /// Any resource.
    AnyResource,
    /// These resources.
    Resources(Vec<Kind>),
    /// Any path that is no resource.
    AnyPath,
}

/// A resource as rules name it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Kind {
    /// The group, or nothing when the rule does not say.
    pub group: Option<String>,
    /// The resource.
    pub resource: String,
    /// The subresource; empty for the object itself, nothing when the rule does not say.
    pub subresource: Option<String>,
}

/// Stages at which the answer is known.
pub const ANSWERED: [Stage; 2] = [Stage::ResponseStarted, Stage::ResponseComplete];

/// Every stage.
pub const ANY_STAGE: [Stage; 3] = [Stage::RequestReceived, Stage::ResponseStarted, Stage::ResponseComplete];

impl Needs {
    /// Every request, at whatever stage and level.
    pub fn everything() -> Self {
        Self::of(Callers::Anyone, Targets::All, &ANY_STAGE)
    }

    /// Requests with any verb, at whatever level.
    pub fn of(callers: Callers, targets: Targets, stages: &[Stage]) -> Self {
        let stages = stages.to_vec();
        Self(vec![Requests { callers, verbs: Vec::new(), targets, level: Level::Metadata, stages }])
    }
}

impl Requests {
    /// What came of requests with these verbs for these resources, at whatever level.
    pub fn completed(verbs: &[&str], kinds: &[Kind]) -> Self {
        Self {
            callers: Callers::LetIn,
            verbs: verbs.iter().map(ToString::to_string).collect(),
            targets: Targets::Resources(kinds.to_vec()),
            level: Level::Metadata,
            stages: vec![Stage::ResponseComplete],
        }
    }
}

impl Kind {
    /// Objects of a resource, in whichever group.
    pub fn object(resource: &str) -> Self {
        Self::subresource(resource, "")
    }

    /// A subresource, in whichever group.
    pub fn subresource(resource: &str, subresource: &str) -> Self {
        Self { group: None, resource: resource.to_owned(), subresource: Some(subresource.to_owned()) }
    }
}
