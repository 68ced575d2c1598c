//! Writes a JSON object member by member.

use crate::event::Raw;

/// An object in the making. What is absent is left out.
#[derive(Debug, Clone)]
pub(super) struct Object(Vec<u8>);

impl Default for Object {
    fn default() -> Self {
        Self(b"{".to_vec())
    }
}

impl Object {
    /// A text.
    pub(super) fn text(&mut self, key: &str, value: &str) {
        self.key(key);
        string(&mut self.0, value);
    }

    /// A text that may be absent.
    pub(super) fn maybe(&mut self, key: &str, value: Option<impl AsRef<str>>) {
        if let Some(value) = value {
            self.text(key, value.as_ref());
        }
    }

    /// True or false.
    pub(super) fn flag(&mut self, key: &str, value: bool) {
        self.raw(key, Raw::new(if value { b"true" } else { b"false" }));
    }

    /// JSON as it stands, if there is any.
    pub(super) fn raw(&mut self, key: &str, value: Raw<'_>) {
        if !value.bytes().is_empty() {
            self.key(key);
            self.0.extend_from_slice(value.bytes());
        }
    }

    /// A list of texts.
    pub(super) fn texts(&mut self, key: &str, values: impl IntoIterator<Item = impl AsRef<str>>) {
        self.list(key, values, |to, value| string(to, value.as_ref()));
    }

    /// A list of numbers as written.
    pub(super) fn numbers<'n>(&mut self, key: &str, values: impl IntoIterator<Item = Raw<'n>>) {
        self.list(key, values, |to, value| to.extend_from_slice(value.bytes()));
    }

    /// A list of objects.
    pub(super) fn objects(&mut self, key: &str, values: impl IntoIterator<Item = Self>) {
        self.list(key, values, |to, value| to.extend_from_slice(&value.finish()));
    }

    /// True or false, if it was said.
    pub(super) fn maybe_flag(&mut self, key: &str, value: Option<bool>) {
        if let Some(value) = value {
            self.flag(key, value);
        }
    }

    /// JSON as it stands, if it is there.
    pub(super) fn maybe_raw(&mut self, key: &str, value: Option<Raw<'_>>) {
        self.raw(key, value.unwrap_or_default());
    }

    /// An object.
    pub(super) fn object(&mut self, key: &str, value: Self) {
        self.key(key);
        self.0.extend_from_slice(&value.finish());
    }

    /// The whole.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.0.push(b'}');
        self.0
    }

    fn list<T>(&mut self, key: &str, values: impl IntoIterator<Item = T>, write: impl Fn(&mut Vec<u8>, T)) {
        self.key(key);
        self.0.push(b'[');
        for (at, value) in values.into_iter().enumerate() {
            if at > 0 {
                self.0.push(b',');
            }
            write(&mut self.0, value);
        }
        self.0.push(b']');
    }

    fn key(&mut self, key: &str) {
        if self.0.len() > 1 {
            self.0.push(b',');
        }
        string(&mut self.0, key);
        self.0.push(b':');
    }
}

/// A JSON string.
pub(super) fn string(to: &mut Vec<u8>, text: &str) {
    // Writing text into memory cannot fail.
    _ = serde_json::to_writer(to, text);
}
