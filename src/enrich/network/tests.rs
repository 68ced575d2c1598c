use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use proptest::prelude::*;

use super::*;

#[track_caller]
fn check_cidr(text: &str, expected: Result<&str, &str>) {
    let got = text.parse::<Cidr>();
    match expected {
        Ok(shown) => assert_eq!(got.unwrap().to_string(), shown, "{text}"),
        Err(part) => {
            let message = got.unwrap_err().to_string();
            assert!(message.contains(part), "{text}: {message}");
        }
    }
}

#[test]
fn networks_are_read_as_people_write_them() {
    check_cidr("10.0.0.0/8", Ok("10.0.0.0/8"));
    check_cidr("198.51.100.20", Ok("198.51.100.20"));
    check_cidr("198.51.100.20/32", Ok("198.51.100.20"));
    check_cidr("2001:db8::1", Ok("2001:db8::1"));
    check_cidr("2001:DB8::/32", Ok("2001:db8::/32"));
    check_cidr("::ffff:10.0.0.0/104", Ok("10.0.0.0/8"));
    check_cidr("::ffff:198.51.100.20", Ok("198.51.100.20"));
    check_cidr("0.0.0.0/0", Ok("0.0.0.0/0"));
    check_cidr("::/0", Ok("::/0"));
}

#[test]
fn what_is_no_network_is_told_with_the_way_out() {
    check_cidr("10.0.0.5/8", Err("write `10.0.0.0/8` for the network or `10.0.0.5` for the one address"));
    check_cidr("::ffff:10.0.0.5/104", Err("write `10.0.0.0/8` for the network"));
    check_cidr("2001:db8::1/32", Err("write `2001:db8::/32` for the network"));
    check_cidr("::ffff:0.0.0.0/64", Err("bits set beyond its prefix"));
    check_cidr("10.0.0.0/33", Err("a number from 0 to 32"));
    check_cidr("10.0.0.0/255.0.0.0", Err("a number from 0 to 32"));
    check_cidr("10.0.0.0/+8", Err("a number from 0 to 32"));
    check_cidr("10.0.0.0/", Err("a number from 0 to 32"));
    check_cidr("::/129", Err("a number from 0 to 128"));
    for text in ["", "office", "12.000.22.33", "10.0.0.1-10.0.0.9", "fe80::1%eth0", "[::1]", " 10.0.0.1", "10.0.0"] {
        check_cidr(text, Err("is not a network: write one such as 10.0.0.0/8"));
    }
}

#[test]
fn a_list_has_comments_blank_lines_and_line_numbers() {
    let cidrs = parse_list(b"\xef\xbb\xbf# office \xff\r\n10.0.0.0/8\r\n\n  192.0.2.7  # the door\n").unwrap();
    assert_eq!(cidrs.iter().map(Cidr::to_string).collect::<Vec<_>>(), ["10.0.0.0/8", "192.0.2.7"]);

    let error = parse_list(b"10.0.0.0/8\n\n10.0.0.1/8\n").unwrap_err();
    assert_eq!(error.line, 3);
    assert!(error.to_string().starts_with("line 3: `10.0.0.1/8` has bits set"), "{error}");
}

fn networks(entries: &[(&str, Kind, &[&str])]) -> Result<Networks, Twice> {
    let zone = |(name, kind, cidrs): &(&str, Kind, &[&str])| {
        let cidrs = cidrs.iter().map(|cidr| cidr.parse().unwrap()).collect();
        (Zone { name: Arc::from(*name), kind: *kind }, cidrs)
    };
    Networks::new(entries.iter().map(zone).collect())
}

#[test]
fn the_innermost_network_names_the_zone() {
    let networks = networks(&[
        ("lab", Kind::Untrusted, &["10.9.0.0/16", "2001:db8:9::/48"]),
        ("inside", Kind::Trusted, &["10.0.0.0/8", "2001:db8::/32", "10.9.8.0/24"]),
        (
            "edge",
            Kind::Nodes,
            &["255.255.255.255", "0.0.0.0", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "10.9.8.0", "10.255.255.255"],
        ),
    ])
    .unwrap();
    let check = |address: &str, expected: Option<&str>| {
        let zone = networks.lookup(address.parse().unwrap());
        assert_eq!(zone.map(|zone| &*zone.name), expected, "{address}");
    };
    check("10.0.0.0", Some("inside"));
    check("10.8.255.255", Some("inside"));
    check("10.9.0.0", Some("lab"));
    check("10.9.8.0", Some("edge"));
    check("10.9.8.1", Some("inside"));
    check("10.9.9.0", Some("lab"));
    check("10.10.0.0", Some("inside"));
    // The last address of the network around it.
    check("10.255.255.254", Some("inside"));
    check("10.255.255.255", Some("edge"));
    check("11.0.0.0", None);
    check("9.255.255.255", None);
    check("0.0.0.0", Some("edge"));
    check("0.0.0.1", None);
    check("255.255.255.255", Some("edge"));
    check("255.255.255.254", None);
    check("::ffff:10.9.8.1", Some("inside"));
    check("2001:db8:9::1", Some("lab"));
    check("2001:db8:a::1", Some("inside"));
    check("::", None);
    check("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", Some("edge"));
}

#[test]
fn one_network_under_two_names_is_refused() {
    let error = networks(&[
        ("a", Kind::Trusted, &["10.0.0.0/8", "10.0.0.0/8"]),
        ("b", Kind::Trusted, &["192.0.2.1"]),
        ("c", Kind::Untrusted, &["::ffff:10.0.0.0/104"]),
    ])
    .unwrap_err();
    assert_eq!((error.cidr.to_string().as_str(), error.entries), ("10.0.0.0/8", (0, 2)));
}

#[test]
fn without_networks_private_addresses_are_trusted() {
    let networks = Networks::private_defaults();
    let check = |address: &str, trusted: bool| {
        let zone = networks.lookup(address.parse().unwrap());
        assert_eq!(zone.is_some_and(|zone| zone.kind.is_trusted()), trusted, "{address}");
    };
    for address in ["10.1.2.3", "172.31.0.1", "192.168.4.4", "127.0.0.1", "169.254.1.1", "::1", "fd00::1", "fe80::1"] {
        check(address, true);
    }
    // Carrier NAT, documentation, NAT64 of a private address, the world.
    for address in ["100.64.0.1", "203.0.113.9", "2001:db8::1", "64:ff9b::a00:15", "172.32.0.1", "8.8.8.8", "2600::1"] {
        check(address, false);
    }
}

/// The longest prefix that holds the address, found the slow way. Of equal prefixes there is only one.
fn naive(entries: &[(u32, Vec<Cidr>)], address: IpAddr) -> Option<u32> {
    let all = entries.iter().flat_map(|(value, cidrs)| cidrs.iter().map(move |cidr| (cidr.net(), *value)));
    let holding = all.filter(|(net, _)| net.contains(&address));
    holding.max_by_key(|(net, _)| net.prefix_len()).map(|(_, value)| value)
}

/// Networks that nest often: few leading bytes, every prefix length.
fn nesting_cidr() -> impl Strategy<Value = Cidr> {
    let byte = prop_oneof![Just(0u8), Just(1), Just(128), Just(255)];
    let v4 = (prop::array::uniform4(byte.clone()), 0..=32u8).prop_map(|(bytes, length)| (IpAddr::from(bytes), length));
    let v6 = (prop::array::uniform4(byte), 0..=128u8).prop_map(|([a, b, c, d], length)| {
        let mut bytes = [0; 16];
        (bytes[0], bytes[1], bytes[7], bytes[15]) = (a, b, c, d);
        (IpAddr::from(bytes), length)
    });
    prop_oneof![v4, v6].prop_map(|(address, length)| {
        let net = IpNet::new(address, length).unwrap().trunc();
        net.to_string().parse().unwrap()
    })
}

/// Both ends of every network and what lies just outside of them: where a sweep goes wrong.
fn probes(cidrs: &[Cidr]) -> Vec<IpAddr> {
    let beside = |address: IpAddr| -> Vec<IpAddr> {
        match address {
            IpAddr::V4(a) => [u32::from(a).wrapping_sub(1), u32::from(a), u32::from(a).wrapping_add(1)]
                .map(|number| Ipv4Addr::from(number).into())
                .to_vec(),
            IpAddr::V6(a) => [u128::from(a).wrapping_sub(1), u128::from(a), u128::from(a).wrapping_add(1)]
                .map(|number| Ipv6Addr::from(number).into())
                .to_vec(),
        }
    };
    cidrs.iter().flat_map(|cidr| [cidr.net().network(), cidr.net().broadcast()]).flat_map(beside).collect()
}

proptest! {
    #[test]
    fn lookup_is_the_longest_prefix(mut entries in prop::collection::vec(prop::collection::vec(nesting_cidr(), 0..8), 0..6)) {
        // Single addresses at the very end of networks around them.
        let ends = entries.iter().flatten().map(|cidr| cidr.net().broadcast().to_string().parse().unwrap()).step_by(2);
        entries.push(ends.collect());
        let mut seen = std::collections::HashSet::new();
        let entries: Vec<(u32, Vec<Cidr>)> = entries
            .into_iter()
            .enumerate()
            .map(|(value, cidrs)| (value as u32, cidrs.into_iter().filter(|cidr| seen.insert(*cidr)).collect()))
            .collect();
        let table = Table::new(entries.clone()).unwrap();
        let cidrs: Vec<Cidr> = entries.iter().flat_map(|(_, cidrs)| cidrs.clone()).collect();
        for address in probes(&cidrs) {
            // A v4-mapped address is IPv4 here, which the slow way does not know.
            let address = address.to_canonical();
            prop_assert_eq!(table.lookup(address).copied(), naive(&entries, address), "{}", address);
        }
    }
}

#[test]
fn a_hundred_thousand_networks_stay_small_and_right() {
    let cidrs =
        (0..100_000u32).map(|i| format!("{}/30", Ipv4Addr::from(0x0a00_0000 + i * 8)).parse().unwrap()).collect();
    let table = Table::new(vec![((), cidrs)]).unwrap();
    for i in 0..100_000u32 {
        assert!(table.lookup(Ipv4Addr::from(0x0a00_0000 + i * 8 + 3).into()).is_some());
        assert!(table.lookup(Ipv4Addr::from(0x0a00_0000 + i * 8 + 4).into()).is_none());
    }
    assert_eq!(table.v4.len(), 200_001);
}
