//! From prepared rows to a trained model and everything that its artifact contains.

use slipway_contract::{API_VERSION, Architecture, Fault, Model};
use tch::Tensor;

use super::prepare::Prepared;
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
        let architecture = Architecture {
            api_version: API_VERSION.to_owned(),
            task: model.spec.task,
            input: rows.shape.clone(),
            columns: rows.columns.clone(),
            encodings: pipeline.encoder().map(|encoder| encoder.encodings().to_vec()),
            classes: rows.classes().to_vec(),
            temperature: None,
            threshold: None,
            preprocess: steps,
            model: model.resolved().spec.model,
        };
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
