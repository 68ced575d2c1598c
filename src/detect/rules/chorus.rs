//! Many wishes about one field, listened for at once.
//!
//! Three thousand rules that each want another name in the same field would look at that field three thousand times.
//! Here its values are walked once an event, every text that any of the wishes needs is searched for at the same time,
//! and what comes of it are the few wishes that may be met. Each of those is then judged as it is written.

use std::collections::HashMap;

use aho_corasick::{AhoCorasick, MatchKind};

use super::any_of::Needed;
use super::expr::{Item, Wish};
use super::pattern::folded;
use super::subject::{Scope, Subject};
use crate::enrich::Facts;

/// From so many wishes about one field on they are listened for at once.
const WISHES_MIN: usize = 4;

/// Wishes about one field of which each needs some text in a value.
#[derive(Debug)]
pub struct Chorus {
    subject: Subject,
    /// Whole values, folded, and the wishes that need one.
    wholes: HashMap<Box<str>, Vec<usize>, foldhash::fast::FixedState>,
    /// Parts of values, folded.
    parts: Option<AhoCorasick>,
    /// The wishes that need each part.
    needing: Vec<Vec<usize>>,
}

/// The choruses of all wishes, and for each wish the one it belongs to.
pub fn choruses(wishes: &[Item]) -> (Vec<Chorus>, Vec<Option<usize>>) {
    let mut by_field: Vec<(&str, Vec<usize>)> = Vec::new();
    let mut places: HashMap<&str, usize> = HashMap::new();
    for (wish, item) in wishes.iter().enumerate().filter(|(_, item)| needed(item).is_some()) {
        let place = *places.entry(&item.name).or_insert(by_field.len());
        if place == by_field.len() {
            by_field.push((&item.name, Vec::new()));
        }
        by_field[place].1.push(wish);
    }
    let (mut choruses, mut belongs) = (Vec::new(), vec![None; wishes.len()]);
    for (_, members) in by_field.into_iter().filter(|(_, members)| members.len() >= WISHES_MIN) {
        let Some(chorus) = Chorus::new(&members, wishes) else { continue };
        members.iter().for_each(|wish| belongs[*wish] = Some(choruses.len()));
        choruses.push(chorus);
    }
    (choruses, belongs)
}

/// The texts one of which a value must be or hold, where the wish can be met by nothing else.
fn needed(item: &Item) -> Option<&[Needed]> {
    match (&item.subject, &item.wish) {
        (Subject::Field(_), Wish::Value(any_of)) => any_of.needed(),
        _ => None,
    }
}

impl Chorus {
    fn new(members: &[usize], wishes: &[Item]) -> Option<Self> {
        let mut wholes: HashMap<Box<str>, Vec<usize>, _> = HashMap::default();
        let (mut parts, mut needing) = (Vec::new(), Vec::<Vec<usize>>::new());
        let mut places: HashMap<&str, usize> = HashMap::new();
        for wish in members {
            for text in needed(&wishes[*wish])? {
                match text {
                    Needed::Whole(text) => wholes.entry(text.clone()).or_default().push(*wish),
                    Needed::Part(text) => {
                        let place = *places.entry(text).or_insert(parts.len());
                        if place == parts.len() {
                            parts.push(&**text);
                            needing.push(Vec::new());
                        }
                        needing[place].push(*wish);
                    }
                }
            }
        }
        let search = AhoCorasick::builder().ascii_case_insensitive(true).match_kind(MatchKind::Standard).build(&parts);
        let parts = if parts.is_empty() { None } else { Some(search.ok()?) };
        Some(Self { subject: wishes[*members.first()?].subject.clone(), wholes, parts, needing })
    }

    /// Shows every wish that the event may meet, some more than once. It meets no other one.
    pub fn listen(&self, facts: &Facts<'_, '_>, may: &mut dyn FnMut(usize)) {
        self.subject.any(Scope::Event(facts), &mut |value| {
            if let Some(text) = value.text() {
                self.hear(text, may);
            }
            false
        });
    }

    fn hear(&self, text: &str, may: &mut dyn FnMut(usize)) {
        if !self.wholes.is_empty() {
            /// Longest text that is folded on the stack, bytes; a longer one is copied.
            const ON_STACK_MAX: usize = 256;
            let mut buffer = [0; ON_STACK_MAX];
            let found = match buffer.get_mut(..text.len()).filter(|_| text.is_ascii()) {
                Some(copy) => {
                    copy.copy_from_slice(text.as_bytes());
                    copy.make_ascii_lowercase();
                    std::str::from_utf8(copy).ok().and_then(|text| self.wholes.get(text))
                }
                None => self.wholes.get(&*folded(text)),
            };
            found.into_iter().flatten().for_each(|wish| may(*wish));
        }
        if let Some(parts) = &self.parts {
            // Letters beyond ASCII may fold to ASCII ones, which the search does not know.
            let kept;
            let text = if text.is_ascii() {
                text
            } else {
                kept = folded(text);
                &kept
            };
            let found = parts.find_overlapping_iter(text);
            found.for_each(|found| self.needing[found.pattern().as_usize()].iter().for_each(|wish| may(*wish)));
        }
    }
}
