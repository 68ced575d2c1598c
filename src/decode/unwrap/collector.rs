//! Fluent Bit, Vector and Filebeat: an object around each line, with a key that holds the line.

use super::Opener;
use super::origin::{said, text};
use crate::event::Raw;

pub(super) fn fluent_bit(record: Raw<'_>, opener: &mut Opener<'_>) {
    line_under(&["log", "message"], record, opener);
}

pub(super) fn message(record: Raw<'_>, opener: &mut Opener<'_>) {
    line_under(&["message"], record, opener);
}

fn line_under(keys: &[&str], record: Raw<'_>, opener: &mut Opener<'_>) {
    if !opener.is_ours(record, |key| said(record, key)) {
        return;
    }
    if text(record, "stream").is_some_and(|stream| stream == "stderr") {
        return opener.passed("other-stream");
    }
    opener.event_in(keys.iter().find_map(|key| record.get(key)), record);
}
