//! Placeholders: `%admins%` stands for each value of the list `admins`.

use std::collections::BTreeMap;

/// Lists of the configuration, by name.
pub type Lists = BTreeMap<String, Vec<String>>;

/// Most values that the placeholders of one value may come to; beyond it the value is refused.
const EXPANSIONS_MAX: usize = 100_000;

/// Why a placeholder stands for nothing.
#[derive(Debug, PartialEq)]
pub enum Unbound {
    /// No list has this name.
    Unknown(String),
    /// The list has no values.
    Empty(String),
    /// More than [`EXPANSIONS_MAX`] values.
    TooMany,
}

/// The text with each placeholder replaced by each value of its list. A `%` behind a backslash is itself; `quote` is
/// applied to what comes from lists.
pub fn expand(text: &str, lists: &Lists, quote: fn(&str) -> String) -> Result<Vec<String>, Unbound> {
    let mut all = vec![String::new()];
    let mut rest = text;
    while let Some(at) = rest.find('%') {
        let (before, behind) = (&rest[..at], &rest[at + 1..]);
        if let Some(before) = before.strip_suffix('\\') {
            all.iter_mut().for_each(|so_far| so_far.extend([before, "%"]));
            rest = behind;
            continue;
        }
        let name = behind.split_once('%').map(|(name, _)| name).filter(|name| is_name(name));
        let Some(name) = name else {
            all.iter_mut().for_each(|so_far| so_far.extend([before, "%"]));
            rest = behind;
            continue;
        };
        let values = lists.get(name).ok_or_else(|| Unbound::Unknown(name.to_owned()))?;
        if values.is_empty() {
            return Err(Unbound::Empty(name.to_owned()));
        }
        if all.len() * values.len() > EXPANSIONS_MAX {
            return Err(Unbound::TooMany);
        }
        all = all
            .iter()
            .flat_map(|so_far| values.iter().map(move |value| format!("{so_far}{before}{}", quote(value))))
            .collect();
        rest = &behind[name.len() + 1..];
    }
    all.iter_mut().for_each(|so_far| so_far.push_str(rest));
    Ok(all)
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_become_every_combination_of_values() {
        let list = |values: &[&str]| values.iter().map(ToString::to_string).collect::<Vec<_>>();
        let lists = Lists::from([("a".to_owned(), list(&["1", "2"])), ("none".to_owned(), Vec::new())]);
        let check = |text: &str, expected: Result<&[&str], Unbound>| {
            assert_eq!(expand(text, &lists, str::to_owned), expected.map(list), "{text}");
        };
        check("plain", Ok(&["plain"]));
        check("%a%", Ok(&["1", "2"]));
        check("x%a%y%a%", Ok(&["x1y1", "x1y2", "x2y1", "x2y2"]));
        check(r"100\% of %a%", Ok(&["100% of 1", "100% of 2"]));
        check("100% of", Ok(&["100% of"]));
        check("%b%", Err(Unbound::Unknown("b".to_owned())));
        check("%none%", Err(Unbound::Empty("none".to_owned())));
        check(&"%a%".repeat(20), Err(Unbound::TooMany));
    }
}
