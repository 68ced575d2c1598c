//! What happened, as a sentence that stands alone in a chat channel.

use crate::enrich::client::Trusted;
use crate::enrich::request::{Action, Outcome};
use crate::enrich::{Facts, Origin};
use crate::mask;

/// `eve listed secrets in namespace web from 203.0.113.7, outside every trusted network`, without the last clause.
pub(super) fn deed(facts: &Facts<'_, '_>) -> String {
    let who = facts.who.shown();
    let acting = facts.event.impersonated_user().and_then(|user| user.get("username")?.text());
    let acting = acting.map(|name| format!(" (acting as {})", mask::text(name))).unwrap_or_default();
    let (past, infinitive) = words(facts.action());
    let what = object(facts);
    let from = from(&facts.origin);
    match facts.outcome() {
        Outcome::Success => format!("{who}{acting} {past} {what}{from}"),
        Outcome::Denied => format!("{who}{acting} tried to {infinitive} {what}{from} and was denied"),
        Outcome::Rejected => format!("{who}{acting} tried to {infinitive} {what}{from} and was rejected"),
        Outcome::Failed => format!("{who}{acting} tried to {infinitive} {what}{from} and failed"),
        Outcome::Unknown => format!("{who}{acting} asked to {infinitive} {what}{from}"),
    }
}

fn words(action: Action) -> (&'static str, &'static str) {
    match action {
        Action::Get => ("read", "read"),
        Action::List => ("listed", "list"),
        Action::Watch => ("watched", "watch"),
        Action::Create => ("created", "create"),
        Action::Update | Action::Patch => ("changed", "change"),
        Action::Delete => ("deleted", "delete"),
        Action::DeleteCollection => ("deleted all", "delete all"),
        Action::Exec => ("ran a command in", "run a command in"),
        Action::Attach => ("attached to", "attach to"),
        Action::PortForward => ("forwarded a port of", "forward a port of"),
        Action::Proxy => ("reached through the API server to", "reach through the API server to"),
        Action::Log => ("read the log of", "read the log of"),
        Action::MintToken => ("minted a token for", "mint a token for"),
        Action::ApproveCertificate => ("decided on", "decide on"),
        Action::Evict => ("evicted", "evict"),
        Action::AskOwnRights => ("asked for his own rights by", "ask for his own rights by"),
        Action::Other => ("called", "call"),
    }
}

/// `secret web/db`, `secrets in namespace web`, `secrets in all namespaces`, or the path.
fn object(facts: &Facts<'_, '_>) -> String {
    let object = facts.object();
    if object.resource.is_empty() {
        let uri = mask::uri(facts.event.request_uri());
        return uri.split('?').next().unwrap_or_default().to_owned();
    }
    let resource = mask::text(object.resource);
    let (namespace, name) = (mask::text(object.namespace), mask::text(object.name));
    match (namespace.is_empty(), name.is_empty()) {
        (false, false) if resource == "namespaces" => format!("{resource} {name}"),
        (false, false) => format!("{resource} {namespace}/{name}"),
        (true, false) => format!("{resource} {name}"),
        (false, true) => format!("{resource} in namespace {namespace}"),
        (true, true) if matches!(facts.action(), Action::Create | Action::AskOwnRights) => resource,
        (true, true) => format!("{resource} in all namespaces"),
    }
}

fn from(origin: &Origin) -> String {
    let place = match (&origin.place.country, origin.place.asn) {
        (None, None) => String::new(),
        (Some(country), None) => format!(" ({country})"),
        (None, Some(asn)) => format!(" (AS{asn})"),
        (Some(country), Some(asn)) => format!(" ({country}, AS{asn})"),
    };
    match (&origin.zone, origin.address) {
        (Some(zone), Some(address)) => format!(" from {address} ({})", zone.name),
        (_, Some(address)) => format!(" from {address}{place}"),
        (_, None) if origin.hop.is_some() => format!(" from {}", origin.shown()),
        (_, None) => " from an unknown address".to_owned(),
    }
}

/// How the place stands to the trusted networks, as a clause.
pub(super) fn standing(origin: &Origin) -> String {
    match (origin.trusted, &origin.zone) {
        (Trusted::Yes, Some(zone)) => format!("in the trusted network {}", zone.name),
        (Trusted::No, Some(zone)) => format!("in {}, which is not a trusted network", zone.name),
        (Trusted::No, None) => "outside every trusted network".to_owned(),
        (Trusted::Unknown | Trusted::Yes, _) => "where the log does not show the client".to_owned(),
    }
}
