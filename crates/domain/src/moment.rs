//! Parser of moments in the notation of users: a time, or a day.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan as _};

/// The moment that a day alone means, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OfDay {
    /// Its first second.
    Beginning,
    /// Its last second.
    End,
}

/// Parses a time with its zone (RFC 3339), such as `2026-12-24T18:00:00Z`, or a day, such as `2026-12-24`.
///
/// # Errors
///
/// A text that is neither, with both forms in the message.
pub fn parse_moment(text: &str, of_day: OfDay) -> Result<Timestamp, String> {
    let boundary = match of_day {
        OfDay::Beginning => "beginning",
        OfDay::End => "end",
    };
    let expected = || {
        format!(
            "expected a day such as `2026-12-24`, which means its {boundary} in UTC, or a time with its zone (RFC 3339) such as \
             `2026-12-24T18:00:00Z`, came `{text}`"
        )
    };
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(time);
    }
    // A date with a time but without a zone would also be read as a day.
    let day: Date = text.parse().map_err(|_| expected()).and_then(|day| match text.len() {
        ..=10 => Ok(day),
        _ => Err(expected()),
    })?;
    let midnight = |day: Date| TimeZone::UTC.to_timestamp(day.at(0, 0, 0, 0)).map_err(|_| expected());
    match of_day {
        OfDay::Beginning => midnight(day),
        OfDay::End => {
            let next = day.checked_add(1.day()).map_err(|_| expected())?;
            Ok(midnight(next)? - SignedDuration::from_secs(1))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_means_its_beginning_or_its_end() {
        let at = |text, of_day| parse_moment(text, of_day).map(|time| time.to_string());
        assert_eq!(at("2026-11-24", OfDay::Beginning), Ok("2026-11-24T00:00:00Z".to_owned()));
        assert_eq!(at("2026-11-24", OfDay::End), Ok("2026-11-24T23:59:59Z".to_owned()));
        assert_eq!(at("2026-11-24T12:00:00+01:00", OfDay::End), Ok("2026-11-24T11:00:00Z".to_owned()));
        for wrong in ["", "yesterday", "24.12.2026", "2026-13-01", "2026-12-24T18:00:00", "2026-12-24 18:00", "2h"] {
            let message = parse_moment(wrong, OfDay::End).expect_err(wrong);
            for part in
                [format!("came `{wrong}`"), "`2026-12-24`, which means its end".to_owned(), "RFC 3339".to_owned()]
            {
                assert!(message.contains(&part), "{message}");
            }
        }
    }
}
