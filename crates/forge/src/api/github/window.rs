//! What was spent of a limit lately.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// What is added to a span: GitHub counts by its own clock, from when a call arrives there.
pub(super) const SKEW: Duration = Duration::from_secs(1);

/// So much in so long.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limit {
    pub(super) most: u32,
    pub(super) span: Duration,
}

/// What was spent of a limit within its span.
#[derive(Debug)]
pub(super) struct Window {
    limit: Limit,
    /// What calls cost whose answer is there, and since when, oldest first.
    answered: VecDeque<(Instant, u32)>,
    /// What calls cost that are under way.
    under_way: u32,
    /// What those want who were told to come again, and when they were told to: so that not all come at the same moment.
    promised: VecDeque<(Instant, u32)>,
}

impl Window {
    pub(super) fn new(limit: Limit) -> Self {
        Self { limit, answered: VecDeque::new(), under_way: 0, promised: VecDeque::new() }
    }

    /// How long it takes until `cost` is within the limit, and those had their turn who were told to come again.
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
        // What is under way counts from its answer on.
        span
    }

    /// Notes that somebody who wants `cost` was told to come again at `at`.
    pub(super) fn promise(&mut self, at: Instant, cost: u32) {
        self.promised.push_back((at, cost));
    }

    /// A call has begun.
    pub(super) fn begin(&mut self, cost: u32) {
        self.under_way += cost;
    }

    /// A call that has begun was answered.
    pub(super) fn end(&mut self, cost: u32, now: Instant) {
        self.under_way -= cost;
        if cost > 0 {
            self.answered.push_back((now, cost));
        }
    }
}
