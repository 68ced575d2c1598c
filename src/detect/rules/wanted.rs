//! What a rule wants a value to be.

use std::cmp::Ordering;
use std::collections::HashSet;

use aho_corasick::AhoCorasick;
use ipnet::IpNet;
use regex::Regex;

use super::pattern::{Pattern, fold, folded};
use super::subject::{Scope, Subject, Value};
use crate::event::Timestamp;

/// From so many texts on they are looked up instead of compared one by one.
const LOOKED_UP_MIN: usize = 8;

/// From so many parts on they are searched for all at once.
const SEARCHED_AT_ONCE_MIN: usize = 3;

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
    /// Whether a value is what is wanted. Null is told by what is missing, see [`AnyOf::judge`].
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

/// What came of looking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// A value is what is wanted.
    Holds,
    /// No value is.
    Fails,
    /// Nothing stands there.
    Missing,
}

/// Several wishes, one of which has to be met by one of a field's values.
#[derive(Debug, Clone)]
pub struct AnyOf {
    /// The wishes that are neither looked up nor searched for.
    rest: Vec<Wanted>,
    /// Whole texts, folded.
    texts: HashSet<Box<str>, foldhash::fast::FixedState>,
    /// Parts of texts, searched for all at once in ASCII values.
    parts: Option<(AhoCorasick, Vec<Pattern>)>,
    wants_null: bool,
    /// What tells it from others.
    key: Box<str>,
    /// As people read it.
    shown: Box<str>,
}

impl AnyOf {
    /// Of these wishes.
    pub fn new(mut wanted: Vec<Wanted>) -> Self {
        let key = format!("{wanted:?}").into();
        let shown = wanted.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ").into();
        let wants_null = wanted.iter().any(|wanted| matches!(wanted, Wanted::Null));
        let mut texts = HashSet::default();
        if wanted.iter().filter(|wanted| text_of(wanted).is_some()).count() >= LOOKED_UP_MIN {
            texts = wanted.iter().filter_map(text_of).map(Into::into).collect();
            wanted.retain(|wanted| text_of(wanted).is_none());
        }
        let mut parts = None;
        let found: Vec<_> = wanted.iter().filter_map(part_of).cloned().collect();
        if found.len() >= SEARCHED_AT_ONCE_MIN {
            let searched = AhoCorasick::builder()
                .ascii_case_insensitive(true)
                .build(found.iter().filter_map(Pattern::folded_part));
            if let Ok(searched) = searched {
                parts = Some((searched, found));
                wanted.retain(|wanted| part_of(wanted).is_none());
            }
        }
        Self { rest: wanted, texts, parts, wants_null, key, shown }
    }

    /// Whether another field is looked at.
    pub fn refers(&self) -> bool {
        self.rest.iter().any(|wanted| matches!(wanted, Wanted::Like(_)))
    }

    /// What tells it from others.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// As people read it.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// Whether one of a subject's values is what is wanted.
    pub fn judge(&self, subject: &Subject, scope: Scope<'_, '_, '_>) -> Verdict {
        let mut missing = true;
        let holds = subject.any(scope, &mut |value| {
            missing = false;
            self.matches(value, scope)
        });
        match holds {
            true => Verdict::Holds,
            false if missing && self.wants_null => Verdict::Holds,
            false if missing => Verdict::Missing,
            false => Verdict::Fails,
        }
    }

    /// Whether a value is what is wanted.
    pub fn matches(&self, value: Value<'_>, scope: Scope<'_, '_, '_>) -> bool {
        if let (false, Some(text)) = (self.texts.is_empty(), value.text())
            && self.looks_up(text)
        {
            return true;
        }
        if let (Some((searched, patterns)), Some(text)) = (&self.parts, value.text()) {
            let found = match text.is_ascii() {
                true => searched.is_match(text),
                false => patterns.iter().any(|pattern| pattern.matches(text)),
            };
            if found {
                return true;
            }
        }
        self.rest.iter().any(|wanted| wanted.matches(value, scope))
    }

    fn looks_up(&self, text: &str) -> bool {
        /// Longest text that is folded on the stack, bytes; a longer one is copied.
        const ON_STACK_MAX: usize = 128;
        let mut buffer = [0; ON_STACK_MAX];
        match buffer.get_mut(..text.len()).filter(|_| text.is_ascii()) {
            Some(copy) => {
                copy.copy_from_slice(text.as_bytes());
                copy.make_ascii_lowercase();
                std::str::from_utf8(copy).is_ok_and(|text| self.texts.contains(text))
            }
            None => self.texts.contains(&*folded(text)),
        }
    }
}

fn text_of(wanted: &Wanted) -> Option<&str> {
    match wanted {
        Wanted::Text(pattern) => pattern.folded_text(),
        _ => None,
    }
}

fn part_of(wanted: &Wanted) -> Option<&Pattern> {
    match wanted {
        Wanted::Text(pattern) => pattern.folded_part().filter(|part| part.is_ascii()).map(|_| pattern),
        _ => None,
    }
}

impl Wanted {
    /// This word, without regard to case.
    pub fn word(word: &str) -> Self {
        Self::Text(Pattern::new(super::pattern::Glob::literal(word), false))
    }
}
