//! `gatecrier replay`: what would other rules have found in a log?

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;

use super::{Optional, Outcome, scan, table};
use crate::alert::{Alert, Severity};
use crate::config::Config;
use crate::pipeline;
use crate::terminal::escape_terminal;

const EXAMPLES: &str = "\
Examples:
  gatecrier replay audit.log --old rules/ --new changed-rules/
  gatecrier replay /var/log/kubernetes/audit/ -c gatecrier.yaml --new more-rules/
                                 the configuration's own rules against these

A finding of the same rule about the same subject is the same finding. Those that only the new
rules have begin with `+`, those that only the old ones have with `-`, and those whose
severity or count differ with `~`.

Exit codes: 0 compared, 1 a rule or the configuration is invalid, 2 something could not be read to its end";

/// Says what new rules find in a log that old ones do not, and the other way round.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Options {
    /// Files or folders of logs, as for `scan`.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,

    #[command(flatten)]
    optional: Optional,

    /// The old rules: files, or folders of them. Without it, those of the configuration.
    #[arg(long, value_name = "PATH", num_args = 1..)]
    old: Option<Vec<PathBuf>>,

    /// The new rules: files, or folders of them.
    #[arg(long, value_name = "PATH", num_args = 1.., required = true)]
    new: Vec<PathBuf>,
}

/// What is known of findings of one rule about one subject.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Found {
    severity: Severity,
    count: u64,
    text: String,
}

/// Findings by rule and subject.
type Side = BTreeMap<(String, String), Found>;

/// Compares.
pub fn run(options: &Options) -> anyhow::Result<Outcome> {
    let config = match &options.optional.config {
        Some(path) => Config::load_without_sources(path)?,
        None => Config::default(),
    };
    let old = match &options.old {
        Some(paths) => with(&config, paths)?,
        None => config.clone(),
    };
    let old = side(options, old)?;
    let new = side(options, with(&config, &options.new)?)?;
    let (mut rows, mut counts) = (table(), [0_usize; 3]);
    for (key, sign, found) in differences(&old.0, &new.0) {
        counts[["+", "-", "~"].iter().position(|known| *known == sign).unwrap_or(0)] += 1;
        let (rule, _) = key;
        let text = escape_terminal(&found.text).into_owned();
        rows.add_row([sign, found.severity.word(), &*escape_terminal(rule), &found.count.to_string(), &text]);
    }
    let mut out = anstream::stdout().lock();
    if counts != [0; 3] {
        writeln!(out, "{}\n", rows.trim_fmt())?;
    }
    let [new_ones, gone, changed] = counts;
    writeln!(
        out,
        "{new_ones} new, {gone} gone, {changed} changed; {} findings before, {} now",
        old.0.len(),
        new.0.len()
    )?;
    Ok(if old.1 && new.1 { Outcome::Well } else { Outcome::Failed })
}

/// The configuration with other Sigma rules. Its Falco rules and its lists stay, and so do suppressions, but for those of
/// rules that are gone.
fn with(config: &Config, paths: &[PathBuf]) -> anyhow::Result<Config> {
    let mut config = config.clone();
    let (folders, files) = paths.iter().cloned().partition::<Vec<_>, _>(|path| path.is_dir());
    (config.rules.folders, config.rules.files) = (folders, files);
    pipeline::suppressions::leave_out_unknown(&mut config)?;
    Ok(config)
}

/// What a configuration finds in the logs, and whether they were read to their ends.
fn side(options: &Options, config: Config) -> anyhow::Result<(Side, bool)> {
    let report = scan::report(&options.paths, &config)?;
    Ok((findings(report.alerts()), report.is_complete()))
}

fn findings(alerts: &[Alert]) -> Side {
    let mut side = Side::new();
    for alert in alerts {
        for reason in &alert.reasons {
            let new = Found { severity: reason.severity, count: alert.count, text: reason.text.clone() };
            let key = (reason.rule.clone(), reason.subject.clone());
            side.entry(key)
                .and_modify(|known| {
                    known.severity = known.severity.max(new.severity);
                    known.count += new.count;
                })
                .or_insert(new);
        }
    }
    side
}

/// Every difference with its sign; of what changed, how it is now.
fn differences<'s>(old: &'s Side, new: &'s Side) -> Vec<(&'s (String, String), &'static str, &'s Found)> {
    let gone = old.iter().filter(|(key, _)| !new.contains_key(*key)).map(|(key, found)| (key, "-", found));
    let here = new.iter().filter_map(|(key, found)| match old.get(key) {
        None => Some((key, "+", found)),
        Some(before) if (before.severity, before.count) != (found.severity, found.count) => Some((key, "~", found)),
        Some(_) => None,
    });
    let mut all: Vec<_> = here.chain(gone).collect();
    all.sort_by(|one, other| one.0.cmp(other.0));
    all
}
