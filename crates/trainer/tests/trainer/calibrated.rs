//! What is fitted to the validation rows after training: in the artifact, its predictions and its graph.

use serde_json::{Value, json};
use slipway_contract::{ExportReport, FaultKind, Metric, ModelCard, OnnxExport};

use crate::support::Bench;
use crate::trees::{by_district, trees};
use crate::typed_tables::{evaluated, model_of, with_flats};

/// A network that is trained for so long that its scores are overconfident.
fn overconfident() -> Value {
    let mut model = model_of("classification", "dear", 2);
    model["spec"]["training"] = json!({
        "optimizer": {"adam": {"learning_rate": 0.05}}, "epochs": 60, "batch_size": 32, "seed": 3, "keep": "last"
    });
    model["spec"]["evaluation"] = json!({"metrics": ["log_loss", "balanced_accuracy"]});
    model
}

fn card(bench: &Bench) -> ModelCard {
    serde_json::from_slice(&bench.output("card.json")).expect("a card")
}

/// The trainer compares the graph with the predictions of the artifact before it keeps it.
fn has_graph(bench: &Bench) {
    let export: ExportReport = serde_json::from_slice(&bench.output("export.json")).expect("a report");
    assert!(matches!(export.onnx, OnnxExport::Written { .. }), "{export:?}");
}

#[test]
fn a_temperature_lowers_the_log_loss_and_changes_no_prediction() {
    let bench = with_flats();
    let mut model = overconfident();
    let plain = bench.train(&model, 1).artifact;
    let before = evaluated(&bench, &model);
    model["spec"]["training"]["calibration"] = json!("temperature");
    let calibrated = bench.train(&model, 1).artifact;
    let card = card(&bench);
    let temperature = card.architecture.temperature.expect("a temperature");
    assert!(temperature > 1.0 && temperature < 100.0, "{temperature}");
    has_graph(&bench);
    assert_ne!(calibrated, plain);
    assert_eq!(bench.train(&model, 2).artifact, calibrated, "the number of threads does not change it");
    let after = evaluated(&bench, &model);
    assert!(after.metrics[&Metric::LogLoss] < before.metrics[&Metric::LogLoss], "{before:?} {after:?}");
    let accuracies = [&after, &before].map(|report| report.metrics[&Metric::Accuracy].to_bits());
    assert_eq!(accuracies[0], accuracies[1], "the order of the scores is the same");
}

#[test]
fn trees_and_linear_models_have_temperatures_too_and_three_classes() {
    for family in ["linear", "gradient_boosted_trees"] {
        let bench = with_flats();
        let mut model = by_district(trees("classification", "district"));
        model["spec"]["model"] = json!(family);
        model["spec"]["training"] = json!({"calibration": "temperature"});
        bench.train(&model, 1);
        assert!(card(&bench).architecture.temperature.is_some_and(|temperature| temperature >= 1.0));
        has_graph(&bench);
        evaluated(&bench, &model);
    }
}

#[test]
fn a_threshold_is_chosen_on_validation_rows_and_decides_the_predictions() {
    let bench = with_flats();
    let mut model = trees("classification", "dear");
    // Nearly all rows are predicted as the heavy class, unless the threshold is moved.
    model["spec"]["model"] = json!({"linear": {"l2": 100.0}});
    model["spec"]["training"] = json!({"class_weights": {"yes": 50}});
    model["spec"]["evaluation"] = json!({"metrics": ["balanced_accuracy", "log_loss"]});
    bench.train(&model, 1);
    let before = evaluated(&bench, &model);
    model["spec"]["training"]["threshold"] = json!("balanced_accuracy");
    bench.train(&model, 1);
    let threshold = card(&bench).architecture.threshold.expect("a threshold");
    assert!(threshold > 0.5, "{threshold}");
    has_graph(&bench);
    let after = evaluated(&bench, &model);
    assert!(
        after.metrics[&Metric::BalancedAccuracy] > before.metrics[&Metric::BalancedAccuracy] + 0.05,
        "{before:?} {after:?}"
    );
    let losses = [&after, &before].map(|report| report.metrics[&Metric::LogLoss].to_bits());
    assert_eq!(losses[0], losses[1], "the scores are the same");
}

#[test]
fn a_threshold_of_three_classes_is_refused() {
    let bench = with_flats();
    let mut model = by_district(trees("classification", "district"));
    model["spec"]["training"] = json!({"threshold": "accuracy"});
    let ended = bench.try_train(&model, 1);
    assert_eq!(ended.code, Some(2), "{:?}", ended.said.last());
    let fault = ended.fault();
    assert_eq!((fault.kind, fault.key.as_deref()), (FaultKind::Specification, Some("spec.training.threshold")));
    assert!(fault.message.contains("3 classes"), "{fault}");
}
