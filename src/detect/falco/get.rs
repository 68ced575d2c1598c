//! Reads a field's value out of an event, over its spans.

mod containers;
mod json;

use std::borrow::Cow;

use crate::enrich::Facts;
use crate::event::{Event, ObjectRef, Raw, Text};
use crate::mask;

pub(super) use containers::{Container, Volume};
pub(super) use json::Pointer;
use json::{compact, pretty};

/// Most values a list field gives. What lies beyond is not looked at: no honest object has so many.
const VALUES_MAX: usize = 10_000;

/// An event, and what it names.
#[derive(Debug, Clone, Copy)]
pub(super) struct Subject<'e, 'a> {
    pub(super) event: &'e Event<'a>,
    pub(super) object: &'e ObjectRef<'a>,
}

impl<'e, 'a> Subject<'e, 'a> {
    pub(super) fn of(facts: &'e Facts<'_, 'a>) -> Self {
        Self { event: facts.event, object: facts.object() }
    }
}

/// What a field says of an event.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value<'a> {
    /// Nothing: every comparison with it is false.
    Missing,
    Text(Cow<'a, str>),
    List(Vec<Cow<'a, str>>),
    Number(u64),
}

impl<'a> Value<'a> {
    fn text(text: Option<Cow<'a, str>>) -> Self {
        text.map_or(Self::Missing, Self::Text)
    }

    /// An empty list is no value.
    fn list(values: Option<Vec<Cow<'a, str>>>) -> Self {
        values.filter(|values| !values.is_empty()).map_or(Self::Missing, Self::List)
    }
}

/// How a field is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Get {
    AuditId,
    Stage,
    Verb,
    Uri,
    /// The first value of a parameter of the query.
    UriParameter(String),
    UserAgent,
    SourceIps(Option<usize>),
    Annotation(&'static str),
    UserName,
    UserGroups,
    ImpersonatedName,
    TargetName,
    TargetNamespace,
    TargetResource,
    TargetSubresource,
    CreatedPodName,
    /// A value in the request's body.
    Request(&'static [&'static str]),
    /// The items of an array in the request's body.
    RequestItems(&'static [&'static str]),
    SubjectNames(&'static str),
    SubjectServiceAccounts,
    HasSubject(String),
    RoleRules(&'static str, Option<usize>),
    ServicePorts(Option<usize>),
    Volumes(Volume, Option<usize>),
    HostPathLike(String),
    Containers(&'static str, Container, Option<usize>),
    /// Of the first container.
    First(Container),
    AnyPrivileged,
    ResponseName,
    Status(&'static str),
    Pointer(Pointer),
    Whole,
    RawTime,
    Time,
    Fixed(&'static str),
}

impl Get {
    /// What the field says of an event. Only an event with an id has fields of the audit log.
    pub(super) fn read<'a>(&self, subject: Subject<'_, 'a>) -> Value<'a> {
        let event = subject.event;
        match self {
            Self::Pointer(pointer) if pointer.is_stage() => present(event.stage),
            Self::Pointer(pointer) => Value::text(pointer.read(event).map(json_text)),
            Self::Whole => Value::Text(Cow::Owned(pretty(Raw::new(event.bytes())))),
            Self::RawTime => {
                Value::text(event.time().map(|time| Cow::Owned((i128::from(time.micros()) * 1000).to_string())))
            }
            Self::Time => Value::text(event.time().map(|time| Cow::Owned(time.to_string()))),
            Self::Fixed(text) => Value::Text(Cow::Borrowed(text)),
            _ if event.audit_id().is_empty() => Value::Missing,
            Self::AuditId => present(event.audit_id()),
            Self::Stage => present(event.stage),
            Self::Verb => present(event.verb()),
            Self::Uri => present(event.request_uri()),
            Self::UriParameter(key) => Value::text(parameter(event.request_uri(), key)),
            Self::UserAgent => present(event.user_agent()),
            Self::SourceIps(index) => Value::list(Some(picked(event.source_ips(), *index).map(json_text).collect())),
            Self::Annotation(key) => Value::text(event.annotations.get(key).map(json_text)),
            Self::UserName => Value::text(event.user().get("username").map(json_text)),
            Self::UserGroups => items(event.user().get("groups")),
            Self::ImpersonatedName => {
                Value::text(event.impersonated_user().and_then(|user| user.get("username")).map(json_text))
            }
            Self::TargetName => present(subject.object.name),
            Self::TargetNamespace => present(subject.object.namespace),
            Self::TargetResource => present(subject.object.resource),
            Self::TargetSubresource => present(subject.object.subresource),
            Self::CreatedPodName if subject.object.resource == "pods" && subject.object.subresource.is_empty() => {
                response_name(event)
            }
            Self::CreatedPodName => Value::Missing,
            Self::ResponseName => response_name(event),
            Self::Status(key) => Value::text(event.response_status().and_then(|status| status.get(key)).map(json_text)),
            of_body => event.request_object().map_or(Value::Missing, |body| of_body.read_body(body)),
        }
    }

    /// What a field of the request's body says.
    fn read_body<'a>(&self, body: Raw<'a>) -> Value<'a> {
        match self {
            Self::Request(path) => Value::text(body.at(path).map(json_text)),
            Self::RequestItems(path) => items(body.at(path)),
            Self::SubjectNames(kind) => subjects(body, kind, |subject| subject.get("name").map(json_text)),
            Self::SubjectServiceAccounts => subjects(body, "ServiceAccount", |subject| {
                let (namespace, name) = (json_text(subject.get("namespace")?), json_text(subject.get("name")?));
                Some(Cow::Owned(format!("{namespace}:{name}")))
            }),
            Self::HasSubject(wanted) => {
                let names = body.get("subjects").into_iter().flat_map(Raw::items).take(VALUES_MAX);
                let mut names = names.filter_map(|subject| subject.get("name")?.text());
                yes_or_no(names.any(|name| name == wanted.as_str()))
            }
            Self::RoleRules(key, index) => {
                let Some(rules) = body.get("rules") else { return Value::Missing };
                let values = picked(rules, *index).filter_map(|rule| rule.get(key)).flat_map(Raw::items);
                Value::list(Some(values.take(VALUES_MAX).map(json_text).collect()))
            }
            Self::ServicePorts(index) => {
                Value::list(body.at(&["spec", "ports"]).map(|ports| picked(ports, *index).map(json_text).collect()))
            }
            Self::Volumes(what, index) => Value::list(containers::volumes(body, *what, *index)),
            Self::HostPathLike(pattern) => containers::host_path_like(body, pattern),
            Self::Containers(list, what, index) => Value::list(containers::read(body, list, *what, *index)),
            Self::First(what) => {
                let first = containers::read(body, "containers", *what, Some(0));
                Value::text(first.and_then(|values| values.into_iter().next()))
            }
            Self::AnyPrivileged => containers::any_privileged(body),
            _ => Value::Missing,
        }
    }
}

/// A text of the event. The API server leaves empty ones out, so an empty one is a missing one.
fn present(text: Text<'_>) -> Value<'_> {
    if text.is_empty() { Value::Missing } else { Value::Text(text.decode()) }
}

fn yes_or_no<'a>(yes: bool) -> Value<'a> {
    Value::Text(Cow::Borrowed(if yes { "true" } else { "false" }))
}

fn response_name<'a>(event: &Event<'a>) -> Value<'a> {
    Value::text(event.response_object().and_then(|body| body.at(&["metadata", "name"])).map(json_text))
}

/// A string as it reads; any other value as compact JSON.
fn json_text(value: Raw<'_>) -> Cow<'_, str> {
    match value.text() {
        Some(text) => text.decode(),
        None => compact(value),
    }
}

/// The items of an array, when this is one.
fn items(array: Option<Raw<'_>>) -> Value<'_> {
    Value::list(array.map(|array| array.items().take(VALUES_MAX).map(json_text).collect()))
}

/// All items of an array, or the one at an index.
fn picked(array: Raw<'_>, index: Option<usize>) -> impl Iterator<Item = Raw<'_>> {
    let (skip, take) = index.map_or((0, VALUES_MAX), |index| (index, 1));
    array.items().skip(skip).take(take)
}

fn subjects<'a>(body: Raw<'a>, kind: &str, read: impl Fn(Raw<'a>) -> Option<Cow<'a, str>>) -> Value<'a> {
    let all = body.get("subjects").into_iter().flat_map(Raw::items).take(VALUES_MAX);
    let of_kind = all.filter(|subject| subject.get("kind").and_then(Raw::text).is_some_and(|found| found == kind));
    Value::list(Some(of_kind.filter_map(read).collect()))
}

/// The first value of a parameter of the query.
fn parameter<'a>(uri: Text<'a>, wanted: &str) -> Option<Cow<'a, str>> {
    let uri = uri.decode();
    let (_, query) = uri.split_once('?')?;
    query.split('&').find_map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        (mask::percent_decode(key) == wanted).then(|| Cow::Owned(mask::percent_decode(value).into_owned()))
    })
}
