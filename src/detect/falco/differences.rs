//! Where we read a field otherwise than Falco, because Falco reads it wrong; and where Falco's way has a hole that we
//! keep. Both are said when rules are loaded, once each, and told in full in `docs/falco.md`.

use super::fault::{Fault, Spot};
use super::field::Field;
use super::get::{Container, Get, Volume};

/// One thing to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Difference {
    SourceIps,
    RegistryPort,
    EffectiveIds,
    HostPorts,
    Capabilities,
    HostPaths,
    ServicePorts,
    HasName,
    FirstParameter,
}

impl Difference {
    fn of(field: &Field) -> Option<Self> {
        Some(match &field.get {
            Get::SourceIps(_) => Self::SourceIps,
            Get::Containers(_, Container::Repository, _) | Get::First(Container::Repository) => Self::RegistryPort,
            Get::Containers(_, Container::Effective(_), _) => Self::EffectiveIds,
            Get::Containers(_, Container::HostPorts, _) => Self::HostPorts,
            Get::Containers(_, Container::AddedCapabilities, _) => Self::Capabilities,
            Get::Volumes(Volume::HostPath, _) | Get::HostPathLike(_) => Self::HostPaths,
            Get::ServicePorts(_) => Self::ServicePorts,
            Get::HasSubject(_) => Self::HasName,
            Get::UriParameter(_) => Self::FirstParameter,
            _ => return None,
        })
    }

    fn message(self) -> (&'static str, &'static str) {
        match self {
            Self::SourceIps => (
                "`ka.sourceips` is never there in Falco; here it is the event's sourceIPs, and `in` understands networks",
                "all but the last address are what the client or a proxy wrote: `networks:` in the configuration judges them",
            ),
            Self::RegistryPort => (
                "`image.repository` keeps a registry's port here (`registry:5000/app`); Falco cuts at the first colon",
                "lists that name such images by the bare host match no more: write the whole repository",
            ),
            Self::EffectiveIds => (
                "`eff_run_as_user` and `eff_run_as_group` are read from securityContext here; in Falco they are always 0",
                "see that the rule means what they are called",
            ),
            Self::HostPorts => (
                "`host_port` holds container ports only with hostNetwork here; Falco takes them always",
                "see that the rule does not count on it",
            ),
            Self::Capabilities => (
                "`add_capabilities` gives each capability by itself here; Falco gives each container's list as JSON text",
                "compare with `SYS_ADMIN`, not with `[\"SYS_ADMIN\"]`",
            ),
            Self::HostPaths => (
                "host paths are compared cleaned here, `/etc/` as `/etc`; Falco compares them as they were written",
                "nothing to do: rules match what evades Falco",
            ),
            Self::ServicePorts => (
                "`ka.req.service.ports` gives each port by itself here; Falco gives the whole array as one value",
                "compare with one port's JSON",
            ),
            Self::HasName => (
                "`ka.req.binding.subject.has_name` is worked out here; in Falco it is always `true`",
                "see that the rule means what it is called",
            ),
            Self::FirstParameter => (
                "`ka.uri.param` gives only the first value of a repeated parameter, as in Falco: of a command, no arguments",
                "compare `ka.uri` to look at all of them",
            ),
        }
    }
}

/// What is to be said about the fields of all rules.
#[derive(Debug, Default)]
pub(super) struct Differences(Vec<(Difference, Spot, usize)>);

impl Differences {
    /// Notes a field that the rule at `spot` asks.
    pub(super) fn note(&mut self, field: &Field, spot: Spot) {
        let Some(difference) = Difference::of(field) else { return };
        match self.0.iter_mut().find(|(known, ..)| *known == difference) {
            Some((_, first, more)) => *more += usize::from(*first != spot),
            None => self.0.push((difference, spot, 0)),
        }
    }

    pub(super) fn warnings(self) -> impl Iterator<Item = Fault> {
        self.0.into_iter().map(|(difference, spot, more)| {
            let (message, advice) = difference.message();
            let more = if more == 0 { String::new() } else { format!(" (and {more} times more)") };
            Fault::new(spot, format!("{message}{more}")).advise(advice)
        })
    }
}
