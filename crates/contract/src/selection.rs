//! The selection of settings on validation rows: which are tried, and what came of it. The test rows are never used for it.

use std::collections::BTreeMap;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::metrics::Metric;
use crate::{Digest, Model, ModelFamily};

/// The `selection` part of `slipway.yaml`: settings are trained one after the other, and the best by `training.metric` on the validation
/// rows is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Selection {
    /// How settings are chosen.
    #[serde(default)]
    pub search: Search,
    /// The number of settings that are tried, 2 to 1,000: 20 by default, and with `grid` all combinations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 2, max = 1000))]
    pub trials: Option<u32>,
    /// The seconds after which no further trial begins. The number of trials, and so the artifact, then depends on the machine. By
    /// default there is no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub seconds: Option<u32>,
    /// The seed of drawn values.
    #[serde(default)]
    pub seed: u32,
    /// The values of each setting, by its path below `spec`: of `model`, `preprocess` or `training`, such as
    /// `model.gradient_boosted_trees.max_leaves`.
    pub over: BTreeMap<String, Candidates>,
}

/// How settings are chosen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Search {
    /// Every trial draws a value of each setting.
    #[default]
    Random,
    /// Every combination of the values, the last setting changing first.
    Grid,
    /// Drawn settings are trained with a ninth of the epochs or rounds, the best third of them with a third, and the best third of those
    /// in full (successive halving: Jamieson and Talwalkar, 2016).
    Halving,
}

/// The values of a setting that may be chosen.
#[derive(Debug, Clone, PartialEq)]
pub enum Candidates {
    /// One of these.
    Values(Vec<Value>),
    /// A number between two, all equally likely.
    Uniform([f64; 2]),
    /// A number between two above zero, whose logarithms are equally likely.
    LogUniform([f64; 2]),
}

/// The written form of a range.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Range {
    Uniform([f64; 2]),
    LogUniform([f64; 2]),
}

impl Serialize for Candidates {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Values(values) => values.serialize(serializer),
            Self::Uniform(ends) => Range::Uniform(*ends).serialize(serializer),
            Self::LogUniform(ends) => Range::LogUniform(*ends).serialize(serializer),
        }
    }
}

// Not an untagged enum, whose mistakes would not be named.
impl<'de> Deserialize<'de> for Candidates {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Written;

        impl<'de> Visitor<'de> for Written {
            type Value = Candidates;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of values, `{uniform: [0, 0.5]}` or `{log_uniform: [1e-4, 1e-1]}`")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Candidates, A::Error> {
                let mut values = Vec::new();
                while let Some(value) = list.next_element()? {
                    values.push(value);
                }
                Ok(Candidates::Values(values))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Candidates, A::Error> {
                Range::deserialize(MapAccessDeserializer::new(map)).map(|range| match range {
                    Range::Uniform(ends) => Candidates::Uniform(ends),
                    Range::LogUniform(ends) => Candidates::LogUniform(ends),
                })
            }
        }

        deserializer.deserialize_any(Written)
    }
}

impl JsonSchema for Candidates {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Candidates".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let range = generator.subschema_for::<Range>();
        json_schema!({
            "description": "The values of a setting: a list, or a range of numbers.",
            "anyOf": [{"type": "array", "minItems": 1, "items": true}, range]
        })
    }
}

/// The values of a trial, by their paths.
pub type Settings = BTreeMap<String, Value>;

impl Selection {
    /// The default number of drawn trials.
    pub const TRIALS: u32 = 20;
    /// The most trials.
    pub const MAX_TRIALS: u32 = 1_000;
    /// The shares of the epochs or rounds of `halving`, as divisors.
    pub const DIVISORS: [u32; 3] = [9, 3, 1];

    /// The number of combinations of the values; `None` if there is a range, or more than can be counted.
    pub fn combinations(&self) -> Option<u64> {
        self.over.values().try_fold(1_u64, |product, candidates| match candidates {
            Candidates::Values(values) => product.checked_mul(values.len() as u64),
            Candidates::Uniform(_) | Candidates::LogUniform(_) => None,
        })
    }

    /// The combination with this number, counted from zero. Ranges have no combinations and are left out.
    pub fn combination(&self, number: u64) -> Settings {
        let mut rest = number;
        let mut settings = Settings::new();
        for (path, candidates) in self.over.iter().rev() {
            let Candidates::Values(values) = candidates else { continue };
            let count = (values.len() as u64).max(1);
            let place = usize::try_from(rest % count).unwrap_or(0);
            settings.extend(values.get(place).map(|value| (path.clone(), value.clone())));
            rest /= count;
        }
        settings
    }
}

impl Model {
    /// The model with the values of a trial in place of its own, and without the selection; or why a value does not fit its path.
    ///
    /// # Errors
    /// The path, and what is wrong with it or its value.
    pub fn with_settings(&self, settings: &Settings) -> Result<Self, (String, String)> {
        let mut model = self.clone();
        model.spec.selection = None;
        // Shorter paths come first, so that a family is chosen before its options.
        for (path, value) in settings {
            let mut spec = serde_json::to_value(&model.spec).expect("a specification holds only texts and numbers");
            *place_of(&mut spec, path).map_err(|problem| (path.clone(), problem))? = value.clone();
            model.spec = serde_json::from_value(spec).map_err(|error| (path.clone(), error.to_string()))?;
        }
        Ok(model)
    }

    /// The model with its epochs or rounds divided, at least one. Families without them stay as they are.
    #[must_use]
    pub fn with_resource_divided(&self, divisor: u32) -> Self {
        let mut model = self.clone();
        let divided = |count: u32| count.div_ceil(divisor.max(1));
        let is_observed = model.spec.data.is_validated();
        if let ModelFamily::GradientBoostedTrees(options) = &mut model.spec.model {
            options.rounds = Some(divided(options.rounds_for(is_observed)));
        }
        model.spec.training.epochs = model.spec.training.epochs.map(divided);
        model
    }
}

/// The place of a path of keys and indexes. The last key may be missing.
fn place_of<'value>(spec: &'value mut Value, path: &str) -> Result<&'value mut Value, String> {
    let mut place = spec;
    for part in path.split('.') {
        place = match place {
            Value::Array(list) => {
                let count = list.len();
                let index = part.parse::<usize>().ok().filter(|index| *index < count);
                let index = index.ok_or_else(|| format!("`{part}` is no index below {count}"))?;
                &mut list[index]
            }
            Value::Object(map) => map.entry(part).or_insert(Value::Null),
            Value::Null => {
                *place = Value::Object(serde_json::Map::new());
                let Value::Object(map) = place else { return Err("it has no keys".to_owned()) };
                map.entry(part).or_insert(Value::Null)
            }
            _ => return Err(format!("`{part}` is below a plain value")),
        };
    }
    Ok(place)
}

/// `selection.json`, beside the training report: every trial, and which was kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SelectionReport {
    /// Always `slipway.dev/v1alpha1`.
    pub api_version: String,
    /// Always `SelectionReport`.
    pub kind: String,
    /// SHA-256 of the weights that were trained with the best settings.
    pub artifact: Digest,
    /// The metric on the validation rows by which trials were compared.
    pub metric: Metric,
    /// The trials, in the order in which they were trained.
    pub trials: Vec<Trial>,
    /// The number of the best trial.
    pub best: u32,
}

/// One trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Trial {
    /// Its number, counted from one.
    pub number: u32,
    /// The values that were tried, by their paths.
    pub settings: Settings,
    /// What its epochs or rounds were divided by.
    pub divided_by: u32,
    /// The metric on the validation rows. Absent if the trial has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// Why it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
    /// Wall time in seconds.
    pub seconds: f64,
}

impl SelectionReport {
    /// The name of its file.
    pub const FILE: &'static str = "selection.json";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::API_VERSION;

    fn model(selection: &Value) -> Model {
        serde_json::from_value(serde_json::json!({
            "apiVersion": API_VERSION, "kind": "Model", "metadata": {"name": "rent"},
            "spec": {
                "paths": ["data/**"], "task": "classification", "policy": "policy.yaml",
                "data": {
                    "format": "csv", "train": {"file": "a.csv"}, "test": {"file": "b.csv"}, "label": "y",
                    "validation_split": 0.2,
                },
                "model": "gradient_boosted_trees", "selection": selection,
            }
        }))
        .expect("a model")
    }

    #[test]
    fn a_grid_has_every_combination_once_and_a_family_is_set_before_its_options() {
        let over = serde_json::json!({
            "over": {"model": ["gradient_boosted_trees", "linear"], "training.label_smoothing": [0.0, 0.1, 0.2]},
        });
        let model = model(&over);
        assert_eq!(serde_json::to_value(&model.spec.selection).expect("written")["over"], over["over"]);
        let selection = model.spec.selection.clone().expect("a selection");
        assert_eq!(selection.combinations(), Some(6));
        let all: Vec<Settings> = (0..6).map(|number| selection.combination(number)).collect();
        assert!(all.iter().enumerate().all(|(place, settings)| !all[..place].contains(settings)));
        assert_eq!(all[1]["training.label_smoothing"], serde_json::json!(0.1));
        let settings = Settings::from([
            ("model".to_owned(), serde_json::json!("linear")),
            ("model.linear.l2".to_owned(), serde_json::json!(3.0)),
        ]);
        let chosen = model.with_settings(&settings).expect("a model");
        assert!(
            matches!(&chosen.spec.model, ModelFamily::Linear(options) if (options.l2 - 3.0).abs() < 1e-12),
            "{chosen:?}"
        );
        assert_eq!(chosen.spec.selection, None);
    }

    #[test]
    fn a_value_that_does_not_fit_is_named_with_its_path() {
        let model = model(&serde_json::json!({"over": {}}));
        for (path, value) in [
            ("model.gradient_boosted_trees.leaves", serde_json::json!(3)),
            ("training.seed", serde_json::json!("three")),
            ("training.seed.more", serde_json::json!(1)),
        ] {
            let fault = model.with_settings(&Settings::from([(path.to_owned(), value)])).expect_err(path);
            assert_eq!(fault.0, path);
        }
    }

    #[test]
    fn rounds_are_divided_and_never_zero() {
        let model = model(&serde_json::json!({"over": {}}));
        let rounds = |divisor| match model.with_resource_divided(divisor).spec.model {
            ModelFamily::GradientBoostedTrees(options) => options.rounds,
            _ => None,
        };
        assert_eq!((rounds(1), rounds(3), rounds(5_000)), (Some(1_000), Some(334), Some(1)));
    }
}
