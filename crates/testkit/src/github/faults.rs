//! What goes wrong at the double on request, and what its limits were asked for.

use std::time::Duration;

use super::{GitHub, Refusal, Request, Setup, limits};

impl GitHub {
    /// Every request so far, in the order in which they came in.
    pub fn requests(&self) -> Vec<Request> {
        self.site.lock().guard.requests.clone()
    }

    /// Takes out what was not as GitHub describes it; what is left at the end fails the test.
    pub fn violations(&self) -> Vec<String> {
        std::mem::take(&mut self.site.lock().violations)
    }

    /// Refuses the next requests.
    pub fn refuse(&self, count: usize, refusal: Refusal) {
        self.site.lock().guard.refuse(count, refusal);
    }

    /// Takes every request, does it, and answers the next ones of this method with an error, as if the answer were lost.
    pub fn lose_answers(&self, method: &str, count: usize) {
        self.site.lock().guard.losses.lose(method, count);
    }

    /// Refuses the next calls of this method to paths with this ending, and does nothing of what they ask.
    pub fn refuse_calls(&self, method: &str, ending: &str, count: usize) {
        self.site.lock().guard.close(method, ending, count);
    }

    /// Answers only after a while from now on.
    pub fn delay(&self, delay: Duration) {
        self.site.lock().guard.delay = Some(delay);
    }

    /// How many calls were refused for GitHub's limits, and how many were under way at a time at most.
    pub fn limited(&self) -> (usize, u32) {
        let state = self.site.lock();
        let limits = &state.guard.limits;
        limits.as_ref().map_or((0, 0), |limits| (limits.refused, limits.most_at_once))
    }

    /// How many calls of the hour were used, and how many were told that nothing has changed, which costs none.
    pub fn used(&self) -> (u32, u32) {
        let state = self.site.lock();
        state.guard.limits.as_ref().map_or((0, 0), |limits| (limits.used, limits.unchanged))
    }

    /// Is a server of one's own from now on, without limits.
    pub fn lift_limits(&self) {
        self.site.lock().guard.limits = None;
    }

    /// Lets an installation make so many calls in an hour from now on, which may be a short one.
    pub fn limit_the_hour(&self, calls: u32, hour: Duration) {
        self.site.lock().guard.limits = Some(limits::Limits::of(calls, hour));
    }

    /// Changes what the owner of the App and of the repository has set.
    pub fn set_up(&self, change: impl FnOnce(&mut Setup)) {
        change(&mut self.site.lock().setup);
    }

    /// Refuses every request from now on, with 401, 403, 404 and 503 in turns.
    pub fn go_out(&self) {
        self.site.lock().guard.out = Some(0);
    }

    /// Takes requests again, and answers how many were refused meanwhile.
    pub fn come_back(&self) -> usize {
        self.site.lock().guard.out.take().unwrap_or_default()
    }

    /// Gives the App its second key: the first is worth nothing any more, nor is any token that it was given.
    pub fn rotate_key(&self) {
        self.site.lock().guard.rotate_key();
    }

    /// Ends all tokens of installations at once.
    pub fn expire_tokens(&self) {
        self.site.lock().guard.tokens.clear();
    }
}
