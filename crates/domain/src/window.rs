//! Promotion windows, which open by a cron expression in a time zone.

use std::fmt;
use std::time::Duration;

use cronexpr::{Crontab, MakeTimestamp};
use jiff::{SignedDuration, Timestamp};

/// The longest time for which a window may be open. For a longer time it is easier to write the inverse expression.
const MAX_WINDOW: Duration = Duration::from_hours(7 * 24);

/// A recurring time: it opens by a cron expression and stays open for a fixed duration.
#[derive(Debug, Clone)]
pub struct Window {
    text: String,
    opens: Crontab,
    lasts: SignedDuration,
}

/// Error: the text is not a valid window.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAWindow {
    /// The expression or the time zone is invalid.
    #[error(
        "`{text}` is not a valid schedule: {problem}; expected five fields (minute, hour, day, month, weekday), such as `0 9 * * MON-FRI`, and a time zone, such as `Europe/Berlin`"
    )]
    Expression {
        /// Expression and time zone.
        text: String,
        /// The problem.
        problem: String,
    },
    /// The window is never open, or almost never closed.
    #[error("the window is open for {lasts:#}, expected `1m` to `168h`")]
    Lasts {
        /// The requested duration.
        lasts: SignedDuration,
    },
    /// The expression matches no time.
    #[error("`{text}` never opens")]
    Never {
        /// Expression and time zone.
        text: String,
    },
}

impl Window {
    /// A window that opens at the times of `cron` (five fields, as in crontab(5)) in `time_zone`, a name of the IANA time zone
    /// database, and stays open for `lasts`.
    pub fn new(cron: &str, time_zone: &str, lasts: SignedDuration) -> Result<Self, NotAWindow> {
        let text = format!("{cron} {time_zone}");
        let wrong = |problem: String| NotAWindow::Expression { text: text.clone(), problem };
        let shown = |error: cronexpr::Error| error.to_string().lines().next().unwrap_or_default().to_owned();
        if cron.split_whitespace().count() != 5 || time_zone.split_whitespace().count() != 1 {
            return Err(wrong("the text does not have five fields and one time zone".to_owned()));
        }
        let opens = cronexpr::parse_crontab(&text).map_err(|error| wrong(shown(error)))?;
        if lasts < SignedDuration::from_mins(1) || Duration::try_from(lasts).is_ok_and(|lasts| lasts > MAX_WINDOW) {
            return Err(NotAWindow::Lasts { lasts });
        }
        let window = Self { text, opens, lasts };
        let any_day = Timestamp::UNIX_EPOCH;
        if window.opening_after(any_day).is_none() {
            return Err(NotAWindow::Never { text: window.text });
        }
        Ok(window)
    }

    /// Whether the window is open at a time.
    pub fn is_open(&self, at: Timestamp) -> bool {
        // The first opening that has not ended yet decides.
        self.opening_after(at - self.lasts).is_some_and(|opening| opening <= at)
    }

    /// The first opening after a time.
    pub fn opening_after(&self, at: Timestamp) -> Option<Timestamp> {
        let at = MakeTimestamp::from_millisecond(at.as_millisecond()).ok()?;
        let next = self.opens.find_next(at).ok()?;
        Timestamp::from_millisecond(next.timestamp().as_millisecond()).ok()
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} for {:#}", self.text, self.lasts)
    }
}

impl PartialEq for Window {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text && self.lasts == other.lasts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    fn working_hours() -> Window {
        Window::new("0 9 * * MON-FRI", "Europe/Berlin", SignedDuration::from_hours(8)).expect("a window")
    }

    #[test]
    fn a_window_is_open_from_its_opening_on_until_its_end() {
        let window = working_hours();
        // 2026-11-24 is a Tuesday; Berlin is one hour ahead of UTC in winter.
        for (time, open) in [
            ("2026-11-24T07:59:59Z", false),
            ("2026-11-24T08:00:00Z", true),
            ("2026-11-24T15:59:59Z", true),
            ("2026-11-24T16:00:00Z", false),
            ("2026-11-28T10:00:00Z", false),
        ] {
            assert_eq!(window.is_open(at(time)), open, "{time}");
        }
    }

    #[test]
    fn the_next_opening_follows_the_clocks_of_its_time_zone() {
        let window = working_hours();
        assert_eq!(window.opening_after(at("2026-11-27T12:00:00Z")), Some(at("2026-11-30T08:00:00Z")));
        assert_eq!(window.opening_after(at("2026-07-06T12:00:00Z")), Some(at("2026-07-07T07:00:00Z")));
    }

    #[test]
    fn a_window_that_is_longer_than_its_pauses_is_always_open() {
        let window = Window::new("0 * * * *", "UTC", SignedDuration::from_hours(2)).expect("a window");
        assert!(window.is_open(at("2026-11-24T10:59:59Z")));
        assert!(window.is_open(at("2026-11-24T11:00:00Z")));
    }

    #[test]
    fn what_is_no_window_says_why() {
        let refused = |cron, zone, hours| {
            Window::new(cron, zone, SignedDuration::from_hours(hours)).expect_err("no window").to_string()
        };
        assert!(refused("0 9 * *", "UTC", 1).contains("does not have five fields"));
        assert!(refused("0 25 * * *", "UTC", 1).starts_with("`0 25 * * * UTC` is not a valid schedule"));
        assert!(refused("0 9 * * *", "Europe/Bärlin", 1).contains("expected five fields"));
        assert!(refused("0 9 * * *", "UTC", 0).contains("is open for 0s"));
        assert!(refused("0 9 * * *", "UTC", 169).contains("expected `1m` to `168h`"));
        assert_eq!(refused("0 9 31 2 *", "UTC", 1), "`0 9 31 2 * UTC` never opens");
    }
}
