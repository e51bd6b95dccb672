//! Dates and times of the proleptic Gregorian calendar in the texts of tables.

use std::fmt;

/// A date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Civil {
    /// The year, 1 to 9999.
    pub year: i64,
    /// The month, from 1 to 12.
    pub month: i64,
    /// The day of the month, from 1.
    pub day: i64,
}

/// A date with a time of day, in seconds since 1970-01-01T00:00:00. Without an offset, the time is taken as it is written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Moment {
    /// The date, as it is written.
    pub date: Civil,
    /// The seconds since midnight, as they are written.
    pub second: f64,
    /// The seconds since 1970-01-01T00:00:00, less the offset from UTC.
    pub elapsed: f64,
}

impl Moment {
    /// The days since 1970-01-01T00:00:00 as they are written, without regard to the offset from UTC, so that hours of the day and days
    /// of the week are those of the place.
    pub fn written_days(self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "the days of 9999 years")]
        let days = self.date.days() as f64;
        days + self.second / 86_400.0
    }
}

impl Civil {
    /// The date so many days after 1970-01-01; `None` beyond the years 1 to 9999. The arithmetic is that of Howard Hinnant,
    /// "chrono-Compatible Low-Level Date Algorithms" (2021), `civil_from_days`.
    pub fn of_days(days: i64) -> Option<Self> {
        let days = days.checked_add(719_468)?;
        let era = days.div_euclid(146_097);
        let of_era = days.rem_euclid(146_097);
        let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let day_of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted = (5 * day_of_year + 2) / 153;
        let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        (1..=9_999).contains(&year).then_some(Self { year, month, day: day_of_year - (153 * shifted + 2) / 5 + 1 })
    }

    /// The date of a year, a month and a day; `None` if there is none.
    pub fn new(year: i64, month: i64, day: i64) -> Option<Self> {
        let date = Self { year, month, day };
        let is_date = (1..=9_999).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day);
        (is_date && Self::of_days(date.days()) == Some(date)).then_some(date)
    }

    /// The days since 1970-01-01 (`days_from_civil` of the same source).
    pub fn days(self) -> i64 {
        let year = self.year - i64::from(self.month <= 2);
        let era = year.div_euclid(400);
        let year_of_era = year.rem_euclid(400);
        let shifted = (self.month + 9) % 12;
        let day_of_year = (153 * shifted + 2) / 5 + self.day - 1;
        era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
    }

    /// The day of the week, from 0 for Monday to 6 for Sunday.
    pub fn weekday(self) -> i64 {
        (self.days() + 3).rem_euclid(7)
    }
}

impl fmt::Display for Civil {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

/// The date, or date and time, of a text in the form of ISO 8601: `2024-01-31`, `2024-01-31T09:30`, `2024-01-31 09:30:15.5+01:00`.
pub fn iso(text: &str) -> Option<Moment> {
    let text = text.trim();
    let (date, time) = match text.split_once(['T', ' ']) {
        Some((date, time)) => (date, Some(time)),
        None => (text, None),
    };
    let parts: Vec<&str> = date.split('-').collect();
    let [year, month, day] = parts.as_slice() else { return None };
    of_parts(digits(year, 4)?, digits(month, 2)?, digits(day, 2)?, time)
}

/// The moment of a date, and of the text of a time of day if there is one; `None` if there is no such date or time.
pub(super) fn of_parts(year: i64, month: i64, day: i64, time: Option<&str>) -> Option<Moment> {
    moment(Civil::new(year, month, day)?, time)
}

fn moment(date: Civil, time: Option<&str>) -> Option<Moment> {
    let (second, offset) = match time {
        Some(time) => time_of_day(time)?,
        None => (0.0, 0),
    };
    #[expect(clippy::cast_precision_loss, reason = "the seconds of 9999 years")]
    let elapsed = (date.days() * 86_400 - offset) as f64 + second;
    Some(Moment { date, second, elapsed })
}

/// The seconds since midnight, and the offset from UTC in seconds.
fn time_of_day(text: &str) -> Option<(f64, i64)> {
    let (clock, offset) = match text.strip_suffix('Z') {
        Some(clock) => (clock, 0),
        None => match text.rfind(['+', '-']) {
            Some(place) => {
                let (clock, offset) = text.split_at(place);
                let (hours, minutes) =
                    offset[1..].split_once(':').unwrap_or_else(|| offset[1..].split_at_checked(2).unwrap_or(("", "")));
                let minutes = if minutes.is_empty() { 0 } else { digits(minutes, 2)? };
                let size = digits(hours, 2)? * 3_600 + minutes * 60;
                (clock, if offset.starts_with('-') { -size } else { size })
            }
            None => (text, 0),
        },
    };
    let mut parts = clock.split(':');
    let (hour, minute) = (digits(parts.next()?, 2)?, digits(parts.next()?, 2)?);
    let second = match parts.next() {
        None => 0.0,
        Some(second) => {
            let (whole, fraction) = second.split_once('.').unwrap_or((second, "0"));
            let is_fraction = !fraction.is_empty() && fraction.bytes().all(|byte| byte.is_ascii_digit());
            digits(whole, 2).filter(|second| is_fraction && *second < 60)?;
            second.parse::<f64>().ok()?
        }
    };
    let is_time = parts.next().is_none() && hour < 24 && minute < 60;
    #[expect(clippy::cast_precision_loss, reason = "the seconds of a day")]
    let seconds = (hour * 3_600 + minute * 60) as f64 + second;
    is_time.then_some((seconds, offset))
}

/// A number of exactly so many digits.
fn digits(text: &str, count: usize) -> Option<i64> {
    (text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_of_the_calendar_is_counted_both_ways() {
        let (first, last) = (Civil::new(1, 1, 1).expect("a date"), Civil::new(9_999, 12, 31).expect("a date"));
        assert_eq!((first.days(), last.days()), (-719_162, 2_932_896));
        let mut before = None;
        for days in first.days()..=last.days() {
            let date = Civil::of_days(days).expect("a date");
            assert_eq!(date.days(), days);
            assert!(before.is_none_or(|before| before < date));
            before = Some(date);
        }
        assert_eq!((Civil::of_days(last.days() + 1), Civil::of_days(first.days() - 1)), (None, None));
        assert_eq!(Civil::new(1970, 1, 1).expect("a date").weekday(), 3, "a Thursday");
    }

    #[test]
    fn only_dates_of_the_calendar_in_the_form_of_iso_8601_are_read() {
        for (text, elapsed) in [
            ("1970-01-01", 0.0),
            (" 1970-01-02T00:00:01.5 ", 86_401.5),
            ("1970-01-01 01:30", 5_400.0),
            ("1970-01-01T01:30:00+01:30", 0.0),
            ("1970-01-01T01:30:00-0130", 10_800.0),
            ("1970-01-01T01:00:00Z", 3_600.0),
            ("1970-01-01T02:00:00+02", 0.0),
        ] {
            assert_eq!(iso(text).map(|moment| moment.elapsed), Some(elapsed), "{text}");
        }
        for text in [
            "",
            "2023-02-29",
            "2024-13-01",
            "24-01-01",
            "31/12/2024",
            "2024-01-01T24:00",
            "2024-01-01T1:00",
            "2024-01-01T10:00:60",
            "2024-01-01T10:00:0.",
            "20240101",
            "+024-01-01",
        ] {
            assert_eq!(iso(text), None, "{text}");
        }
    }
}
