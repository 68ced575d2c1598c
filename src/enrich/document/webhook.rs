//! Admission webhooks: whom the API server asks, or tells, about every request.

use crate::enrich::facts::Facts;
use crate::event::Raw;

use super::json::Object;
use super::read::{items, number, take, text, texts};
use super::{deletes, writes};

pub(super) fn document(facts: &Facts<'_, '_>) -> Option<Vec<u8>> {
    let resource = facts.object().resource;
    let kind = match () {
        () if resource == "validatingwebhookconfigurations" => "validating",
        () if resource == "mutatingwebhookconfigurations" => "mutating",
        () => return None,
    };
    let mut webhook = Object::default();
    webhook.text("kind", kind);
    webhook.flag("removed", deletes(facts));
    if writes(facts) {
        let written = facts.written();
        let found = written.whole(|patch| patch.get("webhooks").is_some());
        let hooks: Vec<_> = items(found.object.get("webhooks")).map(Hook::of).collect();
        webhook.flag("external", hooks.iter().any(|hook| hook.url.is_some()));
        webhook.flag("fails_open", hooks.iter().any(|hook| hook.fails("Ignore")));
        webhook.flag("catches_all", hooks.iter().any(|hook| hook.catches_all));
        webhook.flag("only_certificate", facts.event.verb() == "patch" && writes_only_certificate(written.object()));
        webhook.objects("hooks", hooks.iter().map(Hook::describe));
    }
    Some(webhook.finish())
}

/// Certificates are renewed by patches that write nothing else.
fn writes_only_certificate(patch: Raw<'_>) -> bool {
    let hooks = patch.get("webhooks").unwrap_or_default();
    let only = |raw: Raw<'_>, keys: &[&str]| raw.members().all(|(key, _)| keys.iter().any(|known| key == **known));
    hooks.items().next().is_some()
        && only(patch, &["webhooks", "apiVersion", "kind", "metadata"])
        && hooks.items().all(|hook| {
            only(hook, &["name", "clientConfig"])
                && hook.get("clientConfig").is_none_or(|config| only(config, &["caBundle"]))
        })
}

struct Hook<'a> {
    raw: Raw<'a>,
    url: Option<String>,
    failure_policy: Option<String>,
    catches_all: bool,
}

impl<'a> Hook<'a> {
    fn of(raw: Raw<'a>) -> Self {
        let [client, failure_policy, rules] = take(raw, ["clientConfig", "failurePolicy", "rules"]);
        let url = text(client.and_then(|client| client.get("url"))).map(String::from);
        Self {
            raw,
            url,
            failure_policy: text(failure_policy).map(String::from),
            catches_all: items(rules).any(is_about_everything),
        }
    }

    fn fails(&self, policy: &str) -> bool {
        self.failure_policy.as_deref() == Some(policy)
    }

    fn describe(&self) -> Object {
        let [name, client, rules, namespaces, objects, conditions, seconds] = take(
            self.raw,
            [
                "name",
                "clientConfig",
                "rules",
                "namespaceSelector",
                "objectSelector",
                "matchConditions",
                "timeoutSeconds",
            ],
        );
        let mut hook = Object::default();
        hook.maybe("name", text(name));
        hook.maybe("url", self.url.as_ref());
        hook.maybe("host", self.url.as_deref().and_then(host));
        if let Some(service) = client.and_then(|client| client.get("service")) {
            let [namespace, name] = take(service, ["namespace", "name"]).map(|part| text(part).unwrap_or_default());
            hook.text("service", &format!("{namespace}/{name}"));
        }
        hook.maybe("failure_policy", self.failure_policy.as_ref());
        let all = |key| items(rules).flat_map(move |rule| texts(rule.get(key)));
        hook.texts("operations", all("operations"));
        hook.texts("groups", all("apiGroups"));
        hook.texts("resources", all("resources"));
        hook.flag("catches_all", self.catches_all);
        hook.flag("selects_namespaces", namespaces.is_some_and(|selector| selector.members().next().is_some()));
        hook.flag("selects_objects", objects.is_some_and(|selector| selector.members().next().is_some()));
        hook.flag("has_conditions", items(conditions).next().is_some());
        hook.maybe_raw("timeout_seconds", number(seconds));
        hook
    }
}

/// Every resource of every group.
fn is_about_everything(rule: Raw<'_>) -> bool {
    let [groups, resources] = take(rule, ["apiGroups", "resources"]).map(texts);
    groups.iter().any(|group| group == "*") && resources.iter().any(|resource| matches!(&**resource, "*" | "*/*"))
}

fn host(url: &str) -> Option<&str> {
    let authority = url.split_once("://")?.1.split(['/', '?', '#']).next()?;
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    Some(match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    })
}
