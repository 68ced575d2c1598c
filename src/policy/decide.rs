//! What a policy decides for one request, exactly as the API server does.

use super::{GroupResources, Level, Policy, Rule, Stages, Word};

/// What the API server knows of a request when it asks its policy.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Who asks, before impersonation; nobody when authentication failed.
    pub user: Option<&'a str>,
    /// His groups.
    pub groups: &'a [&'a str],
    /// The verb; of paths that are no resources the method in lower case.
    pub verb: &'a str,
    /// What for.
    pub target: Target<'a>,
}

/// What a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target<'a> {
    /// A resource.
    Resource {
        /// The group, `""` for core.
        group: &'a str,
        /// The resource.
        resource: &'a str,
        /// The subresource, or empty.
        subresource: &'a str,
        /// The namespace, or empty. Of a Namespace object its own name.
        namespace: &'a str,
        /// The name in the URL, or empty: creations and lists have none.
        name: &'a str,
    },
    /// A path that is no resource, without its query.
    Path(&'a str),
}

/// What is logged of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    /// How much.
    pub level: Level,
    /// Stages of which nothing is logged.
    pub omit_stages: Stages,
    /// Whether bodies are logged without `managedFields`.
    pub omit_managed_fields: bool,
    /// The rule that decided, from 0; none when none matched.
    pub rule: Option<usize>,
}

impl Policy {
    /// What is logged of `request`: the first rule that matches decides.
    pub fn decide(&self, request: &Request<'_>) -> Decision {
        self.decision(self.rules.iter().position(|rule| rule.matches(request)))
    }

    /// What `rule` decides, or what holds when no rule matches.
    pub fn decision(&self, rule: Option<usize>) -> Decision {
        let Some((index, rule)) = rule.and_then(|index| Some((index, self.rules.get(index)?))) else {
            return Decision {
                level: Level::None,
                omit_stages: self.omit_stages,
                omit_managed_fields: self.omit_managed_fields,
                rule: None,
            };
        };
        Decision {
            level: rule.level,
            omit_stages: self.omit_stages.or(rule.omit_stages),
            omit_managed_fields: rule.omit_managed_fields.unwrap_or(self.omit_managed_fields),
            rule: Some(index),
        }
    }
}

impl Rule {
    /// Whether it matches.
    pub fn matches(&self, request: &Request<'_>) -> bool {
        self.matches_caller(request.user, request.groups)
            && any_or_has(&self.verbs, request.verb)
            && self.matches_target(&request.target)
    }

    /// Whether it matches who asks. Nobody is matched by rules that name nobody.
    pub fn matches_caller(&self, user: Option<&str>, groups: &[&str]) -> bool {
        let named = self.users.is_empty() || user.is_some_and(|user| has(&self.users, user));
        let grouped = || user.is_some() && groups.iter().any(|group| has(&self.groups, group));
        named && (self.groups.is_empty() || grouped())
    }

    /// Whether it matches what is asked for.
    pub fn matches_target(&self, target: &Target<'_>) -> bool {
        if self.namespaces.is_empty() && self.resources.is_empty() {
            return match target {
                _ if self.paths.is_empty() => true,
                Target::Path(path) => self.paths.iter().any(|word| path_matches(&word.text, path)),
                Target::Resource { .. } => false,
            };
        }
        match target {
            Target::Path(_) => false,
            Target::Resource { group, resource, subresource, namespace, name } => {
                any_or_has(&self.namespaces, namespace)
                    && (self.resources.is_empty()
                        || self.resources.iter().any(|entry| entry.matches(group, resource, subresource, name)))
            }
        }
    }
}

impl GroupResources {
    /// Whether it holds the resource. With names and no resource at all, names do not count: so does the server.
    pub fn matches(&self, group: &str, resource: &str, subresource: &str, name: &str) -> bool {
        if self.group.text != group && self.group.text != "*" {
            return false;
        }
        if self.resources.is_empty() {
            return true;
        }
        any_or_has(&self.names, name)
            && self.resources.iter().any(|word| resource_matches(&word.text, resource, subresource))
    }
}

/// Whether `written`, as it stands in a policy, holds a resource. `pods/*` holds bare pods as well, and `*/*` nothing.
pub fn resource_matches(written: &str, resource: &str, subresource: &str) -> bool {
    if written == "*" {
        return true;
    }
    let exactly = match (subresource, written.split_once('/')) {
        ("", None) => written == resource,
        ("", Some(_)) => false,
        (subresource, Some((left, right))) => left == resource && right == subresource,
        (_, None) => false,
    };
    exactly
        || !subresource.is_empty() && written.strip_prefix("*/") == Some(subresource)
        || written.strip_suffix("/*") == Some(resource)
}

/// Whether `written`, as it stands in a policy, holds a path.
pub fn path_matches(written: &str, path: &str) -> bool {
    written == "*" || written == path || written.ends_with('*') && path.starts_with(written.trim_end_matches('*'))
}

fn any_or_has(words: &[Word], text: &str) -> bool {
    words.is_empty() || has(words, text)
}

fn has(words: &[Word], text: &str) -> bool {
    words.iter().any(|word| word.text == text)
}
