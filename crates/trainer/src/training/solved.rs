//! Fits a linear model until the gradient of its objective vanishes.

use slipway_contract::{Fault, FaultKind, LinearOptions, Model};
use slipway_families::linear::{self, Fitted, Linear, Loss};
use tch::Tensor;

use super::course::{Epoch, observed};
use super::targets::targets_of;
use super::warn;
use crate::data::Rows;
use crate::failure;
use crate::family::{Core, values_of};
use crate::head::Head;
use crate::pipeline::Pipeline;
use crate::progress::Reporter;

/// A fitted model, and its results.
pub(super) struct Solved {
    pub(super) model: Linear,
    pub(super) kept: Epoch,
}

/// Fits a model to the training rows. `training` and `validation` are indexes.
pub(super) fn solve(
    model: &Model,
    options: &LinearOptions,
    rows: &Rows,
    (head, pipeline): (&Head, &Pipeline),
    (training, validation): (&Tensor, &Tensor),
) -> Result<Solved, Fault> {
    let inputs = pipeline.apply_to_table(rows, tch::Device::Cpu).ok_or_else(|| {
        Fault::new(
            FaultKind::Specification,
            "the inputs of all rows exceed 1 GiB, which a linear model keeps in memory",
        )
        .key("spec.model.linear")
        .help("use `sequential` with one `linear` layer, which learns batch by batch")
    })?;
    // The order of the rows decides the rounding of sums.
    let sorted = training.sort(0, false).0;
    let of_training = values_of(&inputs.index_select(0, &sorted))?;
    let (targets, weights) = targets_of(model, rows, head, training)?;
    let places = Vec::<i64>::try_from(&sorted).map_err(|error| failure::of_torch(&error))?;
    let pick = |values: &[f64]| -> Vec<f64> {
        places.iter().filter_map(|row| values.get(usize::try_from(*row).ok()?).copied()).collect()
    };
    let (targets, weights) = (pick(&targets), pick(&weights));
    let classes = rows.classes().len();
    let loss = match classes {
        0 => Loss::Squared,
        2 => Loss::Logistic,
        classes => Loss::Softmax(classes),
    };
    let width = usize::try_from(inputs.size()[1]).unwrap_or(0);
    let rows_to_fit = linear::Rows { inputs: &of_training, width, targets: &targets, weights: &weights };
    let Fitted { model: fitted, steps, loss, has_converged } = Linear::fit(rows_to_fit, loss, options.l2);
    if has_converged {
        Reporter::stage(&format!("converged after {steps} steps: loss {loss:.4}"));
    } else {
        let message = format!("the search ended after {steps} steps, before the gradient vanished");
        let warning = Fault::new(FaultKind::Specification, message).key("spec.model.linear.l2");
        warn(&warning.help("raise `l2`, or scale the columns with `standardize`"));
    }
    let (accuracy, result) = match validation.size()[0] {
        0 => (None, None),
        count => {
            let places = Vec::<i64>::try_from(validation).map_err(|error| failure::of_torch(&error))?;
            let core = Core::Linear(fitted.clone());
            let answers = head.answers(&core.outputs(pipeline, &rows.batch(validation), classes)?);
            let names = vec![String::new(); usize::try_from(count).unwrap_or(0)];
            let table = head.table(&[answers], rows, &places, names)?;
            observed(model.spec.task, &model.spec.training.metric_for(model.spec.task), &table)
        }
    };
    if let Some(result) = &result {
        Reporter::stage(&format!("validation {} {:.4}", result.metric, result.value));
    }
    let kept = Epoch { number: steps, training_loss: loss, accuracy, validation: result };
    Ok(Solved { model: fitted, kept })
}
