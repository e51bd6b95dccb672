//! Cuts the values of a column into bins, so that a split is searched among a few hundred thresholds.

/// One column of a table.
#[derive(Debug, Clone)]
pub struct Column {
    /// What its values are.
    pub kind: Kind,
    /// The value of each row: a finite number, or the code of a category. NaN is a missing value.
    pub values: Vec<f64>,
}

/// What the values of a column are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Numbers, whose order matters.
    Number,
    /// So many categories, by codes from zero on. Their order should be that of the mean target, because splits by order are searched
    /// beside splits of one category against the others (Fisher, 1958). Any other number is taken for a missing value.
    Category(usize),
}

/// A column in bins. The last bin holds the missing values.
pub(super) struct Binned {
    cells: Cells,
    /// For numbers, the largest value of every bin but the last two, rising. A value is in the first bin whose limit it does not
    /// exceed.
    limits: Vec<f64>,
    /// The number of bins, with that of missing values.
    pub(super) bins: usize,
    pub(super) is_category: bool,
}

/// The bin of each row.
pub(super) enum Cells {
    Narrow(Vec<u8>),
    Wide(Vec<u16>),
}

/// The most bins of numbers, without that of missing values, so that a bin is one byte.
pub(super) const MAX_BINS: usize = 255;
/// The most categories of a column, so that a bin is two bytes.
const MAX_CATEGORIES: usize = 60_000;

impl Binned {
    /// Fits the bins to the training rows, and puts all rows into them.
    pub(super) fn fit(column: &Column, training: &[u32], max_bins: usize) -> Self {
        match column.kind {
            Kind::Number => Self::numbers(column, training, max_bins.clamp(2, MAX_BINS)),
            Kind::Category(count) => Self::categories(column, count),
        }
    }

    fn numbers(column: &Column, training: &[u32], max_bins: usize) -> Self {
        let mut seen: Vec<f64> =
            training.iter().map(|row| column.values[*row as usize]).filter(|value| !value.is_nan()).collect();
        seen.sort_unstable_by(f64::total_cmp);
        let limits = limits_of(&seen, max_bins);
        let bins = limits.len() + 2;
        let bin = |value: &f64| {
            let bin = if value.is_nan() { bins - 1 } else { limits.partition_point(|limit| limit < value) };
            u8::try_from(bin).unwrap_or(u8::MAX)
        };
        let cells = Cells::Narrow(column.values.iter().map(bin).collect());
        Self { cells, limits, bins, is_category: false }
    }

    fn categories(column: &Column, count: usize) -> Self {
        let count = count.min(MAX_CATEGORIES);
        let bin = |value: &f64| {
            #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
            let known = *value >= 0.0 && *value < count as f64;
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within the range of codes")]
            let code = *value as usize;
            if known { code } else { count }
        };
        let wide = |value: &f64| u16::try_from(bin(value)).unwrap_or(u16::MAX);
        let cells = Cells::Wide(column.values.iter().map(wide).collect());
        Self { cells, limits: Vec::new(), bins: count + 1, is_category: true }
    }

    pub(super) fn cells(&self) -> &Cells {
        &self.cells
    }

    /// The bin of a row.
    pub(super) fn bin(&self, row: u32) -> usize {
        match &self.cells {
            Cells::Narrow(cells) => usize::from(cells[row as usize]),
            Cells::Wide(cells) => usize::from(cells[row as usize]),
        }
    }

    /// The bin of missing values.
    pub(super) fn missing(&self) -> usize {
        self.bins - 1
    }

    /// A threshold that the values of a bin and of those before it do not exceed, and all others do.
    pub(super) fn limit(&self, bin: usize) -> f64 {
        match self.limits.get(bin) {
            Some(limit) => *limit,
            #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
            None if self.is_category && bin + 2 < self.bins => bin as f64,
            None => f64::MAX,
        }
    }
}

/// The limits between bins of sorted values: between all distinct values if there are few, otherwise so that bins hold about equally
/// many rows. A limit lies halfway between the values beside it.
fn limits_of(sorted: &[f64], max_bins: usize) -> Vec<f64> {
    let mut distinct: Vec<(f64, usize)> = Vec::new();
    for value in sorted {
        // Sorted values that are not below each other are equal; so are both zeros.
        match distinct.last_mut().filter(|(last, _)| *last >= *value) {
            Some((_, rows)) => *rows += 1,
            None => distinct.push((*value, 1)),
        }
    }
    let between = |low: f64, high: f64| {
        let middle = low / 2.0 + high / 2.0;
        if low <= middle && middle < high { middle } else { low }
    };
    let pairs = distinct.windows(2);
    if distinct.len() <= max_bins {
        return pairs.map(|pair| between(pair[0].0, pair[1].0)).collect();
    }
    // The rows that are left are shared by the bins that are left, so that a frequent value does not starve those behind it.
    let (mut left, mut filled, mut limits) = (sorted.len(), 0, Vec::with_capacity(max_bins));
    for pair in pairs {
        filled += pair[0].1;
        let bins_left = max_bins - limits.len();
        if bins_left > 1 && filled * bins_left >= left {
            limits.push(between(pair[0].0, pair[1].0));
            left -= filled;
            filled = 0;
        }
    }
    limits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_values_have_a_bin_each_and_many_are_shared_evenly() {
        assert_eq!(limits_of(&[1.0, 1.0, 2.0, 4.0], 255), [1.5, 3.0]);
        let many: Vec<f64> = (0..1_000).map(f64::from).collect();
        let limits = limits_of(&many, 10);
        assert_eq!(limits, [99.5, 199.5, 299.5, 399.5, 499.5, 599.5, 699.5, 799.5, 899.5]);
        // Half of the rows are one value: it has a bin, and the others share the rest.
        let mut uneven = vec![0.0; 1_000];
        uneven.extend((1..=1_000).map(f64::from));
        let limits = limits_of(&uneven, 5);
        assert_eq!(limits, [0.5, 250.5, 500.5, 750.5]);
    }

    #[test]
    fn neighbours_without_a_number_between_them_are_kept_apart() {
        let next = f64::from_bits(1.0_f64.to_bits() + 1);
        let limit = limits_of(&[1.0, next], 255)[0];
        assert!(1.0 <= limit && limit < next);
        assert_eq!(limits_of(&[f64::MIN, f64::MAX], 255), [0.0]);
    }

    #[test]
    fn missing_values_and_unseen_categories_have_a_bin_of_their_own() {
        let values = vec![5.0, f64::NAN, 7.0];
        let binned = Binned::fit(&Column { kind: Kind::Number, values }, &[0, 1, 2], 255);
        assert_eq!([0, 1, 2].map(|row| binned.bin(row)), [0, 2, 1]);
        let values = vec![1.0, f64::NAN, -1.0, 0.0, 3.0];
        let binned = Binned::fit(&Column { kind: Kind::Category(2), values }, &[0], 255);
        assert_eq!([0, 1, 2, 3, 4].map(|row| binned.bin(row)), [1, 2, 2, 0, 2]);
    }
}
