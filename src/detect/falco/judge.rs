//! Comparisons, ready to be made.

use std::borrow::Cow;
use std::collections::HashSet;

use ipnet::IpNet;

use super::fault::{Fault, Spot};
use super::get::{Get, Subject, Value};
use super::matcher::{Matcher, compared, ordered};
use super::pattern::PathPrefix;
use super::reader::{Kind, Reader};
use super::tree::{Check, Comparison, Membership, Quantifier, Right, RightList, Test};

/// One comparison.
#[derive(Debug)]
pub(super) struct Judge {
    pub(super) left: Reader,
    test: Ready,
}

/// How the left side is judged.
#[derive(Debug)]
enum Ready {
    Exists,
    Matches(Matcher),
    Several(Quantifier, Vec<Matcher>),
    Set(Membership, HashSet<String>, Vec<IpNet>),
    Paths(Vec<PathPrefix>),
    Number(Comparison, f64),
    NumberIn(Vec<f64>),
    /// Against what another operand gives.
    Other(Comparison, Reader),
    OtherSet(Membership, Reader),
}

impl Judge {
    /// From a parsed comparison.
    pub(super) fn new(check: &Check) -> Result<Self, Fault> {
        let left = Reader::new(&check.left)?;
        let kind = left.kind();
        let test = match &check.test {
            Test::Exists => Ready::Exists,
            Test::Member(membership, list) => member(*membership, list, &left, check.spot)?,
            _ if kind == Kind::List => {
                return Err(Fault::new(check.spot, "the left side is a list")
                    .advise("lists take `in` (all are), `intersects` (some are) and `exists`"));
            }
            // Nobody who makes requests may write our expressions.
            Test::Compare(Comparison::Regex, Right::Operand(operand)) => {
                return Err(Fault::new(operand.spot, "`regex` takes a fixed value on its right"));
            }
            Test::Compare(comparison, Right::Operand(operand)) => {
                Ready::Other(*comparison, of_kind(Reader::new(operand)?, kind, check.spot)?)
            }
            Test::Compare(comparison, Right::Value(value)) if kind == Kind::Number => {
                Ready::Number(ordering(*comparison, check.spot)?, number(value, check.spot)?)
            }
            Test::Compare(comparison, Right::Value(value)) => {
                Ready::Matches(Matcher::new(*comparison, value, check.spot)?)
            }
            Test::Several(..) if kind == Kind::Number => {
                return Err(Fault::new(check.spot, "the left side is a number").advise("numbers take `in`"));
            }
            Test::Several(comparison, quantifier, values) => {
                let matchers = values.iter().map(|value| Matcher::new(*comparison, value, check.spot));
                Ready::Several(*quantifier, matchers.collect::<Result<_, _>>()?)
            }
        };
        Ok(Self { left, test })
    }

    /// Judges an event. A missing value fails every comparison.
    pub(super) fn holds(&self, subject: Subject<'_, '_>) -> bool {
        let value = self.left.read(subject);
        match (&self.test, &value) {
            (_, Value::Missing) => false,
            (Ready::Exists, _) => true,
            (Ready::Matches(matcher), Value::Text(text)) => matcher.holds(text),
            (Ready::Several(quantifier, matchers), Value::Text(text)) => several(*quantifier, matchers, text),
            (Ready::Set(_, values, networks), Value::Text(text)) => holds(values, networks, text),
            (Ready::Set(Membership::Intersects, values, networks), Value::List(all)) => {
                all.iter().any(|text| holds(values, networks, text))
            }
            (Ready::Set(_, values, networks), Value::List(all)) => all.iter().all(|text| holds(values, networks, text)),
            (Ready::Paths(paths), Value::Text(text)) => paths.iter().any(|path| path.holds(text)),
            (Ready::Number(comparison, right), Value::Number(left)) => ordered(*comparison, &(*left as f64), right),
            (Ready::NumberIn(numbers), Value::Number(left)) => numbers.contains(&(*left as f64)),
            (Ready::Other(comparison, right), _) => other(*comparison, &value, &right.read(subject)),
            (Ready::OtherSet(membership, right), _) => other_set(*membership, &value, &right.read(subject)),
            _ => false,
        }
    }

    /// The values that the left side must have, when it is one text and only these will do.
    pub(super) fn only(&self, get: &Get) -> Option<Vec<String>> {
        match &self.test {
            _ if !self.left.is(get) => None,
            Ready::Matches(Matcher::Text(Comparison::Equal, value)) => Some(vec![value.clone()]),
            Ready::Set(_, values, networks) if networks.is_empty() => Some(values.iter().cloned().collect()),
            _ => None,
        }
    }

    /// Every operand asked.
    pub(super) fn readers(&self) -> impl Iterator<Item = &Reader> {
        let right = match &self.test {
            Ready::Other(_, right) | Ready::OtherSet(_, right) => Some(right),
            _ => None,
        };
        [&self.left].into_iter().chain(right)
    }
}

fn member(membership: Membership, list: &RightList, left: &Reader, spot: Spot) -> Result<Ready, Fault> {
    let kind = left.kind();
    if membership == Membership::PathBelow && kind != Kind::Text {
        return Err(Fault::new(spot, format!("`pmatch` takes a text on its left, not {}", kind.word())));
    }
    let values = match list {
        RightList::Operand(operand) if membership == Membership::PathBelow => {
            return Err(Fault::new(operand.spot, "`pmatch` takes a list of paths").advise("such as `(/etc, /proc)`"));
        }
        RightList::Operand(operand) => {
            let right = Reader::new(operand)?;
            let right = if right.kind() == Kind::List { right } else { of_kind(right, kind, spot)? };
            return Ok(Ready::OtherSet(membership, right));
        }
        RightList::Values(values) => values,
    };
    if membership == Membership::PathBelow {
        return Ok(Ready::Paths(values.iter().map(|path| PathPrefix::new(path)).collect()));
    }
    if kind == Kind::Number {
        return values.iter().map(|value| number(value, spot)).collect::<Result<_, _>>().map(Ready::NumberIn);
    }
    let addresses = matches!(left, Reader::Field(field) if matches!(field.get, Get::SourceIps(_)));
    let networks = values.iter().filter(|value| addresses && value.contains('/'));
    let network = |value: &String| {
        value.parse().map_err(|_| Fault::new(spot, format!("`{value}` is no network")).advise("such as `10.0.0.0/8`"))
    };
    let networks = networks.map(network).collect::<Result<_, _>>()?;
    Ok(Ready::Set(membership, values.iter().cloned().collect(), networks))
}

fn of_kind(reader: Reader, wanted: Kind, spot: Spot) -> Result<Reader, Fault> {
    match reader.kind() {
        kind if kind == wanted => Ok(reader),
        kind => Err(Fault::new(spot, format!("{} is compared with {}", wanted.word(), kind.word()))),
    }
}

fn ordering(comparison: Comparison, spot: Spot) -> Result<Comparison, Fault> {
    use Comparison::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual, Unequal};
    match comparison {
        Equal | Unequal | Less | LessOrEqual | Greater | GreaterOrEqual => Ok(comparison),
        _ => Err(Fault::new(spot, "the left side is a number").advise("numbers take = != < <= > >= and in")),
    }
}

fn number(text: &str, spot: Spot) -> Result<f64, Fault> {
    let hexadecimal = text.strip_prefix("0x").and_then(|digits| u64::from_str_radix(digits, 16).ok());
    let number = hexadecimal.map(|number| number as f64).or_else(|| text.parse().ok());
    number.ok_or_else(|| Fault::new(spot, format!("`{text}` is no number")))
}

fn several(quantifier: Quantifier, matchers: &[Matcher], text: &str) -> bool {
    let mut holding = matchers.iter().filter(|matcher| matcher.holds(text));
    match quantifier {
        Quantifier::Any => holding.next().is_some(),
        Quantifier::One => holding.next().is_some() && holding.next().is_none(),
        Quantifier::All => !matchers.is_empty() && holding.count() == matchers.len(),
    }
}

fn holds(values: &HashSet<String>, networks: &[IpNet], text: &str) -> bool {
    let address = || text.parse::<std::net::IpAddr>().ok().map(|address| address.to_canonical());
    values.contains(text)
        || (!networks.is_empty()
            && address().is_some_and(|address| networks.iter().any(|network| network.contains(&address))))
}

fn other(comparison: Comparison, left: &Value<'_>, right: &Value<'_>) -> bool {
    match (left, right) {
        (Value::Text(left), Value::Text(right)) => {
            let any_case = matches!(comparison, Comparison::ContainsAnyCase | Comparison::GlobAnyCase);
            let right = if any_case { Cow::Owned(right.to_ascii_lowercase()) } else { Cow::Borrowed(right.as_ref()) };
            compared(comparison, left, &right)
        }
        (Value::Number(left), Value::Number(right)) => ordered(comparison, left, right),
        _ => false,
    }
}

fn other_set(membership: Membership, left: &Value<'_>, right: &Value<'_>) -> bool {
    let texts = |value: &Value<'_>| match value {
        Value::Missing => Vec::new(),
        Value::Text(text) => vec![text.to_string()],
        Value::List(values) => values.iter().map(ToString::to_string).collect(),
        Value::Number(number) => vec![number.to_string()],
    };
    let (left, right) = (texts(left), texts(right));
    let right: HashSet<_> = right.into_iter().collect();
    match membership {
        Membership::Intersects => left.iter().any(|text| right.contains(text)),
        _ => !left.is_empty() && left.iter().all(|text| right.contains(text)),
    }
}
