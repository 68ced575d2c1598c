//! Hours in which mild alerts wait.

use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _, Zoned};
use serde::{Deserialize, Deserializer, de::Error as _};

use crate::alert::Severity;

/// Hours in which mild alerts wait.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quiet {
    /// When they begin, `HH:MM`.
    #[serde(deserialize_with = "time")]
    pub from: Time,
    /// When they end, `HH:MM`; on the next day when that is not later than `from`.
    #[serde(deserialize_with = "time")]
    pub to: Time,
    /// The days on which they begin: `mon` to `sun`. None at all means every day.
    #[serde(default)]
    pub days: Vec<Day>,
    /// Whose clock: a name such as `Europe/Berlin`.
    #[serde(default = "utc", deserialize_with = "zone")]
    pub timezone: TimeZone,
    /// From this severity on an alert does not wait.
    #[serde(default = "critical")]
    pub pass: Severity,
}

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "their names say all")]
pub enum Day {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}

fn utc() -> TimeZone {
    TimeZone::UTC
}

fn critical() -> Severity {
    Severity::Critical
}

fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Time, D::Error> {
    let text = String::deserialize(deserializer)?;
    let parts = text.split_once(':').and_then(|(hour, minute)| Some((hour.parse().ok()?, minute.parse().ok()?)));
    let time = parts.filter(|_| text.len() == 5).and_then(|(hour, minute)| Time::new(hour, minute, 0, 0).ok());
    time.ok_or_else(|| D::Error::custom(format!("`{text}` is no time of day: write it like `22:00`, in quotes")))
}

fn zone<'de, D: Deserializer<'de>>(deserializer: D) -> Result<TimeZone, D::Error> {
    let text = String::deserialize(deserializer)?;
    TimeZone::get(&text)
        .map_err(|_| D::Error::custom(format!("there is no time zone `{text}`: write it like `Europe/Berlin`")))
}

impl Quiet {
    /// When the quiet that holds now will end; nothing when none holds.
    pub fn until(&self, now: Timestamp) -> Option<Timestamp> {
        let local = now.to_zoned(self.timezone.clone());
        let today = local.date();
        // It may have begun yesterday.
        [today.yesterday().ok()?, today].into_iter().find_map(|day| self.end_of(day, &local)).map(|end| end.timestamp())
    }

    fn end_of(&self, day: Date, now: &Zoned) -> Option<Zoned> {
        if !self.days.is_empty() && !self.days.iter().any(|named| named.weekday() == day.weekday()) {
            return None;
        }
        let last = if self.to > self.from { day } else { day.checked_add(1.day()).ok()? };
        let begin = day.to_datetime(self.from).to_zoned(self.timezone.clone()).ok()?;
        let end = last.to_datetime(self.to).to_zoned(self.timezone.clone()).ok()?;
        (begin <= *now && *now < end).then_some(end)
    }
}

impl Day {
    fn weekday(self) -> Weekday {
        match self {
            Self::Mon => Weekday::Monday,
            Self::Tue => Weekday::Tuesday,
            Self::Wed => Weekday::Wednesday,
            Self::Thu => Weekday::Thursday,
            Self::Fri => Weekday::Friday,
            Self::Sat => Weekday::Saturday,
            Self::Sun => Weekday::Sunday,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(quiet: &str, now: &str, expected: Option<&str>) {
        let quiet: Quiet = serde_json::from_str(quiet).unwrap();
        let end = quiet.until(now.parse().unwrap());
        assert_eq!(end, expected.map(|end| end.parse().unwrap()), "{now}");
    }

    #[test]
    fn quiet_ends_when_it_should() {
        let night = r#"{"from": "22:00", "to": "07:00"}"#;
        check(night, "2026-11-25T21:59:59Z", None);
        check(night, "2026-11-25T22:00:00Z", Some("2026-11-26T07:00:00Z"));
        check(night, "2026-11-26T06:59:59Z", Some("2026-11-26T07:00:00Z"));
        check(night, "2026-11-26T07:00:00Z", None);
        let noon = r#"{"from": "12:00", "to": "13:00", "days": ["wed"]}"#;
        check(noon, "2026-11-25T12:30:00Z", Some("2026-11-25T13:00:00Z"));
        check(noon, "2026-11-26T12:30:00Z", None);
        // A weekend is a Friday evening that ends after a day; its days are those on which it begins.
        let saturday = r#"{"from": "00:00", "to": "00:00", "days": ["sat"], "timezone": "Europe/Berlin"}"#;
        check(saturday, "2026-11-27T22:59:59Z", None);
        check(saturday, "2026-11-27T23:00:00Z", Some("2026-11-28T23:00:00Z"));
    }

    #[test]
    fn the_clock_is_that_of_the_place_in_summer_and_winter() {
        let night = r#"{"from": "22:00", "to": "07:00", "timezone": "Europe/Berlin"}"#;
        check(night, "2026-07-01T20:00:00Z", Some("2026-07-02T05:00:00Z"));
        check(night, "2026-12-01T20:30:00Z", None);
        check(night, "2026-12-01T21:00:00Z", Some("2026-12-02T06:00:00Z"));
    }

    #[test]
    fn what_is_no_time_or_place_is_an_error() {
        for (text, word) in [
            (r#"{"from": "9pm", "to": "07:00"}"#, "22:00"),
            (r#"{"from": "24:00", "to": "07:00"}"#, "22:00"),
            (r#"{"from": "21:00", "to": "07:00", "timezone": "Middle/Earth"}"#, "Europe/Berlin"),
        ] {
            let error = serde_json::from_str::<Quiet>(text).unwrap_err().to_string();
            assert!(error.contains(word), "{error}");
        }
    }
}
