//! Reads the words of a condition.

use super::fault::Fault;
use super::traced::Traced;

/// A place in a condition's text.
pub(super) struct Scanner<'t> {
    pub(super) text: &'t Traced,
    pub(super) at: usize,
}

impl<'t> Scanner<'t> {
    pub(super) fn new(text: &'t Traced) -> Self {
        Self { text, at: 0 }
    }

    pub(super) fn rest(&self) -> &'t str {
        &self.text.as_str()[self.at..]
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.rest().is_empty()
    }

    pub(super) fn fault(&self, message: impl Into<String>) -> Fault {
        Fault::new(self.text.spot(self.at), message)
    }

    /// What stands here, for messages.
    pub(super) fn here(&self) -> String {
        let rest = self.rest();
        let word: String = rest.chars().take_while(|letter| !is_blank(*letter)).take(40).collect();
        if rest.is_empty() { "the end of the condition".to_owned() } else { format!("`{word}`") }
    }

    /// Steps over white space; says whether there was some.
    pub(super) fn blank(&mut self) -> bool {
        let trimmed = self.rest().trim_start_matches(is_blank);
        let length = self.rest().len() - trimmed.len();
        self.at += length;
        length > 0
    }

    /// Steps over a text.
    pub(super) fn take(&mut self, expected: &str) -> bool {
        let there = self.rest().starts_with(expected);
        self.at += if there { expected.len() } else { 0 };
        there
    }

    /// Steps over a word that does not go on.
    pub(super) fn word(&mut self, expected: &str) -> bool {
        let Some(after) = self.rest().strip_prefix(expected) else { return false };
        let goes_on = after.starts_with(|letter: char| is_name(letter) || letter == '.');
        self.at += if goes_on { 0 } else { expected.len() };
        !goes_on
    }

    /// A name of letters, digits and `_` that begins with a letter, with more of them behind dots.
    pub(super) fn dotted_name(&mut self) -> Option<&'t str> {
        let rest = self.rest();
        let mut length = 0;
        loop {
            let part = &rest[length..];
            if !part.starts_with(|letter: char| letter.is_ascii_alphabetic()) {
                break;
            }
            length += part.find(|letter: char| !is_name(letter)).unwrap_or(part.len());
            if !rest[length..].starts_with('.') {
                break;
            }
            length += 1;
        }
        let name = rest[..length].trim_end_matches('.');
        self.at += name.len();
        (!name.is_empty()).then_some(name)
    }

    /// A value: quoted, or what runs to the next blank, bracket, quote, `=` or comma.
    pub(super) fn value(&mut self) -> Result<String, Fault> {
        if self.rest().starts_with(['"', '\'']) {
            return self.quoted();
        }
        let rest = self.rest();
        let ends = |letter: char| is_blank(letter) || matches!(letter, '(' | ')' | '"' | '\'' | '=' | ',');
        let value = &rest[..rest.find(ends).unwrap_or(rest.len())];
        if value.is_empty() {
            return Err(self
                .fault(format!("a value is missing before {}", self.here()))
                .advise("an empty text is `\"\"`"));
        }
        self.at += value.len();
        Ok(value.to_owned())
    }

    /// A quoted text, with its escapes undone.
    pub(super) fn quoted(&mut self) -> Result<String, Fault> {
        let start = self.fault("this quote is not closed");
        let quote = self.rest().chars().next().unwrap_or_default();
        self.at += quote.len_utf8();
        let mut value = String::new();
        loop {
            let Some(letter) = self.rest().chars().next() else { return Err(start) };
            match letter {
                '\\' => value.push(self.escape(quote)?),
                '\0' => return Err(self.fault("a text may hold no NUL")),
                other => {
                    self.at += other.len_utf8();
                    if other == quote {
                        return Ok(value);
                    }
                    value.push(other);
                }
            }
        }
    }

    fn escape(&mut self, quote: char) -> Result<char, Fault> {
        let mut letters = self.rest().chars().skip(1);
        let (letter, length) = match letters.next() {
            Some('b') => ('\u{8}', 2),
            Some('f') => ('\u{c}', 2),
            Some('n') => ('\n', 2),
            Some('r') => ('\r', 2),
            Some('t') => ('\t', 2),
            Some(other) if other == '\\' || other == '/' || other == quote => (other, 2),
            Some('x') => {
                let code = self.rest().get(2..4).and_then(|digits| u8::from_str_radix(digits, 16).ok());
                match code {
                    // Beyond ASCII it would be half a character.
                    Some(code @ 1..=0x7f) => (char::from(code), 4),
                    _ => return Err(self.fault("`\\x` needs two hexadecimal digits, from 01 to 7f")),
                }
            }
            _ => {
                return Err(self.fault("this escape is not known").advise(
                    "known are \\b \\f \\n \\r \\t \\\\ \\/ \\xHH and the quote; a backslash itself is `\\\\`",
                ));
            }
        };
        self.at += length;
        Ok(letter)
    }

    /// The argument behind a field, without its brackets.
    pub(super) fn argument(&mut self) -> Result<Option<String>, Fault> {
        if !self.take("[") {
            return Ok(None);
        }
        let argument = if self.rest().starts_with(['"', '\'']) {
            self.quoted()?
        } else {
            let rest = self.rest();
            let ends = |letter: char| is_blank(letter) || matches!(letter, '[' | ']' | '"' | '\'');
            let argument = &rest[..rest.find(ends).unwrap_or(rest.len())];
            self.at += argument.len();
            argument.to_owned()
        };
        match self.take("]") {
            true => Ok(Some(argument)),
            false => Err(self.fault(format!("expected `]`, found {}", self.here()))),
        }
    }
}

pub(super) fn is_blank(letter: char) -> bool {
    matches!(letter, ' ' | '\t' | '\r' | '\n' | '\u{8}')
}

fn is_name(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '_'
}
