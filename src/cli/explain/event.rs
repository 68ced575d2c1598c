//! Why a rule matches an event, or does not: clause by clause.

use std::io::{Read, Write};
use std::path::Path;

use anyhow::{Context, bail};

use crate::batch::Framing;
use crate::cli::rules::{Chosen, unknown};
use crate::cli::{Outcome, say};
use crate::decode::{self, Record};
use crate::detect::rules::{Clause, Trial};
use crate::event::Event;
use crate::pipeline;
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
        Record::Event(event) => told.push(one(&trial, &event, &mut enricher)),
        Record::Unreadable(bytes) => say(&format!("warning: bytes from {} on are no audit event", bytes.offset)),
    });
    if told.is_empty() {
        bail!("find an audit event in {}", file.display());
    }
    write!(anstream::stdout().lock(), "{}", told.join("\n"))?;
    Ok(Outcome::Well)
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
