//! Trees in the trainer: the columns that they are fitted to, and their lists in an artifact.

use std::collections::HashMap;

use slipway_contract::ColumnEncoding;
use slipway_families::stored::{TREE_FORM, TREE_LISTS};
use slipway_families::trees::{Column, Forest, Kind, Parts};
use tch::Tensor;

use crate::data::{Rows, code_of};

/// The columns of rows, for fitting. `encodings` are those of typed columns, whose texts have their codes.
pub(crate) fn columns_of(rows: &Rows, encodings: Option<&[ColumnEncoding]>) -> Vec<Column> {
    let count = rows.columns.as_ref().map_or(0, Vec::len);
    let kind = |place: usize| match encodings.and_then(|encodings| encodings.get(place)).map(ColumnEncoding::values) {
        Some(Some(texts)) => Kind::Category(texts.len()),
        _ => Kind::Number,
    };
    (0..count).map(|place| Column { kind: kind(place), values: rows.column(place) }).collect()
}

/// The rows that the mean of all targets counts for in that of a category, so that rare categories lie in the middle (the default of
/// `cat_smooth` in `LightGBM`).
const SMOOTHING: f64 = 10.0;

/// Orders the categories of each column by the mean target of their training rows, so that trees find splits by order. `targets` are
/// numbers, or 1 for the rows of one class. The texts of the rows have codes of their own.
pub(crate) fn order_categories(encodings: &mut [ColumnEncoding], rows: &Rows, training: &[i64], targets: &[f64]) {
    let of_training = || training.iter().filter_map(|row| usize::try_from(*row).ok());
    #[expect(clippy::cast_precision_loss, reason = "a row count")]
    let mean = of_training().map(|row| targets[row]).sum::<f64>() / training.len() as f64;
    for (place, encoding) in encodings.iter_mut().enumerate() {
        let ColumnEncoding::Category { values, .. } = encoding else { continue };
        let Some(texts) = rows.texts.get(place).and_then(Option::as_ref) else { continue };
        let mut sums = vec![(SMOOTHING * mean, SMOOTHING); texts.len()];
        let codes = rows.column(place);
        for row in of_training().filter(|row| !codes[*row].is_nan()) {
            if let Some((sum, count)) = sums.get_mut(code_of(codes[row])) {
                *sum += targets[row];
                *count += 1.0;
            }
        }
        let means = texts.iter().map(String::as_str).zip(sums.into_iter().map(|(sum, count)| sum / count));
        let means: HashMap<&str, f64> = means.collect();
        let mean_of = |text: &String| means.get(text.as_str()).copied().unwrap_or(mean);
        values.sort_by(|one, other| mean_of(one).total_cmp(&mean_of(other)).then_with(|| one.cmp(other)));
    }
}

/// Replaces the codes of unseen texts by missing values, which have a way in every tree. `values` are rows of all columns.
pub(super) fn unseen_to_missing(encodings: &[ColumnEncoding], values: &mut [f64]) {
    for (place, _) in encodings.iter().enumerate().filter(|(_, encoding)| encoding.values().is_some()) {
        for value in values.iter_mut().skip(place).step_by(encodings.len()).filter(|value| **value < 0.0) {
            *value = f64::NAN;
        }
    }
}

/// The lists of trees, by their names in an artifact.
pub(crate) fn tensors(forest: &Forest) -> Vec<(String, Tensor)> {
    let Parts { base, sizes, features, numbers, left, right, flags } = forest.parts();
    let whole = |list: Vec<u32>| {
        Tensor::from_slice(&list.into_iter().map(|entry| i32::try_from(entry).unwrap_or(i32::MAX)).collect::<Vec<_>>())
    };
    let lists = [
        Tensor::from_slice(&[TREE_FORM]),
        Tensor::from_slice(&base),
        whole(sizes),
        Tensor::from_slice(&features),
        Tensor::from_slice(&numbers),
        whole(left),
        whole(right),
        Tensor::from_slice(&flags),
    ];
    TREE_LISTS.iter().map(|name| (*name).to_owned()).zip(lists).collect()
}

#[cfg(test)]
mod tests {
    use slipway_contract::Shape;

    use super::*;
    use crate::data::Target;

    #[test]
    fn categories_are_ordered_by_the_smoothed_mean_of_training_rows() {
        // "high" has 30 rows around 9, "low" 30 around 1, "rare" one row of 11, "absent" only a row that is not learnt from.
        let texts = ["high", "low", "rare", "absent"].map(str::to_owned);
        let codes: Vec<f64> = [0.0, 1.0].repeat(30).into_iter().chain([2.0, f64::NAN, 3.0]).collect();
        let targets: Vec<f64> = [9.0, 1.0].repeat(30).into_iter().chain([11.0, 5.0, -1e6]).collect();
        let rows = Rows {
            features: Tensor::from_slice(&codes).view([63, 1]),
            shape: Shape(vec![1]),
            target: Target::Numbers(targets.clone()),
            columns: Some(vec!["level".to_owned()]),
            texts: vec![Some(texts.to_vec())],
            origin: None,
            aside: Vec::new(),
            weights: Vec::new(),
        };
        let values = ["high", "low", "rare", "absent"].map(str::to_owned).to_vec();
        let mut encodings = vec![ColumnEncoding::Category { missing: Vec::new(), values, indicator: true }];
        let training: Vec<i64> = (0..62).collect();
        order_categories(&mut encodings, &rows, &training, &targets);
        assert_eq!(encodings[0].values().expect("texts"), ["low", "absent", "rare", "high"]);
        assert_eq!(columns_of(&rows, Some(&encodings))[0].kind, Kind::Category(4));
    }

    #[test]
    fn only_unseen_texts_become_missing_values() {
        let text = ColumnEncoding::Binary { missing: Vec::new(), values: ["no", "yes"].map(str::to_owned) };
        let number = ColumnEncoding::Number { missing: Vec::new(), indicator: false };
        let mut values = [-1.0, -1.0, 1.0, 0.0];
        unseen_to_missing(&[number, text], &mut values);
        assert_eq!(values.map(f64::is_nan), [false, true, false, false]);
    }
}
