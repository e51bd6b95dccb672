//! The steps between the values of a row and the first layer.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserializer, SeqAccess, Visitor, value::SeqAccessDeserializer};
use serde::{Deserialize, Serialize};

use crate::{DataSpec, Shape};

/// One step. In a table with typed columns the steps work on the columns of numbers; the other columns are encoded beside them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Preprocess {
    /// The usual steps: `robust_scale` and `smooth_clip` for tables, `{scale: {divide_by: 255}}` for images.
    Auto,
    /// How missing numbers of typed columns are replaced. Without this step it is done with the defaults of its options.
    Impute(ImputeOptions),
    /// How categories of typed columns are encoded. Without this step it is done with the defaults of its options.
    OneHot(OneHotOptions),
    /// Divides every value.
    Scale(ScaleOptions),
    /// Subtracts the mean of each value and divides by its standard deviation. Both are computed over the training rows.
    Standardize,
    /// Subtracts the median of each value and divides by the distance of its quartiles, or, if that is zero, by half the distance
    /// of its extremes (Holzmüller et al., 2024, "Better by Default", section 3). All are computed over the training rows.
    RobustScale,
    /// Replaces x by `x / sqrt(1 + (x/3)²)`, which lies between -3 and 3 (the same paper).
    SmoothClip,
    /// Replaces x by `sign(x) · ln(1 + |x|)` in some columns of numbers.
    Log(LogOptions),
    /// Gives a row another shape with the same number of values, such as `[1, 28, 28]`.
    Reshape(Vec<u32>),
}

/// How missing numbers are replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ImputeOptions {
    /// The value that replaces a missing one.
    #[serde(default)]
    pub strategy: ImputeStrategy,
    /// Whether columns with missing values in training rows get a second value: 1 where the value is missing, 0 elsewhere.
    #[serde(default = "yes")]
    pub add_indicator: bool,
}

impl Default for ImputeOptions {
    fn default() -> Self {
        Self { strategy: ImputeStrategy::default(), add_indicator: true }
    }
}

/// The value that replaces a missing number, computed over the training rows that have one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ImputeStrategy {
    /// The mean.
    #[default]
    Mean,
    /// The median.
    Median,
}

/// How categories are encoded: a value for each category, 1 for the category of the row and 0 for the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OneHotOptions {
    /// The fewest training rows of a category. Rarer ones are encoded like unseen ones: all values are 0.
    #[serde(default = "one")]
    #[schemars(range(min = 1))]
    pub min_frequency: u64,
}

impl Default for OneHotOptions {
    fn default() -> Self {
        Self { min_frequency: one() }
    }
}

/// The columns whose logarithm is taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LogOptions {
    /// The names of the columns.
    #[schemars(length(min = 1))]
    pub columns: Vec<String>,
}

/// Options of scaling.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScaleOptions {
    /// The divisor, not zero.
    pub divide_by: f64,
}

fn yes() -> bool {
    true
}

fn one() -> u64 {
    1
}

impl Preprocess {
    /// The name of the step in `slipway.yaml`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Impute(_) => "impute",
            Self::OneHot(_) => "one_hot",
            Self::Scale(_) => "scale",
            Self::Standardize => "standardize",
            Self::RobustScale => "robust_scale",
            Self::SmoothClip => "smooth_clip",
            Self::Log(_) => "log",
            Self::Reshape(_) => "reshape",
        }
    }

    /// Whether the step only sets options of the encoding of typed columns.
    pub fn is_of_encoding(&self) -> bool {
        matches!(self, Self::Impute(_) | Self::OneHot(_))
    }

    /// Whether the step computes statistics over the training rows.
    pub fn is_fitted(&self) -> bool {
        matches!(self, Self::Standardize | Self::RobustScale)
    }

    /// The steps with `auto` written out.
    pub fn resolved(steps: &[Self], data: &DataSpec) -> Vec<Self> {
        let usual = match data {
            DataSpec::Idx { .. } => vec![Self::Scale(ScaleOptions { divide_by: 255.0 })],
            DataSpec::Csv(_) | DataSpec::Jsonl(_) | DataSpec::Parquet(_) => vec![Self::RobustScale, Self::SmoothClip],
        };
        let written_out = |step: &Self| if *step == Self::Auto { usual.clone() } else { vec![step.clone()] };
        steps.iter().flat_map(written_out).collect()
    }

    /// The shape of a row after this step, or the message and the help text of a mismatch.
    pub fn shape_after(&self, input: &Shape) -> Result<Shape, (String, String)> {
        match self {
            Self::Scale(ScaleOptions { divide_by }) if *divide_by == 0.0 || !divide_by.is_finite() => Err((
                format!("`divide_by` is {divide_by}, expected a number other than zero"),
                "use 255 for bytes".to_owned(),
            )),
            Self::Reshape(sizes) => {
                let shape = Shape(sizes.clone());
                if shape.values() == input.values() && !sizes.is_empty() {
                    return Ok(shape);
                }
                Err((
                    format!(
                        "rows of shape {input} contain {} values, but `reshape` to {shape} requires {}",
                        input.values(),
                        shape.values()
                    ),
                    "choose sizes with the same product".to_owned(),
                ))
            }
            _ => Ok(input.clone()),
        }
    }
}

/// Reads the steps: a list, or the single word `auto`.
pub(crate) fn deserialize_steps<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Preprocess>, D::Error> {
    struct Steps;

    impl<'de> Visitor<'de> for Steps {
        type Value = Vec<Preprocess>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list of steps, or `auto`")
        }

        fn visit_str<E: serde::de::Error>(self, word: &str) -> Result<Self::Value, E> {
            if word == "auto" {
                return Ok(vec![Preprocess::Auto]);
            }
            Err(E::invalid_value(serde::de::Unexpected::Str(word), &self))
        }

        fn visit_seq<A: SeqAccess<'de>>(self, steps: A) -> Result<Self::Value, A::Error> {
            Vec::deserialize(SeqAccessDeserializer::new(steps))
        }
    }

    deserializer.deserialize_any(Steps)
}

/// The schema of the steps: a list, or the single word `auto`.
pub(crate) fn schema_of_steps(generator: &mut SchemaGenerator) -> Schema {
    let steps = generator.subschema_for::<Vec<Preprocess>>();
    json_schema!({"anyOf": [steps, {"const": "auto"}]})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn auto_is_written_out_by_the_kind_of_rows() {
        let data = |value: serde_json::Value| serde_json::from_value::<DataSpec>(value).expect("data");
        let table = data(serde_json::json!({
            "format": "csv", "train": {"file": "a"}, "test": {"file": "b"}, "label": "y"
        }));
        let files = serde_json::json!({"features": "a", "labels": "b"});
        let images = data(serde_json::json!({"format": "idx", "train": files, "test": files}));
        let log = Preprocess::Log(LogOptions { columns: vec!["a".to_owned()] });
        let steps = [log.clone(), Preprocess::Auto];
        assert_eq!(Preprocess::resolved(&steps, &table), [log, Preprocess::RobustScale, Preprocess::SmoothClip]);
        let divided = Preprocess::Scale(ScaleOptions { divide_by: 255.0 });
        assert_eq!(Preprocess::resolved(&[Preprocess::Auto], &images), [divided]);
    }

    #[test]
    fn sizes_beyond_counting_are_refused_and_never_wrap() {
        let huge = Preprocess::Reshape(vec![u32::MAX; 3]);
        assert!(huge.shape_after(&Shape(vec![4])).is_err());
    }
}
