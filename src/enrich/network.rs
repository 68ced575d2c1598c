//! Named networks: which zone an address belongs to, and which hops stand before the API server.
//!
//! The innermost network that holds an address names its zone, whatever the order in the configuration.

use std::net::IpAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

mod cidr;
mod list;
mod ranges;

pub use cidr::{Cidr, CidrError};
pub use list::{ListError, parse_list};

use ranges::{Block, Ranges};

/// A named network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone {
    /// Its name in the configuration.
    pub name: Arc<str>,
    /// What lives there.
    pub kind: Kind,
}

/// What lives in a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Callers we expect.
    #[default]
    Trusted,
    /// Pods: service accounts call from here.
    Pods,
    /// Nodes: kubelets call from here.
    Nodes,
    /// The control plane itself.
    ControlPlane,
    /// The people who may do everything.
    Admin,
    /// Callers we do not expect; cuts a hole into a trusted network around it.
    Untrusted,
}

impl Kind {
    /// Whether a request from here comes from inside.
    pub fn is_trusted(self) -> bool {
        self != Self::Untrusted
    }

    /// The word of the configuration.
    pub fn word(self) -> &'static str {
        match self {
            Self::Trusted => "trusted",
            Self::Pods => "pods",
            Self::Nodes => "nodes",
            Self::ControlPlane => "control-plane",
            Self::Admin => "admin",
            Self::Untrusted => "untrusted",
        }
    }
}

/// What it means that a client is hidden behind a hop: the operator's to say, mildest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UnknownMeans {
    /// Good to know.
    Info,
    /// Look when there is time.
    #[default]
    Low,
    /// Look today.
    Medium,
    /// Look now.
    High,
    /// The same as a client from outside.
    Untrusted,
}

/// A hop that ends TLS and appends the address it saw to `X-Forwarded-For`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proxy {
    /// Its name in the configuration.
    pub name: Arc<str>,
    /// It removes or overwrites the `X-Real-Ip` that a client sends.
    pub sanitises_x_real_ip: bool,
    /// What it means when a request passes it without a chain.
    pub unknown: UnknownMeans,
}

/// A hop that TLS passes through (TCP balancer, NAT): the client is not in the log and every header is his own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HidingHop {
    /// Its name in the configuration.
    pub name: Arc<str>,
    /// What it means that a client is hidden behind it.
    pub unknown: UnknownMeans,
}

/// The named networks.
pub type Networks = Table<Zone>;
/// The proxies.
pub type Proxies = Table<Proxy>;
/// The hiding hops.
pub type HidingHops = Table<HidingHop>;

/// The zone of [`Networks::private_defaults`].
pub const PRIVATE_ZONE: &str = "private";

/// RFC 1918, loopback, link-local and unique-local. Carrier NAT and documentation ranges are left out on
/// purpose: strangers come from the one, and nobody at all from the other.
const PRIVATE_CIDRS: [&str; 8] = [
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "::1/128",
    "fc00::/7",
    "fe80::/10",
];

impl Networks {
    /// What is trusted when no network is configured at all: one zone, `private`.
    pub fn private_defaults() -> Self {
        let zone = Zone { name: Arc::from(PRIVATE_ZONE), kind: Kind::Trusted };
        let cidrs = PRIVATE_CIDRS.iter().filter_map(|cidr| cidr.parse().ok()).collect();
        Self::new(vec![(zone, cidrs)]).unwrap_or_default()
    }
}

/// Answers by address. Built once, then only read: a binary search over disjoint ranges.
#[derive(Debug, Clone)]
pub struct Table<V> {
    values: Vec<V>,
    v4: Ranges<u32>,
    v6: Ranges<u128>,
}

impl<V> Default for Table<V> {
    fn default() -> Self {
        Self { values: Vec::new(), v4: Ranges::new([]), v6: Ranges::new([]) }
    }
}

/// One network stands under two names, so nobody can say which of them an address in it belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Twice {
    /// The network.
    pub cidr: Cidr,
    /// Which two entries hold it, by their place in what the table was built from.
    pub entries: (usize, usize),
}

impl<V> Table<V> {
    /// Builds it from each value's networks. A network may be listed again under the same value.
    ///
    /// # Errors
    /// The same network under two values.
    pub fn new(entries: Vec<(V, Vec<Cidr>)>) -> Result<Self, Twice> {
        let mut values = Vec::with_capacity(entries.len());
        let mut cidrs = Vec::new();
        for (index, (value, its_cidrs)) in entries.into_iter().enumerate() {
            values.push(value);
            cidrs.extend(its_cidrs.into_iter().map(|cidr| (cidr, index)));
        }
        cidrs.sort_unstable();
        cidrs.dedup();
        let twice = cidrs.iter().zip(cidrs.iter().skip(1)).find(|(one, other)| one.0 == other.0);
        if let Some((&(cidr, one), &(_, other))) = twice {
            return Err(Twice { cidr, entries: (one, other) });
        }
        let v4 = cidrs.iter().filter_map(|(cidr, index)| Some(Block::v4(cidr.v4()?, *index as u32)));
        let v6 = cidrs.iter().filter_map(|(cidr, index)| Some(Block::v6(cidr.v6()?, *index as u32)));
        Ok(Self { v4: Ranges::new(v4), v6: Ranges::new(v6), values })
    }

    /// The value of the innermost network that holds the address. A v4-mapped address is judged as the IPv4 address it is.
    pub fn lookup(&self, address: IpAddr) -> Option<&V> {
        let index = match address.to_canonical() {
            IpAddr::V4(address) => self.v4.lookup(address.into()),
            IpAddr::V6(address) => self.v6.lookup(address.into()),
        }?;
        self.values.get(index as usize)
    }

    /// Whether it holds nothing at all.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }
}

#[cfg(test)]
mod tests;
