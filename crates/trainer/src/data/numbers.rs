//! Checks whether a network can learn the numbers that are the labels of the training rows.

use slipway_contract::{Fault, FaultKind};

use super::{Rows, Target};

/// The fault of training rows that all have one number as their label.
pub(super) fn constant_label(rows: &Rows) -> Option<Fault> {
    let Target::Numbers(labels) = &rows.target else { return None };
    let first = labels.first()?;
    if labels.iter().any(|label| label.to_bits() != first.to_bits()) {
        return None;
    }
    let message = format!("all training rows have the label {first}, expected different numbers");
    Some(Fault::new(FaultKind::Data, message).key("spec.data.label"))
}
