//! `body.*` and `event.*`: the request's body, whatever its form, and how the event was read.

use crate::enrich::document::Document;
use crate::enrich::field::value::Value;
use crate::event::Level;

use super::{Entry, Kind, Whence, row};

pub(super) fn rows() -> Vec<Entry> {
    use Kind::{Body, Flag, Text, Texts};
    let body = Whence::Document(Document::Body);
    vec![
        row("body.form", Text, "json-patch", "what kind of body it is; a server-side apply is a merge patch here, `options` say how to delete", body)
            .of(&["none", "object", "merge-patch", "json-patch", "options", "unreadable"]).at(Level::Request),
        row("body.parsed", Flag, "false", "the body could be read, and by other programs too; missing when none is logged", body).at(Level::Request),
        row("body.oddities", Texts, "not-utf8", "what other programs may stumble over; `cut` when the record ends before its body does", body)
            .of(&["not-utf8", "deep", "lone-surrogate", "huge-number", "cut"]).at(Level::Request),
        row("body.opaque", Flag, "true", "a JSON patch copies what the log does not show", body).at(Level::Request),
        row("body.object", Body, "metadata.annotations.eks.amazonaws.com/role-arn: arn:…",
            "what the request writes: the body of a create or update, a patch as the part of the object that it writes, with null for what it removes; so one name does for all of them",
            Whence::Written).at(Level::Request),
        row(
            "event.marks",
            Texts,
            "client_chosen_audit_id",
            "what is worth knowing about how the event was read",
            Whence::Fact(|facts, _, see| facts.event.marks().words().into_iter().any(|word| see(Value::Text(word)))),
        )
        .of(&[
            "truncated",
            "bodies_removed",
            "torn_before",
            "nul_hole_before",
            "client_chosen_audit_id",
            "old_schema",
        ]),
    ]
}
