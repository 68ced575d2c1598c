//! The condition: how selections are put together.
//!
//! `or` binds weakest, then `and`, then `not`, then `1 of …`. The words may be written in capitals as well.

use crate::detect::rules::expr::Expr;
use crate::detect::rules::mistake::{Mistake, Result};
use crate::yaml::Location;

/// Deepest nesting of parentheses and `not`. Beyond it the condition is refused.
const DEPTH_MAX: usize = 64;

/// The selections a condition may name, in their order, and which of them it did name.
#[derive(Debug)]
pub struct Selections {
    all: Vec<(String, Expr)>,
    used: Vec<bool>,
}

impl Selections {
    /// None of them named yet.
    pub fn new(all: Vec<(String, Expr)>) -> Self {
        Self { used: vec![false; all.len()], all }
    }

    /// Those that no condition named.
    pub fn unused(&self) -> impl Iterator<Item = &str> {
        let unused = self.all.iter().zip(&self.used).filter(|(_, used)| !**used);
        unused.map(|((name, _), _)| name.as_str())
    }

    /// Those whose names are of this pattern. Names with a leading `_` want one with it as well.
    fn matching(&mut self, pattern: Option<&str>) -> Vec<Expr> {
        let fits = |name: &str| match pattern {
            None => !name.starts_with('_'),
            Some(pattern) => (pattern.starts_with('_') || !name.starts_with('_')) && is_like(name, pattern),
        };
        let chosen = self.all.iter().zip(&mut self.used).filter(|((name, _), _)| fits(name));
        chosen
            .map(|((_, expr), used)| {
                *used = true;
                expr.clone()
            })
            .collect()
    }

    fn named(&mut self, name: &str) -> Option<Expr> {
        let at = self.all.iter().position(|(known, _)| known == name)?;
        self.used[at] = true;
        Some(self.all[at].1.clone())
    }

    fn names(&self) -> String {
        self.all.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ")
    }
}

/// Whether a name is of a pattern with `*` anywhere.
fn is_like(name: &str, pattern: &str) -> bool {
    let Some((head, tail)) = pattern.split_once('*') else { return name == pattern };
    let Some(rest) = name.strip_prefix(head) else { return false };
    rest.char_indices().map(|(at, _)| at).chain([rest.len()]).any(|at| is_like(&rest[at..], tail))
}

/// Reads a condition.
pub fn condition(text: &str, at: Location, selections: &mut Selections) -> Result<Expr> {
    let mut reader = Reader { tokens: tokens(text, at)?, next: 0, at, selections, end: text.chars().count() };
    let expr = reader.or(0)?;
    match reader.peek() {
        None => Ok(expr),
        Some(_) => Err(reader.mistake("what stands here belongs to nothing", "join it with `and` or `or`")),
    }
}

#[derive(Debug, Clone, PartialEq)]
struct Token {
    text: String,
    from: usize,
}

fn tokens(text: &str, at: Location) -> Result<Vec<Token>> {
    let mut tokens: Vec<Token> = Vec::new();
    let mut joined = false;
    for (from, letter) in text.chars().enumerate() {
        match letter {
            '(' | ')' => tokens.push(Token { text: letter.to_string(), from }),
            'A'..='Z' | 'a'..='z' | '0'..='9' | '_' | '-' | '*' => match tokens.last_mut() {
                Some(word) if joined => word.text.push(letter),
                _ => tokens.push(Token { text: letter.to_string(), from }),
            },
            letter if letter.is_whitespace() => {}
            '|' => {
                let advice = "write a correlation of type event_count or value_count; docs/rules.md shows one";
                return Err(
                    Mistake::new(at, "aggregations after `|` are no longer part of Sigma", advice).part(from, 1)
                );
            }
            _ => {
                let advice = "use names of selections, `and`, `or`, `not`, `1 of …`, `all of …` and parentheses";
                return Err(Mistake::new(at, format!("`{letter}` has no place in a condition"), advice).part(from, 1));
            }
        }
        joined = !matches!(letter, '(' | ')') && !letter.is_whitespace();
    }
    Ok(tokens)
}

struct Reader<'s> {
    tokens: Vec<Token>,
    next: usize,
    at: Location,
    selections: &'s mut Selections,
    end: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<&str> {
        self.tokens.get(self.next).map(|token| token.text.as_str())
    }

    fn takes(&mut self, word: &str) -> bool {
        let is = self.peek().is_some_and(|next| next.eq_ignore_ascii_case(word));
        self.next += usize::from(is);
        is
    }

    fn mistake(&self, message: impl Into<String>, advice: impl Into<String>) -> Mistake {
        let (from, length) =
            self.tokens.get(self.next).map_or((self.end.saturating_sub(1), 1), |token| (token.from, token.text.len()));
        Mistake::new(self.at, message, advice).part(from, length)
    }

    fn or(&mut self, depth: usize) -> Result<Expr> {
        let mut all = vec![self.and(depth)?];
        while self.takes("or") {
            all.push(self.and(depth)?);
        }
        Ok(if all.len() == 1 { all.remove(0) } else { Expr::Some(1, all) })
    }

    fn and(&mut self, depth: usize) -> Result<Expr> {
        let mut all = vec![self.not(depth)?];
        while self.takes("and") {
            all.push(self.not(depth)?);
        }
        Ok(if all.len() == 1 { all.remove(0) } else { Expr::All(all) })
    }

    fn not(&mut self, depth: usize) -> Result<Expr> {
        if depth > DEPTH_MAX {
            return Err(self.mistake(format!("nested deeper than {DEPTH_MAX}"), "write it with fewer parentheses"));
        }
        if self.takes("not") {
            return Ok(Expr::Not(Box::new(self.not(depth + 1)?)));
        }
        if self.takes("(") {
            let expr = self.or(depth + 1)?;
            return match self.takes(")") {
                true => Ok(expr),
                false => Err(self.mistake("a closing parenthesis is missing", "write `)`")),
            };
        }
        self.primary()
    }

    fn primary(&mut self) -> Result<Expr> {
        let Some(word) = self.peek().map(str::to_owned) else {
            return Err(self.mistake("the condition ends too early", "write the name of a selection"));
        };
        let is_of = self.tokens.get(self.next + 1).is_some_and(|token| token.text.eq_ignore_ascii_case("of"));
        if is_of {
            return self.of(&word);
        }
        let reserved = ["and", "or", "not", "of", ")"].iter().any(|reserved| word.eq_ignore_ascii_case(reserved));
        match self.selections.named(&word) {
            Some(expr) => {
                self.next += 1;
                Ok(expr)
            }
            None if reserved => Err(self.mistake(format!("`{word}` stands where a selection should"), "name one")),
            None => {
                let advice = format!("selections of this rule: {}", self.selections.names());
                Err(self.mistake(format!("there is no selection `{word}`"), advice))
            }
        }
    }

    fn of(&mut self, count: &str) -> Result<Expr> {
        let least = match count.to_ascii_lowercase().as_str() {
            "any" => Some(1),
            "all" => None,
            number => match number.parse() {
                Ok(least) if least > 0 => Some(least),
                _ => return Err(self.mistake(format!("`{count} of` is nothing"), "write `1 of`, `any of` or `all of`")),
            },
        };
        self.next += 2;
        let Some(pattern) = self.peek().map(str::to_owned) else {
            return Err(self.mistake("`of` wants to know of what", "write `them`, or a pattern such as `selection_*`"));
        };
        let them = pattern.eq_ignore_ascii_case("them");
        let chosen = self.selections.matching((!them).then_some(&pattern));
        let advice = || format!("selections of this rule: {}", self.selections.names());
        if chosen.is_empty() {
            return Err(self.mistake(format!("no selection is like `{pattern}`"), advice()));
        }
        if least.is_some_and(|least| least > chosen.len()) {
            return Err(self.mistake(format!("only {} selections are like `{pattern}`", chosen.len()), advice()));
        }
        self.next += 1;
        Ok(match least {
            Some(least) => Expr::Some(least, chosen),
            None => Expr::All(chosen),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::rules::expr::{Item, Wish};
    use crate::detect::rules::subject::Subject;
    use crate::detect::rules::taxonomy::Late;
    use crate::yaml::Outline;

    fn selections() -> Selections {
        let item = |name: &str| {
            let item =
                Item { name: name.to_owned(), subject: Subject::Itself, wish: Wish::Exists(true), late: Late::Never };
            (name.to_owned(), Expr::Item(item))
        };
        Selections::new(["a", "b", "sel_1", "sel_2", "_sel_3", "filter-x"].map(item).into())
    }

    fn shape(expr: &Expr) -> String {
        let all = |all: &[Expr]| all.iter().map(shape).collect::<Vec<_>>().join(" ");
        match expr {
            Expr::All(exprs) => format!("(and {})", all(exprs)),
            Expr::Some(1, exprs) => format!("(or {})", all(exprs)),
            Expr::Some(least, exprs) => format!("({least}of {})", all(exprs)),
            Expr::Not(expr) => format!("(not {})", shape(expr)),
            Expr::Item(item) => item.name.clone(),
        }
    }

    #[test]
    fn conditions_bind_as_the_specification_says() {
        for (text, expected) in [
            ("a", "a"),
            ("a or b and not sel_1", "(or a (and b (not sel_1)))"),
            ("(a or b) and sel_1", "(and (or a b) sel_1)"),
            ("not not a", "(not (not a))"),
            ("not a and b", "(and (not a) b)"),
            ("1 of sel_*", "(or sel_1 sel_2)"),
            ("any of sel*", "(or sel_1 sel_2)"),
            ("all of sel_*", "(and sel_1 sel_2)"),
            ("2 of *_*", "(2of sel_1 sel_2)"),
            ("1 of _sel*", "(or _sel_3)"),
            ("all of them", "(and a b sel_1 sel_2 filter-x)"),
            ("not 1 of sel_*", "(not (or sel_1 sel_2))"),
            ("A AND B", ""),
            ("a AND NOT b", "(and a (not b))"),
            ("filter-x", "filter-x"),
            ("((a))", "a"),
        ] {
            let read = condition(text, Location::UNKNOWN, &mut selections());
            assert_eq!(read.map_or(String::new(), |expr| shape(&expr)), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_condition_is_told_with_its_place() {
        for (text, column, message) in [
            ("", 1, "ends too early"),
            ("a and", 5, "ends too early"),
            ("a b", 3, "belongs to nothing"),
            ("c", 1, "no selection `c`"),
            ("1 of x*", 6, "no selection is like"),
            ("3 of sel_*", 6, "only 2"),
            ("0 of them", 1, "is nothing"),
            ("(a", 2, "parenthesis"),
            ("a | count() > 3", 3, "no longer"),
            ("a & b", 3, "no place"),
            ("or a", 1, "where a selection should"),
            ("1 of", 4, "of what"),
        ] {
            let Err(mistake) = condition(text, Location::UNKNOWN, &mut selections()) else { panic!("{text}") };
            let problem = format!("{mistake:?}");
            assert!(problem.contains(message), "{text}: {problem}");
            assert!(problem.contains(&format!("Some(({},", column - 1)), "{text}: {problem}");
        }
        assert!(condition(&"(".repeat(10_000), Location::UNKNOWN, &mut selections()).is_err());
        assert!(condition(&"not ".repeat(10_000), Location::UNKNOWN, &mut selections()).is_err());
        let mistake = condition("x or a", Location::UNKNOWN, &mut selections()).unwrap_err();
        mistake.problem(&Outline::new("x: y", "f".to_owned()));
    }
}
