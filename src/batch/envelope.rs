//! How a source wraps its records, and which of them are the API server's.
//!
//! Both are said in the configuration. An event never says where it came from: whoever can print a line could.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;

/// What stands around an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Wrapping {
    /// Nothing: events, as the API server writes or posts them.
    #[default]
    Plain,
    /// Lists of events, which are read wherever events are.
    Eventlist,
    /// `CloudWatch` Logs of EKS, as subscriptions hand them over.
    Eks,
    /// Azure Monitor records of AKS, as Event Hubs carries them.
    Aks,
    /// Cloud Audit Logs of GKE.
    Gke,
    /// `OpenShift`: a node's name may stand before an event, and log types beside it.
    Openshift,
    /// Lines of a container's log as containerd and CRI-O write them.
    Cri,
    /// Lines of a container's log as Docker writes them.
    Docker,
    /// Records of Fluent Bit.
    FluentBit,
    /// Records of Vector.
    Vector,
    /// Records of Filebeat.
    Filebeat,
    /// OpenTelemetry logs as JSON.
    Otlp,
}

impl Wrapping {
    /// All there are.
    pub const ALL: [Self; 12] = [
        Self::Plain,
        Self::Eventlist,
        Self::Eks,
        Self::Aks,
        Self::Gke,
        Self::Openshift,
        Self::Cri,
        Self::Docker,
        Self::FluentBit,
        Self::Vector,
        Self::Filebeat,
        Self::Otlp,
    ];

    /// Its word in the configuration.
    pub fn word(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Eventlist => "eventlist",
            Self::Eks => "eks",
            Self::Aks => "aks",
            Self::Gke => "gke",
            Self::Openshift => "openshift",
            Self::Cri => "cri",
            Self::Docker => "docker",
            Self::FluentBit => "fluent-bit",
            Self::Vector => "vector",
            Self::Filebeat => "filebeat",
            Self::Otlp => "otlp",
        }
    }

    /// Others' records travel in it as well, and nothing but `from` tells them apart.
    pub fn needs_origin(self) -> bool {
        matches!(self, Self::FluentBit | Self::Vector | Self::Filebeat | Self::Otlp)
    }

    /// Its records say where they came from, so that `from` can go by it.
    pub fn has_origin(self) -> bool {
        self.needs_origin() || matches!(self, Self::Eks | Self::Aks | Self::Gke)
    }

    /// A record does not say which container printed it: the file's name does.
    pub fn is_of_file(self) -> bool {
        matches!(self, Self::Cri | Self::Docker)
    }

    /// Where the event stands, which can never say where it came from.
    pub fn holds_event(self) -> &'static [&'static str] {
        match self {
            Self::Eks => &["logEvents", "message"],
            Self::Aks => &["properties.log"],
            Self::Gke => &["protoPayload"],
            Self::FluentBit => &["log", "message"],
            Self::Vector | Self::Filebeat => &["message"],
            Self::Otlp => &["body"],
            Self::Plain | Self::Eventlist | Self::Openshift | Self::Cri | Self::Docker => &[],
        }
    }
}

/// How records are wrapped, and what those of the API server say of their origin.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Envelope {
    /// What stands around them.
    pub wrapping: Wrapping,
    from: Option<Arc<[Origin]>>,
}

/// One thing that a record of the API server says of its origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// Where it says so: keys, with dots between them.
    pub key: String,
    /// What it says; `*` stands for any text.
    pub pattern: String,
}

impl Envelope {
    /// A wrapping, with what the records to be taken say of their origin: by key, with `*` for any text.
    pub fn new(wrapping: Wrapping, from: &BTreeMap<String, String>) -> Self {
        let origins = from.iter().map(|(key, pattern)| Origin { key: key.clone(), pattern: pattern.clone() });
        Self { wrapping, from: (!from.is_empty()).then(|| origins.collect()) }
    }

    /// Nothing stands around the records.
    pub fn is_plain(&self) -> bool {
        matches!(self.wrapping, Wrapping::Plain | Wrapping::Eventlist)
    }

    /// What a record has to say of its origin.
    pub fn from(&self) -> &[Origin] {
        self.from.as_deref().unwrap_or_default()
    }
}

impl Origin {
    /// Whether this is what a record says.
    pub fn fits(&self, said: &str) -> bool {
        let mut parts = self.pattern.split('*');
        let Some(mut rest) = said.strip_prefix(parts.next().unwrap_or_default()) else { return false };
        let Some(last) = parts.next_back() else { return rest.is_empty() };
        for part in parts {
            let Some(at) = rest.find(part) else { return false };
            rest = &rest[at + part.len()..];
        }
        rest.ends_with(last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, said: &str, expected: bool) {
        let origin = Origin { key: String::new(), pattern: pattern.to_owned() };
        assert_eq!(origin.fits(said), expected, "{pattern} {said}");
    }

    #[test]
    fn an_origin_fits_as_a_whole() {
        check("kube-apiserver-*", "kube-apiserver-cp-1", true);
        check("kube-apiserver-*", "my-kube-apiserver-1", false);
        check("/var/log/audit.log", "/var/log/audit.log", true);
        check("/var/log/audit.log", "/var/log/audit.log.1", false);
        check("*/MANAGEDCLUSTERS/PROD", "/X/MANAGEDCLUSTERS/PROD", true);
        check("*/MANAGEDCLUSTERS/PROD", "/X/MANAGEDCLUSTERS/PROD2", false);
        check("a*b*c", "abc", true);
        check("a*b*c", "acb", false);
        check("ab*ba", "aba", false);
        check("*", "", true);
        check("", "x", false);
    }
}
