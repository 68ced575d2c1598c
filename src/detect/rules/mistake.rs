//! What is wrong in a rule, and where it stands.

use crate::yaml::{Location, Outline, Problem};

/// One thing that keeps a rule from being loaded or, as a warning, is probably not meant.
#[derive(Debug, Clone)]
pub struct Mistake {
    at: Location,
    /// The part of the value meant: characters from its beginning, and how many.
    part: Option<(usize, usize)>,
    message: String,
    advice: String,
}

impl Mistake {
    /// Wrong at a place, and what to do about it.
    pub fn new(at: Location, message: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { at, part: None, message: message.into(), advice: advice.into() }
    }

    /// Only so many characters of what stands there, from the given one on.
    pub fn part(self, from: usize, length: usize) -> Self {
        Self { part: Some((from, length)), ..self }
    }

    /// For people, with the line it is on.
    pub fn problem(self, outline: &Outline<'_>) -> Problem {
        let spot = outline.spot(self.at).map(|mut spot| {
            let (from, length) = self.part.unwrap_or((0, spot.length));
            // A quoted value begins behind its quote; one of several lines is pointed at as a whole.
            let shift =
                from + usize::from(spot.text.chars().nth(spot.column - 1).is_some_and(|first| "'\"".contains(first)));
            if self.part.is_some() && spot.column + shift <= spot.text.chars().count() {
                spot.column += shift;
                spot.length = length.max(1);
            }
            spot
        });
        Problem::new(outline.file(), self.message).at(spot).advise(self.advice)
    }
}

/// What reading a part of a rule comes to.
pub type Result<T> = std::result::Result<T, Mistake>;
