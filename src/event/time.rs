//! The API server's clock: microseconds, UTC.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A moment, in microseconds since 1970, UTC. Prints and reads as RFC 3339 with six digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

const MICROS: i64 = 1_000_000;

impl Timestamp {
    /// Before everything.
    pub const MIN: Self = Self(i64::MIN);
    /// After everything.
    pub const MAX: Self = Self(i64::MAX);

    /// From microseconds since 1970.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since 1970.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// The minute it lies in, counted from 1970.
    pub const fn minute(self) -> i64 {
        self.0.div_euclid(60 * MICROS)
    }

    /// This moment and so many seconds; stays at the ends of time.
    pub const fn plus_seconds(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds.saturating_mul(MICROS)))
    }

    /// Reads RFC 3339. The API server's own form, `2006-01-02T15:04:05.000000Z`, is read without a calendar library.
    pub fn parse(text: &[u8]) -> Option<Self> {
        parse_fixed(text).or_else(|| {
            let text = std::str::from_utf8(text).ok()?;
            let moment: jiff::Timestamp = text.parse().ok()?;
            Some(Self(moment.as_microsecond()))
        })
    }
}

fn parse_fixed(text: &[u8]) -> Option<Timestamp> {
    let text: &[u8; 27] = text.try_into().ok()?;
    let separators = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':'), (19, b'.'), (26, b'Z')];
    if separators.iter().any(|&(at, byte)| text[at] != byte) {
        return None;
    }
    let number = |from: usize, to: usize| {
        text[from..to]
            .iter()
            .try_fold(0i64, |sum, &byte| byte.is_ascii_digit().then(|| sum * 10 + i64::from(byte - b'0')))
    };
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let valid = (1..=12).contains(&month) && (1..=31).contains(&day) && hour < 24 && minute < 60 && second < 61;
    if !valid {
        return None;
    }
    let seconds = ((days_from_civil(year, month, day) * 24 + hour) * 60 + minute) * 60 + second;
    Some(Timestamp(seconds * MICROS + number(20, 26)?))
}

/// Days since 1970-01-01 in the Gregorian calendar, counting years from March so that a leap day comes last.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_microsecond(self.0) {
            Ok(moment) => write!(f, "{moment:.6}"),
            Err(_) if self.0 < 0 => f.write_str("-009999-01-01T00:00:00.000000Z"),
            Err(_) => f.write_str("9999-12-31T23:59:59.999999Z"),
        }
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(text.as_bytes()).ok_or_else(|| serde::de::Error::custom("not an RFC 3339 time"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, micros: i64) {
        assert_eq!(Timestamp::parse(text.as_bytes()), Some(Timestamp(micros)), "{text}");
    }

    #[test]
    fn the_api_servers_form_and_others_are_read() {
        check("1970-01-01T00:00:00.000000Z", 0);
        check("2026-11-22T12:21:52.577015Z", 1_795_350_112_577_015);
        check("2024-02-29T23:59:59.999999Z", 1_709_251_199_999_999);
        check("2018-10-25T13:00:01Z", 1_540_472_401_000_000);
        check("2026-11-22T14:21:52.577015+02:00", 1_795_350_112_577_015);
        assert_eq!(Timestamp::parse(b"2026-13-22T12:21:52.577015Z"), None);
        assert_eq!(Timestamp::parse(b"yesterday"), None);
    }

    #[test]
    fn it_prints_as_it_reads() {
        let text = "2026-11-22T12:21:52.577015Z";
        assert_eq!(Timestamp::parse(text.as_bytes()).unwrap().to_string(), text);
        assert_eq!(serde_json::to_string(&Timestamp::from_micros(0)).unwrap(), "\"1970-01-01T00:00:00.000000Z\"");
    }
}
