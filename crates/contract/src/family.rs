//! The family of a model: a network, or trees for tables.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserializer, MapAccess, Visitor, value::MapAccessDeserializer};
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};

use crate::{LayerStack, LinearOptions, MlpOptions, TreeOptions};

/// What is trained.
///
/// In `slipway.yaml` it is a mapping with one key (`{sequential: […]}`, `{gradient_boosted_trees: {…}}`), or the name of a family
/// whose options are the defaults (`gradient_boosted_trees`).
#[derive(Debug, Clone, PartialEq)]
pub enum ModelFamily {
    /// A network: a stack of layers.
    Layers(LayerStack),
    /// Gradient boosted trees, for tables.
    GradientBoostedTrees(TreeOptions),
    /// A linear model, for tables: logistic or multinomial regression, or least squares.
    Linear(LinearOptions),
    /// A multilayer perceptron, for tables.
    Mlp(MlpOptions),
}

const SEQUENTIAL: &str = "sequential";
const TREES: &str = "gradient_boosted_trees";
const LINEAR: &str = "linear";
const MLP: &str = "mlp";

impl Default for ModelFamily {
    /// A network without layers: what a model with a program has.
    fn default() -> Self {
        Self::Layers(LayerStack::default())
    }
}

impl ModelFamily {
    /// Whether it is a network without layers.
    pub fn is_empty(&self) -> bool {
        matches!(self, Self::Layers(stack) if stack.is_empty())
    }

    /// Its key in `slipway.yaml`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Layers(_) => SEQUENTIAL,
            Self::GradientBoostedTrees(_) => TREES,
            Self::Linear(_) => LINEAR,
            Self::Mlp(_) => MLP,
        }
    }

    /// The layers of a network.
    pub fn layers(&self) -> Option<&LayerStack> {
        match self {
            Self::Layers(stack) => Some(stack),
            Self::GradientBoostedTrees(_) | Self::Linear(_) | Self::Mlp(_) => None,
        }
    }

    /// Whether the family is trained in epochs of batches.
    pub fn has_epochs(&self) -> bool {
        matches!(self, Self::Layers(_) | Self::Mlp(_))
    }
}

/// The written form with a key.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Written {
    /// The layers of a network. Each receives the output of the one before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sequential: Option<Vec<crate::Layer>>,
    /// Gradient boosted trees, for tables.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    gradient_boosted_trees: Option<TreeOptions>,
    /// A linear model, for tables: logistic or multinomial regression, or least squares.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    linear: Option<LinearOptions>,
    /// A multilayer perceptron with tuned defaults, for tables (`RealMLP`; Holzmüller et al., 2024).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mlp: Option<MlpOptions>,
}

impl Serialize for ModelFamily {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let none = Written { sequential: None, gradient_boosted_trees: None, linear: None, mlp: None };
        match self {
            Self::Layers(stack) => stack.serialize(serializer),
            Self::GradientBoostedTrees(options) => {
                Written { gradient_boosted_trees: Some(options.clone()), ..none }.serialize(serializer)
            }
            Self::Linear(options) => Written { linear: Some(options.clone()), ..none }.serialize(serializer),
            Self::Mlp(options) => Written { mlp: Some(options.clone()), ..none }.serialize(serializer),
        }
    }
}

// Not a derived enum: serde would then refuse the name of a family alone.
impl<'de> Deserialize<'de> for ModelFamily {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Family;

        impl<'de> Visitor<'de> for Family {
            type Value = ModelFamily;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`{sequential: […]}`, `gradient_boosted_trees`, `linear` or `mlp`")
            }

            fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<ModelFamily, E> {
                match name {
                    TREES => Ok(ModelFamily::GradientBoostedTrees(TreeOptions::default())),
                    LINEAR => Ok(ModelFamily::Linear(LinearOptions::default())),
                    MLP => Ok(ModelFamily::Mlp(MlpOptions::default())),
                    _ => Err(E::invalid_value(serde::de::Unexpected::Str(name), &self)),
                }
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ModelFamily, A::Error> {
                let written = Written::deserialize(MapAccessDeserializer::new(map))?;
                let families = [
                    written.sequential.map(|sequential| ModelFamily::Layers(LayerStack { sequential })),
                    written.gradient_boosted_trees.map(ModelFamily::GradientBoostedTrees),
                    written.linear.map(ModelFamily::Linear),
                    written.mlp.map(ModelFamily::Mlp),
                ];
                let mut families = families.into_iter().flatten();
                match (families.next(), families.next()) {
                    (Some(family), None) => Ok(family),
                    (None, _) => Err(serde::de::Error::missing_field(SEQUENTIAL)),
                    (Some(one), Some(other)) => {
                        let (one, other) = (one.name(), other.name());
                        Err(serde::de::Error::custom(format!("`{one}` and `{other}` are two families, expected one")))
                    }
                }
            }
        }

        deserializer.deserialize_any(Family)
    }
}

impl JsonSchema for ModelFamily {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ModelFamily".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut written = generator.subschema_for::<Written>();
        written.insert("minProperties".to_owned(), 1.into());
        written.insert("maxProperties".to_owned(), 1.into());
        json_schema!({
            "description": "What is trained: a network, or a family for tables; its name, or a mapping with its name and options.",
            "anyOf": [written, {"enum": [TREES, LINEAR, MLP]}]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn family(value: serde_json::Value) -> Result<ModelFamily, String> {
        serde_json::from_value(value).map_err(|error| error.to_string())
    }

    #[test]
    fn a_family_is_a_name_or_a_mapping_with_its_name() {
        let layers = serde_json::json!({"sequential": [{"linear": 2}]});
        let read = family(layers.clone()).expect("layers");
        assert_eq!(serde_json::to_value(&read).expect("written"), layers);
        let trees = family(serde_json::json!("gradient_boosted_trees")).expect("trees");
        assert_eq!(family(serde_json::json!({"gradient_boosted_trees": {}})).expect("trees"), trees);
        let written = serde_json::to_value(&trees).expect("written");
        assert_eq!(family(written).expect("trees"), trees);
        let linear = family(serde_json::json!("linear")).expect("linear");
        assert_eq!(family(serde_json::json!({"linear": {"l2": 1.0}})).expect("linear"), linear);
        let mlp = family(serde_json::json!("mlp")).expect("mlp");
        assert_eq!(family(serde_json::json!({"mlp": {"variant": "td"}})).expect("mlp"), mlp);
        let few = family(serde_json::json!({"gradient_boosted_trees": {"max_leaves": 8}})).expect("trees");
        assert!(matches!(few, ModelFamily::GradientBoostedTrees(options) if options.max_leaves == 8));
    }

    #[test]
    fn an_unknown_family_is_reported_with_the_known_ones() {
        for value in [
            serde_json::json!("gradient_boosted"),
            serde_json::json!({"gradient_boosted": {}}),
            serde_json::json!({"gradient_boosted_trees": {"leaves": 8}}),
        ] {
            let fault = family(value).expect_err("unknown");
            assert!(fault.contains("gradient_boosted_trees") || fault.contains("max_leaves"), "{fault}");
        }
        let both = serde_json::json!({"sequential": ["relu"], "gradient_boosted_trees": {}});
        assert!(family(both).expect_err("two").contains("two families"));
        assert!(family(serde_json::json!({})).expect_err("none").contains("sequential"));
    }
}
