//! Metrics of predicted numbers.

use super::{Estimates, Form, Metric, Number, Quantile, Rows, Sums, Unmeasurable, forecast};

/// The form of a metric for some rows of a regression model.
pub(super) fn form<'table>(
    metric: &Metric,
    table: &'table Estimates,
    rows: Rows<'table>,
    of: &[u32],
) -> Result<Form<'table>, Unmeasurable> {
    let error = move |row: usize| (table.labels[row] - table.predictions[row]).abs();
    let sums = match metric {
        Metric::MedianAbsoluteError => return Ok(Form::Quantile(Quantile::new(0.5, error))),
        Metric::RootMeanSquaredError => Sums::mean(move |row| error(row).powi(2), f64::sqrt),
        Metric::Wape => forecast::weighted_error(table, of)?,
        Metric::Mase(scaled) => forecast::scaled_error(scaled, table, rows, of)?,
        Metric::R2 => explained_variance(table),
        Metric::MeanAbsolutePercentageError => {
            Sums::mean(move |row| error(row) / table.labels[row].abs().max(f64::EPSILON), |mean| mean)
        }
        Metric::SymmetricMeanAbsolutePercentageError => Sums::mean(
            move |row| {
                let size = table.labels[row].abs() + table.predictions[row].abs();
                if size > 0.0 { 2.0 * error(row) / size } else { 0.0 }
            },
            |mean| mean,
        ),
        Metric::PinballLoss { quantile } => {
            let (share, column) = (quantile.0, quantile_column(table, *quantile)?);
            let loss = move |row: usize| {
                let above = table.labels[row] - column[row];
                if above >= 0.0 { share * above } else { (share - 1.0) * above }
            };
            Sums::mean(loss, |mean| mean)
        }
        Metric::IntervalCoverage { lower, upper } => {
            let (lower, upper) = (quantile_column(table, *lower)?, quantile_column(table, *upper)?);
            let covers = move |row: usize| (lower[row]..=upper[row]).contains(&table.labels[row]);
            Sums::mean(move |row| f64::from(u8::from(covers(row))), |share| share)
        }
        _ => Sums::mean(error, |mean| mean),
    };
    Ok(Form::Sums(sums))
}

fn quantile_column(table: &Estimates, quantile: Number) -> Result<&[f64], Unmeasurable> {
    let name = format!("quantile_{quantile}");
    table.quantiles.get(&name).map(Vec::as_slice).ok_or(Unmeasurable::NoColumn(name))
}

/// `1 − Σ(y−p)² / Σ(y−ȳ)²`. For constant labels it is one if all predictions are right, and zero otherwise.
fn explained_variance(table: &Estimates) -> Sums<'_> {
    // Sums of squares around a value near the labels keep all digits, even for large labels.
    let labels = &table.labels;
    let count: f64 = labels.iter().map(|_| 1.0).sum();
    let constant = labels.windows(2).all(|pair| pair[0].total_cmp(&pair[1]).is_eq());
    let pivot = match labels.first() {
        Some(first) if constant => *first,
        _ => labels.iter().map(|label| label / count).sum(),
    };
    let widest = labels.iter().map(|label| (label - pivot).powi(2)).fold(0.0, f64::max);
    let terms = move |row: usize, add: &mut dyn FnMut(usize, f64)| {
        let label = table.labels[row] - pivot;
        add(0, 1.0);
        add(1, label);
        add(2, label * label);
        add(3, (table.labels[row] - table.predictions[row]).powi(2));
    };
    Sums::new(4, terms, move |sums| {
        let [rows, sum, squares, errors] = [sums[0], sums[1], sums[2], sums[3]];
        if rows <= 0.0 {
            return None;
        }
        let variance = squares - sum * sum / rows;
        // The variance of equal labels after rounding.
        if variance <= 1e-14 * rows * widest {
            return Some(if errors <= 0.0 { 1.0 } else { 0.0 });
        }
        Some(1.0 - errors / variance)
    })
}
