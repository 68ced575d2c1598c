//! `gatecrier check audit-policy`: a policy's own mistakes, and what it hides from each rule.

mod report;

use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::ValueEnum;

use crate::cli::{Optional, Outcome};
use crate::config::{Config, ConfigError};
use crate::pipeline;
use crate::policy::{self, Grade};
use crate::yaml::Outline;
use report::{Report, Sight};

/// Largest policy read, bytes; the API server's own limit is no smaller, and no real policy comes near it.
const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;

const EXAMPLES: &str = "\
Examples:
  gatecrier check audit-policy /etc/kubernetes/audit/policy.yaml
  gatecrier check audit-policy policy.yaml --deny-warnings      for CI
  kubectl -n kube-system get cm audit -o jsonpath='{.data.policy}' | gatecrier check audit-policy -

Each rule is ALWAYS (it sees all it needs), PARTIAL (with what is in the dark, and which line
of the policy hides it) or NEVER.

Exit codes: 0 no mistake, 1 a mistake (with --deny-warnings also a warning, or a rule that never sees
anything), 2 wrong usage or a file that cannot be read";

/// Checks the API server's audit policy: its mistakes, and what it hides from the rules.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Options {
    /// The policy, as given to kube-apiserver with `--audit-policy-file`; `-` for standard input.
    #[arg(value_name = "FILE")]
    file: PathBuf,

    #[command(flatten)]
    optional: Optional,

    /// How the result is written to stdout.
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t = Format::Table)]
    output: Format,

    /// Exit with 1 also for warnings, and for rules that never see anything.
    #[arg(long)]
    deny_warnings: bool,
}

/// How the result is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Sentences, for people.
    Table,
    /// One object.
    Json,
}

/// Checks and reports.
pub fn run(options: &Options) -> anyhow::Result<Outcome> {
    let config = match &options.optional.config {
        Some(path) => Config::load_without_sources(path)?,
        None => Config::default(),
    };
    let text = read(&options.file)?;
    let name =
        if options.file == Path::new("-") { "standard input".into() } else { options.file.display().to_string() };
    let outline = Outline::new(&text, name.clone());
    let (policy, mut mistakes) = policy::parse(&text, &outline).map_err(ConfigError::from)?;
    mistakes.extend(policy::lint(&policy, &outline));
    mistakes.sort_by_key(|mistake| (mistake.problem.line(), mistake.grade));
    let mut needs = pipeline::needs(&config);
    needs.extend(pipeline::rules::read(&config.rules)?.needs());
    let (rules, needs): (Vec<_>, Vec<_>) = needs.into_iter().unzip();
    let sights = rules.into_iter().zip(policy::coverage(&policy, &needs));
    let sights = sights.map(|(rule, coverage)| Sight { rule, coverage }).collect();
    let report = Report { file: name, policy, mistakes, sights };
    let mut out = anstream::stdout().lock();
    match options.output {
        Format::Table => report.table(&mut out)?,
        Format::Json => report.json(&mut out)?,
    }
    let worst = report.mistakes.iter().map(|mistake| mistake.grade).min();
    let bad = match worst {
        Some(Grade::Error) => true,
        Some(Grade::Warning) => options.deny_warnings,
        _ => options.deny_warnings && report.is_blind_for_some(),
    };
    Ok(if bad { Outcome::Found } else { Outcome::Well })
}

fn read(file: &Path) -> anyhow::Result<String> {
    let mut text = String::new();
    let reader: Box<dyn Read> = match file == Path::new("-") {
        true => Box::new(std::io::stdin()),
        false => Box::new(std::fs::File::open(file).with_context(|| format!("open the policy {}", file.display()))?),
    };
    let read = reader.take(FILE_BYTES_MAX + 1).read_to_string(&mut text);
    let length = read.with_context(|| format!("read the policy {}", file.display()))?;
    if length as u64 > FILE_BYTES_MAX {
        bail!("read the policy {}: it has more than {FILE_BYTES_MAX} bytes; is this the right file?", file.display());
    }
    Ok(text)
}
