//! Gradient boosted trees, from the specification to the evaluation of their artifact.

use std::collections::HashMap;

use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde_json::{Value, json};
use slipway_contract::{EvaluationReport, FaultKind, Metric, ModelCard, ModelFamily, Progress};

use crate::support::Bench;
use crate::typed_tables::{evaluated, flats, model_of, with_flats};

/// A model of trees on the flats.
pub(crate) fn trees(task: &str, label: &str) -> Value {
    let mut model = model_of(task, label, 1);
    let spec = model["spec"].as_object_mut().expect("a mapping");
    spec.remove("preprocess");
    spec.insert("model".to_owned(), json!({"gradient_boosted_trees": {"max_leaves": 15, "min_child_rows": 5}}));
    spec.insert("training".to_owned(), json!({"seed": 3}));
    model
}

/// The model that predicts the three districts, with the rent among its columns.
pub(crate) fn by_district(mut model: Value) -> Value {
    let columns = model["spec"]["data"]["columns"].as_object_mut().expect("a mapping");
    columns.remove("district");
    columns.insert("rent".to_owned(), json!("number"));
    model["spec"]["data"]["ignore"] = json!(["dear"]);
    model
}

#[test]
fn numbers_are_predicted_and_the_best_round_is_kept() {
    let bench = with_flats();
    let mut model = trees("regression", "rent");
    model["spec"]["evaluation"] = json!({"metrics": ["r2"], "slices": ["district"]});
    let ended = bench.try_train(&model, 1);
    assert_eq!(ended.code, Some(0), "{:?}", ended.said.last());
    let said =
        |words: &str| ended.said.iter().any(|said| matches!(said, Progress::Stage { text } if text.contains(words)));
    assert!(said("round 100 of 1000: loss ") && said("kept the trees of round "), "{:?}", ended.said);
    let card: ModelCard = serde_json::from_slice(&bench.output("card.json")).expect("a card");
    assert!(
        matches!(&card.architecture.model, ModelFamily::GradientBoostedTrees(options) if options.rounds == Some(1_000)),
        "{card:?}"
    );
    let evaluation = evaluated(&bench, &model);
    // A seventh of the sizes is not known, as for networks.
    assert!(evaluation.metrics[&Metric::R2] > 0.85, "{:?}", evaluation.metrics);
}

#[test]
fn two_and_three_classes_are_predicted_and_every_loss_is_learnt() {
    let bench = with_flats();
    let two = trees("classification", "dear");
    bench.train(&two, 1);
    assert!(evaluated(&bench, &two).metrics[&Metric::Accuracy] > 0.85);

    let mut weighted = two.clone();
    weighted["spec"]["training"]["class_weights"] = json!({"yes": 50});
    weighted["spec"]["evaluation"] = json!({"metrics": [{"recall": {"class": "yes"}}]});
    bench.train(&weighted, 1);
    let recall = evaluated(&bench, &weighted)
        .metrics
        .iter()
        .find(|(metric, _)| metric.to_string().contains("recall"))
        .map(|(_, value)| *value);
    assert!(recall > Some(0.95), "{recall:?}");

    let three = by_district(trees("classification", "district"));
    bench.train(&three, 1);
    assert!(evaluated(&bench, &three).metrics[&Metric::Accuracy] > 0.8);

    for loss in [json!("absolute_error"), json!({"huber": {"delta": 0.5}})] {
        let mut model = trees("regression", "rent");
        model["spec"]["training"]["loss"] = loss;
        model["spec"]["evaluation"] = json!({"metrics": ["r2"]});
        bench.train(&model, 1);
        assert!(evaluated(&bench, &model).metrics[&Metric::R2] > 0.85);
    }
}

#[test]
fn tables_without_types_are_learnt_from() {
    let bench = Bench::with_tables();
    let mut model = crate::support::table_model();
    let spec = model["spec"].as_object_mut().expect("a mapping");
    spec.remove("preprocess");
    spec.remove("training");
    spec.insert("model".to_owned(), json!("gradient_boosted_trees"));
    let report = bench.train(&model, 1);
    assert_eq!((report.epochs, report.validation_rows), (200, 0));
    assert!(evaluated(&bench, &model).metrics[&Metric::Accuracy] > 0.9);
}

#[test]
fn the_artifact_depends_on_the_seed_and_neither_on_threads_nor_on_test_rows() {
    let bench = with_flats();
    let model = trees("regression", "rent");
    let first = bench.train(&model, 1).artifact;
    let text = String::from_utf8(bench.output("resolved.yaml")).expect("a text");
    assert!(text.contains("rounds: 1000") && text.contains("patience: 100") && !text.contains("impute"), "{text}");
    bench.write("test.csv", "size,district,balcony,floor,rent,dear\n1e9,Nowhere,,7,5,no\nNA,,yes,,9,no\n");
    assert_eq!(bench.train(&model, 2).artifact, first);
    let resolved: Value = serde_yaml::from_str(&text).expect("a model");
    assert_eq!(bench.train(&resolved, 1).artifact, first);
    let evaluation = evaluated(&bench, &model);
    assert_eq!(evaluation.rows, 2, "unseen and missing values have predictions too");
    let mut other = model;
    other["spec"]["training"]["seed"] = json!(4);
    assert_ne!(bench.train(&other, 1).artifact, first);
}

#[test]
fn what_trees_have_no_use_for_is_refused_with_its_key() {
    let bench = with_flats();
    let mut model = trees("regression", "rent");
    let spec = &mut model["spec"];
    spec["preprocess"] = json!(["standardize", {"one_hot": {"min_frequency": 2}}]);
    spec["model"]["gradient_boosted_trees"]["subsample"] = json!(0);
    spec["model"]["gradient_boosted_trees"]["max_bins"] = json!(1000);
    spec["training"] = json!({"epochs": 5, "label_smoothing": 0.1});
    let (faults, _) = bench.found(&model, &json!([]));
    let keys: Vec<&str> = faults.iter().filter_map(|fault| fault.key.as_deref()).collect();
    let expected = [
        "spec.training.label_smoothing",
        "spec.preprocess[0]",
        "spec.model.gradient_boosted_trees.max_bins",
        "spec.model.gradient_boosted_trees.subsample",
        "spec.training.epochs",
        "spec.training.label_smoothing",
    ];
    assert_eq!(keys, expected, "{faults:?}");
    let mut unknown = trees("classification", "dear");
    unknown["spec"]["training"]["class_weights"] = json!({"maybe": 2});
    let (faults, _) = bench.found(&unknown, &json!([]));
    assert!(faults.len() == 1 && faults[0].message.contains("no training row has the label `maybe`"), "{faults:?}");
}

#[test]
fn hostile_lists_are_refused_as_a_fault_of_the_artifact() {
    let bench = with_flats();
    let model = trees("regression", "rent");
    bench.train(&model, 1);
    let sound = bench.output("model.safetensors");
    let changes: [(&str, &[u8], &str); 6] = [
        ("trees.form", &2_i32.to_le_bytes(), "in the form [2], expected 1"),
        ("trees.left", &0_i32.to_le_bytes(), "leads to node 0, expected one behind it"),
        ("trees.right", &(-1_i32).to_le_bytes(), "holds -1 in `trees.right`"),
        ("trees.features", &99_i32.to_le_bytes(), "splits by column 99, expected 0 to 3"),
        ("trees.numbers", &f64::NAN.to_le_bytes(), "holds NaN, expected a finite number"),
        ("trees.base", &f64::INFINITY.to_le_bytes(), "a base is inf"),
    ];
    for (list, bytes, expected) in changes {
        std::fs::write(bench.path().join("candidate.safetensors"), with_start(&sound, list, bytes)).expect("written");
        let ended = bench.evaluate(&model, "candidate.safetensors", None);
        assert_eq!((ended.code, ended.fault().kind), (Some(1), FaultKind::Artifact), "{list}");
        assert!(ended.fault().message.contains(expected), "expected `{expected}`, found `{}`", ended.fault());
    }
}

/// The artifact with other bytes at the start of one of its lists.
pub(crate) fn with_start(artifact: &[u8], list: &str, bytes: &[u8]) -> Vec<u8> {
    let (_, header) = SafeTensors::read_metadata(artifact).expect("a header");
    let metadata: HashMap<String, String> = header.metadata().clone().expect("an architecture");
    let tensors = SafeTensors::deserialize(artifact).expect("tensors");
    let mut changed: Vec<(String, Dtype, Vec<usize>, Vec<u8>)> = Vec::new();
    for (name, view) in tensors.tensors() {
        let mut data = view.data().to_vec();
        if name == list {
            data[..bytes.len()].copy_from_slice(bytes);
        }
        changed.push((name, view.dtype(), view.shape().to_vec(), data));
    }
    let views = changed.iter().map(|(name, kind, shape, data)| {
        (name.as_str(), TensorView::new(*kind, shape.clone(), data).expect("a tensor"))
    });
    safetensors::serialize(views, Some(metadata)).expect("an artifact")
}

#[test]
fn columns_that_an_artifact_learnt_from_are_found_by_name() {
    let bench = with_flats();
    let model = trees("regression", "rent");
    bench.train(&model, 1);
    let report = evaluated(&bench, &model);
    // The same rows with the columns in another order.
    let turned = |line: &str| {
        let mut cells: Vec<&str> = line.rsplitn(5, ',').collect();
        cells.swap(0, 2);
        cells.join(",")
    };
    let table: Vec<String> = flats(120, 1000).lines().map(turned).collect();
    bench.write("test.csv", table.join("\n") + "\n");
    let ended = bench.evaluate(&model, "candidate.safetensors", None);
    assert_eq!(ended.code, Some(0), "{:?}", ended.said);
    let again: EvaluationReport = serde_json::from_slice(&bench.output("candidate/report.json")).expect("a report");
    assert_eq!(again.metrics, report.metrics);
}
