use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::enrich::trust::Config;

/// The usual house: an office and pods inside, an ingress that appends, an inner one, a balancer that hides.
fn trust() -> Trust {
    let config: Config = serde_saphyr::from_str(
        "
networks:
  inside: { cidrs: [10.0.0.0/8, 192.168.0.0/16, '2001:db8:c0::/48'] }
  guests: { cidrs: [10.66.0.0/16], kind: untrusted }
proxies:
  ingress: { cidrs: [10.9.0.0/16], unknown: info }
  strict: { cidrs: [10.8.0.0/16], sanitises_x_real_ip: true, unknown: high }
hiding_hops:
  nlb: { cidrs: [10.9.0.4], unknown: medium }
  nat: { cidrs: [198.51.100.1], unknown: untrusted }
",
    )
    .unwrap();
    Trust::load(&config, Path::new("/")).unwrap()
}

/// `source_ips` and what comes of them are one line: verdict, address, forwarded, hop, flags.
#[track_caller]
fn check(source_ips: &str, expected: &str) {
    let trust = trust();
    let entries: Vec<_> = source_ips.split_whitespace().map(|ip| ip.parse().ok()).collect();
    let verdict = effective(&entries, entries.len(), &trust);
    let address = verdict.address.map_or("-".to_owned(), |address| address.to_string());
    let mut got = vec![verdict.trusted.word(), &address, verdict.forwarded.word(), verdict.hop.unwrap_or("-")];
    got.extend(verdict.flags.words());
    assert_eq!(got.join(" "), expected, "{source_ips}");
}

#[test]
fn the_peer_is_the_client_when_it_is_no_hop() {
    check("203.0.113.9", "false 203.0.113.9 none -");
    check("::ffff:192.168.4.4", "true 192.168.4.4 none -");
    check("10.66.1.1", "false 10.66.1.1 none -");
    check("10.0.0.5 203.0.113.9", "false 203.0.113.9 forged - forwarded_header_from_untrusted_peer");
    check("203.0.113.9 10.0.0.5", "true 10.0.0.5 forged - forwarded_header_from_untrusted_peer");
}

#[test]
fn proxies_are_walked_from_the_right() {
    check("203.0.113.9 10.9.1.1 10.9.2.2", "false 203.0.113.9 verified ingress");
    check("192.168.4.4 10.9.1.1", "true 192.168.4.4 verified ingress");
    check("10.66.1.1 10.9.1.1", "false 10.66.1.1 verified ingress");
    check("10.0.0.5 203.0.113.9 10.9.1.1", "false 203.0.113.9 verified ingress unverified_prefix");
}

#[test]
fn a_forged_x_real_ip_does_not_make_an_insider() {
    check("203.0.113.9 10.0.0.5 10.9.1.1", "false 203.0.113.9 ambiguous ingress unverified_prefix ambiguous_x_real_ip");
    // Two proxies: the outer one's address stands between the client and the forgery.
    check(
        "203.0.113.9 10.9.1.1 10.0.0.5 10.9.2.2",
        "false 203.0.113.9 ambiguous ingress unverified_prefix ambiguous_x_real_ip",
    );
    check("10.66.1.1 10.0.0.5 10.9.1.1", "false 10.66.1.1 ambiguous ingress unverified_prefix ambiguous_x_real_ip");
    check(
        "garbage 10.0.0.5 10.9.1.1",
        "unknown - ambiguous ingress unverified_prefix ambiguous_x_real_ip unparsable_ip",
    );
    // This proxy lets none through.
    check("203.0.113.9 10.0.0.5 10.8.1.1", "true 10.0.0.5 verified strict unverified_prefix");
    // Nothing to doubt: all of it is inside.
    check("10.0.0.7 10.0.0.5 10.9.1.1", "true 10.0.0.5 verified ingress unverified_prefix");
    check("10.9.1.1 10.0.0.5 10.9.1.1", "true 10.0.0.5 verified ingress unverified_prefix");
}

#[test]
fn what_a_hiding_hop_may_have_hidden_is_named() {
    let trust = trust();
    let entries = ["10.9.0.4", "10.0.0.5", "10.9.1.1"].map(|ip| Some(ip.parse().unwrap()));
    let verdict = effective(&entries, 3, &trust);
    assert_eq!((verdict.forwarded, verdict.hop), (Forwarded::Ambiguous, Some("nlb")));
    assert_eq!(verdict.unknown, Some(UnknownMeans::Medium));
}

#[test]
fn hidden_clients_are_unknown() {
    check("10.9.1.1", "unknown - hidden ingress client_hidden_by_proxy");
    check("10.9.0.4", "unknown - hidden nlb client_hidden_by_hop");
    check("198.51.100.1", "unknown - hidden nat client_hidden_by_hop");
    check("10.0.0.5 10.9.0.4", "unknown - hidden nlb forwarded_header_from_untrusted_peer client_hidden_by_hop");
    check("10.9.0.4 10.9.1.1", "unknown - hidden nlb client_hidden_by_hop");
    check("10.0.0.5 10.9.0.4 10.9.1.1", "unknown - hidden nlb unverified_prefix client_hidden_by_hop");
    check("10.0.0.5 bad 10.9.1.1", "unknown - hidden ingress unverified_prefix unparsable_ip");
    check("bad 10.0.0.5 bad", "unknown - none - unparsable_ip no_peer");
    check("", "unknown - none - no_peer");
}

#[test]
fn a_client_cannot_choose_a_milder_proxy() {
    let trust = trust();
    let unknown = |ips: &[&str]| {
        let entries: Vec<_> = ips.iter().map(|ip| ip.parse().ok()).collect();
        effective(&entries, entries.len(), &trust).unknown
    };
    assert_eq!(unknown(&["10.8.1.1"]), Some(UnknownMeans::High));
    assert_eq!(unknown(&["10.9.1.1", "10.8.1.1"]), Some(UnknownMeans::High));
    assert_eq!(unknown(&["10.8.1.1", "10.9.1.1"]), Some(UnknownMeans::High));
    assert_eq!(unknown(&["203.0.113.9", "10.8.1.1"]), None);
}

fn array(entries: impl IntoIterator<Item = String>) -> Vec<u8> {
    let entries: Vec<_> = entries.into_iter().map(|entry| format!("\"{entry}\"")).collect();
    format!("[{}]", entries.join(",")).into_bytes()
}

#[test]
fn only_the_end_of_a_long_chain_is_read() {
    let trust = trust();
    let raw =
        array((0..100_000).map(|i| format!("10.0.{}.{}", i / 256 % 256, i % 256)).chain(["203.0.113.9".to_owned()]));
    let ips = parse_source_ips(&raw);
    assert_eq!((ips.entries.len(), ips.total), (CHAIN_MAX, 100_001));
    let verdict = effective(&ips.entries, ips.total, &trust);
    assert_eq!(verdict.address, Some("203.0.113.9".parse().unwrap()));
    assert!(verdict.flags.oversized_chain);

    let sixty_four = parse_source_ips(&array((0..64).map(|i| format!("10.0.0.{i}"))));
    assert_eq!(sixty_four.entries[0], Some("10.0.0.0".parse().unwrap()));
    assert!(!effective(&sixty_four.entries, sixty_four.total, &trust).flags.oversized_chain);
}

#[track_caller]
fn check_parse(raw: &str, expected: &str) {
    let ips = parse_source_ips(raw.as_bytes());
    let shown = |entry: &Option<IpAddr>| entry.map_or("-".to_owned(), |ip| ip.to_string());
    assert_eq!(ips.entries.iter().map(shown).collect::<Vec<_>>().join(" "), expected, "{raw}");
    assert_eq!(ips.total, ips.entries.len(), "{raw}");
}

#[test]
fn addresses_are_strict() {
    check_parse(r#"["10.0.0.1","2001:db8::1"]"#, "10.0.0.1 2001:db8::1");
    check_parse(" [ \"10.0.0.1\" ,\n\t\"::ffff:203.0.113.9\" ] ", "10.0.0.1 203.0.113.9");
    check_parse(
        r#"["12.000.22.33","10.0.0.1:80","[::1]","fe80::1%eth0"," 10.0.0.1","10.0.0","167772161","","0x0a.0.0.1"]"#,
        "- - - - - - - - -",
    );
    check_parse(r#"["10.0.0.1\n","10.0.0.\u0031","a\"b","\\"]"#, "- - - -");
}

#[test]
fn what_is_no_whole_array_of_strings_has_no_genuine_end() {
    check_parse("", "");
    check_parse("null", "");
    check_parse("[]", "");
    check_parse("[ ]", "");
    check_parse("[null,1,true,{\"a\":[\"],\"]},[\"10.0.0.1\",2],\"10.0.0.2\"]", "- - - - - 10.0.0.2");
    check_parse(r#""10.0.0.1""#, "-");
    check_parse("{}", "-");
    check_parse("[", "-");
    check_parse(r#"["10.0.0.1""#, "10.0.0.1 -");
    check_parse(r#"["10.0.0.1","203.0"#, "10.0.0.1 -");
    check_parse(r#"["10.0.0.1","#, "10.0.0.1 -");
    check_parse(r#"["10.0.0.1",]"#, "10.0.0.1 -");
    check_parse(r#"["10.0.0.1" "10.0.0.2"]"#, "10.0.0.1 -");
    check_parse(r#"["10.0.0.1"] x"#, "10.0.0.1 -");
    check_parse(r#"["10.0.0.1\"#, "-");
    check_parse(r#"[,]"#, "-");
}

/// Addresses that matter to [`trust`], and some that do not.
fn entry() -> impl Strategy<Value = Option<IpAddr>> {
    let known = [
        "203.0.113.9",
        "10.0.0.5",
        "192.168.4.4",
        "10.66.1.1",
        "10.9.1.1",
        "10.8.1.1",
        "10.9.0.4",
        "198.51.100.1",
        "::1",
        "2001:db8:c0::1",
        "::ffff:10.0.0.5",
        "::ffff:203.0.113.9",
        "64:ff9b::a00:15",
    ];
    prop_oneof![
        8 => prop::sample::select(known.to_vec()).prop_map(|ip| ip.parse().ok()),
        1 => any::<IpAddr>().prop_map(Some),
        1 => Just(None),
    ]
}

proptest! {
    #[test]
    fn a_stranger_is_never_trusted_whatever_it_writes(
        before in prop::collection::vec(entry(), 0..80), peer in any::<IpAddr>(),
    ) {
        let trust = trust();
        prop_assume!(!trust.trusts(peer) && trust.proxy(peer).is_none() && trust.hiding_hops.lookup(peer).is_none());
        let mut chain = before;
        chain.push(Some(peer));
        let verdict = effective(&chain, chain.len(), &trust);
        prop_assert_eq!(verdict.trusted, Trusted::No);
        prop_assert_eq!(verdict.address, Some(peer.to_canonical()));
    }

    #[test]
    fn a_stranger_behind_appending_proxies_is_never_trusted(
        forged in prop::collection::vec(entry(), 0..10), outer in any::<bool>(), real_ip in entry(),
    ) {
        // The outermost proxy appends the stranger; the API server puts the stranger's X-Real-Ip before the peer.
        let trust = trust();
        let mut chain = forged;
        chain.push(Some("203.0.113.9".parse().unwrap()));
        chain.extend(outer.then(|| Some("10.9.1.1".parse().unwrap())));
        if real_ip.is_some() && !chain.contains(&real_ip) {
            chain.push(real_ip);
        }
        chain.push(Some("10.9.2.2".parse().unwrap()));
        prop_assert_ne!(effective(&chain, chain.len(), &trust).trusted, Trusted::Yes);
    }

    #[test]
    fn a_verdict_is_of_a_piece(chain in prop::collection::vec(entry(), 0..80)) {
        let trust = trust();
        let verdict = effective(&chain, chain.len(), &trust);
        prop_assert_eq!(verdict.address.is_none(), verdict.trusted == Trusted::Unknown);
        let zone_trusted = verdict.zone.is_some_and(|zone| zone.kind.is_trusted());
        prop_assert_eq!(verdict.trusted == Trusted::Yes, zone_trusted);
        let hidden = verdict.flags.client_hidden_by_hop || verdict.flags.client_hidden_by_proxy;
        prop_assert!(!hidden || (verdict.unknown.is_some() && verdict.hop.is_some()));
        prop_assert_eq!(verdict.peer.is_none(), verdict.flags.no_peer);
    }

    #[test]
    fn any_bytes_are_read_without_harm(raw in prop_oneof![
        prop::collection::vec(any::<u8>(), 0..200),
        r#"[\["\\,a{}\] 0-9.:]{0,60}"#.prop_map(String::into_bytes),
    ]) {
        let ips = parse_source_ips(&raw);
        prop_assert!(ips.entries.len() <= CHAIN_MAX);
    }

    #[test]
    fn strings_are_taken_apart_as_json_does(texts in prop::collection::vec(any::<String>(), 0..70), cut in any::<prop::sample::Index>()) {
        let raw = serde_json::to_vec(&texts).unwrap();
        let ips = parse_source_ips(&raw);
        prop_assert_eq!(ips.total, texts.len());
        let last: Vec<Option<IpAddr>> = texts.iter().rev().take(CHAIN_MAX).rev().map(|text| text.parse().ok()).collect();
        prop_assert_eq!(ips.entries, last);

        // However it is cut, the genuine end is lost and nothing stands in its place.
        let cut = parse_source_ips(&raw[..cut.index(raw.len() - 1).max(1)]);
        prop_assert_eq!(cut.entries.last(), Some(&None));
    }
}
