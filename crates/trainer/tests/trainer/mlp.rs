//! The family `mlp`, from the specification to the evaluation of its artifact and its graph.

use std::fmt::Write as _;

use serde_json::{Value, json};
use slipway_contract::{ExportReport, FaultKind, Metric, OnnxExport};

use crate::support::Bench;
use crate::trees::{by_district, trees, with_start};
use crate::typed_tables::{evaluated, with_flats};

fn mlp(task: &str, label: &str, variant: &str) -> Value {
    let mut model = trees(task, label);
    model["spec"]["model"] = json!({"mlp": {"variant": variant, "hidden": [64, 64]}});
    model["spec"]["training"] = json!({"seed": 3, "epochs": 40, "batch_size": 64});
    model
}

/// That the graph was compared with the artifact, and kept.
fn assert_exported(bench: &Bench) {
    let report: ExportReport = serde_json::from_slice(&bench.output("export.json")).expect("a report");
    assert!(matches!(report.onnx, OnnxExport::Written { rows, .. } if rows >= 100), "{report:?}");
}

#[test]
fn numbers_are_predicted_within_the_range_of_the_training_rows_by_both_variants() {
    let bench = with_flats();
    for variant in ["td", "td_s"] {
        let mut model = mlp("regression", "rent", variant);
        model["spec"]["evaluation"] = json!({"metrics": ["r2"]});
        bench.train(&model, 1);
        assert_exported(&bench);
        let evaluation = evaluated(&bench, &model);
        assert!(evaluation.metrics[&Metric::R2] > 0.85, "{variant}: {:?}", evaluation.metrics);
    }
}

#[test]
fn two_and_three_classes_are_predicted_and_metrics_of_classes_smooth_the_labels() {
    let bench = with_flats();
    for variant in ["td", "td_s"] {
        let two = mlp("classification", "dear", variant);
        bench.train(&two, 1);
        assert_exported(&bench);
        assert!(evaluated(&bench, &two).metrics[&Metric::Accuracy] > 0.85, "{variant}");
    }
    let mut three = by_district(mlp("classification", "district", "td"));
    bench.train(&three, 1);
    let plain = String::from_utf8(bench.output("resolved.yaml")).expect("a text");
    assert!(plain.contains("label_smoothing: 0.0"), "{plain}");
    assert!(evaluated(&bench, &three).metrics[&Metric::Accuracy] > 0.6);
    three["spec"]["training"]["metric"] = json!("accuracy");
    bench.train(&three, 1);
    let smoothed = String::from_utf8(bench.output("resolved.yaml")).expect("a text");
    assert!(smoothed.contains("label_smoothing: 0.1"), "{smoothed}");
}

#[test]
fn the_name_of_the_family_and_its_written_defaults_give_the_same_weights() {
    let bench = with_flats();
    let mut model = mlp("regression", "rent", "td");
    model["spec"]["model"] = json!("mlp");
    model["spec"]["training"] = json!({"seed": 3, "epochs": 3});
    let first = bench.train(&model, 1);
    let text = String::from_utf8(bench.output("resolved.yaml")).expect("a text");
    for default in ["- robust_scale", "- smooth_clip", "batch_size: 256", "activation: mish", "learning_rate: 0.2"] {
        assert!(text.contains(default), "{default}: {text}");
    }
    let resolved: Value = serde_yaml::from_str(&text).expect("a model");
    assert_eq!(bench.train(&resolved, 1).artifact, first.artifact);
    model["spec"]["training"]["seed"] = json!(4);
    assert_ne!(bench.train(&model, 1).artifact, first.artifact);
}

#[test]
fn categories_with_many_values_are_embedded() {
    let bench = with_flats();
    let table = |rows: std::ops::Range<u32>| {
        let mut text = "street,size,rent\n".to_owned();
        for row in rows {
            // The rent depends on the street alone.
            let (street, size) = (row % 12, row * 7 % 31);
            let _ = writeln!(text, "street {street},{size},{}", (street * 5 % 12) * 10 + row % 3);
        }
        text
    };
    bench.write("train.csv", table(0..360));
    bench.write("test.csv", table(400..460));
    let mut model = mlp("regression", "rent", "td");
    model["spec"]["data"] = json!({
        "format": "csv", "label": "rent", "train": {"file": "data/train.csv"}, "test": {"file": "data/test.csv"},
        "columns": {"street": "category", "size": "number"},
    });
    model["spec"]["evaluation"] = json!({"metrics": ["r2"]});
    bench.train(&model, 1);
    let weights = bench.output("model.safetensors");
    let tensors = safetensors::SafeTensors::deserialize(&weights).expect("an artifact");
    assert_eq!(tensors.tensor("mlp.categories.0.weight").expect("an embedding").shape(), [12, 8]);
    assert_exported(&bench);
    assert!(evaluated(&bench, &model).metrics[&Metric::R2] > 0.95);
}

#[test]
fn mistaken_options_and_settings_of_other_networks_are_refused_with_their_keys() {
    let bench = with_flats();
    let mut model = mlp("regression", "rent", "td");
    model["spec"]["model"] = json!({"mlp": {"hidden": [0], "dropout": 1.0, "learning_rate": 0, "weight_decay": -1,
        "label_smoothing": 0.1}});
    model["spec"]["training"] = json!({"optimizer": {"adam": {"learning_rate": 0.1}}});
    let (faults, _) = bench.found(&model, &json!([]));
    let keys: Vec<&str> = faults.iter().filter_map(|fault| fault.key.as_deref()).collect();
    let options = ["hidden", "dropout", "learning_rate", "weight_decay", "label_smoothing"];
    let expected: Vec<String> = options.iter().map(|key| format!("spec.model.mlp.{key}")).collect();
    assert_eq!(keys[..5], expected, "{faults:?}");
    assert_eq!(keys[5..], ["spec.training.optimizer"], "{faults:?}");
}

#[test]
fn hostile_weights_are_refused_as_a_fault_of_the_artifact() {
    let bench = with_flats();
    let mut model = mlp("regression", "rent", "td");
    model["spec"]["training"]["epochs"] = json!(1);
    bench.train(&model, 1);
    let sound = bench.output("model.safetensors");
    let text = |from: &str, to: &str| {
        let text: Vec<u8> = sound.clone();
        let place = text.windows(from.len()).position(|part| part == from.as_bytes()).expect("in the header");
        [&text[..place], to.as_bytes(), &text[place + from.len()..]].concat()
    };
    let hostile = [
        with_start(&sound, "mlp.scale", &f32::NAN.to_le_bytes()),
        // Of the same length, so that the header stays whole.
        text("[64,64]", "[99,99]"),
        text("[64,64]", "[0,064]"),
    ];
    for (place, bytes) in hostile.iter().enumerate() {
        std::fs::write(bench.path().join("candidate.safetensors"), bytes).expect("written");
        let ended = bench.evaluate(&model, "candidate.safetensors", None);
        assert_eq!((ended.code, ended.fault().kind), (Some(1), FaultKind::Artifact), "{place}: {}", ended.fault());
    }
}
