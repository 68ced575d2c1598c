//! Rule files put together: every document read, ids told apart, filters applied.

use std::collections::{HashMap, HashSet};

use super::expr::Expr;
use super::mistake::Mistake;
use super::read::{Document, Head, Lists, Narrowed, document};
use crate::yaml::{self, Location, Outline, Problem};

/// A rule file.
#[derive(Debug, Clone)]
pub struct Sheet {
    /// What messages call it.
    pub file: String,
    /// Its text.
    pub text: String,
}

/// Rules that can be run.
#[derive(Debug, Default)]
pub struct Loaded {
    /// What stands around each rule, and what it says.
    pub(super) rules: Vec<(Head, Expr)>,
    /// What is allowed but probably not meant.
    pub warnings: Vec<Problem>,
}

impl Loaded {
    /// What stands around each rule, in the order of the files.
    pub fn heads(&self) -> impl Iterator<Item = &Head> {
        self.rules.iter().map(|(head, _)| head)
    }
}

/// Where a document stands.
#[derive(Debug, Clone, Copy)]
struct Place<'o, 't> {
    outline: &'o Outline<'t>,
    at: Location,
}

impl Place<'_, '_> {
    fn wrong(self, message: String, advice: &str) -> Problem {
        Mistake::new(self.at, message, advice).problem(self.outline)
    }
}

/// Reads rule files.
///
/// # Errors
/// Everything that is wrong in them, one mistake a document.
pub fn load(sheets: &[Sheet], lists: &Lists) -> Result<Loaded, Vec<Problem>> {
    let outlines: Vec<_> = sheets.iter().map(|sheet| Outline::new(&sheet.text, sheet.file.clone())).collect();
    let (mut loaded, mut problems) = (Loaded::default(), Vec::new());
    let (mut places, mut filters) = (Vec::new(), Vec::new());
    for (sheet, outline) in sheets.iter().zip(&outlines) {
        let documents = yaml::documents(&sheet.text, outline).unwrap_or_else(|problem| {
            problems.push(problem);
            Vec::new()
        });
        for node in &documents {
            let mut warnings = Vec::new();
            match document(node, lists, &mut warnings) {
                Ok(Document::Rule { head, detection, at }) => {
                    loaded.rules.push((*head, detection));
                    places.push(Place { outline, at });
                }
                Ok(Document::Filter { rules, condition }) => filters.push((rules, condition, outline)),
                Err(mistake) => problems.push(mistake.problem(outline)),
            }
            loaded.warnings.extend(warnings.into_iter().map(|mistake| mistake.problem(outline)));
        }
    }
    problems.extend(twofold(&loaded.rules, &places));
    for (narrowed, condition, outline) in filters {
        problems.extend(narrow(&mut loaded.rules, &narrowed, &condition, outline));
    }
    if problems.is_empty() { Ok(loaded) } else { Err(problems) }
}

/// Rules that others could not be told from.
fn twofold(rules: &[(Head, Expr)], places: &[Place<'_, '_>]) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut ids: HashMap<&str, Place<'_, '_>> = HashMap::new();
    let mut names = HashSet::new();
    for ((head, _), place) in rules.iter().zip(places) {
        if let Some(first) = ids.insert(&head.id, *place) {
            let message = format!("a rule with the id `{}` stands in {} already", head.id, first.outline.file());
            problems.push(place.wrong(message, "give each rule an `id` of its own, or load the file once"));
        }
        if let Some(name) = head.name.as_deref().filter(|name| !names.insert(*name)) {
            problems.push(place.wrong(format!("another rule has the name `{name}`"), "give each a `name` of its own"));
        }
    }
    problems
}

fn narrow(rules: &mut [(Head, Expr)], narrowed: &Narrowed, condition: &Expr, outline: &Outline<'_>) -> Vec<Problem> {
    let mut apply = |wanted: &dyn Fn(&Head) -> bool| {
        let mut found = false;
        for (_, detection) in rules.iter_mut().filter(|(head, _)| wanted(head)) {
            let before = std::mem::replace(detection, Expr::All(Vec::new()));
            *detection = Expr::All(vec![before, condition.clone()]);
            found = true;
        }
        found
    };
    match narrowed {
        Narrowed::Every => {
            apply(&|_| true);
            Vec::new()
        }
        Narrowed::These(these) => {
            let unknown = these.iter().filter(|(named, _)| !apply(&|head| head.is(named)));
            let wrong = |(named, at): &(String, Location)| {
                let message = format!("no rule has the id or name `{named}`");
                Mistake::new(*at, message, "load that rule as well, or take it out of the filter").problem(outline)
            };
            unknown.map(wrong).collect()
        }
    }
}
