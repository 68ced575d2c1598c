//! Text of which every byte knows where in the rule files it came from.
//!
//! Falco puts conditions together as text: appended parts are joined, list names are replaced by their items. A
//! mistake in the result is still told with the place where somebody wrote it.

use super::fault::{NOWHERE, Spot};

/// Most characters besides white space that decoding takes away between two others: `\\U0001F600` is the longest escape.
const ESCAPE_CHARS_MAX: usize = 12;

/// Bytes of `written` before `letter`, or nothing when it is not near.
fn passed_over(written: &str, letter: char) -> usize {
    let blank = written.len() - written.trim_start().len();
    let near = written[blank..].char_indices().take(ESCAPE_CHARS_MAX).find(|(_, other)| *other == letter);
    near.map_or(0, |(at, _)| blank + at)
}

/// Text and the origin of each of its bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Traced {
    text: String,
    spots: Vec<Spot>,
}

impl Traced {
    /// A text that all stands for one place.
    pub(super) fn at(text: &str, spot: Spot) -> Self {
        Self { text: text.to_owned(), spots: vec![spot; text.len()] }
    }

    /// A decoded scalar, aligned with the `written` form that begins at `spot`: folding changes only white space, and
    /// what decoding takes away (quotes, backslashes) is passed over.
    pub(super) fn aligned(decoded: &str, written: &str, spot: Spot) -> Self {
        let mut spots = Vec::with_capacity(decoded.len());
        let mut at = 0;
        for letter in decoded.chars() {
            if !letter.is_whitespace() {
                at += passed_over(&written[at..], letter);
            }
            let here = Spot { offset: spot.offset.saturating_add(u32::try_from(at).unwrap_or(u32::MAX)), ..spot };
            spots.extend(std::iter::repeat_n(here, letter.len_utf8()));
            if !letter.is_whitespace() && written[at..].starts_with(letter) {
                at += letter.len_utf8();
            }
        }
        Self { text: decoded.to_owned(), spots }
    }

    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    /// Where the byte at `at` came from; past the end, where the last one did.
    pub(super) fn spot(&self, at: usize) -> Spot {
        self.spots.get(at).or(self.spots.last()).copied().unwrap_or(NOWHERE)
    }

    /// Adds a text.
    pub(super) fn push(&mut self, other: &Self) {
        self.text.push_str(&other.text);
        self.spots.extend_from_slice(&other.spots);
    }

    /// Adds a text that all stands for one place.
    pub(super) fn push_str(&mut self, text: &str, spot: Spot) {
        self.text.push_str(text);
        self.spots.resize(self.text.len(), spot);
    }

    /// A part of it.
    pub(super) fn slice(&self, range: std::ops::Range<usize>) -> Self {
        Self { text: self.text[range.clone()].to_owned(), spots: self.spots[range].to_vec() }
    }

    /// Without white space at its ends.
    pub(super) fn trimmed(&self) -> Self {
        let start = self.text.len() - self.text.trim_start().len();
        let end = start + self.text.trim().len();
        self.slice(start..end)
    }

    /// Both, with a blank between them.
    pub(super) fn joined(&self, other: &Self) -> Self {
        let mut joined = self.clone();
        joined.push_str(" ", other.spot(0));
        joined.push(other);
        joined
    }
}
