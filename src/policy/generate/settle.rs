//! Of all that is to be logged, each thing once: the first rule of a policy that matches decides, so what a rule for more
//! has taken, a later one for less can only repeat.

use std::collections::{BTreeMap, BTreeSet};

use super::{Draft, Drafts};
use crate::event::Level;
use crate::policy::api;

/// A group and a resource in it; nothing for every resource.
type Word = Option<(String, String)>;

/// Verbs, and the detection rules that want them.
type Verbs = BTreeMap<String, BTreeSet<String>>;

/// The same drafts, highest level first, without what an earlier one has taken already.
pub(super) fn settle(drafts: [(Level, Drafts); 3]) -> [(Level, Drafts); 3] {
    let mut taken: BTreeMap<Word, BTreeSet<String>> = BTreeMap::new();
    drafts.map(|(level, drafts)| {
        let mut wanted = by_word(&drafts);
        // A word that stands for several comes before those.
        let mut words: Vec<_> = wanted.keys().cloned().collect();
        words.sort_by_key(|word| !word.as_ref().is_none_or(|(_, resource)| resource.ends_with("/*")));
        let mut settled: BTreeMap<Vec<String>, Draft> = BTreeMap::new();
        for word in words {
            let mut verbs = wanted.remove(&word).unwrap_or_default();
            let over = above(&word);
            verbs.retain(|verb, _| !over.iter().any(|word| taken.get(word).is_some_and(|taken| taken.contains(verb))));
            taken.entry(word.clone()).or_default().extend(verbs.keys().cloned());
            if !verbs.is_empty() {
                add(settled.entry(named(&verbs)).or_default(), word, verbs);
            }
        }
        (level, settled)
    })
}

fn by_word(drafts: &Drafts) -> BTreeMap<Word, Verbs> {
    let mut wanted: BTreeMap<Word, Verbs> = BTreeMap::new();
    for (verbs, draft) in drafts {
        let named = draft.groups.iter();
        let words = named.flat_map(|(group, words)| words.iter().map(|word| Some((group.clone(), word.clone()))));
        let all = api::VERBS.map(str::to_owned);
        let verbs = if verbs.is_empty() { all.as_slice() } else { verbs };
        for word in words.chain(draft.every_resource.then_some(None)) {
            let wanted = wanted.entry(word).or_default();
            verbs.iter().for_each(|verb| wanted.entry(verb.clone()).or_default().extend(draft.ids.iter().cloned()));
        }
    }
    wanted
}

/// The words that match all that a word does, itself among them.
fn above(word: &Word) -> Vec<Word> {
    let mut all = vec![None, word.clone()];
    if let Some((group, resource)) = word {
        let (whole, _) = resource.split_once('/').unwrap_or((resource, ""));
        for group in [group.as_str(), "*"] {
            all.push(Some((group.to_owned(), resource.clone())));
            all.push(Some((group.to_owned(), format!("{whole}/*"))));
        }
    }
    all
}

/// Verbs as a policy names them: none for any.
fn named(verbs: &Verbs) -> Vec<String> {
    let all = api::VERBS.iter().filter(|verb| verbs.contains_key(**verb));
    let others = verbs.keys().filter(|verb| !api::VERBS.contains(&verb.as_str()));
    let known: Vec<_> = all.map(ToString::to_string).chain(others.cloned()).collect();
    if api::VERBS.iter().all(|verb| verbs.contains_key(*verb)) { Vec::new() } else { known }
}

fn add(draft: &mut Draft, word: Word, verbs: Verbs) {
    draft.ids.extend(verbs.into_values().flatten());
    match word {
        None => draft.every_resource = true,
        Some((group, resource)) => {
            draft.groups.entry(group).or_default().insert(resource);
        }
    }
}
