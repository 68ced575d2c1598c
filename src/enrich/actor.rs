//! Who asked: the event's `user`, and what kind of actor that is.
//!
//! The API server writes it after authentication, so it is genuine; but names and groups come from certificates
//! and tokens, and may be as long as their issuer likes.

use serde_json::value::RawValue;

use crate::event::Text;

mod read;

/// Group of the all-powerful: it passes every authorization, and no role can take that away.
pub const ADMIN_GROUP: &str = "system:masters";
/// Group of every kubelet.
pub const NODES_GROUP: &str = "system:nodes";

/// Most groups kept. Beyond it only [`ADMIN_GROUP`] and [`NODES_GROUP`] are.
pub const GROUPS_MAX: usize = 64;

/// Most characters of a name, group or id. The rest is cut off and shows as `…`: users whose names
/// differ only beyond it count as one.
pub const NAME_CHARS_MAX: usize = 512;

/// Names that the control plane's own parts go by, also where a cloud or a distribution runs it.
const CONTROL_PLANE: [&str; 15] = [
    "system:apiserver",
    "system:kube-controller-manager",
    "system:kube-scheduler",
    "system:kube-proxy",
    "system:cloud-controller-manager",
    "system:konnectivity-server",
    "system:aggregator",
    "kube-apiserver-kubelet-client",
    "aksService",
    "masterclient",
    "eks:addon-manager",
    "eks:certificate-controller",
    "eks:cloud-controller-manager",
    "eks:kms-storage-migrator",
    "eks:node-manager",
];

/// A `user` or `impersonatedUser` as logged.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct User {
    /// The user name; empty when the API server knew none.
    pub name: String,
    /// The groups, at most [`GROUPS_MAX`] and the two that matter most.
    pub groups: Vec<String>,
    /// The unique id, such as a service account's.
    pub uid: Option<String>,
    /// The credential used: `JTI=…` of a token, `X509SHA256=…` of a certificate.
    pub credential_id: Option<String>,
    /// The pod a token was made for.
    pub pod_name: Option<String>,
    /// The node of that pod.
    pub node_name: Option<String>,
    /// It is in [`ADMIN_GROUP`].
    pub admin: bool,
    /// All of it could be read. If not, what stands is true and the rest is unknown.
    pub whole: bool,
}

/// What kind of actor it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind<'a> {
    /// Came without a credential, and was let in as `system:anonymous`.
    Anonymous,
    /// Had no credential, or a wrong one, and was not let in.
    Unauthenticated,
    /// A workload's identity.
    ServiceAccount {
        /// Its namespace.
        namespace: &'a str,
        /// Its name.
        name: &'a str,
    },
    /// A kubelet.
    Node {
        /// The node's name.
        name: &'a str,
    },
    /// A part of the control plane.
    ControlPlane,
    /// A machine on its way to become a node.
    BootstrapToken,
    /// Anybody else: people, and machines with a person's kind of credential.
    Human,
    /// The log does not show it.
    Unknown,
}

impl Kind<'_> {
    /// The word in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Anonymous => "anonymous",
            Self::Unauthenticated => "unauthenticated",
            Self::ServiceAccount { .. } => "service-account",
            Self::Node { .. } => "node",
            Self::ControlPlane => "control-plane",
            Self::BootstrapToken => "bootstrap-token",
            Self::Human => "human",
            Self::Unknown => "unknown",
        }
    }
}

/// The kind of actor that goes by this name and is in these groups.
///
/// A kubelet is one by its group as well: the name alone gives no power. Without any group at all the log
/// has lost them (everybody is in one), and the name has to do.
pub fn actor_kind<'a>(name: &'a str, groups: &[String]) -> Kind<'a> {
    let service_account = || name.strip_prefix("system:serviceaccount:")?.split_once(':');
    let node = || {
        let in_group = groups.is_empty() || groups.iter().any(|group| group == NODES_GROUP);
        name.strip_prefix("system:node:").filter(|node| in_group && !node.is_empty())
    };
    match name {
        "" => Kind::Unauthenticated,
        "system:anonymous" => Kind::Anonymous,
        _ if CONTROL_PLANE.contains(&name) => Kind::ControlPlane,
        _ if name.starts_with("system:bootstrap:") => Kind::BootstrapToken,
        _ => match (service_account(), node()) {
            (Some((namespace, name)), _) if !namespace.is_empty() && !name.is_empty() => {
                Kind::ServiceAccount { namespace, name }
            }
            (_, Some(name)) => Kind::Node { name },
            _ => Kind::Human,
        },
    }
}

impl User {
    /// Reads the JSON object. What cannot be read is left out, see [`User::whole`].
    pub fn parse(raw: &[u8]) -> Self {
        let text = String::from_utf8_lossy(raw);
        let mut user = Self::default();
        let whole = read::members(&text, |key, value| match key {
            "username" => put(&mut user.name, text_of(value)),
            "uid" => put(&mut user.uid, text_of(value).map(Some)),
            "groups" => read::elements(value.get(), |group| user.join(group)).is_ok(),
            "extra" => read::members(value.get(), |key, value| user.take_extra(key, value)).is_ok_and(|whole| whole),
            _ => true,
        });
        user.whole = whole.is_ok_and(|whole| whole);
        user.admin = user.groups.iter().any(|group| group == ADMIN_GROUP);
        user
    }

    /// What kind of actor it is.
    pub fn kind(&self) -> Kind<'_> {
        if self.name.is_empty() && !self.whole { Kind::Unknown } else { actor_kind(&self.name, &self.groups) }
    }

    fn join(&mut self, group: &RawValue) {
        let Some(group) = text_of(group) else { return };
        if self.groups.len() < GROUPS_MAX
            || ([ADMIN_GROUP, NODES_GROUP].contains(&group.as_str()) && !self.groups.contains(&group))
        {
            self.groups.push(group);
        }
    }

    /// Each value is a list; what we look for stands alone in its own.
    fn take_extra(&mut self, key: &str, value: &RawValue) -> bool {
        let field = match key.strip_prefix("authentication.kubernetes.io/") {
            Some("credential-id") => &mut self.credential_id,
            Some("pod-name") => &mut self.pod_name,
            Some("node-name") => &mut self.node_name,
            _ => return true,
        };
        read::elements(value.get(), |value| *field = field.take().or_else(|| text_of(value))).is_ok()
    }
}

/// Whether there was something to put.
fn put<T>(field: &mut T, value: Option<T>) -> bool {
    value.map(|value| *field = value).is_some()
}

/// The text of a JSON string, bounded.
fn text_of(value: &RawValue) -> Option<String> {
    let raw = value.get().strip_prefix('"')?.strip_suffix('"')?;
    let text = Text::from_raw(raw.as_bytes()).decode();
    Some(match text.char_indices().nth(NAME_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.into_owned(),
    })
}

#[cfg(test)]
mod tests;
