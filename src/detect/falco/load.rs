//! From files to rules that can be run.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::compile::Compiler;
use super::define::{Definitions, Priority, Remarks, RuleText};
use super::differences::Differences;
use super::fault::{Fault, File, NOWHERE, Spot};
use super::output::Output;
use super::{Compiled, Falco, Matching, read, yaml};
use crate::alert::Severity;
use crate::detect::Rule;
use crate::yaml::Problem;

/// Most rule files; more are refused.
const FILES_MAX: u16 = 1000;

/// What loading came to.
pub struct Loaded {
    /// The rules.
    pub falco: Falco,
    /// What a reader of the files should know.
    pub warnings: Vec<Problem>,
}

/// Loads rule files, in their order: later ones change what earlier ones define.
///
/// # Errors
/// Every mistake, each with its place.
pub fn load(files: &[File], matching: Matching) -> Result<Loaded, Vec<Problem>> {
    let (mut definitions, mut remarks) = (Definitions::default(), Remarks::default());
    let mut problems = Vec::new();
    for (number, file) in (0..FILES_MAX).zip(files) {
        match yaml::documents(number, file) {
            Ok(documents) => read::file(&documents, &mut definitions, &mut remarks),
            Err(problem) => problems.push(problem),
        }
    }
    if files.len() > usize::from(FILES_MAX) {
        remarks.errors.push(Fault::new(NOWHERE, format!("more than {FILES_MAX} rule files")));
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let falco = compiled(&definitions, matching, &mut remarks);
    if falco.is_empty() && !files.is_empty() && remarks.errors.is_empty() && definitions.foreign.is_empty() {
        remarks.warnings.push(Fault::new(NOWHERE, "there is no enabled rule for the audit log in these files"));
    }
    let placed = |mut faults: Vec<Fault>| {
        faults.sort_by_key(|fault| fault.spot);
        let mut placed: Vec<_> = faults.into_iter().map(|fault| fault.problem(files)).collect();
        placed.dedup();
        placed
    };
    if remarks.errors.is_empty() {
        return Ok(Loaded { falco, warnings: placed(remarks.warnings) });
    }
    Err(placed(remarks.errors))
}

fn compiled(definitions: &Definitions, matching: Matching, remarks: &mut Remarks) -> Falco {
    let mut compiler = Compiler::new(definitions);
    let mut differences = Differences::default();
    let (mut rules, mut ids) = (Vec::new(), BTreeSet::new());
    for text in definitions.rules.iter().filter(|rule| rule.enabled) {
        let made = compiler.rule(text).and_then(|condition| Ok((condition, Output::parse(&text.output)?)));
        let (condition, output) = match made {
            Ok(made) => made,
            Err(fault) => {
                remarks.errors.push(fault);
                continue;
            }
        };
        let judges = compiler.program.judges_below(condition);
        let readers = judges.iter().flat_map(|judge| judge.readers()).chain(output.readers());
        readers.for_each(|reader| reader.fields(&mut |field| differences.note(field, text.spot)));
        let rule = rule(text, &mut ids);
        rules.push(Compiled { rule, severity: severity(text.priority), condition, output });
    }
    remarks.warnings.extend(compiler.unused_faults());
    remarks.warnings.extend(differences.warnings());
    remarks.warnings.extend(foreign(definitions));
    Falco::new(rules, compiler.program, matching)
}

/// Rules of other sources, counted.
fn foreign(definitions: &Definitions) -> Vec<Fault> {
    let mut foreign: Vec<_> = definitions.foreign.iter().collect();
    foreign.sort();
    let told = |(source, (count, spot)): (&String, &(usize, Spot))| {
        let rules = if *count == 1 { "1 rule is".to_owned() } else { format!("{count} rules are") };
        Fault::new(*spot, format!("{rules} of the source `{source}` and passed over"))
            .advise("rules for the audit log say `source: k8s_audit`")
    };
    foreign.into_iter().map(told).collect()
}

/// The rule as findings name it. Two names that read alike get a number.
fn rule(text: &RuleText, ids: &mut BTreeSet<String>) -> Arc<Rule> {
    let words = text.name.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty());
    let plain = format!("falco-{}", words.map(str::to_lowercase).collect::<Vec<_>>().join("-"));
    let numbered = (2..).map(|number| format!("{plain}-{number}"));
    let id = [plain.clone()].into_iter().chain(numbered).find(|id| !ids.contains(id)).unwrap_or_default();
    ids.insert(id.clone());
    let techniques: Vec<&str> = text.tags.iter().map(String::as_str).filter(|tag| is_technique(tag)).collect();
    Rule::new(&id, &text.name, &techniques)
}

/// Whether a tag is a MITRE ATT&CK technique, such as `T1610` or `T1552.007`.
fn is_technique(tag: &str) -> bool {
    let Some(digits) = tag.strip_prefix('T') else { return false };
    let (main, sub) = digits.split_once('.').unwrap_or((digits, "000"));
    let number = |text: &str, length| text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit());
    number(main, 4) && number(sub, 3)
}

fn severity(priority: Priority) -> Severity {
    match priority {
        Priority::Emergency | Priority::Alert | Priority::Critical => Severity::Critical,
        Priority::Error => Severity::High,
        Priority::Warning => Severity::Medium,
        Priority::Notice => Severity::Low,
        Priority::Informational | Priority::Debug => Severity::Info,
    }
}
