//! Limits calls to a forge that accepts no reports of a source: one report at a time, at intervals that grow to a minute, until
//! one succeeds. Then all waiting reports are due.

use std::time::{Duration, Instant};

use slipway_domain::backoff;
use slipway_store::Fault;

/// Maximum time between two attempts. One call per minute harms no forge, and detects its recovery soon enough.
const MAX_PAUSE: Duration = Duration::from_mins(1);
/// Number of consecutive failures that are treated as an outage, whatever their causes.
const NO_COINCIDENCE: u32 = 3;

/// State of the forge of one source.
#[derive(Debug, Default)]
pub(super) struct Outage {
    /// Failures since the last success.
    failures: u32,
    /// End of the pause; `None` while the forge accepts reports.
    until: Option<Instant>,
}

impl Outage {
    /// Maximum number of concurrent reports, which is `most` outside an outage.
    pub(crate) fn most(&self, most: usize, now: Instant) -> usize {
        match self.until {
            None => most,
            Some(until) if until <= now => 1,
            Some(_) => 0,
        }
    }

    /// Records the failure of a call that began at `began`, and returns the fault that its report waits for. A report that fails
    /// again while others succeed has its own fault.
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

    /// Records a success. Returns whether it ended an outage.
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
        // Sixteen calls were in progress when the forge went down: that is one failure, not sixteen.
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
