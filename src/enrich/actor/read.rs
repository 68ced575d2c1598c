//! Goes through a JSON object or array one value at a time, and keeps what came before an error.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// Calls `take` with each member of the object. The answer is whether it was content with all of them.
///
/// # Errors
/// What is no object, or breaks off; the members before that have been taken.
pub fn members(json: &str, take: impl FnMut(&str, &RawValue) -> bool) -> serde_json::Result<bool> {
    let mut from = serde_json::Deserializer::from_str(json);
    let content = Members(take).deserialize(&mut from)?;
    from.end().map(|()| content)
}

/// Calls `take` with each element of the array.
///
/// # Errors
/// What is no array, or breaks off; the elements before that have been taken.
pub fn elements(json: &str, take: impl FnMut(&RawValue)) -> serde_json::Result<()> {
    let mut from = serde_json::Deserializer::from_str(json);
    Elements(take).deserialize(&mut from)?;
    from.end()
}

struct Members<F>(F);

impl<'de, F: FnMut(&str, &RawValue) -> bool> DeserializeSeed<'de> for Members<F> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<bool, D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de, F: FnMut(&str, &RawValue) -> bool> Visitor<'de> for Members<F> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<bool, A::Error> {
        let mut content = true;
        while let Some(key) = map.next_key::<String>()? {
            content &= (self.0)(&key, map.next_value::<&RawValue>()?);
        }
        Ok(content)
    }
}

struct Elements<F>(F);

impl<'de, F: FnMut(&RawValue)> DeserializeSeed<'de> for Elements<F> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_seq(self)
    }
}

impl<'de, F: FnMut(&RawValue)> Visitor<'de> for Elements<F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> Result<(), A::Error> {
        while let Some(value) = seq.next_element::<&RawValue>()? {
            (self.0)(value);
        }
        Ok(())
    }
}
