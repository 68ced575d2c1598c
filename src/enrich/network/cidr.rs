//! A network as people write it in the configuration and in list files.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use serde::de::{Deserialize, Deserializer, Error, Visitor};

/// A network, its host bits all zero. A bare address is the network of that one address; v4-mapped is IPv4.
///
/// Networks order by family, then first address, then the wider before the narrower.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cidr(IpNet);

/// Why a text is no network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CidrError {
    /// It is something else.
    #[error("`{0}` is not a network: write one such as 10.0.0.0/8, 2001:db8::/32 or 198.51.100.20")]
    Malformed(String),
    /// Its prefix length is no number, or larger than the address is long.
    #[error("`{text}` has no valid prefix length: after the `/` comes a number from 0 to {max}")]
    Length {
        /// As written.
        text: String,
        /// Bits of the address.
        max: u8,
    },
    /// It is an address inside a network, and it does not say which of the two is meant.
    #[error(
        "`{text}` has bits set beyond its prefix: write `{network}` for the network or `{address}` for the one address"
    )]
    HostBits {
        /// As written.
        text: String,
        /// The network around it.
        network: IpNet,
        /// The address in it.
        address: IpAddr,
    },
}

impl Cidr {
    /// The network, when it is IPv4.
    pub fn v4(&self) -> Option<Ipv4Net> {
        match self.0 {
            IpNet::V4(net) => Some(net),
            IpNet::V6(_) => None,
        }
    }

    /// The network, when it is IPv6.
    pub fn v6(&self) -> Option<Ipv6Net> {
        match self.0 {
            IpNet::V4(_) => None,
            IpNet::V6(net) => Some(net),
        }
    }

    /// The network.
    pub fn net(&self) -> IpNet {
        self.0
    }
}

impl FromStr for Cidr {
    type Err = CidrError;

    fn from_str(text: &str) -> Result<Self, CidrError> {
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| CidrError::Malformed(text.to_owned()))?;
        let max = if address.is_ipv4() { 32 } else { 128 };
        let malformed = || CidrError::Length { text: text.to_owned(), max };
        let length = length.map_or(Ok(max), |length| digits(length).ok_or_else(malformed))?;
        let (address, length) = unmap(address, length);
        let net = IpNet::new(address, length).map_err(|_| malformed())?;
        if net.addr() != net.network() {
            return Err(CidrError::HostBits { text: text.to_owned(), network: net.trunc(), address });
        }
        Ok(Self(net))
    }
}

/// A number without a sign.
fn digits(text: &str) -> Option<u8> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

/// `::ffff:10.0.0.0/104` is `10.0.0.0/8`. A prefix shorter than the mapping itself is left as it is.
fn unmap(address: IpAddr, length: u8) -> (IpAddr, u8) {
    match (address.to_canonical(), length.checked_sub(96)) {
        (v4 @ IpAddr::V4(_), Some(v4_length)) if address.is_ipv6() => (v4, v4_length),
        _ => (address, length),
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.prefix_len() == self.0.max_prefix_len() { self.0.addr().fmt(f) } else { self.0.fmt(f) }
    }
}

impl<'de> Deserialize<'de> for Cidr {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Written;
        impl Visitor<'_> for Written {
            type Value = Cidr;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a network such as 10.0.0.0/8, or an address")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Cidr, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Written)
    }
}
