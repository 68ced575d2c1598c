//! What is shown of an event: masked, bounded, and free of its bytes.

use serde_json::value::RawValue;

use crate::alert::suppression::Shown;
use crate::alert::{Actor, Client, EventRef, Evidence, Request};
use crate::batch::{ClusterId, SourceId};
use crate::detect::Findings;
use crate::enrich::request::{Action, Outcome, exec_command};
use crate::enrich::{Facts, Origin};
use crate::event::{Stage, Text};
use crate::hit::Hit;
use crate::mask;
use crate::request::Keys;

/// Most groups of an actor shown.
const GROUPS_SHOWN_MAX: usize = 16;

/// Most characters of an audit id shown. The API server's own have 36; a client may send a megabyte.
const AUDIT_ID_CHARS_MAX: usize = 64;

/// What is needed of an event to count it.
pub(super) fn outline(facts: &Facts<'_, '_>, findings: &mut Findings, source: &SourceId, cluster: &ClusterId) -> Hit {
    let event = facts.event;
    let time = event.time().unwrap_or_default();
    Hit {
        time,
        stage: event.stage(),
        keys: Keys::of(event),
        received: event.received().unwrap_or(time),
        late: event.stage() >= Stage::ResponseComplete,
        earlier_stages: false,
        success: facts.outcome() == Outcome::Success,
        findings: findings.take(),
        observed: findings.take_observed(),
        who: if facts.who.without_credential { String::new() } else { facts.who.shown().to_owned() },
        cluster: cluster.shared(),
        client: None,
        actor: None,
        request: None,
        event: Some(EventRef {
            audit_id: audit_id(event.audit_id()),
            stage: event.stage().word().to_owned(),
            time,
            source: source.shared(),
        }),
        evidence: None,
    }
}

/// Who asked what from where; nothing of what no request raised.
pub(super) struct Description {
    client: Option<Client>,
    actor: Option<Actor>,
    request: Option<Request>,
}

impl Description {
    /// As an event says it.
    pub(super) fn of(facts: &Facts<'_, '_>) -> Self {
        Self { client: Some(client(&facts.origin)), actor: Some(actor(facts)), request: Some(request(facts)) }
    }

    /// As a hit has it.
    pub(super) fn within(hit: &Hit) -> Self {
        Self { client: hit.client.clone(), actor: hit.actor.clone(), request: hit.request.clone() }
    }

    /// For suppressions.
    pub(super) fn shown(&self) -> Shown<'_> {
        Shown { client: self.client.as_ref(), actor: self.actor.as_ref(), request: self.request.as_ref() }
    }
}

/// Adds what people are shown.
pub(super) fn complete(hit: &mut Hit, facts: &Facts<'_, '_>) {
    let Description { client, actor, request } = Description::of(facts);
    (hit.client, hit.actor, hit.request) = (client, actor, request);
    hit.evidence = evidence(facts);
}

fn client(origin: &Origin) -> Client {
    Client {
        ip: origin.address.map(|address| address.to_string()),
        zone: origin.zone.as_ref().map(|zone| zone.name.to_string()),
        trusted: origin.trusted.word().to_owned(),
        scope: origin.scope.map_or("unknown", |scope| scope.word()).to_owned(),
        forwarded: origin.forwarded.word().to_owned(),
        peer: origin.peer.filter(|_| origin.peer != origin.address).map(|peer| peer.to_string()),
        country: origin.place.country.clone(),
        asn: origin.place.asn,
        as_org: origin.place.as_org.clone(),
        place_date: origin.place_date.clone(),
    }
}

fn actor(facts: &Facts<'_, '_>) -> Actor {
    let (user, event) = (&facts.who.user, facts.event);
    let shown = |text: Text<'_>| (!text.is_empty()).then(|| mask::text(text));
    Actor {
        kind: user.kind().word().to_owned(),
        name: user.name.clone(),
        groups: user.groups.iter().take(GROUPS_SHOWN_MAX).cloned().collect(),
        credential: user.credential_id.clone(),
        impersonated: event.impersonated_user().and_then(|user| shown(user.get("username")?.text()?)),
        user_agent: shown(event.user_agent()),
    }
}

fn request(facts: &Facts<'_, '_>) -> Request {
    let (event, object) = (facts.event, facts.object());
    let resource = match (mask::text(object.resource), mask::text(object.subresource)) {
        (resource, subresource) if subresource.is_empty() => resource,
        (resource, subresource) => format!("{resource}/{subresource}"),
    };
    let command = (facts.action() == Action::Exec).then(|| mask::command(&exec_command(event.request_uri())));
    Request {
        verb: mask::text(event.verb()),
        action: facts.action().word().to_owned(),
        resource,
        api_group: mask::text(object.api_group),
        namespace: mask::text(object.namespace),
        name: mask::text(object.name),
        uri: mask::uri(event.request_uri()),
        outcome: facts.outcome().word().to_owned(),
        code: event.code(),
        command: command.filter(|command| !command.is_empty()),
    }
}

/// The id, or of a longer one its beginning, length and hash, within the same limit.
fn audit_id(id: Text<'_>) -> String {
    let id = id.decode();
    if id.chars().count() <= AUDIT_ID_CHARS_MAX {
        return id.into_owned();
    }
    let begin: String = id.chars().take(20).collect();
    let sha256 = mask::unreadable(id.as_bytes()).sha256;
    format!("{begin}… ({} bytes, {})", id.len(), &sha256[..16])
}

fn evidence(facts: &Facts<'_, '_>) -> Option<Evidence> {
    let masked = mask::event(facts.event);
    let event = RawValue::from_string(masked.json).ok()?;
    Some(Evidence { event, cut: masked.cut, bytes: facts.event.bytes().len() as u64 })
}
