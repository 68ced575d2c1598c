//! What a request writes: its body, whatever form it has.

use std::borrow::Cow;

use crate::event::{Event, Raw};

use super::patch::patched;

/// Largest body that documents are made of, bytes. The API server takes no request over 3 MiB and etcd no object over
/// 1.5 MiB; of a larger body nothing is worked out, and `body.parsed` is false.
const BODY_BYTES_MAX: usize = 8 << 20;

/// The form of a request's body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// There is none, or none is logged.
    None,
    /// A whole object.
    Object,
    /// A part of an object: a merge patch, a strategic merge patch or a server-side apply.
    MergePatch,
    /// Operations, RFC 6902.
    JsonPatch,
    /// How to delete.
    Options,
    /// Nothing that could be read.
    Unreadable,
}

impl Form {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Object => "object",
            Self::MergePatch => "merge-patch",
            Self::JsonPatch => "json-patch",
            Self::Options => "options",
            Self::Unreadable => "unreadable",
        }
    }
}

/// What a request writes.
#[derive(Debug)]
pub(in crate::enrich) struct Written<'a> {
    /// The form of its body.
    pub(super) form: Form,
    object: Cow<'a, [u8]>,
    /// What became of it, when the answer shows it.
    result: Option<Raw<'a>>,
    /// A patch copies what the log does not show.
    pub(super) opaque: bool,
}

/// Where a document's object was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found<'w> {
    /// The object, or what a patch writes of it.
    pub(super) object: Raw<'w>,
    /// `request`, `patch` or `response`.
    pub(super) from: &'static str,
}

impl<'a> Written<'a> {
    pub(in crate::enrich) fn of(event: &Event<'a>) -> Self {
        let small = |body: &Raw<'a>| body.bytes().len() <= BODY_BYTES_MAX;
        let result = event.response_object().filter(small).filter(is_result);
        let body = event.request_object();
        let form = form(event.verb().raw(), body.filter(small), body.is_some());
        let (object, opaque) = match (form, body) {
            (Form::Object | Form::MergePatch, Some(body)) => (Cow::Borrowed(body.bytes()), false),
            (Form::JsonPatch, Some(body)) => {
                let patched = patched(body);
                (Cow::Owned(patched.object), patched.opaque)
            }
            _ => (Cow::Borrowed(&b""[..]), false),
        };
        let result = if form == Form::Options { None } else { result };
        Self { form, object, result, opaque }
    }

    /// What the body says, a JSON patch as the object it writes.
    pub(in crate::enrich) fn object(&self) -> Raw<'_> {
        Raw::new(&self.object)
    }

    /// The whole object where the log shows it: of a patch that touches what is asked for, the answer; without a body, the answer too.
    pub(super) fn whole(&self, touches: impl Fn(Raw<'_>) -> bool) -> Found<'_> {
        let patch = Found { object: self.object(), from: "patch" };
        match (self.form, self.result) {
            (Form::Object, _) => Found { from: "request", ..patch },
            (Form::MergePatch | Form::JsonPatch, Some(object)) if self.opaque || touches(patch.object) => {
                Found { object, from: "response" }
            }
            (Form::MergePatch | Form::JsonPatch, _) => patch,
            (_, Some(object)) => Found { object, from: "response" },
            (_, None) => Found { object: Raw::new(b""), from: "request" },
        }
    }
}

/// An answer that is a status says what went wrong.
fn is_result(body: &Raw<'_>) -> bool {
    body.bytes().starts_with(b"{") && body.get("kind").and_then(Raw::text).is_none_or(|kind| kind != "Status")
}

fn form(verb: &[u8], body: Option<Raw<'_>>, there_is_one: bool) -> Form {
    match (verb, body.map(|body| body.bytes()[0])) {
        (b"create" | b"update", Some(b'{')) => Form::Object,
        (b"patch", Some(b'{')) => Form::MergePatch,
        (b"patch", Some(b'[')) => Form::JsonPatch,
        (b"delete" | b"deletecollection", Some(b'{')) => Form::Options,
        _ if there_is_one => Form::Unreadable,
        _ => Form::None,
    }
}
