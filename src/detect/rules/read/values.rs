//! From the values of an item to what is wanted.

use super::encode;
use super::modifiers::{Change, Comparing, Modifiers};
use super::placeholder::{Lists, Unbound, expand};
use crate::detect::rules::mistake::{Mistake, Result};
use crate::detect::rules::pattern::{Glob, Pattern};
use crate::detect::rules::subject::Subject;
use crate::detect::rules::wanted::{Comparison, Like, Wanted};
use crate::yaml::{Location, Node, Spanned, nearest};

/// Largest compiled regular expression, bytes; a larger one is refused.
const REGEX_BYTES_MAX: usize = 4 << 20;

/// Reads one value. `name` says which field a reference means.
pub fn wanted(
    value: &Spanned<Node>,
    modifiers: &Modifiers,
    lists: &Lists,
    name: &dyn Fn(&str, Location) -> Result<Subject>,
) -> Result<Vec<Wanted>> {
    let at = value.referenced;
    match modifiers.comparing {
        Comparing::Number(operator) => Ok(vec![Wanted::Compare(Comparison { operator, number: number(value)? })]),
        Comparing::Part(part, operator) => {
            Ok(vec![Wanted::Part(part, Comparison { operator, number: number(value)? })])
        }
        Comparing::Reference => {
            let (open_start, open_end, cased) = (modifiers.open_start, modifiers.open_end, modifiers.cased);
            Ok(vec![Wanted::Like(Like { other: name(text(value)?, at)?, open_start, open_end, cased })])
        }
        Comparing::Network => {
            changed(text(value)?, modifiers, lists, at, str::to_owned)?.iter().map(|text| network(text, at)).collect()
        }
        Comparing::Regex { .. } => changed(text(value)?, modifiers, lists, at, regex::escape)?
            .iter()
            .map(|text| regex(text, modifiers, at))
            .collect(),
        Comparing::Plainly | Comparing::Presence => plain(value, modifiers, lists),
    }
}

fn plain(value: &Spanned<Node>, modifiers: &Modifiers, lists: &Lists) -> Result<Vec<Wanted>> {
    let at = value.referenced;
    match &value.value {
        Node::Text(text) => {
            let texts = changed(text, modifiers, lists, at, str::to_owned)?;
            Ok(texts.iter().map(|text| pattern(text, modifiers)).collect())
        }
        Node::Number(number) if modifiers.placed || !modifiers.changes.is_empty() => {
            Ok(vec![pattern(number, modifiers)])
        }
        Node::Number(number) => Ok(vec![Wanted::Number(number.clone())]),
        Node::Bool(truth) => Ok(vec![Wanted::Bool(*truth)]),
        Node::Null if modifiers.placed || !modifiers.changes.is_empty() => {
            Err(Mistake::new(at, "nothing has no parts", "write a text, or take the modifiers out"))
        }
        Node::Null => Ok(vec![Wanted::Null]),
        other => {
            Err(Mistake::new(at, format!("found {} where a value belongs", other.kind()), "write a text or a number"))
        }
    }
}

fn pattern(text: &str, modifiers: &Modifiers) -> Wanted {
    let encoded = modifiers.changes.iter().any(|change| matches!(change, Change::Base64 | Change::Base64Offset));
    let mut glob = if encoded { Glob::literal(text) } else { Glob::parse(text) };
    if modifiers.open_start {
        glob.open_start();
    }
    if modifiers.open_end {
        glob.open_end();
    }
    // Base64 minds case, whatever the text in it does.
    let pattern = Pattern::new(glob, modifiers.cased || encoded);
    if pattern.is_anything() && !modifiers.placed { Wanted::Anything } else { Wanted::Text(pattern) }
}

/// The spellings of a text after its changes.
fn changed(
    text: &str,
    modifiers: &Modifiers,
    lists: &Lists,
    at: Location,
    quote: fn(&str) -> String,
) -> Result<Vec<String>> {
    let mut all = vec![text.to_owned()];
    if modifiers.changes.contains(&Change::Expand) {
        all = expand(text, lists, quote).map_err(|unbound| unbound_mistake(&unbound, lists, at))?;
    }
    if modifiers.changes.contains(&Change::WinDash) {
        let spellings: Option<Vec<_>> = all.iter().map(|text| encode::with_any_dash(text)).collect();
        let message = format!("`windash` makes more than {} spellings of this", encode::SPELLINGS_MAX);
        all = spellings.ok_or_else(|| Mistake::new(at, message, "write fewer options into one value"))?.concat();
    }
    let encodings: Vec<_> = modifiers
        .changes
        .iter()
        .copied()
        .filter(|change| !matches!(change, Change::Expand | Change::WinDash))
        .collect();
    if encodings.is_empty() {
        return Ok(all);
    }
    let encoded: Result<Vec<_>> = all.iter().map(|text| encoded(text, &encodings, at)).collect();
    Ok(encoded?.concat())
}

fn encoded(text: &str, encodings: &[Change], at: Location) -> Result<Vec<String>> {
    let glob = Glob::parse(text);
    let Some(text) = glob.plain() else {
        let advice = "put a backslash before `*` and `?` that mean themselves";
        return Err(Mistake::new(at, "wildcards cannot be encoded", advice));
    };
    let mut all = vec![text.as_bytes().to_vec()];
    for encoding in encodings {
        all = match encoding {
            Change::Base64 => all.iter().map(|bytes| encode::base64(bytes).into_bytes()).collect(),
            Change::Base64Offset => {
                all.iter().flat_map(|bytes| encode::base64_at_offsets(bytes)).map(String::into_bytes).collect()
            }
            wide => all.iter().map(|bytes| encode::wide(&String::from_utf8_lossy(bytes), *wide)).collect(),
        };
    }
    Ok(all.into_iter().map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).collect())
}

fn unbound_mistake(unbound: &Unbound, lists: &Lists, at: Location) -> Mistake {
    let known: Vec<_> = lists.keys().map(String::as_str).collect();
    match unbound {
        Unbound::Unknown(name) => {
            let advice = match nearest(name, &known) {
                Some(near) => format!("did you mean `%{near}%`?"),
                None => format!("add it to the configuration: `rules: {{ lists: {{ {name}: {{ values: [...] }} }} }}`"),
            };
            Mistake::new(at, format!("there is no list `{name}`"), advice)
        }
        Unbound::Empty(name) => {
            let advice = "give it values, or do not load this rule: it could never match";
            Mistake::new(at, format!("the list `{name}` is empty"), advice)
        }
        Unbound::TooMany => Mistake::new(at, "these placeholders come to too many values", "use fewer in one value"),
    }
}

fn text(value: &Spanned<Node>) -> Result<&str> {
    match &value.value {
        Node::Text(text) | Node::Number(text) => Ok(text),
        other => {
            Err(Mistake::new(value.referenced, format!("found {} where a text belongs", other.kind()), "write a text"))
        }
    }
}

fn number(value: &Spanned<Node>) -> Result<f64> {
    let number = text(value)?.trim().parse().ok().filter(|number: &f64| number.is_finite());
    number.ok_or_else(|| Mistake::new(value.referenced, "this is no number", "write a number to compare with"))
}

fn network(text: &str, at: Location) -> Result<Wanted> {
    match text.parse::<ipnet::IpNet>() {
        Ok(network) if network.trunc() == network => Ok(Wanted::Network(network)),
        Ok(network) => {
            let advice = format!("write `{}`, or `{}` for one address", network.trunc(), network.addr());
            Err(Mistake::new(at, format!("`{network}` names an address within a network"), advice))
        }
        Err(_) => match text.parse::<std::net::IpAddr>() {
            Ok(address) => Ok(Wanted::Network(address.into())),
            Err(_) => Err(Mistake::new(at, format!("`{text}` is no network"), "write one like `203.0.113.0/24`")),
        },
    }
}

fn regex(text: &str, modifiers: &Modifiers, at: Location) -> Result<Wanted> {
    let Comparing::Regex { insensitive, multiline, dotall } = modifiers.comparing else {
        return Err(Mistake::new(at, "this is no regular expression", "write `re` behind the field"));
    };
    let flags: String = [(insensitive, 'i'), (multiline, 'm'), (dotall, 's')]
        .iter()
        .filter(|(set, _)| *set)
        .map(|(_, flag)| flag)
        .collect();
    let body = match (modifiers.open_start, modifiers.open_end) {
        (false, true) => format!(r"\A(?:{text})"),
        (true, false) => format!(r"(?:{text})\z"),
        _ => text.to_owned(),
    };
    let whole = if flags.is_empty() { body } else { format!("(?{flags}:{body})") };
    let built = regex::RegexBuilder::new(&whole).size_limit(REGEX_BYTES_MAX).build();
    built.map(Wanted::Regex).map_err(|error| {
        let error = error.to_string();
        let reason = error.lines().next_back().unwrap_or_default().trim_start_matches("error: ").to_owned();
        let advice = "expressions are those of Rust's regex crate: no look-around, no references to groups";
        Mistake::new(at, format!("this is no regular expression: {reason}"), advice)
    })
}
