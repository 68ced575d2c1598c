//! What opens the cluster to the outside: services and ingresses.

use crate::enrich::facts::Facts;
use crate::event::Raw;

use super::json::Object;
use super::read::{at, items, number, take, text, texts};
use super::writes;

/// Annotations by which clouds keep a load balancer inside, with the values that do so.
const INTERNAL: &[(&str, &[&str])] = &[
    ("service.beta.kubernetes.io/aws-load-balancer-internal", &["true", "0.0.0.0/0"]),
    ("service.beta.kubernetes.io/aws-load-balancer-scheme", &["internal"]),
    ("service.beta.kubernetes.io/azure-load-balancer-internal", &["true"]),
    ("networking.gke.io/load-balancer-type", &["Internal", "internal"]),
    ("cloud.google.com/load-balancer-type", &["Internal", "internal"]),
];

pub(super) fn document(facts: &Facts<'_, '_>) -> Option<Vec<u8>> {
    let object = facts.object();
    let of_status = object.subresource == "status";
    if object.resource != "services"
        || !object.api_group.is_empty()
        || !writes(facts)
        || !(object.subresource.is_empty() || of_status)
    {
        return None;
    }
    // The status is only what a status request says: the rest of its body changes nothing.
    let found = facts.written().whole(|patch| patch.get("spec").is_some() && !of_status);
    if found.object.bytes().is_empty() {
        return None;
    }
    let mut service = Object::default();
    service.text("from", found.from);
    let balancer = items(at(found.object, &["status", "loadBalancer", "ingress"]));
    let addresses = balancer.flat_map(|entry| take(entry, ["ip", "hostname"]).into_iter().filter_map(text));
    service.texts("load_balancer", addresses.take_while(|_| of_status));
    if !of_status {
        let [metadata, spec] = take(found.object, ["metadata", "spec"]).map(Option::unwrap_or_default);
        describe(metadata, spec, &mut service);
    }
    Some(service.finish())
}

fn describe(metadata: Raw<'_>, spec: Raw<'_>, service: &mut Object) {
    let [kind, external, ports, selector, name, address] =
        take(spec, ["type", "externalIPs", "ports", "selector", "externalName", "loadBalancerIP"]);
    service.maybe("type", text(kind));
    service.texts("external_ips", texts(external));
    let numbers = |key| items(ports).filter_map(move |port| number(port.get(key)));
    service.numbers("ports", numbers("port"));
    service.numbers("node_ports", numbers("nodePort"));
    service.maybe_raw("selector", selector);
    service.maybe("external_name", text(name));
    service.maybe("load_balancer_ip", text(address));
    let annotations = metadata.get("annotations").unwrap_or_default();
    let is_internal = annotations.members().any(|(key, value)| {
        let value = text(Some(value)).unwrap_or_default();
        INTERNAL.iter().any(|(name, values)| key == *name && values.contains(&&*value))
    });
    service.flag("internal", is_internal);
}

/// An ingress; other kinds of routes have their hosts in the same place.
pub(super) fn ingress(facts: &Facts<'_, '_>) -> Option<Vec<u8>> {
    let object = facts.object();
    let is_one =
        ["ingresses", "httproutes", "tlsroutes", "grpcroutes"].iter().any(|resource| object.resource == *resource);
    if !is_one || !object.subresource.is_empty() || !writes(facts) {
        return None;
    }
    let found = facts.written().whole(|patch| patch.get("spec").is_some());
    if found.object.bytes().is_empty() {
        return None;
    }
    let mut ingress = Object::default();
    ingress.text("from", found.from);
    let [metadata, spec] = take(found.object, ["metadata", "spec"]).map(Option::unwrap_or_default);
    let [rules, tls, class, hostnames] = take(spec, ["rules", "tls", "ingressClassName", "hostnames"]);
    let hosts = items(rules).filter_map(|rule| text(rule.get("host")));
    ingress.texts("hosts", hosts.chain(texts(hostnames)));
    ingress.flag("tls", items(tls).next().is_some());
    ingress.maybe("class", text(class));
    let paths = items(rules).flat_map(|rule| items(at(rule, &["http", "paths"])));
    ingress.texts("services", paths.filter_map(|path| text(at(path, &["backend", "service", "name"]))));
    let annotations = metadata.get("annotations").unwrap_or_default();
    let snippets =
        annotations.members().map(|(key, _)| key.decode().into_owned()).filter(|key| key.ends_with("-snippet"));
    ingress.texts("snippets", snippets);
    Some(ingress.finish())
}
