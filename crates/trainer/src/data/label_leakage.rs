//! Finds columns that leak the label: each tells it by itself. Most are the label under another name, or were recorded after it.
//! Figures on test rows are then perfect, and the model is useless for new rows.

use slipway_contract::table::{fault as table_fault, shown};
use slipway_contract::{Fault, counted};

use super::{Rows, Target};

/// The number of rows from which a column is judged. In fewer rows a column can order the labels by chance.
const MIN_ROWS: usize = 50;
/// The number of rows of the first look at a column, which spares the sorting of most columns of long tables.
const FIRST_LOOK: usize = 2_000;
/// The average number of rows of a value from which values are not those of an identifier.
const MIN_ROWS_OF_VALUE: usize = 5;
/// The share of the label's variance that a straight line may leave. The rest is rounding.
const ROUNDING: f64 = 1e-10;

/// How a column leaks the label.
#[derive(Debug, PartialEq)]
enum Leak {
    /// Each of so many values occurs with one label only.
    Values(usize),
    /// The labels are those of intervals.
    Intervals,
    /// It has no value in exactly the rows of a class.
    Missing(usize),
    /// The label is a line in it.
    Line,
    /// It puts the rows in the order of the label.
    Order,
}

/// The warnings about columns of the training rows that leak the label. `key` is the key of the file of the rows.
pub(super) fn warnings(rows: &Rows, file: &str, key: &str) -> Vec<Fault> {
    let Some(columns) = rows.columns.as_ref().filter(|_| rows.len() >= MIN_ROWS) else { return Vec::new() };
    let step = rows.len().div_ceil(FIRST_LOOK);
    let mut warnings = Vec::new();
    for (place, name) in columns.iter().enumerate() {
        let is_text = rows.texts.get(place).is_some_and(Option::is_some);
        let leak_by = |step: usize| leak_of(&rows.column_by_step(place, step), &rows.target, is_text, step);
        // The sampled rows rule most columns out, which are then neither copied nor sorted as a whole.
        let mut leak = leak_by(step);
        if leak.is_some() && step > 1 {
            leak = leak_by(1);
        }
        let Some(leak) = leak else { continue };
        let how = match leak {
            Leak::Values(count) => format!("each of its {} occurs with one label only", counted(count, "value")),
            Leak::Intervals => "thresholds on it separate the labels of all training rows".to_owned(),
            Leak::Missing(class) => {
                let class = rows.classes().get(class).map_or("", String::as_str);
                format!("it has no value in exactly the rows with the label `{}`", shown(class))
            }
            Leak::Line => "it is the label up to a factor and an offset".to_owned(),
            Leak::Order => "it puts the training rows in exactly the order of their labels".to_owned(),
        };
        let message = format!("column `{}` tells the label by itself: {how}", shown(name));
        let help =
            "if it is made from the label, or is not known when the model is asked, list it in `spec.data.ignore`";
        warnings.push(table_fault(file, message).key(key).help(help));
    }
    warnings
}

/// How a column leaks the label of every row in steps of `step`, if it does. `values` are its values in these rows; a missing value
/// is NaN.
fn leak_of(values: &[f64], target: &Target, is_text: bool, step: usize) -> Option<Leak> {
    match target {
        Target::Classes { labels, classes } => {
            let pairs = values.iter().zip(labels.iter().step_by(step));
            let pairs = pairs.filter_map(|(value, label)| Some((*value, usize::try_from(*label).ok()?)));
            of_classes(pairs.collect(), classes.len(), is_text)
        }
        Target::Numbers(labels) if !is_text => {
            let pairs = values.iter().copied().zip(labels.iter().step_by(step).copied());
            of_numbers(pairs.filter(|(value, _)| !value.is_nan()).collect())
        }
        Target::Numbers(_) => None,
    }
}

fn of_classes(mut pairs: Vec<(f64, usize)>, classes: usize, is_text: bool) -> Option<Leak> {
    let mut present = vec![0_usize; classes];
    let mut missing = vec![0_usize; classes];
    for (value, class) in &pairs {
        *present.get_mut(*class)? += 1;
        missing[*class] += usize::from(value.is_nan());
    }
    if present.iter().filter(|rows| **rows > 0).count() < 2 {
        return None;
    }
    let mut gaps = (0..classes).filter(|class| missing[*class] > 0);
    if let (Some(class), None) = (gaps.next(), gaps.next())
        && missing[class] == present[class]
        && present[class] >= MIN_ROWS_OF_VALUE
    {
        return Some(Leak::Missing(class));
    }
    // A missing value is a value of its own here, and the last in the order.
    pairs.sort_unstable_by(|one, other| one.0.total_cmp(&other.0));
    let (mut values, mut changes) = (1, 0);
    for pair in pairs.windows(2) {
        let is_equal = pair[0].0.total_cmp(&pair[1].0).is_eq();
        let is_change = pair[0].1 != pair[1].1;
        if is_equal && is_change {
            return None;
        }
        values += usize::from(!is_equal);
        changes += usize::from(is_change);
    }
    let present = present.iter().filter(|rows| **rows > 0).count();
    if values > 1 && values * MIN_ROWS_OF_VALUE <= pairs.len() {
        Some(Leak::Values(values))
    } else {
        (!is_text && changes + 1 == present).then_some(Leak::Intervals)
    }
}

fn of_numbers(mut pairs: Vec<(f64, f64)>) -> Option<Leak> {
    if pairs.len() < MIN_ROWS {
        return None;
    }
    #[expect(clippy::cast_precision_loss, reason = "a number of rows")]
    let count = pairs.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| pairs.iter().map(of).sum::<f64>() / count;
    let (mean_value, mean_label) = (mean(|pair| pair.0), mean(|pair| pair.1));
    let (mut values, mut labels, mut both) = (0.0, 0.0, 0.0);
    for (value, label) in &pairs {
        let (value, label) = (value - mean_value, label - mean_label);
        values += value * value;
        labels += label * label;
        both += value * label;
    }
    if !(values > 0.0 && labels > 0.0) {
        return None;
    }
    // The share of the variance that the best line leaves: one less the square of Pearson's correlation.
    if 1.0 - both / values * (both / labels) < ROUNDING {
        return Some(Leak::Line);
    }
    pairs.sort_unstable_by(|one, other| one.0.total_cmp(&other.0));
    let mut distinct = 1;
    for pair in pairs.windows(2) {
        let (is_equal, step) = (pair[0].0.total_cmp(&pair[1].0).is_eq(), (pair[1].1 - pair[0].1) * both);
        let follows = if is_equal { step == 0.0 } else { step > 0.0 };
        if !follows {
            return None;
        }
        distinct += usize::from(!is_equal);
    }
    (distinct >= MIN_ROWS).then_some(Leak::Order)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a column tells of the labels of 100 rows.
    fn classes(value: impl Fn(usize) -> f64, label: impl Fn(usize) -> i64, is_text: bool) -> Option<Leak> {
        let values: Vec<f64> = (0..100).map(value).collect();
        let target = Target::Classes { labels: (0..100).map(label).collect(), classes: vec![String::new(); 3] };
        leak_of(&values, &target, is_text, 1)
    }

    fn numbers(value: impl Fn(f64) -> f64, label: impl Fn(f64) -> f64) -> Option<Leak> {
        // Rows in no order, without two that are equal.
        let order: Vec<f64> = (0..100_u32).map(|row| f64::from(row * 37 % 100)).collect();
        let target = Target::Numbers(order.iter().map(|row| label(*row)).collect());
        leak_of(&order.iter().map(|row| value(*row)).collect::<Vec<_>>(), &target, false, 1)
    }

    #[expect(clippy::cast_possible_wrap, clippy::cast_precision_loss, reason = "small numbers")]
    #[test]
    fn a_column_that_is_the_label_under_another_name_is_found() {
        let label = |row: usize| (row % 3) as i64;
        let code = |row: usize| if row % 3 == 1 { 70.0 } else { (row % 3) as f64 };
        assert_eq!(classes(code, label, false), Some(Leak::Values(3)));
        assert_eq!(classes(code, label, true), Some(Leak::Values(3)));
        let finer = |row: usize| (row % 9) as f64;
        assert_eq!(classes(finer, label, true), Some(Leak::Values(9)), "nine values, three of each class");
        let once_wrong = |row: usize| if row == 50 { 0.0 } else { code(row) };
        assert_eq!(classes(once_wrong, label, true), None);
    }

    #[expect(clippy::cast_possible_wrap, clippy::cast_precision_loss, reason = "small numbers")]
    #[test]
    fn thresholds_and_gaps_that_leak_the_label_are_found() {
        let label = |row: usize| (row % 2) as i64;
        let apart = |row: usize| (row % 2 * 1_000 + row) as f64;
        assert_eq!(classes(apart, label, false), Some(Leak::Intervals));
        assert_eq!(classes(apart, label, true), None, "a text in each row is an identifier, and codes have no order");
        assert_eq!(classes(|row| row as f64, label, false), None);
        let gap = |row: usize| if row % 2 == 1 { f64::NAN } else { (row * 37 % 100) as f64 };
        assert_eq!(classes(gap, label, false), Some(Leak::Missing(1)));
        let some_gaps = |row: usize| if row % 4 == 1 { f64::NAN } else { (row * 37 % 100) as f64 };
        assert_eq!(classes(some_gaps, label, false), None);
        assert_eq!(classes(|row| (row % 7) as f64, |_| 0, false), None, "one class only");
    }

    #[test]
    fn a_column_that_is_the_label_in_other_units_is_found() {
        assert_eq!(numbers(|x| x, |x| 1.1 * x + 32.0), Some(Leak::Line));
        assert_eq!(numbers(|x| 1e9 - x, |x| 0.001 * x), Some(Leak::Line));
        assert_eq!(numbers(|x| x, |x| (x / 10.0).exp()), Some(Leak::Order));
        assert_eq!(numbers(|x| x, |x| -(x / 10.0).exp()), Some(Leak::Order));
        assert_eq!(numbers(|x| x, |x| x + 5.0 * (x * 7.0).sin()), None);
        assert_eq!(numbers(|x| (x / 10.0).floor(), |x| (x / 10.0).floor().exp()), None, "ten values only");
        assert_eq!(numbers(|_| 5.0, |x| x), None);
    }
}
