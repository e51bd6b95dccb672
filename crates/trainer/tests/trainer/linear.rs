//! Linear models, from the specification to the evaluation of their artifact, and the baselines beside every report.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use slipway_contract::{BaselineReport, EvaluationReport, FaultKind, Metric};

use crate::support::Bench;
use crate::trees::{by_district, trees, with_start};
use crate::typed_tables::{evaluated, with_flats};

fn linear(task: &str, label: &str) -> Value {
    let mut model = trees(task, label);
    model["spec"]["model"] = json!("linear");
    model
}

fn baselines_of(bench: &Bench) -> BTreeMap<String, BTreeMap<Metric, f64>> {
    let file = format!("candidate/{}", BaselineReport::FILE);
    serde_json::from_slice::<BaselineReport>(&bench.output(&file)).expect("baselines").baselines
}

#[test]
fn numbers_are_predicted_and_the_artifact_depends_on_neither_threads_nor_spelling() {
    let bench = with_flats();
    let mut model = linear("regression", "rent");
    model["spec"]["evaluation"] = json!({"metrics": ["r2"]});
    let first = bench.train(&model, 1);
    assert!(first.epochs > 1 && first.training_rows == 320, "{first:?}");
    let text = String::from_utf8(bench.output("resolved.yaml")).expect("a text");
    assert!(text.contains("- standardize") && text.contains("l2: 1.0") && !text.contains("keep"), "{text}");
    let resolved: Value = serde_yaml::from_str(&text).expect("a model");
    assert_eq!(bench.train(&resolved, 2).artifact, first.artifact);
    let evaluation = evaluated(&bench, &model);
    // Size and district act together, which a linear model cannot express.
    assert!(evaluation.metrics[&Metric::R2] > 0.75, "{:?}", evaluation.metrics);
    let baselines = baselines_of(&bench);
    assert_eq!(baselines.keys().map(String::as_str).collect::<Vec<_>>(), ["mean", "median"]);
    let (mean, rows) = (baselines["mean"][&Metric::RootMeanSquaredError], &evaluation.metrics);
    assert!(baselines["mean"][&Metric::R2] <= 0.0 && mean > rows[&Metric::RootMeanSquaredError], "{baselines:?}");
}

#[test]
fn two_and_three_classes_are_predicted_better_than_by_their_frequencies() {
    let bench = with_flats();
    let mut two = linear("classification", "dear");
    two["spec"]["evaluation"] = json!({"metrics": ["log_loss"]});
    bench.train(&two, 1);
    let evaluation = evaluated(&bench, &two);
    let frequencies = &baselines_of(&bench)["class_frequencies"];
    for (metric, value) in &evaluation.metrics {
        let is_better =
            if metric.higher_is_better() { value > &frequencies[metric] } else { value < &frequencies[metric] };
        assert!(is_better, "{metric}: {value} against {frequencies:?}");
    }
    let three = by_district(linear("classification", "district"));
    bench.train(&three, 1);
    assert!(evaluated(&bench, &three).metrics[&Metric::Accuracy] > 0.6);
}

#[test]
fn families_are_trained_as_baselines_on_the_same_rows() {
    let bench = with_flats();
    let mut model = linear("classification", "dear");
    model["spec"]["training"]["class_weights"] = json!("balanced");
    model["spec"]["evaluation"] = json!({"metrics": ["log_loss"], "baselines": ["linear", "gradient_boosted_trees"]});
    bench.train(&model, 1);
    evaluated(&bench, &model);
    let baselines = baselines_of(&bench);
    let names = ["class_frequencies", "gradient_boosted_trees", "linear"];
    assert_eq!(baselines.keys().map(String::as_str).collect::<Vec<_>>(), names);
    let report = |path: &str| -> EvaluationReport {
        serde_json::from_slice(&bench.output(&format!("{path}/report.json"))).expect("a report")
    };
    let candidate = report("candidate");
    let mut plain = linear("classification", "dear");
    plain["spec"]["training"] = json!({"seed": model["spec"]["training"]["seed"]});
    for name in ["linear", "gradient_boosted_trees"] {
        let baseline = report(&format!("candidate/baselines/{name}"));
        assert_eq!(
            (baseline.rows, &baseline.data, &baseline.classes),
            (candidate.rows, &candidate.data, &candidate.classes)
        );
        assert_eq!(&baseline.metrics, &baselines[name]);
        assert!(!bench.output(&format!("candidate/baselines/{name}/predictions.parquet")).is_empty());
        plain["spec"]["model"] = json!(name);
        // It is what the family alone gives, whatever the model of the author is.
        let bench = with_flats();
        assert_eq!(bench.train(&plain, 1).artifact, baseline.artifact, "{name}");
    }
}

#[test]
fn what_a_linear_model_has_no_use_for_is_refused_with_its_key() {
    let bench = with_flats();
    let mut model = linear("regression", "rent");
    model["spec"]["model"] = json!({"linear": {"l2": -1}});
    model["spec"]["training"] = json!({
        "optimizer": {"adam": {"learning_rate": 0.1}}, "early_stopping": {"patience": 3}, "loss": "absolute_error"
    });
    let (faults, _) = bench.found(&model, &json!([]));
    let keys: Vec<&str> = faults.iter().filter_map(|fault| fault.key.as_deref()).collect();
    let expected =
        ["spec.model.linear.l2", "spec.training.loss", "spec.training.early_stopping", "spec.training.optimizer"];
    assert_eq!(keys, expected, "{faults:?}");
}

#[test]
fn hostile_coefficients_are_refused_as_a_fault_of_the_artifact() {
    let bench = with_flats();
    let model = linear("regression", "rent");
    bench.train(&model, 1);
    let sound = bench.output("model.safetensors");
    for part in ["linear.coefficients", "linear.intercepts"] {
        let hostile = with_start(&sound, part, &f64::NAN.to_le_bytes());
        std::fs::write(bench.path().join("candidate.safetensors"), hostile).expect("written");
        let ended = bench.evaluate(&model, "candidate.safetensors", None);
        assert_eq!((ended.code, ended.fault().kind), (Some(1), FaultKind::Artifact), "{part}");
        assert!(ended.fault().message.contains("a coefficient is NaN"), "{}", ended.fault());
    }
}
