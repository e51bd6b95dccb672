//! The settings of the training.

use super::Problems;
use crate::metrics::{Metric, Subject};
use crate::{ClassWeights, Keep, Loss, Model, Optimizer, Task};

/// The weights that 32-bit floats can compute with.
const WEIGHTS: std::ops::RangeInclusive<f64> = 1e-6..=1e6;

impl Model {
    pub(super) fn check_training(&self, problems: &mut Problems) {
        let training = &self.spec.training;
        let needed = [
            ("optimizer", training.optimizer.is_some()),
            ("epochs", training.epochs.is_some()),
            ("batch_size", training.batch_size.is_some()),
        ];
        for (key, _) in needed.into_iter().filter(|(_, is_set)| self.spec.model.layers().is_some() && !is_set) {
            problems.add("spec.training", format!("missing key `{key}`"), "a network needs it");
        }
        let ranges = [("epochs", training.epochs, 10_000), ("batch_size", training.batch_size, 65_536)];
        for (key, value, most) in ranges {
            if let Some(value) = value.filter(|value| !(1..=most).contains(value)) {
                problems.add(
                    &format!("spec.training.{key}"),
                    format!("{value} is out of range, expected 1 to {most}"),
                    "",
                );
            }
        }
        let Some(optimizer) = training.optimizer else { return };
        let (key, learning_rate, weight_decay) = match optimizer {
            Optimizer::Sgd { learning_rate, momentum, weight_decay } => {
                if !(0.0..1.0).contains(&momentum) {
                    let message = format!("{momentum} is out of range, expected 0 up to (not including) 1");
                    problems.add("spec.training.optimizer.sgd.momentum", message, "0.9 is a common value");
                }
                ("sgd", learning_rate, weight_decay)
            }
            Optimizer::Adam { learning_rate, weight_decay } => ("adam", learning_rate, weight_decay),
            Optimizer::AdamW { learning_rate, weight_decay } => ("adamw", learning_rate, weight_decay),
        };
        if !(learning_rate > 0.0 && learning_rate.is_finite()) {
            let message = format!("{learning_rate} is out of range, expected a number above zero");
            problems.add(&format!("spec.training.optimizer.{key}.learning_rate"), message, "1e-3 is a common value");
        }
        if !(weight_decay >= 0.0 && weight_decay.is_finite()) {
            let message = format!("{weight_decay} is out of range, expected zero or more");
            problems.add(&format!("spec.training.optimizer.{key}.weight_decay"), message, "");
        }
    }

    /// Checks what is minimised, and which epoch is kept.
    pub(super) fn check_objective(&self, problems: &mut Problems) {
        let (task, training) = (self.spec.task, &self.spec.training);
        let of_classes = training.loss_for(task) == Loss::CrossEntropy;
        if of_classes != (task == Task::Classification) {
            let message = format!("`{}` is not a loss of {}", training.loss_for(task).name(), task.name());
            let help = match task {
                Task::Classification => "`cross_entropy` is the loss of classification",
                Task::Regression => "expected `squared_error`, `absolute_error` or `{huber: {delta: 1}}`",
            };
            problems.add("spec.training.loss", message, help);
        }
        if let Some(Loss::Huber { delta }) = training.loss
            && !WEIGHTS.contains(&delta)
        {
            problems.add(
                "spec.training.loss.huber.delta",
                format!("{delta} is out of range, expected 1e-6 to 1e6"),
                "1 is a common value",
            );
        }
        let smoothing = training.label_smoothing;
        if !(0.0..1.0).contains(&smoothing) {
            let message = format!("{smoothing} is out of range, expected 0 up to (not including) 1");
            problems.add("spec.training.label_smoothing", message, "0.1 is a common value");
        }
        if task == Task::Regression {
            let of_classes = [
                ("class_weights", training.class_weights.is_some()),
                ("label_smoothing", smoothing > 0.0),
                ("calibration", training.calibration.is_some()),
                ("threshold", training.threshold.is_some()),
            ];
            for (key, is_set) in of_classes {
                if is_set {
                    let message = format!("`{key}` is for classification, and the task is regression");
                    problems.add(&format!("spec.training.{key}"), message, "leave it out");
                }
            }
        }
        if let Some(ClassWeights::Named(weights)) = &training.class_weights {
            for (class, weight) in weights.iter().filter(|(_, weight)| !WEIGHTS.contains(*weight)) {
                let message = format!("{weight} is out of range, expected 1e-6 to 1e6");
                problems.add(&format!("spec.training.class_weights.{class}"), message, "1 is the default");
            }
        }
        self.check_epoch_choice(problems);
        self.check_answers(problems);
    }

    /// Checks what is fitted to the validation rows after training.
    fn check_answers(&self, problems: &mut Problems) {
        let (task, training) = (self.spec.task, &self.spec.training);
        let fitted = [("calibration", training.calibration.is_some()), ("threshold", training.threshold.is_some())];
        for (key, _) in fitted.into_iter().filter(|(_, is_set)| *is_set && !self.spec.data.is_validated()) {
            let message = format!("`{key}` is fitted to validation rows, and there are none");
            problems.add(&format!("spec.training.{key}"), message, "set `validation_split`; 0.2 is a common value");
        }
        if let Some(metric) = training.threshold.as_ref().filter(|_| task == Task::Classification)
            && !is_of_predicted_classes(metric)
        {
            let message = format!("{metric} does not depend on the threshold alone");
            let help = "expected a metric of predicted classes, such as `balanced_accuracy` or `{f1: {class: yes}}`";
            problems.add("spec.training.threshold", message, help);
        }
    }

    fn check_epoch_choice(&self, problems: &mut Problems) {
        let (task, training) = (self.spec.task, &self.spec.training);
        if let Some(metric) = &training.metric
            && (subject_of(metric) != Some(task) || !metric.is_stated())
        {
            let message = format!("{metric} cannot compare epochs of a model whose task is {}", task.name());
            let help = match task {
                Task::Classification => "expected a metric of classes or scores, such as `log_loss` or `roc_auc`",
                Task::Regression => "expected a metric of numbers, such as `mean_absolute_error`",
            };
            problems.add("spec.training.metric", message, help);
        }
        let needs_rows = [
            ("keep", training.keep == Some(Keep::Best)),
            ("metric", training.metric.is_some()),
            ("early_stopping", training.early_stopping.is_some()),
        ];
        if !self.spec.data.is_validated() {
            for (key, _) in needs_rows.iter().filter(|(_, is_set)| *is_set) {
                let message = format!("`{key}` compares epochs on validation rows, and there are none");
                problems.add(&format!("spec.training.{key}"), message, "set `validation_split`; 0.2 is a common value");
            }
        }
        if training.early_stopping.is_some_and(|stopping| stopping.patience == 0) {
            problems.add(
                "spec.training.early_stopping.patience",
                "0 is out of range, expected at least 1",
                "10 is a common value",
            );
        }
    }
}

/// Whether a metric weighs the errors of both classes in the predictions, so that the best threshold is no end of the scores.
fn is_of_predicted_classes(metric: &Metric) -> bool {
    matches!(
        metric,
        Metric::Accuracy
            | Metric::BalancedAccuracy
            | Metric::F1(_)
            | Metric::FBeta { .. }
            | Metric::MatthewsCorrelation
            | Metric::CohenKappa
    )
}

/// The task whose predictions the metric measures; `None` if it measures something else.
pub(super) fn subject_of(metric: &Metric) -> Option<Task> {
    match metric.subject() {
        Subject::Classes => Some(Task::Classification),
        Subject::Numbers => Some(Task::Regression),
        Subject::Rows | Subject::Artifact => None,
    }
}
