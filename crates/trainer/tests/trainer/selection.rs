//! The selection of settings on the validation rows.

use serde_json::{Value, json};
use slipway_contract::{ModelCard, ModelFamily, SelectionReport};

use crate::support::Bench;
use crate::trees::trees;
use crate::typed_tables::{flats, with_flats};

fn model(selection: &Value) -> Value {
    let mut model = trees("classification", "dear");
    model["spec"]["model"] = json!("linear");
    model["spec"]["training"] = json!({"seed": 3});
    model["spec"]["selection"] = selection.clone();
    model
}

fn report(bench: &Bench) -> SelectionReport {
    serde_json::from_slice(&bench.output(SelectionReport::FILE)).expect("a report")
}

#[test]
fn a_grid_keeps_the_best_of_whole_families_and_its_resolved_form_gives_the_same_artifact() {
    let bench = with_flats();
    let model = model(&json!({
        "search": "grid", "over": {"model": [{"linear": {"l2": 1e4}}, {"linear": {"l2": 1e6}}, "gradient_boosted_trees"]},
    }));
    let trained = bench.train(&model, 1);
    let found = report(&bench);
    assert_eq!((found.trials.len(), found.best, &found.artifact), (3, 3, &trained.artifact), "{found:?}");
    let values: Vec<f64> = found.trials.iter().map(|trial| trial.value.expect("a value")).collect();
    assert!(values[2] < values[0] && values[0] < values[1], "{values:?}");
    let card: ModelCard = serde_json::from_slice(&bench.output("card.json")).expect("a card");
    assert!(matches!(card.architecture.model, ModelFamily::GradientBoostedTrees(_)), "{card:?}");
    let text = String::from_utf8(bench.output("resolved.yaml")).expect("a text");
    assert!(!text.contains("selection"), "{text}");
    let resolved: Value = serde_yaml::from_str(&text).expect("a model");
    assert_eq!(bench.train(&resolved, 2).artifact, trained.artifact);
}

#[test]
fn drawn_settings_depend_on_the_seed_alone_and_never_on_test_rows() {
    let bench = with_flats();
    let over = json!({"model.linear.l2": {"log_uniform": [1e-3, 1e3]}, "training.class_weights": [null, "balanced"]});
    let random = |seed: u32| model(&json!({"trials": 4, "seed": seed, "over": over}));
    let settings = |bench: &Bench| {
        let report = report(bench);
        (report.best, report.trials.into_iter().map(|trial| (trial.settings, trial.value)).collect::<Vec<_>>())
    };
    let first = (bench.train(&random(0), 1).artifact, settings(&bench));
    assert_eq!(first.1.1.len(), 4);
    assert_eq!((bench.train(&random(0), 2).artifact, settings(&bench)), first);
    bench.train(&random(1), 1);
    assert_ne!(settings(&bench), first.1);
    bench.write("test.csv", flats(90, 3000));
    assert_eq!((bench.train(&random(0), 1).artifact, settings(&bench)), first);
}

#[test]
fn halving_trains_few_settings_in_full_and_trials_that_do_not_fit_are_left_out() {
    let bench = with_flats();
    let mut halving = model(&json!({
        "search": "halving", "trials": 9,
        "over": {
            "model.gradient_boosted_trees.learning_rate": {"log_uniform": [0.001, 0.3]},
            "model.gradient_boosted_trees.max_leaves": [1, 7, 15],
        },
    }));
    halving["spec"]["model"] = json!({"gradient_boosted_trees": {"rounds": 36}});
    bench.train(&halving, 1);
    let report = report(&bench);
    let rungs = |divisor: u32| report.trials.iter().filter(|trial| trial.divided_by == divisor).count();
    assert_eq!((rungs(9), rungs(3), rungs(1)), (9, 3, 1), "{report:?}");
    let of_one_leaf =
        report.trials.iter().filter(|trial| trial.settings["model.gradient_boosted_trees.max_leaves"] == 1);
    assert!(of_one_leaf.clone().count() > 0 && of_one_leaf.clone().all(|trial| trial.fault.is_some()), "{report:?}");
    let best = &report.trials[report.best as usize - 1];
    assert_eq!(best.divided_by, 1);
    let text = String::from_utf8(bench.output("resolved.yaml")).expect("a text");
    assert!(text.contains("rounds: 36"), "the kept settings are trained in full: {text}");
}
