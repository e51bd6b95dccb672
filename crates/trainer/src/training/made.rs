//! From prepared rows to a trained model and everything that its artifact contains.

use slipway_contract::{Architecture, Fault, Model};
use tch::Tensor;

use super::prepare::{Prepared, architecture_of};
use super::rounds::Ground;
use super::{Trained, fit};
use crate::data::Rows;
use crate::progress::Reporter;

/// A trained model with the parts of its artifact.
pub(super) struct Made {
    pub(super) rows: Rows,
    /// The indexes of the training rows. The field below contains those of the validation rows.
    pub(super) training: Tensor,
    pub(super) validation: Tensor,
    pub(super) architecture: Architecture,
    /// The fitted statistics, by their names in the artifact.
    pub(super) statistics: Vec<(String, Tensor)>,
    pub(super) trained: Trained,
}

impl Prepared {
    /// Trains with so many threads on a device.
    pub(super) fn make(
        self,
        model: &Model,
        (threads, device): (u32, tch::Device),
        reporter: &mut Reporter,
    ) -> Result<Made, Fault> {
        let Self { rows, training, validation, pipeline, head, steps, subject } = self;
        let architecture = architecture_of(model, &rows, &pipeline, &steps);
        let statistics: Vec<(String, Tensor)> = pipeline.tensors().into_iter().chain(head.tensors()).collect();
        let ground = Ground {
            rows: &rows,
            head: &head,
            pipeline: &pipeline,
            training: &training,
            validation: &validation,
            threads,
        };
        let trained = fit(subject, model, &ground, device, reporter)?;
        Ok(Made { rows, training, validation, architecture, statistics, trained })
    }
}
