//! The configured suppressions, checked against the rules that there are.

use std::collections::BTreeSet;

use crate::alert::Suppression;
use crate::config::{Config, ConfigError};
use crate::pipeline::own;
use crate::suppress::{Pattern, Suppressions};
use crate::yaml::{Outline, Problem, nearest};

/// Makes them ready to be asked. `rules`: the ids of all that may be suppressed.
///
/// # Errors
/// One that names a rule which does not exist: it would never cover anything.
pub fn read(config: &Config, rules: &BTreeSet<String>) -> Result<Suppressions, ConfigError> {
    let known: Vec<&str> = rules.iter().map(String::as_str).collect();
    let outline = config.outline();
    let unknown = |(at, entry)| unknown_rule(at, entry, &known, &outline);
    let problems: Vec<_> = config.suppressions.iter().enumerate().filter_map(unknown).collect();
    if !problems.is_empty() {
        return Err(ConfigError(problems));
    }
    let wrong = |message| ConfigError(vec![outline.problem(&["suppressions"], message)]);
    Suppressions::new(&config.suppressions).map_err(wrong)
}

fn unknown_rule(at: usize, entry: &Suppression, known: &[&str], outline: &Outline<'_>) -> Option<Problem> {
    let id = entry.rule.as_deref()?;
    let pattern = Pattern::read(id).ok()?;
    if known.iter().any(|rule| pattern.fits(rule)) {
        return None;
    }
    let problem = outline.problem(&["suppressions", &at.to_string(), "rule"], format!("there is no rule `{id}`"));
    Some(problem.advise(match nearest(id, known) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "an alert names its rule by this id, under `rule.id` and in its reasons".to_owned(),
    }))
}

/// Leaves out those of rules that do not exist, where rules were exchanged.
///
/// # Errors
/// As [`super::analyzer`], but for suppressions.
pub fn leave_out_unknown(config: &mut Config) -> anyhow::Result<()> {
    let rules = super::build::unsuppressed(config)?.rules();
    let known = |id: &str| Pattern::read(id).is_ok_and(|pattern| rules.iter().any(|rule| pattern.fits(rule)));
    config.suppressions.retain(|entry| entry.rule.as_deref().is_none_or(known));
    Ok(())
}

/// Whether an entry covers nothing that happens from now on.
pub fn is_over(entry: &Suppression) -> bool {
    entry.until.is_over(own::now())
}

/// The label of each that is over by now, and a sentence.
pub fn expired(config: &Config) -> Vec<(String, Problem)> {
    let over = config.suppressions.iter().enumerate().filter(|(_, entry)| is_over(entry));
    let outline = config.outline();
    let told = |(at, entry): (usize, &Suppression)| {
        let message =
            format!("the suppression `{}` ended on {}: it covers nothing any more", entry.label(), entry.until);
        let problem = outline.problem(&["suppressions", &at.to_string(), "until"], message);
        (entry.label(), problem.advise("remove it, or give it another day if it is still expected"))
    };
    over.map(told).collect()
}
