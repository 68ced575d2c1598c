//! Several wishes about one field, one of which has to be met.

use std::collections::HashSet;

use aho_corasick::AhoCorasick;

use super::pattern::{Pattern, folded};
use super::subject::{Scope, Subject, Value};
use super::wanted::Wanted;

/// From so many texts on they are looked up instead of compared one by one.
const LOOKED_UP_MIN: usize = 8;

/// From so many parts on they are searched for all at once.
const SEARCHED_AT_ONCE_MIN: usize = 3;

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

/// A text without which a value is not what is wanted, folded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Needed {
    /// The value is this, but for case.
    Whole(Box<str>),
    /// The value holds this somewhere, but for case.
    Part(Box<str>),
}

/// Several wishes, one of which has to be met by one of a field's values.
#[derive(Debug, Clone)]
pub struct AnyOf {
    /// The wishes that are neither looked up nor searched for.
    rest: Vec<Wanted>,
    /// Whole texts, folded.
    texts: HashSet<Box<str>, foldhash::fast::FixedState>,
    /// Parts of texts, searched for all at once in ASCII values.
    parts: Option<Box<(AhoCorasick, Vec<Pattern>)>>,
    wants_null: bool,
    /// Texts one of which a value must be or hold; nothing where something else may do.
    needed: Option<Box<[Needed]>>,
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
        let needed = wanted.iter().map(Wanted::needed).collect();
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
                parts = Some(Box::new((searched, found)));
                wanted.retain(|wanted| part_of(wanted).is_none());
            }
        }
        Self { rest: wanted, texts, parts, wants_null, needed, key, shown }
    }

    /// Whether another field is looked at.
    pub fn refers(&self) -> bool {
        self.rest.iter().any(|wanted| matches!(wanted, Wanted::Like(_)))
    }

    /// Texts one of which a value must be or hold; nothing where something else may do.
    pub fn needed(&self) -> Option<&[Needed]> {
        self.needed.as_deref()
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
        if let (Some((searched, patterns)), Some(text)) = (self.parts.as_deref(), value.text()) {
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
