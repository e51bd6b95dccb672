//! Mistakes of model files, found without data.

use super::*;

fn model(change: impl FnOnce(&mut serde_json::Value)) -> Model {
    let mut value = serde_json::json!({
        "apiVersion": API_VERSION, "kind": "Model", "metadata": {"name": "digits"},
        "spec": {
            "paths": ["slipway.yaml", "data/**"], "task": "classification", "policy": "policy.yaml",
            "data": {"format": "csv", "train": {"file": "a.csv"}, "test": {"file": "b.csv"}, "label": "y"},
            "model": {"sequential": [{"linear": 3}]},
            "training": {"optimizer": {"adam": {"learning_rate": 1e-3}}, "epochs": 1, "batch_size": 8},
        }
    });
    change(&mut value);
    serde_json::from_value(value).expect("a model")
}

fn keys_of(change: impl FnOnce(&mut serde_json::Value)) -> Vec<String> {
    model(change).problems().into_iter().filter_map(|fault| fault.key).collect()
}

#[test]
fn a_sound_model_has_no_problems() {
    assert_eq!(keys_of(|_| ()), Vec::<String>::new());
}

#[test]
fn metrics_that_no_evaluation_of_a_classifier_states_are_refused() {
    let keys = keys_of(|value| {
        let by_sex = serde_json::json!({"selection_rate_ratio": {"class": "a", "by": "sex"}});
        value["spec"]["evaluation"]["metrics"] = serde_json::json!(["macro_f1", "r2", "latency_p99", by_sex]);
    });
    assert_eq!(keys, [1, 2, 3].map(|index| format!("spec.evaluation.metrics[{index}]")));
}

#[test]
fn columns_to_slice_by_have_to_be_there_and_to_have_a_name_of_their_own() {
    let slices = |slices: serde_json::Value| keys_of(|value| value["spec"]["evaluation"]["slices"] = slices);
    assert_eq!(slices(serde_json::json!(["label", "region"])), Vec::<String>::new());
    assert_eq!(
        slices(serde_json::json!(["region", "prediction", "score_a", "region", ""])),
        [1, 2, 3, 4].map(|index| format!("spec.evaluation.slices[{index}]"))
    );
    let of_pictures = keys_of(|value| {
        let files = |half: &str| serde_json::json!({"features": half, "labels": half});
        value["spec"]["data"] = serde_json::json!({"format": "idx", "train": files("a"), "test": files("b")});
        value["spec"]["evaluation"]["slices"] = serde_json::json!(["label", "region"]);
    });
    assert_eq!(of_pictures, ["spec.evaluation.slices[1]"]);
}

#[test]
fn baselines_are_for_tables_and_each_is_listed_once() {
    let of_tables = keys_of(|value| value["spec"]["evaluation"]["baselines"] = serde_json::json!(["linear", "linear"]));
    assert_eq!(of_tables, ["spec.evaluation.baselines[1]"]);
    let of_pictures = keys_of(|value| {
        let files = |half: &str| serde_json::json!({"features": half, "labels": half});
        value["spec"]["data"] = serde_json::json!({"format": "idx", "train": files("a"), "test": files("b")});
        value["spec"]["evaluation"]["baselines"] = serde_json::json!(["linear"]);
    });
    assert_eq!(of_pictures, ["spec.evaluation.baselines"]);
}

#[test]
fn what_is_fitted_to_validation_rows_needs_them_and_a_metric_of_predicted_classes() {
    let training = |more: serde_json::Value, split: f64| {
        keys_of(|value| {
            value["spec"]["data"]["validation_split"] = split.into();
            let training = value["spec"]["training"].as_object_mut().expect("a mapping");
            training.extend(more.as_object().expect("a mapping").clone());
        })
    };
    let both = serde_json::json!({"calibration": "temperature", "threshold": {"f1": {"class": "yes"}}});
    assert_eq!(training(both.clone(), 0.2), Vec::<String>::new());
    assert_eq!(training(both, 0.0), ["spec.training.calibration", "spec.training.threshold"]);
    for metric in ["log_loss", "brier_score", "expected_calibration_error"] {
        assert_eq!(training(serde_json::json!({"threshold": metric}), 0.2), ["spec.training.threshold"], "{metric}");
    }
}

#[test]
fn a_selection_needs_validation_rows_and_settings_that_fit_the_model() {
    let selection = |selection: serde_json::Value, split: f64| {
        keys_of(|value| {
            value["spec"]["data"]["validation_split"] = split.into();
            value["spec"]["selection"] = selection;
        })
    };
    let rate = "training.optimizer.adam.learning_rate";
    let sound =
        serde_json::json!({"trials": 5, "over": {rate: {"log_uniform": [1e-4, 1e-1]}, "training.epochs": [1, 2]}});
    assert_eq!(selection(sound.clone(), 0.2), Vec::<String>::new());
    assert_eq!(selection(sound, 0.0), ["spec.selection"]);
    for (over, expected) in [
        (serde_json::json!({"data.label": ["y"]}), "spec.selection.over.data.label"),
        (serde_json::json!({"training.command": [["a"]]}), "spec.selection.over.training.command"),
        (serde_json::json!({"training.epochs": ["many"]}), "spec.selection.over.training.epochs"),
        (serde_json::json!({"training.epoch": [3]}), "spec.selection.over.training.epoch"),
        (
            serde_json::json!({rate: {"log_uniform": [0, 1]}}),
            "spec.selection.over.training.optimizer.adam.learning_rate",
        ),
        (serde_json::json!({}), "spec.selection.over"),
    ] {
        assert_eq!(selection(serde_json::json!({"over": over}), 0.2), [expected]);
    }
    let grid =
        |over: serde_json::Value| selection(serde_json::json!({"search": "grid", "trials": 3, "over": over}), 0.2);
    assert_eq!(grid(serde_json::json!({"training.seed": [1, 2, 3]})), Vec::<String>::new());
    assert_eq!(grid(serde_json::json!({"training.seed": [1, 2, 3, 4]})), ["spec.selection.over"]);
    assert_eq!(grid(serde_json::json!({rate: {"uniform": [0.1, 1]}})), ["spec.selection.over"]);
}

#[test]
fn a_column_of_weights_has_no_other_use() {
    let keys = |weight: &str, more: serde_json::Value| {
        keys_of(|value| {
            value["spec"]["data"]["weight"] = weight.into();
            value["spec"]["data"]
                .as_object_mut()
                .expect("a mapping")
                .extend(more.as_object().expect("a mapping").clone());
        })
    };
    assert_eq!(keys("w", serde_json::json!({"features": ["a"]})), Vec::<String>::new());
    for (weight, more) in [
        ("y", serde_json::json!({})),
        ("w", serde_json::json!({"features": ["a", "w"]})),
        ("w", serde_json::json!({"columns": {"w": "number"}})),
        ("w", serde_json::json!({"ignore": ["w"]})),
    ] {
        assert_eq!(keys(weight, more), ["spec.data.weight"]);
    }
}

#[test]
fn all_mistakes_are_found_at_once_each_under_its_key() {
    let keys = keys_of(|value| {
        value["apiVersion"] = "slipway.dev/v2".into();
        value["spec"]["paths"] = serde_json::json!(["../other", "/etc/**"]);
        value["spec"]["data"]["train"]["file"] = "a/../../b.csv".into();
        value["spec"]["data"]["validation_split"] = 1.into();
        value["spec"]["training"]["epochs"] = 0.into();
        value["spec"]["training"]["optimizer"] = serde_json::json!({"sgd": {"learning_rate": 0, "momentum": 1}});
        value["spec"]["model"]["sequential"] = serde_json::json!(["flatten", "relu"]);
        value["spec"]["preprocess"] = serde_json::json!([{"scale": {"divide_by": 0}}]);
    });
    let expected = [
        "apiVersion",
        "spec.paths[0]",
        "spec.paths[1]",
        "spec.data.train.file",
        "spec.data.validation_split",
        "spec.training.epochs",
        "spec.training.optimizer.sgd.momentum",
        "spec.training.optimizer.sgd.learning_rate",
        "spec.model.sequential[1]",
        "spec.preprocess[0]",
    ];
    assert_eq!(keys, expected);
}

#[test]
fn the_files_of_tables_and_their_split_fit_together() {
    let problems = |data: serde_json::Value| {
        let model: Model = serde_json::from_value(serde_json::json!({
            "apiVersion": crate::API_VERSION, "kind": "Model", "metadata": {"name": "m"},
            "spec": {
                "paths": ["**"], "task": "classification", "policy": "policy.yaml", "data": data,
                "model": {"sequential": [{"linear": 2}]},
                "training": {"optimizer": {"adam": {"learning_rate": 1e-3}}, "epochs": 1, "batch_size": 8},
            }
        }))
        .expect("a model");
        model.problems().iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    let file = serde_json::json!({"file": "a.csv"});
    let data = |more: serde_json::Value| {
        let mut data = serde_json::json!({"format": "csv", "label": "y"});
        data.as_object_mut().expect("a mapping").extend(more.as_object().expect("a mapping").clone());
        problems(data)
    };
    for (more, expected) in [
        (serde_json::json!({"train": file, "test": file}), ""),
        (serde_json::json!({"rows": file, "split": {"test": 0.2}}), ""),
        (serde_json::json!({"train": {"file": "a/part-*.csv"}, "test": file}), ""),
        (serde_json::json!({"test": file}), "no rows to train on, expected `train`"),
        (serde_json::json!({"train": file}), "no rows to test on, expected `test`"),
        (serde_json::json!({}), "no rows are named"),
        (serde_json::json!({"rows": file}), "`rows` without `split`"),
        (serde_json::json!({"rows": file, "train": file, "test": file}), "`rows` takes the place"),
        (serde_json::json!({"train": {"file": "*/a.csv"}, "test": file}), "a wildcard in the name of a folder"),
        (serde_json::json!({"train": file, "test": file, "split": {"test": 0.2}}), "the rows for testing are in"),
        (
            serde_json::json!({"train": file, "test": file, "validation_split": 0.2, "split": {"validation": 0.2}}),
            "`validation_split` and `split` both say",
        ),
        (serde_json::json!({"rows": file, "split": {"by": {"time": "y"}, "test": 0.2}}), "`y` cannot split the rows"),
        (
            serde_json::json!({"format": "jsonl", "train": file, "test": file, "dialect": {"delimiter": ";"}}),
            "only files of comma-separated values have a dialect",
        ),
    ] {
        let found = data(more.clone());
        assert!(found.contains(expected) && (found.is_empty() == expected.is_empty()), "{more}: found `{found}`");
    }
}
