//! How much a request can do, and how grave it is that a stranger made it.

use crate::alert::Severity;
use crate::enrich::Facts;
use crate::enrich::request::{Action, Outcome, is_dry_run};

/// What a request can do, mildest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Deed {
    /// Asks whether the server is well, or which version it is.
    Health,
    /// Asks what there is and what one may do.
    Discovery,
    /// Reads.
    Read,
    /// Changes something.
    Change,
    /// Gives away the keys: secrets, tokens, a shell, rights.
    Takeover,
}

/// Resources whose change hands out rights or puts a hand on every later request.
const POWER_RESOURCES: [&str; 10] = [
    "roles",
    "clusterroles",
    "rolebindings",
    "clusterrolebindings",
    "mutatingwebhookconfigurations",
    "validatingwebhookconfigurations",
    "mutatingadmissionpolicies",
    "validatingadmissionpolicies",
    "validatingadmissionpolicybindings",
    "apiservices",
];

impl Deed {
    pub(super) fn of(facts: &Facts<'_, '_>) -> Self {
        let deed = match facts.event.names_resource() {
            true => Self::of_resource(facts),
            false => Self::of_path(facts),
        };
        if deed >= Self::Change && is_dry_run(facts.event) { Self::Read } else { deed }
    }

    fn of_resource(facts: &Facts<'_, '_>) -> Self {
        let object = facts.object();
        let reads_secrets = object.resource == "secrets";
        match facts.action() {
            Action::Exec
            | Action::Attach
            | Action::PortForward
            | Action::Proxy
            | Action::MintToken
            | Action::ApproveCertificate => Self::Takeover,
            Action::Get | Action::List | Action::Watch if reads_secrets => Self::Takeover,
            Action::Get | Action::List | Action::Watch | Action::Log => Self::Read,
            Action::AskOwnRights => Self::Discovery,
            _ if POWER_RESOURCES.iter().any(|resource| object.resource == *resource) => Self::Takeover,
            _ if object.subresource == "ephemeralcontainers" => Self::Takeover,
            _ => Self::Change,
        }
    }

    fn of_path(facts: &Facts<'_, '_>) -> Self {
        let uri = facts.event.request_uri().decode();
        let path = uri.split('?').next().unwrap_or_default();
        let is_under = |roots: &[&str]| {
            roots
                .iter()
                .any(|root| path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
        };
        match facts.action() {
            Action::Get if is_under(&["/healthz", "/livez", "/readyz", "/version"]) => Self::Health,
            Action::Get
                if path == "/"
                    || is_under(&["/api", "/apis", "/openapi", "/swagger.json", "/.well-known", "/openid"]) =>
            {
                Self::Discovery
            }
            Action::Get | Action::Other => Self::Read,
            _ => Self::Change,
        }
    }
}

/// How grave it is that somebody from outside did this.
pub(super) fn from_outside(facts: &Facts<'_, '_>) -> Severity {
    let deed = Deed::of(facts);
    if facts.who.without_credential {
        return match (facts.outcome(), deed) {
            (Outcome::Success, Deed::Takeover) => Severity::Critical,
            (Outcome::Success, Deed::Change | Deed::Read) => Severity::High,
            (Outcome::Success, Deed::Discovery) => Severity::Medium,
            _ => Severity::Low,
        };
    }
    match (facts.outcome(), deed) {
        (Outcome::Success, Deed::Takeover) => Severity::Critical,
        (Outcome::Success, Deed::Change | Deed::Read) => Severity::High,
        (Outcome::Rejected | Outcome::Failed, Deed::Takeover) => Severity::High,
        // Whatever he was told: a credential that works is in use outside.
        _ => Severity::Medium,
    }
}

/// How grave it is that somebody known did this from a trusted network, but not from one of his own.
pub(super) fn from_wrong_network(facts: &Facts<'_, '_>) -> Severity {
    match (facts.outcome(), Deed::of(facts)) {
        (Outcome::Success, Deed::Takeover) => Severity::High,
        (Outcome::Success, Deed::Change | Deed::Read) => Severity::Medium,
        (Outcome::Rejected | Outcome::Failed, Deed::Takeover) => Severity::Medium,
        _ => Severity::Low,
    }
}
