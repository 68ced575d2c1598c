//! Correlations: what several findings come to together.
//!
//! A correlation counts what rules, or other correlations, find about one group within a span of event time. Here it is
//! what is looked for; the judge of correlations remembers.

use super::expr::Expr;
use super::mistake::{Mistake, Result};
use super::read::Head;
use super::wanted::Comparison;
use crate::yaml::{Location, nearest};

/// A correlation.
#[derive(Debug, Clone)]
pub struct Correlation {
    /// What stands around it.
    pub head: Head,
    /// What is counted.
    pub kind: Kind,
    /// What it counts, in their order.
    pub parts: Vec<Part>,
    /// The names of what makes a group; none of them makes one group of all.
    pub group_by: Vec<String>,
    /// Seconds of event time.
    pub timespan: i64,
    /// When it fires.
    pub condition: Condition,
    /// It speaks for itself: no other correlation counts it, or one that lets its parts speak.
    pub tells: bool,
}

/// One of the rules or correlations that are counted.
#[derive(Debug, Clone)]
pub struct Part {
    /// Its id.
    pub id: String,
    /// For each name of the group the field it stands for here.
    pub group: Vec<String>,
    /// The fields whose values are counted.
    pub values: Vec<String>,
}

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// How many events.
    EventCount,
    /// How many different values.
    ValueCount,
    /// How many different rules.
    Temporal,
    /// Likewise, in the order in which they are named.
    TemporalOrdered,
    /// The sum of the values.
    ValueSum,
    /// Their mean.
    ValueAvg,
    /// The value that so many of a hundred do not exceed.
    ValuePercentile(u8),
}

impl Kind {
    /// What was counted, in words.
    pub fn counted(self, number: f64) -> String {
        let plural =
            |one: &str, many: &str| if number == 1.0 { format!("1 {one}") } else { format!("{number} {many}") };
        match self {
            Self::EventCount => plural("event", "events"),
            Self::ValueCount => plural("value", "different values"),
            Self::Temporal | Self::TemporalOrdered => plural("rule matched", "rules matched"),
            Self::ValueSum => format!("a sum of {number:.2}"),
            Self::ValueAvg => format!("a mean of {number:.2}"),
            Self::ValuePercentile(50) => format!("a median of {number}"),
            Self::ValuePercentile(percent) => format!("a {percent}th percentile of {number}"),
        }
    }
}

/// When a correlation fires.
#[derive(Debug, Clone)]
pub enum Condition {
    /// All of these hold of the number.
    Number(Vec<Comparison>),
    /// This holds of the rules that found something.
    Rules(Rules),
}

/// A condition over the rules that found something, by their places.
#[derive(Debug, Clone, PartialEq)]
pub enum Rules {
    /// All of them.
    All(Vec<Rules>),
    /// At least so many of them.
    Some(usize, Vec<Rules>),
    /// Not this.
    Not(Box<Rules>),
    /// This one did.
    Found(usize),
}

impl Rules {
    /// Of an expression whose items are named like the rules.
    pub fn of(expr: &Expr, names: &[String]) -> Self {
        let all = |all: &[Expr]| all.iter().map(|expr| Self::of(expr, names)).collect();
        match expr {
            Expr::All(exprs) => Self::All(all(exprs)),
            Expr::Some(least, exprs) => Self::Some(*least, all(exprs)),
            Expr::Not(expr) => Self::Not(Box::new(Self::of(expr, names))),
            Expr::Item(item) => Self::Found(names.iter().position(|name| *name == item.name).unwrap_or(usize::MAX)),
        }
    }

    /// Whether it holds.
    pub fn holds(&self, found: &dyn Fn(usize) -> bool) -> bool {
        match self {
            Self::All(all) => all.iter().all(|rules| rules.holds(found)),
            Self::Some(least, all) => all.iter().filter(|rules| rules.holds(found)).count() >= *least,
            Self::Not(rules) => !rules.holds(found),
            Self::Found(rule) => found(*rule),
        }
    }

    /// Whether something more could make it fail that holds now.
    pub fn can_turn(&self) -> bool {
        match self {
            Self::All(all) | Self::Some(_, all) => all.iter().any(Self::can_turn),
            Self::Not(_) => true,
            Self::Found(_) => false,
        }
    }
}

/// A correlation as it was read: what it counts is still a name.
#[derive(Debug)]
pub struct Draft {
    pub correlation: Correlation,
    /// Names or ids of what it counts, with the names that stand for others there.
    pub named: Vec<Named>,
    /// Names of the fields whose values are counted.
    pub fields: Vec<String>,
    /// What it counts speaks for itself as well.
    pub generate: bool,
    pub at: Location,
}

/// A name of what is counted.
#[derive(Debug)]
pub struct Named {
    pub name: String,
    pub at: Location,
    /// What names of the group and of values stand for here.
    pub aliases: Vec<(String, String)>,
}

impl Named {
    fn field(&self, name: &str) -> String {
        let alias = self.aliases.iter().find(|(alias, _)| alias == name);
        alias.map_or(name, |(_, field)| field).to_owned()
    }
}

/// Correlations whose parts are known by their ids.
#[derive(Debug, Default)]
pub struct Linked {
    /// What is counted stands before what counts it.
    pub correlations: Vec<Correlation>,
    /// What is counted, once for each that counts it.
    pub counted: Vec<Counted>,
}

/// Puts ids in the place of names. A mistake comes with the place of its draft.
pub fn link(drafts: Vec<Draft>, rules: &[&Head]) -> std::result::Result<Linked, Vec<(usize, Mistake)>> {
    let order = sorted(&drafts)?;
    let heads: Vec<_> =
        drafts.iter().map(|draft| (draft.correlation.head.clone(), draft.correlation.group_by.clone())).collect();
    let (mut counted, mut mistakes, mut linked) = (Vec::new(), Vec::new(), Vec::new());
    for (place, mut draft) in drafts.into_iter().enumerate() {
        for named in &draft.named {
            match part(named, &draft, rules, &heads) {
                Ok(part) => {
                    counted.push(Counted { id: part.id.clone(), tells: draft.generate });
                    draft.correlation.parts.push(part);
                }
                Err(mistake) => mistakes.push((place, mistake)),
            }
        }
        linked.push(Some(draft.correlation));
    }
    if !mistakes.is_empty() {
        return Err(mistakes);
    }
    let mut correlations: Vec<_> = order.into_iter().filter_map(|at| linked[at].take()).collect();
    for correlation in &mut correlations {
        correlation.tells = tells(&correlation.head.id, &counted);
    }
    Ok(Linked { correlations, counted })
}

/// Whether a rule speaks for itself: nobody counts it, or somebody who lets it speak.
pub fn tells(id: &str, counted: &[Counted]) -> bool {
    let mut uses = counted.iter().filter(|counted| counted.id == id).peekable();
    uses.peek().is_none() || uses.any(|counted| counted.tells)
}

fn part(named: &Named, draft: &Draft, rules: &[&Head], heads: &[(Head, Vec<String>)]) -> Result<Part> {
    let group: Vec<_> = draft.correlation.group_by.iter().map(|name| named.field(name)).collect();
    let values: Vec<_> = draft.fields.iter().map(|name| named.field(name)).collect();
    let (id, known) = found(named, rules, heads)?;
    let missing = known.and_then(|known| group.iter().chain(&values).find(|field| !known.contains(field)).cloned());
    if let Some(missing) = missing {
        let message = format!("`{}` is not grouped by `{missing}`, so it has none", named.name);
        let advice = "group that correlation by it as well, or take it out here";
        return Err(Mistake::new(named.at, message, advice));
    }
    Ok(Part { id, group, values })
}

/// A rule that a correlation counts.
#[derive(Debug, Clone)]
pub struct Counted {
    pub id: String,
    /// It speaks for itself nevertheless.
    pub tells: bool,
}

/// The id that a name means, and of a correlation what it is grouped by.
fn found(named: &Named, rules: &[&Head], heads: &[(Head, Vec<String>)]) -> Result<(String, Option<Vec<String>>)> {
    if let Some(head) = rules.iter().find(|head| head.is(&named.name)) {
        return Ok((head.id.clone(), None));
    }
    if let Some((head, group_by)) = heads.iter().find(|(head, _)| head.is(&named.name)) {
        return Ok((head.id.clone(), Some(group_by.clone())));
    }
    let names = rules.iter().copied().chain(heads.iter().map(|(head, _)| head));
    let names: Vec<_> = names.flat_map(|head| [Some(head.id.as_str()), head.name.as_deref()]).flatten().collect();
    let advice = match nearest(&named.name, &names) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "load that rule as well; a rule is named by its `name` or its `id`".to_owned(),
    };
    Err(Mistake::new(named.at, format!("no rule has the id or name `{}`", named.name), advice))
}

/// The places of correlations, what is counted first.
fn sorted(drafts: &[Draft]) -> std::result::Result<Vec<usize>, Vec<(usize, Mistake)>> {
    let place = |name: &str| drafts.iter().position(|draft| draft.correlation.head.is(name));
    let mut order: Vec<usize> = Vec::new();
    while order.len() < drafts.len() {
        let is_ready = |at: &usize| {
            let mut parts = drafts[*at].named.iter().filter_map(|named| place(&named.name));
            !order.contains(at) && parts.all(|part| order.contains(&part))
        };
        match (0..drafts.len()).find(is_ready) {
            Some(at) => order.push(at),
            None => {
                let rest = (0..drafts.len()).filter(|at| !order.contains(at));
                let circle = |at: usize| {
                    let advice = "take it out of the `rules` of one of them";
                    let mistake =
                        Mistake::new(drafts[at].at, "this correlation counts itself, by way of others", advice);
                    (at, mistake)
                };
                return Err(rest.map(circle).collect());
            }
        }
    }
    Ok(order)
}
