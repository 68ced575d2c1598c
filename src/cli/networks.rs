//! `gatecrier networks`: which named network is this address in, and why?

use std::io::Write;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use clap::Subcommand;

use super::{Optional, Outcome, table};
use crate::config::{self, Config};
use crate::enrich::network::{Cidr, parse_list};
use crate::enrich::place::Places;
use crate::enrich::scope::Scope;
use crate::enrich::trust::Trust;
use crate::terminal::escape_terminal;

const EXAMPLES: &str = "\
Examples:
  gatecrier networks check 203.0.113.7 -c gatecrier.yaml
  gatecrier networks check 2001:db8::1                    without a configuration: private is trusted";

/// Asks about named networks.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Options {
    #[command(subcommand)]
    question: Question,
}

#[derive(Debug, Subcommand)]
enum Question {
    /// Says which network an address is in, whether it is trusted, and which line says so.
    #[command(after_help = EXAMPLES)]
    Check {
        /// The address.
        #[arg(value_parser = address)]
        address: IpAddr,

        #[command(flatten)]
        optional: Optional,
    },
}

/// Reads an address, and says what is not part of one.
fn address(text: &str) -> Result<IpAddr, String> {
    text.parse().map_err(|_| {
        let bare = text.trim_start_matches('[').split(']').next().unwrap_or(text);
        let without_port = text.rsplit_once(':').map_or(text, |(host, _)| host);
        let fits = |part: &str| part.parse::<IpAddr>().is_ok();
        match text.split_once('/') {
            Some((base, _)) if fits(base) => format!("this is a network; ask for one address of it, such as {base}"),
            _ if fits(bare) => format!("leave out brackets and port: {bare}"),
            _ if fits(without_port) => format!("leave out the port: {without_port}"),
            _ => "an IPv4 or IPv6 address is needed, such as 203.0.113.7 or 2001:db8::1".to_owned(),
        }
    })
}

/// One entry that holds the address.
struct Holding {
    cidr: Cidr,
    /// `gatecrier.yaml:7` or `offices.txt:3`.
    whence: String,
}

/// Answers on stdout.
pub fn run(options: &Options) -> anyhow::Result<Outcome> {
    let Question::Check { address, optional } = &options.question;
    let config = match &optional.config {
        Some(path) => Config::load_without_sources(path)?,
        None => Config::default(),
    };
    let trust = Trust::load(&config.trust(), Path::new(""))?;
    let places = Places::open(config.places.country.as_deref(), config.places.asn.as_deref())?;
    let address = address.to_canonical();
    let mut out = anstream::stdout().lock();
    writeln!(out, "{}", verdict(address, &trust, &config))?;
    let mut table = table();
    for (what, answer) in answers(address, &trust, &places, &config, optional.config.as_deref()) {
        table.add_row([what.to_owned(), escape_terminal(&answer).into_owned()]);
    }
    writeln!(out, "{}", table.trim_fmt())?;
    Ok(Outcome::Well)
}

fn verdict(address: IpAddr, trust: &Trust, config: &Config) -> String {
    let trusted = if trust.trusts(address) { "trusted" } else { "not trusted" };
    match trust.zone(address) {
        Some(_) if config.networks.is_empty() => {
            format!("{address} is a private address: {trusted}, as no networks are named")
        }
        Some(zone) => format!("{address} is in the network `{}` ({}): {trusted}", zone.name, zone.kind.word()),
        None => format!("{address} is in no named network: {trusted}"),
    }
}

type Answers = Vec<(&'static str, String)>;

fn answers(address: IpAddr, trust: &Trust, places: &Places, config: &Config, file: Option<&Path>) -> Answers {
    let mut answers = vec![("scope", Scope::of(address).word().to_owned())];
    if let Some(zone) = trust.zone(address)
        && let Some(entry) = config.networks.get(&*zone.name)
    {
        answers.push(("because of", because(address, file, ["networks", &zone.name], &entry.cidrs, &entry.files)));
    }
    if let Some(proxy) = trust.proxy(address)
        && let Some(entry) = config.proxies.get(&*proxy.name)
    {
        let why = because(address, file, ["proxies", &proxy.name], &entry.cidrs, &entry.files);
        answers.push(("proxy", format!("`{}`, which appends the address it saw; {why}", proxy.name)));
    }
    if let Some(hop) = trust.hiding_hops.lookup(address)
        && let Some(entry) = config.hiding_hops.get(&*hop.name)
    {
        let why = because(address, file, ["hiding_hops", &hop.name], &entry.cidrs, &entry.files);
        answers.push(("hiding hop", format!("`{}`, which hides its clients; {why}", hop.name)));
    }
    answers.extend(place(address, places));
    answers
}

fn place(address: IpAddr, places: &Places) -> Answers {
    if places.is_empty() {
        return Vec::new();
    }
    let place = places.lookup(address);
    let date = places.date().map_or(String::new(), |date| format!(" (file of {date})"));
    let unknown = || "unknown".to_owned();
    let network = match (place.asn, place.as_org) {
        (Some(asn), Some(org)) => format!("AS{asn} {org}"),
        (Some(asn), None) => format!("AS{asn}"),
        (None, org) => org.unwrap_or_else(unknown),
    };
    vec![("country", place.country.unwrap_or_else(unknown) + &date), ("network owner", network)]
}

/// The narrowest entry that holds the address, and where it is written.
fn because(address: IpAddr, file: Option<&Path>, keys: [&str; 2], cidrs: &[Cidr], files: &[PathBuf]) -> String {
    let inline = cidrs.iter().enumerate().filter(|(_, cidr)| cidr.net().contains(&address)).map(|(at, cidr)| {
        let line = file.and_then(|file| config::line_of(file, &[keys[0], keys[1], "cidrs", &at.to_string()]));
        let line = line.map_or(String::new(), |line| format!(":{line}"));
        let name = file.map_or(String::new(), |file| file.display().to_string());
        Holding { cidr: *cidr, whence: format!("{name}{line}") }
    });
    let listed = files.iter().filter_map(|list| holding_line(address, list));
    match inline.chain(listed).max_by_key(|holding| holding.cidr.net().prefix_len()) {
        Some(Holding { cidr, whence }) => format!("{} in {whence}", cidr.net()),
        None => format!("an entry of `{}.{}`", keys[0], keys[1]),
    }
}

/// The narrowest line of a list file that holds the address.
fn holding_line(address: IpAddr, list: &Path) -> Option<Holding> {
    let text = String::from_utf8_lossy(&std::fs::read(list).ok()?).into_owned();
    let lines = text.lines().enumerate();
    let holding = lines.filter_map(|(at, line)| {
        let cidr = *parse_list(line.as_bytes()).ok()?.first()?;
        cidr.net().contains(&address).then(|| Holding { cidr, whence: format!("{}:{}", list.display(), at + 1) })
    });
    holding.max_by_key(|holding| holding.cidr.net().prefix_len())
}
