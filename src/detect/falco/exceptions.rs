//! Exceptions: named reasons not to raise, which become clauses of the condition's text.

use super::define::{Exception, Remarks, RuleText};
use super::fault::{Fault, Spot};
use super::keys::{Keys, scalar};
use super::lists::quoted;
use super::traced::Traced;
use super::yaml::{Node, Value};

/// Operators whose right side is a list.
const LIST_OPERATORS: &[&str] = &["in", "pmatch", "intersects"];

/// Reads the exceptions of a new rule.
pub(super) fn read(nodes: &[Node], rule: &str, remarks: &mut Remarks) -> Result<Vec<Exception>, Fault> {
    let mut exceptions: Vec<Exception> = Vec::new();
    for node in nodes {
        let exception = one(node)?;
        if exception.fields.is_none() {
            return Err(no_fields(&exception));
        }
        if exceptions.iter().any(|known| known.name == exception.name) {
            let message = format!("the rule `{rule}` has two exceptions `{}`", exception.name);
            remarks.warnings.push(Fault::new(exception.spot, message).advise("both hold; give them two names"));
        }
        exceptions.push(exception);
    }
    Ok(exceptions)
}

/// Adds the exceptions of a later item: values of known ones, and new ones.
pub(super) fn merge(exceptions: &mut Vec<Exception>, nodes: &[Node], rule: &str) -> Result<(), Fault> {
    for node in nodes {
        let new = one(node)?;
        match exceptions.iter_mut().find(|known| known.name == new.name) {
            Some(_) if new.fields.is_some() || new.comps.is_some() => {
                let message = format!("the rule `{rule}` has the exception `{}` already", new.name);
                return Err(Fault::new(new.spot, message).advise("give only its `values`, they are added"));
            }
            Some(known) => known.values.extend(new.values),
            None if new.fields.is_none() => return Err(no_fields(&new)),
            None if new.values.is_empty() => {
                return Err(Fault::new(new.spot, format!("the new exception `{}` has no `values`", new.name)));
            }
            None => exceptions.push(new),
        }
    }
    Ok(())
}

fn no_fields(exception: &Exception) -> Fault {
    Fault::new(exception.spot, format!("the exception `{}` has no `fields`", exception.name))
        .advise("name the fields that its values are compared with")
}

fn one(node: &Node) -> Result<Exception, Fault> {
    let keys =
        Keys::new(node).ok_or_else(|| node.wrong("an exception", "write keys with values, such as `- name: NAME`"))?;
    let name = keys.needed("name", keys.text("name")?, node.spot)?;
    Ok(Exception {
        name: name.as_str().to_owned(),
        spot: name.spot(0),
        fields: keys.get("fields").map(|(_, fields)| fields.clone()),
        comps: keys.get("comps").map(|(_, comps)| comps.clone()),
        values: keys.list("values")?.unwrap_or_default().to_vec(),
    })
}

/// The condition with its exceptions.
pub(super) fn applied(rule: &RuleText) -> Result<Traced, Fault> {
    let clauses: Vec<_> = rule.exceptions.iter().filter_map(|exception| clause(exception).transpose()).collect();
    if clauses.is_empty() {
        return Ok(rule.condition.clone());
    }
    let mut text = Traced::at("(", rule.condition.spot(0));
    text.push(&rule.condition);
    text.push_str(")", rule.condition.spot(usize::MAX));
    for clause in clauses {
        let clause = clause?;
        text.push_str(" and not ", clause.spot(0));
        text.push(&clause);
    }
    Ok(text)
}

/// What an exception says; nothing when it has no values.
fn clause(exception: &Exception) -> Result<Option<Traced>, Fault> {
    if exception.values.is_empty() {
        return Ok(None);
    }
    match exception.fields.as_ref().map(|fields| &fields.value) {
        Some(Value::Scalar(field)) => single(exception, field).map(Some),
        Some(Value::List(fields)) => tuples(exception, fields).map(Some),
        _ => Err(no_fields(exception)),
    }
}

/// One field and one list of all values.
fn single(exception: &Exception, field: &Traced) -> Result<Traced, Fault> {
    let comp = match &exception.comps {
        None => "in",
        Some(comps) => scalar(comps, "comps")?.as_str(),
    };
    let mut text = field.clone();
    text.push_str(&format!(" {comp} "), exception.comps.as_ref().map_or(exception.spot, |comps| comps.spot));
    text.push(&list(&exception.values)?);
    Ok(text)
}

/// Several fields, and tuples of values: any tuple of which all positions hold.
fn tuples(exception: &Exception, fields: &[Node]) -> Result<Traced, Fault> {
    let fields: Vec<_> = fields.iter().map(|field| scalar(field, "fields")).collect::<Result<_, _>>()?;
    let comps: Vec<&str> = match exception.comps.as_ref().map(|comps| &comps.value) {
        None => vec!["="; fields.len()],
        Some(Value::List(comps)) => {
            comps.iter().map(|comp| scalar(comp, "comps").map(|text| text.as_str())).collect::<Result<_, _>>()?
        }
        Some(_) => {
            return Err(
                Fault::new(exception.spot, "`fields` is a list and `comps` is not").advise("write both as lists")
            );
        }
    };
    if comps.len() != fields.len() {
        let message = format!("{} fields, but {} comps", fields.len(), comps.len());
        return Err(Fault::new(exception.spot, message).advise("write one comparison for each field"));
    }
    let mut text = Traced::at("(", exception.spot);
    for (at, tuple) in exception.values.iter().enumerate() {
        let Value::List(values) = &tuple.value else {
            return Err(tuple_fault(tuple.spot, fields.len()));
        };
        if values.len() != fields.len() {
            return Err(tuple_fault(tuple.spot, fields.len()));
        }
        text.push_str(if at == 0 { "(" } else { " or (" }, tuple.spot);
        for (position, ((field, comp), value)) in fields.iter().zip(&comps).zip(values).enumerate() {
            text.push_str(if position == 0 { "" } else { " and " }, value.spot);
            text.push(field);
            text.push_str(&format!(" {comp} "), value.spot);
            text.push(&operand(value, comp)?);
        }
        text.push_str(")", tuple.spot);
    }
    text.push_str(")", exception.spot);
    Ok(text)
}

fn tuple_fault(spot: Spot, fields: usize) -> Fault {
    Fault::new(spot, format!("`values` of an exception with {fields} fields"))
        .advise(format!("write a list with {fields} values for each case"))
}

/// The right side of one comparison.
fn operand(value: &Node, comp: &str) -> Result<Traced, Fault> {
    let text = match &value.value {
        Value::List(items) => return list(items),
        _ => quoted(scalar(value, "values")?),
    };
    let takes_list = LIST_OPERATORS.contains(&comp) && !text.as_str().starts_with('(');
    Ok(if takes_list { parenthesised(&text) } else { text })
}

fn parenthesised(text: &Traced) -> Traced {
    let mut whole = Traced::at("(", text.spot(0));
    whole.push(text);
    whole.push_str(")", text.spot(usize::MAX));
    whole
}

fn list(items: &[Node]) -> Result<Traced, Fault> {
    let mut inside = Traced::default();
    for item in items {
        if !inside.as_str().is_empty() {
            inside.push_str(", ", item.spot);
        }
        inside.push(&quoted(scalar(item, "values")?));
    }
    Ok(parenthesised(&inside))
}
