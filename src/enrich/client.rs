//! Which address do we hold the caller to?
//!
//! Only the last of `sourceIPs` is genuine: it is the TCP peer the API server saw. Everything before it is what the
//! client or a proxy wrote into `X-Forwarded-For` and `X-Real-Ip`. The answer may be *unknown*, which is never *trusted*.

use std::net::IpAddr;

use super::network::{HidingHop, Proxy, UnknownMeans, Zone};
use super::trust::Trust;

mod source_ips;

pub use source_ips::{SourceIps, parse_source_ips};

/// Most entries of a chain that are considered, counted from its genuine end. No honest chain is longer;
/// what a client wrote before them is not looked at, and `oversized_chain` says so.
pub const CHAIN_MAX: usize = 64;

/// The address a request is held to, and how sure of it we are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict<'n> {
    /// The client, when the log shows it.
    pub address: Option<IpAddr>,
    /// The named network it belongs to.
    pub zone: Option<&'n Zone>,
    /// Whether it comes from inside.
    pub trusted: Trusted,
    /// The TCP peer the API server saw.
    pub peer: Option<IpAddr>,
    /// How the forwarding chain looked.
    pub forwarded: Forwarded,
    /// What was odd about it.
    pub flags: Flags,
    /// The hop that hides the client, or may hide it; or else the proxy that forwarded the request.
    pub hop: Option<&'n str>,
    /// What unknown means behind that hop; nothing when no hop can hide the client.
    pub unknown: Option<UnknownMeans>,
}

/// Whether a request comes from inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Trusted {
    /// From a trusted network.
    Yes,
    /// From anywhere else.
    No,
    /// The log does not show it. Never to be read as trusted.
    Unknown,
}

impl Trusted {
    /// The word in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Yes => "true",
            Self::No => "false",
            Self::Unknown => "unknown",
        }
    }
}

/// How the forwarding chain looked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Forwarded {
    /// There is none: the client is the peer.
    None,
    /// Our proxies wrote down the client.
    Verified,
    /// The client sent a forwarding header of his own; the peer is nobody whose word counts.
    Forged,
    /// What stands where a proxy writes the client may be the client's own `X-Real-Ip`.
    Ambiguous,
    /// A hop stands between us and the client, and the log does not show who it was.
    Hidden,
}

impl Forwarded {
    /// The word in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Verified => "verified",
            Self::Forged => "forged",
            Self::Ambiguous => "ambiguous",
            Self::Hidden => "hidden",
        }
    }
}

/// What was odd about a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Flags {
    /// A forwarding header came from a peer that is no proxy: the client wrote it, perhaps to look like somebody else.
    pub forwarded_header_from_untrusted_peer: bool,
    /// Before the client there are entries that nobody vouches for.
    pub unverified_prefix: bool,
    /// The entry next to the proxy is trusted and the one before it is not: a forged `X-Real-Ip` looks just so.
    pub ambiguous_x_real_ip: bool,
    /// A proxy passed the request without saying for whom.
    pub client_hidden_by_proxy: bool,
    /// A hiding hop stands before the client.
    pub client_hidden_by_hop: bool,
    /// There are more than [`CHAIN_MAX`] entries.
    pub oversized_chain: bool,
    /// An entry is no address. The API server writes none of those, so something else wrote this.
    pub unparsable_ip: bool,
    /// The peer is not known.
    pub no_peer: bool,
}

impl Flags {
    /// The flags that are set, as words.
    pub fn words(self) -> Vec<&'static str> {
        let all = [
            (self.forwarded_header_from_untrusted_peer, "forwarded_header_from_untrusted_peer"),
            (self.unverified_prefix, "unverified_prefix"),
            (self.ambiguous_x_real_ip, "ambiguous_x_real_ip"),
            (self.client_hidden_by_proxy, "client_hidden_by_proxy"),
            (self.client_hidden_by_hop, "client_hidden_by_hop"),
            (self.oversized_chain, "oversized_chain"),
            (self.unparsable_ip, "unparsable_ip"),
            (self.no_peer, "no_peer"),
        ];
        all.into_iter().filter_map(|(set, word)| set.then_some(word)).collect()
    }
}

/// Decides which address a request is held to.
///
/// `source_ips` are the event's entries as logged, nothing for what is no address; `total` is how many the log holds,
/// when `source_ips` are only the last of them. See [`parse_source_ips`].
pub fn effective<'n>(source_ips: &[Option<IpAddr>], total: usize, trust: &'n Trust) -> Verdict<'n> {
    let chain = &source_ips[source_ips.len().saturating_sub(CHAIN_MAX)..];
    let total = total.max(source_ips.len());
    let flags = Flags {
        oversized_chain: total > CHAIN_MAX,
        unparsable_ip: chain.iter().any(Option::is_none),
        ..Flags::default()
    };
    let Some((Some(peer), before)) = chain.split_last() else {
        return Verdict::unknown(None, Flags { no_peer: true, ..flags });
    };
    let peer = peer.to_canonical();
    if let Some(hop) = trust.hiding_hops.lookup(peer) {
        let flags = Flags { forwarded_header_from_untrusted_peer: total > 1, ..flags };
        return Verdict::unknown(Some(peer), flags).hidden_by_hop(hop);
    }
    match trust.proxy(peer) {
        Some(proxy) => through(proxy, Verdict::unknown(Some(peer), flags), before, trust),
        None => {
            let forwarded = if total > 1 { Forwarded::Forged } else { Forwarded::None };
            let flags = Flags { forwarded_header_from_untrusted_peer: total > 1, ..flags };
            Verdict { forwarded, ..Verdict::unknown(Some(peer), flags).held_to(peer, trust) }
        }
    }
}

/// The peer is a proxy of ours: walks left past proxies to the client that the outermost of them saw.
fn through<'n>(peer: &'n Proxy, verdict: Verdict<'n>, before: &[Option<IpAddr>], trust: &'n Trust) -> Verdict<'n> {
    let proxy_at = |entry: &Option<IpAddr>| entry.and_then(|address| trust.proxy(address));
    let Some(at) = before.iter().rposition(|entry| proxy_at(entry).is_none()) else {
        // A proxy's own address never stands for its client. Only the peer is sure to have been passed,
        // but the client may not choose a milder one for itself: the one that makes the most of it decides.
        let gravest = before.iter().filter_map(proxy_at).fold(peer, |a, b| if b.unknown > a.unknown { b } else { a });
        return verdict.hidden_by_proxy(gravest);
    };
    let unverified_prefix = at > 0 || verdict.flags.oversized_chain;
    let flags = Flags { unverified_prefix, ..verdict.flags };
    let verdict = Verdict { flags, hop: Some(&peer.name), ..verdict };
    let Some(client) = before[at].map(|client| client.to_canonical()) else {
        return Verdict { forwarded: Forwarded::Hidden, ..verdict };
    };
    if let Some(hop) = trust.hiding_hops.lookup(client) {
        return verdict.hidden_by_hop(hop);
    }
    let verified = Verdict { forwarded: Forwarded::Verified, ..verdict.held_to(client, trust) };
    if peer.sanitises_x_real_ip || verified.trusted != Trusted::Yes {
        return verified;
    }
    mind_x_real_ip(verified, &before[..at], trust)
}

/// The API server puts a client's `X-Real-Ip` right before the peer, where the proxy's word about the client stands
/// otherwise. If it is a trusted address and the one before it is not, we believe the worse of the two.
///
/// If a hiding hop stands before it, either a client behind that hop forged an `X-Real-Ip`, or a trusted client wrote
/// the hop into its own `X-Forwarded-For`. The log cannot tell the two apart: the address stands, marked ambiguous.
fn mind_x_real_ip<'n>(verified: Verdict<'n>, before: &[Option<IpAddr>], trust: &'n Trust) -> Verdict<'n> {
    // Our own proxies may stand between a forged entry and the client that the outermost of them saw.
    let other = before.iter().rfind(|entry| entry.is_none_or(|address| trust.proxy(address).is_none()));
    let Some(other) = other else { return verified };
    let ambiguous = Verdict { forwarded: Forwarded::Ambiguous, ..verified };
    let flags = Flags { ambiguous_x_real_ip: true, ..verified.flags };
    let Some(other) = other.map(|other| other.to_canonical()) else {
        return Verdict { address: None, zone: None, trusted: Trusted::Unknown, flags, ..ambiguous };
    };
    if !trust.trusts(other) {
        return Verdict { flags, ..ambiguous }.held_to(other, trust);
    }
    match trust.hiding_hops.lookup(other) {
        Some(hop) => Verdict { hop: Some(&hop.name), unknown: Some(hop.unknown), ..ambiguous },
        None => verified,
    }
}

impl<'n> Verdict<'n> {
    /// Nothing is known yet but the peer.
    fn unknown(peer: Option<IpAddr>, flags: Flags) -> Self {
        Self {
            address: None,
            zone: None,
            trusted: Trusted::Unknown,
            peer,
            forwarded: Forwarded::None,
            flags,
            hop: None,
            unknown: None,
        }
    }

    fn held_to(self, address: IpAddr, trust: &'n Trust) -> Self {
        let zone = trust.zone(address);
        let trusted = if zone.is_some_and(|zone| zone.kind.is_trusted()) { Trusted::Yes } else { Trusted::No };
        Self { address: Some(address), zone, trusted, ..self }
    }

    fn hidden_by_hop(self, hop: &'n HidingHop) -> Self {
        let flags = Flags { client_hidden_by_hop: true, ..self.flags };
        Self { forwarded: Forwarded::Hidden, hop: Some(&hop.name), unknown: Some(hop.unknown), flags, ..self }
    }

    fn hidden_by_proxy(self, proxy: &'n Proxy) -> Self {
        let flags = Flags { client_hidden_by_proxy: true, ..self.flags };
        Self { forwarded: Forwarded::Hidden, hop: Some(&proxy.name), unknown: Some(proxy.unknown), flags, ..self }
    }
}

#[cfg(test)]
mod tests;
