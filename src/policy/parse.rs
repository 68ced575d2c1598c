//! From YAML to a policy, with everything that the API server refuses or passes over told with its place.

use serde_saphyr::Spanned;

use super::{Grade, GroupResources, Level, Mistake, Policy, Rule, STAGES, Stage, Stages, Word};
use crate::yaml::{self, Node, Outline, Place, Problem, nearest};

const POLICY_KEYS: [&str; 6] = ["apiVersion", "kind", "metadata", "omitStages", "omitManagedFields", "rules"];
const RULE_KEYS: [&str; 9] = [
    "level",
    "users",
    "userGroups",
    "verbs",
    "resources",
    "namespaces",
    "nonResourceURLs",
    "omitStages",
    "omitManagedFields",
];
const RESOURCE_KEYS: [&str; 3] = ["group", "resources", "resourceNames"];

/// Keys of a map with their values.
type Entries = [(Spanned<String>, Spanned<Node>)];

/// Reads a policy. What is wrong with it is told; the policy is there as far as the API server would understand it.
///
/// # Errors
/// It is not YAML, or no map of keys: the one thing that is wrong.
pub fn parse(text: &str, outline: &Outline<'_>) -> Result<(Policy, Vec<Mistake>), Problem> {
    let mut reader = Reader { outline, mistakes: Vec::new() };
    let root: Spanned<Node> = yaml::read(text, outline)?;
    let Node::Map(entries) = &root.value else {
        let message = format!("a policy is keys with values; this is {}", root.value.kind());
        let advice = "begin with `apiVersion: audit.k8s.io/v1`, `kind: Policy` and `rules:`";
        return Err(outline.problem_at(Some(root.referenced), message).advise(advice));
    };
    let policy = reader.policy(entries, root.referenced);
    super::validate::validate(&policy, &mut reader);
    Ok((policy, reader.mistakes))
}

/// Collects what is wrong on its way.
pub(super) struct Reader<'a> {
    outline: &'a Outline<'a>,
    mistakes: Vec<Mistake>,
}

impl Reader<'_> {
    /// Something the API server refuses, or passes over.
    pub(super) fn wrong(&mut self, at: Place, check: &'static str, message: String, advice: impl Into<String>) {
        let problem = self.outline.problem_at(Some(at), message).advise(advice);
        self.mistakes.push(Mistake { grade: Grade::Error, check, problem });
    }

    fn policy(&mut self, entries: &Entries, at: Place) -> Policy {
        self.unknown_keys(entries, &POLICY_KEYS);
        self.header(entries, at);
        let mut policy = Policy {
            omit_stages: self.stages(entries),
            omit_managed_fields: self.flag(entries, "omitManagedFields").unwrap_or(false),
            rules: Vec::new(),
        };
        for item in self.list(entries, "rules") {
            match &item.value {
                Node::Map(entries) => policy.rules.push(self.rule(entries, item.referenced)),
                other => self.shape(item.referenced, "a rule", other, "keys with values, such as `level: Metadata`"),
            }
        }
        if policy.rules.is_empty() {
            let at = find(entries, "rules").map_or(at, |(key, _)| key.referenced);
            let advice = "add at least `rules: [{ level: Metadata }]`";
            self.wrong(at, "no-rules", "there are no rules: the API server does not start".to_owned(), advice);
        }
        policy
    }

    /// `apiVersion` and `kind`.
    fn header(&mut self, entries: &Entries, at: Place) {
        for (key, right) in [("apiVersion", "audit.k8s.io/v1"), ("kind", "Policy")] {
            let (place, found) = match find(entries, key) {
                None => (at, None),
                Some((_, value)) => (value.referenced, Some(&value.value)),
            };
            if matches!(found, Some(Node::Text(text)) if text == right) {
                continue;
            }
            let message = match found {
                None => format!("`{key}` is missing"),
                Some(Node::Text(text)) if text.starts_with("audit.k8s.io/v1") => {
                    format!("`{key}` is `{text}`, which no API server since 1.24 reads")
                }
                Some(Node::Text(text)) => format!("`{key}` is `{text}`"),
                Some(other) => format!("`{key}` is {}", other.kind()),
            };
            self.wrong(place, "header", message, format!("write `{key}: {right}`"));
        }
    }

    fn rule(&mut self, entries: &Entries, at: Place) -> Rule {
        self.unknown_keys(entries, &RULE_KEYS);
        Rule {
            at,
            level: self.level(entries, at),
            users: self.words(entries, "users"),
            groups: self.words(entries, "userGroups"),
            verbs: self.words(entries, "verbs"),
            resources: self.resources(entries),
            namespaces: self.words(entries, "namespaces"),
            paths: self.words(entries, "nonResourceURLs"),
            omit_stages: self.stages(entries),
            omit_managed_fields: self.flag(entries, "omitManagedFields"),
        }
    }

    fn resources(&mut self, entries: &Entries) -> Vec<GroupResources> {
        let mut all = Vec::new();
        for item in self.list(entries, "resources") {
            let Node::Map(entries) = &item.value else {
                let right = "a group with its resources, such as `{ group: apps, resources: [deployments] }`";
                self.shape(item.referenced, "an entry of `resources`", &item.value, right);
                continue;
            };
            self.unknown_keys(entries, &RESOURCE_KEYS);
            let group = find(entries, "group").and_then(|(_, value)| self.word(value, "group"));
            all.push(GroupResources {
                at: item.referenced,
                group: group.unwrap_or_else(|| Word { text: String::new(), at: item.referenced }),
                resources: self.words(entries, "resources"),
                names: self.words(entries, "resourceNames"),
            });
        }
        all
    }

    fn level(&mut self, entries: &Entries, at: Place) -> Level {
        let known: Vec<&str> = Level::ALL.iter().map(|level| level.word()).collect();
        let Some((_, value)) = find(entries, "level") else {
            let advice = format!("add `level:` with one of {}", known.join(", "));
            self.wrong(at, "level", "this rule has no `level`: the API server does not start".to_owned(), advice);
            return Level::None;
        };
        let Some(word) = self.word(value, "level") else { return Level::None };
        if let Some(level) = Level::ALL.into_iter().find(|level| level.word() == word.text) {
            return level;
        }
        let message = format!("there is no level `{}`: the API server does not start", word.text);
        self.wrong(word.at, "level", message, did_you_mean(&word.text, &known));
        Level::None
    }

    fn stages(&mut self, entries: &Entries) -> Stages {
        let known = STAGES.map(Stage::word);
        let mut stages = Stages::default();
        for word in self.words(entries, "omitStages") {
            match STAGES.into_iter().find(|stage| stage.word() == word.text) {
                Some(stage) => stages = stages.with(stage),
                None => {
                    let message = format!("there is no stage `{}`: the API server does not start", word.text);
                    self.wrong(word.at, "stage", message, did_you_mean(&word.text, &known));
                }
            }
        }
        stages
    }

    fn flag(&mut self, entries: &Entries, key: &str) -> Option<bool> {
        let (_, value) = find(entries, key)?;
        match &value.value {
            Node::Bool(flag) => Some(*flag),
            Node::Null => None,
            other => {
                self.shape(value.referenced, &format!("`{key}`"), other, "`true` or `false`");
                None
            }
        }
    }

    fn words(&mut self, entries: &Entries, key: &str) -> Vec<Word> {
        self.list(entries, key).iter().filter_map(|item| self.word(item, key)).collect()
    }

    fn word(&mut self, value: &Spanned<Node>, key: &str) -> Option<Word> {
        let at = value.referenced;
        match &value.value {
            Node::Text(text) => Some(Word { text: text.clone(), at }),
            Node::Null => Some(Word { text: String::new(), at }),
            other => {
                self.shape(at, &format!("a value of `{key}`"), other, "a text; numbers and the like want quotes");
                None
            }
        }
    }

    fn list<'n>(&mut self, entries: &'n Entries, key: &str) -> &'n [Spanned<Node>] {
        match find(entries, key).map(|(_, value)| value) {
            Some(Spanned { value: Node::List(items), .. }) => items,
            None | Some(Spanned { value: Node::Null, .. }) => &[],
            Some(other) => {
                self.shape(other.referenced, &format!("`{key}`"), &other.value, "a list, such as `[one, two]`");
                &[]
            }
        }
    }

    fn shape(&mut self, at: Place, what: &str, found: &Node, right: &str) {
        let message = format!("{what} is {}: the API server does not start", found.kind());
        self.wrong(at, "shape", message, format!("write {right}"));
    }

    /// The API server leaves unknown keys out, and says so in its log only.
    fn unknown_keys(&mut self, entries: &Entries, known: &[&str]) {
        for (key, _) in entries.iter().filter(|(key, _)| !known.contains(&key.value.as_str())) {
            let message = format!(
                "unknown key `{}`: the API server leaves it out, and what it was to narrow is not narrowed",
                key.value
            );
            self.wrong(key.referenced, "unknown-key", message, did_you_mean(&key.value, known));
        }
    }
}

fn find<'n>(entries: &'n Entries, key: &str) -> Option<&'n (Spanned<String>, Spanned<Node>)> {
    entries.iter().find(|(name, _)| name.value == key)
}

fn did_you_mean(typed: &str, known: &[&str]) -> String {
    let all = known.join(", ");
    match nearest(typed, known) {
        Some(word) => format!("did you mean `{word}`? Known here: {all}"),
        None => format!("known here: {all}"),
    }
}
