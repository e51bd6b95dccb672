//! The targets and the weights of rows, for the families that are fitted without libtorch.

use slipway_contract::{Fault, FaultKind, Model};
use tch::Tensor;

use crate::data::{Rows, Target};
use crate::head::{Head, class_weights, counts};

/// The targets and the weights of all rows, in their order: classes as their indexes, or numbers as distances from their mean in
/// deviations.
pub(super) fn targets_of(
    model: &Model,
    rows: &Rows,
    head: &Head,
    training: &Tensor,
) -> Result<(Vec<f64>, Vec<f64>), Fault> {
    let (targets, mut weights) = match (&rows.target, head) {
        (Target::Classes { labels, classes }, _) => {
            let of_class = weights_of(model, labels, classes, training)?;
            let place = |label: &i64| usize::try_from(*label).unwrap_or(0);
            let weights: Vec<f64> =
                labels.iter().map(|label| of_class.get(place(label)).copied().unwrap_or(1.0)).collect();
            #[expect(clippy::cast_precision_loss, reason = "the index of a class")]
            let targets: Vec<f64> = labels.iter().map(|label| *label as f64).collect();
            (targets, weights)
        }
        (Target::Numbers(labels), Head::Number { mean, deviation }) => {
            let targets = labels.iter().map(|label| (label - mean) / deviation).collect();
            (targets, vec![1.0; labels.len()])
        }
        (Target::Numbers(_), Head::Classes { .. }) => {
            return Err(Fault::new(FaultKind::Internal, "numbers are to be predicted by a head of classes"));
        }
    };
    for (weight, of_row) in weights.iter_mut().zip(&rows.weights) {
        *weight *= of_row;
    }
    Ok((targets, weights))
}

/// The weight of each class.
fn weights_of(model: &Model, labels: &[i64], classes: &[String], training: &Tensor) -> Result<Vec<f64>, Fault> {
    match &model.spec.training.class_weights {
        Some(weights) => class_weights(weights, classes, &counts(labels, classes.len(), training)?, classes.len()),
        None => Ok(vec![1.0; classes.len()]),
    }
}

/// What categories are ordered by: numbers, or for classes 1 for the rows of the last of two, or of the most frequent of more.
pub(super) fn order_of(rows: &Rows) -> Vec<f64> {
    let labels = match &rows.target {
        Target::Numbers(labels) => return labels.clone(),
        Target::Classes { labels, .. } => labels,
    };
    let counts = rows.counts();
    let most = counts.iter().map(|(_, rows)| *rows).max();
    let place =
        if counts.len() == 2 { 1 } else { counts.iter().position(|(_, rows)| Some(*rows) == most).unwrap_or(0) };
    let is_of_class = |label: &i64| usize::try_from(*label).is_ok_and(|label| label == place);
    labels.iter().map(|label| f64::from(u8::from(is_of_class(label)))).collect()
}

/// The fault of class weights that name no class of the training rows.
pub(super) fn check_weights(model: &Model, rows: &Rows, training: &Tensor) -> Result<(), Fault> {
    match &rows.target {
        Target::Classes { labels, classes } => weights_of(model, labels, classes, training).map(drop),
        Target::Numbers(_) => Ok(()),
    }
}
