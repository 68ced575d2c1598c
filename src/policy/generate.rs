//! The smallest policy under which given rules see all they need.

mod settle;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::lint::SENSITIVE;
use super::{Stage, Stages, api, resource_matches};
use crate::detect::needs::{Kind, Needs, Requests, Targets};
use crate::event::Level;
use settle::settle;

/// Most rule ids named in one comment; of the rest it is said how many they are.
const NAMED_MAX: usize = 5;

/// Resources by group, as a policy writes them; none at all for every resource.
type Groups = BTreeMap<String, BTreeSet<String>>;

/// One rule of the policy to be.
#[derive(Debug, Default)]
struct Draft {
    groups: Groups,
    every_resource: bool,
    /// The detection rules it is for.
    ids: BTreeSet<String>,
}

/// Drafts by verbs; no verb for any.
type Drafts = BTreeMap<Vec<String>, Draft>;

/// Writes the policy for detection rules, given by their ids. What holds credentials is logged at `Metadata`,
/// even where a rule asks for more.
pub fn generate(rules: &[(String, Needs)]) -> String {
    let mut drafts: [(Level, Drafts); 3] =
        [Level::RequestResponse, Level::Request, Level::Metadata].map(|level| (level, Drafts::new()));
    let mut everything = false;
    let mut early = false;
    let (mut blind, mut vague) = (BTreeSet::new(), BTreeSet::new());
    for (id, requests) in rules.iter().flat_map(|(id, needs)| needs.0.iter().map(move |requests| (id, requests))) {
        early |= Stages::of(&requests.stages) == Stages::of(&[Stage::RequestReceived]);
        everything |= is_broad(requests);
        let level = requests.level;
        if is_broad(requests) {
            vague.extend((level != Level::Metadata).then(|| id.clone()));
        } else {
            let drafts = drafts.iter_mut().find(|(each, _)| *each == level).map(|(_, drafts)| drafts);
            let added = drafts.is_some_and(|drafts| add(drafts, id, requests));
            blind.extend((!added).then(|| id.clone()));
        }
    }
    let drafts = settle(drafts);
    let mut text = header(early, &blind, &vague);
    let [response, request, metadata] = &drafts;
    if [response, request].iter().any(|(_, drafts)| drafts.values().any(touches_credentials)) {
        text.push_str(CREDENTIALS);
    }
    for (level, drafts) in [response, request] {
        drafts.iter().for_each(|(verbs, draft)| write_rule(&mut text, *level, verbs, draft));
    }
    if everything {
        text.push_str(REST);
    } else {
        metadata.1.iter().for_each(|(verbs, draft)| write_rule(&mut text, Level::Metadata, verbs, draft));
    }
    text
}

const CREDENTIALS: &str = "
  # Credentials stay out of the log: who touched them, and not what is in them.
  - level: Metadata
    resources:
      - group: \"\"
        resources: [configmaps, secrets, serviceaccounts/token]
      - group: authentication.k8s.io
        resources: [tokenreviews]
";

const REST: &str = "
  # Everything else, so that no request goes unseen.
  - level: Metadata
";

fn header(early: bool, blind: &BTreeSet<String>, vague: &BTreeSet<String>) -> String {
    let mut text = "\
# What kube-apiserver must log for Gatecrier's rules to see (--audit-policy-file).
# Try it: gatecrier check audit-policy FILE
apiVersion: audit.k8s.io/v1
kind: Policy
"
    .to_owned();
    if !blind.is_empty() {
        // Writing to a string does not fail.
        _ = writeln!(text, "# Not for {}: it takes the contents of credentials.", names(blind));
    }
    if !vague.is_empty() {
        let why = "the bodies of any resource would be needed, and few logs can hold them.";
        _ = writeln!(text, "# Only in part for {}: {why}", names(vague));
    }
    if !early {
        text.push_str(
            "# ResponseStarted stays: failed authentications have no other stage, and exec is seen when it begins.\n",
        );
        text.push_str("omitStages: [RequestReceived]\n");
    }
    text.push_str("omitManagedFields: true\nrules:\n");
    text.trim_end().to_owned() + "\n"
}

/// Whether only a catch-all does. Paths are few, and no rule of a policy names them all but that.
fn is_broad(requests: &Requests) -> bool {
    !matches!(requests.targets, Targets::Resources(_))
}

/// Whether there was something to add that may be logged so.
fn add(drafts: &mut Drafts, id: &str, requests: &Requests) -> bool {
    let mut verbs = requests.verbs.clone();
    verbs.sort_by_key(|verb| api::VERBS.iter().position(|known| known == verb));
    verbs.dedup();
    let mut groups = Groups::new();
    match &requests.targets {
        Targets::Resources(kinds) => kinds.iter().for_each(|kind| add_kind(&mut groups, kind, requests.level)),
        _ => drafts.entry(verbs.clone()).or_default().every_resource = true,
    }
    if groups.is_empty() && matches!(requests.targets, Targets::Resources(_)) {
        return false;
    }
    let draft = drafts.entry(verbs).or_default();
    draft.ids.insert(id.to_owned());
    for (group, resources) in groups {
        draft.groups.entry(group).or_default().extend(resources);
    }
    true
}

fn add_kind(groups: &mut Groups, kind: &Kind, level: Level) {
    let names = match kind.subresource.as_deref() {
        Some("") => kind.resource.clone(),
        Some(subresource) => format!("{}/{subresource}", kind.resource),
        // Matches the object itself as well.
        None => format!("{}/*", kind.resource),
    };
    let served = api::groups_meant(kind);
    // Nobody knows who serves it: any group, which servers from 1.36 on understand.
    let served = if served.is_empty() { vec!["*"] } else { served };
    for group in served {
        let whole =
            |(g, r, s): &(&str, &str, &str)| *g == group && kind.resource == *r && (s.is_empty() || names.ends_with(s));
        if level == Level::Metadata || !SENSITIVE.iter().any(whole) {
            groups.entry(group.to_owned()).or_default().insert(names.clone());
        }
    }
}

fn touches_credentials(draft: &Draft) -> bool {
    let matched = |(group, resource, subresource): &(&str, &str, &str)| {
        let words = draft.groups.get(*group).into_iter().chain(draft.groups.get("*")).flatten();
        words.into_iter().any(|word| resource_matches(word, resource, subresource))
    };
    draft.every_resource || SENSITIVE.iter().any(matched)
}

fn write_rule(text: &mut String, level: Level, verbs: &[String], draft: &Draft) {
    // Writing to a string does not fail.
    _ = writeln!(text, "\n  # For {}", names(&draft.ids));
    _ = writeln!(text, "  - level: {}", word(level));
    if !verbs.is_empty() {
        _ = writeln!(text, "    verbs: [{}]", joined(verbs));
    }
    if draft.every_resource {
        return;
    }
    text.push_str("    resources:\n");
    for (group, resources) in &draft.groups {
        _ = writeln!(text, "      - group: {}", quoted(group));
        _ = writeln!(text, "        resources: [{}]", joined(resources));
    }
}

fn names(ids: &BTreeSet<String>) -> String {
    let shown: Vec<_> = ids.iter().take(NAMED_MAX).map(|id| quoted(id)).collect();
    let rest = ids.len().saturating_sub(NAMED_MAX);
    let more = if rest > 0 { format!(" and {rest} more") } else { String::new() };
    format!("{}{more}", shown.join(", "))
}

fn word(level: Level) -> &'static str {
    match level {
        Level::Unknown | Level::Metadata => "Metadata",
        Level::Request => "Request",
        Level::RequestResponse => "RequestResponse",
    }
}

fn joined<'s>(words: impl IntoIterator<Item = &'s String>) -> String {
    words.into_iter().map(|word| quoted(word)).collect::<Vec<_>>().join(", ")
}

/// A text as YAML takes it: JSON's quotes where it is more than letters.
fn quoted(text: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '/' | '-' | '_');
    let begins = text.starts_with(|letter: char| letter.is_ascii_alphabetic());
    if begins && text.chars().all(plain) { text.to_owned() } else { serde_json::Value::from(text).to_string() }
}
