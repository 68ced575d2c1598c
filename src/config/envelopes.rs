//! What can be wrong with a source's envelope.

use super::Source;
use crate::batch::{Envelope, Wrapping};
use crate::yaml::{Outline, Problem};

/// The envelope of a source's records.
pub fn envelope(source: &Source) -> Envelope {
    Envelope::new(source.envelope, &source.from)
}

/// What makes it useless, or lets others than the API server speak.
pub fn problems(name: &str, source: &Source, outline: &Outline<'_>) -> Vec<Problem> {
    let wrapping = source.envelope;
    let word = wrapping.word();
    let problem = |key, message: String| outline.problem_with_key(&["sources", name, key], message);
    let mut problems = Vec::new();
    if wrapping.is_of_file() && source.file.is_none() {
        let message = format!("lines of `{word}` do not say which container printed them");
        problems.push(problem("envelope", message).advise(
            "read the container's own log as a `file`, or have a collector send it and name the collector's envelope",
        ));
    }
    if !source.from.is_empty() && !wrapping.has_origin() {
        let message = format!("records of `envelope: {word}` do not say where they come from");
        problems.push(problem("from", message).advise("take `from` out, or name the envelope the records are in"));
    }
    if wrapping.needs_origin() && source.from.is_empty() {
        let message = format!("`envelope: {word}` carries the lines of every container, and `from` is missing");
        problems.push(problem("envelope", message).advise(advice(wrapping)));
    }
    for key in source.from.keys().filter(|key| is_of_event(key, wrapping)) {
        let message = format!("`{key}` is written by whoever made the request or printed the line");
        let problem = outline.problem_with_key(&["sources", name, "from", key], message);
        problems.push(problem.advise("name a key that the collector writes, such as the file's or the container's"));
    }
    problems
}

/// The key names a part of the event, not of what stands around it.
pub fn is_of_event(key: &str, wrapping: Wrapping) -> bool {
    let under = |part: &&str| key.strip_prefix(*part).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
    match wrapping {
        // Filebeat's `message` is the line; `log.file.path` is not.
        Wrapping::FluentBit | Wrapping::Vector | Wrapping::Filebeat => wrapping.holds_event().contains(&key),
        _ => wrapping.holds_event().iter().any(under),
    }
}

/// A key that the collector writes, and what may stand there for the API server.
pub fn example(wrapping: Wrapping) -> (&'static str, &'static str) {
    match wrapping {
        Wrapping::FluentBit => ("kubernetes.pod_name", "kube-apiserver-*"),
        Wrapping::Filebeat | Wrapping::Otlp => ("log.file.path", "/var/log/kubernetes/audit/audit.log"),
        _ => ("file", "/var/log/kubernetes/audit/audit.log"),
    }
}

fn advice(wrapping: Wrapping) -> String {
    let (key, text) = example(wrapping);
    format!("say which are the API server's by keys that the collector writes: `from: {{ {key}: \"{text}\" }}`")
}
