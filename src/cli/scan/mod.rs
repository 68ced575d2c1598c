//! `gatecrier scan`: who came in from where, in logs that are there already.

mod analysis;
mod cut;
mod envelope;
mod files;
mod framing;
mod merge;
mod open;
mod report;

use std::io::{self, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use clap::ValueEnum;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{Optional, Outcome, say};
use crate::alert::Severity;
use crate::batch::{ClusterId, Envelope, Input};
use crate::config::Config;
use crate::detect::falco::Matching;
use crate::event::Timestamp;
use crate::pipeline;
use crate::terminal::escape_terminal;
use merge::Merge;
use report::Read;
pub use report::{Caller, Covered, Report, Tally};

const EXAMPLES: &str = "\
Examples:
  gatecrier scan audit.log
  gatecrier scan /var/log/kubernetes/audit/        all logs in a folder, rotated and .gz too
  zcat old/*.gz | gatecrier scan -                 standard input
  gatecrier scan audit.log -c gatecrier.yaml       with your networks, proxies and policies
  gatecrier scan audit.log --falco k8s_audit_rules.yaml
                                                   by Falco's rules as well
  gatecrier scan audit.log -o jsonl | jq .summary  one alert a line
  gatecrier scan --envelope aks hub.json           records of Azure, AWS, a collector, …
  gatecrier scan audit.log --rules sigma/          with Sigma rules of your own
  gatecrier scan audit.log --fail-on high          exit 1 at a high or critical alert

In a folder, files are read whose names end in .log, .json, .jsonl or .ndjson, also with a
number or .gz behind it. Logs of several API servers are read side by side, the oldest record
first.

Exit codes:
  0    scanned
  1    an alert at or above `--fail-on` was raised, or the configuration is invalid
  2    wrong usage, or something could not be read to its end; the rest was scanned
  130  interrupted by Ctrl-C";

/// The fewest words about what trust means without a configuration.
const NO_NETWORKS: &str = "No networks are named, so private addresses are judged as trusted and all others are not. \
    To say whom you trust, write `networks: { office: { cidrs: [198.51.100.0/24] } }` into a file and pass it \
    with `-c FILE`.";

/// What was read may be any log at all.
const NO_EVENTS: &str = "There is no audit event in it: is this the audit log of a kube-apiserver (`--audit-log-path`), \
    one JSON event of audit.k8s.io a line?";

/// Says who came in from where, in logs that are there already.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Options {
    /// Files, folders, or `-` for standard input.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,

    #[command(flatten)]
    optional: Optional,

    #[command(flatten)]
    wrapped: envelope::Wrapped,

    /// Sigma rules to look for as well: a file, or a folder of them. May be given several times.
    #[arg(long, value_name = "PATH")]
    rules: Vec<PathBuf>,

    /// Falco rule files for the audit log to go by as well; later ones change what earlier ones define.
    #[arg(long, value_name = "FILE", num_args = 1..)]
    falco: Vec<PathBuf>,

    /// Which Falco rules of those that match an event are raised: first (the default) or all.
    #[arg(long, value_name = "WHICH")]
    falco_matching: Option<Matching>,

    /// How the result is written to stdout.
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t = Format::Table)]
    output: Format,

    /// Exit with 1 when an alert of this severity or a graver one was raised: info, low, medium, high, critical.
    #[arg(long, value_name = "SEVERITY")]
    fail_on: Option<Severity>,
}

/// How the result is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A summary and sentences, for people.
    Table,
    /// One object with a summary and all alerts.
    Json,
    /// One alert a line.
    Jsonl,
}

/// What a scan hands its inputs to.
pub trait Analyze {
    /// Takes the next input. Inputs of one log come in its order; every log is past the horizon of event time.
    ///
    /// # Errors
    /// What makes going on useless. Records that cannot be read are none of it.
    fn take(&mut self, input: Input, horizon: Timestamp) -> anyhow::Result<()>;

    /// Nothing more comes: what was found.
    ///
    /// # Errors
    /// As [`Analyze::take`].
    fn finish(self) -> anyhow::Result<Tally>;
}

/// Scans and reports.
pub(super) fn run(options: &Options) -> anyhow::Result<Outcome> {
    let mut config = match &options.optional.config {
        Some(path) => Config::load_without_sources(path)?,
        None => Config::default(),
    };
    let (folders, files) = options.rules.iter().cloned().partition::<Vec<_>, _>(|path| path.is_dir());
    config.rules.folders.extend(folders);
    config.rules.files.extend(files);
    config.rules.falco.files.extend(options.falco.iter().cloned());
    config.rules.falco.matching = options.falco_matching.unwrap_or(config.rules.falco.matching);
    for warning in pipeline::falco::read(&config.rules.falco)?.warnings {
        say(&format!("warning: {}", warning.in_one_line()));
    }
    let envelope = options.wrapped.envelope()?;
    let report = scan(&options.paths, &config, envelope, analysis::Analysis::new(pipeline::analyzer(&config)?))?;
    write(&report, options.output).context("write the result")?;
    Ok(judge(&report, options.fail_on))
}

/// What is incomplete can say neither that all is well nor that this is all.
fn judge(report: &Report, fail_on: Option<Severity>) -> Outcome {
    let found = fail_on.is_some_and(|least| report.gravest().is_some_and(|gravest| gravest >= least));
    match (report.is_complete(), found) {
        (false, _) => Outcome::Failed,
        (true, true) => Outcome::Found,
        (true, false) => Outcome::Well,
    }
}

/// Scans without a report.
pub(super) fn report(paths: &[PathBuf], config: &Config) -> anyhow::Result<Report> {
    scan(paths, config, Envelope::default(), analysis::Analysis::new(pipeline::analyzer(config)?))
}

fn scan(paths: &[PathBuf], config: &Config, envelope: Envelope, mut analyze: impl Analyze) -> anyhow::Result<Report> {
    let found = files::find(paths);
    let mut read = Read { files: found.logs.len() + found.failed.len(), ..Read::default() };
    for (path, error) in found.failed {
        let (name, reason) = (path.display().to_string(), error.to_string());
        say(&format!("gatecrier: cannot open {}: {}", escape_terminal(&name), escape_terminal(&reason)));
        read.unreadable.push((name, reason));
    }
    if found.logs.is_empty() && read.unreadable.is_empty() {
        let named: Vec<_> = paths.iter().map(|path| path.display().to_string()).collect();
        bail!(
            "find logs in {}: no name there ends in .log, .json, .jsonl, .ndjson or one of them with .gz",
            named.join(", ")
        );
    }
    let bar = progress(found.bytes);
    let begun = Instant::now();
    let mut merge = Merge::new(found.logs, ClusterId::new(config.cluster.as_str()), envelope, bar.clone());
    while let Some(input) = merge.next() {
        read.bytes += input.weight() as u64;
        analyze.take(input, merge.horizon())?;
    }
    let tally = analyze.finish()?;
    bar.finish_and_clear();
    read.seconds = begun.elapsed().as_secs_f64();
    for (name, error) in merge.failed {
        let reason = error.to_string();
        say(&format!("gatecrier: cannot read {} to its end: {}", escape_terminal(&name), escape_terminal(&reason)));
        read.unreadable.push((name, reason));
    }
    if tally.events == 0 && tally.malformed > 0 {
        read.notes.push(NO_EVENTS.to_owned());
    }
    read.notes.extend(envelope::passed_over(&tally.passed));
    if config.networks.is_empty() {
        read.notes.push(NO_NETWORKS.to_owned());
    }
    Ok(Report::new(tally, read))
}

fn write(report: &Report, format: Format) -> io::Result<()> {
    // Escapes only where people read; programs get the bytes as they are.
    match format {
        Format::Table => {
            let mut out = anstream::stdout().lock();
            report.write_table(&mut out)?;
            out.flush()
        }
        Format::Json | Format::Jsonl => {
            let mut out = io::BufWriter::new(io::stdout().lock());
            match format {
                Format::Json => report.write_json(&mut out)?,
                _ => report.write_jsonl(&mut out)?,
            }
            out.flush()
        }
    }
}

/// A bar on stderr with bytes a second and the time left; hidden when stderr is no terminal.
fn progress(bytes: u64) -> ProgressBar {
    let (bar, template) = match bytes {
        0 => (ProgressBar::no_length(), "{spinner} {bytes} {bytes_per_sec}"),
        bytes => (ProgressBar::new(bytes), "{wide_bar} {bytes}/{total_bytes} {bytes_per_sec} ETA {eta}"),
    };
    bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(10));
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}
