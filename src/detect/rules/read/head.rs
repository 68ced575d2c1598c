//! What stands around the detection: who wrote the rule, how grave it is, what to do.

use std::sync::Arc;

use super::{Context, Entries, get, items, text_of};
use crate::alert::Severity;
use crate::detect::rules::mistake::{Mistake, Result};
use crate::detect::{Credit, Rule};
use crate::yaml::{Location, Node, Spanned, nearest};

/// The keys of a document. Others are the author's own, unless they look like one of these mistyped.
const KNOWN: &[&str] = &[
    "title",
    "id",
    "name",
    "related",
    "taxonomy",
    "status",
    "description",
    "license",
    "author",
    "references",
    "date",
    "modified",
    "fields",
    "falsepositives",
    "level",
    "tags",
    "scope",
    "logsource",
    "detection",
    "correlation",
    "filter",
    "generate",
    "sigma-version",
    "custom_attributes",
    "runbook",
    "tests",
    "fallback",
    "profile",
];

/// Longest title, characters.
const TITLE_CHARS_MAX: usize = 256;

/// Longest id, characters.
const ID_CHARS_MAX: usize = 128;

/// How grave a rule's findings are that does not say.
const SEVERITY: Severity = Severity::Medium;

/// What stands around the detection.
#[derive(Debug, Clone, PartialEq)]
pub struct Head {
    /// Its id; of a rule without one its name, else its title in small letters with dashes.
    pub id: String,
    /// The title.
    pub title: String,
    /// The name that correlations and filters know it by.
    pub name: Option<String>,
    /// From its level; medium when it has none.
    pub severity: Severity,
    /// MITRE ATT&CK technique ids, from its tags.
    pub techniques: Vec<String>,
    /// Who wrote it. Some licences want him named wherever a match is shown.
    pub author: Option<String>,
    /// The licence, an SPDX identifier.
    pub license: Option<String>,
    /// Where to read more.
    pub references: Vec<String>,
    /// What it finds.
    pub description: Option<String>,
    /// What else it may find.
    pub false_positives: Vec<String>,
    /// What to do about a finding.
    pub runbook: Option<String>,
    /// What it still sees of events that were logged without bodies.
    pub fallback: Option<String>,
    /// Events that it must find something in, or must not.
    pub tests: Vec<TestCase>,
    /// Who brought it.
    pub whose: Whose,
}

/// Who brought a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// The user.
    Own,
    /// The user, in the place of the one with the same id in the pack.
    OwnForOurs,
    /// It is part of the pack.
    Ours,
}

impl Head {
    /// The rule that findings name.
    pub fn rule(&self) -> Arc<Rule> {
        let credit = Credit {
            author: self.author.clone(),
            license: self.license.clone(),
            references: self.references.clone(),
            false_positives: self.false_positives.clone(),
            runbook: self.runbook.clone(),
        };
        let (id, title, techniques) = (self.id.clone(), self.title.clone(), self.techniques.clone());
        Arc::new(Rule { id, title, techniques, threshold: None, credit })
    }

    /// Whether correlations and filters mean this rule.
    pub fn is(&self, named: &str) -> bool {
        self.id.eq_ignore_ascii_case(named) || self.name.as_deref() == Some(named)
    }
}

/// Events that a rule must find something in, or must not.
#[derive(Debug, Clone, PartialEq)]
pub struct TestCase {
    /// What the case is about.
    pub name: String,
    /// Whether the rule has to match.
    pub matches: bool,
    /// Whole audit events, JSON.
    pub events: Vec<String>,
}

/// Reads what stands around the detection.
pub fn head(entries: &Entries, at: Location) -> Result<Head> {
    check_keys(entries)?;
    let text = |key| get(entries, key).map(text_of).transpose();
    let title = text("title")?.ok_or_else(|| {
        Mistake::new(at, "`title` is missing", "add a short title: it begins every alert of the rule")
    })?;
    if title.trim().is_empty() || title.chars().count() > TITLE_CHARS_MAX {
        let message = format!("a title has between 1 and {TITLE_CHARS_MAX} characters");
        return Err(Mistake::new(
            get(entries, "title").map_or(at, |node| node.referenced),
            message,
            "write another one",
        ));
    }
    let name = text("name")?;
    let id = match text("id")? {
        Some(id) => id,
        None => name.clone().unwrap_or_else(|| slug(&title)),
    };
    let id_at = get(entries, "id").map_or(at, |node| node.referenced);
    Ok(Head {
        id: checked_id(id, id_at)?,
        severity: get(entries, "level").map_or(Ok(SEVERITY), level)?,
        techniques: get(entries, "tags").map_or(Ok(Vec::new()), techniques)?,
        author: text("author")?,
        license: text("license")?,
        references: texts(entries, "references")?,
        description: text("description")?,
        false_positives: texts(entries, "falsepositives")?,
        runbook: text("runbook")?,
        fallback: text("fallback")?,
        tests: get(entries, "tests").map_or(Ok(Vec::new()), tests)?,
        title,
        name,
        whose: Whose::Own,
    })
}

/// What items of the document are read with, as its keys say.
pub fn understand(entries: &Entries, context: &mut Context<'_>) -> Result<()> {
    context.arrays = match get(entries, "sigma-version") {
        None => false,
        Some(node) => match text_of(node)?.split('.').next().and_then(|major| major.parse::<u32>().ok()) {
            Some(1 | 2) => false,
            Some(3) => true,
            _ => return Err(Mistake::new(node.referenced, "this version of Sigma is not known here", "write 2 or 3")),
        },
    };
    context.aliases = match get(entries, "taxonomy") {
        None => true,
        Some(node) => match text_of(node)?.as_str() {
            "sigma" => true,
            "gatecrier" => false,
            other => {
                let message = format!("the taxonomy `{other}` is not known here");
                let advice =
                    "write `sigma`, which has the short names of the public rules, or `gatecrier`, which has not";
                return Err(Mistake::new(node.referenced, message, advice));
            }
        },
    };
    Ok(())
}

fn check_keys(entries: &Entries) -> Result<()> {
    for (key, _) in entries.iter().filter(|(key, _)| !KNOWN.contains(&key.value.as_str())) {
        if let Some(near) = nearest(&key.value, KNOWN) {
            let message = format!("unknown key `{}`", key.value);
            return Err(Mistake::new(key.referenced, message, format!("did you mean `{near}`?")));
        }
    }
    Ok(())
}

fn checked_id(id: String, at: Location) -> Result<String> {
    let fits = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
    if !id.is_empty() && id.len() <= ID_CHARS_MAX && id.chars().all(fits) {
        return Ok(id);
    }
    let message = format!("`{id}` is no id");
    Err(Mistake::new(at, message, format!("write a UUID, or up to {ID_CHARS_MAX} letters, digits, `-`, `_` and `.`")))
}

fn slug(title: &str) -> String {
    let letters = title.to_lowercase();
    let words: Vec<_> =
        letters.split(|letter: char| !letter.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect();
    words.join("-").chars().take(ID_CHARS_MAX).collect()
}

fn level(node: &Spanned<Node>) -> Result<Severity> {
    Ok(match text_of(node)?.as_str() {
        "informational" | "info" => Severity::Info,
        "low" => Severity::Low,
        "medium" => Severity::Medium,
        "high" => Severity::High,
        "critical" => Severity::Critical,
        other => {
            let known = ["informational", "low", "medium", "high", "critical"];
            let advice = nearest(other, &known)
                .map_or(format!("levels: {}", known.join(", ")), |near| format!("did you mean `{near}`?"));
            return Err(Mistake::new(node.referenced, format!("there is no level `{other}`"), advice));
        }
    })
}

/// `attack.t1552.007` is T1552.007; other tags are for other tools.
fn techniques(node: &Spanned<Node>) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for tag in items(node) {
        let tag = text_of(tag)?;
        let technique = tag.strip_prefix("attack.").filter(|rest| {
            rest.strip_prefix(['t', 'T']).is_some_and(|digits| digits.starts_with(|first: char| first.is_ascii_digit()))
        });
        found.extend(technique.map(str::to_uppercase));
    }
    Ok(found)
}

fn texts(entries: &Entries, key: &str) -> Result<Vec<String>> {
    get(entries, key).map_or(Ok(Vec::new()), |node| items(node).iter().map(text_of).collect())
}

fn tests(node: &Spanned<Node>) -> Result<Vec<TestCase>> {
    items(node).iter().map(test).collect()
}

fn test(node: &Spanned<Node>) -> Result<TestCase> {
    let wrong =
        |at, message: String| Mistake::new(at, message, "a test has `name`, `match: true` or `false`, and `events`");
    let Node::Map(entries) = &node.value else {
        return Err(wrong(node.referenced, format!("found {} where a test belongs", node.value.kind())));
    };
    if let Some((key, _)) = entries.iter().find(|(key, _)| !["name", "match", "events"].contains(&key.value.as_str())) {
        return Err(wrong(key.referenced, format!("unknown key `{}`", key.value)));
    }
    let needed = |key| get(entries, key).ok_or_else(|| wrong(node.referenced, format!("`{key}` is missing")));
    let matches = needed("match")?;
    let Node::Bool(matches) = matches.value else {
        return Err(wrong(matches.referenced, "`match` is neither `true` nor `false`".to_owned()));
    };
    let events = needed("events")?;
    let events: Vec<_> = items(events).iter().map(|event| event.value.json().to_string()).collect();
    if events.is_empty() {
        return Err(wrong(node.referenced, "the test has no events".to_owned()));
    }
    Ok(TestCase { name: text_of(needed("name")?)?, matches, events })
}
