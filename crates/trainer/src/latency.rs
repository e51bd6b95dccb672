//! How long the prediction of a single row takes: the whole way from the row to its scores, one row at a time.

use std::time::{Duration, Instant};

use tch::{Kind, Tensor};

use crate::artifact::Loaded;
use crate::data::Rows;
use crate::evaluation::scores_of;

/// Predictions before the first that counts: libtorch chooses its kernels and fills its caches in them.
const WARM_UP: usize = 50;
/// Predictions that are timed: fewer do not bound a 99th percentile from above at a confidence of 0.99.
const MIN: usize = 850;
/// Predictions that are timed if they are quick.
const MAX: usize = 1_000;
/// After this, the fewest are enough.
const LONG_ENOUGH: Duration = Duration::from_secs(10);

/// Times of single predictions in milliseconds, over the test rows in turn.
pub(crate) fn measure(loaded: &Loaded, rows: &Rows, device: tch::Device) -> Vec<f64> {
    let _guard = tch::no_grad_guard();
    let count = i64::try_from(rows.len()).unwrap_or(i64::MAX);
    let classes = i64::try_from(loaded.architecture.classes.len()).unwrap_or(i64::MAX);
    let mut next = 0;
    let mut once = || {
        let index = Tensor::arange_start(next, next + 1, (Kind::Int64, tch::Device::Cpu));
        next = (next + 1) % count.max(1);
        let row = rows.batch(&index);
        let begun = Instant::now();
        let _scores = scores_of(loaded, &row, classes, device);
        begun.elapsed().as_secs_f64() * 1_000.0
    };
    for _ in 0..WARM_UP {
        once();
    }
    let begun = Instant::now();
    let mut times = Vec::with_capacity(MAX);
    while times.len() < MIN || (times.len() < MAX && begun.elapsed() < LONG_ENOUGH) {
        times.push(once());
    }
    times
}
