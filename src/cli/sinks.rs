//! `gatecrier sinks`: say that this is a test, the way that alerts go.

use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use clap::Subcommand;

use super::Outcome;
use crate::alert::Severity;
use crate::config::{Config, Listed};
use crate::event::Timestamp;
use crate::sink::{SendError, Sink as _, trial};
use crate::terminal::escape_terminal;

/// Longest wait for a sink's answer.
const TIMEOUT: Duration = Duration::from_secs(60);

const EXAMPLES: &str = "\
Examples:
  gatecrier sinks test slack.security -c gatecrier.yaml
  gatecrier sinks test security -c gatecrier.yaml --severity critical

Exit codes: 0 it was taken, 1 an invalid configuration, 2 it was not taken";

/// Sinks: where alerts go.
#[derive(Debug, clap::Args)]
pub struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Sends an alert that says it is a test through a sink, and says what came back.
    #[command(after_help = EXAMPLES)]
    Test {
        /// The sink: `kind.name`, or its name alone where only one is called so.
        name: String,

        /// The configuration.
        #[arg(short, long, value_name = "FILE")]
        config: PathBuf,

        /// How grave the test is.
        #[arg(long, value_name = "SEVERITY", default_value = "info")]
        severity: Severity,
    },
}

/// Does what was typed.
pub fn run(options: &Options) -> anyhow::Result<Outcome> {
    let Command::Test { name, config, severity } = &options.command;
    let config = Config::load_without_sources(config)?;
    let listed = config.sinks.list();
    let sink = find(&listed, name)?;
    let label = sink.label('.');
    let alert = trial::alert(*severity, &config.cluster, now());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("start the runtime")?;
    let sent = runtime.block_on(async {
        let mut sink = sink.settings.build().with_context(|| format!("set up {label}"))?;
        let sent = tokio::time::timeout(TIMEOUT, sink.send(std::slice::from_ref(&alert))).await;
        Ok::<_, anyhow::Error>(
            sent.unwrap_or_else(|_| Err(SendError::retry(anyhow!("no outcome within {} s", TIMEOUT.as_secs())))),
        )
    })?;
    let mut out = anstream::stdout().lock();
    match sent {
        Ok(()) => {
            writeln!(out, "ok      {label}: took the test alert {}", alert.key())?;
            Ok(Outcome::Well)
        }
        Err(error) => {
            writeln!(out, "failed  {label}: {}", escape_terminal(&explained(error)))?;
            Ok(Outcome::Failed)
        }
    }
}

fn find<'a, 'c>(listed: &'a [Listed<'c>], name: &str) -> anyhow::Result<&'a Listed<'c>> {
    let found: Vec<&Listed<'_>> =
        listed.iter().filter(|sink| sink.label('.') == name || sink.name == Some(name)).collect();
    let all = || listed.iter().map(|sink| sink.label('.')).collect::<Vec<_>>().join(", ");
    match found[..] {
        [sink] => Ok(sink),
        [] if listed.is_empty() => bail!("find the sink `{name}`: the configuration names no sink"),
        [] => bail!("find the sink `{name}`: there are {}", all()),
        _ => bail!("find the sink `{name}`: several are called so, write one of {}", all()),
    }
}

/// What went wrong, and what would become of a real alert.
fn explained(error: SendError) -> String {
    match error {
        SendError::Retry { cause, .. } => format!("{cause:#} (an alert would be sent again until it is taken)"),
        SendError::Reject(cause) => format!("{cause:#} (an alert would be parked in the dead letters)"),
        SendError::Partly { rejected, cause, .. } => match (rejected.into_iter().next(), cause) {
            (Some((_, cause)), _) => explained(SendError::Reject(cause)),
            (None, Some(cause)) => explained(SendError::retry(cause)),
            (None, None) => "not taken".to_owned(),
        },
    }
}

fn now() -> Timestamp {
    Timestamp::from_micros(jiff::Timestamp::now().as_microsecond())
}
