//! What a rule wants a value to be.

use std::cmp::Ordering;

use ipnet::IpNet;
use regex::Regex;

use super::any_of::Needed;
use super::pattern::{Pattern, fold};
use super::subject::{Scope, Subject, Value};
use crate::event::Timestamp;

/// One wish.
#[derive(Debug, Clone)]
pub enum Wanted {
    /// Missing, or null.
    Null,
    /// Anything but null.
    Anything,
    /// This truth value, also as text.
    Bool(bool),
    /// This number, also as text.
    Number(String),
    /// Text, or a number's or truth value's text, of this pattern.
    Text(Pattern),
    /// Text in which the expression finds something.
    Regex(Regex),
    /// An address in this network.
    Network(IpNet),
    /// A number, also as text, that compares so.
    Compare(Comparison),
    /// A part of a time, UTC, that compares so.
    Part(Part, Comparison),
    /// The text of another field.
    Like(Like),
}

/// How a number compares with another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Comparison {
    pub operator: Operator,
    pub number: f64,
}

/// The ways to compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// Less.
    Lt,
    /// Less, or the same.
    Lte,
    /// More.
    Gt,
    /// More, or the same.
    Gte,
    /// The same.
    Eq,
    /// Another one.
    Neq,
}

impl Comparison {
    /// Whether it holds of a number.
    pub fn holds(self, number: f64) -> bool {
        let Some(order) = number.partial_cmp(&self.number) else { return false };
        match self.operator {
            Operator::Lt => order == Ordering::Less,
            Operator::Lte => order != Ordering::Greater,
            Operator::Gt => order == Ordering::Greater,
            Operator::Gte => order != Ordering::Less,
            Operator::Eq => order == Ordering::Equal,
            Operator::Neq => order != Ordering::Equal,
        }
    }
}

/// The parts of a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Minute,
    Hour,
    Day,
    /// ISO 8601.
    Week,
    Month,
    Year,
}

impl Part {
    fn of(self, time: Timestamp) -> Option<f64> {
        let moment = jiff::Timestamp::from_microsecond(time.micros()).ok()?;
        let civil = jiff::tz::Offset::UTC.to_datetime(moment);
        Some(match self {
            Self::Minute => civil.minute().into(),
            Self::Hour => civil.hour().into(),
            Self::Day => civil.day().into(),
            Self::Week => civil.date().iso_week_date().week().into(),
            Self::Month => civil.month().into(),
            Self::Year => civil.year().into(),
        })
    }
}

/// The text of another field.
#[derive(Debug, Clone)]
pub struct Like {
    pub other: Subject,
    /// Anything may stand before it.
    pub open_start: bool,
    /// Anything may stand behind it.
    pub open_end: bool,
    pub cased: bool,
}

impl Like {
    fn matches(&self, value: &str, scope: Scope<'_, '_, '_>) -> bool {
        self.other.any(scope, &mut |other| {
            let Some(other) = other.text().filter(|other| !other.is_empty()) else { return false };
            let whole = |rest: &str| self.open_end || rest.is_empty();
            let starts = value.char_indices().map(|(at, _)| &value[at..]);
            starts
                .take(if self.open_start { usize::MAX } else { 1 })
                .any(|start| self.after(other, start).is_some_and(whole))
        })
    }

    /// What is left of a value that begins with the other text.
    fn after<'v>(&self, other: &str, value: &'v str) -> Option<&'v str> {
        if self.cased {
            return value.strip_prefix(other);
        }
        let mut letters = value.chars();
        let same = other.chars().all(|letter| letters.next().is_some_and(|next| fold(next) == fold(letter)));
        same.then_some(letters.as_str())
    }
}

impl Wanted {
    /// Whether a value is what is wanted. Null is told by what is missing, see [`AnyOf::judge`](super::any_of::AnyOf::judge).
    pub fn matches(&self, value: Value<'_>, scope: Scope<'_, '_, '_>) -> bool {
        match self {
            Self::Null => matches!(value, Value::Null),
            Self::Anything => !matches!(value, Value::Null),
            Self::Bool(truth) => match value {
                Value::Bool(other) => other == *truth,
                Value::Text(text) => text.eq_ignore_ascii_case(if *truth { "true" } else { "false" }),
                _ => false,
            },
            Self::Number(number) => match value {
                Value::Number(other) => same_number(number, other),
                Value::Text(text) => text == number,
                _ => false,
            },
            Self::Text(pattern) => value.text().is_some_and(|text| pattern.matches(text)),
            Self::Regex(regex) => value.text().is_some_and(|text| regex.is_match(text)),
            Self::Network(network) => value.text().is_some_and(|text| is_in(text, network)),
            Self::Compare(comparison) => value.number().is_some_and(|number| comparison.holds(number)),
            Self::Part(part, comparison) => {
                let time = value.text().and_then(|text| Timestamp::parse(text.as_bytes()));
                time.and_then(|time| part.of(time)).is_some_and(|number| comparison.holds(number))
            }
            Self::Like(like) => value.text().is_some_and(|text| like.matches(text, scope)),
        }
    }
}

fn same_number(one: &str, other: &str) -> bool {
    if one == other {
        return true;
    }
    match (one.parse::<i128>(), other.parse::<i128>()) {
        (Ok(one), Ok(other)) => one == other,
        _ => matches!((one.parse::<f64>(), other.parse::<f64>()), (Ok(one), Ok(other)) if one == other),
    }
}

/// An address that wraps an IPv4 one is in the networks of what it wraps.
fn is_in(text: &str, network: &IpNet) -> bool {
    let Ok(address) = text.parse::<std::net::IpAddr>() else { return false };
    network.contains(&address) || network.contains(&address.to_canonical())
}

impl Wanted {
    /// A text without which no value is what is wanted.
    pub fn needed(&self) -> Option<Needed> {
        match self {
            Self::Text(pattern) => pattern.needed(),
            _ => None,
        }
    }

    /// This word, without regard to case.
    pub fn word(word: &str) -> Self {
        Self::Text(Pattern::new(super::pattern::Glob::literal(word), false))
    }
}
