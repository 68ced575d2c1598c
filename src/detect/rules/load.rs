//! Rule files put together: every document read, ids told apart, filters applied.

use std::collections::{HashMap, HashSet};

use super::correlation::{Correlation, Counted, Draft, Linked, link};
use super::expr::Expr;
use super::mistake::Mistake;
use super::pack::Pack;
use super::read::{Document, Head, Lists, Narrowed, Whose, document};
use crate::yaml::{self, Location, Node, Outline, Problem, Spanned};

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
    /// What rules that are counted come to together, what is counted before what counts it.
    pub correlations: Vec<Correlation>,
    /// Which rules are counted.
    pub(super) counted: Vec<Counted>,
    /// What is allowed but probably not meant.
    pub warnings: Vec<Problem>,
}

impl Loaded {
    /// What stands around each rule, in the order of the files, and then around each correlation.
    pub fn heads(&self) -> impl Iterator<Item = &Head> {
        let correlations = self.correlations.iter().map(|correlation| &correlation.head);
        self.rules.iter().map(|(head, _)| head).chain(correlations)
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
    load_over(&Pack::default(), sheets, lists)
}

/// Reads rule files that come on top of our own rules. One with the id of one of ours takes its place.
///
/// # Errors
/// As [`load`].
pub fn load_over(pack: &Pack, sheets: &[Sheet], lists: &Lists) -> Result<Loaded, Vec<Problem>> {
    let both = || sheets.iter().chain(&pack.sheets);
    let outlines: Vec<_> = both().map(|sheet| Outline::new(&sheet.text, sheet.file.clone())).collect();
    let mut pile = Pile::default();
    for (at, (sheet, outline)) in both().zip(&outlines).enumerate() {
        let whose = if at < sheets.len() { Whose::Own } else { Whose::Ours };
        match yaml::documents(&sheet.text, outline) {
            Ok(documents) => documents.iter().for_each(|node| pile.add(node, whose, outline, lists)),
            Err(problem) => pile.problems.push(problem),
        }
    }
    pile.give_way();
    pile.leave_out(&pack.off);
    pile.put_together()
}

/// Documents as they were read.
#[derive(Default)]
struct Pile<'o, 't> {
    rules: Vec<(Head, Expr)>,
    rule_places: Vec<Place<'o, 't>>,
    drafts: Vec<Draft>,
    draft_places: Vec<Place<'o, 't>>,
    filters: Vec<(Narrowed, Expr, &'o Outline<'t>)>,
    problems: Vec<Problem>,
    warnings: Vec<Problem>,
}

impl<'o, 't> Pile<'o, 't> {
    fn add(&mut self, node: &Spanned<Node>, whose: Whose, outline: &'o Outline<'t>, lists: &Lists) {
        let mut warnings = Vec::new();
        match document(node, lists, &mut warnings) {
            Ok(Document::Rule { mut head, detection, at }) => {
                head.whose = whose;
                self.rules.push((*head, detection));
                self.rule_places.push(Place { outline, at });
            }
            Ok(Document::Correlation(mut draft)) => {
                draft.correlation.head.whose = whose;
                self.draft_places.push(Place { outline, at: draft.at });
                self.drafts.push(*draft);
            }
            Ok(Document::Filter { rules, condition }) => self.filters.push((rules, condition, outline)),
            Err(mistake) => self.problems.push(mistake.problem(outline)),
        }
        self.warnings.extend(warnings.into_iter().map(|mistake| mistake.problem(outline)));
    }

    /// Of two rules with one id, ours goes where the other is the user's.
    fn give_way(&mut self) {
        let ids = |whose: Whose, heads: &[&mut Head]| -> HashSet<String> {
            heads.iter().filter(|head| head.whose == whose).map(|head| head.id.to_ascii_lowercase()).collect()
        };
        let rules = self.rules.iter_mut().map(|(head, _)| head);
        let mut heads: Vec<_> = rules.chain(self.drafts.iter_mut().map(|draft| &mut draft.correlation.head)).collect();
        let (own, ours) = (ids(Whose::Own, &heads), ids(Whose::Ours, &heads));
        let twice: HashSet<_> = own.intersection(&ours).cloned().collect();
        let replaces = |head: &Head| head.whose == Whose::Own && twice.contains(&head.id.to_ascii_lowercase());
        heads.iter_mut().filter(|head| replaces(head)).for_each(|head| head.whose = Whose::OwnForOurs);
        self.keep(|head| head.whose != Whose::Ours || !twice.contains(&head.id.to_ascii_lowercase()));
    }

    /// Leaves those of ours out that are not wanted, and what counts them.
    fn leave_out(&mut self, off: &[String]) {
        let mut off: HashSet<_> = off.iter().map(|id| id.to_ascii_lowercase()).collect();
        loop {
            let before = off.len();
            let ours = self.drafts.iter().filter(|draft| draft.correlation.head.whose == Whose::Ours);
            let counts =
                |draft: &&Draft| draft.named.iter().any(|named| off.contains(&named.name.to_ascii_lowercase()));
            let more: Vec<_> =
                ours.filter(counts).map(|draft| draft.correlation.head.id.to_ascii_lowercase()).collect();
            off.extend(more);
            if off.len() == before {
                break;
            }
        }
        self.keep(|head| head.whose != Whose::Ours || !off.contains(&head.id.to_ascii_lowercase()));
    }

    fn keep(&mut self, wanted: impl Fn(&Head) -> bool) {
        let rules = self.rules.drain(..).zip(self.rule_places.drain(..));
        (self.rules, self.rule_places) = rules.filter(|((head, _), _)| wanted(head)).unzip();
        let drafts = self.drafts.drain(..).zip(self.draft_places.drain(..));
        (self.drafts, self.draft_places) = drafts.filter(|(draft, _)| wanted(&draft.correlation.head)).unzip();
    }

    fn put_together(mut self) -> Result<Loaded, Vec<Problem>> {
        let heads: Vec<_> = self.rules.iter().map(|(head, _)| head).collect();
        let drafted = self.drafts.iter().map(|draft| &draft.correlation.head);
        let all = heads.iter().copied().chain(drafted).zip(self.rule_places.iter().chain(&self.draft_places));
        self.problems.extend(twofold(all));
        let mut linked = Linked::default();
        // What is missing because it is wrong need not be told of as well.
        if self.problems.is_empty() {
            let told = |(at, mistake): (usize, Mistake)| mistake.problem(self.draft_places[at].outline);
            match link(self.drafts, &heads) {
                Ok(all) => linked = all,
                Err(mistakes) => self.problems.extend(mistakes.into_iter().map(told)),
            }
        }
        for (narrowed, condition, outline) in self.filters {
            self.problems.extend(narrow(&mut self.rules, &narrowed, &condition, outline));
        }
        let Linked { correlations, counted } = linked;
        match self.problems.is_empty() {
            true => Ok(Loaded { rules: self.rules, correlations, counted, warnings: self.warnings }),
            false => Err(self.problems),
        }
    }
}

/// Rules that others could not be told from.
fn twofold<'a>(all: impl Iterator<Item = (&'a Head, &'a Place<'a, 'a>)>) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut ids: HashMap<&str, Place<'_, '_>> = HashMap::new();
    let mut names = HashSet::new();
    for (head, place) in all {
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
