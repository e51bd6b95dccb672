//! It learns, and the same job always learns the same.

use serde_json::json;
use slipway_contract::{Digest, EvaluationReport, Metric, ModelCard, Progress};

use crate::support::{Bench, gzip, picture_model, pictures, table_model};

fn accuracy(bench: &Bench, model: &serde_json::Value) -> f64 {
    bench.keep_weights("candidate.safetensors");
    let ended = bench.evaluate(model, "candidate.safetensors", None);
    assert_eq!(ended.code, Some(0), "{:?}", ended.said);
    let report: EvaluationReport = serde_json::from_slice(&bench.output("candidate/report.json")).expect("a report");
    report.metrics[&Metric::Accuracy]
}

#[test]
fn pictures_are_learnt_and_everything_about_it_is_reported() {
    let bench = Bench::with_pictures();
    let mut model = picture_model();
    model["spec"]["data"]["validation_split"] = json!(0.25);
    let ended = bench.try_train(&model, 1);
    assert_eq!(ended.code, Some(0), "{:?}", ended.said);
    let epochs = ended.said.iter().filter(|line| matches!(line, Progress::Epoch { .. })).count();
    assert_eq!((epochs, ended.said.last()), (3, Some(&Progress::Done)));
    let weights = bench.output("model.safetensors");
    let report: slipway_contract::TrainingReport =
        serde_json::from_slice(&bench.output("training.json")).expect("a report");
    assert_eq!(report.artifact, Digest::of(&weights));
    assert_eq!((report.training_rows, report.validation_rows, report.epochs), (72, 24, 3));
    assert_eq!(report.parameters, 4 * 9 + 4 + 64 * 2 + 2);
    assert_eq!((report.device.as_str(), report.threads), ("cpu", 1));
    assert!(report.libtorch.starts_with("2."), "{}", report.libtorch);
    let card: ModelCard = serde_json::from_slice(&bench.output("card.json")).expect("a card");
    let learnt: u64 = card.rows_by_class.iter().map(|(_, rows)| rows).sum();
    assert_eq!((card.rows_by_class.len(), learnt), (2, 72), "rows kept aside are not learnt from");
    assert!(accuracy(&bench, &model) >= 0.95);
}

#[test]
fn a_table_is_learnt_although_its_columns_differ_in_scale() {
    let bench = Bench::with_tables();
    let mut model = table_model();
    model["spec"]["training"]["epochs"] = json!(20);
    bench.train(&model, 1);
    assert!(accuracy(&bench, &model) >= 0.95);
}

#[test]
fn gradient_descent_with_momentum_learns_too() {
    let bench = Bench::with_pictures();
    let mut model = picture_model();
    model["spec"]["training"]["optimizer"] =
        json!({"sgd": {"learning_rate": 0.05, "momentum": 0.9, "weight_decay": 1e-4}});
    model["spec"]["training"]["epochs"] = json!(6);
    bench.train(&model, 1);
    assert!(accuracy(&bench, &model) >= 0.95);
}

#[test]
fn packed_and_plain_files_give_the_same_weights() {
    let plain = Bench::with_pictures();
    let packed = Bench::with_pictures();
    let rows = pictures(96);
    packed.write("train-images", gzip(&rows.images));
    packed.write("train-labels", gzip(&rows.labels));
    assert_eq!(plain.train(&picture_model(), 1).artifact, packed.train(&picture_model(), 1).artifact);
}

#[test]
fn the_same_seed_and_threads_give_the_same_weights_bit_for_bit() {
    let mut model = picture_model();
    model["spec"]["model"]["sequential"] = json!([
        {"conv2d": {"filters": 4, "kernel_size": 3, "padding": 1}}, "batch_norm", "relu", {"max_pool2d": 2}, "flatten",
        {"dropout": 0.3}, {"linear": 8}, "relu", {"linear": 2}
    ]);
    model["spec"]["data"]["validation_split"] = json!(0.2);
    for threads in [1, 2] {
        let first = Bench::with_pictures().train(&model, threads);
        let again = Bench::with_pictures().train(&model, threads);
        assert_eq!(first.artifact, again.artifact, "{threads} threads");
    }
    let mut other = model.clone();
    other["spec"]["training"]["seed"] = json!(8);
    let (seven, eight) = (Bench::with_pictures().train(&model, 1), Bench::with_pictures().train(&other, 1));
    assert_ne!(seven.artifact, eight.artifact, "the seed decides nothing");
}

#[test]
fn standardizing_learns_nothing_from_the_test_rows() {
    let bench = Bench::with_tables();
    let first = bench.train(&table_model(), 1).artifact;
    bench.write("test.csv", "height,weight,kind\n1e9,-1e9,cat\n-1e9,1e9,dog\n");
    assert_eq!(bench.train(&table_model(), 1).artifact, first);
}

#[test]
fn a_last_batch_of_one_row_does_not_stop_batch_normalisation() {
    let bench = Bench::with_tables();
    let mut model = table_model();
    model["spec"]["model"]["sequential"] = json!([{"linear": 8}, "batch_norm", "relu", {"linear": 2}]);
    model["spec"]["training"]["batch_size"] = json!(17);
    assert_eq!(120 % 17, 1);
    bench.train(&model, 1);
}
