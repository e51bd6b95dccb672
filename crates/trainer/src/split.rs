//! Selects the validation rows, drawn from the seeded generator: the same share of every class (stratified), or of all rows if
//! numbers are predicted.

use slipway_contract::{Fault, FaultKind, counted};
use tch::{Kind, Tensor};

use crate::data::{Rows, Target};

/// The indexes of the training rows and of the validation rows, each in random order; or, if the data say which rows are held
/// out, in the order of the rows.
pub(crate) fn split(rows: &Rows, validation_split: f64) -> Result<(Tensor, Tensor), Fault> {
    if !rows.aside.is_empty() {
        return Ok(divided(&rows.aside));
    }
    match &rows.target {
        Target::Classes { labels, classes } => stratified(labels, classes, validation_split),
        Target::Numbers(labels) => random(labels.len() as u64, validation_split),
    }
}

/// The indexes of the rows that are not held out, and of those that are.
fn divided(aside: &[bool]) -> (Tensor, Tensor) {
    let of = |wanted: bool| {
        let rows = (0_i64..).zip(aside).filter(|(_, aside)| **aside == wanted).map(|(row, _)| row);
        Tensor::from_slice(&rows.collect::<Vec<i64>>())
    };
    (of(false), of(true))
}

/// Splits rows at random. If `validation_split` is above zero, there is at least one validation row and one training row.
fn random(rows: u64, validation_split: f64) -> Result<(Tensor, Tensor), Fault> {
    let count = i64::try_from(rows).unwrap_or(i64::MAX);
    let order = Tensor::randperm(count, (Kind::Int64, tch::Device::Cpu));
    if validation_split <= 0.0 {
        return Ok((order, Tensor::empty([0], (Kind::Int64, tch::Device::Cpu))));
    }
    if rows < 2 {
        let message =
            format!("a validation split of {validation_split} leaves none of {} to learn from", counted(rows, "row"));
        return Err(Fault::new(FaultKind::Specification, message).key("spec.data.validation_split"));
    }
    let aside = i64::try_from(share_of(rows, validation_split)).unwrap_or(i64::MAX);
    Ok((order.narrow(0, aside, count - aside), order.narrow(0, 0, aside)))
}

/// The indexes of the training rows and of the validation rows, each in random order. If `validation_split` is above zero, every
/// class with rows has at least one validation row and at least one training row. `labels` are indexes into `classes`.
fn stratified(labels: &[i64], classes: &[String], validation_split: f64) -> Result<(Tensor, Tensor), Fault> {
    let rows = i64::try_from(labels.len()).unwrap_or(i64::MAX);
    let order = Tensor::randperm(rows, (Kind::Int64, tch::Device::Cpu));
    if validation_split <= 0.0 {
        return Ok((order, Tensor::empty([0], (Kind::Int64, tch::Device::Cpu))));
    }
    let mut counts = vec![0_u64; classes.len()];
    for label in labels {
        counts[place(*label)] += 1;
    }
    let alone: Vec<&str> =
        counts.iter().zip(classes).filter(|(count, _)| **count == 1).map(|(_, class)| class.as_str()).collect();
    if let Some(first) = alone.first() {
        let message = format!(
            "the label `{first}` has one training row ({} of the labels have no more), and a validation split of \
             {validation_split} takes at least one row of each away",
            alone.len()
        );
        let fault = Fault::new(FaultKind::Specification, message).key("spec.data.validation_split");
        return Err(fault.help("add rows of these labels, take them out, or set `validation_split: 0`"));
    }
    if counts.iter().all(|count| rounded(*count, validation_split) >= *count) {
        let message =
            format!("a validation split of {validation_split} leaves none of {} to learn from", counted(rows, "row"));
        return Err(Fault::new(FaultKind::Specification, message).key("spec.data.validation_split"));
    }
    let mut aside: Vec<u64> = counts.iter().map(|count| share_of(*count, validation_split)).collect();
    let order = Vec::<i64>::try_from(&order).map_err(|error| crate::failure::of_torch(&error))?;
    let (mut training, mut validation) = (Vec::with_capacity(order.len()), Vec::new());
    for row in order {
        let left = &mut aside[place(labels[place(row)])];
        if *left > 0 {
            *left -= 1;
            validation.push(row);
        } else {
            training.push(row);
        }
    }
    Ok((Tensor::from_slice(&training), Tensor::from_slice(&validation)))
}

/// The number of validation rows of a class, or of all rows.
fn share_of(count: u64, validation_split: f64) -> u64 {
    if count == 0 { 0 } else { rounded(count, validation_split).clamp(1, count - 1) }
}

/// The share of a class, rounded to whole rows.
fn rounded(count: u64, validation_split: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "a share of a row count"
    )]
    let rows = (count as f64 * validation_split).round() as u64;
    rows
}

/// Converts a label or a row number to an index. Both are counted from zero.
fn place(number: i64) -> usize {
    usize::try_from(number).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(tensor: &Tensor) -> Vec<i64> {
        Vec::<i64>::try_from(tensor).expect("numbers")
    }

    #[test]
    fn every_class_is_learnt_from_and_kept_aside_by_the_same_share_whatever_the_seed() {
        let labels: Vec<i64> = (0..100).map(|row| i64::from(row >= 40) + i64::from(row >= 98)).collect();
        let classes = ["cat", "dog", "owl", "none of it"].map(str::to_owned);
        for seed in 0..20 {
            tch::manual_seed(seed);
            let (training, validation) = stratified(&labels, &classes, 0.25).expect("split");
            let (training, validation) = (rows(&training), rows(&validation));
            let count = |rows: &[i64], class: i64| rows.iter().filter(|row| labels[place(**row)] == class).count();
            assert_eq!([0, 1, 2].map(|class| count(&validation, class)), [10, 15, 1]);
            assert_eq!([0, 1, 2].map(|class| count(&training, class)), [30, 43, 1]);
            let mut all = [training, validation].concat();
            all.sort_unstable();
            assert_eq!(all, (0..100).collect::<Vec<i64>>());
        }
    }

    #[test]
    fn rows_with_numbers_are_split_at_random_and_each_is_on_one_side() {
        tch::manual_seed(3);
        let (training, validation) = random(10, 0.25).expect("split");
        let (training, validation) = (rows(&training), rows(&validation));
        assert_eq!((training.len(), validation.len()), (7, 3));
        let mut all = [training, validation].concat();
        all.sort_unstable();
        assert_eq!(all, (0..10).collect::<Vec<i64>>());
        assert_eq!(random(2, 0.01).expect("split").1.size(), [1]);
        assert!(random(1, 0.5).is_err());
    }

    #[test]
    fn a_class_of_one_row_cannot_be_on_both_sides() {
        let classes = ["p", "q"].map(str::to_owned);
        let fault = stratified(&[0, 1, 1], &classes, 0.5).expect_err("impossible");
        assert_eq!(fault.key.as_deref(), Some("spec.data.validation_split"));
        assert!(fault.message.starts_with("the label `p` has one training row"), "{fault}");
        let (training, validation) = stratified(&[0, 1, 1], &classes, 0.0).expect("nothing is kept aside");
        assert_eq!((rows(&training).len(), rows(&validation).len()), (3, 0));
    }
}
