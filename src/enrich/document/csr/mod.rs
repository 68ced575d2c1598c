//! A request for a certificate, and what was decided on it.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use crate::enrich::actor::{ADMIN_GROUP, NODES_GROUP};
use crate::enrich::facts::Facts;
use crate::event::Raw;

use super::json::Object;
use super::read::{at, items, number, take, text, texts};
use super::writes;

mod pkcs10;

use pkcs10::Subject;

/// Longest request that is decoded, bytes. Beyond it the subject is missing.
const REQUEST_BYTES_MAX: usize = 64 * 1024;

pub(super) fn document(facts: &Facts<'_, '_>) -> Option<Vec<u8>> {
    let object = facts.object();
    if object.resource != "certificatesigningrequests" || object.api_group != "certificates.k8s.io" || !writes(facts) {
        return None;
    }
    let written = facts.written();
    // On a decision the client's copy of the request counts for nothing: the server keeps its own.
    let decides = !object.subresource.is_empty();
    let answer = facts.event.response_object().filter(|_| decides).and_then(|answer| at(answer, &["spec"]));
    let spec = answer.or_else(|| at(written.whole(|_| true).object, &["spec"])).unwrap_or_default();
    let [signer, usages, seconds, requester, groups, request] =
        take(spec, ["signerName", "usages", "expirationSeconds", "username", "groups", "request"]);
    let actor = &facts.who.user.name;
    let asks = !decides && facts.event.verb() == "create";
    let requester = if asks { Some(actor.as_str().into()) } else { text(requester) };
    let decision = decision(at(written.object(), &["status", "conditions"]));
    let mut csr = Object::default();
    csr.maybe("signer", text(signer));
    csr.texts("usages", texts(usages));
    csr.maybe_raw("seconds", number(seconds));
    csr.flag("self_approved", decision == Some("approved") && requester.as_deref() == Some(actor));
    csr.maybe("requester", requester);
    csr.texts("requester_groups", texts(groups));
    csr.maybe("decision", decision);
    if let Some(subject) = subject(request) {
        describe(&subject, &mut csr);
    }
    Some(csr.finish())
}

fn decision(conditions: Option<Raw<'_>>) -> Option<&'static str> {
    let decisions = items(conditions).filter_map(|condition| match &*text(condition.get("type"))? {
        "Approved" => Some("approved"),
        "Denied" => Some("denied"),
        "Failed" => Some("failed"),
        _ => None,
    });
    decisions.last()
}

/// The subject in the PEM, which is itself in base64.
fn subject(request: Option<Raw<'_>>) -> Option<Subject> {
    let encoded = text(request).filter(|encoded| encoded.len() <= REQUEST_BYTES_MAX)?;
    let pem = BASE64_STANDARD.decode(&*encoded).ok()?;
    let pem = std::str::from_utf8(&pem).ok()?;
    let body = pem.split_once("-----BEGIN CERTIFICATE REQUEST-----")?.1.split_once("-----END")?.0;
    let body: String = body.chars().filter(|letter| !letter.is_whitespace()).collect();
    Subject::read(&BASE64_STANDARD.decode(body).ok()?)
}

fn describe(subject: &Subject, csr: &mut Object) {
    csr.maybe("common_name", subject.common_names.last());
    csr.texts("organizations", &subject.organizations);
    let in_group = |group: &str| subject.organizations.iter().any(|organization| organization == group);
    let grants = [
        (in_group(ADMIN_GROUP), "masters"),
        (in_group(NODES_GROUP), "nodes"),
        (subject.common_names.iter().any(|name| name.starts_with("system:")), "system-user"),
    ];
    csr.texts("grants", grants.into_iter().filter_map(|(set, word)| set.then_some(word)));
}
