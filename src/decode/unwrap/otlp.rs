//! OpenTelemetry logs as JSON: `resourceLogs`, in them `scopeLogs`, in them `logRecords`.

use super::Opener;
use super::documents::items;
use super::origin::Said;
use crate::event::Raw;

pub(super) fn document(document: Raw<'_>, opener: &mut Opener<'_>) {
    let Some(resources) = document.get("resourceLogs") else {
        return opener.unreadable(document.bytes(), "not-otlp");
    };
    items(resources, opener, |resource, opener| {
        let Some(scopes) = resource.get("scopeLogs") else { return };
        items(scopes, opener, |scope, opener| {
            let Some(records) = scope.get("logRecords") else { return };
            items(records, opener, |record, opener| log_record(resource.get("resource"), record, opener));
        });
    });
}

fn log_record(resource: Option<Raw<'_>>, record: Raw<'_>, opener: &mut Opener<'_>) {
    let said =
        |key: &str| resource.map_or(Said::Nothing, |resource| attribute(resource, key)).and(attribute(record, key));
    if !opener.is_ours(record, said) {
        return;
    }
    if attribute(record, "log.iostream") == Said::Once("stderr".to_owned()) {
        return opener.passed("other-stream");
    }
    opener.event_in(record.at(&["body", "stringValue"]), record);
}

/// An attribute that is a text.
fn attribute(of: Raw<'_>, key: &str) -> Said {
    let mut found = Said::Nothing;
    for attribute in of.get("attributes").into_iter().flat_map(Raw::items) {
        let Some(name) = attribute.get("key").and_then(Raw::text) else { continue };
        if name == key {
            let value = attribute.at(&["value", "stringValue"]).and_then(Raw::text).unwrap_or_default();
            found = found.and(Said::Once(value.decode().into_owned()));
        }
    }
    found
}
