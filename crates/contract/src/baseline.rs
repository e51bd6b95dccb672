//! Baselines: families that are trained on the rows of a model, to compare the model with them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{LinearOptions, Model, ModelFamily, TrainingSpec, TreeOptions};

/// A family that is trained with its default options on the rows of a model, and predicts the same test rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Baseline {
    /// A linear model.
    Linear,
    /// Gradient boosted trees.
    GradientBoostedTrees,
}

impl Baseline {
    /// The folder of the baselines' evaluation folders, in the evaluation folder of the candidate.
    pub const FOLDER: &'static str = "baselines";

    /// Its name in `slipway.yaml` and in policies, and the name of its folder.
    pub fn name(self) -> &'static str {
        match self {
            Self::Linear => "linear",
            Self::GradientBoostedTrees => "gradient_boosted_trees",
        }
    }
}

impl Model {
    /// The model that is trained as a baseline: the same data with the same seed, and every other setting at its default. The
    /// author's choice of steps, weights of classes and options does not influence it.
    #[must_use]
    pub fn for_baseline(&self, baseline: Baseline) -> Self {
        let mut model = self.clone();
        let spec = &mut model.spec;
        spec.model = match baseline {
            Baseline::Linear => ModelFamily::Linear(LinearOptions::default()),
            Baseline::GradientBoostedTrees => ModelFamily::GradientBoostedTrees(TreeOptions::default()),
        };
        spec.preprocess = Vec::new();
        spec.training = TrainingSpec { seed: spec.training.seed, ..TrainingSpec::default() };
        spec.selection = None;
        spec.evaluation.command = None;
        spec.evaluation.baselines = Vec::new();
        model
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::API_VERSION;

    #[test]
    fn a_baseline_has_the_rows_and_the_seed_of_its_model_and_no_other_choice_of_it() {
        let mut written = serde_json::json!({
            "apiVersion": API_VERSION, "kind": "Model", "metadata": {"name": "rent"},
            "spec": {
                "paths": ["data/**"], "task": "classification", "policy": "policy.yaml", "preprocess": ["smooth_clip"],
                "data": {"format": "csv", "train": {"file": "a.csv"}, "test": {"file": "b.csv"}, "label": "y"},
                "model": {"sequential": [{"linear": 2}]},
                "training": {
                    "optimizer": {"adam": {"learning_rate": 1e-3}}, "epochs": 1, "batch_size": 8, "seed": 3,
                    "class_weights": "balanced",
                },
                "evaluation": {"metrics": ["log_loss"], "baselines": ["linear", "gradient_boosted_trees"]},
            }
        });
        let read = |value: &serde_json::Value| serde_json::from_value::<Model>(value.clone()).expect("a model");
        let model = read(&written);
        assert_eq!(model.problems(), []);
        for baseline in [Baseline::Linear, Baseline::GradientBoostedTrees] {
            let derived = model.for_baseline(baseline);
            assert_eq!(derived.problems(), []);
            assert_eq!((derived.spec.model.name(), derived.spec.training.seed), (baseline.name(), 3));
            assert_eq!((&derived.spec.data, derived.spec.preprocess.len()), (&model.spec.data, 0));
            assert_eq!(derived.spec.training.class_weights, None);
        }
        written["spec"]["training"] = serde_json::json!({
            "command": ["python3", "train.py"], "outputs": {"model": "model.onnx", "predictions": "predictions.csv"}
        });
        written["spec"]["evaluation"]["command"] = serde_json::json!(["python3", "predict.py"]);
        for key in ["model", "preprocess"] {
            written["spec"].as_object_mut().expect("a mapping").remove(key);
        }
        let program = read(&written);
        assert_eq!(program.problems(), []);
        assert_eq!(program.for_baseline(Baseline::Linear).problems(), []);
    }
}
