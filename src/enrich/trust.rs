//! What the operator knows about the road to his API server: networks, proxies, hiding hops.

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use serde::Deserialize;

use super::network::{
    Cidr, HidingHop, HidingHops, Kind, Networks, Proxies, Proxy, Table, Twice, UnknownMeans, Zone, parse_list,
};

/// The three sections of the configuration that say where callers may come from.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Named networks. When there is none, private addresses are trusted and nothing else is.
    pub networks: BTreeMap<String, NetworkConfig>,
    /// Hops that end TLS and append the address they saw.
    pub proxies: BTreeMap<String, ProxyConfig>,
    /// Hops that TLS passes through, and that hide who is behind them.
    pub hiding_hops: BTreeMap<String, HidingHopConfig>,
}

/// One of `networks:`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NetworkConfig {
    /// Networks and addresses.
    pub cidrs: Vec<Cidr>,
    /// Files with a network or address a line.
    pub files: Vec<PathBuf>,
    /// What lives there.
    pub kind: Kind,
}

/// One of `proxies:`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ProxyConfig {
    /// Networks and addresses it calls the API server from.
    pub cidrs: Vec<Cidr>,
    /// Files with a network or address a line.
    pub files: Vec<PathBuf>,
    /// It removes or overwrites the `X-Real-Ip` that a client sends. When in doubt, it does not.
    pub sanitises_x_real_ip: bool,
    /// What it means when a request passes it without a chain.
    pub unknown: UnknownMeans,
}

/// One of `hiding_hops:`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HidingHopConfig {
    /// Networks and addresses it calls the API server, or a proxy, from.
    pub cidrs: Vec<Cidr>,
    /// Files with a network or address a line.
    pub files: Vec<PathBuf>,
    /// What it means that a client is hidden behind it.
    pub unknown: UnknownMeans,
}

/// Everything that decides whether an address is trusted. Built once, then only read.
#[derive(Debug, Clone, Default)]
pub struct Trust {
    /// The named networks.
    pub networks: Networks,
    /// Hops that append the address they saw.
    pub proxies: Proxies,
    /// Hops that hide it. An address that is both is a hiding one.
    pub hiding_hops: HidingHops,
}

impl Trust {
    /// Builds it and reads the list files; those named by a relative path lie below `folder`.
    ///
    /// # Errors
    /// A file that cannot be read, a line in it that is no network, an entry without networks, a network under two names.
    pub fn load(config: &Config, folder: &Path) -> anyhow::Result<Self> {
        Self::build(config, |file| std::fs::read(folder.join(file)))
    }

    /// Builds it; `read` gives the bytes of a list file.
    ///
    /// # Errors
    /// As [`Trust::load`].
    pub fn build(config: &Config, mut read: impl FnMut(&Path) -> io::Result<Vec<u8>>) -> anyhow::Result<Self> {
        let zones = entries("networks", &config.networks, &mut read, |name, network| {
            (Zone { name, kind: network.kind }, &network.cidrs, &network.files)
        })?;
        let proxies = entries("proxies", &config.proxies, &mut read, |name, proxy| {
            let ProxyConfig { cidrs, files, sanitises_x_real_ip, unknown } = proxy;
            (Proxy { name, sanitises_x_real_ip: *sanitises_x_real_ip, unknown: *unknown }, cidrs, files)
        })?;
        let hops = entries("hiding_hops", &config.hiding_hops, &mut read, |name, hop| {
            (HidingHop { name, unknown: hop.unknown }, &hop.cidrs, &hop.files)
        })?;
        refuse_both(&proxies, &hops)?;
        let networks = match zones.is_empty() {
            true => Networks::private_defaults(),
            false => table("networks", zones, |zone| &zone.name)?,
        };
        Ok(Self {
            networks,
            proxies: table("proxies", proxies, |proxy| &proxy.name)?,
            hiding_hops: table("hiding_hops", hops, |hop| &hop.name)?,
        })
    }

    /// The named network the address belongs to.
    pub fn zone(&self, address: IpAddr) -> Option<&Zone> {
        self.networks.lookup(address)
    }

    /// Whether the address is in a trusted network. What is in none is not.
    pub fn trusts(&self, address: IpAddr) -> bool {
        self.zone(address).is_some_and(|zone| zone.kind.is_trusted())
    }

    /// The proxy at this address: one whose word about who is before it counts.
    pub fn proxy(&self, address: IpAddr) -> Option<&Proxy> {
        if self.hiding_hops.lookup(address).is_some() { None } else { self.proxies.lookup(address) }
    }
}

type Entries<V> = Vec<(V, Vec<Cidr>)>;

/// Every entry of a section with its networks, those from its files included.
fn entries<C, V>(
    section: &str,
    config: &BTreeMap<String, C>,
    read: &mut impl FnMut(&Path) -> io::Result<Vec<u8>>,
    open: impl for<'c> Fn(Arc<str>, &'c C) -> (V, &'c Vec<Cidr>, &'c Vec<PathBuf>),
) -> anyhow::Result<Entries<V>> {
    let mut entries = Vec::with_capacity(config.len());
    for (name, entry) in config {
        let (value, cidrs, files) = open(Arc::from(name.as_str()), entry);
        if cidrs.is_empty() && files.is_empty() {
            bail!("`{section}.{name}` holds no network: list some under `cidrs`, or name a file under `files`");
        }
        let mut cidrs = cidrs.clone();
        for file in files {
            let shown = file.display();
            let bytes = read(file).with_context(|| format!("read `{section}.{name}.files`: {shown}"))?;
            cidrs.extend(parse_list(&bytes).with_context(|| format!("read `{section}.{name}.files`: {shown}"))?);
        }
        entries.push((value, cidrs));
    }
    Ok(entries)
}

fn table<V>(section: &str, entries: Entries<V>, name: impl Fn(&V) -> &Arc<str>) -> anyhow::Result<Table<V>> {
    let names: Vec<_> = entries.iter().map(|(value, _)| Arc::clone(name(value))).collect();
    Table::new(entries).map_err(|Twice { cidr, entries: (one, other) }| {
        let (one, other) = (&names[one], &names[other]);
        anyhow::anyhow!("{cidr} is both in `{section}.{one}` and in `{section}.{other}`: keep it in one of them")
    })
}

/// A hop's word counts or it does not. Taking a hiding hop for a proxy lets every client choose his own address.
fn refuse_both(proxies: &Entries<Proxy>, hops: &Entries<HidingHop>) -> anyhow::Result<()> {
    let hiding: BTreeMap<_, _> =
        hops.iter().flat_map(|(hop, cidrs)| cidrs.iter().map(move |cidr| (cidr, hop))).collect();
    for (proxy, cidr) in proxies.iter().flat_map(|(proxy, cidrs)| cidrs.iter().map(move |cidr| (proxy, cidr))) {
        if let Some(hop) = hiding.get(cidr) {
            let (proxy, hop) = (&proxy.name, &hop.name);
            bail!(
                "{cidr} is both in `proxies.{proxy}` and in `hiding_hops.{hop}`: a proxy ends TLS and appends \
                 the client's address, a hiding hop passes TLS through; keep it in one of them"
            );
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn build(yaml: &str) -> anyhow::Result<Trust> {
        let config: Config = serde_saphyr::from_str(yaml)?;
        Trust::build(&config, |file| match file.to_str() {
            Some("office.txt") => Ok(b"# office\n198.51.100.0/24\n".to_vec()),
            Some("wrong.txt") => Ok(b"10.0.0.0/8\n10.0.0.5/8\n".to_vec()),
            _ => Err(io::ErrorKind::NotFound.into()),
        })
    }

    #[test]
    fn the_sections_are_read_with_their_defaults() {
        let trust = build(
            "
networks:
  office: { cidrs: [192.0.2.7, '2001:db8::1', 10.0.0.0/8], files: [office.txt] }
  nodes: { cidrs: [10.1.0.0/16], kind: nodes }
  cp: { cidrs: [10.2.0.1], kind: control-plane }
proxies:
  ingress: { cidrs: [10.9.0.0/16], sanitises_x_real_ip: true, unknown: untrusted }
hiding_hops:
  nlb: { cidrs: [10.9.0.4] }
",
        )
        .unwrap();
        let zone = |address: &str| trust.zone(address.parse().unwrap()).map(|zone| (&*zone.name, zone.kind.word()));
        assert_eq!(zone("198.51.100.9"), Some(("office", "trusted")));
        assert_eq!(zone("2001:db8::1"), Some(("office", "trusted")));
        assert_eq!(zone("10.1.2.3"), Some(("nodes", "nodes")));
        assert_eq!(zone("10.2.0.1"), Some(("cp", "control-plane")));
        assert_eq!(zone("192.168.0.1"), None);
        let proxy = trust.proxy("10.9.9.9".parse().unwrap()).unwrap();
        assert!(proxy.sanitises_x_real_ip && proxy.unknown == UnknownMeans::Untrusted);
        assert_eq!(trust.proxy("10.9.0.4".parse().unwrap()), None, "an address that is both hides");
        assert_eq!(trust.hiding_hops.lookup("10.9.0.4".parse().unwrap()).unwrap().unknown, UnknownMeans::Low);
    }

    #[test]
    fn without_networks_private_addresses_are_trusted() {
        let trust = build("proxies: { ingress: { cidrs: [10.9.0.0/16] } }").unwrap();
        assert_eq!(&*trust.zone("192.168.0.1".parse().unwrap()).unwrap().name, "private");
        assert!(!trust.trusts("203.0.113.9".parse().unwrap()));
    }

    #[track_caller]
    fn check_error(yaml: &str, parts: &[&str]) {
        let message = format!("{:#}", build(yaml).unwrap_err());
        for part in parts {
            assert!(message.contains(part), "`{part}` is not in: {message}");
        }
    }

    #[test]
    fn mistakes_are_told_with_their_place_and_the_way_out() {
        check_error("networks: { office: {} }", &["`networks.office` holds no network: list some under `cidrs`"]);
        check_error("networks: { o: { files: [none.txt] } }", &["`networks.o.files`: none.txt", "not found"]);
        check_error(
            "hiding_hops: { h: { files: [wrong.txt] } }",
            &["`hiding_hops.h.files`: wrong.txt: line 2: `10.0.0.5/8`"],
        );
        check_error(
            "networks: { a: { cidrs: [10.0.0.0/8] }, b: { cidrs: [10.0.0.0/8] } }",
            &["10.0.0.0/8 is both in `networks.a` and in `networks.b`"],
        );
        check_error(
            "{ proxies: { p: { cidrs: [10.9.0.4] } }, hiding_hops: { h: { cidrs: [10.9.0.4/32] } } }",
            &["10.9.0.4 is both in `proxies.p` and in `hiding_hops.h`: a proxy ends TLS"],
        );
        check_error("networks:\n  a:\n    cidrs:\n      - 10.0.0.5/8\n", &["write `10.0.0.0/8`", "line 4"]);
        check_error("networks:\n  a:\n    cidrs: [10]\n", &["`10` is not a network"]);
        check_error("networks:\n  a:\n    cidr: [10.0.0.0/8]\n", &["cidr", "cidrs"]);
        check_error("networks: { a: { cidrs: [10.0.0.1], kind: pod } }", &["pod", "pods"]);
    }
}
