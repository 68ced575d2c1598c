//! `gatecrier suppressions list`: what is expected, since when it is not any more, and what it covers in a log.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;

use anyhow::bail;
use clap::Subcommand;

use super::{Outcome, scan, table};
use crate::config::Config;
use crate::pipeline;
use crate::terminal::escape_terminal;

const EXAMPLES: &str = "\
Examples:
  gatecrier suppressions list -c gatecrier.yaml
  gatecrier suppressions list -c gatecrier.yaml /var/log/kubernetes/audit/
                                  and how many findings in these logs each covers

Each alert carries under `suppressions` the entries that would cover exactly it.";

/// Lists suppressions.
#[derive(Debug, clap::Args)]
pub struct Options {
    #[command(subcommand)]
    thing: Thing,
}

#[derive(Debug, Subcommand)]
enum Thing {
    List(List),
}

/// Lists the suppressions of a configuration, with what they cover in logs.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
struct List {
    /// Logs to count in: files, folders, or `-` for standard input.
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,

    /// The configuration.
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Answers on stdout.
pub fn run(options: &Options) -> anyhow::Result<Outcome> {
    let Thing::List(options) = &options.thing;
    let Some(file) = &options.config else { bail!("find a configuration: {}", super::NO_CONFIG) };
    let config = Config::load_without_sources(file)?;
    pipeline::analyzer(&config)?;
    let report = match options.paths.is_empty() {
        true => None,
        false => Some(scan::report(&options.paths, &config)?),
    };
    let mut out = anstream::stdout().lock();
    if config.suppressions.is_empty() {
        writeln!(out, "no suppressions in {}", escape_terminal(&file.display().to_string()))?;
    } else {
        write!(out, "{}", list(&config, report.as_ref().map(scan::Report::hits).as_ref()))?;
    }
    let complete = report.is_none_or(|report| report.is_complete());
    Ok(if complete { Outcome::Well } else { Outcome::Failed })
}

/// A line for each, in their order. `hits`: findings covered, by label.
fn list(config: &Config, hits: Option<&BTreeMap<&str, u64>>) -> String {
    let mut table = table();
    table.set_header(["NAME", "UNTIL", if hits.is_some() { "FINDINGS" } else { "" }, "COVERS", "WHY", "SAYS"]);
    for entry in &config.suppressions {
        let label = entry.label();
        let over = if pipeline::suppressions::is_over(entry) { " (over)" } else { "" };
        let count = hits.map_or(String::new(), |hits| hits.get(label.as_str()).copied().unwrap_or(0).to_string());
        let cells = [
            label,
            format!("{}{over}", entry.until),
            count,
            entry.covers(),
            entry.reason.clone(),
            entry.author.clone(),
        ];
        table.add_row(cells.map(|cell| escape_terminal(&cell).into_owned()));
    }
    format!("{}\n", table.trim_fmt())
}
