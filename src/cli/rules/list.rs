//! `gatecrier rules list`: which rules there are.

use std::io::Write;

use super::Chosen;
use crate::cli::{Outcome, table};
use crate::detect;
use crate::detect::rules::{Head, Whose};
use crate::pipeline;
use crate::terminal::escape_terminal;

const EXAMPLES: &str = "\
Examples:
  gatecrier rules list                     the built-in rules
  gatecrier rules list my-rules/           and those in a folder
  gatecrier rules list -c gatecrier.yaml   and those of a configuration";

/// Lists the rules: in files, of the pack, and in the program.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Options {
    #[command(flatten)]
    chosen: Chosen,
}

pub(super) fn run(options: &Options) -> anyhow::Result<Outcome> {
    let (config, loaded) = options.chosen.load_with_tests()?;
    let mut table = table();
    table.set_header(["severity", "id", "title", "techniques", "tests", ""]);
    for head in loaded.heads() {
        table.add_row(row(head));
    }
    let built_in: Vec<_> = detect::built_in(&config.detection).iter().flat_map(|detector| detector.rules()).collect();
    for (id, _) in pipeline::needs(&config) {
        let rule = built_in.iter().find(|rule| rule.id == id);
        let title = rule.map(|rule| rule.title.clone()).unwrap_or_default();
        let techniques = rule.map(|rule| rule.techniques.join(" ")).unwrap_or_default();
        table.add_row([String::new(), id, title, techniques, String::new(), "built in".to_owned()]);
    }
    writeln!(anstream::stdout().lock(), "{}", table.trim_fmt())?;
    Ok(Outcome::Well)
}

fn row(head: &Head) -> [String; 6] {
    let shown = |text: &str| escape_terminal(text).into_owned();
    let tests = head.tests.len().to_string();
    let whose = match head.whose {
        Whose::Own => "",
        Whose::OwnForOurs => "replaces the built-in one",
        Whose::Ours => "built in",
    };
    [
        head.severity.to_string(),
        shown(&head.id),
        shown(&head.title),
        shown(&head.techniques.join(" ")),
        tests,
        whose.to_owned(),
    ]
}
