//! `gatecrier check`: is this configuration right, and do the sinks answer? And other things that can be checked.

mod audit_policy;
mod rules;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use clap::Subcommand;

use super::{Outcome, say, table};
use crate::config::{Config, Source};
use crate::detect::rules::{Loaded, Whose};
use crate::enrich::trust::Trust;
use crate::pipeline;
use crate::server;
use crate::sink::{AnySink, Sink as _};
use crate::terminal::escape_terminal;

/// Longest wait for one sink's answer.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);

const EXAMPLES: &str = "\
Examples:
  gatecrier check -c gatecrier.yaml
  gatecrier check -c gatecrier.yaml --connect    also ask each sink whether it would take alerts
  gatecrier check rules my-rules/                can these rules be run?
  gatecrier check audit-policy policy.yaml       what the API server's audit policy hides from the rules

Exit codes: 0 valid, 1 invalid, 2 wrong usage or a sink that does not answer";

/// Checks a configuration: keys, networks, files; with `--connect` also the sinks.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, args_conflicts_with_subcommands = true)]
pub struct Options {
    #[command(subcommand)]
    thing: Option<Thing>,

    /// The configuration.
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Also connect to each sink. No alert is sent.
    #[arg(long)]
    connect: bool,
}

/// What can be checked besides a configuration.
#[derive(Debug, Subcommand)]
enum Thing {
    AuditPolicy(audit_policy::Options),
    Rules(rules::Options),
}

/// Checks.
pub fn run(options: &Options) -> anyhow::Result<Outcome> {
    match (&options.thing, &options.config) {
        (Some(Thing::AuditPolicy(options)), _) => audit_policy::run(options),
        (Some(Thing::Rules(options)), _) => rules::run(options),
        (None, Some(config)) => configuration(config, options.connect),
        (None, None) => bail!("find a configuration: {}", super::NO_CONFIG),
    }
}

/// Prints what was understood.
fn configuration(file: &Path, ask_sinks: bool) -> anyhow::Result<Outcome> {
    let config = Config::load(file)?;
    // The paths in it are already relative to the configuration's folder.
    if let Err(error) = Trust::load(&config.trust(), Path::new("")) {
        say(&format!("{}: {}", file.display(), escape_terminal(&format!("{error:#}"))));
        return Ok(Outcome::Found);
    }
    let rules = match pipeline::rules::read(&config.rules) {
        Ok(rules) => rules,
        Err(error) => {
            say(&error.to_string());
            return Ok(Outcome::Found);
        }
    };
    let falco = pipeline::falco::read(&config.rules.falco)?;
    // Which rules there are, suppressions can only be held to once all are read.
    pipeline::analyzer(&config)?;
    let expired: Vec<_> = pipeline::suppressions::expired(&config).into_iter().map(|(_, problem)| problem).collect();
    let mut out = anstream::stdout().lock();
    writeln!(out, "{} is valid.\n\n{}", file.display(), overview(&config, &rules, falco.falco.len()))?;
    for warning in config.warnings.iter().chain(&rules.warnings).chain(&falco.warnings).chain(&expired) {
        writeln!(out, "\nwarning: {warning}")?;
    }
    if !ask_sinks {
        return Ok(Outcome::Well);
    }
    writeln!(out)?;
    connect(&config, &mut out)
}

/// What was understood, a line a thing.
fn overview(config: &Config, rules: &Loaded, falco_rules: usize) -> String {
    let mut table = table();
    let mut row = |what: &str, name: &str, detail: String| {
        table.add_row([what, &*escape_terminal(name), &*escape_terminal(&detail)]);
    };
    row("cluster", &config.cluster, String::new());
    row("state", &config.state.display().to_string(), String::new());
    for (name, source) in &config.sources {
        row("source", name, source_detail(source));
    }
    for (name, entry) in &config.networks {
        row("network", name, format!("{}, {}", counted(entry.cidrs.len(), &entry.files), entry.kind.word()));
    }
    if config.networks.is_empty() {
        row("network", "private", "private addresses, trusted, as no network is named".to_owned());
    }
    for (name, entry) in &config.proxies {
        row("proxy", name, counted(entry.cidrs.len(), &entry.files));
    }
    for (name, entry) in &config.hiding_hops {
        row("hiding hop", name, counted(entry.cidrs.len(), &entry.files));
    }
    for policy in &config.policies {
        let whom = format!("{}, {}", plural(policy.users.len(), "user"), plural(policy.groups.len(), "group"));
        row("policy", &policy.name, format!("{whom}, only from {}", policy.zones.join(", ")));
    }
    for (name, is_ours) in [("built in", true), ("sigma", false)] {
        match rules.heads().filter(|head| (head.whose == Whose::Ours) == is_ours).count() {
            0 => {}
            count => row("rules", name, plural(count, "rule")),
        }
    }
    if falco_rules > 0 {
        row("rules", "falco", plural(falco_rules, "rule"));
    }
    for entry in &config.suppressions {
        row("suppression", &entry.label(), format!("{}, until {} ({})", entry.covers(), entry.until, entry.author));
    }
    if config.sinks.is_empty() {
        row("sink", "stdout", "as no sink is named".to_owned());
    }
    for sink in config.sinks.list() {
        row("sink", &sink.label('.'), sink.settings.to());
    }
    if let Some(forward) = &config.forward {
        row("forward", forward.url.origin(), String::new());
    }
    let tls = if config.server.tls.is_some() { "https" } else { "http" };
    row("server", &format!("{tls}://{}", config.server.listen), "/healthz /readyz /metrics".to_owned());
    table.trim_fmt()
}

fn source_detail(source: &Source) -> String {
    if let Some(webhook) = &source.webhook {
        return webhook_detail(webhook);
    }
    match (&source.file, &source.kafka) {
        (Some(file), _) if file.path.exists() => format!("file {}", file.path.display()),
        (Some(file), _) => format!("file {} (not there yet; it will be waited for)", file.path.display()),
        (None, Some(kafka)) => kafka_detail(kafka),
        (None, None) => String::new(),
    }
}

fn webhook_detail(webhook: &server::audit::Config) -> String {
    let scheme = if webhook.tls.is_some() { "https" } else { "http" };
    let paths = webhook.clusters.iter().flat_map(|(cluster, entry)| match entry.senders.is_empty() {
        true => vec![format!("/audit/{cluster}")],
        false => entry.senders.iter().map(|sender| format!("/audit/{cluster}/{sender}")).collect(),
    });
    format!("webhook {scheme}://{} {}", webhook.listen, paths.collect::<Vec<_>>().join(" "))
}

#[cfg(feature = "kafka")]
fn kafka_detail(kafka: &crate::config::Kafka) -> String {
    format!("kafka {}, topics {}, group {}", kafka.brokers.join(","), kafka.topics.join(","), kafka.group)
}

#[cfg(not(feature = "kafka"))]
fn kafka_detail(_: &crate::config::Kafka) -> String {
    "kafka".to_owned()
}

fn counted(ranges: usize, files: &[PathBuf]) -> String {
    match (ranges, files.len()) {
        (ranges, 0) => plural(ranges, "range"),
        (0, files) => plural(files, "file"),
        (ranges, files) => format!("{} and {}", plural(ranges, "range"), plural(files, "file")),
    }
}

fn plural(count: usize, thing: &str) -> String {
    if count == 1 { format!("1 {thing}") } else { format!("{count} {thing}s") }
}

/// Asks each sink whether it would take alerts.
fn connect(config: &Config, out: &mut impl Write) -> anyhow::Result<Outcome> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("start the runtime")?;
    let mut outcome = Outcome::Well;
    let mut told = |name: String, answer: anyhow::Result<String>| {
        let line = match answer {
            Ok(said) => format!("ok      {name}: {}", escape_terminal(&said)),
            Err(error) => {
                outcome = Outcome::Failed;
                format!("failed  {name}: {}", escape_terminal(&format!("{error:#}")))
            }
        };
        writeln!(out, "{line}")
    };
    runtime.block_on(async {
        for sink in config.sinks.list() {
            told(sink.label('.'), ask(sink.settings.build()).await)?;
        }
        std::io::Result::Ok(())
    })?;
    Ok(outcome)
}

async fn ask(sink: anyhow::Result<AnySink>) -> anyhow::Result<String> {
    let late = |_| anyhow!("no answer within {} s", CONNECT_TIMEOUT.as_secs());
    tokio::time::timeout(CONNECT_TIMEOUT, sink?.check()).await.map_err(late)?
}
