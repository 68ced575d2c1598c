//! Amounts as people write them in a configuration: `5m`, `1h 30m`, `100MiB`.

use std::fmt;
use std::time::Duration;

use serde::de::{Deserialize, Deserializer, Error, Visitor};

/// A length of time, written as numbers with units: `500ms`, `5m`, `1h 30m`. Units: ms, s, m, h, d.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Period(pub Duration);

/// A number of bytes, written plainly or with a unit: `1048576`, `100MiB`, `2GB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Size(pub u64);

const PERIOD_EXPECTED: &str = "a length of time with units ms, s, m, h or d, such as `5m` or `1h 30m`";
const SIZE_EXPECTED: &str = "a number of bytes, such as `1048576`, `100MiB` or `2GB`";

/// Units of time in milliseconds.
const PERIOD_UNITS: [(&str, u64); 5] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

/// Units of size in bytes.
const SIZE_UNITS: [(&str, u64); 10] = [
    ("", 1),
    ("B", 1),
    ("kB", 1_000),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];

impl Period {
    /// Reads a length of time; nothing when it is none or more than fits.
    pub fn parse(text: &str) -> Option<Self> {
        let mut rest = text.trim();
        let mut millis: u64 = 0;
        if rest.is_empty() {
            return None;
        }
        while !rest.is_empty() {
            let (number, after) = split_number(rest)?;
            let unit_end = after.find(|letter: char| !letter.is_ascii_alphabetic()).unwrap_or(after.len());
            let (unit, remaining) = after.split_at(unit_end);
            millis = millis.checked_add(number.checked_mul(factor(&PERIOD_UNITS, unit)?)?)?;
            rest = remaining.trim_start();
        }
        Some(Self(Duration::from_millis(millis)))
    }
}

impl Size {
    /// Reads a number of bytes; nothing when it is none or more than fits.
    pub fn parse(text: &str) -> Option<Self> {
        let (number, unit) = split_number(text.trim())?;
        number.checked_mul(factor(&SIZE_UNITS, unit)?).map(Self)
    }
}

/// A number at the start of `text` and what follows it.
fn split_number(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    Some((text[..end].parse().ok()?, text[end..].trim_start()))
}

fn factor(units: &[(&str, u64)], unit: &str) -> Option<u64> {
    units.iter().find(|(word, _)| *word == unit).map(|(_, factor)| *factor)
}

/// Both amounts are read from a scalar, quoted or not.
struct Amount<T> {
    expected: &'static str,
    parse: fn(&str) -> Option<T>,
}

impl<T> Visitor<'_> for Amount<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expected)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        // Not `invalid_value`: the YAML crate points at the key for that, and at the value for this.
        (self.parse)(text).ok_or_else(|| E::custom(format!("`{text}` cannot be read: write {}", self.expected)))
    }
}

impl<'de> Deserialize<'de> for Period {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Amount { expected: PERIOD_EXPECTED, parse: Self::parse })
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Amount { expected: SIZE_EXPECTED, parse: Self::parse })
    }
}

/// For fields that hold a plain [`Duration`]: `#[serde(deserialize_with = "crate::amount::duration")]`.
///
/// # Errors
/// It is no length of time.
pub fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    Period::deserialize(deserializer).map(|period| period.0)
}

/// For fields that hold a plain number of bytes: `#[serde(deserialize_with = "crate::amount::bytes")]`.
///
/// # Errors
/// It is no number of bytes.
pub fn bytes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    Size::deserialize(deserializer).map(|size| size.0)
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut millis = u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX);
        if millis == 0 {
            return f.write_str("0s");
        }
        let mut gap = "";
        for (unit, factor) in PERIOD_UNITS.iter().rev() {
            if millis >= *factor {
                write!(f, "{gap}{}{unit}", millis / factor)?;
                millis %= factor;
                gap = " ";
            }
        }
        Ok(())
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let binary = ["KiB", "MiB", "GiB", "TiB"];
        let Some(power) = (1..=4).rev().find(|power| self.0 >= 1 << (10 * power)) else {
            return write!(f, "{} B", self.0);
        };
        let whole = 1u64 << (10 * power);
        match self.0 % whole {
            0 => write!(f, "{} {}", self.0 / whole, binary[power - 1]),
            // Only for people: the digits lost are not missed.
            #[allow(clippy::cast_precision_loss)]
            _ => write!(f, "{:.1} {}", self.0 as f64 / whole as f64, binary[power - 1]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn period(text: &str, millis: Option<u64>) {
        assert_eq!(Period::parse(text), millis.map(|millis| Period(Duration::from_millis(millis))), "{text}");
    }

    #[test]
    fn lengths_of_time_are_read() {
        period("5m", Some(300_000));
        period("1h 30m", Some(5_400_000));
        period("1h30m", Some(5_400_000));
        period(" 2 d ", Some(172_800_000));
        period("500ms", Some(500));
        period("5", None);
        period("", None);
        period("m", None);
        period("5 parsecs", None);
        period("-5m", None);
        period("99999999999999999999d", None);
        period("999999999999999d", None);
    }

    #[test]
    fn sizes_are_read() {
        for (text, bytes) in [("0", 0), ("1048576", 1 << 20), ("100MiB", 100 << 20), ("2 GB", 2_000_000_000)] {
            assert_eq!(Size::parse(text), Some(Size(bytes)), "{text}");
        }
        for text in ["", "MiB", "100 mb", "1.5GiB", "-1", "99999999999TiB"] {
            assert_eq!(Size::parse(text), None, "{text}");
        }
    }

    #[test]
    fn amounts_print_as_people_write_them() {
        assert_eq!(Period(Duration::from_secs(5_400)).to_string(), "1h 30m");
        assert_eq!(Period(Duration::ZERO).to_string(), "0s");
        assert_eq!(Size(512).to_string(), "512 B");
        assert_eq!(Size(100 << 20).to_string(), "100 MiB");
        assert_eq!(Size(1_500_000).to_string(), "1.4 MiB");
    }
}
