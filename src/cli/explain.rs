//! `gatecrier explain`: which fields may a rule name, and what does one mean? And why does a rule match an event, or not?

mod event;

use std::io::Write;
use std::path::PathBuf;

use anyhow::anyhow;

use super::rules::Chosen;
use super::{Optional, Outcome, table};
use crate::enrich::field::{Entry, Field, table as fields};

const EXAMPLES: &str = "\
Examples:
  gatecrier explain                   every field that a rule may name
  gatecrier explain client            the fields that begin so
  gatecrier explain client.trusted    what one means, its values, from which audit level on
  gatecrier explain --event event.json --rule secret-read --rules my-rules/
                                      which clauses of the rule match the event, with its values
  gatecrier explain --event event.json -c gatecrier.yaml
                                      what is found in the event, and which suppressions cover it";

/// Says what the fields mean that rules may name, or why a rule matches an event.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Options {
    /// A field, or the beginning of several. Without it, all are listed.
    #[arg(value_name = "FIELD", conflicts_with = "event")]
    field: Option<String>,

    /// A file with an audit event, or `-` for standard input: says what is found in it, and which suppressions cover
    /// that; with `--rule`, which clauses of the rule match it. Of several events, each a line, all.
    #[arg(long, value_name = "FILE")]
    event: Option<PathBuf>,

    /// The id or name of a rule in a file.
    #[arg(long, value_name = "ID", requires = "event")]
    rule: Option<String>,

    /// Rule files, or folders of them, besides those of the configuration.
    #[arg(long, value_name = "PATH", num_args = 1.., requires = "event")]
    rules: Vec<PathBuf>,

    #[command(flatten)]
    optional: Optional,
}

/// Answers on stdout.
pub fn run(options: &Options) -> anyhow::Result<Outcome> {
    if let Some(file) = &options.event {
        let chosen = Chosen::new(options.rules.clone(), options.optional.clone());
        return match &options.rule {
            Some(rule) => event::explain(file, rule, &chosen),
            None => event::find(file, &chosen),
        };
    }
    let mut out = anstream::stdout().lock();
    let Some(name) = options.field.as_deref() else {
        write!(out, "{}", list(fields().iter()))?;
        return Ok(Outcome::Well);
    };
    let below = format!("{name}.");
    let begun: Vec<_> = fields().iter().filter(|entry| entry.name.starts_with(&below)).collect();
    match Field::named(name) {
        Ok(field) => {
            write!(out, "{}", one(&field))?;
            if !begun.is_empty() {
                write!(out, "\n{}", list(begun.into_iter()))?;
            }
        }
        Err(_) if !begun.is_empty() => write!(out, "{}", list(begun.into_iter()))?,
        Err(unknown) => {
            let advice = match unknown.suggestion {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => "`gatecrier explain` lists all there are".to_owned(),
            };
            return Err(anyhow!("there is no such field; {advice}").context(format!("explain `{name}`")));
        }
    }
    Ok(Outcome::Well)
}

fn list<'e>(entries: impl Iterator<Item = &'e Entry>) -> String {
    let mut table = table();
    for entry in entries {
        table.add_row([entry.name, entry.kind.word(), entry.meaning]);
    }
    format!("{}\n", table.trim_fmt())
}

fn one(field: &Field) -> String {
    let entry = field.entry();
    let mut table = table();
    let mut row = |what: &str, answer: &str| _ = table.add_row([what, answer]);
    row("type", entry.kind.word());
    row("meaning", entry.meaning);
    if !entry.values.is_empty() {
        row("values", &entry.values.join(", "));
    }
    row("example", entry.example);
    row("seen from level", entry.level.word());
    row("comes from", entry.whence.word());
    let title = if field.name() == entry.name {
        field.name().to_owned()
    } else {
        format!("{}, below {}", field.name(), entry.name)
    };
    format!("{}\n{}\n", crate::terminal::escape_terminal(&title), table.trim_fmt())
}
