//! Our own rules, which are part of the program: the folder `rules/`, as it was when it was built.

use super::load::Sheet;

/// A file of the pack.
struct File {
    /// Its path in the repository.
    name: &'static str,
    /// The ids of what stands in it.
    ids: &'static [&'static str],
    /// Its text, with empty lines in the place of the tests.
    rules: &'static str,
    /// Its text.
    whole: &'static str,
}

const FILES: &[File] = include!(concat!(env!("OUT_DIR"), "/pack.rs"));

/// Our own rules, but for those that nobody wants.
#[derive(Debug, Default)]
pub struct Pack {
    /// Their files.
    pub sheets: Vec<Sheet>,
    /// Ids of those that are not wanted. What counts one of them goes with it.
    pub off: Vec<String>,
}

impl Pack {
    /// All that is needed to run them: tests are left out.
    pub fn new() -> Self {
        Self::of(|file| file.rules)
    }

    /// The whole of them.
    pub fn with_tests() -> Self {
        Self::of(|file| file.whole)
    }

    fn of(text: fn(&File) -> &'static str) -> Self {
        let sheet = |file: &File| Sheet { file: format!("built-in {}", file.name), text: text(file).to_owned() };
        Self { sheets: FILES.iter().map(sheet).collect(), off: Vec::new() }
    }

    /// The ids of all rules of the pack.
    pub fn ids() -> impl Iterator<Item = &'static str> {
        FILES.iter().flat_map(|file| file.ids).copied()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::detect::rules::read::Head;
    use crate::detect::rules::{Lists, Loaded, load_over};

    fn load(pack: &Pack) -> Loaded {
        let told =
            |problems: Vec<crate::yaml::Problem>| problems.iter().map(|problem| format!("{problem}\n")).collect();
        load_over(pack, &[], &Lists::new()).unwrap_or_else(|problems| {
            let told: String = told(problems);
            panic!("{told}")
        })
    }

    #[test]
    fn what_is_run_is_the_whole_but_for_the_tests() {
        let (lean, whole) = (load(&Pack::new()), load(&Pack::with_tests()));
        assert!(lean.heads().all(|head| head.tests.is_empty()));
        let bare = |head: &Head| Head { tests: Vec::new(), ..head.clone() };
        assert_eq!(lean.heads().map(bare).collect::<Vec<_>>(), whole.heads().map(bare).collect::<Vec<_>>());
        let said = |loaded: &Loaded| loaded.rules.iter().map(|(_, expr)| expr.to_string()).collect::<Vec<_>>();
        assert_eq!(said(&lean), said(&whole));
        let ids: BTreeSet<_> = Pack::ids().collect();
        assert_eq!(ids, whole.heads().map(|head| head.id.as_str()).collect());
    }

    #[test]
    fn every_rule_tells_all_that_people_need() {
        let loaded = load(&Pack::with_tests());
        for head in loaded.heads() {
            let id = &head.id;
            let told = [&head.description, &head.runbook, &head.fallback, &head.author, &head.license];
            assert!(told.iter().all(|text| text.as_ref().is_some_and(|text| !text.trim().is_empty())), "{id}");
            assert!(!head.false_positives.is_empty() && !head.techniques.is_empty(), "{id}");
        }
        for (head, _) in &loaded.rules {
            let both = [true, false].map(|wanted| head.tests.iter().filter(|test| test.matches == wanted).count());
            assert!(both.iter().all(|count| *count >= 2), "{}: two tests that match, and two that do not", head.id);
        }
    }

    #[test]
    fn what_is_not_wanted_goes_with_all_that_counts_it() {
        let own = Sheet {
            file: "own.yml".to_owned(),
            text: "title: Mine\nid: many-logs-by-person\nlogsource: {product: kubernetes, service: audit}\n\
                   detection: {s: {verb: get}, condition: s}\n"
                .to_owned(),
        };
        let pack = Pack { off: vec!["log-read-by-person".to_owned()], ..Pack::new() };
        let loaded = load_over(&pack, &[own], &Lists::new()).unwrap();
        let ids: Vec<_> = loaded.heads().map(|head| head.id.as_str()).collect();
        assert!(!ids.contains(&"log-read-by-person") && !ids.contains(&"logs-of-many-namespaces"), "{ids:?}");
        assert_eq!(ids.iter().filter(|id| **id == "many-logs-by-person").count(), 1);
        let mine = loaded.heads().find(|head| head.id == "many-logs-by-person").unwrap();
        assert_eq!((mine.title.as_str(), mine.whose), ("Mine", crate::detect::rules::Whose::OwnForOurs));
    }
}
