//! GitHub's limits (docs.github.com, "Rate limits for the REST API"): calls of an hour, and the secondary ones of points,
//! of things made, and of calls at a time. Counted when a call arrives, one budget for the whole double.

use std::collections::VecDeque;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

const MINUTE: Duration = Duration::from_mins(1);
pub(super) const HOUR: Duration = Duration::from_hours(1);
/// Points of a minute: one for a call that reads, five for any other.
const POINTS: u32 = 900;
/// Comments and pull requests of a minute and of an hour.
const MADE: (u32, u32) = (80, 500);
/// Calls at a time.
const AT_ONCE: u32 = 100;

/// What was asked lately.
#[derive(Debug)]
pub(super) struct Limits {
    of_the_hour: u32,
    hour: Duration,
    hour_began: (Instant, SystemTime),
    /// Calls of this hour.
    pub(super) used: u32,
    /// Calls whose answer had not changed.
    pub(super) unchanged: u32,
    points: VecDeque<(Instant, u32)>,
    made: VecDeque<Instant>,
    under_way: u32,
    /// The most calls that were under way at a time.
    pub(super) most_at_once: u32,
    /// Calls that were refused for a limit.
    pub(super) refused: usize,
}

impl Limits {
    /// GitHub's limits, with so many calls in an hour, which may be a short one.
    pub(super) fn of(of_the_hour: u32, hour: Duration) -> Self {
        Self {
            of_the_hour,
            hour,
            hour_began: (Instant::now(), SystemTime::now()),
            used: 0,
            unchanged: 0,
            points: VecDeque::new(),
            made: VecDeque::new(),
            under_way: 0,
            most_at_once: 0,
            refused: 0,
        }
    }

    /// Counts a call that begins; answers the refusal if that is too much.
    pub(super) fn begin(&mut self, method: &Method, path: &str) -> Option<Response> {
        let now = Instant::now();
        if now.duration_since(self.hour_began.0) >= self.hour {
            self.hour_began = (now, SystemTime::now());
            self.used = 0;
        }
        let reads = *method == Method::GET;
        let makes = *method == Method::POST && (path.ends_with("/comments") || path.ends_with("/pulls"));
        self.points.retain(|(at, _)| now.duration_since(*at) < MINUTE);
        self.made.retain(|at| now.duration_since(*at) < HOUR);
        let points = self.points.iter().map(|(_, points)| points).sum::<u32>() + if reads { 1 } else { 5 };
        let of_the_minute = self.made.iter().filter(|at| now.duration_since(**at) < MINUTE).count();
        let too_many = makes && (of_the_minute >= MADE.0 as usize || self.made.len() >= MADE.1 as usize);
        let refusal = if self.used >= self.of_the_hour {
            Some((self.headers(), "API rate limit exceeded for installation ID 1."))
        } else if points > POINTS || too_many || self.under_way >= AT_ONCE {
            let mut headers = self.headers();
            headers.insert("retry-after", HeaderValue::from_static("60"));
            Some((headers, "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."))
        } else {
            None
        };
        if let Some((headers, message)) = refusal {
            self.refused += 1;
            return Some((StatusCode::FORBIDDEN, headers, axum::Json(json!({ "message": message }))).into_response());
        }
        self.used += 1;
        self.points.push_back((now, if reads { 1 } else { 5 }));
        if makes {
            self.made.push_back(now);
        }
        self.under_way += 1;
        self.most_at_once = self.most_at_once.max(self.under_way);
        None
    }

    /// A call that began was told that nothing has changed: it costs nothing of the hour.
    pub(super) fn unchanged(&mut self) {
        self.used = self.used.saturating_sub(1);
        self.unchanged += 1;
    }

    /// A call that began, maybe before these limits did, has ended.
    pub(super) fn end(&mut self) {
        self.under_way = self.under_way.saturating_sub(1);
    }

    /// What is left of the hour, as it is told to whoever asks.
    pub(super) fn core(&self) -> Value {
        let reset = (self.hour_began.1 + self.hour).duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let left = self.of_the_hour.saturating_sub(self.used);
        json!({ "limit": self.of_the_hour, "remaining": left, "used": self.used, "reset": reset })
    }

    /// What every answer says of the hour.
    pub(super) fn headers(&self) -> HeaderMap {
        let reset = (self.hour_began.1 + self.hour).duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let numbers = [
            ("x-ratelimit-limit", u64::from(self.of_the_hour)),
            ("x-ratelimit-remaining", u64::from(self.of_the_hour.saturating_sub(self.used))),
            ("x-ratelimit-used", u64::from(self.used)),
            ("x-ratelimit-reset", reset),
        ];
        numbers.into_iter().map(|(name, number)| (name.parse().expect("a name"), HeaderValue::from(number))).collect()
    }
}
