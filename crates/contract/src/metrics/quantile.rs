//! Quantiles of a value of each row.

/// Shares of a weight that differ by less than this are equal. The difference comes from rounding.
const ROUNDING: f64 = 1e-9;

/// A quantile of a value of each row.
pub struct Quantile<'table> {
    share: f64,
    value: Box<dyn Fn(usize) -> f64 + Send + Sync + 'table>,
}

impl<'table> Quantile<'table> {
    /// The quantile at a share between zero and one.
    pub fn new(share: f64, value: impl Fn(usize) -> f64 + Send + Sync + 'table) -> Self {
        Self { share, value: Box::new(value) }
    }

    /// Its share.
    pub fn share(&self) -> f64 {
        self.share
    }

    /// The value of a row.
    pub fn value(&self, row: usize) -> f64 {
        (self.value)(row)
    }

    /// The quantile over weighted rows; `None` without any.
    pub fn over(&self, rows: impl Iterator<Item = (usize, f64)>) -> Option<f64> {
        let mut values: Vec<(f64, f64)> =
            rows.filter(|(_, weight)| *weight > 0.0).map(|(row, weight)| (self.value(row), weight)).collect();
        values.sort_by(|one, other| one.0.total_cmp(&other.0));
        quantile_of_sorted(self.share, values.iter().copied())
    }
}

/// The quantile of values in rising order, each with its weight. It is the smallest value that at least `share` of the weight
/// does not exceed. If exactly `share` does not exceed it, it is the mean of this value and the next (`numpy.quantile` with
/// `method="averaged_inverted_cdf"`; at one half the usual median). Values without weight do not count. `None` if all weights are
/// zero.
pub fn quantile_of_sorted(share: f64, values: impl Iterator<Item = (f64, f64)> + Clone) -> Option<f64> {
    let weight: f64 = values.clone().map(|(_, weight)| weight).sum();
    let (wanted, rounding) = (share * weight, ROUNDING * weight);
    let mut below = 0.0;
    let mut lower = None;
    for (value, weight) in values.filter(|(_, weight)| *weight > 0.0) {
        if let Some(lower) = lower {
            return Some(f64::midpoint(lower, value));
        }
        below += weight;
        if below > wanted + rounding {
            return Some(value);
        }
        if below >= wanted - rounding {
            lower = Some(value);
        }
    }
    lower
}
