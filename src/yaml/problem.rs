//! What is wrong with a file, where, and what to do about it.

use std::fmt;

use crate::terminal::escape_terminal;

/// Longest part of a line shown, characters; the rest is cut.
const SHOWN_CHARACTERS_MAX: usize = 160;

/// Where in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spot {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// Characters it takes, at least 1.
    pub length: usize,
    /// The whole line.
    pub text: String,
}

/// One mistake, or one thing that is probably not meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    file: String,
    spot: Option<Spot>,
    message: String,
    advice: String,
}

impl Problem {
    /// Something wrong in `file`.
    pub fn new(file: &str, message: impl Into<String>) -> Self {
        Self { file: file.to_owned(), spot: None, message: message.into(), advice: String::new() }
    }

    /// With the place where it stands.
    #[must_use]
    pub fn at(self, spot: Option<Spot>) -> Self {
        Self { spot, ..self }
    }

    /// With what to do about it.
    #[must_use]
    pub fn advise(self, advice: impl Into<String>) -> Self {
        Self { advice: advice.into(), ..self }
    }

    /// What is wrong, without place and advice.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// All but the snippet in one line, for logs.
    pub fn in_one_line(&self) -> String {
        let place = self.spot.as_ref().map_or(String::new(), |spot| format!(":{}:{}", spot.line, spot.column));
        let advice = if self.advice.is_empty() { String::new() } else { format!("; {}", self.advice) };
        escape_terminal(&format!("{}{place}: {}{advice}", self.file, self.message)).into_owned()
    }

    /// What to do about it; empty when that goes without saying.
    pub fn advice(&self) -> &str {
        &self.advice
    }

    /// The column in characters, from 1, when it stands somewhere.
    pub fn column(&self) -> Option<usize> {
        self.spot.as_ref().map(|spot| spot.column)
    }

    /// The line, from 1, when it stands somewhere.
    pub fn line(&self) -> Option<usize> {
        self.spot.as_ref().map(|spot| spot.line)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", escape_terminal(&self.file))?;
        if let Some(spot) = &self.spot {
            write!(f, ":{}:{}", spot.line, spot.column)?;
        }
        write!(f, ": {}", escape_terminal(&self.message))?;
        if let Some(spot) = &self.spot {
            snippet(f, spot)?;
        }
        match self.advice.as_str() {
            "" => Ok(()),
            advice => write!(f, "\n  {}", escape_terminal(advice)),
        }
    }
}

/// The line and a mark under what is meant.
fn snippet(f: &mut fmt::Formatter<'_>, spot: &Spot) -> fmt::Result {
    // A tab or an escaped character would take another width than one column, and the mark would miss.
    let shown = |letter: char| if letter.is_control() || escapes(letter) { '\u{fffd}' } else { letter };
    let line: String = spot.text.chars().map(|letter| if letter == '\t' { ' ' } else { shown(letter) }).collect();
    let width = line.chars().count();
    // The mark stays in sight on a very long line.
    let from = (spot.column - 1).saturating_sub(SHOWN_CHARACTERS_MAX / 2).min(width.saturating_sub(1));
    let from = if width <= SHOWN_CHARACTERS_MAX { 0 } else { from };
    let part: String = line.chars().skip(from).take(SHOWN_CHARACTERS_MAX).collect();
    let number = spot.line.to_string();
    let indent = (spot.column - 1).saturating_sub(from);
    let length = spot.length.clamp(1, SHOWN_CHARACTERS_MAX.saturating_sub(indent).max(1));
    write!(f, "\n  {number} | {}", part.trim_end())?;
    write!(f, "\n  {:1$} | ", "", number.len())?;
    write!(f, "{:indent$}{}", "", "^".repeat(length))
}

fn escapes(letter: char) -> bool {
    matches!(escape_terminal(letter.encode_utf8(&mut [0; 4])), std::borrow::Cow::Owned(_))
}
