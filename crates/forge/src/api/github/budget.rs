//! Limits the calls to GitHub (docs.github.com, "Rate limits for the REST API"). It covers the hourly limit, which responses
//! report, and the secondary limits, which they do not report. A call outside the limits is not made. The caller receives the
//! time to wait.
//!
//! The limits belong to a login, not to a repository: all sources of one installation share one budget.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;
use ureq::http::{HeaderMap, Method, StatusCode};

use super::window::{Limit, SKEW, Window};
use crate::api::answer;

/// Concurrent calls. GitHub allows a hundred for all users of the login.
const AT_ONCE: usize = 50;
/// Points per minute. A call that only reads costs one point, any other call five.
const POINTS: Limit = Limit { most: 900, span: Duration::from_mins(1) };
/// Comments and pull requests that may be created per minute and per hour.
const MADE: [Limit; 2] =
    [Limit { most: 80, span: Duration::from_mins(1) }, Limit { most: 500, span: Duration::from_hours(1) }];
/// Calls of the hour that are reserved for other users of the login.
const LEFT_TO_OTHERS: u32 = 25;

/// The cost of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cost {
    points: u32,
    made: u32,
}

impl Cost {
    fn of(method: &Method, path: &str) -> Self {
        let reads = matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
        // GitHub notifies people of new comments and pull requests. It does not notify them of a reaction, a check or a merge.
        let makes = *method == Method::POST && (path.ends_with("/comments") || path.ends_with("/pulls"));
        Self { points: if reads { 1 } else { 5 }, made: u32::from(makes) }
    }
}

/// The hourly limit as the responses report it.
#[derive(Debug, Clone, Copy)]
struct Hour {
    left: u32,
    /// When the limit resets.
    ends: Instant,
}

#[derive(Debug)]
struct Spent {
    points: Window,
    made: [Window; 2],
    hour: Option<Hour>,
    /// Until when no call may be made, as GitHub requested.
    paused: Option<Instant>,
    /// Whether the server has limits. GitHub Enterprise Server has none unless an administrator sets them, and its responses then
    /// report none.
    is_limited: bool,
    under_way: u32,
}

/// The budget of one login.
#[derive(Debug)]
pub(super) struct Budget {
    spent: Mutex<Spent>,
    at_once: Semaphore,
}

/// The budgets in use, by the API's address and the login.
type Budgets = HashMap<(String, String), Weak<Budget>>;

/// The permission to make one call. Its cost counts as spent when the permit is dropped.
#[derive(Debug)]
pub(super) struct Permit<'a> {
    budget: &'a Budget,
    cost: Cost,
    _one_of_many: tokio::sync::SemaphorePermit<'a>,
}

impl Budget {
    fn new() -> Self {
        Self { spent: Mutex::new(Spent::new()), at_once: Semaphore::new(AT_ONCE) }
    }

    /// The budget of `login` at the API at `url`. All callers share it while one of them holds it.
    pub(super) fn of(url: &str, login: &str) -> Arc<Self> {
        static ALL: LazyLock<Mutex<Budgets>> = LazyLock::new(Mutex::default);
        let mut all = ALL.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, budget| budget.strong_count() > 0);
        let key = (url.to_owned(), login.to_owned());
        if let Some(budget) = all.get(&key).and_then(Weak::upgrade) {
            return budget;
        }
        let budget = Arc::new(Self::new());
        all.insert(key, Arc::downgrade(&budget));
        budget
    }

    /// Reserves the cost of a call, or returns how long to wait until the cost fits.
    pub(super) async fn take(&self, method: &Method, path: &str) -> Result<Permit<'_>, Duration> {
        let one_of_many = self.at_once.acquire().await.expect("the semaphore is never closed");
        let cost = Cost::of(method, path);
        self.lock().take(cost, Instant::now())?;
        Ok(Permit { budget: self, cost, _one_of_many: one_of_many })
    }

    /// Records the limits that a response reports.
    pub(super) fn note(&self, status: StatusCode, headers: &HeaderMap) {
        let left = answer::calls_left(headers);
        // A proxy in front of GitHub that fails for it does not report limits.
        if left.is_none() && !status.is_success() {
            return;
        }
        let ends = answer::limit_begins_anew_in(headers).map(|pause| Instant::now() + pause);
        let mut spent = self.lock();
        spent.is_limited = left.is_some();
        let reported = left.zip(ends).map(|(left, ends)| Hour { left, ends });
        // Responses can arrive out of order. Within one hour, the smallest reported number is the valid one.
        spent.hour = match (spent.hour, reported) {
            (Some(known), Some(reported)) if reported.ends < known.ends + SKEW => {
                Some(Hour { left: reported.left.min(known.left), ..known })
            }
            (_, reported) => reported,
        };
    }

    /// Makes no calls for `pause`.
    pub(super) fn pause(&self, pause: Duration) {
        let until = Instant::now() + pause;
        let mut spent = self.lock();
        spent.paused = Some(spent.paused.map_or(until, |paused| paused.max(until)));
    }

    fn lock(&self) -> MutexGuard<'_, Spent> {
        self.spent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Spent {
    fn new() -> Self {
        Self {
            points: Window::new(POINTS),
            made: MADE.map(Window::new),
            hour: None,
            paused: None,
            is_limited: true,
            under_way: 0,
        }
    }

    fn take(&mut self, cost: Cost, now: Instant) -> Result<(), Duration> {
        let mut pause = self.paused.map_or(Duration::ZERO, |until| until.saturating_duration_since(now));
        if self.is_limited {
            if let Some(Hour { left, ends }) = self.hour
                && left.saturating_sub(self.under_way) <= LEFT_TO_OTHERS
            {
                pause = pause.max(ends.saturating_duration_since(now));
            }
            for (window, cost) in self.windows(cost) {
                pause = pause.max(window.pause(cost, now));
            }
        }
        if pause.is_zero() {
            self.under_way += 1;
            self.windows(cost).for_each(|(window, cost)| window.begin(cost));
            return Ok(());
        }
        self.windows(cost).for_each(|(window, cost)| window.promise(now + pause, cost));
        Err(pause)
    }

    fn release(&mut self, cost: Cost, now: Instant) {
        self.under_way -= 1;
        self.windows(cost).for_each(|(window, cost)| window.end(cost, now));
    }

    /// The windows that count a call, with its cost in each.
    fn windows(&mut self, cost: Cost) -> impl Iterator<Item = (&mut Window, u32)> {
        let made = self.made.iter_mut().map(move |window| (window, cost.made)).filter(|(_, made)| *made > 0);
        std::iter::once((&mut self.points, cost.points)).chain(made)
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        self.budget.lock().release(self.cost, Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(spent: &mut Spent, method: &Method, path: &str, now: Instant) -> Result<(), Duration> {
        let cost = Cost::of(method, path);
        spent.take(cost, now)?;
        spent.release(cost, now);
        Ok(())
    }

    /// How many calls are made until one is refused, and the pause that the refusal returns.
    fn until_refused(spent: &mut Spent, method: &Method, path: &str, now: Instant) -> (u32, Duration) {
        for made in 0..10_000 {
            if let Err(pause) = ask(spent, method, path, now) {
                return (made, pause);
            }
        }
        panic!("no call is refused");
    }

    #[test]
    fn writing_costs_five_times_reading_and_a_minute_holds_900_points() {
        let now = Instant::now();
        let mut spent = Spent::new();
        let (made, pause) = until_refused(&mut spent, &Method::PATCH, "/repos/a/b/check-runs/1", now);
        assert_eq!((made, pause), (180, Duration::from_secs(61)));
        assert!(ask(&mut spent, &Method::GET, "/user", now).is_err());
        let later = now + Duration::from_secs(61);
        assert_eq!(until_refused(&mut spent, &Method::GET, "/user", later).0, 900);
    }

    #[test]
    fn comments_and_requests_are_eighty_a_minute_and_five_hundred_an_hour_and_checks_are_not_held_up_by_them() {
        let begun = Instant::now();
        let mut spent = Spent::new();
        let (mut made, mut now) = (0, begun);
        loop {
            let (of_the_minute, pause) = until_refused(&mut spent, &Method::POST, "/repos/a/b/issues/1/comments", now);
            assert!(of_the_minute <= 80);
            made += of_the_minute;
            ask(&mut spent, &Method::PATCH, "/repos/a/b/check-runs/1", now).expect("a check");
            if pause > Duration::from_mins(2) {
                break;
            }
            now += pause;
        }
        assert_eq!(made, 500);
        assert!(now < begun + Duration::from_mins(10));
    }

    #[test]
    fn those_who_are_asked_to_retry_do_not_all_get_the_same_moment() {
        let now = Instant::now();
        let mut spent = Spent::new();
        let path = "/repos/a/b/check-runs/1";
        until_refused(&mut spent, &Method::PATCH, path, now);
        let pauses: Vec<Duration> =
            (0..400).map(|_| ask(&mut spent, &Method::PATCH, path, now).expect_err("full")).collect();
        assert!(pauses.is_sorted(), "{pauses:?}");
        let at_once = pauses.iter().filter(|pause| **pause == pauses[0]).count();
        assert!(at_once <= 180, "{at_once} come at the same moment");
        // A call that comes at its promised time is not refused because of calls that are promised later.
        ask(&mut spent, &Method::PATCH, path, now + pauses[0]).expect("its turn");
    }

    #[test]
    fn calls_of_the_hour_end_before_github_says_no_and_begin_anew_with_the_hour() {
        let budget = Budget::new();
        let reported = |left: &str| {
            let reset = (jiff::Timestamp::now().as_second() + 600).to_string();
            let headers = [("x-ratelimit-remaining", left), ("x-ratelimit-reset", &reset)];
            let headers = headers.map(|(name, value)| (name.parse().expect("a name"), value.parse().expect("a value")));
            budget.note(StatusCode::OK, &headers.into_iter().collect());
        };
        reported("26");
        ask(&mut budget.lock(), &Method::GET, "/user", Instant::now()).expect("one is left");
        reported("25");
        // A response that arrives late reports a larger number.
        reported("40");
        let pause = ask(&mut budget.lock(), &Method::GET, "/user", Instant::now()).expect_err("none is left");
        assert!((590..=600).contains(&pause.as_secs()), "{pause:?}");
        ask(&mut budget.lock(), &Method::GET, "/user", Instant::now() + pause).expect("a new hour");
    }

    #[test]
    fn a_server_that_states_no_limits_has_none() {
        let budget = Budget::new();
        budget.note(StatusCode::BAD_GATEWAY, &HeaderMap::new());
        assert!(budget.lock().is_limited, "what failed says nothing");
        budget.note(StatusCode::OK, &HeaderMap::new());
        for _ in 0..2_000 {
            ask(&mut budget.lock(), &Method::POST, "/repos/a/b/issues/1/comments", Instant::now()).expect("no limit");
        }
    }

    #[test]
    fn who_shares_a_login_shares_its_budget_and_its_pauses() {
        let (one, other) = (Budget::of("https://a", "App 1 at team"), Budget::of("https://a", "App 1 at team"));
        one.pause(Duration::from_mins(1));
        assert!(ask(&mut other.lock(), &Method::GET, "/user", Instant::now()).is_err());
        for other_login in [Budget::of("https://b", "App 1 at team"), Budget::of("https://a", "App 1 at others")] {
            ask(&mut other_login.lock(), &Method::GET, "/user", Instant::now()).expect("a budget of its own");
        }
    }
}
