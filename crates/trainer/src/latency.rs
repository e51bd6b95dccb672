//! Measures the time of the prediction of a single row, from the row to its answer.

use std::time::{Duration, Instant};

use slipway_contract::Fault;
use tch::{Kind, Tensor};

use crate::artifact::Loaded;
use crate::data::Rows;
use crate::evaluation::answers_of;

/// Predictions that are not counted. In them libtorch selects its kernels and fills its caches.
const WARM_UP: usize = 50;
/// The fewest timed predictions. Fewer do not bound a 99th percentile from above at a confidence of 0.99.
const MIN: usize = 850;
/// The most timed predictions.
const MAX: usize = 1_000;
/// After this time the fewest predictions suffice.
const LONG_ENOUGH: Duration = Duration::from_secs(10);

/// The times of single predictions in milliseconds. The test rows are used in turn.
pub(crate) fn measure(loaded: &Loaded, rows: &Rows, device: tch::Device) -> Result<Vec<f64>, Fault> {
    let _guard = tch::no_grad_guard();
    let count = i64::try_from(rows.len()).unwrap_or(i64::MAX);
    let mut next = 0;
    let mut once = || -> Result<f64, Fault> {
        let index = Tensor::arange_start(next, next + 1, (Kind::Int64, tch::Device::Cpu));
        next = (next + 1) % count.max(1);
        let row = rows.batch(&index);
        let begun = Instant::now();
        let _answers = answers_of(loaded, &row, device)?;
        Ok(begun.elapsed().as_secs_f64() * 1_000.0)
    };
    for _ in 0..WARM_UP {
        once()?;
    }
    let begun = Instant::now();
    let mut times = Vec::with_capacity(MAX);
    while times.len() < MIN || (times.len() < MAX && begun.elapsed() < LONG_ENOUGH) {
        times.push(once()?);
    }
    Ok(times)
}
