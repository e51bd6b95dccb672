//! Metrics of forecasts that are independent of the unit: errors divided by the size of the series, or by the errors of a naive
//! forecast.

use super::unit::{attribute, mean_of_units, numbers, shown};
use super::{Estimates, Rows, Sums, Unmeasurable};

/// The default column of scales.
pub(super) const DEFAULT_SCALE: &str = "scale";

/// The series that rows belong to, and the divisor of their errors.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Scaled {
    /// The column that identifies the series of a row.
    pub series: String,
    /// The column of each row's scale: the mean absolute error of the seasonal naive forecast on the training part of its series,
    /// mean |yₜ − yₜ₋ₘ| (sktime's `y_train` and `sp`, `GluonTS`'s `seasonal_error`). Above zero.
    pub scale: String,
}

/// The mean over the series of the mean of |label − prediction| / scale (Hyndman and Koehler, "Another look at measures of
/// forecast accuracy", International Journal of Forecasting 22, 2006; `MeanAbsoluteScaledError` of sktime for one series). Every
/// series has the same weight, however many rows it has.
pub(super) fn scaled_error<'table>(
    scaled: &Scaled,
    table: &Estimates,
    rows: Rows<'table>,
    of: &[u32],
) -> Result<Sums<'table>, Unmeasurable> {
    let series = attribute(rows, &scaled.series)?;
    let naive_errors = numbers(rows, &scaled.scale)?;
    mean_of_units(series, of, |name, rows| {
        let (mut sum, mut count) = (0.0, 0.0);
        for row in rows.iter().map(|row| *row as usize) {
            let scale = naive_errors[row];
            if scale <= 0.0 {
                let column = scaled.scale.clone();
                return Err(Unmeasurable::Scale { column, series: shown(name), came: scale });
            }
            sum += (table.labels[row] - table.predictions[row]).abs() / scale;
            count += 1.0;
        }
        Ok(Some(sum / count))
    })
}

/// Σ |label − prediction| / Σ |label|, a share (Kolassa and Schütz, "Advantages of the MAD/Mean Ratio over the MAPE", Foresight
/// 6, 2007; `GluonTS`'s `ND`). Both sums are over the same rows, and are resampled together.
pub(super) fn weighted_error<'table>(table: &'table Estimates, of: &[u32]) -> Result<Sums<'table>, Unmeasurable> {
    if !of.is_empty() && of.iter().all(|row| table.labels[*row as usize].abs() <= 0.0) {
        return Err(Unmeasurable::NoVolume);
    }
    let terms = move |row: usize, add: &mut dyn FnMut(usize, f64)| {
        add(0, (table.labels[row] - table.predictions[row]).abs());
        add(1, table.labels[row].abs());
    };
    Ok(Sums::new(2, terms, |sums| (sums[1] > 0.0).then(|| sums[0] / sums[1])))
}
