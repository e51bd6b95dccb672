//! Counts and times of one version of a model.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Counts and times since the version was loaded. Times are sums in nanoseconds.
#[derive(Debug, Default)]
pub struct Stats {
    /// Answered requests.
    pub answered: AtomicU64,
    /// Requests that were wrong, or for which the model failed.
    pub failed: AtomicU64,
    /// Requests that the queue had no room for.
    pub shed: AtomicU64,
    /// Requests whose deadline passed before they were answered.
    pub late: AtomicU64,
    /// Time of answered requests from their arrival to their answer.
    pub request_time: AtomicU64,
    /// Time in the queue.
    pub queue_time: AtomicU64,
    /// Time of reading, computing and writing.
    pub compute_time: AtomicU64,
    /// Time of failed requests from their arrival.
    pub failed_time: AtomicU64,
    /// Recent time of one request in a thread of the model, in nanoseconds.
    recent: AtomicU64,
    /// Requests below each bound of [`BUCKETS`], of those that were answered.
    buckets: [AtomicU64; BUCKETS.len()],
}

/// Upper bounds of the times of requests, in seconds: those of `KServe`'s histograms.
pub const BUCKETS: [f64; 14] = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];

/// The share of a new time in the recent one: one eighth.
const WEIGHT: u64 = 8;

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

impl Stats {
    /// Records a request that a thread of the model handled.
    pub fn handled(&self, is_answered: bool, queued: Duration, computed: Duration) {
        let whole = queued + computed;
        let (count, time) =
            if is_answered { (&self.answered, &self.request_time) } else { (&self.failed, &self.failed_time) };
        count.fetch_add(1, Ordering::Relaxed);
        time.fetch_add(nanoseconds(whole), Ordering::Relaxed);
        self.queue_time.fetch_add(nanoseconds(queued), Ordering::Relaxed);
        self.compute_time.fetch_add(nanoseconds(computed), Ordering::Relaxed);
        let new = nanoseconds(computed);
        // Two threads that store at once lose one of two similar times.
        let before = self.recent.load(Ordering::Relaxed);
        let mean = if before == 0 { new } else { before - before / WEIGHT + new / WEIGHT };
        self.recent.store(mean, Ordering::Relaxed);
        if is_answered {
            let seconds = whole.as_secs_f64();
            for (bound, count) in BUCKETS.iter().zip(&self.buckets) {
                if seconds <= *bound {
                    count.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
    }

    /// How long requests before a new one take, if `threads` handle them.
    pub fn wait(&self, before: usize, threads: usize) -> Duration {
        let rounds = u64::try_from(before / threads.max(1)).unwrap_or(u64::MAX);
        Duration::from_nanos(self.recent.load(Ordering::Relaxed).saturating_mul(rounds))
    }

    /// The numbers of answered requests within each bound.
    pub fn buckets(&self) -> impl Iterator<Item = (f64, u64)> {
        BUCKETS.iter().zip(&self.buckets).map(|(bound, count)| (*bound, count.load(Ordering::Relaxed)))
    }
}
