//! Texts against fixed values.

use regex::bytes::{Regex, RegexBuilder};

use super::fault::{Fault, Spot};
use super::pattern::glob;
use super::tree::Comparison;

/// Largest compiled regular expression, bytes. A larger one is refused.
const REGEX_BYTES_MAX: usize = 2 * 1024 * 1024;

/// A text against a fixed value.
#[derive(Debug)]
pub(super) enum Matcher {
    Text(Comparison, String),
    Bytes(Comparison, Vec<u8>),
    Regex(Regex),
}

impl Matcher {
    pub(super) fn new(comparison: Comparison, value: &str, spot: Spot) -> Result<Self, Fault> {
        match comparison {
            Comparison::Regex => {
                let whole = format!("^(?:{value})$");
                let regex = RegexBuilder::new(&whole).size_limit(REGEX_BYTES_MAX).build();
                regex.map(Self::Regex).map_err(|error| {
                    let said = error.to_string();
                    let reason = said.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
                    Fault::new(spot, format!("`{value}` is no regular expression as we read them: {reason}"))
                })
            }
            Comparison::ContainsBytes | Comparison::StartsWithBytes => {
                let pairs = value.as_bytes().chunks(2).map(|pair| {
                    let pair = std::str::from_utf8(pair).ok().filter(|pair| pair.len() == 2)?;
                    u8::from_str_radix(pair, 16).ok()
                });
                let bytes: Option<Vec<u8>> = pairs.collect();
                bytes.map(|bytes| Self::Bytes(comparison, bytes)).ok_or_else(|| {
                    Fault::new(spot, format!("`{value}` is not hexadecimal")).advise("write two digits for each byte")
                })
            }
            // Text is folded once here, and once for each event.
            Comparison::ContainsAnyCase | Comparison::GlobAnyCase => {
                Ok(Self::Text(comparison, value.to_ascii_lowercase()))
            }
            _ => Ok(Self::Text(comparison, value.to_owned())),
        }
    }

    pub(super) fn holds(&self, text: &str) -> bool {
        match self {
            Self::Regex(regex) => regex.is_match(text.as_bytes()),
            Self::Bytes(Comparison::StartsWithBytes, bytes) => text.as_bytes().starts_with(bytes),
            Self::Bytes(_, bytes) => memchr::memmem::find(text.as_bytes(), bytes).is_some(),
            Self::Text(comparison, value) => compared(*comparison, text, value),
        }
    }
}

/// Compares two texts. Of comparisons in any case, the right one is in lower case.
pub(super) fn compared(comparison: Comparison, left: &str, right: &str) -> bool {
    match comparison {
        Comparison::Contains | Comparison::ContainsBytes => {
            memchr::memmem::find(left.as_bytes(), right.as_bytes()).is_some()
        }
        Comparison::ContainsAnyCase => left.to_ascii_lowercase().contains(right),
        Comparison::StartsWith | Comparison::StartsWithBytes => left.starts_with(right),
        Comparison::EndsWith => left.ends_with(right),
        Comparison::Glob => glob(right.as_bytes(), left.as_bytes()),
        Comparison::GlobAnyCase => glob(right.as_bytes(), left.to_ascii_lowercase().as_bytes()),
        _ => ordered(comparison, left, right),
    }
}

pub(super) fn ordered<T: PartialOrd + ?Sized>(comparison: Comparison, left: &T, right: &T) -> bool {
    match comparison {
        Comparison::Equal => left == right,
        Comparison::Unequal => left != right,
        Comparison::Less => left < right,
        Comparison::LessOrEqual => left <= right,
        Comparison::Greater => left > right,
        Comparison::GreaterOrEqual => left >= right,
        _ => false,
    }
}
