//! Writes an event's JSON anew, value by value, and masks on the way.

use std::collections::HashMap;

use crate::event::{Raw, Text};

use super::words::{mask_free_text, names_credential};
use super::{Masked, masked_value};

/// Deepest nesting shown. What lies deeper is replaced by its length; receivers allow 20 levels, the alert around it included.
const DEPTH_MAX: usize = 14;

/// Most JSON written for one event before the rest is left out; several times what is kept in the end, so that
/// deciding costs no more than that.
const WRITTEN_BYTES_MAX: usize = 4 * super::EVIDENCE_BYTES_MAX;

/// The annotation in which kubectl keeps a copy of the whole object, a Secret's values included.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Annotations of an event in which the API server keeps what a webhook changed, as text.
const WEBHOOK_PATCH: &str = "patch.webhook.admission.k8s.io/";

pub(super) struct Masker {
    out: String,
    cut: bool,
    /// The request is about Secrets or ConfigMaps, so that bodies hold their values whatever they say they are.
    holds_secrets: bool,
    text_chars_max: usize,
    with_bodies: bool,
}

impl Masker {
    pub(super) fn new(holds_secrets: bool, text_chars_max: usize, with_bodies: bool) -> Self {
        Self { out: String::new(), cut: false, holds_secrets, text_chars_max, with_bodies }
    }

    pub(super) fn finish(self, truncated: bool) -> Masked {
        Masked { json: self.out, cut: self.cut || truncated }
    }

    /// Writes an object; `each` writes the value of each member.
    pub(super) fn object(&mut self, object: Raw<'_>, mut each: impl FnMut(&mut Self, &str, Raw<'_>)) {
        self.out.push('{');
        let members: Vec<_> = object.members().map(|(key, value)| (key.decode(), value)).collect();
        let last: HashMap<_, _> = members.iter().enumerate().map(|(at, (key, _))| (key.clone(), at)).collect();
        let mut first = true;
        for (at, (key, value)) in members.into_iter().enumerate() {
            if self.out.len() > WRITTEN_BYTES_MAX {
                self.cut = true;
                break;
            }
            // Many receivers refuse duplicate keys. The last one is what the API server went by.
            if last.get(&key) != Some(&at) {
                self.cut = true;
                continue;
            }
            if !first {
                self.out.push(',');
            }
            first = false;
            self.string(&key);
            self.out.push(':');
            each(self, &key, value);
        }
        self.out.push('}');
    }

    /// Writes a body.
    pub(super) fn body(&mut self, body: Raw<'_>) {
        if !self.with_bodies {
            return self.left_out(body, "left out");
        }
        if self.holds_secrets && body.bytes().first() == Some(&b'[') {
            // A JSON Patch: any of its values may become a secret's.
            return self.array(body, 0, |masker, item| masker.patch_operation(item));
        }
        self.typed(body, "", 0);
    }

    fn patch_operation(&mut self, operation: Raw<'_>) {
        self.object(operation, |masker, key, value| match key {
            "op" | "path" | "from" => masker.value(value, key, 1),
            _ => masker.left_out(value, "masked"),
        });
    }

    /// Writes a value that may be a Secret or a ConfigMap, or hold some.
    fn typed(&mut self, value: Raw<'_>, key: &str, depth: usize) {
        let is_object = value.bytes().first() == Some(&b'{');
        if !is_object || depth >= DEPTH_MAX {
            return self.value(value, key, depth);
        }
        let kinds = || value.members().filter(|(name, _)| *name == "kind").filter_map(|(_, kind)| kind.text());
        // The items of a list do not say what they are.
        self.holds_secrets |= kinds().any(|kind| kind == "SecretList" || kind == "ConfigMapList");
        let secret = self.holds_secrets || kinds().any(|kind| kind == "Secret" || kind == "ConfigMap");
        let credential = value.get("name").and_then(Raw::text).is_some_and(|name| names_credential(&name.decode()));
        self.object(value, |masker, key, value| match () {
            () if secret && is_value_key(key) => masker.masked_members(value, depth + 1),
            () if credential && key == "value" => masker.left_out(value, "masked"),
            () => masker.value(value, key, depth + 1),
        });
    }

    /// Writes the keys of a Secret's data, with the lengths of the values.
    fn masked_members(&mut self, value: Raw<'_>, depth: usize) {
        if value.bytes().first() != Some(&b'{') || depth >= DEPTH_MAX {
            return self.left_out(value, "masked");
        }
        self.object(value, |masker, _, value| masker.left_out(value, "masked"));
    }

    fn array(&mut self, array: Raw<'_>, depth: usize, mut each: impl FnMut(&mut Self, Raw<'_>)) {
        if depth >= DEPTH_MAX {
            return self.left_out(array, "left out");
        }
        self.out.push('[');
        for (at, item) in array.items().enumerate() {
            if self.out.len() > WRITTEN_BYTES_MAX {
                self.cut = true;
                break;
            }
            if at > 0 {
                self.out.push(',');
            }
            each(self, item);
        }
        self.out.push(']');
    }

    /// Writes any value found under `key`.
    pub(super) fn value(&mut self, value: Raw<'_>, key: &str, depth: usize) {
        match value.bytes().first() {
            _ if depth >= DEPTH_MAX => self.left_out(value, "left out"),
            Some(b'{') => self.typed(value, key, depth),
            Some(b'[') => self.array(value, depth, |masker, item| masker.value(item, key, depth + 1)),
            Some(b'"') => self.text(value.text().unwrap_or_default(), key),
            _ => self.scalar(value),
        }
    }

    fn text(&mut self, text: Text<'_>, key: &str) {
        if key == LAST_APPLIED || key.starts_with(WEBHOOK_PATCH) || names_credential(key) {
            return self.string(&masked_value(text.raw().len()));
        }
        let text = mask_free_text(&text.decode());
        match text.char_indices().nth(self.text_chars_max) {
            None => self.string(&text),
            Some((end, _)) => {
                self.cut = true;
                self.string(&format!("{}… ({} bytes in all)", &text[..end], text.len()));
            }
        }
    }

    /// Writes a number, `true`, `false` or `null`; anything else becomes a string.
    fn scalar(&mut self, value: Raw<'_>) {
        let text = String::from_utf8_lossy(value.bytes());
        // A number beyond every machine's range is valid JSON that most readers refuse.
        if serde_json::from_str::<serde_json::Value>(&text).is_ok() {
            self.out.push_str(text.trim());
        } else {
            self.string(&text);
        }
    }

    /// Writes how long a value is instead of the value.
    fn left_out(&mut self, value: Raw<'_>, word: &str) {
        self.cut |= word == "left out";
        let length = value.text().map_or(value.bytes().len(), |text| text.raw().len());
        self.string(&format!("[{word}, {length} bytes]"));
    }

    /// Writes a string.
    pub(super) fn string(&mut self, text: &str) {
        self.out.push_str(&serde_json::Value::from(text).to_string());
    }
}

/// Where Secrets and ConfigMaps hold their values.
pub(super) fn is_value_key(key: &str) -> bool {
    ["data", "stringData", "binaryData"].iter().any(|known| key.eq_ignore_ascii_case(known))
}
