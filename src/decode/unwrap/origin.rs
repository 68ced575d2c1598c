//! What a record says of where it came from.

use crate::event::Raw;

/// What stands under a key.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// One text.
    Once(String),
    /// No text.
    Nothing,
    /// It stands there more than once. A collector writes a key once: somebody else has written one too.
    Twice,
}

impl Said {
    /// Together with what stands elsewhere.
    pub(super) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Nothing, one) | (one, Self::Nothing) => one,
            _ => Self::Twice,
        }
    }
}

/// What stands under `path`, keys with dots between them. Collectors write some keys with dots in them, others as
/// objects in objects.
pub(super) fn said(object: Raw<'_>, path: &str) -> Said {
    let mut found = Said::Nothing;
    for (key, value) in object.members() {
        let key = key.decode();
        let Some(rest) = path.strip_prefix(&*key) else { continue };
        let here = match (rest.strip_prefix('.'), value.text()) {
            (Some(rest), None) => said(value, rest),
            (None, Some(text)) if rest.is_empty() => Said::Once(text.decode().into_owned()),
            _ if rest.is_empty() && value.bytes() != b"null" => {
                Said::Once(String::from_utf8_lossy(value.bytes()).into())
            }
            _ => Said::Nothing,
        };
        found = found.and(here);
    }
    found
}

/// The text under a key that may stand there once only.
pub(super) fn text(object: Raw<'_>, path: &str) -> Option<String> {
    match said(object, path) {
        Said::Once(text) => Some(text),
        Said::Nothing | Said::Twice => None,
    }
}
