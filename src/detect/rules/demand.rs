//! What a rule must be shown, so that an audit policy can be held against it.
//!
//! A rule is taken apart into the ways in which it can hold. Of each way it is known which verbs and resources it is
//! about, where the rule says so, and how much of an event its fields need. It may be about fewer requests than that,
//! never about others.

use std::collections::BTreeSet;

use super::any_of::Needed;
use super::expr::{Expr, Item, Wish};
use super::load::Loaded;
use super::subject::Subject;
use super::taxonomy::Late;
use crate::detect::needs::{ANSWERED, ANY_STAGE, Callers, Kind, Needs, Requests, Targets};
use crate::event::Level;

/// Most ways of one rule that are told apart. Of a rule with more, all requests are asked for.
const WAYS_MAX: usize = 64;

/// One way in which a rule can hold. Nothing stands for anything.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Way {
    verbs: Option<BTreeSet<String>>,
    resources: Option<BTreeSet<String>>,
    subresources: Option<BTreeSet<String>>,
    level: u8,
    /// It waits for the answer.
    answered: bool,
    /// It is about callers who were not let in as well.
    rejected: bool,
}

impl Loaded {
    /// Every rule by its id, and what it must be shown.
    pub fn needs(&self) -> Vec<(String, Needs)> {
        self.rules.iter().map(|(head, expr)| (head.id.clone(), needs(expr))).collect()
    }
}

fn needs(expr: &Expr) -> Needs {
    let ways: BTreeSet<_> = ways(expr, true).into_iter().filter(Way::is_possible).collect();
    Needs(ways.into_iter().map(Way::requests).collect())
}

fn ways(expr: &Expr, wanted: bool) -> Vec<Way> {
    match (expr, wanted) {
        (Expr::Not(expr), wanted) => ways(expr, !wanted),
        (Expr::Item(item), true) => of_item(item),
        // An exception that cannot be seen excepts nobody.
        (Expr::Item(item), false) => vec![Way { level: 0, ..Way::looks_at(item) }],
        (Expr::All(all), true) => together(all, true),
        // So many of them: more than one are taken for each alone, which says less about each.
        (Expr::Some(_, all), true) | (Expr::All(all), false) => {
            all.iter().flat_map(|expr| ways(expr, wanted)).collect()
        }
        (Expr::Some(1, all), false) => together(all, false),
        (Expr::Some(_, all), false) => all.iter().flat_map(|expr| ways(expr, false)).collect(),
    }
}

fn together(all: &[Expr], wanted: bool) -> Vec<Way> {
    let mut joined = vec![Way::default()];
    for expr in all {
        let more = ways(expr, wanted);
        let pairs: BTreeSet<_> = joined.iter().flat_map(|one| more.iter().map(|other| one.and(other))).collect();
        joined = pairs.into_iter().filter(Way::is_possible).collect();
        if joined.len() > WAYS_MAX {
            let level = joined.iter().map(|way| way.level).max().unwrap_or_default();
            joined = vec![Way { level, answered: joined.iter().all(|way| way.answered), ..Way::default() }];
        }
    }
    joined
}

fn of_item(item: &Item) -> Vec<Way> {
    let way = Way::looks_at(item).and(&written_by(&item.name));
    let Some(words) = words(item) else { return vec![way] };
    match item.name.as_str() {
        "verb" => vec![Way { verbs: Some(words), ..way }],
        "objectRef.resource" => vec![Way { resources: Some(words), ..way }],
        "objectRef.subresource" => vec![Way { subresources: Some(words), ..way }],
        "request.action" => words.iter().map(|action| way.and(&doing(action))).collect(),
        "actor.kind" => vec![Way { rejected: words.contains("unauthenticated"), ..way }],
        _ => vec![way],
    }
}

/// The whole values that a wish is content with, where there are no others.
fn words(item: &Item) -> Option<BTreeSet<String>> {
    let Wish::Value(any_of) = &item.wish else { return None };
    let word = |needed: &Needed| match needed {
        Needed::Whole(word) => Some(word.to_string()),
        Needed::Part(_) => None,
    };
    any_of.needed()?.iter().map(word).collect()
}

/// The requests that have a field which is worked out of a body, see `enrich::document`.
fn written_by(field: &str) -> Way {
    let (document, below) = field.split_once('.').unwrap_or((field, ""));
    let below = below.strip_prefix("object.").unwrap_or(below);
    let set = |words: &[&str]| Some(words.iter().map(ToString::to_string).collect());
    let of = |resources: &[&str]| Way { resources: set(resources), verbs: set(&WRITE), ..Way::default() };
    match document {
        "workload" => of(&WORKLOADS),
        "grant" => of(&["roles", "clusterroles", "rolebindings", "clusterrolebindings"]),
        "token" => Way { subresources: set(&["token"]), verbs: set(&["create"]), ..of(&["serviceaccounts"]) },
        "csr" => of(&["certificatesigningrequests"]),
        "webhook" => of(&["validatingwebhookconfigurations", "mutatingwebhookconfigurations"]),
        "service" => of(&["services"]),
        "ingress" => of(&["ingresses", "httproutes", "tlsroutes", "grpcroutes"]),
        "policy" if below != "failed_open" => {
            Way { verbs: set(&["create", "update", "patch", "delete", "deletecollection"]), ..of(&GUARDS) }
        }
        "body" | "requestObject" if POD_PARTS.iter().any(|part| below.starts_with(part)) => of(&WORKLOADS),
        "body" | "requestObject" if below.split('.').next() == Some("webhooks") => written_by("webhook"),
        _ => Way::default(),
    }
}

/// Verbs that write an object.
const WRITE: [&str; 3] = ["create", "update", "patch"];

/// Where in a body pods are described.
const POD_PARTS: [&str; 5] =
    ["spec.template.", "spec.jobTemplate.", "spec.containers", "spec.initContainers", "spec.serviceAccount"];

/// Resources that protect, of those that are everywhere.
const GUARDS: [&str; 11] = [
    "namespaces",
    "networkpolicies",
    "validatingwebhookconfigurations",
    "mutatingwebhookconfigurations",
    "validatingadmissionpolicies",
    "validatingadmissionpolicybindings",
    "mutatingadmissionpolicies",
    "mutatingadmissionpolicybindings",
    "resourcequotas",
    "limitranges",
    "poddisruptionbudgets",
];

/// Resources that pods come of, of those that are everywhere.
const WORKLOADS: [&str; 10] = [
    "pods",
    "deployments",
    "replicasets",
    "replicationcontrollers",
    "statefulsets",
    "daemonsets",
    "jobs",
    "cronjobs",
    "podtemplates",
    "persistentvolumes",
];

/// The requests that do this, see `enrich::request::Action`.
fn doing(action: &str) -> Way {
    let set = |words: &[&str]| Some(words.iter().map(ToString::to_string).collect());
    let of = |verbs: &[&str], resources: &[&str], subresources: &[&str]| Way {
        verbs: if verbs.is_empty() { None } else { set(verbs) },
        resources: if resources.is_empty() { None } else { set(resources) },
        subresources: if subresources.is_empty() { None } else { set(subresources) },
        ..Way::default()
    };
    match action {
        // A patch creates what was not there.
        "create" => of(&["create", "patch"], &[], &[]),
        "get" | "list" | "watch" | "update" | "patch" | "delete" | "deletecollection" => of(&[action], &[], &[]),
        "exec" | "attach" | "portforward" => of(&[], &["pods"], &[action]),
        "proxy" => of(&[], &["pods", "services", "nodes"], &["proxy"]),
        "log" => of(&["get"], &["pods"], &["log"]),
        "mint-token" => of(&["create"], &["serviceaccounts"], &["token"]),
        "approve-certificate" => of(&["update", "patch"], &["certificatesigningrequests"], &["approval", "status"]),
        "evict" => of(&["create"], &["pods"], &["eviction"]),
        "ask-own-rights" => {
            let reviews = ["selfsubjectaccessreviews", "selfsubjectrulesreviews", "selfsubjectreviews"];
            of(&["create"], &reviews, &[])
        }
        _ => Way::default(),
    }
}

impl Way {
    fn looks_at(item: &Item) -> Self {
        let level = match &item.subject {
            Subject::Field(field) => rank(field.entry().level),
            // Keywords may stand anywhere, bodies included.
            Subject::Everything => rank(Level::RequestResponse),
            Subject::Path(_) | Subject::Itself => 0,
        };
        let answered = !matches!(item.late, Late::Never | Late::OfPatches);
        Self { level, answered, ..Self::default() }
    }

    fn and(&self, other: &Self) -> Self {
        let both = |one: &Option<BTreeSet<String>>, other: &Option<BTreeSet<String>>| match (one, other) {
            (Some(one), Some(other)) => Some(one.intersection(other).cloned().collect()),
            (one, other) => one.clone().or_else(|| other.clone()),
        };
        Self {
            verbs: both(&self.verbs, &other.verbs),
            resources: both(&self.resources, &other.resources),
            subresources: both(&self.subresources, &other.subresources),
            level: self.level.max(other.level),
            answered: self.answered || other.answered,
            rejected: self.rejected || other.rejected,
        }
    }

    fn is_possible(&self) -> bool {
        [&self.verbs, &self.resources, &self.subresources]
            .iter()
            .all(|words| words.as_ref().is_none_or(|set| !set.is_empty()))
    }

    fn requests(self) -> Requests {
        let level = match self.level {
            0 => Level::Metadata,
            1 => Level::Request,
            _ => Level::RequestResponse,
        };
        let subresources: Vec<_> = match self.subresources {
            None => vec![None],
            Some(words) => words.into_iter().map(Some).collect(),
        };
        let targets = match self.resources {
            // Paths have no bodies.
            None if self.level > 0 => Targets::AnyResource,
            None => Targets::All,
            Some(resources) => {
                let below = |resource: String| {
                    let kind = move |subresource: &Option<String>| Kind {
                        group: None,
                        resource: resource.clone(),
                        subresource: subresource.clone(),
                    };
                    subresources.iter().map(kind).collect::<Vec<_>>()
                };
                Targets::Resources(resources.into_iter().flat_map(below).collect())
            }
        };
        Requests {
            callers: if self.rejected { Callers::Anyone } else { Callers::LetIn },
            verbs: self.verbs.into_iter().flatten().collect(),
            targets,
            level,
            stages: if self.answered { ANSWERED.to_vec() } else { ANY_STAGE.to_vec() },
        }
    }
}

fn rank(level: Level) -> u8 {
    match level {
        Level::Unknown | Level::Metadata => 0,
        Level::Request => 1,
        Level::RequestResponse => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::rules::{Lists, Sheet, load};

    /// What a rule asks for: `level verbs resources`.
    #[track_caller]
    fn check(detection: &str, expected: &[&str]) {
        let head = "title: R\nlogsource: {product: kubernetes, service: audit}";
        let sheet = Sheet { file: "r.yml".to_owned(), text: format!("{head}\ndetection: {detection}\n") };
        let loaded = load(&[sheet], &Lists::new()).unwrap();
        let (_, needs) = loaded.needs().remove(0);
        let shown = |requests: &Requests| {
            let targets = match &requests.targets {
                Targets::Resources(kinds) => {
                    let kind = |kind: &Kind| match kind.subresource.as_deref() {
                        None => kind.resource.clone() + "/*",
                        Some("") => kind.resource.clone(),
                        Some(below) => format!("{}/{below}", kind.resource),
                    };
                    kinds.iter().map(kind).collect::<Vec<_>>().join(",")
                }
                _ => "*".to_owned(),
            };
            format!("{:?} {} {targets}", requests.level, requests.verbs.join(","))
        };
        assert_eq!(needs.0.iter().map(shown).collect::<Vec<_>>(), expected, "{detection}");
    }

    #[test]
    fn rules_ask_for_what_they_look_at() {
        check("{s: {verb: [get, list], objectRef.resource: secrets}, condition: s}", &["Metadata get,list secrets/*"]);
        check(
            "{s: {verb: get, objectRef.resource: pods, objectRef.subresource: ''}, condition: s}",
            &["Metadata get pods"],
        );
        check("{s: {request.action: exec}, condition: s}", &["Metadata  pods/exec"]);
        check(
            "{s: {request.action: [mint-token, log]}, t: {objectRef.resource: pods}, condition: s and t}",
            &["Metadata get pods/log"],
        );
        check(
            "{s: {request.action: create, objectRef.resource: pods}, t: {requestObject.spec.hostPID: true}, condition: s and t}",
            &["Request create,patch pods/*"],
        );
        // What is not wanted says nothing of what is, and need not be seen.
        check(
            "{s: {verb: get}, t: {objectRef.resource: pods}, u: {responseObject.kind: List}, condition: s and not t and not u}",
            &["Metadata get *"],
        );
        check("{s: {token.seconds|gte: 7200}, condition: s}", &["Request create serviceaccounts/token"]);
        check(
            "{s: {verb: get, objectRef.resource: pods}, t: {verb: list, objectRef.resource: nodes}, condition: s or t}",
            &["Metadata get pods/*", "Metadata list nodes/*"],
        );
        check("{s: {verb: g*}, condition: s}", &["Metadata  *"]);
    }
}
