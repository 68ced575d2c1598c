//! What the answer to a `_bulk` request says of each document.

use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use serde::Deserialize;

use crate::sink::{SLOW, SendError};
use crate::terminal::escape_terminal;

/// Most characters of an error that are kept. Beyond it they are left out.
const REASON_CHARS_MAX: usize = 500;

/// What came of a request, by index of the alert. Those not named were taken.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) rejected: Vec<(usize, anyhow::Error)>,
    retry: Vec<usize>,
    after: Option<Duration>,
    cause: Option<anyhow::Error>,
}

impl Outcome {
    pub(super) fn rejected(index: usize, cause: anyhow::Error) -> Self {
        Self { rejected: vec![(index, cause)], ..Self::default() }
    }

    pub(super) fn add(&mut self, other: Self) {
        self.rejected.extend(other.rejected);
        self.retry.extend(other.retry);
        self.after = self.after.max(other.after);
        self.cause = self.cause.take().or(other.cause);
    }

    pub(super) fn retry_all(&mut self, indexes: &[usize], after: Option<Duration>, cause: anyhow::Error) {
        self.add(Self { retry: indexes.to_vec(), after, cause: Some(cause), rejected: Vec::new() });
    }

    pub(super) fn into_result(mut self) -> Result<(), SendError> {
        if self.rejected.is_empty() && self.retry.is_empty() {
            return Ok(());
        }
        self.rejected.sort_by_key(|(index, _)| *index);
        self.retry.sort_unstable();
        Err(SendError::Partly { rejected: self.rejected, retry: self.retry, after: self.after, cause: self.cause })
    }
}

#[derive(Deserialize)]
struct Reply {
    errors: bool,
    #[serde(default)]
    items: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    create: Created,
}

#[derive(Deserialize)]
struct Created {
    status: u16,
    error: Option<Fault>,
}

#[derive(Deserialize)]
struct Fault {
    r#type: String,
    #[serde(default)]
    reason: Option<String>,
    #[serde(default)]
    caused_by: Option<Box<Fault>>,
}

enum Verdict {
    Taken,
    Retry,
    Slow,
    Reject,
}

/// Reads the answer. The items stand in the order of the request, whose alerts have the given indexes.
pub(super) fn outcome(body: &[u8], indexes: &[usize]) -> anyhow::Result<Outcome> {
    let reply: Reply = serde_json::from_slice(body).context("not the answer to a _bulk request")?;
    let mut outcome = Outcome::default();
    if !reply.errors {
        return Ok(outcome);
    }
    if reply.items.len() != indexes.len() {
        bail!("{} outcomes for {} documents", reply.items.len(), indexes.len());
    }
    for (&index, Item { create }) in indexes.iter().zip(&reply.items) {
        let cause = || anyhow!(describe(create));
        match verdict(create) {
            Verdict::Taken => {}
            Verdict::Retry => outcome.retry_all(&[index], None, cause()),
            Verdict::Slow => outcome.retry_all(&[index], Some(SLOW), cause()),
            Verdict::Reject => outcome.rejected.push((index, cause())),
        }
    }
    Ok(outcome)
}

fn verdict(created: &Created) -> Verdict {
    let fault = created.error.as_ref().map_or("", |fault| fault.r#type.as_str());
    match (created.status, fault) {
        // 409: the document with this id is there already, which is what we wanted.
        (200..=299 | 409, _) => Verdict::Taken,
        // Read-only for want of disk space, no rights, no such stream and none may be made, or no room for another
        // shard: for an operator to mend.
        (401 | 403 | 404, _) | (_, "cluster_block_exception" | "validation_exception") => Verdict::Slow,
        (408 | 429 | 500..=599, _) | (_, "es_rejected_execution_exception" | "unavailable_shards_exception") => {
            Verdict::Retry
        }
        // What remains is about the document: mapper_parsing_exception, document_parsing_exception and the like.
        _ => Verdict::Reject,
    }
}

fn describe(created: &Created) -> String {
    let mut text = created.status.to_string();
    let mut fault = created.error.as_ref();
    while let Some(Fault { r#type, reason, caused_by }) = fault {
        text.push_str(&format!(": {type}: {}", reason.as_deref().unwrap_or_default()));
        fault = caused_by.as_deref();
    }
    let cut: String = text.chars().take(REASON_CHARS_MAX).collect();
    escape_terminal(&cut).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(status: u16, fault: &str) -> String {
        match fault {
            "" => format!(r#"{{"create":{{"status":{status}}}}}"#),
            _ => format!(r#"{{"create":{{"status":{status},"error":{{"type":"{fault}","reason":"so it is"}}}}}}"#),
        }
    }

    #[track_caller]
    fn check(status: u16, fault: &str, expected: &str) {
        let body = format!(r#"{{"errors":true,"items":[{},{}]}}"#, item(201, ""), item(status, fault));
        let outcome = outcome(body.as_bytes(), &[4, 7]).unwrap();
        let text = match (&outcome.rejected[..], &outcome.retry[..], outcome.after) {
            ([], [], None) => "taken",
            ([(7, cause)], [], None) if cause.to_string().contains(fault) => "reject",
            ([], [7], None) => "retry",
            ([], [7], Some(SLOW)) => "slow",
            _ => "something else",
        };
        assert_eq!(text, expected, "{status} {fault}");
    }

    #[test]
    fn each_document_has_an_outcome_of_its_own() {
        check(200, "", "taken");
        check(409, "version_conflict_engine_exception", "taken");
        check(429, "es_rejected_execution_exception", "retry");
        check(429, "circuit_breaking_exception", "retry");
        check(503, "unavailable_shards_exception", "retry");
        check(500, "no_shard_available_action_exception", "retry");
        check(403, "cluster_block_exception", "slow");
        check(429, "cluster_block_exception", "slow");
        check(403, "security_exception", "slow");
        check(404, "index_not_found_exception", "slow");
        check(400, "validation_exception", "slow");
        check(400, "mapper_parsing_exception", "reject");
        check(400, "document_parsing_exception", "reject");
        check(400, "illegal_argument_exception", "reject");
        check(413, "too_large", "reject");
    }

    #[test]
    fn an_answer_that_cannot_be_matched_to_the_documents_is_an_error() {
        outcome(br#"{"errors":true,"items":[]}"#, &[0]).unwrap_err();
        outcome(b"<html>ok</html>", &[0]).unwrap_err();
        outcome(br#"{"took":3}"#, &[0]).unwrap_err();
        outcome(br#"{"errors":false}"#, &[0]).unwrap().into_result().unwrap();
    }

    #[test]
    fn causes_are_told_to_the_root() {
        let body = br#"{"errors":true,"items":[{"create":{"status":400,"error":{"type":"a","reason":"b\u001b","caused_by":{"type":"c","reason":"d"}}}}]}"#;
        let outcome = outcome(body, &[0]).unwrap();
        assert_eq!(outcome.rejected[0].1.to_string(), "400: a: b\\u{1b}: c: d");
    }
}
