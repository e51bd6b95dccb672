//! Metrics that are a function of sums over rows. A bootstrap of such a metric needs only the sums of blocks of rows, not the
//! rows.

/// Calls its argument with the index of a sum and a value for each contribution of a row.
type Terms<'table> = Box<dyn Fn(usize, &mut dyn FnMut(usize, f64)) + Send + Sync + 'table>;

/// Computes a figure from sums; `None` if it is undefined.
type Finish<'table> = Box<dyn Fn(&[f64]) -> Option<f64> + Send + Sync + 'table>;

/// A metric as a function of sums.
pub struct Sums<'table> {
    width: usize,
    terms: Terms<'table>,
    finish: Finish<'table>,
}

impl<'table> Sums<'table> {
    /// A metric of `width` sums: the contributions of each row to the sums, and the figure that results.
    pub fn new(
        width: usize,
        terms: impl Fn(usize, &mut dyn FnMut(usize, f64)) + Send + Sync + 'table,
        finish: impl Fn(&[f64]) -> Option<f64> + Send + Sync + 'table,
    ) -> Self {
        Self { width, terms: Box::new(terms), finish: Box::new(finish) }
    }

    /// The mean of a value of each row, transformed by `finish`.
    pub fn mean(
        value: impl Fn(usize) -> f64 + Send + Sync + 'table,
        finish: impl Fn(f64) -> f64 + Send + Sync + 'table,
    ) -> Self {
        let terms = move |row: usize, add: &mut dyn FnMut(usize, f64)| {
            add(0, value(row));
            add(1, 1.0);
        };
        Self::new(2, terms, move |sums| (sums[1] > 0.0).then(|| finish(sums[0] / sums[1])))
    }

    /// The number of sums.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Calls `add` with the index of a sum and a value for each contribution of a row.
    pub fn terms(&self, row: usize, add: &mut dyn FnMut(usize, f64)) {
        (self.terms)(row, add);
    }

    /// The metric for these sums; `None` if it is undefined.
    pub fn finish(&self, sums: &[f64]) -> Option<f64> {
        (self.finish)(sums)
    }

    /// The metric over weighted rows.
    pub fn over(&self, rows: impl Iterator<Item = (usize, f64)>) -> Option<f64> {
        let mut sums = vec![0.0; self.width];
        for (row, weight) in rows {
            self.terms(row, &mut |place, value| sums[place] += weight * value);
        }
        self.finish(&sums)
    }
}
