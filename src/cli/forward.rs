//! `gatecrier forward`: carry the logs of this machine to the Gatecrier that thinks.

use std::path::PathBuf;

use super::Outcome;
use super::run::until_stopped;
use crate::config::Config;
use crate::pipeline;

const EXAMPLES: &str = "\
Examples:
  gatecrier forward -c /etc/gatecrier/forward.yaml

It reads the `sources` of the configuration and posts what they hold to the address in `forward`, the audit webhook of
another Gatecrier. Nothing is judged here, and no sinks are needed. It stops at SIGTERM and at Ctrl-C, and may be killed
at any moment: what was not taken for sure is sent again, and recognised there.";

/// Carries the events of the sources to another Gatecrier.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Options {
    /// The configuration.
    #[arg(short, long, value_name = "FILE")]
    config: PathBuf,
}

/// Carries until it is told to stop.
pub fn run(options: &Options) -> anyhow::Result<Outcome> {
    let config = Config::load_for_forward(&options.config)?;
    until_stopped(config, pipeline::forward)
}
