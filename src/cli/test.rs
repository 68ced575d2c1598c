//! `gatecrier test`: do rules find what their own tests say?

mod report;
mod trials;

use std::io::Write;
use std::path::PathBuf;

use clap::{Subcommand, ValueEnum};

use super::rules::Chosen;
use super::{Optional, Outcome};
use crate::detect::rules::Whose;
use crate::pipeline;
use trials::Tried;

const EXAMPLES: &str = "\
Examples:
  gatecrier test rules                                       the built-in rules
  gatecrier test rules my-rules/
  gatecrier test rules my-rules/ --require-tests --mutate    for CI: is every clause of every rule tested?
  gatecrier test rules my-rules/ -o junit > rules.xml

A rule's tests stand in its file:

  tests:
    - name: curl reads a secret
      match: true
      events: [ { kind: Event, verb: get, objectRef: { resource: secrets }, … } ]

A test that should match does when the rule finds something in one of its events; one that should
not, when it finds something in none. With --mutate each clause of a rule is left out once and
negated once; a change that no test notices is told.

Exit codes: 0 all is as the tests say, 1 something is not, or a rule is wrong, 2 wrong usage";

/// Tests things.
#[derive(Debug, clap::Args)]
pub struct Options {
    #[command(subcommand)]
    thing: Thing,
}

#[derive(Debug, Subcommand)]
enum Thing {
    Rules(Rules),
}

/// Runs the tests that rules carry in their files.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
struct Rules {
    /// Rule files, or folders of them.
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,

    #[command(flatten)]
    optional: Optional,

    /// A rule without tests fails.
    #[arg(long)]
    require_tests: bool,

    /// Change each clause of each rule, and tell the changes that no test notices.
    #[arg(long)]
    mutate: bool,

    /// How the result is written to stdout.
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t = Format::Text)]
    output: Format,
}

/// How the result is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A line a rule, for people.
    Text,
    /// JUnit's XML, for CI.
    Junit,
}

/// Runs tests.
pub fn run(options: &Options) -> anyhow::Result<Outcome> {
    let Thing::Rules(options) = &options.thing;
    let chosen = Chosen::new(options.paths.clone(), options.optional.clone());
    let (mut config, mut loaded) = chosen.load_some()?;
    if loaded.heads().all(|head| head.whose == Whose::Ours) {
        (config, loaded) = chosen.load_with_tests()?;
    }
    let mut enricher = pipeline::enricher(&config)?;
    let meant = Chosen::meant(&loaded);
    let trials = loaded.trials().filter(|trial| meant(&trial.head));
    let tried: Vec<Tried> = trials.map(|trial| trials::run(&trial, &mut enricher, options.mutate)).collect();
    let mut out = anstream::stdout().lock();
    match options.output {
        Format::Text => write!(out, "{}", report::text(&tried, options.require_tests))?,
        Format::Junit => write!(out, "{}", report::junit(&tried, options.require_tests))?,
    }
    let well = tried.iter().all(|tried| tried.is_well(options.require_tests));
    Ok(if well { Outcome::Well } else { Outcome::Found })
}
