//! Why a rule matches an event, or does not: clause by clause.

use std::io::{Read, Write};
use std::path::Path;

use anyhow::{Context, bail};
use bytes::Bytes;

use crate::alert::Suppression;
use crate::analyze::Output;
use crate::batch::{Batch, ClusterId, Envelope, Framing, Input, Place, Position, SourceId};
use crate::cli::rules::{Chosen, unknown};
use crate::cli::{Outcome, say};
use crate::config::Config;
use crate::decode::{self, Record};
use crate::detect::rules::{Clause, Trial};
use crate::event::Event;
use crate::pipeline;
use crate::suppress::Suppressed;
use crate::terminal::escape_terminal;

/// Largest file of events read, bytes. It is for single events; logs are for `scan`.
const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Writes what came of each clause, for each event in a file.
pub(super) fn explain(file: &Path, rule: &str, chosen: &Chosen) -> anyhow::Result<Outcome> {
    let (config, loaded) = chosen.load_some()?;
    let trial = loaded.trials().find(|trial| trial.head.is(rule)).ok_or_else(|| unknown(rule))?;
    let bytes = read(file)?;
    let mut enricher = pipeline::enricher(&config)?;
    let mut told = Vec::new();
    decode::decode(&bytes, Framing::Documents, &mut |record| match record {
        Record::Event(event) => told.push((one(&trial, &event, &mut enricher), Bytes::copy_from_slice(event.bytes()))),
        Record::Passed(_) => {}
        Record::Unreadable(bytes) => say(&format!("warning: bytes from {} on are no audit event", bytes.offset)),
    });
    if told.is_empty() {
        bail!("find an audit event in {}", file.display());
    }
    let mut out = anstream::stdout().lock();
    for (at, (lines, event)) in told.into_iter().enumerate() {
        write!(out, "{}{lines}", if at == 0 { "" } else { "\n" })?;
        // Only with suppressions it takes more than the rule to say what comes of it.
        let found = if config.suppressions.is_empty() { Output::default() } else { alone(&config, event)? };
        for one in found.suppressed.iter().filter(|one| one.rule.id == trial.head.id) {
            writeln!(out, "  {}", escape_terminal(&suppressed(&config, one)))?;
        }
    }
    Ok(Outcome::Well)
}

/// Writes what is found in each event of a file by itself, and what of it is suppressed.
pub(super) fn find(file: &Path, chosen: &Chosen) -> anyhow::Result<Outcome> {
    let (config, _) = chosen.load()?;
    let bytes = read(file)?;
    let mut events = Vec::new();
    decode::decode(&bytes, Framing::Documents, &mut |record| match record {
        Record::Event(event) => events.push(Bytes::copy_from_slice(event.bytes())),
        Record::Passed(_) => {}
        Record::Unreadable(bytes) => say(&format!("warning: bytes from {} on are no audit event", bytes.offset)),
    });
    if events.is_empty() {
        bail!("find an audit event in {}", file.display());
    }
    let mut told = String::new();
    for event in events {
        told.push_str(&found(&config, event)?);
    }
    write!(anstream::stdout().lock(), "{told}")?;
    Ok(Outcome::Well)
}

/// What an analyzer that knows of nothing before says of an event.
fn found(config: &Config, event: Bytes) -> anyhow::Result<String> {
    let shown = decode::again(&event);
    let id: String = shown.audit_id().decode().chars().take(64).collect();
    let mut lines = vec![format!("event {id} ({})", shown.stage().word())];
    let out = alone(config, event.clone())?;
    for reason in out.alerts.iter().flat_map(|alert| &alert.reasons) {
        lines.push(format!("  {:<8} {}: {}", reason.severity.word(), reason.rule, reason.text));
    }
    lines.extend(out.suppressed.iter().map(|one| format!("  {}", suppressed(config, one))));
    if lines.len() == 1 {
        lines.push("  nothing is found in it by itself".to_owned());
    }
    Ok(lines.iter().map(|line| format!("{}\n", escape_terminal(line))).collect())
}

fn alone(config: &Config, bytes: Bytes) -> anyhow::Result<Output> {
    let (source, cluster) = (SourceId::new("event"), ClusterId::new(config.cluster.as_str()));
    let (start, upto) = (Place { name: "event".into(), offset: 0 }, Position::new(""));
    let (framing, envelope) = (Framing::Documents, Envelope::default());
    let batch = Batch { source, cluster, bytes, framing, envelope, start, upto, at_end: true };
    let (mut analyzer, mut out) = (pipeline::analyzer(config)?, Output::default());
    analyzer.analyze(&Input::Batch(batch), &mut out);
    analyzer.finish(&mut out);
    Ok(out)
}

/// Which entry covers a finding, and why there is one.
fn suppressed(config: &Config, Suppressed { by, rule }: &Suppressed) -> String {
    let entry = config.suppressions.iter().find(|entry| entry.label() == **by);
    let why = |entry: &Suppression| format!(" until {} ({}: {})", entry.until, entry.author, entry.reason);
    format!("suppressed {} by `{by}`{}", rule.id, entry.map_or(String::new(), why))
}

fn read(file: &Path) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let source: Box<dyn Read> = match file.as_os_str() == "-" {
        true => Box::new(std::io::stdin().lock()),
        false => Box::new(std::fs::File::open(file).with_context(|| format!("open {}", file.display()))?),
    };
    source.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).with_context(|| format!("read {}", file.display()))?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        bail!("read {}: it has more than {FILE_BYTES_MAX} bytes; cut out the event that is meant", file.display());
    }
    Ok(bytes)
}

fn one(trial: &Trial, event: &Event<'_>, enricher: &mut crate::enrich::Enricher) -> String {
    let facts = enricher.facts(event);
    let clauses = trial.clauses(&facts);
    let verdict = if trial.matches(&facts) { "matches" } else { "does not match" };
    let id: String = event.audit_id().decode().chars().take(64).collect();
    let mut lines = format!("{} {verdict} the event {id} ({})\n", trial.head.title, event.stage().word());
    for clause in &clauses {
        lines.push_str(&line(clause));
        lines.push('\n');
    }
    lines.lines().map(|line| format!("{}\n", escape_terminal(line))).collect()
}

fn line(clause: &Clause) -> String {
    let values = match &clause.values {
        None => String::new(),
        Some(values) if values.is_empty() => "   (missing)".to_owned(),
        Some(values) => format!("   (it is {})", values.join(", ")),
    };
    format!("  {:<6}{}{}{values}", clause.outcome, "  ".repeat(clause.depth), clause.text)
}
