//! Retry decisions and backoff.

use std::time::Duration;

/// Whether another attempt can help, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// No: a person must change something first.
    Never,
    /// Yes, after a pause that grows with every attempt.
    Backoff,
    /// Yes, after the time that the remote side requested.
    After(Duration),
}

/// The first pause before another attempt.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest pause.
const MAX_PAUSE: Duration = Duration::from_mins(5);

/// The pause before retry number `attempt` (the first retry is 1): doubling up to five minutes, with full jitter (Brooker,
/// "Exponential Backoff And Jitter", AWS 2015). `jitter` is any random number.
pub fn backoff(attempt: u32, jitter: u64) -> Duration {
    let ceiling = FIRST_PAUSE.saturating_mul(1 << attempt.saturating_sub(1).min(16)).min(MAX_PAUSE);
    let ceiling = u64::try_from(ceiling.as_millis()).unwrap_or(u64::MAX);
    Duration::from_millis(jitter % (ceiling + 1))
}

/// The pause before the next poll, for polls with this `interval`: up to a quarter less or more, so that polls that began
/// together spread out. `jitter` is any random number.
pub fn with_jitter(interval: Duration, jitter: u64) -> Duration {
    let half = u64::try_from(interval.as_millis() / 2).unwrap_or(u64::MAX - 1);
    interval * 3 / 4 + Duration::from_millis(jitter % (half + 1))
}

/// Formats a duration for display, in the syntax of the settings: `350ms`, `2.5s`, `3s`, `2m 30s`, `1h 5m`.
pub fn spoken(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0 => format!("{}ms", duration.as_millis()),
        1..60 => match duration.subsec_millis() / 100 {
            0 => format!("{seconds}s"),
            tenths => format!("{seconds}.{tenths}s"),
        },
        60..3600 if seconds.is_multiple_of(60) => format!("{}m", seconds / 60),
        60..3600 => format!("{}m {}s", seconds / 60, seconds % 60),
        _ if (seconds / 60).is_multiple_of(60) => format!("{}h", seconds / 3600),
        _ => format!("{}h {}m", seconds / 3600, seconds / 60 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_formatted_as_settings_take_them() {
        let formatted =
            [350, 2_500, 3_000, 150_000, 300_000, 3_900_000, 7_200_000].map(Duration::from_millis).map(spoken);
        assert_eq!(formatted, ["350ms", "2.5s", "3s", "2m 30s", "5m", "1h 5m", "2h"]);
    }

    #[test]
    fn polls_that_began_together_do_not_stay_together_and_keep_their_interval_on_average() {
        let minute = Duration::from_mins(1);
        assert_eq!([0, 15_000, 30_000].map(|jitter| with_jitter(minute, jitter).as_secs()), [45, 60, 75]);
        for jitter in [0, 1, 7_919, u64::MAX] {
            assert!((45_000..=75_000).contains(&with_jitter(minute, jitter).as_millis()), "{jitter}");
        }
        assert_eq!(with_jitter(Duration::ZERO, u64::MAX), Duration::ZERO);
        assert!(with_jitter(Duration::from_hours(24 * 365), u64::MAX) <= Duration::from_hours(24 * 365) * 5 / 4);
    }

    #[test]
    fn pauses_double_up_to_the_longest_and_never_exceed_it() {
        let ceilings: Vec<u64> = (1..=4).map(|attempt| backoff(attempt, 1000 << (attempt - 1)).as_secs()).collect();
        assert_eq!(ceilings, [1, 2, 4, 8]);
        for attempt in [10, 11, 40, u32::MAX] {
            assert!(backoff(attempt, u64::MAX) <= MAX_PAUSE);
            assert_eq!(backoff(attempt, 300_000), MAX_PAUSE);
        }
        assert_eq!(backoff(3, 0), Duration::ZERO);
    }
}
