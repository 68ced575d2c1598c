//! `gatecrier rules show`: all about one rule.

use std::io::Write;
use std::path::PathBuf;

use anyhow::anyhow;

use super::Chosen;
use crate::cli::{Optional, Outcome, table};
use crate::detect::rules::{Head, Trial};
use crate::terminal::escape_terminal;

const EXAMPLES: &str = "\
Examples:
  gatecrier rules show secret-read-with-curl my-rules/";

/// Shows one rule: what it finds, how grave, what to do, and how its condition was understood.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Options {
    /// The rule's id or name.
    #[arg(value_name = "ID")]
    id: String,

    /// Rule files, or folders of them.
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,

    #[command(flatten)]
    optional: Optional,
}

pub(super) fn run(options: &Options) -> anyhow::Result<Outcome> {
    let chosen = Chosen::new(options.paths.clone(), options.optional.clone());
    let (_, loaded) = chosen.load_with_tests()?;
    let trial = loaded.trials().find(|trial| trial.head.is(&options.id)).ok_or_else(|| unknown(&options.id))?;
    writeln!(anstream::stdout().lock(), "{}\n\n{}", about(&trial.head), indented(&trial))?;
    Ok(Outcome::Well)
}

/// No rule has this id.
pub(in crate::cli) fn unknown(id: &str) -> anyhow::Error {
    anyhow!("no rule has this id or name; `gatecrier rules list` lists them").context(format!("find the rule `{id}`"))
}

fn about(head: &Head) -> String {
    let mut table = table();
    let mut row = |what: &str, text: &str| {
        if !text.is_empty() {
            table.add_row([what, &*escape_terminal(text.trim())]);
        }
    };
    row("title", &head.title);
    row("id", &head.id);
    row("severity", head.severity.word());
    row("techniques", &head.techniques.join(" "));
    row("description", head.description.as_deref().unwrap_or_default());
    row("false positives", &head.false_positives.join("; "));
    row("what to do", head.runbook.as_deref().unwrap_or_default());
    row("without bodies", head.fallback.as_deref().unwrap_or_default());
    row("author", head.author.as_deref().unwrap_or_default());
    row("licence", head.license.as_deref().unwrap_or_default());
    row("references", &head.references.join(" "));
    row("tests", &head.tests.len().to_string());
    table.trim_fmt()
}

/// The condition, a clause a line.
fn indented(trial: &Trial) -> String {
    let lines = trial.outline().into_iter().map(|(depth, text)| format!("{}{}", "  ".repeat(depth), text));
    lines.map(|line| escape_terminal(&line).into_owned()).collect::<Vec<_>>().join("\n")
}
