//! EKS: `CloudWatch` Logs, as a subscription hands them over, and what Kinesis, Lambda and Firehose put around that.

use super::Opener;
use super::documents::{inner, items};
use super::origin::{said, text};
use super::packed::unpack;
use crate::event::Raw;

/// How the streams begin that the control plane writes audit events to. The others of the group are its own logs.
const AUDIT_STREAM: &str = "kube-apiserver-audit-";

pub(super) fn document(document: Raw<'_>, opener: &mut Opener<'_>) {
    if document.get("logEvents").is_some() || document.get("messageType").is_some() {
        return subscription(document, opener);
    }
    if let Some(data) = document.at(&["awslogs", "data"]) {
        return unpacked(data, opener);
    }
    match document.get("records").or_else(|| document.get("Records")) {
        Some(records) => items(records, opener, |record, opener| {
            match record.get("data").or_else(|| record.at(&["kinesis", "data"])) {
                Some(data) => unpacked(data, opener),
                None => opener.unreadable(record.bytes(), "no-event-inside"),
            }
        }),
        None => opener.unreadable(document.bytes(), "not-cloudwatch"),
    }
}

fn unpacked(data: Raw<'_>, opener: &mut Opener<'_>) {
    let text = data.text().unwrap_or_default().decode();
    match unpack(&text, &mut opener.room) {
        Ok(bytes) => inner(&bytes, opener, one_subscription),
        Err(reason) => opener.unreadable(data.bytes(), reason),
    }
}

fn one_subscription(document: Raw<'_>, opener: &mut Opener<'_>) {
    match document.get("messageType") {
        Some(_) => subscription(document, opener),
        None => opener.unreadable(document.bytes(), "not-cloudwatch"),
    }
}

fn subscription(document: Raw<'_>, opener: &mut Opener<'_>) {
    if text(document, "messageType").is_some_and(|kind| kind == "CONTROL_MESSAGE") {
        return opener.passed("control-message");
    }
    let (Some(stream), Some(events)) = (text(document, "logStream"), document.get("logEvents")) else {
        return opener.unreadable(document.bytes(), "not-cloudwatch");
    };
    let of_audit = stream.starts_with(AUDIT_STREAM);
    items(events, opener, |event, opener| {
        if !of_audit {
            opener.passed("other-stream");
        } else if opener.is_ours(event, |key| said(document, key)) {
            // A message that was too long for CloudWatch is cut and says so at its end: it is read as far as it goes.
            opener.event_in(event.get("message"), event);
        }
    });
}
