//! The way of a row from its values to the inputs of the network: the encoding of typed columns, then the steps of preprocessing.

use slipway_contract::{Architecture, Fault, Model, Preprocess, Shape};
use tch::{Device, Tensor};

use crate::data::Rows;
use crate::encoder::{self, Encoded, Encoder, EncoderOptions};
use crate::failure;
use crate::preprocessing::{self, Preprocessing};

/// The values that are encoded at a time.
const CHUNK_VALUES: i64 = 1 << 24;
/// The most inputs of all rows that are kept in memory: 1 GiB as 32-bit floats.
const MAX_KEPT_VALUES: i64 = 1 << 28;

/// Fitted encodings and steps.
pub(crate) struct Pipeline {
    /// The encodings of typed columns. The steps then work on the numbers, and the other inputs stand behind them.
    encoder: Option<Encoder>,
    steps: Preprocessing,
}

impl Pipeline {
    /// Fits the encodings and the steps to the training rows, whose indexes are `training`. Validation rows must not influence
    /// them.
    pub(crate) fn fit(model: &Model, steps: &[Preprocess], rows: &Rows, training: &Tensor) -> Result<Self, Vec<Fault>> {
        let _guard = tch::no_grad_guard();
        let columns = model.spec.data.table().and_then(|table| table.columns.as_ref()).filter(|_| rows.is_typed());
        // Only some steps need all rows. Otherwise one row suffices to apply the steps.
        let is_fitted = steps.iter().any(Preprocess::is_fitted);
        let seen = if is_fitted { training.shallow_clone() } else { training.narrow(0, 0, 1) };
        let Some(columns) = columns else {
            let names = rows.columns.clone().unwrap_or_default();
            return Ok(Self { encoder: None, steps: Preprocessing::fit(steps, &rows.batch(&seen), &names) });
        };
        let columns: Vec<_> = columns.iter().map(|(name, column)| (name.clone(), column.clone())).collect();
        let indexes = Vec::<i64>::try_from(training).map_err(|error| vec![failure::of_torch(&error)])?;
        let encoder = Encoder::fit(&columns, options_of(steps), rows, &indexes)?;
        let numbers = encoder.numbers(&rows.batch(&seen));
        let steps = Preprocessing::fit(steps, &numbers, &encoder.number_names());
        Ok(Self { encoder: Some(encoder), steps })
    }

    /// The pipeline of an artifact from its tensors.
    pub(crate) fn from_tensors(
        architecture: &Architecture,
        tensor: impl Fn(&str, &Shape) -> Result<Tensor, Fault>,
    ) -> Result<Self, Fault> {
        let Architecture { input, columns, encodings, preprocess, .. } = architecture;
        let columns = columns.as_deref().unwrap_or_default();
        let Some(encodings) = encodings else {
            return Ok(Self { encoder: None, steps: Preprocessing::from_tensors(preprocess, input, columns, tensor)? });
        };
        let numbers = row_of(encoder::numbers_of(encodings));
        let encoder = Encoder::from_parts(columns, encodings, tensor(encoder::FILL, &numbers)?);
        let steps = Preprocessing::from_tensors(preprocess, &numbers, &encoder.number_names(), tensor)?;
        Ok(Self { encoder: Some(encoder), steps })
    }

    /// The shape of a row at the first layer.
    pub(crate) fn shape_of(architecture: &Architecture) -> Result<Shape, Fault> {
        match &architecture.encodings {
            Some(encodings) => Ok(row_of(encoder::width_of(encodings))),
            None => preprocessing::shape_after(&architecture.preprocess, &architecture.input),
        }
    }

    /// The encodings of typed columns.
    pub(crate) fn encoder(&self) -> Option<&Encoder> {
        self.encoder.as_ref()
    }

    /// The same, to be changed before the texts of rows get their codes.
    pub(crate) fn encoder_mut(&mut self) -> Option<&mut Encoder> {
        self.encoder.as_mut()
    }

    /// The fitted statistics, by their names in an artifact.
    pub(crate) fn tensors(&self) -> Vec<(String, Tensor)> {
        let fill = self.encoder.iter().map(|encoder| (encoder::FILL.to_owned(), encoder.fill().shallow_clone()));
        fill.chain(self.steps.tensors()).collect()
    }

    /// The names of the tensors of an artifact's pipeline.
    pub(crate) fn names(architecture: &Architecture) -> Vec<String> {
        let fill = architecture.encodings.iter().map(|_| encoder::FILL.to_owned());
        fill.chain(Preprocessing::names(&architecture.preprocess)).collect()
    }

    /// The names of the columns of numbers, which the steps work on; `None` for images.
    pub(crate) fn number_names(&self, rows: &Rows) -> Option<Vec<String>> {
        match &self.encoder {
            Some(encoder) => Some(encoder.number_names()),
            None => rows.columns.clone(),
        }
    }

    /// The numbers of rows before the steps. Missing ones are replaced.
    pub(crate) fn numbers(&self, rows: &Tensor) -> Tensor {
        self.encoder.as_ref().map_or_else(|| rows.shallow_clone(), |encoder| encoder.numbers(rows))
    }

    /// The numbers of rows after the steps, as 32-bit floats. `numbers` are those before them.
    pub(crate) fn after_steps(&self, numbers: &Tensor) -> Tensor {
        self.steps.apply(numbers)
    }

    /// The inputs of the network for rows, as 32-bit floats.
    pub(crate) fn apply(&self, rows: &Tensor) -> Tensor {
        match &self.encoder {
            None => self.steps.apply(rows),
            Some(encoder) => {
                let Encoded { numbers, others } = encoder.encode(rows);
                Tensor::cat(&[self.steps.apply(&numbers), others], 1)
            }
        }
    }

    /// The inputs of the network for all rows of a table, on a device; `None` for images, and for tables whose inputs would take too
    /// much memory. Their inputs are made batch by batch.
    pub(crate) fn apply_to_table(&self, rows: &Rows, device: Device) -> Option<Tensor> {
        let columns = i64::try_from(rows.columns.as_ref()?.len()).unwrap_or(i64::MAX);
        let _guard = tch::no_grad_guard();
        let count = rows.features.size()[0];
        let width = self.encoder.as_ref().map_or(columns, |encoder| i64::try_from(encoder.width()).unwrap_or(i64::MAX));
        if count.saturating_mul(width) > MAX_KEPT_VALUES {
            return None;
        }
        let chunk = (CHUNK_VALUES / width.max(1)).max(1);
        let mut inputs: Option<Tensor> = None;
        for start in (0..count).step_by(usize::try_from(chunk).unwrap_or(1)) {
            let length = chunk.min(count - start);
            let part = self.apply(&rows.features.narrow(0, start, length).to_device(device));
            let sizes: Vec<i64> = std::iter::once(count).chain(part.size()[1..].iter().copied()).collect();
            let all = inputs.get_or_insert_with(|| Tensor::empty(sizes.as_slice(), (part.kind(), device)));
            all.narrow(0, start, length).copy_(&part);
        }
        inputs
    }

    /// The same pipeline on another device.
    pub(crate) fn to_device(&self, device: Device) -> Self {
        let encoder = self.encoder.as_ref().map(|encoder| encoder.to_device(device));
        Self { encoder, steps: self.steps.to_device(device) }
    }
}

/// The shape of a row of so many values.
fn row_of(values: usize) -> Shape {
    Shape(vec![u32::try_from(values).unwrap_or(u32::MAX)])
}

/// The options of the encoding among the steps.
fn options_of(steps: &[Preprocess]) -> EncoderOptions {
    steps.iter().fold(EncoderOptions::default(), |options, step| match step {
        Preprocess::Impute(impute) => EncoderOptions { impute: *impute, ..options },
        Preprocess::OneHot(one_hot) => EncoderOptions { one_hot: *one_hot, ..options },
        _ => options,
    })
}
