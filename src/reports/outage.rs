//! When a forge is asked while it takes nothing of a source: by one report at a time, at intervals that grow to a minute, until
//! one is taken. Then everything that waited for it is due.

use std::time::{Duration, Instant};

use slipway_domain::backoff;
use slipway_store::Fault;

/// The longest time between two attempts: a call a minute harms no forge, and is soon enough when it returns.
const MAX_PAUSE: Duration = Duration::from_mins(1);
/// So many failures in a row are no coincidence, whatever each of them looks like.
const NO_COINCIDENCE: u32 = 3;

/// What is known of the forge of one source.
#[derive(Debug, Default)]
pub(super) struct Outage {
    /// Failures since something was taken.
    failures: u32,
    /// Until when it is left alone; `None` while it takes what it is given.
    until: Option<Instant>,
}

impl Outage {
    /// How many reports may be under way, of `most` while all is well.
    pub(crate) fn most(&self, most: usize, now: Instant) -> usize {
        match self.until {
            None => most,
            Some(until) if until <= now => 1,
            Some(_) => 0,
        }
    }

    /// Notes that nothing was taken, by a call that began at `began`, and answers what that report waits for. One that fails
    /// anew while others are taken has a fault of its own.
    pub(crate) fn failed(&mut self, before: Fault, began: Instant, now: Instant, jitter: u64) -> Fault {
        let had_begun_before = self.until.is_some_and(|until| began < until);
        self.failures = self.failures.saturating_add(u32::from(!had_begun_before));
        if self.until.is_none() && before != Fault::None && self.failures < NO_COINCIDENCE {
            return Fault::Own;
        }
        if !had_begun_before {
            self.until = Some(now + backoff(self.failures, jitter).min(MAX_PAUSE));
        }
        Fault::Shared
    }

    /// Notes that something was taken. Answers whether nothing was before.
    pub(super) fn succeeded(&mut self) -> bool {
        self.failures = 0;
        self.until.take().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forge_that_is_down_gets_one_report_at_a_time_and_all_once_it_is_back() {
        let mut outage = Outage::default();
        let mut now = Instant::now();
        assert_eq!(outage.most(16, now), 16);
        // Sixteen were under way when it went down: that is one failure, not sixteen.
        let began = now;
        for _ in 0..16 {
            assert_eq!(outage.failed(Fault::None, began, now, u64::MAX), Fault::Shared);
        }
        assert_eq!((outage.failures, outage.most(16, now)), (1, 0));
        let mut attempts = 0;
        let start = now;
        while now < start + Duration::from_hours(1) {
            if outage.most(16, now) > 0 {
                assert_eq!(outage.most(16, now), 1);
                attempts += 1;
                outage.failed(Fault::Shared, now, now, u64::MAX);
            }
            now += Duration::from_secs(1);
        }
        assert!((55..80).contains(&attempts), "{attempts} calls in an hour");
        assert!(outage.succeeded() && outage.most(16, now) == 16);
        assert!(!outage.succeeded(), "nothing waits any more");
    }

    #[test]
    fn one_that_fails_while_others_are_taken_has_a_fault_of_its_own_and_holds_up_nobody() {
        let mut outage = Outage::default();
        let now = Instant::now();
        assert_eq!(outage.failed(Fault::None, now, now, 0), Fault::Shared, "the first failure may be the forge's");
        assert!(outage.succeeded());
        assert_eq!(outage.failed(Fault::Shared, now, now, 0), Fault::Own);
        assert_eq!(outage.most(16, now), 16);
        assert!(!outage.succeeded(), "nobody waited for it");
        for expected in [Fault::Own, Fault::Own, Fault::Shared] {
            assert_eq!(outage.failed(Fault::Own, now, now, 0), expected);
        }
    }
}
