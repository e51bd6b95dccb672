//! Limits the rate of requests with a token bucket for each name.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Maximum number of remembered names. A name can be forgotten once its bucket is full again. Beyond this number, all unknown
/// names share one bucket.
const MAX_NAMES: usize = 10_000;
/// Minimum time between two removals of full buckets.
const SWEEP: Duration = Duration::from_secs(1);
/// The bucket that unknown names share once there are too many.
const SHARED: &str = "";

/// A bucket for each name.
pub(super) struct Buckets {
    per_second: f64,
    at_once: f64,
    state: Mutex<State>,
}

struct State {
    levels: HashMap<String, Level>,
    swept: Instant,
}

#[derive(Clone, Copy)]
struct Level {
    requests: f64,
    at: Instant,
}

impl Buckets {
    /// Buckets that hold `at_once` requests and fill by `per_second`.
    pub(super) fn new(per_second: u32, at_once: u32, now: Instant) -> Self {
        let state = Mutex::new(State { levels: HashMap::new(), swept: now });
        Self { per_second: f64::from(per_second), at_once: f64::from(at_once), state }
    }

    /// Takes a request out of a name's bucket, or returns how long it takes until one is available.
    pub(super) fn take(&self, name: &str, now: Instant) -> Result<(), Duration> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.levels.len() >= MAX_NAMES && now.saturating_duration_since(state.swept) >= SWEEP {
            state.levels.retain(|_, level| self.filled(*level, now) < self.at_once);
            state.swept = now;
        }
        let room = state.levels.len() < MAX_NAMES || state.levels.contains_key(name);
        let full = Level { requests: self.at_once, at: now };
        let level = state.levels.entry(if room { name } else { SHARED }.to_owned()).or_insert(full);
        let requests = self.filled(*level, now);
        let granted = requests >= 1.0;
        *level = Level { requests: if granted { requests - 1.0 } else { requests }, at: now };
        if granted { Ok(()) } else { Err(Duration::from_secs_f64((1.0 - requests) / self.per_second)) }
    }

    fn filled(&self, level: Level, now: Instant) -> f64 {
        let passed = now.saturating_duration_since(level.at).as_secs_f64();
        (level.requests + passed * self.per_second).min(self.at_once)
    }
}

/// Rounds a pause up to whole seconds for `Retry-After`, at least one.
pub(super) fn whole_seconds(pause: Duration) -> u32 {
    let seconds = pause.as_secs() + u64::from(pause.subsec_nanos() > 0);
    u32::try_from(seconds.max(1)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_gives_what_it_holds_then_what_flows_in() {
        let begun = Instant::now();
        let buckets = Buckets::new(2, 3, begun);
        for _ in 0..3 {
            assert_eq!(buckets.take("a", begun), Ok(()));
        }
        assert_eq!(buckets.take("a", begun), Err(Duration::from_millis(500)));
        assert_eq!(buckets.take("b", begun), Ok(()), "another's bucket is another");
        let later = begun + Duration::from_millis(500);
        assert_eq!(buckets.take("a", later), Ok(()));
        assert!(buckets.take("a", later).is_err());
        let much_later = begun + Duration::from_hours(1);
        for _ in 0..3 {
            assert_eq!(buckets.take("a", much_later), Ok(()));
        }
        assert!(buckets.take("a", much_later).is_err(), "a bucket holds no more than it can");
    }

    #[test]
    fn too_many_names_share_a_bucket_until_others_are_forgotten() {
        let begun = Instant::now();
        let buckets = Buckets::new(1, 1, begun);
        for name in 0..MAX_NAMES {
            assert_eq!(buckets.take(&name.to_string(), begun), Ok(()));
        }
        assert_eq!(buckets.take("one more", begun), Ok(()));
        assert!(buckets.take("and another", begun).is_err(), "they share");
        let later = begun + Duration::from_secs(2);
        assert_eq!(buckets.take("and another", later), Ok(()));
        assert_eq!(buckets.take("one more", later), Ok(()), "what was full is forgotten");
    }

    #[test]
    fn a_pause_is_rounded_up_to_whole_seconds() {
        assert_eq!([1, 1000, 1001].map(|millis| whole_seconds(Duration::from_millis(millis))), [1, 1, 2]);
    }
}
