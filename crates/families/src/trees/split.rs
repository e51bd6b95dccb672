//! Finds the split of a node that lowers the loss most (Chen and Guestrin, 2016, equation 7).

use super::Test;
use super::bins::Binned;
use super::histogram::{Histogram, Sums};

/// What a split must leave on both sides, and how leaf values are held small.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) l2: f64,
    pub(super) min_rows: u32,
    pub(super) min_weight: f64,
}

/// A split of a node's rows by the bins of one column.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Split {
    /// The index among the columns of the histogram.
    pub(super) column: usize,
    pub(super) bin: usize,
    pub(super) test: Test,
    pub(super) missing_left: bool,
    /// Twice the decrease of the loss.
    pub(super) gain: f64,
}

impl Split {
    /// Whether a bin goes to the left. `missing` is the bin of missing values.
    pub(super) fn goes_left(&self, bin: usize, missing: usize) -> bool {
        match self.test {
            _ if bin == missing => self.missing_left,
            Test::AtMost => bin <= self.bin,
            Test::Equal => bin == self.bin,
        }
    }
}

impl Limits {
    fn score(&self, sums: Sums) -> f64 {
        let weight = sums.second + self.l2;
        if weight > 0.0 { sums.first * sums.first / weight } else { 0.0 }
    }

    /// The value of a leaf, before the learning rate (equation 5).
    pub(super) fn value(&self, sums: Sums) -> f64 {
        let weight = sums.second + self.l2;
        if weight > 0.0 { -sums.first / weight } else { 0.0 }
    }

    /// The best split of a node's rows, if one lowers the loss. Of equal ones it is the first, by column and bin.
    pub(super) fn best(&self, histogram: &Histogram, columns: &[&Binned], total: Sums) -> Option<Split> {
        let mut search = Search { limits: self, total, whole: self.score(total), best: None };
        for (place, (sums, column)) in histogram.columns(columns).zip(columns).enumerate() {
            search.column(place, sums, column);
        }
        search.best
    }
}

struct Search<'a> {
    limits: &'a Limits,
    total: Sums,
    whole: f64,
    best: Option<Split>,
}

/// A gain below this share of the node's own score is rounding.
const LEAST_GAIN: f64 = 1e-12;

impl Search<'_> {
    fn column(&mut self, place: usize, sums: &[Sums], column: &Binned) {
        let missing = sums[column.missing()];
        let known = &sums[..column.missing()];
        let mut left = Sums::default();
        for (bin, sums) in
            known.iter().enumerate().take(known.len().saturating_sub(1)).filter(|(_, sums)| sums.rows > 0)
        {
            left = left.plus(*sums);
            self.consider(place, bin, Test::AtMost, left, missing);
        }
        if column.is_category {
            for (bin, sums) in known.iter().enumerate().filter(|(_, sums)| sums.rows > 0) {
                self.consider(place, bin, Test::Equal, *sums, missing);
            }
        }
        if missing.rows > 0 && !known.is_empty() {
            // All known values against the missing ones.
            self.side(place, (known.len() - 1, Test::AtMost), self.total.minus(missing), false);
        }
    }

    /// Considers a split with the missing values on either side. Without any, they go where more rows go.
    fn consider(&mut self, place: usize, bin: usize, test: Test, left: Sums, missing: Sums) {
        if missing.rows == 0 {
            let missing_left = left.rows > self.total.rows - left.rows;
            self.side(place, (bin, test), left, missing_left);
        } else {
            self.side(place, (bin, test), left, false);
            self.side(place, (bin, test), left.plus(missing), true);
        }
    }

    fn side(&mut self, column: usize, (bin, test): (usize, Test), left: Sums, missing_left: bool) {
        let Limits { min_rows, min_weight, .. } = *self.limits;
        let right = self.total.minus(left);
        let is_allowed = |side: Sums| side.rows >= min_rows.max(1) && side.second >= min_weight;
        if !is_allowed(left) || !is_allowed(right) {
            return;
        }
        let gain = self.limits.score(left) + self.limits.score(right) - self.whole;
        if gain > self.best.map_or(self.whole * LEAST_GAIN, |best| best.gain) {
            self.best = Some(Split { column, bin, test, missing_left, gain });
        }
    }
}
