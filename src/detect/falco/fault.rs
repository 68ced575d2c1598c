//! Places in rule files, and what is wrong there.

use crate::yaml::{self, Problem};

/// A rule file as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// What messages call it.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// A place in one of the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Spot {
    /// Which file.
    pub(super) file: u16,
    /// Bytes from its beginning.
    pub(super) offset: u32,
}

/// The beginning of the first file, for what stands nowhere.
pub(super) const NOWHERE: Spot = Spot { file: 0, offset: 0 };

/// Something wrong, or something a reader of the files should know. Its line is looked up only when it is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) spot: Spot,
    message: String,
    advice: String,
}

impl Fault {
    pub(super) fn new(spot: Spot, message: impl Into<String>) -> Self {
        Self { spot, message: message.into(), advice: String::new() }
    }

    /// With the way out.
    #[must_use]
    pub(super) fn advise(self, advice: impl Into<String>) -> Self {
        Self { advice: advice.into(), ..self }
    }

    /// For people, with the line it is on.
    pub(super) fn problem(self, files: &[File]) -> Problem {
        let Some(file) = files.get(usize::from(self.spot.file)) else {
            return Problem::new("rules", self.message).advise(self.advice);
        };
        Problem::new(&file.name, self.message).at(Some(line(&file.text, self.spot.offset))).advise(self.advice)
    }
}

/// The line that holds the byte at `offset`.
fn line(text: &str, offset: u32) -> yaml::Spot {
    let mut offset = (offset as usize).min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    let start = text[..offset].rfind('\n').map_or(0, |newline| newline + 1);
    let end = text[offset..].find('\n').map_or(text.len(), |length| offset + length);
    let word = text[offset..end].find(|letter: char| letter.is_whitespace() || ",()[]".contains(letter));
    yaml::Spot {
        line: text[..start].matches('\n').count() + 1,
        column: text[start..offset].chars().count() + 1,
        length: text[offset..offset + word.unwrap_or(end - offset)].chars().count().max(1),
        text: text[start..end].to_owned(),
    }
}
