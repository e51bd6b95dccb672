//! Reads a delivery's body within limits of size, of memory (in total and for each source) and of time.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, header};
use http_body_util::BodyExt as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout, timeout_at};

use super::refusal::Refusal;
use slipway_domain::spoken;

/// How long a client may take to send a body. Forges wait 5 to 10 s for the response to the whole request.
const SLOWEST_BODY: Duration = Duration::from_secs(20);
/// How long a client may pause between two pieces of a body.
const MAX_SILENCE: Duration = Duration::from_secs(5);
/// Size of the part of a body that is read without taking from the budget, in bytes. Most deliveries are smaller, so larger ones
/// in flight do not block them. The number of connections bounds the memory of these parts.
const FREE: usize = 32 * 1024;
/// Bytes that are taken from the budget at a time.
const STEP: usize = 256 * 1024;
/// Maximum size of the buffer that is allocated before data arrives, in bytes. A declared length may be false.
const FIRST_ROOM: usize = 64 * 1024;

/// Limits on the memory for deliveries' bodies, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BodyLimits {
    /// One body.
    pub largest: usize,
    /// All bodies of one source.
    pub each_source: usize,
    /// All bodies.
    pub all: usize,
}

/// The unused part of a number of bytes.
#[derive(Debug, Clone)]
pub(super) struct Budget(Arc<Semaphore>);

impl Budget {
    pub(super) fn of(bytes: usize) -> Self {
        Self(Arc::new(Semaphore::new(bytes.min(Semaphore::MAX_PERMITS))))
    }

    fn take(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        self.0.clone().try_acquire_many_owned(u32::try_from(bytes).ok()?).ok()
    }
}

/// A body, and the bytes that it takes from the budgets.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) bytes: Vec<u8>,
    pub(super) permits: Permits,
}

/// The bytes that a body takes from the budgets. Dropping them returns them.
#[derive(Debug, Default)]
pub(super) struct Permits(Vec<OwnedSemaphorePermit>);

/// Reads a body. A body whose declared length is over the limit is not read at all. Any other body is read up to the limit, and
/// only as far as the budgets allow.
pub(super) async fn read(
    headers: &HeaderMap,
    mut body: Body,
    largest: usize,
    budgets: [&Budget; 2],
) -> Result<Held, Refusal> {
    let declared = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if declared.is_some_and(|length| length > largest) {
        return Err(too_large(largest));
    }
    let mut bytes = Vec::with_capacity(declared.unwrap_or(0).min(FIRST_ROOM));
    let mut permits = Permits::default();
    let mut granted = FREE.min(largest);
    let end = Instant::now() + SLOWEST_BODY;
    loop {
        let next = timeout_at(end, timeout(MAX_SILENCE, body.frame())).await;
        let Ok(Ok(frame)) = next else {
            return Err(too_slow());
        };
        let Some(frame) = frame else {
            return Ok(Held { bytes, permits });
        };
        let frame = frame.map_err(|_| cut_off())?;
        let Ok(piece) = frame.into_data() else {
            continue;
        };
        let length = bytes.len() + piece.len();
        if length > largest {
            return Err(too_large(largest));
        }
        while granted < length {
            let step = STEP.min(largest - granted);
            for budget in budgets {
                permits.0.push(budget.take(step).ok_or_else(busy)?);
            }
            granted += step;
        }
        bytes.extend_from_slice(&piece);
    }
}

fn too_large(largest: usize) -> Refusal {
    Refusal::new("too_large", StatusCode::PAYLOAD_TOO_LARGE, format!("the body is larger than {largest} bytes"))
}

fn too_slow() -> Refusal {
    let detail =
        format!("the body took longer than {}, or {} between two pieces", spoken(SLOWEST_BODY), spoken(MAX_SILENCE));
    Refusal::new("too_slow", StatusCode::REQUEST_TIMEOUT, detail)
}

fn cut_off() -> Refusal {
    Refusal::new("cut_off", StatusCode::BAD_REQUEST, "the body was cut off, or is not what its head says")
}

fn busy() -> Refusal {
    let detail = "too many large deliveries at once; send it again";
    Refusal::new("busy", StatusCode::TOO_MANY_REQUESTS, detail).retry_after(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read_one(length: usize, largest: usize, budgets: [&Budget; 2]) -> Result<Held, &'static str> {
        read(&HeaderMap::new(), Body::from(vec![b'x'; length]), largest, budgets).await.map_err(|refusal| refusal.word)
    }

    #[tokio::test]
    async fn the_largest_body_that_is_allowed_fits_a_budget_of_its_size() {
        for largest in [1, FREE, FREE + 1, STEP + FREE + 1, 3_000_001] {
            let (all, source) = (Budget::of(largest), Budget::of(largest));
            assert_eq!(read_one(largest, largest, [&all, &source]).await.err(), None, "{largest}");
            assert_eq!(read_one(largest + 1, largest, [&all, &source]).await.err(), Some("too_large"), "{largest}");
        }
    }

    #[tokio::test]
    async fn large_bodies_wait_for_each_other_and_small_ones_do_not() {
        let (all, source, other) = (Budget::of(3 * STEP), Budget::of(2 * STEP), Budget::of(2 * STEP));
        let held = read_one(2 * STEP, 2 * STEP, [&all, &source]).await.expect("room");
        assert_eq!(read_one(2 * STEP, 2 * STEP, [&all, &source]).await.err(), Some("busy"), "the source's is used up");
        assert_eq!(read_one(2 * STEP, 2 * STEP, [&all, &other]).await.err(), Some("busy"), "so is what all have");
        assert_eq!(read_one(FREE, 2 * STEP, [&all, &source]).await.err(), None);
        drop(held);
        assert_eq!(read_one(2 * STEP, 2 * STEP, [&all, &source]).await.err(), None, "all was given back");
    }

    #[test]
    fn who_has_to_wait_learns_how_long() {
        let answer = axum::response::IntoResponse::into_response(busy());
        assert_eq!(answer.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(answer.headers()[header::RETRY_AFTER], "2");
    }

    #[tokio::test]
    async fn a_declared_length_over_the_limit_is_refused_before_anything_is_read() {
        let headers = [(header::CONTENT_LENGTH, "1073741824".parse().expect("a value"))].into_iter().collect();
        let budget = Budget::of(0);
        let refused = read(&headers, Body::empty(), 1024, [&budget, &budget]).await.map_err(|refusal| refusal.word);
        assert_eq!(refused.err(), Some("too_large"));
    }
}
