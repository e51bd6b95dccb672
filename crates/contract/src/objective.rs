//! What a training minimises, and which epoch's weights it keeps.

use std::collections::BTreeMap;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserializer, MapAccess, Visitor, value::MapAccessDeserializer};
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};

/// The loss, as the mean over the rows of a step.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Loss {
    /// The cross-entropy of the label's score. The default of `classification`.
    CrossEntropy,
    /// The squared error of the label, divided by its standard deviation. The default of `regression`.
    SquaredError,
    /// The absolute error of the label, divided by its standard deviation.
    AbsoluteError,
    /// Squared for errors up to `delta`, absolute beyond it (Huber, 1964; `torch.nn.HuberLoss`).
    Huber {
        /// The limit, in standard deviations of the label, above zero.
        delta: f64,
    },
}

impl Loss {
    /// Its name in `slipway.yaml`.
    pub fn name(self) -> &'static str {
        match self {
            Self::CrossEntropy => "cross_entropy",
            Self::SquaredError => "squared_error",
            Self::AbsoluteError => "absolute_error",
            Self::Huber { .. } => "huber",
        }
    }
}

/// The weights whose epoch is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Keep {
    /// The epoch with the best value of `metric` on the validation rows; of equal ones the first.
    Best,
    /// The last epoch.
    Last,
}

/// How the scores of classes are corrected, so that they are probabilities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Calibration {
    /// The outputs before the softmax are divided by one number, which minimises the log loss on the validation rows (Guo et al., 2017).
    /// It is below one only if labels are smoothed, because few validation rows would otherwise make scores overconfident.
    Temperature,
}

/// When a training ends before its last epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EarlyStopping {
    /// The number of epochs without a better value of `metric` on the validation rows, at least 1.
    #[schemars(range(min = 1))]
    pub patience: u32,
}

/// The weights of the classes in the loss. The mean over a step's rows is weighted by them, as in `torch.nn.CrossEntropyLoss`.
#[derive(Debug, Clone, PartialEq)]
pub enum ClassWeights {
    /// Rows divided by (classes × rows of the class), as in scikit-learn.
    Balanced,
    /// A weight for each named class. Other classes have the weight 1.
    Named(BTreeMap<String, f64>),
}

const BALANCED: &str = "balanced";

impl Serialize for ClassWeights {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Balanced => BALANCED.serialize(serializer),
            Self::Named(weights) => weights.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for ClassWeights {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Written;

        impl<'de> Visitor<'de> for Written {
            type Value = ClassWeights;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`balanced`, or a weight for each class (`{bad: 2.5}`)")
            }

            fn visit_str<E: serde::de::Error>(self, word: &str) -> Result<ClassWeights, E> {
                if word == BALANCED {
                    return Ok(ClassWeights::Balanced);
                }
                Err(E::invalid_value(serde::de::Unexpected::Str(word), &self))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ClassWeights, A::Error> {
                BTreeMap::deserialize(MapAccessDeserializer::new(map)).map(ClassWeights::Named)
            }
        }

        deserializer.deserialize_any(Written)
    }
}

impl JsonSchema for ClassWeights {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ClassWeights".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "The weights of the classes in the loss: `balanced`, or a weight for each named class.",
            "anyOf": [
                {"const": BALANCED},
                {"type": "object", "additionalProperties": {"type": "number", "exclusiveMinimum": 0}}
            ]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn class_weights_are_a_word_or_numbers_by_name() {
        for written in [serde_json::json!("balanced"), serde_json::json!({"bad": 2.5})] {
            let read: ClassWeights = serde_json::from_value(written.clone()).expect("weights");
            assert_eq!(serde_json::to_value(&read).expect("written"), written);
        }
        let fault = serde_json::from_value::<ClassWeights>(serde_json::json!("even")).expect_err("no word");
        assert!(fault.to_string().contains("expected `balanced`"), "{fault}");
    }
}
