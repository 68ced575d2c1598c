//! What kind of address it is, by the registries alone. A scope says nothing about trust.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The kind of an address, from IANA's special-purpose registries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// This machine.
    Loopback,
    /// RFC 1918, unique-local, and the site-local that came before it.
    Private,
    /// This link only.
    LinkLocal,
    /// Shared between a carrier's customers: strangers, though not on the Internet.
    Cgnat,
    /// Written in examples; on the wire it belongs to nobody.
    Documentation,
    /// No single host.
    Multicast,
    /// Unspecified, benchmarking, not handed out, or with a meaning no caller should have.
    Reserved,
    /// Reachable from the Internet.
    Public,
}

impl Scope {
    /// The scope of an address. An address that wraps an IPv4 one (v4-mapped, NAT64) has the scope of what it wraps.
    pub fn of(address: IpAddr) -> Self {
        match unwrapped(address) {
            IpAddr::V4(address) => v4(address),
            IpAddr::V6(address) => v6(address),
        }
    }

    /// The word in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Loopback => "loopback",
            Self::Private => "private",
            Self::LinkLocal => "link-local",
            Self::Cgnat => "cgnat",
            Self::Documentation => "documentation",
            Self::Multicast => "multicast",
            Self::Reserved => "reserved",
            Self::Public => "public",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// The IPv4 address that a v4-mapped or NAT64 (RFC 6052) one wraps; any other stays as it is.
///
/// For scope and place only. Who may write packets from the NAT64 prefix is not known, so trust is never read through it.
pub fn unwrapped(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => match address.segments() {
            [0x64, 0xff9b, 0, 0, 0, 0, high, low] => v4_of(high, low).into(),
            _ => address.into(),
        },
        address => address,
    }
}

fn v4_of(high: u16, low: u16) -> Ipv4Addr {
    Ipv4Addr::from((u32::from(high) << 16) | u32::from(low))
}

fn v4(address: Ipv4Addr) -> Scope {
    match address.octets() {
        [127, ..] => Scope::Loopback,
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => Scope::Private,
        [169, 254, ..] => Scope::LinkLocal,
        [100, 64..=127, ..] => Scope::Cgnat,
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => Scope::Documentation,
        [224..=239, ..] => Scope::Multicast,
        // "This network", protocol assignments, former 6to4 relays, benchmarking, class E and broadcast.
        [0, ..] | [192, 0, 0, _] | [192, 88, 99, _] | [198, 18..=19, ..] | [240..=255, ..] => Scope::Reserved,
        _ => Scope::Public,
    }
}

fn v6(address: Ipv6Addr) -> Scope {
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 1] => Scope::Loopback,
        // 6to4 wraps the address of a site. A site whose address is not public cannot be one.
        [0x2002, high, low, ..] => match v4(v4_of(high, low)) {
            Scope::Public => Scope::Public,
            _ => Scope::Reserved,
        },
        [0xfc00..=0xfdff, ..] | [0xfec0..=0xfeff, ..] => Scope::Private,
        [0xfe80..=0xfebf, ..] => Scope::LinkLocal,
        [0x2001, 0xdb8, ..] | [0x3fff, 0..=0x0fff, ..] => Scope::Documentation,
        [0xff00..=0xffff, ..] => Scope::Multicast,
        // Teredo: a host on the Internet behind a tunnel.
        [0x2001, 0, ..] => Scope::Public,
        // Protocol assignments and benchmarking.
        [0x2001, 0..=0x1ff, ..] => Scope::Reserved,
        [0x2000..=0x3fff, ..] => Scope::Public,
        // Unspecified, IPv4-compatible, local NAT64 (where the prefix hides what is wrapped), never handed out.
        _ => Scope::Reserved,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_has_its_scope() {
        let table = [
            (Scope::Loopback, "127.0.0.1 127.255.255.255 ::1 ::ffff:127.0.0.1 64:ff9b::7f00:1"),
            (Scope::Private, "10.0.0.1 172.16.0.1 172.31.255.255 192.168.0.1 fd00::1 fc00::1 fec0::1 64:ff9b::a00:15"),
            (Scope::LinkLocal, "169.254.169.254 fe80::1 febf::1"),
            (Scope::Cgnat, "100.64.0.1 100.127.255.255 ::ffff:100.64.0.1 64:ff9b::100.64.0.1"),
            (Scope::Documentation, "192.0.2.66 198.51.100.20 203.0.113.9 2001:db8::1 3fff:fff::1"),
            (Scope::Multicast, "224.0.0.1 239.255.255.255 ff02::1"),
            (Scope::Reserved, "0.0.0.0 255.255.255.255 240.0.0.1 198.18.0.1 192.0.0.8 :: ::a00:1 100::1"),
            (Scope::Reserved, "2002:a00:1::1 2002:7f00:1::1 64:ff9b:1::a00:1 2001:2::1 2001:20::1 4000::1 5f00::1"),
            (
                Scope::Public,
                "8.8.8.8 172.32.0.1 172.15.0.1 100.63.0.1 100.128.0.1 223.255.255.255 2600::1 3fff:1000::1",
            ),
            (Scope::Public, "64:ff9b::808:808 2002:808:808::1 2001:0:4136:e378:8000:63bf:3fff:fdd2 2001:200::1"),
        ];
        for (scope, addresses) in table {
            for address in addresses.split(' ') {
                assert_eq!(Scope::of(address.parse().unwrap()), scope, "{address}");
            }
        }
    }
}
