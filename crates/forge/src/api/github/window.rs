//! Counts the recent costs against one rate limit.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The time added to a span, because GitHub measures by its own clock and from the arrival of a call.
pub(super) const SKEW: Duration = Duration::from_secs(1);

/// At most `most` within `span`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limit {
    pub(super) most: u32,
    pub(super) span: Duration,
}

/// The costs counted against a limit within its span.
#[derive(Debug)]
pub(super) struct Window {
    limit: Limit,
    /// The costs of the calls with a response, with the time of the response, oldest first.
    answered: VecDeque<(Instant, u32)>,
    /// The costs of the calls without a response yet.
    under_way: u32,
    /// The costs of the callers that received a later time, with the promised times. They keep all callers from coming at the
    /// same moment.
    promised: VecDeque<(Instant, u32)>,
}

impl Window {
    pub(super) fn new(limit: Limit) -> Self {
        Self { limit, answered: VecDeque::new(), under_way: 0, promised: VecDeque::new() }
    }

    /// The time until `cost` fits into the limit and the promised costs have been spent.
    pub(super) fn pause(&mut self, cost: u32, now: Instant) -> Duration {
        let span = self.limit.span + SKEW;
        while self.answered.pop_front_if(|(at, _)| now.duration_since(*at) >= span).is_some() {}
        while self.promised.pop_front_if(|(at, _)| *at <= now).is_some() {}
        let sum = |costs: &VecDeque<(Instant, u32)>| costs.iter().map(|(_, cost)| cost).sum::<u32>();
        let spent = sum(&self.answered) + self.under_way + cost;
        if spent <= self.limit.most {
            return Duration::ZERO;
        }
        let mut over = spent + sum(&self.promised) - self.limit.most;
        for (at, freed) in self.answered.iter().chain(&self.promised) {
            over = over.saturating_sub(*freed);
            if over == 0 {
                return (*at + span).saturating_duration_since(now);
            }
        }
        // A call under way counts from its response on.
        span
    }

    /// Records that a caller with this `cost` comes again at `at`.
    pub(super) fn promise(&mut self, at: Instant, cost: u32) {
        self.promised.push_back((at, cost));
    }

    /// Counts a call that begins.
    pub(super) fn begin(&mut self, cost: u32) {
        self.under_way += cost;
    }

    /// Counts the response to a call.
    pub(super) fn end(&mut self, cost: u32, now: Instant) {
        self.under_way -= cost;
        if cost > 0 {
            self.answered.push_back((now, cost));
        }
    }
}
