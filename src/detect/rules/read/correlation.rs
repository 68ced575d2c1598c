//! A correlation document.

use super::condition::{Selections, condition};
use super::head::head;
use super::{Entries, get, items, text_of};
use crate::detect::rules::correlation::{Condition, Correlation, Draft, Kind, Named, Rules};
use crate::detect::rules::expr::{Expr, Item, Wish};
use crate::detect::rules::mistake::{Mistake, Result};
use crate::detect::rules::subject::Subject;
use crate::detect::rules::taxonomy::{self, Late};
use crate::detect::rules::wanted::{Comparison, Operator};
use crate::enrich::field::Field;
use crate::yaml::{Location, Node, Spanned, nearest};

/// The keys of a correlation.
const KEYS: &[&str] = &["type", "rules", "group-by", "timespan", "aliases", "condition", "generate"];

/// The keys of its condition.
const CONDITION_KEYS: &[&str] = &["gt", "gte", "lt", "lte", "eq", "neq", "field", "percentile"];

const TYPES: &[&str] = &[
    "event_count",
    "value_count",
    "temporal",
    "temporal_ordered",
    "value_sum",
    "value_avg",
    "value_percentile",
    "value_median",
];

/// Longest span, seconds; a longer one is refused.
const TIMESPAN_MAX: i64 = 366 * 86_400;

/// Most that can be counted in one group; a condition beyond it is refused.
pub const COUNTED_MAX: usize = 10_000;

/// Reads it.
pub fn correlation(entries: &Entries, stated: &Spanned<Node>, at: Location) -> Result<Draft> {
    let head = head(entries, at)?;
    let Node::Map(parts) = &stated.value else {
        return Err(Mistake::new(
            stated.referenced,
            "a correlation has keys with values",
            "write `type`, `rules`, `timespan`, …",
        ));
    };
    known(parts, KEYS)?;
    let place = stated.referenced;
    let needed = |key: &str| {
        get(parts, key)
            .ok_or_else(|| Mistake::new(place, format!("`{key}` is missing"), "docs/rules.md shows a correlation"))
    };
    let condition_node = get(parts, "condition");
    let kind = kind(needed("type")?, condition_node)?;
    let named = named(needed("rules")?, get(parts, "aliases"))?;
    let names: Vec<_> = named.iter().map(|named| named.name.clone()).collect();
    let group_by = group_by(get(parts, "group-by"), &named)?;
    let fields = fields(kind, condition_node, &named, place)?;
    let condition = match condition_node.map(|node| (&node.value, node)) {
        None if matches!(kind, Kind::Temporal | Kind::TemporalOrdered) => Condition::Rules(all_of(names.len())),
        None => {
            return Err(Mistake::new(place, "`condition` is missing", "write one, such as `condition: { gte: 10 }`"));
        }
        Some((Node::Text(text), node)) => over_rules(text, node.referenced, kind, &names)?,
        Some((Node::Map(map), _)) => Condition::Number(comparisons(map, node_at(condition_node, place))?),
        Some((other, node)) => {
            let message = format!("found {} where a condition belongs", other.kind());
            return Err(Mistake::new(node.referenced, message, "write one, such as `condition: { gte: 10 }`"));
        }
    };
    let timespan = timespan(needed("timespan")?)?;
    let generate = match get(parts, "generate").or_else(|| get(entries, "generate")).map(|node| (&node.value, node)) {
        None => false,
        Some((Node::Bool(generate), _)) => *generate,
        Some((_, node)) => return Err(Mistake::new(node.referenced, "`generate` is `true` or `false`", "write one")),
    };
    let parts = Vec::new();
    let correlation = Correlation { head, kind, parts, group_by, timespan, condition, tells: true };
    Ok(Draft { correlation, named, fields, generate, at })
}

fn node_at(node: Option<&Spanned<Node>>, place: Location) -> Location {
    node.map_or(place, |node| node.referenced)
}

fn known(entries: &Entries, keys: &[&str]) -> Result<()> {
    match entries.iter().find(|(key, _)| !keys.contains(&key.value.as_str())) {
        None => Ok(()),
        Some((key, _)) => {
            let advice = nearest(&key.value, keys).map_or_else(
                || format!("keys known here: {}", keys.join(", ")),
                |near| format!("did you mean `{near}`?"),
            );
            Err(Mistake::new(key.referenced, format!("unknown key `{}`", key.value), advice))
        }
    }
}

fn kind(node: &Spanned<Node>, condition: Option<&Spanned<Node>>) -> Result<Kind> {
    let word = text_of(node)?;
    Ok(match word.as_str() {
        "event_count" => Kind::EventCount,
        "value_count" => Kind::ValueCount,
        "temporal" => Kind::Temporal,
        "temporal_ordered" => Kind::TemporalOrdered,
        "value_sum" => Kind::ValueSum,
        "value_avg" => Kind::ValueAvg,
        "value_median" => Kind::ValuePercentile(50),
        "value_percentile" => Kind::ValuePercentile(percentile(node, condition)?),
        other => {
            let advice = nearest(other, TYPES)
                .map_or_else(|| format!("types: {}", TYPES.join(", ")), |near| format!("did you mean `{near}`?"));
            return Err(Mistake::new(node.referenced, format!("there is no correlation of type `{other}`"), advice));
        }
    })
}

fn percentile(at: &Spanned<Node>, condition: Option<&Spanned<Node>>) -> Result<u8> {
    let stated = condition.and_then(|node| match &node.value {
        Node::Map(map) => get(map, "percentile"),
        _ => None,
    });
    let Some(stated) = stated else {
        return Err(Mistake::new(
            at.referenced,
            "which percentile is not said",
            "write `percentile: 95` into the condition",
        ));
    };
    let number = text_of(stated)?.parse().ok().filter(|number| (1..=100).contains(number));
    number.ok_or_else(|| Mistake::new(stated.referenced, "a percentile is a whole number from 1 to 100", "write `95`"))
}

fn named(node: &Spanned<Node>, aliases: Option<&Spanned<Node>>) -> Result<Vec<Named>> {
    let mut named: Vec<Named> = Vec::new();
    for item in items(node) {
        named.push(Named { name: text_of(item)?, at: item.referenced, aliases: Vec::new() });
    }
    if named.is_empty() {
        return Err(Mistake::new(
            node.referenced,
            "this correlation counts no rule",
            "name one by its `name` or its `id`",
        ));
    }
    let wrong = |at| {
        Mistake::new(at, "an alias says for each rule which field it is", "write `aliases: { who: { rule: field } }`")
    };
    let Some(aliases) = aliases else { return Ok(named) };
    let Node::Map(aliases) = &aliases.value else { return Err(wrong(aliases.referenced)) };
    for (alias, fields) in aliases {
        let Node::Map(fields) = &fields.value else { return Err(wrong(fields.referenced)) };
        for (rule, field) in fields {
            let Some(named) = named.iter_mut().find(|named| named.name == rule.value) else {
                let message = format!("`{}` is not among the rules of this correlation", rule.value);
                return Err(Mistake::new(rule.referenced, message, "write its name as it stands in `rules`"));
            };
            named.aliases.push((alias.value.clone(), field_of(&text_of(field)?, field.referenced)?));
        }
        if let Some(without) = named.iter().find(|named| !named.aliases.iter().any(|(known, _)| *known == alias.value))
        {
            let message = format!("`{}` says nothing of the rule `{}`", alias.value, without.name);
            return Err(Mistake::new(alias.referenced, message, "say which field it is there"));
        }
    }
    Ok(named)
}

/// The full name of a field. A field that is only known later makes a group only then.
fn field_of(name: &str, at: Location) -> Result<String> {
    let full = taxonomy::meant(name).unwrap_or(name);
    match Field::named(full) {
        Ok(field) => Ok(field.name().to_owned()),
        Err(unknown) => {
            let advice = unknown.suggestion.map_or("docs/fields.md says which fields there are".to_owned(), |near| {
                format!("did you mean `{near}`?")
            });
            Err(Mistake::new(at, format!("there is no field `{name}`"), advice))
        }
    }
}

fn name_or_alias(node: &Spanned<Node>, named: &[Named]) -> Result<String> {
    let name = text_of(node)?;
    let is_alias = named.iter().any(|named| named.aliases.iter().any(|(alias, _)| *alias == name));
    if is_alias { Ok(name) } else { field_of(&name, node.referenced) }
}

fn group_by(node: Option<&Spanned<Node>>, named: &[Named]) -> Result<Vec<String>> {
    node.map_or(Ok(Vec::new()), |node| items(node).iter().map(|item| name_or_alias(item, named)).collect())
}

fn fields(kind: Kind, condition: Option<&Spanned<Node>>, named: &[Named], place: Location) -> Result<Vec<String>> {
    let stated = condition.and_then(|node| match &node.value {
        Node::Map(map) => get(map, "field"),
        _ => None,
    });
    let counts_values = !matches!(kind, Kind::EventCount | Kind::Temporal | Kind::TemporalOrdered);
    match (counts_values, stated) {
        (true, None) => {
            let at = node_at(condition, place);
            Err(Mistake::new(
                at,
                "whose values are counted is not said",
                "write `field: objectRef.name` into the condition",
            ))
        }
        (false, Some(node)) => Err(Mistake::new(node.referenced, "this type counts no values", "take `field` out")),
        (_, stated) => {
            stated.map_or(Ok(Vec::new()), |node| items(node).iter().map(|item| name_or_alias(item, named)).collect())
        }
    }
}

fn comparisons(map: &Entries, at: Location) -> Result<Vec<Comparison>> {
    known(map, CONDITION_KEYS)?;
    let mut all = Vec::new();
    for (key, value) in map {
        let operator = match key.value.as_str() {
            "gt" => Operator::Gt,
            "gte" => Operator::Gte,
            "lt" => Operator::Lt,
            "lte" => Operator::Lte,
            "eq" => Operator::Eq,
            "neq" => Operator::Neq,
            _ => continue,
        };
        let number = text_of(value)?.trim().parse().ok().filter(|number: &f64| number.is_finite());
        let number = number
            .ok_or_else(|| Mistake::new(value.referenced, "this is no number", "write a number to compare with"))?;
        all.push(Comparison { operator, number });
    }
    if all.is_empty() {
        return Err(Mistake::new(at, "this condition compares nothing", "write one, such as `gte: 10`"));
    }
    Ok(all)
}

fn all_of(count: usize) -> Rules {
    Rules::All((0..count).map(Rules::Found).collect())
}

fn over_rules(text: &str, at: Location, kind: Kind, names: &[String]) -> Result<Condition> {
    if !matches!(kind, Kind::Temporal | Kind::TemporalOrdered) {
        return Err(Mistake::new(at, "only temporal correlations have a condition over rules", "write `{ gte: 10 }`"));
    }
    let item = |name: &String| {
        let (subject, wish) = (Subject::Itself, Wish::Exists(true));
        (name.clone(), Expr::Item(Item { name: name.clone(), subject, wish, late: Late::Never }))
    };
    let mut selections = Selections::new(names.iter().map(item).collect());
    Ok(Condition::Rules(Rules::of(&condition(text, at, &mut selections)?, names)))
}

fn timespan(node: &Spanned<Node>) -> Result<i64> {
    let text = text_of(node)?;
    let wrong = || {
        Mistake::new(
            node.referenced,
            format!("`{text}` is no span of time"),
            "write one like `30s`, `5m`, `2h` or `7d`",
        )
    };
    let (digits, unit) = text.split_at(text.find(|letter: char| !letter.is_ascii_digit()).ok_or_else(wrong)?);
    let unit = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        "w" => 7 * 86_400,
        "M" => 2_629_746,
        "y" => 31_556_952,
        _ => return Err(wrong()),
    };
    let seconds = digits.parse::<i64>().ok().and_then(|number| number.checked_mul(unit)).ok_or_else(wrong)?;
    match seconds {
        1..=TIMESPAN_MAX => Ok(seconds),
        _ => Err(Mistake::new(
            node.referenced,
            "a span lasts from a second to a year",
            "write one like `30s`, `5m`, `2h` or `7d`",
        )),
    }
}

/// Whether more can be asked for than is counted.
pub fn check_counts(draft: &Draft) -> Result<()> {
    let counts = matches!(draft.correlation.kind, Kind::EventCount | Kind::ValueCount);
    let Condition::Number(comparisons) = &draft.correlation.condition else { return Ok(()) };
    if counts && comparisons.iter().any(|comparison| comparison.number >= COUNTED_MAX as f64) {
        let message = format!("no more than {COUNTED_MAX} are counted in one group");
        return Err(Mistake::new(draft.at, message, "ask for fewer, in a shorter `timespan`"));
    }
    Ok(())
}
