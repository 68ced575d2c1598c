//! What no part of a configuration can check alone.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use ipnet::IpNet;

use super::{Config, Purpose, sources, suppressions};
use crate::detect::rules::Pack;
use crate::enrich::network::Cidr;
use crate::enrich::policy::Config as Policy;
use crate::yaml::{Outline, Problem, nearest};

/// Longest name of a source, network or sink, characters: names become file names and metric labels.
const NAME_CHARACTERS_MAX: usize = 64;

/// What makes a configuration useless.
pub fn errors(config: &Config, outline: &Outline<'_>, purpose: Purpose) -> Vec<Problem> {
    let mut problems = Vec::new();
    problems.extend(bad_names(config, outline));
    problems.extend(bad_forward(config, outline, purpose));
    problems.extend(bad_sources(config, outline, purpose));
    problems.extend(unknown_rules(config, outline));
    problems.extend(unknown_zones(config, outline));
    problems.extend(twofold_hops(config, outline));
    problems.extend(same_policy_names(config, outline));
    problems.extend(twofold_ranges(config, outline));
    problems.extend(empty_entries(config, outline));
    problems.extend(bad_routes(config, outline));
    problems.extend(left_out_sinks(config, outline));
    problems.extend(suppressions::problems(config, outline));
    problems
}

/// Only rules of the pack can be switched off.
fn unknown_rules(config: &Config, outline: &Outline<'_>) -> Vec<Problem> {
    let known: Vec<_> = Pack::ids().collect();
    let is_unknown = |id: &str| !known.iter().any(|known| known.eq_ignore_ascii_case(id));
    let unknown = config.rules.off.iter().enumerate().filter(|(_, id)| is_unknown(id));
    let problem = |(at, id): (usize, &String)| {
        let problem =
            outline.problem(&["rules", "off", &at.to_string()], format!("no built-in rule has the id `{id}`"));
        problem.advise(match nearest(id, &known) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "`gatecrier rules list` lists them; a rule of your own is switched off by taking it out".to_owned(),
        })
    };
    unknown.map(problem).collect()
}

/// A forwarder carries one cluster to one address.
fn bad_forward(config: &Config, outline: &Outline<'_>, purpose: Purpose) -> Option<Problem> {
    if purpose != Purpose::Forward {
        return None;
    }
    if config.forward.is_none() {
        let problem = outline.problem(&["forward"], "`forward` does not say where to");
        return Some(problem.advise("add `forward: { url: \"https://HOST:9188/audit/CLUSTER/SENDER\" }`"));
    }
    let clusters = sources::clusters(config);
    let names: Vec<&str> = clusters.into_iter().collect();
    (names.len() > 1).then(|| {
        let message = format!("the sources are of several clusters: {}", names.join(", "));
        outline
            .problem_with_key(&["sources"], message)
            .advise("run a forwarder for each, with a state directory of its own")
    })
}

/// What is allowed but probably not meant.
pub fn warnings(config: &Config, outline: &Outline<'_>) -> Vec<Problem> {
    let mut problems = Vec::new();
    if config.state.is_relative() {
        let message = "the state directory is a relative path: it begins at the configuration file's folder";
        problems.push(outline.problem(&["state"], message).advise(
            "write an absolute path, such as `/var/lib/gatecrier`, so that moving the file does not lose the memory",
        ));
    }
    if config.server.tls.is_none() && !config.server.listen.ip().is_loopback() {
        problems.push(open_server(config.server.listen, outline));
    }
    for (name, source) in &config.sources {
        problems.extend(sources::warnings(name, source, outline));
    }
    problems.extend(suppressions::warnings(config, outline));
    problems
}

fn open_server(listen: SocketAddr, outline: &Outline<'_>) -> Problem {
    let message = format!("health and metrics are served on {listen}, which others can reach, without TLS");
    let advice = "set `server.tls`, or listen on `127.0.0.1`, unless the network itself is guarded";
    outline.problem(&["server", "listen"], message).advise(advice)
}

fn bad_names(config: &Config, outline: &Outline<'_>) -> Vec<Problem> {
    let groups: [(&str, Vec<&String>); 4] = [
        ("sources", config.sources.keys().collect()),
        ("networks", config.networks.keys().collect()),
        ("proxies", config.proxies.keys().collect()),
        ("hiding_hops", config.hiding_hops.keys().collect()),
    ];
    let named = groups.into_iter().flat_map(|(section, names)| names.into_iter().map(move |name| vec![section, name]));
    let sinks = config.sinks.list().into_iter().filter_map(|sink| Some(vec!["sinks", sink.kind, sink.name?]));
    let mut problems = Vec::new();
    for path in named.chain(sinks) {
        let name = path.last().copied().unwrap_or_default();
        if !is_name(name) {
            problems.push(name_problem(outline.problem_with_key(&path, format!("`{name}` cannot be a name"))));
        }
    }
    problems.extend(bad_cluster(&config.cluster, &["cluster"], outline));
    problems
}

pub(super) fn bad_cluster(name: &str, path: &[&str], outline: &Outline<'_>) -> Option<Problem> {
    let message = "the cluster's name is empty or holds control characters";
    let bad = name.is_empty() || name.chars().any(char::is_control);
    bad.then(|| outline.problem(path, message).advise("write a name, such as `prod-eu`"))
}

pub(super) fn name_problem(problem: Problem) -> Problem {
    problem.advise(format!(
        "use letters, digits, `-`, `_` and `.`, at most {NAME_CHARACTERS_MAX}, first a letter or digit"
    ))
}

pub(super) fn is_name(name: &str) -> bool {
    let letters = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.');
    name.len() <= NAME_CHARACTERS_MAX
        && name.chars().all(letters)
        && name.starts_with(|letter: char| letter.is_ascii_alphanumeric())
}

fn bad_sources(config: &Config, outline: &Outline<'_>, purpose: Purpose) -> Vec<Problem> {
    let mut problems = Vec::new();
    if config.sources.is_empty() && purpose != Purpose::OwnInput {
        let problem = outline.problem(&["sources"], "no sources: nothing would be read");
        problems.push(
            problem.advise(
                "add one, such as `sources: { audit: { file: { path: /var/log/kubernetes/audit/audit.log } } }`",
            ),
        );
    }
    let mut files = BTreeMap::new();
    for (name, source) in &config.sources {
        problems.extend(sources::problems(name, source, outline));
        let Some(file) = &source.file else { continue };
        if let Some(first) = files.insert(&file.path, name) {
            let path = file.path.display();
            let message = format!("sources `{first}` and `{name}` both read `{path}`");
            let problem = outline.problem(&["sources", name, "file", "path"], message);
            problems.push(problem.advise("keep one of them: every event would be counted twice"));
        }
    }
    problems
}

fn unknown_zones(config: &Config, outline: &Outline<'_>) -> Vec<Problem> {
    let known: Vec<&str> = config.networks.keys().map(String::as_str).collect();
    let mut problems = Vec::new();
    for (at, policy) in config.policies.iter().enumerate() {
        let at = at.to_string();
        problems.extend(
            useless_policy(policy).map(|(message, advice)| outline.problem(&["policies", &at], message).advise(advice)),
        );
        for (index, zone) in policy.zones.iter().enumerate().filter(|(_, zone)| !known.contains(&zone.as_str())) {
            let message = format!("policy `{}` names the network `{zone}`, which does not exist", policy.name);
            let problem = outline.problem(&["policies", &at, "zones", &index.to_string()], message);
            problems.push(problem.advise(match (nearest(zone, &known), known.is_empty()) {
                (Some(near), _) => format!("did you mean `{near}`?"),
                (None, true) => format!("add it: `networks: {{ {zone}: {{ cidrs: […] }} }}`"),
                (None, false) => format!("add it under `networks`, or name one of: {}", known.join(", ")),
            }));
        }
    }
    problems
}

/// What a policy lacks, and what to do.
fn useless_policy(policy: &Policy) -> Option<(String, &'static str)> {
    let name = &policy.name;
    if name.is_empty() {
        return Some(("a policy has no name".to_owned(), "add `name: …`; alerts name it"));
    }
    if policy.users.is_empty() && policy.groups.is_empty() {
        return Some((format!("policy `{name}` holds for nobody"), "name `users` or `groups`"));
    }
    let nowhere = || (format!("policy `{name}` lets nobody in from anywhere"), "name the networks under `zones`");
    policy.zones.is_empty().then(nowhere)
}

fn same_policy_names(config: &Config, outline: &Outline<'_>) -> Vec<Problem> {
    let mut seen = std::collections::BTreeSet::new();
    let repeated = config.policies.iter().enumerate().filter(|(_, policy)| !seen.insert(&policy.name));
    repeated
        .map(|(at, policy)| {
            let message = format!("two policies are named `{}`", policy.name);
            outline.problem(&["policies", &at.to_string(), "name"], message).advise("give each a name of its own")
        })
        .collect()
}

/// Sinks that this build cannot serve: to pass over them would be to lose their alerts.
fn left_out_sinks(config: &Config, outline: &Outline<'_>) -> Vec<Problem> {
    let names = config.sinks.kafka.keys().filter(|_| !cfg!(feature = "kafka"));
    let problem = |name: &String| {
        let message = format!("sink `{name}` is Kafka, which this build leaves out");
        outline.problem_with_key(&["sinks", "kafka", name], message)
    };
    names.map(|name| problem(name).advise("use a build with the cargo feature `kafka`, or another sink")).collect()
}

/// Routes that nothing can take.
fn bad_routes(config: &Config, outline: &Outline<'_>) -> Vec<Problem> {
    let known: Vec<&str> = config.networks.keys().map(String::as_str).collect();
    let mut problems = Vec::new();
    for sink in config.sinks.list() {
        let route = sink.settings.demands().route;
        let at = |list| ["sinks", sink.kind].into_iter().chain(sink.name).chain(["route", list]).collect::<Vec<_>>();
        if let Some(tactic) = route.unknown_tactic() {
            let problem = outline.problem(&at("tactics"), format!("there is no tactic `{tactic}`"));
            problems.push(problem.advise("write it as ATT&CK does, such as `credential-access`"));
        }
        if let Some(zone) = route.zones.iter().find(|zone| !known.is_empty() && !known.contains(&zone.as_str())) {
            let problem = outline.problem(&at("zones"), format!("there is no network `{zone}`"));
            problems.push(problem.advise(format!("name some of: {}", known.join(", "))));
        }
    }
    problems
}

/// A range with the keys that lead to it.
struct Range<'a> {
    name: &'a str,
    at: usize,
    net: IpNet,
}

fn ranges<'a>(groups: impl Iterator<Item = (&'a String, &'a Vec<Cidr>)>) -> Vec<Range<'a>> {
    let of = |(name, cidrs): (&'a String, &'a Vec<Cidr>)| {
        cidrs.iter().enumerate().map(move |(at, cidr)| Range { name, at, net: cidr.net() })
    };
    groups.flat_map(of).collect()
}

/// A hop either shows the client's address or hides it.
fn twofold_hops(config: &Config, outline: &Outline<'_>) -> Vec<Problem> {
    let proxies = ranges(config.proxies.iter().map(|(name, proxy)| (name, &proxy.cidrs)));
    let hops = ranges(config.hiding_hops.iter().map(|(name, hop)| (name, &hop.cidrs)));
    let mut problems = Vec::new();
    for hop in &hops {
        let overlaps = |proxy: &&Range<'_>| proxy.net.contains(&hop.net) || hop.net.contains(&proxy.net);
        let Some(proxy) = proxies.iter().find(overlaps) else { continue };
        let message = format!(
            "{} of the hiding hop `{}` overlaps {} of the proxy `{}`",
            hop.net, hop.name, proxy.net, proxy.name
        );
        let problem = outline.problem(&["hiding_hops", hop.name, "cidrs", &hop.at.to_string()], message);
        problems.push(problem.advise(
            "an address either ends TLS and appends the client it saw (a proxy) or passes TCP on and hides it: list it once",
        ));
    }
    problems
}

/// One range in two networks: which one holds is not to be seen.
fn twofold_ranges(config: &Config, outline: &Outline<'_>) -> Vec<Problem> {
    let all = ranges(config.networks.iter().map(|(name, network)| (name, &network.cidrs)));
    let mut first: BTreeMap<IpNet, &Range<'_>> = BTreeMap::new();
    let mut problems = Vec::new();
    for range in &all {
        let Some(other) = first.insert(range.net, range).filter(|other| other.name != range.name) else { continue };
        let kinds = [other, range].map(|range| config.networks[range.name].kind.word());
        let message = format!(
            "{} is in the networks `{}` ({}) and `{}` ({})",
            range.net, other.name, kinds[0], range.name, kinds[1]
        );
        let problem = outline.problem(&["networks", range.name, "cidrs", &range.at.to_string()], message);
        problems.push(problem.advise("keep it in one of them"));
    }
    problems
}

fn empty_entries(config: &Config, outline: &Outline<'_>) -> Vec<Problem> {
    let networks = config.networks.iter().map(|(name, entry)| ("networks", name, &entry.cidrs, &entry.files));
    let proxies = config.proxies.iter().map(|(name, entry)| ("proxies", name, &entry.cidrs, &entry.files));
    let hops = config.hiding_hops.iter().map(|(name, entry)| ("hiding_hops", name, &entry.cidrs, &entry.files));
    let all = networks.chain(proxies).chain(hops);
    all.filter(|(_, _, cidrs, files)| cidrs.is_empty() && files.is_empty())
        .map(|(section, name, ..)| {
            let message = format!("`{section}.{name}` has no addresses");
            outline
                .problem_with_key(&[section, name], message)
                .advise("add `cidrs: […]`, or `files: […]` with one a line")
        })
        .collect()
}
