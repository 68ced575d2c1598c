//! One rule of a role, judged by itself.

use std::borrow::Cow;

use crate::event::Raw;

use super::super::json::Object;
use super::super::read::{take, texts};
use super::power::{POWERS, Power, union};

/// One rule of a role.
#[derive(Debug)]
pub(super) struct Rule<'a> {
    verbs: Vec<Cow<'a, str>>,
    groups: Vec<Cow<'a, str>>,
    resources: Vec<Cow<'a, str>>,
    names: Vec<Cow<'a, str>>,
    urls: Vec<Cow<'a, str>>,
    /// What a rule does not say may stand in the part that the log does not show.
    is_piece: bool,
}

impl<'a> Rule<'a> {
    pub(super) fn of(raw: Raw<'a>, is_piece: bool) -> Self {
        let lists = take(raw, ["verbs", "apiGroups", "resources", "resourceNames", "nonResourceURLs"]);
        let [verbs, groups, resources, names, urls] = lists.map(texts);
        Self { verbs, groups, resources, names, urls, is_piece }
    }

    /// What having it means.
    pub(super) fn powers(&self) -> Vec<&'static str> {
        let mut powers: Vec<_> =
            POWERS.iter().filter(|power| self.gives(power)).map(|power| self.word(power)).collect();
        let has = |list: &[Cow<'_, str>]| list.iter().any(|word| word == "*");
        let (verbs, groups, resources) = (has(&self.verbs), has(&self.groups), has(&self.resources));
        let constrained = self.verbs.iter().any(|verb| verb.starts_with("impersonate:"));
        let marks = [
            (verbs && groups && resources && self.names.is_empty(), "everything"),
            (verbs, "wildcard-verbs"),
            (groups, "wildcard-groups"),
            (resources, "wildcard-resources"),
            (has(&self.urls), "all-urls"),
            (constrained, "impersonate"),
        ];
        powers.extend(marks.into_iter().filter_map(|(set, word)| set.then_some(word)));
        powers
    }

    /// A secret of a known name is less than all of them.
    fn word(&self, power: &Power) -> &'static str {
        match power.word {
            "read-secrets" | "write-secrets" if !self.names.is_empty() => "named-secrets",
            word => word,
        }
    }

    fn gives(&self, power: &Power) -> bool {
        let verbs = self.verbs.iter().any(|verb| verb == "*" || power.verbs.contains(&&**verb));
        let groups = self.groups.iter().any(|group| group == "*" || *group == power.group);
        let resources = power.resources.iter().any(|resource| self.resources.iter().any(|rule| covers(rule, resource)));
        let unsaid = |list: &[Cow<'_, str>]| self.is_piece && list.is_empty();
        // These verbs mean nothing else, whatever they are about.
        let telling = self.verbs.iter().any(|verb| matches!(&**verb, "escalate" | "bind" | "impersonate"));
        let resources = resources || (unsaid(&self.resources) && telling);
        (verbs || unsaid(&self.verbs)) && (groups || unsaid(&self.groups)) && resources
    }

    pub(super) fn describe(&self) -> Object {
        let mut rule = Object::default();
        rule.texts("verbs", &self.verbs);
        rule.texts("groups", &self.groups);
        rule.texts("resources", &self.resources);
        rule.texts("names", &self.names);
        rule.texts("urls", &self.urls);
        rule.texts("powers", union(self.powers().into_iter()));
        rule
    }
}

/// Whether a rule's resource takes in another, as the RBAC authorizer compares them. In a rule `*` is everything
/// and `*/exec` a subresource of everything; `pods/*` is known to API machinery only, but whoever writes it means it.
fn covers(rule: &str, resource: &str) -> bool {
    let (parent, subresource) = resource.split_once('/').unwrap_or((resource, ""));
    rule == "*"
        || rule == resource
        || rule.strip_prefix("*/").is_some_and(|wanted| !subresource.is_empty() && wanted == subresource)
        || rule.strip_suffix("/*").is_some_and(|wanted| !subresource.is_empty() && wanted == parent)
}
