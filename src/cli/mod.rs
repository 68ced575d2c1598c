//! What is typed: commands, their flags, and what they exit with.

mod check;
mod deadletters;
mod explain;
mod forward;
mod generate;
mod networks;
mod replay;
mod rules;
mod run;
pub mod scan;
mod sinks;
mod suppressions;
mod test;

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{ColorChoice, Parser, Subcommand};

use crate::config::ConfigError;

const EXAMPLES: &str = "\
Examples:
  gatecrier scan audit.log                     who came in from where, in a log you have
  gatecrier check -c gatecrier.yaml            is my configuration right?
  gatecrier run -c gatecrier.yaml              watch, and tell
  gatecrier forward -c gatecrier.yaml          carry the log to a Gatecrier elsewhere
  gatecrier networks check 203.0.113.7 -c gatecrier.yaml
                                               is this address trusted, and why?
  gatecrier sinks test slack.security -c gatecrier.yaml
                                               does a test alert arrive?
  gatecrier explain client.trusted             what does a field mean that rules may name?

Exit codes:
  0    all is well
  1    alerts at or above `--fail-on` were raised, or what was checked is invalid
  2    wrong usage, or something could not be done (such as a file that cannot be read)
  130  interrupted by Ctrl-C";

/// Watches the Kubernetes API server's gate.
///
/// Reads kube-apiserver audit logs, says who came in from where, cries out when a request comes from outside
/// the trusted networks, and makes sure that the cry arrives.
#[derive(Debug, Parser)]
#[command(name = "gatecrier", version, after_help = EXAMPLES, max_term_width = 110)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    command: Command,

    /// When to use colours. `auto` looks for a terminal and for NO_COLOR.
    #[arg(long, global = true, value_enum, value_name = "WHEN", default_value_t = ColorChoice::Auto, help_heading = "Everywhere")]
    color: ColorChoice,

    /// What to log to stderr: `error`, `warn`, `info`, `debug`, or a filter such as `warn,gatecrier=debug`.
    /// Without it, RUST_LOG counts.
    #[arg(long, global = true, value_name = "FILTER", help_heading = "Everywhere")]
    log_level: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(run::Options),
    Forward(forward::Options),
    Scan(scan::Options),
    Check(check::Options),
    Generate(generate::Options),
    Networks(networks::Options),
    Sinks(sinks::Options),
    Deadletters(deadletters::Options),
    Explain(explain::Options),
    Rules(rules::Options),
    Suppressions(suppressions::Options),
    Replay(replay::Options),
    Test(test::Options),
}

/// What to do without a configuration.
const NO_CONFIG: &str = "name it with `-c FILE`. A first one has four lines:\n
  sources:
    audit: { file: { path: /var/log/kubernetes/audit/audit.log } }
  networks:
    office: { cidrs: [198.51.100.0/24] }   # whom you trust";

/// The configuration file of the commands that can do without one.
#[derive(Debug, Clone, clap::Args)]
struct Optional {
    /// The configuration; its networks, proxies and policies are used.
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// What a command ends with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// All is well.
    Well,
    /// Findings at or above `--fail-on`, or invalid input.
    Found,
    /// Wrong usage, or something could not be done.
    Failed,
    /// Ctrl-C.
    Interrupted,
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Well => Self::SUCCESS,
            Outcome::Found => Self::from(1),
            Outcome::Failed => Self::from(2),
            Outcome::Interrupted => Self::from(130),
        }
    }
}

impl Arguments {
    /// The log filter: what was asked for, or what fits the command.
    pub fn log_filter(&self) -> String {
        let usual = if matches!(self.command, Command::Run(_) | Command::Forward(_)) { "info" } else { "warn" };
        let asked = self.log_level.clone().or_else(|| std::env::var("RUST_LOG").ok());
        asked.filter(|filter| !filter.is_empty()).unwrap_or_else(|| usual.to_owned())
    }

    /// Decides for the whole process when colours are used.
    pub fn choose_colours(&self) {
        match self.color {
            ColorChoice::Auto => anstream::ColorChoice::Auto,
            ColorChoice::Always => anstream::ColorChoice::Always,
            ColorChoice::Never => anstream::ColorChoice::Never,
        }
        .write_global();
    }

    /// Whether stderr is to be coloured.
    pub fn colours_stderr(&self) -> bool {
        anstream::AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never
    }
}

/// Does what was typed.
pub fn run(arguments: Arguments) -> ExitCode {
    let done = match arguments.command {
        Command::Run(options) => run::run(&options),
        Command::Forward(options) => forward::run(&options),
        Command::Scan(options) => scan::run(&options),
        Command::Check(options) => check::run(&options),
        Command::Generate(options) => generate::run(&options),
        Command::Networks(options) => networks::run(&options),
        Command::Sinks(options) => sinks::run(&options),
        Command::Deadletters(options) => deadletters::run(&options),
        Command::Explain(options) => explain::run(&options),
        Command::Rules(options) => rules::run(&options),
        Command::Suppressions(options) => suppressions::run(&options),
        Command::Replay(options) => replay::run(&options),
        Command::Test(options) => test::run(&options),
    };
    match done {
        Ok(outcome) => outcome.into(),
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

/// Says what went wrong and gives the exit code for it.
pub fn fail(error: &anyhow::Error) -> ExitCode {
    if let Some(invalid) = error.downcast_ref::<ConfigError>() {
        say(&invalid.to_string());
        return Outcome::Found.into();
    }
    let text = format!("{error:#}");
    say(&format!("gatecrier: failed to {}", crate::terminal::escape_terminal(&text)));
    Outcome::Failed.into()
}

/// One message for people on stderr.
fn say(text: &str) {
    // When nobody can hear us, there is nobody to tell that.
    _ = writeln!(anstream::stderr(), "{text}");
}

/// Somebody read as much as he wanted, as `head` does.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let broken = |error: &std::io::Error| error.kind() == std::io::ErrorKind::BrokenPipe;
    error.chain().any(|cause| cause.downcast_ref::<std::io::Error>().is_some_and(broken))
}

/// A table without lines, as wide as the terminal.
fn table() -> comfy_table::Table {
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    let arrangement = match std::io::stdout().is_terminal() {
        true => comfy_table::ContentArrangement::Dynamic,
        false => comfy_table::ContentArrangement::Disabled,
    };
    table.set_content_arrangement(arrangement);
    table
}
