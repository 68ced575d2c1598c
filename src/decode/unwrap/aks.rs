//! AKS: records of Azure Monitor, as diagnostic settings send them to Event Hubs.

use super::Opener;
use super::documents::items;
use super::origin::{said, text};
use crate::event::Raw;

/// What the API server's audit log is called. Records of other parts of the control plane share the hub.
const CATEGORIES: [&str; 2] = ["kube-audit", "kube-audit-admin"];

pub(super) fn document(document: Raw<'_>, opener: &mut Opener<'_>) {
    match document.get("records") {
        Some(records) => items(records, opener, record),
        None => record(document, opener),
    }
}

fn record(record: Raw<'_>, opener: &mut Opener<'_>) {
    match text(record, "category") {
        Some(category) if CATEGORIES.contains(&category.as_str()) => {}
        Some(_) => return opener.passed("other-category"),
        None => return opener.unreadable(record.bytes(), "no-category"),
    }
    if opener.is_ours(record, |key| said(record, key)) {
        opener.event_in(record.at(&["properties", "log"]), record);
    }
}
