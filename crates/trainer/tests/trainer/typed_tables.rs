//! Tables as people have them: missing numbers, categories, yes and no; and numbers to predict.

use std::fmt::Write as _;

use serde_json::{Value, json};
use slipway_contract::{EvaluationReport, FaultKind, Metric, Progress};

use crate::support::{Bench, table_model};

/// Flats whose rent follows from size, district and balcony. Every seventh size is not known, as the district tells.
pub(crate) fn flats(rows: u32, offset: u32) -> String {
    let mut table = String::from("size,district,balcony,floor,rent,dear\n");
    for row in offset..offset + rows {
        let size = 30 + (row * 37) % 90;
        let (district, factor) = [("Mitte", 20), ("Süd", 12), ("Nord, East", 9)][(row % 3) as usize];
        let balcony = row % 5 < 2;
        let rent = size * factor + u32::from(balcony) * 150 + (row * 13) % 40;
        let size = if row % 7 == 0 { "NA".to_owned() } else { size.to_string() };
        let _ = writeln!(
            table,
            "{size},\"{district}\",{},{},{rent},{}",
            if balcony { "yes" } else { "no" },
            row % 4,
            if rent > 900 { "yes" } else { "no" }
        );
    }
    table
}

pub(crate) fn model_of(task: &str, label: &str, outputs: u32) -> Value {
    let mut model = table_model();
    model["spec"]["task"] = json!(task);
    model["spec"]["data"] = json!({
        "format": "csv", "label": label, "train": {"file": "data/train.csv"}, "test": {"file": "data/test.csv"},
        "validation_split": 0.2, "ignore": [if label == "rent" { "dear" } else { "rent" }],
        "columns": {
            "size": {"type": "number", "missing": ["NA"]}, "district": "category", "floor": "number",
            "balcony": {"type": "binary", "values": ["no", "yes"]},
        },
    });
    model["spec"]["preprocess"] = json!("auto");
    model["spec"]["model"]["sequential"] = json!([{"linear": 16}, "relu", {"linear": outputs}]);
    model["spec"]["training"] =
        json!({"optimizer": {"adamw": {"learning_rate": 0.02}}, "epochs": 60, "batch_size": 32, "seed": 3});
    model
}

pub(crate) fn regression() -> Value {
    let mut model = model_of("regression", "rent", 1);
    model["spec"]["evaluation"] = json!({"metrics": ["mean_absolute_error", "r2"], "slices": ["district"]});
    model
}

pub(crate) fn with_flats() -> Bench {
    let bench = Bench::with_tables();
    bench.write("train.csv", flats(400, 0));
    bench.write("test.csv", flats(120, 1000));
    bench
}

pub(crate) fn evaluated(bench: &Bench, model: &Value) -> EvaluationReport {
    bench.keep_weights("candidate.safetensors");
    let ended = bench.evaluate_with(model, "candidate.safetensors", &json!({"baselines": true}));
    assert_eq!(ended.code, Some(0), "{:?}", ended.said);
    serde_json::from_slice(&bench.output("candidate/report.json")).expect("a report")
}

#[test]
fn numbers_are_predicted_from_columns_of_every_type() {
    let bench = with_flats();
    let report = bench.train(&regression(), 1);
    assert_eq!((report.training_rows, report.validation_rows, report.validation_accuracy), (320, 80, None));
    let evaluation = evaluated(&bench, &regression());
    assert_eq!((evaluation.evaluator.as_str(), evaluation.rows, evaluation.classes.len()), ("regression/1", 120, 0));
    // The deviation of the rents is about 500, and a seventh of the sizes is not known.
    assert!(evaluation.metrics[&Metric::R2] > 0.85, "{:?}", evaluation.metrics);
    assert!(evaluation.metrics.contains_key(&Metric::RootMeanSquaredError), "always stated");
}

#[test]
fn classes_are_predicted_from_columns_of_every_type() {
    let bench = with_flats();
    let model = model_of("classification", "dear", 2);
    bench.train(&model, 1);
    let evaluation = evaluated(&bench, &model);
    assert!(evaluation.metrics[&Metric::Accuracy] > 0.85, "{:?}", evaluation.metrics);
}

#[test]
fn the_same_typed_table_gives_the_same_weights_and_other_test_rows_change_nothing() {
    let bench = with_flats();
    let first = bench.train(&regression(), 2).artifact;
    bench.write("test.csv", "size,district,balcony,floor,rent,dear\n1e9,Nowhere,,7,5,no\nNA,,yes,,9,no\n");
    assert_eq!(bench.train(&regression(), 2).artifact, first);
    let evaluation = evaluated(&bench, &regression());
    assert_eq!(evaluation.rows, 2, "unseen and missing values have predictions too");
}

#[test]
fn a_model_with_every_default_written_out_gives_the_same_artifact() {
    let bench = with_flats();
    let short = bench.train(&regression(), 1).artifact;
    let text = String::from_utf8(bench.output("resolved.yaml")).expect("a text");
    assert!(text.contains("loss: squared_error") && text.contains("strategy: mean"), "{text}");
    assert!(!text.contains('!'), "no YAML tags: {text}");
    let resolved: Value = serde_yaml::from_str(&text).expect("a model");
    assert_eq!(bench.train(&resolved, 1).artifact, short);
}

#[test]
fn the_best_epoch_is_kept_and_training_stops_when_none_is_better() {
    let bench = with_flats();
    let mut model = regression();
    // Steps this large make some epoch before the last the best one.
    model["spec"]["training"]["optimizer"] = json!({"adam": {"learning_rate": 0.3}});
    model["spec"]["training"]["early_stopping"] = json!({"patience": 5});
    model["spec"]["training"]["metric"] = json!("mean_absolute_error");
    let ended = bench.try_train(&model, 1);
    assert_eq!(ended.code, Some(0), "{:?}", ended.said.last());
    let values: Vec<f64> = ended
        .said
        .iter()
        .filter_map(|line| match line {
            Progress::Epoch { validation: Some(result), .. } => Some(result.value),
            _ => None,
        })
        .collect();
    let best = values.iter().copied().fold(f64::INFINITY, f64::min);
    let place = values.iter().position(|value| *value <= best).expect("an epoch");
    assert_eq!(values.len(), place + 1 + 5, "{values:?}");
    let kept = format!("kept the weights of epoch {}", place + 1);
    assert!(
        ended.said.iter().any(|line| matches!(line, Progress::Stage { text } if text.starts_with(&kept))),
        "{kept}"
    );
    // The kept weights are those of a training that ends with that epoch.
    let kept = bench.output("model.safetensors");
    model["spec"]["training"]["epochs"] = json!(place + 1);
    bench.train(&model, 1);
    assert_eq!(bench.output("model.safetensors"), kept);
}

#[test]
fn each_loss_learns_and_weights_shift_what_is_predicted() {
    let bench = with_flats();
    for loss in [json!("absolute_error"), json!({"huber": {"delta": 0.5}})] {
        let mut model = regression();
        model["spec"]["training"]["loss"] = loss.clone();
        bench.train(&model, 1);
        assert!(evaluated(&bench, &model).metrics[&Metric::R2] > 0.8, "{loss}");
    }
    let recall = |weights: Value| {
        let mut model = model_of("classification", "dear", 2);
        model["spec"]["training"]["class_weights"] = weights;
        model["spec"]["training"]["epochs"] = json!(10);
        model["spec"]["evaluation"] = json!({"metrics": [{"recall": {"class": "yes"}}]});
        bench.train(&model, 1);
        let metrics = evaluated(&bench, &model).metrics;
        metrics.iter().find(|(metric, _)| metric.to_string().starts_with("recall")).map(|(_, value)| *value)
    };
    assert!(recall(json!({"yes": 50.0})) > recall(json!({"yes": 0.02})));
}

/// A change of a model's specification.
type Change = fn(&mut Value);

#[test]
fn mistakes_of_columns_are_named_with_their_place_and_remedy() {
    let bench = with_flats();
    let faults = |change: &dyn Fn(&mut Value)| {
        let mut model = regression();
        change(&mut model["spec"]);
        let (faults, _) = bench.found(&model, &json!([]));
        faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    let mistakes: [(Change, &str); 5] = [
        (|spec| spec["data"]["columns"]["size"] = json!("number"), "list it: `{type: number, missing: [\"NA\"]}`"),
        (|spec| spec["data"]["columns"]["distrikt"] = json!("category"), "did you mean `district`?"),
        (
            |spec| spec["data"]["columns"]["district"] = json!("binary"),
            "have 3 values (`Mitte`, `Nord, East`, `Süd`), and a binary column has two",
        ),
        (|spec| spec["data"]["label"] = json!("district"), "among the columns to train on"),
        (|spec| spec["data"]["ignore"] = json!(["dear", "colour"]), "has no column `colour`"),
    ];
    for (change, expected) in mistakes {
        let found = faults(&change);
        assert!(found.contains(expected), "expected `{expected}`, came:\n{found}");
    }
    bench.write("train.csv", "size,district,balcony,floor,rent,dear\n30,a,no,1,high,no\n40,b,yes,2,low,no\n");
    let found = faults(&|_| ());
    assert!(found.contains("label `rent`: `high` is not a finite number"), "{found}");
    assert!(found.contains("the task is `classification`"), "{found}");
}

#[test]
fn unused_columns_and_unseen_values_are_warned_of() {
    let bench = with_flats();
    bench.write("test.csv", format!("{}40,\"Wést\",no,1,500,no\n", flats(20, 1000)));
    let mut model = regression();
    model["spec"]["data"]["ignore"] = json!([]);
    let (faults, warnings) = bench.found(&model, &json!([]));
    assert_eq!(faults, []);
    let said: Vec<String> = warnings.iter().map(ToString::to_string).collect();
    assert!(
        said.iter().any(|warning| warning.contains("nothing is learnt from 1 column of the table: `dear`")),
        "{said:?}"
    );
    assert!(
        said.iter().any(|warning| warning.contains("1 test row of values") && warning.contains("`Wést`")),
        "{said:?}"
    );
}

#[test]
fn an_artifact_of_another_task_is_refused() {
    let bench = with_flats();
    bench.train(&regression(), 1);
    bench.keep_weights("candidate.safetensors");
    let ended = bench.evaluate(&model_of("classification", "dear", 2), "candidate.safetensors", None);
    assert_eq!((ended.fault().kind, ended.code), (FaultKind::Artifact, Some(1)));
    assert!(ended.fault().message.contains("was trained for regression"), "{}", ended.fault().message);
}
