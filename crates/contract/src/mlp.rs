//! The family `mlp` (`RealMLP`): its options with their defaults, and the arrangement of its inputs.
//!
//! The network and its defaults are those of Holzmüller, Grinsztajn and Steinwart (2024), "Better by Default: Strong Pre-Tuned
//! MLPs and Boosted Trees on Tabular Data", and of their package pytabkit.

use std::ops::Range;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::metrics::Metric;
use crate::{ColumnEncoding, Task};

/// The options of a multilayer perceptron for tables.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MlpOptions {
    /// `td`, or `td_s`, which is simpler and faster.
    pub variant: MlpVariant,
    /// The widths of the hidden layers, 1 to 16 of 1 to 4,096.
    #[schemars(length(min = 1, max = 16))]
    pub hidden: Vec<u32>,
    /// The activation of the hidden layers. By default `selu` for classification and `mish` for regression.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub activation: Option<MlpActivation>,
    /// The share of the values of each hidden layer that a step leaves out, from 0 up to (not including) 1. It stays for half of the
    /// training and then falls to zero along a cosine. By default 0.15, and 0 for `td_s`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dropout: Option<f64>,
    /// The largest step size of Adam, above zero. It rises from zero and falls to zero four times, along cosines of growing length. By
    /// default 0.04 for classification, and for regression 0.2, or 0.07 for `td_s`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub learning_rate: Option<f64>,
    /// The decoupled weight decay, at least zero, with the schedule of `dropout`. By default 0.02, and 0 for `td_s`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight_decay: Option<f64>,
    /// The share of each label that is spread evenly over all classes, from 0 up to (not including) 1. By default 0.1 if
    /// `training.metric` is one of predicted classes, such as `accuracy`. It is 0 otherwise, because smoothed labels make
    /// probabilities that are too even.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label_smoothing: Option<f64>,
}

/// Which of the two networks of the paper.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MlpVariant {
    /// With periodic embeddings of numbers, embeddings of categories with many values, activations with a trained share, initial
    /// weights that fit the training rows, dropout and weight decay.
    #[default]
    Td,
    /// Without these.
    TdS,
}

/// The activation of hidden layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MlpActivation {
    /// Klambauer et al., 2017.
    Selu,
    /// Misra, 2019.
    Mish,
}

impl Default for MlpOptions {
    fn default() -> Self {
        Self {
            variant: MlpVariant::Td,
            hidden: vec![256; 3],
            activation: None,
            dropout: None,
            learning_rate: None,
            weight_decay: None,
            label_smoothing: None,
        }
    }
}

impl MlpOptions {
    /// The number of passes over the training rows, if nothing else is said.
    pub const EPOCHS: u32 = 256;
    /// The number of rows of a step, if nothing else is said.
    pub const BATCH_SIZE: u32 = 256;

    /// The same options with every default written out. `metric` is that of the specification, if it names one.
    #[must_use]
    pub fn resolved(&self, task: Task, metric: Option<&Metric>) -> Self {
        let is_full = self.variant == MlpVariant::Td;
        let learning_rate = match (task, self.variant) {
            (Task::Classification, _) => 0.04,
            (Task::Regression, MlpVariant::Td) => 0.2,
            (Task::Regression, MlpVariant::TdS) => 0.07,
        };
        let of_classes = task == Task::Classification && metric.is_some_and(|metric| !metric.needs_scores());
        Self {
            variant: self.variant,
            hidden: self.hidden.clone(),
            activation: Some(self.activation.unwrap_or(match task {
                Task::Classification => MlpActivation::Selu,
                Task::Regression => MlpActivation::Mish,
            })),
            dropout: Some(self.dropout.unwrap_or(if is_full { 0.15 } else { 0.0 })),
            learning_rate: Some(self.learning_rate.unwrap_or(learning_rate)),
            weight_decay: Some(self.weight_decay.unwrap_or(if is_full { 0.02 } else { 0.0 })),
            label_smoothing: Some(self.label_smoothing.unwrap_or(if of_classes { 0.1 } else { 0.0 })),
        }
    }
}

/// Where the encoded inputs of a row go. The encoded inputs are those of the typed columns, or the numbers of a table without types.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MlpLayout {
    /// The number of columns of numbers, which are the first inputs.
    pub numbers: u32,
    /// The inputs that are scaled and used as they are: indicators, binary columns, and categories with few values.
    pub plain: Vec<Range<u32>>,
    /// The inputs of each category with many values, which become [`MlpLayout::CATEGORY_WIDTH`] values.
    pub embedded: Vec<Range<u32>>,
    is_periodic: bool,
}

impl MlpLayout {
    /// The frequencies of the periodic embedding of a number.
    pub const FREQUENCIES: u32 = 16;
    /// The values that a number becomes: itself, and three sums of cosines.
    pub const NUMBER_WIDTH: u32 = 4;
    /// The values that a category with many values becomes.
    pub const CATEGORY_WIDTH: u32 = 8;
    /// The most inputs of a category that are used as they are.
    const MAX_ONE_HOT: u32 = 8;

    /// The arrangement for typed columns, or for `columns` numbers.
    pub fn of(variant: MlpVariant, encodings: Option<&[ColumnEncoding]>, columns: usize) -> Self {
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let is_periodic = variant == MlpVariant::Td;
        let Some(encodings) = encodings else {
            return Self { numbers: count(columns), plain: Vec::new(), embedded: Vec::new(), is_periodic };
        };
        let numbers = count(encodings.iter().filter(|encoding| encoding.values().is_none()).count());
        let (mut plain, mut embedded, mut start) = (Vec::new(), Vec::new(), numbers);
        let mut next = |width: usize, is_category: bool| {
            let end = start.saturating_add(count(width));
            let list =
                if is_category && is_periodic && end - start > Self::MAX_ONE_HOT { &mut embedded } else { &mut plain };
            list.push(start..end);
            start = end;
        };
        // The order of the encoded inputs: indicators and places of dates, binary columns, categories.
        let indicators = encodings.iter().filter(|encoding| encoding.values().is_none());
        let indicators: usize = indicators.map(|encoding| encoding.width() - 1).sum();
        let is_binary = |encoding: &&ColumnEncoding| matches!(encoding, ColumnEncoding::Binary { .. });
        let before = indicators + encodings.iter().filter(is_binary).count();
        if before > 0 {
            next(before, false);
        }
        for encoding in encodings {
            if matches!(encoding, ColumnEncoding::Category { .. }) {
                next(encoding.width(), true);
            }
        }
        Self { numbers, plain, embedded, is_periodic }
    }

    /// Whether numbers have periodic embeddings.
    pub fn is_periodic(&self) -> bool {
        self.is_periodic && self.numbers > 0
    }

    /// The number of inputs that are scaled and used as they are.
    pub fn plain_width(&self) -> u32 {
        self.plain.iter().map(|range| range.end - range.start).sum()
    }

    /// The number of values at the first layer.
    pub fn width(&self) -> u32 {
        let of_number = if self.is_periodic { Self::NUMBER_WIDTH } else { 1 };
        let categories = u32::try_from(self.embedded.len()).unwrap_or(u32::MAX).saturating_mul(Self::CATEGORY_WIDTH);
        self.numbers.saturating_mul(of_number).saturating_add(self.plain_width()).saturating_add(categories)
    }

    /// The number of weights of the hidden layers and of the last layer, without those of the inputs.
    pub fn weights(&self, hidden: &[u32], outputs: u32) -> u64 {
        let widths = hidden.iter().copied().chain([outputs]);
        let inputs = std::iter::once(self.width()).chain(hidden.iter().copied());
        inputs.zip(widths).map(|(input, output)| u64::from(input) * u64::from(output)).fold(0, u64::saturating_add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn category(count: usize, indicator: bool) -> ColumnEncoding {
        let values = (0..count).map(|value| value.to_string()).collect();
        ColumnEncoding::Category { missing: Vec::new(), values, indicator }
    }

    #[test]
    fn inputs_are_arranged_in_the_order_of_the_encoding() {
        let number = |indicator| ColumnEncoding::Number { missing: Vec::new(), indicator };
        let binary = ColumnEncoding::Binary { missing: Vec::new(), values: ["no", "yes"].map(str::to_owned) };
        let columns = [category(8, false), number(true), category(8, true), binary, number(false)];
        let layout = MlpLayout::of(MlpVariant::Td, Some(&columns), 5);
        // Two numbers, an indicator and a binary column, eight and nine inputs of categories.
        assert_eq!((layout.numbers, layout.plain.as_slice()), (2, &[2..4, 4..12][..]));
        assert_eq!(layout.embedded, vec![Range { start: 12, end: 21 }]);
        assert_eq!(layout.width(), 2 * 4 + 10 + 8);
        assert_eq!(layout.weights(&[256, 64], 3), 26 * 256 + 256 * 64 + 64 * 3);
        let simple = MlpLayout::of(MlpVariant::TdS, Some(&columns), 5);
        assert_eq!((simple.width(), simple.embedded.len(), simple.is_periodic()), (21, 0, false));
        assert_eq!(MlpLayout::of(MlpVariant::Td, None, 7).width(), 28);
    }

    #[test]
    fn labels_are_smoothed_only_if_predicted_classes_are_compared() {
        let smoothing = |metric: Option<&Metric>| {
            MlpOptions::default().resolved(Task::Classification, metric).label_smoothing.expect("a default")
        };
        assert!((smoothing(Some(&Metric::Accuracy)) - 0.1).abs() < 1e-12);
        for metric in [Some(&Metric::LogLoss), None] {
            assert!(smoothing(metric).abs() < 1e-12, "{metric:?}");
        }
    }
}
