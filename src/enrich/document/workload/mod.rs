//! What a workload may do to its node and with whose rights: the pod spec inside pods and everything that makes pods.

use crate::enrich::facts::Facts;
use crate::event::Raw;

use super::json::Object;
use super::read::{at, flag, has_key, items, number, take, text};
use super::writes;
use super::written::Found;

mod container;
mod image;
mod path;
mod pod;
mod volume;

/// Kinds that hold a pod spec, and the way to what holds it.
const KINDS: &[(&str, &str, &[&str])] = &[
    ("pods", "Pod", &[]),
    ("deployments", "Deployment", &["spec", "template"]),
    ("replicasets", "ReplicaSet", &["spec", "template"]),
    ("replicationcontrollers", "ReplicationController", &["spec", "template"]),
    ("statefulsets", "StatefulSet", &["spec", "template"]),
    ("daemonsets", "DaemonSet", &["spec", "template"]),
    ("jobs", "Job", &["spec", "template"]),
    ("cronjobs", "CronJob", &["spec", "jobTemplate", "spec", "template"]),
    ("podtemplates", "PodTemplate", &["template"]),
];

/// Whether an event may write a pod spec: it shows a body, and its resource holds one or is none of Kubernetes' own.
pub(super) fn may_be_of(facts: &Facts<'_, '_>) -> bool {
    let event = facts.event;
    if !writes(facts) || (event.request_object().is_none() && event.response_object().is_none()) {
        return false;
    }
    let object = facts.object();
    !is_of_kubernetes(object.api_group.raw())
        || object.resource == "persistentvolumes"
        || KINDS.iter().any(|(name, ..)| object.resource == *name)
}

/// Whether an API group is part of Kubernetes itself: without a domain, or of `k8s.io`. Those of `x-k8s.io` are not.
fn is_of_kubernetes(group: &[u8]) -> bool {
    !group.contains(&b'.') || group.ends_with(b".k8s.io")
}

pub(super) fn document(facts: &Facts<'_, '_>) -> Option<Vec<u8>> {
    if !writes(facts) {
        return None;
    }
    let object = facts.object();
    let (resource, subresource) = (object.resource.decode(), object.subresource.decode());
    if resource == "persistentvolumes" && subresource.is_empty() {
        return Some(volume::persistent(facts.written().whole(|patch| patch.get("spec").is_some())));
    }
    if !subresource.is_empty() && (&*resource, &*subresource) != ("pods", "ephemeralcontainers") {
        return None;
    }
    let known = KINDS.iter().find(|(name, ..)| *name == resource);
    // Argo rollouts, Knative services, OpenShift's deployment configs and many more hold a template in the usual place.
    let &(_, kind, holder) = known.unwrap_or(&("", "", &["spec", "template"]));
    let found = facts.written().whole(|patch| touches(pod_spec(patch, holder)));
    let spec = pod_spec(found.object, holder);
    if known.is_none() && at(spec, &["containers"]).is_none() {
        return None;
    }
    (!found.object.bytes().is_empty()).then(|| whole(found, kind, holder))
}

fn pod_spec<'a>(object: Raw<'a>, holder: &[&str]) -> Raw<'a> {
    let holder = object.at(holder).unwrap_or_default();
    // Before Kubernetes 1.22 the ephemeral containers of a pod were an object of their own.
    holder.get("spec").or_else(|| holder.get("ephemeralContainers").map(|_| holder)).unwrap_or_default()
}

/// Whether a patch writes anything of a pod spec: a new label or another number of replicas makes no other workload.
fn touches(spec: Raw<'_>) -> bool {
    spec.members().any(|(key, _)| !key.raw().starts_with(b"$"))
}

fn whole(found: Found<'_>, kind: &str, holder: &[&str]) -> Vec<u8> {
    let mut workload = Object::default();
    if kind.is_empty() {
        workload.maybe("kind", text(found.object.get("kind")));
    } else {
        workload.text("kind", kind);
    }
    workload.text("from", found.from);
    let [metadata, spec] = take(found.object, ["metadata", "spec"]);
    let [labels, annotations, owners] =
        take(metadata.unwrap_or_default(), ["labels", "annotations", "ownerReferences"]);
    workload.maybe_raw("labels", labels);
    workload.maybe_raw("annotations", annotations);
    workload.objects("owners", items(owners).map(owner));
    workload.flag("controlled", items(owners).any(|owner| flag(owner.get("controller")) == Some(true)));
    workload.flag("mirror", has_key(annotations, &["kubernetes.io/config.mirror"]));
    let [replicas, schedule] = take(spec.unwrap_or_default(), ["replicas", "schedule"]);
    workload.maybe_raw("replicas", number(replicas));
    workload.maybe("schedule", text(schedule));
    let template = found.object.at(holder).and_then(|holder| holder.get("metadata")).unwrap_or_default();
    let [pod_labels, pod_annotations] = take(template, ["labels", "annotations"]);
    workload.maybe_raw("pod_labels", pod_labels);
    workload.maybe_raw("pod_annotations", pod_annotations);
    pod::describe(pod_spec(found.object, holder), pod_annotations, &mut workload);
    workload.finish()
}

fn owner(reference: Raw<'_>) -> Object {
    let mut owner = Object::default();
    let [kind, name, controller] = take(reference, ["kind", "name", "controller"]);
    owner.maybe("kind", text(kind));
    owner.maybe("name", text(name));
    owner.flag("controller", flag(controller) == Some(true));
    owner
}
