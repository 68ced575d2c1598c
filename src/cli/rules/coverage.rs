//! `gatecrier rules coverage`: which techniques the rules find, and to which they are blind.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::Write as _;

use super::Chosen;
use crate::cli::{Outcome, table};
use crate::detect::rules::Loaded;
use crate::pipeline;
use crate::terminal::escape_terminal;

/// Every technique against Kubernetes that we know of, with the rules that find it or the reason why none does.
const TECHNIQUES: &str = include_str!("../../../rules/techniques.tsv");

const EXAMPLES: &str = "\
Examples:
  gatecrier rules coverage                     by the built-in rules
  gatecrier rules coverage my-rules/           and those in a folder
  gatecrier rules coverage --blind             only what is not found, with the reason

A rule in a file covers a technique when the table names it, or else when it carries one of its ATT&CK ids
in its tags (`attack.t1552.007`); then the technique is marked with a `~`: near, but not told apart.";

/// Says which techniques the rules find, and to which they are blind.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Options {
    #[command(flatten)]
    chosen: Chosen,

    /// Only the techniques that no rule finds.
    #[arg(long)]
    blind: bool,
}

/// One line of the table.
struct Technique {
    id: &'static str,
    name: &'static str,
    tactic: &'static str,
    attack: Vec<&'static str>,
    level: &'static str,
    rules: Vec<&'static str>,
    reason: &'static str,
}

/// How a technique stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sight {
    Covered,
    Near,
    Blind,
}

pub(super) fn run(options: &Options) -> anyhow::Result<Outcome> {
    let (config, loaded) = options.chosen.load()?;
    let mut ids: BTreeSet<String> = pipeline::needs(&config).into_iter().map(|(id, _)| id).collect();
    ids.extend(loaded.heads().map(|head| head.id.clone()));
    ids.extend(pipeline::anomaly_ids(&config)?);
    let judged: Vec<_> = techniques().map(|technique| judged(technique, &ids, &loaded)).collect();
    let mut out = anstream::stdout().lock();
    if !options.blind {
        writeln!(out, "{}", by_tactic(&judged))?;
    }
    let mut rows = table();
    for (technique, sight, why) in judged.iter().filter(|(_, sight, _)| !options.blind || *sight == Sight::Blind) {
        let word = match sight {
            Sight::Covered => "covered",
            Sight::Near => "~",
            Sight::Blind => "blind",
        };
        let attack = technique.attack.join(",");
        rows.add_row([word, technique.id, technique.name, &attack, technique.level, &*escape_terminal(why)]);
    }
    writeln!(out, "{}", rows.trim_fmt())?;
    Ok(Outcome::Well)
}

fn techniques() -> impl Iterator<Item = Technique> {
    TECHNIQUES.lines().skip(1).filter_map(|line| {
        let mut cells = line.split('\t');
        let mut next = || cells.next();
        Some(Technique {
            id: next()?,
            name: next()?,
            tactic: next()?,
            attack: next()?.split([',', '/']).collect(),
            level: next()?,
            rules: next()?.split_whitespace().collect(),
            reason: next().unwrap_or_default(),
        })
    })
}

/// How a technique stands, and by which rules or for which reason.
fn judged(technique: Technique, ids: &BTreeSet<String>, loaded: &Loaded) -> (Technique, Sight, String) {
    let by: Vec<_> = technique.rules.iter().copied().filter(|rule| ids.contains(*rule)).collect();
    if !by.is_empty() {
        let by = by.join(" ");
        return (technique, Sight::Covered, by);
    }
    let tagged =
        |head: &&crate::detect::rules::Head| head.techniques.iter().any(|id| technique.attack.contains(&id.as_str()));
    let near: Vec<_> = loaded.heads().filter(tagged).map(|head| head.id.as_str()).collect();
    if !near.is_empty() {
        let near = near.join(" ");
        return (technique, Sight::Near, near);
    }
    let why = match technique.rules.as_slice() {
        [] => technique.reason.to_owned(),
        rules => format!("not loaded: {}", rules.join(" ")),
    };
    (technique, Sight::Blind, why)
}

/// A line a tactic: how many of its techniques are found.
fn by_tactic(judged: &[(Technique, Sight, String)]) -> String {
    let mut tactics: BTreeMap<&str, [usize; 3]> = BTreeMap::new();
    let mut order = Vec::new();
    for (technique, sight, _) in judged {
        if !order.contains(&technique.tactic) {
            order.push(technique.tactic);
        }
        tactics.entry(technique.tactic).or_default()[*sight as usize] += 1;
    }
    let mut table = table();
    table.set_header(["tactic", "covered", "~", "blind"]);
    let mut sums = [0; 3];
    for tactic in order {
        let counts = tactics.get(tactic).copied().unwrap_or_default();
        sums.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
        table.add_row([tactic.to_owned(), counts[0].to_string(), counts[1].to_string(), counts[2].to_string()]);
    }
    let mut text = table.trim_fmt();
    // Writing to a string does not fail.
    _ = writeln!(text, "\n\n{} techniques: {} covered, {} near, {} blind", judged.len(), sums[0], sums[1], sums[2]);
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Rules};

    #[test]
    fn every_technique_names_its_rules_or_a_reason() {
        let all: Vec<_> = techniques().collect();
        assert_eq!(all.len(), TECHNIQUES.lines().count() - 1, "every line is read");
        let ids: BTreeSet<_> = all.iter().map(|technique| technique.id).collect();
        assert_eq!(ids.len(), all.len(), "ids are told apart");
        for technique in &all {
            let only_one = technique.rules.is_empty() != technique.reason.is_empty();
            assert!(only_one, "{}: rules, or a reason", technique.id);
            assert!(["Metadata", "Request", "RequestResponse", "-"].contains(&technique.level), "{}", technique.id);
        }
    }

    #[test]
    fn the_table_names_rules_that_there_are() {
        let mut known: BTreeSet<_> = pipeline::needs(&Config::default()).into_iter().map(|(id, _)| id).collect();
        known.extend(pipeline::anomaly_ids(&Config::default()).unwrap());
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("rules");
        let loaded = pipeline::rules::read(&Rules { folders: vec![folder], ..Rules::default() }).unwrap();
        known.extend(loaded.heads().map(|head| head.id.clone()));
        for technique in techniques() {
            for rule in technique.rules {
                assert!(known.contains(rule), "{}: there is no rule `{rule}`", technique.id);
            }
        }
    }
}
