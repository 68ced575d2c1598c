//! Named networks, proxies and hiding hops (stand-in).

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;

use ipnet::IpNet;
use serde::{Deserialize, Deserializer};

/// Every network that has a name or a role.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// Named networks.
    pub networks: BTreeMap<String, Network>,
    /// Proxies that append the address they saw.
    pub proxies: BTreeMap<String, Proxy>,
    /// Hops that hide the client's address.
    pub hiding_hops: BTreeMap<String, Hop>,
}

/// A named network.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Network {
    /// Its ranges.
    #[serde(default)]
    pub cidrs: Vec<Cidr>,
    /// Files with one range a line.
    #[serde(default)]
    pub files: Vec<PathBuf>,
    /// What it is.
    #[serde(default)]
    pub kind: Kind,
}

/// What a named network is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Requests from there are expected.
    #[default]
    Trusted,
    /// Pod addresses.
    Pods,
    /// Node addresses.
    Nodes,
    /// The API servers themselves.
    ControlPlane,
    /// Where administrators sit.
    Admin,
    /// Named, but not trusted.
    Untrusted,
}

impl Kind {
    /// The word in the configuration.
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

/// Proxies that end TLS and append the address they saw.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proxy {
    /// Their addresses.
    #[serde(default)]
    pub cidrs: Vec<Cidr>,
    /// They overwrite X-Real-Ip.
    #[serde(default)]
    pub sanitises_x_real_ip: bool,
    /// What an unknown client behind them means.
    #[serde(default)]
    pub unknown: Unknown,
}

/// Hops that hide the client's address.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hop {
    /// Their addresses.
    #[serde(default)]
    pub cidrs: Vec<Cidr>,
    /// What an unknown client behind them means.
    #[serde(default)]
    pub unknown: Unknown,
}

/// What an unknown client behind a hop means.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unknown {
    /// Good to know.
    Info,
    /// Look when there is time.
    #[default]
    Low,
    /// Look today.
    Medium,
    /// Look now.
    High,
    /// As if it came from an untrusted network.
    Untrusted,
}

/// A range, or a single address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Cidr(pub IpNet);

impl<'de> Deserialize<'de> for Cidr {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let net = text.parse::<IpNet>().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
        net.map(Self).ok_or_else(|| {
            serde::de::Error::custom(format!(
                "`{text}` is not a network: write an address or a range, such as `198.51.100.20` or `10.0.0.0/8`"
            ))
        })
    }
}

/// Where an address belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone {
    /// The network's name.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// The range that holds the address.
    pub range: IpNet,
}

/// All named networks, ready for lookups.
#[derive(Debug, Default)]
pub struct Networks(Vec<Zone>);

impl Networks {
    /// Reads the files and prepares the lookups.
    pub fn new(config: &Config) -> anyhow::Result<Self> {
        let zones = config.networks.iter().flat_map(|(name, network)| {
            network.cidrs.iter().map(|cidr| Zone { name: name.clone(), kind: network.kind, range: cidr.0 })
        });
        Ok(Self(zones.collect()))
    }

    /// The narrowest named range that holds the address.
    pub fn lookup(&self, address: IpAddr) -> Option<Zone> {
        let holding = self.0.iter().filter(|zone| zone.range.contains(&address));
        holding.max_by_key(|zone| zone.range.prefix_len()).cloned()
    }
}
