//! What can be wrong with one source.

use std::collections::BTreeSet;

use super::cross::{bad_cluster, is_name, name_problem};
use super::{Config, Source, envelopes};
use crate::server::audit::{BODY_BYTES_MOST, Config as Webhook, Sender};
use crate::source::spool::SPOOL_BYTES_LEAST;
use crate::yaml::{Outline, Problem};

/// The clusters whose records are read.
pub fn clusters(config: &Config) -> BTreeSet<&str> {
    let mut clusters = BTreeSet::new();
    for source in config.sources.values() {
        match &source.webhook {
            Some(webhook) => clusters.extend(webhook.clusters.keys().map(String::as_str)),
            None => clusters.extend([source.cluster.as_deref().unwrap_or(&config.cluster)]),
        }
    }
    clusters
}

/// What makes it useless.
pub fn problems(name: &str, source: &Source, outline: &Outline<'_>) -> Vec<Problem> {
    let mut problems = Vec::new();
    problems.extend(kind(name, source, outline));
    problems.extend(envelopes::problems(name, source, outline));
    let cluster = ["sources", name, "cluster"];
    problems.extend(source.cluster.as_ref().and_then(|named| bad_cluster(named, &cluster, outline)));
    if let Some(webhook) = &source.webhook {
        if source.cluster.is_some() {
            let message = format!("source `{name}` is a webhook, which names its clusters itself");
            problems.push(outline.problem_with_key(&cluster, message).advise("name it under `webhook.clusters`"));
        }
        problems.extend(webhook_problems(name, webhook, outline));
    }
    problems
}

fn kind(name: &str, source: &Source, outline: &Outline<'_>) -> Option<Problem> {
    let problem = |message: String| outline.problem_with_key(&["sources", name], message);
    let kinds = [
        source.file.as_ref().map(|_| "a file"),
        source.kafka.as_ref().map(|_| "Kafka"),
        source.webhook.as_ref().map(|_| "a webhook"),
    ];
    let kinds: Vec<&str> = kinds.into_iter().flatten().collect();
    match kinds.as_slice() {
        [] => Some(problem(format!("source `{name}` does not say what to read")).advise(
            "add `file: { path: … }`, `kafka: { brokers: […], topics: […], group: … }` or `webhook: { listen: … }`",
        )),
        ["Kafka"] if !cfg!(feature = "kafka") => Some(
            outline
                .problem_with_key(
                    &["sources", name, "kafka"],
                    format!("source `{name}` is Kafka, which this build leaves out"),
                )
                .advise("use a build with the cargo feature `kafka`, or read a file"),
        ),
        [_] => None,
        [one, other, ..] => Some(
            problem(format!("source `{name}` is both {one} and {other}"))
                .advise("make two sources of it, each with a name of its own"),
        ),
    }
}

fn webhook_problems(name: &str, webhook: &Webhook, outline: &Outline<'_>) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (cluster, sender) in &webhook.clusters {
        problems.extend(sender_problems(name, cluster, sender, webhook, outline));
    }
    let (body, memory, spool) = (webhook.body_bytes_max, webhook.memory_bytes_max, webhook.spool_bytes_max);
    let limits = [
        ("body_bytes_max", !(1..=BODY_BYTES_MOST).contains(&body), format!("from 1 to {BODY_BYTES_MOST}")),
        ("memory_bytes_max", memory < body.saturating_mul(2), "at least twice `body_bytes_max`".to_owned()),
        (
            "spool_bytes_max",
            spool < body.saturating_mul(2).max(SPOOL_BYTES_LEAST),
            format!("at least twice `body_bytes_max`, and {SPOOL_BYTES_LEAST}"),
        ),
    ];
    for (key, _, range) in limits.into_iter().filter(|(_, wrong, _)| *wrong) {
        let problem = outline.problem(&["sources", name, "webhook", key], format!("`{key}` is out of its range"));
        problems.push(problem.advise(format!("write a size {range}")));
    }
    problems
}

fn sender_problems(
    name: &str,
    cluster: &str,
    sender: &Sender,
    webhook: &Webhook,
    outline: &Outline<'_>,
) -> Vec<Problem> {
    let keys = ["sources", name, "webhook", "clusters", cluster];
    let mut problems = Vec::new();
    if !is_name(cluster) {
        let message = format!("`{cluster}` cannot stand in a path, as the name of a webhook's cluster must");
        problems.push(name_problem(outline.problem_with_key(&keys, message)));
    }
    for (at, named) in sender.senders.iter().enumerate() {
        let twice = sender.senders[..at].contains(named);
        if twice || !is_name(named) {
            let at = at.to_string();
            let path = [keys.as_slice(), &["senders", &at]].concat();
            let message = if twice { "is named twice" } else { "cannot be a name" };
            problems.push(name_problem(outline.problem(&path, format!("`{named}` {message}"))));
        }
    }
    let authorities = webhook.tls.as_ref().is_some_and(|tls| tls.client_ca_file.is_some());
    if !sender.subjects.is_empty() && !authorities {
        let message = "`subjects` are of certificates, and none is asked for";
        let path = [keys.as_slice(), &["subjects"]].concat();
        problems.push(
            outline.problem_with_key(&path, message).advise("add `tls.client_ca_file`: the authorities of the clients"),
        );
    }
    problems
}

/// What is allowed but probably not meant.
pub fn warnings(name: &str, source: &Source, outline: &Outline<'_>) -> Vec<Problem> {
    let Some(webhook) = &source.webhook else { return Vec::new() };
    let mut problems = Vec::new();
    if webhook.listen.ip().is_loopback() {
        return problems;
    }
    let listen = ["sources", name, "webhook", "listen"];
    if webhook.tls.is_none() {
        let message = format!("audit events are taken on {}, which others can reach, without TLS", webhook.listen);
        problems.push(outline.problem(&listen, message).advise("set `webhook.tls`: audit events hold secrets"));
    }
    for (cluster, _) in webhook.clusters.iter().filter(|(_, it)| it.token_file.is_none() && it.subjects.is_empty()) {
        let message = format!("anybody who reaches {} can post events of the cluster `{cluster}`", webhook.listen);
        let problem = outline.problem_with_key(&["sources", name, "webhook", "clusters", cluster], message);
        problems.push(problem.advise("set `token_file`, or `subjects` with `tls.client_ca_file`"));
    }
    problems
}
