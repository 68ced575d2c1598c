//! Reads JSON without building it: a cursor that steps over values by counting brackets.
//!
//! It never recurses, so depth costs nothing, and it does not look at what it steps over, so bytes that are
//! not text, numbers no machine can hold and duplicate keys cost nothing either.

mod lanes;
mod skip;

use super::{Raw, Text};
use skip::{brackets_end, string_end};

/// Why a value could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The bytes end before the value does.
    Cut,
    /// Something stands where JSON has no place for it.
    Broken,
}

/// A place in some JSON bytes.
#[derive(Debug, Clone)]
pub struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    /// At the start of the bytes.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Bytes stepped over so far.
    pub fn at(&self) -> usize {
        self.at
    }

    /// Moves to an offset that an earlier cursor over the same bytes reported.
    pub fn move_to(&mut self, at: usize) {
        self.at = at.min(self.bytes.len());
    }

    /// The next byte that is not white space, without stepping over it.
    #[inline]
    pub fn peek(&mut self) -> Option<u8> {
        loop {
            match self.bytes.get(self.at) {
                Some(b' ' | b'\n' | b'\r' | b'\t') => self.at += 1,
                next => return next.copied(),
            }
        }
    }

    /// Steps over one expected byte.
    #[inline]
    pub fn expect(&mut self, byte: u8) -> Result<(), Fault> {
        match self.peek() {
            Some(next) if next == byte => {
                self.at += 1;
                Ok(())
            }
            Some(_) => Err(Fault::Broken),
            None => Err(Fault::Cut),
        }
    }

    /// Reads a string.
    #[inline]
    pub fn string(&mut self) -> Result<Text<'a>, Fault> {
        self.expect(b'"')?;
        let start = self.at;
        self.at = string_end(self.bytes, start).ok_or(Fault::Cut)?;
        Ok(Text::from_raw(&self.bytes[start..self.at - 1]))
    }

    /// Steps over a value of any kind and returns its bytes. On [`Fault::Cut`] the cursor stays where the value began.
    #[inline]
    pub fn value(&mut self) -> Result<Raw<'a>, Fault> {
        let first = self.peek().ok_or(Fault::Cut)?;
        let start = self.at;
        let end = match first {
            b'"' => string_end(self.bytes, start + 1).ok_or(Fault::Cut)?,
            b'{' | b'[' => brackets_end(self.bytes, start).ok_or(Fault::Cut)?,
            b'}' | b']' | b',' | b':' => return Err(Fault::Broken),
            _ => scalar_end(self.bytes, start)?,
        };
        self.at = end;
        Ok(Raw::new(&self.bytes[start..end]))
    }

    /// The rest of the bytes.
    pub fn rest(&self) -> &'a [u8] {
        &self.bytes[self.at..]
    }
}

/// The offset after a number or a word. At the very end of the bytes we cannot know whether it is whole.
fn scalar_end(bytes: &[u8], from: usize) -> Result<usize, Fault> {
    let length = bytes[from..].iter().take_while(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(byte)).count();
    match from + length {
        _ if length == 0 => Err(Fault::Broken),
        end if end == bytes.len() => Err(Fault::Cut),
        end => Ok(end),
    }
}

/// The members of an object, in their order. Ends quietly where the object cannot be read further.
#[derive(Debug, Clone)]
pub struct Members<'a>(Option<Cursor<'a>>);

impl<'a> Iterator for Members<'a> {
    type Item = (Text<'a>, Raw<'a>);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let cursor = self.0.as_mut()?;
        let member = match cursor.peek()? {
            b',' | b'{' => {
                cursor.at += 1;
                member(cursor)
            }
            _ => None,
        };
        if member.is_none() {
            self.0 = None;
        }
        member
    }
}

fn member<'a>(cursor: &mut Cursor<'a>) -> Option<(Text<'a>, Raw<'a>)> {
    let key = cursor.string().ok()?;
    cursor.expect(b':').ok()?;
    Some((key, cursor.value().ok()?))
}

/// The items of an array, in their order. Ends quietly where the array cannot be read further.
#[derive(Debug, Clone)]
pub struct Items<'a>(Option<Cursor<'a>>);

impl<'a> Iterator for Items<'a> {
    type Item = Raw<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let cursor = self.0.as_mut()?;
        let item = match cursor.peek()? {
            b',' | b'[' => {
                cursor.at += 1;
                cursor.value().ok()
            }
            _ => None,
        };
        if item.is_none() {
            self.0 = None;
        }
        item
    }
}

impl<'a> Raw<'a> {
    /// The members, when this is an object.
    pub fn members(self) -> Members<'a> {
        let object = self.bytes().first() == Some(&b'{');
        Members(object.then(|| Cursor::new(self.bytes())))
    }

    /// The items, when this is an array.
    pub fn items(self) -> Items<'a> {
        let array = self.bytes().first() == Some(&b'[');
        Items(array.then(|| Cursor::new(self.bytes())))
    }

    /// The value under a key, when this is an object that has it. Of duplicates the last wins, as in the API server.
    pub fn get(self, key: &str) -> Option<Raw<'a>> {
        self.members().filter(|(name, _)| *name == key).last().map(|(_, value)| value)
    }

    /// The value at the end of a path of keys.
    pub fn at(self, path: &[&str]) -> Option<Raw<'a>> {
        path.iter().try_fold(self, |value, key| value.get(key))
    }

    /// The contents, when this is a string.
    pub fn text(self) -> Option<Text<'a>> {
        match self.bytes() {
            [b'"', inner @ .., b'"'] => Some(Text::from_raw(inner)),
            _ => None,
        }
    }

    /// The value, when this is a finite number.
    pub fn number(self) -> Option<f64> {
        let text = std::str::from_utf8(self.bytes()).ok()?;
        let numeric = text.starts_with(|first: char| first.is_ascii_digit() || first == '-');
        text.parse().ok().filter(|number: &f64| numeric && number.is_finite())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(json: &str, path: &[&str], expected: Option<&str>) {
        let found = Raw::new(json.as_bytes()).at(path).map(|raw| String::from_utf8_lossy(raw.bytes()).into_owned());
        assert_eq!(found.as_deref(), expected, "{json}");
    }

    #[test]
    fn paths_find_the_last_of_duplicates() {
        check(r#"{"a":{"b":1},"a":{"b":2}}"#, &["a", "b"], Some("2"));
        check(r#"{ "a" : [ 1, {"b": "}"} ] , "c" : null }"#, &["c"], Some("null"));
        check(r#"{"\u0061":"x"}"#, &["a"], Some("\"x\""));
        check(r#"{"a":1e999}"#, &["b"], None);
        check(r#"[1]"#, &["a"], None);
        check(r#"{"a"}"#, &["a"], None);
        check(r#"{"a":"cut"#, &["a"], None);
    }

    #[test]
    fn numbers_no_machine_can_hold_are_none() {
        assert_eq!(Raw::new(b"1e999").number(), None);
        assert_eq!(Raw::new(b"-12.5").number(), Some(-12.5));
        assert_eq!(Raw::new(b"NaN").number(), None);
    }

    #[test]
    fn nesting_is_counted_not_recursed() {
        let deep = format!("{}{}", "[".repeat(1_000_000), "]".repeat(1_000_000));
        assert_eq!(Cursor::new(deep.as_bytes()).value().unwrap().bytes().len(), deep.len());
        assert_eq!(Cursor::new(&deep.as_bytes()[..deep.len() - 1]).value(), Err(Fault::Cut));
    }
}
