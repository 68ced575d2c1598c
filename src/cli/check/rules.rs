//! `gatecrier check rules`: can these rule files be run?

use std::io::Write;
use std::path::PathBuf;

use crate::cli::rules::Chosen;
use crate::cli::{Optional, Outcome};

const EXAMPLES: &str = "\
Examples:
  gatecrier check rules my-rules/
  gatecrier check rules                               the built-in rules
  gatecrier check rules own.yml -c gatecrier.yaml     with the lists that its placeholders stand for
  gatecrier check rules my-rules/ --deny-warnings     for CI

Exit codes: 0 no mistake, 1 a mistake (with --deny-warnings also a warning), 2 wrong usage";

/// Checks rule files: what cannot be read, could never match, or is probably not meant.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Options {
    /// Rule files, or folders of them.
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,

    #[command(flatten)]
    optional: Optional,

    /// Exit with 1 for warnings as well.
    #[arg(long)]
    deny_warnings: bool,
}

/// Prints what is wrong.
pub fn run(options: &Options) -> anyhow::Result<Outcome> {
    let (_, loaded) = Chosen::new(options.paths.clone(), options.optional.clone()).load_some()?;
    let mut out = anstream::stdout().lock();
    for warning in &loaded.warnings {
        writeln!(out, "warning: {warning}\n")?;
    }
    let meant = Chosen::meant(&loaded);
    let (rules, warnings) = (loaded.heads().filter(|head| meant(head)).count(), loaded.warnings.len());
    writeln!(out, "{rules} rules, no mistake, {warnings} warnings")?;
    Ok(if options.deny_warnings && warnings > 0 { Outcome::Found } else { Outcome::Well })
}
