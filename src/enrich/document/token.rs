//! A token that is made for a service account.

use crate::enrich::actor::Kind;
use crate::enrich::facts::Facts;

use super::json::Object;
use super::read::{at, number, take, text, texts};

pub(super) fn document(facts: &Facts<'_, '_>) -> Option<Vec<u8>> {
    let object = facts.object();
    if object.resource != "serviceaccounts" || object.subresource != "token" || facts.event.verb() != "create" {
        return None;
    }
    let (namespace, name) = (object.namespace.decode(), object.name.decode());
    let mut token = Object::default();
    token.text("name", &name);
    token.text("namespace", &namespace);
    token.maybe(
        "issued",
        facts.event.annotation("authentication.kubernetes.io/issued-credential-id").map(|id| id.decode()),
    );
    let account = match facts.who.user.kind() {
        Kind::ServiceAccount { namespace, name } => Some((namespace, name)),
        _ => None,
    };
    token.flag("to_self", account == Some((&*namespace, &*name)));
    token.maybe_flag("crosses_namespace", account.map(|(own, _)| own != namespace));
    if let Some(spec) = at(facts.written().whole(|_| true).object, &["spec"]) {
        let [audiences, seconds, bound] = take(spec, ["audiences", "expirationSeconds", "boundObjectRef"]);
        token.texts("audiences", texts(audiences));
        token.maybe_raw("seconds", number(seconds));
        token.flag("bound", bound.is_some());
        let [kind, name] = take(bound.unwrap_or_default(), ["kind", "name"]);
        let mut bound_to = Object::default();
        bound_to.maybe("kind", text(kind));
        bound_to.maybe("name", text(name));
        token.object("bound_to", bound_to);
    }
    Some(token.finish())
}
