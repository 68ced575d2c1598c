//! `gatecrier generate`: what others need to be told, written down.

use std::io::Write;

use clap::Subcommand;

use super::{Optional, Outcome};
use crate::config::Config;
use crate::{pipeline, policy};

const EXAMPLES: &str = "\
Examples:
  gatecrier generate audit-policy > policy.yaml
  gatecrier check audit-policy policy.yaml       every rule is ALWAYS then";

/// Writes what others need: so far the API server's audit policy.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Options {
    #[command(subcommand)]
    thing: Thing,
}

#[derive(Debug, Subcommand)]
enum Thing {
    /// The smallest audit policy under which every rule sees all it needs. Credentials are never logged.
    #[command(after_help = EXAMPLES)]
    AuditPolicy {
        #[command(flatten)]
        optional: Optional,
    },
}

/// Writes to stdout.
pub fn run(options: &Options) -> anyhow::Result<Outcome> {
    let Thing::AuditPolicy { optional } = &options.thing;
    let config = match &optional.config {
        Some(path) => Config::load_without_sources(path)?,
        None => Config::default(),
    };
    let mut rules = pipeline::needs(&config);
    rules.extend(pipeline::rules::read(&config.rules)?.needs());
    anstream::stdout().lock().write_all(policy::generate(&rules).as_bytes())?;
    Ok(Outcome::Well)
}
