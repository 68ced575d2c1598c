//! `gatecrier deadletters`: what sinks would not take, and another try.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use clap::Subcommand;

use super::{Outcome, table};
use crate::alert::Alert;
use crate::config::Config;
use crate::deliver::{DeadLetters, Letter};
use crate::sink::{AnySink, SendError, Sink as _};
use crate::terminal::escape_terminal;

/// Longest wait for a sink's answer to one alert.
const TIMEOUT: Duration = Duration::from_secs(60);

const EXAMPLES: &str = "\
Examples:
  gatecrier deadletters list -c gatecrier.yaml
  gatecrier deadletters show 3f6b0c1d -c gatecrier.yaml
  gatecrier deadletters resend --all -c gatecrier.yaml
  gatecrier deadletters resend 3f6b0c1d --sink webhook.soc -c gatecrier.yaml

It may run beside `gatecrier run`.

Exit codes: 0 done, 1 an invalid configuration, 2 something was refused again or could not be done";

/// Dead letters: alerts that a sink will never take.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Lists them: when, which sink, what, and why it was refused.
    List(Which),
    /// Shows one whole, as JSON.
    Show {
        /// The alert's id or its beginning.
        alert: String,
        #[command(flatten)]
        which: Which,
    },
    /// Sends them again. Those that are taken leave the file, the others stay with the new reason.
    Resend {
        /// Alerts by their ids or the beginnings of them.
        #[arg(required_unless_present = "all", conflicts_with = "all")]
        alerts: Vec<String>,
        /// All of them.
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        which: Which,
    },
}

#[derive(Debug, clap::Args)]
struct Which {
    /// The configuration.
    #[arg(short, long, value_name = "FILE")]
    config: PathBuf,

    /// Only of this sink, `kind.name`.
    #[arg(long, value_name = "SINK")]
    sink: Option<String>,
}

/// Does what was typed.
pub fn run(options: &Options) -> anyhow::Result<Outcome> {
    match &options.command {
        Command::List(which) => list(&letters(which)?),
        Command::Show { alert, which } => show(alert, &letters(which)?),
        Command::Resend { alerts, which, .. } => resend(alerts, which),
    }
}

/// Every letter that can be read.
fn letters(which: &Which) -> anyhow::Result<Vec<Letter>> {
    let config = Config::load_without_sources(&which.config)?;
    let mut letters = Vec::new();
    for dead in of_sink(&config.state, which)? {
        letters.extend(dead.read()?.into_iter().filter_map(|line| line.letter));
    }
    Ok(letters)
}

fn of_sink(state: &Path, which: &Which) -> anyhow::Result<Vec<DeadLetters>> {
    let mut all = DeadLetters::all(state)?;
    if let Some(sink) = &which.sink {
        let wanted = DeadLetters::new(state, &sink.replacen('.', "-", 1));
        all.retain(|dead| dead.path() == wanted.path());
    }
    Ok(all)
}

fn list(letters: &[Letter]) -> anyhow::Result<Outcome> {
    let mut out = anstream::stdout().lock();
    if letters.is_empty() {
        writeln!(out, "There are no dead letters.")?;
        return Ok(Outcome::Well);
    }
    let mut table = table();
    table.set_header(["PARKED", "SINK", "ALERT", "SEVERITY", "WHAT", "WHY"]);
    for Letter { time, sink, reason, alert } in letters {
        let (time, id) = (time.split('.').next().unwrap_or_default(), alert.key());
        let cells = [time, sink, &shortened(&id), alert.severity.word(), &alert.summary, reason];
        table.add_row(cells.map(|cell| escape_terminal(cell).into_owned()));
    }
    writeln!(out, "{}", table.trim_fmt())?;
    Ok(Outcome::Well)
}

/// The beginning of an id, enough to tell it from others, and the revision.
fn shortened(key: &str) -> String {
    match key.rsplit_once('.') {
        Some((id, revision)) => format!("{}.{revision}", id.chars().take(16).collect::<String>()),
        None => key.to_owned(),
    }
}

fn is_meant(alert: &Alert, typed: &str) -> bool {
    let (id, revision) = typed.split_once('.').map_or((typed, None), |(id, revision)| (id, Some(revision)));
    alert.id.starts_with(id) && revision.is_none_or(|revision| alert.revision.to_string() == revision)
}

fn show(typed: &str, letters: &[Letter]) -> anyhow::Result<Outcome> {
    let meant: Vec<&Letter> = letters.iter().filter(|letter| is_meant(&letter.alert, typed)).collect();
    if meant.is_empty() {
        bail!("find `{typed}` among the dead letters: see `gatecrier deadletters list`");
    }
    let mut out = anstream::stdout().lock();
    for Letter { time, sink, reason, alert } in meant {
        writeln!(out, "{} refused it at {time}: {}", escape_terminal(sink), escape_terminal(reason))?;
        let json = serde_json::to_string_pretty(alert)?;
        let shown: Vec<_> = json.lines().map(escape_terminal).collect();
        writeln!(out, "{}", shown.join("\n"))?;
    }
    Ok(Outcome::Well)
}

fn resend(alerts: &[String], which: &Which) -> anyhow::Result<Outcome> {
    let config = Config::load_without_sources(&which.config)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("start the runtime")?;
    let (mut sent, mut refused, mut known) = (0, 0, 0);
    for dead in of_sink(&config.state, which)? {
        let listed = config.sinks.list();
        let sink = listed.iter().find(|sink| DeadLetters::new(&config.state, &sink.label('-')).path() == dead.path());
        let Some(sink) = sink else {
            bail!("send {}: its sink is configured no more; add it, or remove the file", dead.path().display());
        };
        known += 1;
        let sink = sink.settings.build().with_context(|| format!("set up {}", sink.label('.')))?;
        let (of_these, still) = runtime.block_on(resend_file(&dead, sink, alerts))?;
        (sent, refused) = (sent + of_these, refused + still);
    }
    let mut out = anstream::stdout().lock();
    if let (Some(sink), 0) = (&which.sink, known) {
        bail!("find dead letters of `{sink}`: there are none");
    }
    writeln!(out, "{sent} taken, {refused} not")?;
    Ok(if refused > 0 || (sent == 0 && !alerts.is_empty()) { Outcome::Failed } else { Outcome::Well })
}

/// How many were taken, and how many not.
async fn resend_file(dead: &DeadLetters, mut sink: AnySink, alerts: &[String]) -> anyhow::Result<(usize, usize)> {
    let Some(taken_out) = dead.take_out()? else { return Ok((0, 0)) };
    let (mut sent, mut refused, mut kept) = (0, 0, Vec::new());
    for (number, line) in taken_out.lines().iter().enumerate() {
        let meant = |letter: &&Letter| alerts.is_empty() || alerts.iter().any(|typed| is_meant(&letter.alert, typed));
        let Some(letter) = line.letter.as_ref().filter(meant) else {
            kept.push((number, None));
            continue;
        };
        match send(&mut sink, &letter.alert).await {
            Ok(()) => sent += 1,
            Err(error) => {
                refused += 1;
                kept.push((number, Some(error)));
            }
        }
    }
    taken_out.keep(&kept)?;
    Ok((sent, refused))
}

async fn send(sink: &mut AnySink, alert: &Alert) -> Result<(), String> {
    let sent = tokio::time::timeout(TIMEOUT, sink.send(std::slice::from_ref(alert))).await;
    let late = || SendError::retry(anyhow!("no outcome within {} s", TIMEOUT.as_secs()));
    sent.unwrap_or_else(|_| Err(late())).map_err(|error| match error {
        SendError::Partly { rejected, cause, .. } => {
            let cause = rejected.into_iter().next().map(|(_, cause)| cause).or(cause);
            cause.map_or_else(|| "not taken".to_owned(), |cause| format!("{cause:#}"))
        }
        other => format!("{other:#}"),
    })
}
