//! Sums of gradients by bin. Each column is summed by one thread in the order of the rows, so that the sums do not depend on the
//! number of threads.

use super::bins::{Binned, Cells};

/// The gradient and the second derivative of the loss of one row.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Derivatives {
    pub(super) first: f64,
    pub(super) second: f64,
}

/// The sums over some rows.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sums {
    pub(super) first: f64,
    pub(super) second: f64,
    pub(super) rows: u32,
}

impl Sums {
    pub(super) fn add(&mut self, row: Derivatives) {
        self.first += row.first;
        self.second += row.second;
        self.rows += 1;
    }

    pub(super) fn plus(self, other: Self) -> Self {
        Self { first: self.first + other.first, second: self.second + other.second, rows: self.rows + other.rows }
    }

    pub(super) fn minus(self, other: Self) -> Self {
        Self { first: self.first - other.first, second: self.second - other.second, rows: self.rows - other.rows }
    }
}

/// The sums of every bin of some columns, one column after the other.
pub(super) struct Histogram(Vec<Sums>);

/// Fewer additions than this are not worth another thread.
const WORTH_A_THREAD: usize = 1 << 16;

impl Histogram {
    /// Sums the derivatives of some rows.
    pub(super) fn of(columns: &[&Binned], rows: &[u32], derivatives: &[Derivatives], threads: usize) -> Self {
        let mut sums = vec![Sums::default(); columns.iter().map(|column| column.bins).sum()];
        let of_rows: Vec<Derivatives> = rows.iter().map(|row| derivatives[*row as usize]).collect();
        let useful = (rows.len() * columns.len() / WORTH_A_THREAD).max(1);
        let threads = threads.min(useful).min(columns.len()).max(1);
        if threads == 1 {
            fill(&mut sums, columns, rows, &of_rows);
            return Self(sums);
        }
        std::thread::scope(|scope| {
            let mut rest = sums.as_mut_slice();
            for part in columns.chunks(columns.len().div_ceil(threads)) {
                let (these, others) = rest.split_at_mut(part.iter().map(|column| column.bins).sum());
                rest = others;
                let of_rows = &of_rows;
                scope.spawn(move || fill(these, part, rows, of_rows));
            }
        });
        Self(sums)
    }

    /// The histogram of the rows of `self` that are not in `part`.
    pub(super) fn without(mut self, part: &Self) -> Self {
        for (all, part) in self.0.iter_mut().zip(&part.0) {
            *all = all.minus(*part);
        }
        self
    }

    /// The sums of each column.
    pub(super) fn columns<'a>(&'a self, columns: &'a [&Binned]) -> impl Iterator<Item = &'a [Sums]> {
        let mut rest = self.0.as_slice();
        columns.iter().map(move |column| {
            let (these, others) = rest.split_at(column.bins);
            rest = others;
            these
        })
    }
}

fn fill(mut sums: &mut [Sums], columns: &[&Binned], rows: &[u32], derivatives: &[Derivatives]) {
    for column in columns {
        let (of_column, rest) = sums.split_at_mut(column.bins);
        sums = rest;
        match column.cells() {
            Cells::Narrow(cells) => {
                for (row, derivatives) in rows.iter().zip(derivatives) {
                    of_column[usize::from(cells[*row as usize])].add(*derivatives);
                }
            }
            Cells::Wide(cells) => {
                for (row, derivatives) in rows.iter().zip(derivatives) {
                    of_column[usize::from(cells[*row as usize])].add(*derivatives);
                }
            }
        }
    }
}
