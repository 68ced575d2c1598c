//! What was found, for people and for scripts.

use std::io::{self, Write};

use serde_json::{Value, json};

use crate::policy::{Coverage, Dark, Grade, Level, Mistake, Policy, Verdict};
use crate::terminal::escape_terminal;

/// All that was found.
pub struct Report {
    /// The policy's name for people.
    pub file: String,
    /// The policy.
    pub policy: Policy,
    /// Its mistakes, in the order of the file.
    pub mistakes: Vec<Mistake>,
    /// What each rule sees.
    pub sights: Vec<Sight>,
}

/// What one rule sees.
pub struct Sight {
    /// The rule's id.
    pub rule: String,
    /// What it sees.
    pub coverage: Coverage,
}

impl Report {
    /// Whether some rule sees nothing.
    pub fn is_blind_for_some(&self) -> bool {
        self.sights.iter().any(|sight| sight.coverage.verdict == Verdict::Never)
    }

    /// For people.
    pub fn table(&self, out: &mut impl Write) -> io::Result<()> {
        for mistake in &self.mistakes {
            writeln!(out, "{}: {}\n", mistake.grade.word(), mistake.problem)?;
        }
        let count = |grade: Grade| self.mistakes.iter().filter(|mistake| mistake.grade == grade).count();
        let grades = [Grade::Error, Grade::Warning, Grade::Note];
        let counts: Vec<_> =
            grades.map(|grade| (grade, count(grade))).into_iter().filter(|(_, count)| *count > 0).collect();
        let counts: Vec<_> = counts.iter().map(|(grade, count)| plural(*count, grade.word())).collect();
        let counts = if counts.is_empty() { "no mistake".to_owned() } else { counts.join(", ") };
        writeln!(out, "{}: {}, {counts}\n", escape_terminal(&self.file), plural(self.policy.rules.len(), "rule"))?;
        writeln!(out, "What Gatecrier's rules see:")?;
        for (coverage, rules) in self.alike() {
            writeln!(out, "  {:<8}{}", coverage.verdict.word(), escape_terminal(&rules.join(", ")))?;
            for dark in &coverage.dark {
                writeln!(out, "            {}", escape_terminal(&self.sentence(dark)))?;
            }
        }
        Ok(())
    }

    /// Rules that see the same, together, those that see least first.
    fn alike(&self) -> Vec<(&Coverage, Vec<&str>)> {
        let mut alike: Vec<(&Coverage, Vec<&str>)> = Vec::new();
        for sight in &self.sights {
            match alike.iter_mut().find(|(coverage, _)| **coverage == sight.coverage) {
                Some((_, rules)) => rules.push(&sight.rule),
                None => alike.push((&sight.coverage, vec![&sight.rule])),
            }
        }
        alike.sort_by_key(|(coverage, _)| coverage.verdict);
        alike
    }

    /// Who and what is in the dark, and why.
    fn sentence(&self, dark: &Dark) -> String {
        let what = format!("{}: {} on {}", dark.callers, dark.verbs, dark.things);
        let Some(line) = self.line(dark) else { return format!("no rule logs {what}") };
        match (dark.level, dark.stage_omitted) {
            (Level::None, _) => format!("line {line} hides {what}"),
            (_, true) => format!("line {line} omits the stage that shows {what}"),
            (level, false) => format!("line {line} logs at {level} only, not at {}: {what}", dark.needed),
        }
    }

    fn line(&self, dark: &Dark) -> Option<u64> {
        self.policy.rules.get(dark.rule?).map(|rule| rule.at.line())
    }

    /// For scripts.
    pub fn json(&self, out: &mut impl Write) -> io::Result<()> {
        let mistake = |mistake: &Mistake| {
            json!({
                "grade": mistake.grade.word(),
                "check": mistake.check,
                "line": mistake.problem.line(),
                "column": mistake.problem.column(),
                "message": mistake.problem.message(),
                "advice": mistake.problem.advice(),
            })
        };
        let rules: Vec<_> = self.sights.iter().map(|sight| self.sight(sight)).collect();
        let mistakes: Vec<_> = self.mistakes.iter().map(mistake).collect();
        let all = json!({
            "file": self.file, "policy_rules": self.policy.rules.len(), "mistakes": mistakes, "rules": rules,
        });
        serde_json::to_writer_pretty(&mut *out, &all)?;
        writeln!(out)
    }

    fn sight(&self, sight: &Sight) -> Value {
        let dark = |dark: &Dark| {
            json!({
                "line": self.line(dark),
                "level": dark.level.word(),
                "needed": dark.needed.word(),
                "stage_omitted": dark.stage_omitted,
                "callers": dark.callers.some,
                "more_callers": dark.callers.more,
                "verbs": dark.verbs.some,
                "more_verbs": dark.verbs.more,
                "things": dark.things.some,
                "more_things": dark.things.more,
            })
        };
        let dark: Vec<_> = sight.coverage.dark.iter().map(dark).collect();
        json!({ "rule": sight.rule, "sees": sight.coverage.verdict.word().to_lowercase(), "dark": dark })
    }
}

fn plural(count: usize, thing: &str) -> String {
    if count == 1 { format!("1 {thing}") } else { format!("{count} {thing}s") }
}
