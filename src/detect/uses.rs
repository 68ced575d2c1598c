//! Observes who is where: each credential at each place, once a minute.
//!
//! What is wrong about it takes memory, so it is for judges to say. Requests behind a hiding hop are left out, since
//! nobody knows where they come from, and so are those that a proxy makes in somebody else's name with its own
//! credential: the address is the somebody's, the credential the proxy's.

use std::net::IpAddr;
use std::sync::Arc;

use super::observation::Values;
use super::{Detector, Findings, Rule};
use crate::enrich::actor::Kind as ActorKind;
use crate::enrich::client::{Forwarded, Trusted};
use crate::enrich::network::Kind as NetworkKind;
use crate::enrich::scope::Scope;
use crate::enrich::{Facts, Origin};

/// What is observed is called so.
pub const USE: &str = "credential-use";

/// Observes uses of credentials.
pub(super) struct Uses(Arc<str>);

impl Default for Uses {
    fn default() -> Self {
        Self(USE.into())
    }
}

impl Detector for Uses {
    fn rules(&self) -> Vec<Arc<Rule>> {
        Vec::new()
    }

    fn inspect(&self, facts: &Facts<'_, '_>, findings: &mut Findings) {
        let (who, origin) = (&facts.who, &facts.origin);
        let Some(address) = origin.address.filter(|_| !who.without_credential) else { return };
        let vouched = matches!(origin.forwarded, Forwarded::Verified | Forwarded::Ambiguous);
        if vouched && facts.event.impersonated_user().is_some() {
            return;
        }
        let user = &who.user;
        let credential = user.credential_id.as_deref().unwrap_or(&user.name);
        let (octets, length) = host(address);
        findings.observe_minutely(&self.0, &[credential.as_bytes(), &octets[..length]], facts.event.time(), || {
            let mut values: Values = vec![
                ("who".into(), who.shown().to_owned()),
                ("kind".into(), user.kind().word().to_owned()),
                ("address".into(), address.to_string()),
                ("host".into(), origin.subject()),
                ("place".into(), place(origin, address)),
                ("network".into(), network_word(origin).to_owned()),
            ];
            let mut add = |name: &'static str, value: &Option<String>| {
                values.extend(value.iter().map(|value| (name.into(), value.clone())));
            };
            add("credential", &user.credential_id);
            add("pod", &user.pod_name);
            add("pod-node", &user.node_name);
            if let ActorKind::Node { name } = user.kind() {
                add("node", &Some(name.to_owned()));
            }
            values
        });
    }
}

/// What tells one host from another: an IPv4 address, or an IPv6 /64.
fn host(address: IpAddr) -> ([u8; 8], usize) {
    let mut octets = [0; 8];
    let length = match address {
        IpAddr::V4(address) => {
            octets[..4].copy_from_slice(&address.octets());
            4
        }
        IpAddr::V6(address) => {
            octets.copy_from_slice(&address.octets()[..8]);
            8
        }
    };
    (octets, length)
}

/// Where it is, as coarse as may be: a pod or a node by its address, elsewhere the named network, and where that has no
/// name a /24 or /48.
pub(super) fn place(origin: &Origin, address: IpAddr) -> String {
    let kind = origin.zone.as_ref().map(|zone| zone.kind);
    match (&origin.zone, address) {
        _ if origin.scope == Some(Scope::Loopback) => "this machine".to_owned(),
        (Some(zone), _) if !matches!(kind, Some(NetworkKind::Pods | NetworkKind::Nodes)) => zone.name.to_string(),
        (Some(_), IpAddr::V4(_)) => address.to_string(),
        (Some(_), IpAddr::V6(_)) => origin.subject(),
        (None, IpAddr::V4(address)) => {
            let [a, b, c, _] = address.octets();
            format!("{a}.{b}.{c}.0/24")
        }
        (None, IpAddr::V6(address)) => {
            let [a, b, c, ..] = address.segments();
            format!("{}/48", std::net::Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0))
        }
    }
}

/// What kind of network it is: the word of the configuration, `loopback`, or `untrusted` for what is in none.
pub(super) fn network_word(origin: &Origin) -> &'static str {
    match &origin.zone {
        _ if origin.scope == Some(Scope::Loopback) => "loopback",
        _ if origin.trusted != Trusted::Yes => NetworkKind::Untrusted.word(),
        Some(zone) => zone.kind.word(),
        None => NetworkKind::Trusted.word(),
    }
}
