//! What the outputs of a network mean: scores of classes, or a number. The head has the loss and the predictions.

use slipway_contract::metrics::{Estimates, Predictions, Table};
use slipway_contract::table::{did_you_mean, first_of, shown};
use slipway_contract::{Architecture, ClassWeights, Fault, FaultKind, Loss, Model, ModelFamily, Task};
use tch::{Device, Kind, Reduction, Tensor};

use crate::data::{Rows, Target};
use crate::failure;

/// The names of the tensors with the scale of a number.
pub(crate) const LABEL_MEAN: &str = "label.mean";
pub(crate) const LABEL_DEVIATION: &str = "label.deviation";

/// The meaning of the outputs.
#[derive(Debug)]
pub(crate) enum Head {
    /// One score for each class.
    Classes {
        /// The classes in the order of the outputs.
        classes: Vec<String>,
        /// What the outputs are divided by before the softmax.
        temperature: Option<f64>,
        /// The score from which on the second of two classes is predicted.
        threshold: Option<f32>,
    },
    /// One number, as its distance from the mean of the training rows' labels in standard deviations.
    Number { mean: f64, deviation: f64 },
}

/// The loss of a training.
pub(crate) struct Objective {
    loss: Loss,
    /// The weight of each output.
    weights: Option<Tensor>,
    label_smoothing: f64,
}

impl Head {
    /// The head for the training rows, whose indexes are `training`.
    pub(crate) fn fit(rows: &Rows, training: &Tensor) -> Result<Self, Fault> {
        let labels = match &rows.target {
            Target::Classes { classes, .. } => {
                return Ok(Self::Classes { classes: classes.clone(), temperature: None, threshold: None });
            }
            Target::Numbers(labels) => Tensor::from_slice(labels).index_select(0, training),
        };
        let (mean, deviation) = (labels.mean(Kind::Double).double_value(&[]), labels.std(false).double_value(&[]));
        if !(mean.is_finite() && deviation.is_finite() && deviation > 0.0) {
            let message = format!(
                "the labels of the training rows have the mean {mean:e} and the deviation {deviation:e}, expected finite \
                 numbers that differ"
            );
            return Err(Fault::new(FaultKind::Data, message).key("spec.data.label"));
        }
        Ok(Self::Number { mean, deviation })
    }

    /// The head of an artifact. `number` reads one of its tensors, which has one value.
    pub(crate) fn of(architecture: &Architecture, number: impl Fn(&str) -> Result<f64, Fault>) -> Result<Self, Fault> {
        match architecture.task {
            Task::Classification => Ok(Self::Classes {
                classes: architecture.classes.clone(),
                temperature: architecture.temperature,
                threshold: architecture.threshold,
            }),
            Task::Regression => Ok(Self::Number { mean: number(LABEL_MEAN)?, deviation: number(LABEL_DEVIATION)? }),
        }
    }

    /// The names of the head's tensors in an artifact.
    pub(crate) fn names(task: Task) -> &'static [&'static str] {
        match task {
            Task::Classification => &[],
            Task::Regression => &[LABEL_MEAN, LABEL_DEVIATION],
        }
    }

    /// The head's tensors, by their names in an artifact.
    pub(crate) fn tensors(&self) -> Vec<(String, Tensor)> {
        match self {
            Self::Classes { .. } => Vec::new(),
            Self::Number { mean, deviation } => [(LABEL_MEAN, mean), (LABEL_DEVIATION, deviation)]
                .map(|(name, value)| (name.to_owned(), Tensor::from_slice(&[*value])))
                .into(),
        }
    }

    /// The number of outputs that are read. A last layer may be wider.
    pub(crate) fn outputs(&self) -> i64 {
        match self {
            Self::Classes { classes, .. } => i64::try_from(classes.len()).unwrap_or(i64::MAX),
            Self::Number { .. } => 1,
        }
    }

    /// What the loss compares the outputs with: classes as indexes, or numbers as distances from the mean in deviations.
    pub(crate) fn targets(&self, rows: &Rows) -> Tensor {
        match (self, &rows.target) {
            (Self::Number { mean, deviation }, Target::Numbers(labels)) => {
                ((Tensor::from_slice(labels) - *mean) / *deviation).to_kind(Kind::Float)
            }
            (_, Target::Classes { labels, .. }) => Tensor::from_slice(labels),
            // Rows are read for the task of the head.
            (Self::Classes { .. }, Target::Numbers(labels)) => Tensor::from_slice(labels),
        }
    }

    /// The answers for a batch from the outputs of the network, on the CPU: scores of the classes (32-bit floats,
    /// `[rows, classes]`), or numbers (64-bit floats, `[rows, 1]`).
    pub(crate) fn answers(&self, outputs: &Tensor) -> Tensor {
        // Outputs beyond the known classes (a last layer that is too wide) cannot be the label.
        let outputs = outputs.narrow(1, 0, self.outputs());
        let answers = match self {
            Self::Classes { temperature: Some(temperature), .. } => (outputs / *temperature).softmax(1, Kind::Float),
            Self::Classes { temperature: None, .. } => outputs.softmax(1, Kind::Float),
            Self::Number { mean, deviation } => outputs.to_kind(Kind::Double) * *deviation + *mean,
        };
        answers.to_device(Device::Cpu).contiguous()
    }

    /// The indexes of the classes that are predicted for a batch of scores.
    pub(crate) fn predicted(&self, scores: &Tensor) -> Tensor {
        match self {
            Self::Classes { threshold: Some(threshold), .. } => {
                scores.select(1, 1).ge(f64::from(*threshold)).to_kind(Kind::Int64)
            }
            _ => scores.argmax(1, false),
        }
    }

    /// The table of predictions for rows from the answers for them, batch by batch. `place` is the index of each of these rows
    /// among `rows`.
    pub(crate) fn table(
        &self,
        answers: &[Tensor],
        rows: &Rows,
        places: &[i64],
        names: Vec<String>,
    ) -> Result<Table, Fault> {
        let label = |place: &i64| usize::try_from(*place).unwrap_or(usize::MAX);
        match (self, &rows.target) {
            (Self::Classes { classes, .. }, Target::Classes { labels, .. }) => {
                let (mut scores, mut predictions): (Vec<f32>, Vec<i64>) = (Vec::new(), Vec::new());
                for batch in answers {
                    scores.extend(values::<f32>(&batch.view([-1]))?);
                    predictions.extend(values::<i64>(&self.predicted(batch))?);
                }
                let index = |class: i64| u32::try_from(class).unwrap_or(u32::MAX);
                let of_row = |place: &i64| labels.get(label(place)).copied().map_or(u32::MAX, index);
                Ok(Table::Classes(Predictions {
                    rows: names,
                    classes: classes.clone(),
                    labels: places.iter().map(of_row).collect(),
                    predictions: predictions.into_iter().map(index).collect(),
                    scores: Some(scores),
                }))
            }
            (Self::Number { .. }, Target::Numbers(labels)) => {
                let mut predictions = Vec::with_capacity(places.len());
                for batch in answers {
                    predictions.extend(values::<f64>(&batch.view([-1]))?);
                }
                let of_row = |place: &i64| labels.get(label(place)).copied().unwrap_or(f64::NAN);
                Ok(Table::Numbers(Estimates {
                    rows: names,
                    labels: places.iter().map(of_row).collect(),
                    predictions,
                    quantiles: std::collections::BTreeMap::new(),
                }))
            }
            _ => Err(Fault::new(FaultKind::Artifact, "the artifact was trained for another task than the rows have")),
        }
    }
}

impl Objective {
    /// The loss of a specification. `outputs` is the width of the last layer, and `training` are the indexes of the training
    /// rows.
    pub(crate) fn new(model: &Model, rows: &Rows, training: &Tensor, outputs: u32) -> Result<Self, Fault> {
        let spec = &model.spec.training;
        let weights = match (&spec.class_weights, &rows.target) {
            (Some(weights), Target::Classes { labels, classes }) => {
                let counts = counts(labels, classes.len(), training)?;
                Some(floats(&class_weights(weights, classes, &counts, outputs as usize)?))
            }
            _ => None,
        };
        let label_smoothing = match &model.spec.model {
            ModelFamily::Mlp(options) => {
                options.resolved(model.spec.task, spec.metric.as_ref()).label_smoothing.unwrap_or_default()
            }
            _ => spec.label_smoothing,
        };
        Ok(Self { loss: spec.loss_for(model.spec.task), weights, label_smoothing })
    }

    /// The mean loss of a batch.
    pub(crate) fn of(&self, outputs: &Tensor, targets: &Tensor) -> Tensor {
        self.reduced(outputs, targets, Reduction::Mean)
    }

    /// The mean loss of a batch whose rows have weights. They multiply those of the classes, and the mean is divided by their sum.
    pub(crate) fn of_weighted(&self, outputs: &Tensor, targets: &Tensor, weights: &Tensor) -> Tensor {
        let losses = self.reduced(outputs, targets, Reduction::None) * weights;
        // The losses contain the weights of the classes.
        let total = match &self.weights {
            Some(of_class) => (of_class.index_select(0, targets) * weights).sum(Kind::Float),
            None => weights.sum(Kind::Float),
        };
        losses.sum(Kind::Float) / total
    }

    fn reduced(&self, outputs: &Tensor, targets: &Tensor, reduction: Reduction) -> Tensor {
        let number = || outputs.select(1, 0);
        match self.loss {
            Loss::CrossEntropy => {
                outputs.cross_entropy_loss(targets, self.weights.as_ref(), reduction, IGNORED, self.label_smoothing)
            }
            Loss::SquaredError => number().mse_loss(targets, reduction),
            Loss::AbsoluteError => number().l1_loss(targets, reduction),
            Loss::Huber { delta } => number().huber_loss(targets, reduction, delta),
        }
    }

    /// The same loss on another device.
    pub(crate) fn to_device(&self, device: Device) -> Self {
        let weights = self.weights.as_ref().map(|weights| weights.to_device(device));
        Self { loss: self.loss, weights, label_smoothing: self.label_smoothing }
    }
}

/// A label that no row has, for libtorch's option to leave rows out.
const IGNORED: i64 = -100;

/// The number of training rows of each class.
pub(crate) fn counts(labels: &[i64], classes: usize, training: &Tensor) -> Result<Vec<u64>, Fault> {
    let mut counts = vec![0; classes];
    for row in values::<i64>(training)? {
        let label = usize::try_from(row).ok().and_then(|row| labels.get(row)).copied();
        if let Some(count) = label.and_then(|label| counts.get_mut(usize::try_from(label).ok()?)) {
            *count += 1;
        }
    }
    Ok(counts)
}

/// The weight of each output. `counts` are the numbers of training rows of the classes.
pub(crate) fn class_weights(
    weights: &ClassWeights,
    classes: &[String],
    counts: &[u64],
    outputs: usize,
) -> Result<Vec<f64>, Fault> {
    // Outputs without a class keep the weight 1.
    let mut of_output = vec![1.0; outputs.max(classes.len())];
    match weights {
        ClassWeights::Named(named) => {
            for (class, weight) in named {
                let Some(place) = classes.iter().position(|known| known == class) else {
                    let known: Vec<&str> = classes.iter().map(String::as_str).collect();
                    let message = format!(
                        "no training row has the label `{}`; the labels are {}",
                        shown(class),
                        first_of(classes)
                    );
                    let fault = Fault::new(FaultKind::Specification, message).key("spec.training.class_weights");
                    return Err(Fault { help: did_you_mean(class, &known), ..fault });
                };
                of_output[place] = *weight;
            }
        }
        ClassWeights::Balanced => {
            let rows: u64 = counts.iter().sum();
            let present = counts.iter().filter(|count| **count > 0).count();
            for (weight, count) in of_output.iter_mut().zip(counts).filter(|(_, count)| **count > 0) {
                #[expect(clippy::cast_precision_loss, reason = "row counts")]
                let balanced = rows as f64 / (present as f64 * *count as f64);
                *weight = balanced;
            }
        }
    }
    Ok(of_output)
}

/// Weights as the loss of a network computes with them.
pub(crate) fn floats(weights: &[f64]) -> Tensor {
    Tensor::from_slice(weights).to_kind(Kind::Float)
}

fn values<T: tch::kind::Element>(tensor: &Tensor) -> Result<Vec<T>, Fault>
where
    Vec<T>: for<'a> TryFrom<&'a Tensor, Error = tch::TchError>,
{
    Vec::<T>::try_from(tensor).map_err(|error| failure::of_torch(&error))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn balanced_weights_are_those_of_scikit_learn_and_named_ones_go_by_name() {
        // compute_class_weight("balanced", classes=[0, 1], y=[0, 0, 0, 1]) of scikit-learn 1.9 gives [0.667, 2.0].
        let classes = ["bad", "good"].map(str::to_owned);
        let balanced = class_weights(&ClassWeights::Balanced, &classes, &[3, 1], 3).expect("weights");
        assert_eq!(balanced, [2.0 / 3.0, 2.0, 1.0]);
        let named = |class: &str| ClassWeights::Named(BTreeMap::from([(class.to_owned(), 2.5)]));
        assert_eq!(class_weights(&named("good"), &classes, &[3, 1], 2).expect("weights"), [1.0, 2.5]);
        let fault = class_weights(&named("godo"), &classes, &[3, 1], 2).expect_err("unknown");
        assert!(fault.to_string().contains("`good`"), "{fault}");
    }

    #[test]
    fn losses_are_those_of_pytorch() {
        // torch.nn.functional of PyTorch 2.11.0 for outputs [[1, -2], [0.5, 3]].
        let outputs = Tensor::from_slice2(&[[1.0_f32, -2.0], [0.5, 3.0]]);
        let objective = |loss, weights: Option<[f32; 2]>, label_smoothing| Objective {
            loss,
            weights: weights.map(|weights| Tensor::from_slice(&weights)),
            label_smoothing,
        };
        let classes = Tensor::from_slice(&[0_i64, 0]);
        let numbers = Tensor::from_slice(&[0.0_f32, 3.0]);
        for (objective, targets, expected) in [
            (objective(Loss::CrossEntropy, None, 0.0), &classes, 1.313_738_5),
            (objective(Loss::SquaredError, None, 0.0), &numbers, 3.625),
            (objective(Loss::AbsoluteError, None, 0.0), &numbers, 1.75),
            (objective(Loss::Huber { delta: 1.5 }, None, 0.0), &numbers, 1.5625),
        ] {
            let found = objective.of(&outputs, targets).double_value(&[]);
            assert!((found - expected).abs() < 1e-5, "{found} is not {expected}");
        }
        // The mean is divided by the sum of the weights of the rows: (4 · 0.0486 + 1 · 0.0789) / (4 + 1).
        let both = Tensor::from_slice(&[0_i64, 1]);
        let weighted = objective(Loss::CrossEntropy, Some([4.0, 1.0]), 0.0).of(&outputs, &both).double_value(&[]);
        assert!((weighted - (4.0 * 0.048_587_35 + 0.078_889_73) / 5.0).abs() < 1e-5, "{weighted}");
        // A row of weight 3 counts like three rows, and weights of classes multiply it.
        let (rows, thrice) = (Tensor::from_slice(&[3.0_f32, 1.0]), Tensor::from_slice(&[0_i64, 0, 0, 1]));
        for weights in [None, Some([4.0, 1.0])] {
            let objective = objective(Loss::CrossEntropy, weights, 0.0);
            let found = objective.of_weighted(&outputs, &Tensor::from_slice(&[0_i64, 1]), &rows).double_value(&[]);
            let repeated = outputs.index_select(0, &thrice);
            let expected = objective.of(&repeated, &Tensor::from_slice(&[0_i64, 0, 0, 1])).double_value(&[]);
            assert!((found - expected).abs() < 1e-6, "{found} is not {expected}");
        }
        let smooth = objective(Loss::CrossEntropy, None, 0.5).of(&outputs, &classes).double_value(&[]);
        let expected = ((0.048_587_35 + 0.25 * 3.0) + (2.578_889_7 - 0.25 * 2.5)) / 2.0;
        assert!((smooth - expected).abs() < 1e-5, "{smooth} is not {expected}");
    }
}
