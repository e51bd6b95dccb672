//! A policy and a model that do not fit are told of with their places, and what a policy has to see is known when it is read.

use std::collections::BTreeSet;

use insta::assert_snapshot;
use slipway_contract::Model;

use super::sample::policy;
use crate::policy::RequiredEvidence;

fn model(data: &serde_json::Value, evaluation: &serde_json::Value) -> Model {
    let model = serde_json::json!({
        "apiVersion": "slipway.dev/v1alpha1", "kind": "Model", "metadata": {"name": "digits"},
        "spec": {
            "paths": ["data/**"], "task": "classification", "policy": "policy.yaml", "data": data,
            "model": {"sequential": [{"linear": 3}]}, "evaluation": evaluation,
            "training": {"optimizer": {"adam": {"learning_rate": 1e-3}}, "epochs": 1, "batch_size": 8},
        }
    });
    serde_json::from_value(model).expect("a model")
}

fn of_tables(evaluation: &serde_json::Value) -> Model {
    let data = serde_json::json!({
        "format": "csv", "train": {"file": "a.csv"}, "test": {"file": "b.csv"}, "label": "kind",
    });
    model(&data, evaluation)
}

fn of_pictures() -> Model {
    let files = |half: &str| serde_json::json!({"features": half, "labels": half});
    let data = serde_json::json!({"format": "idx", "train": files("a"), "test": files("b")});
    model(&data, &serde_json::json!({}))
}

fn unfit(checks: &[&str], model: &Model) -> String {
    policy(checks).unfit_for(model).iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[test]
fn everything_that_could_never_be_measured_of_a_model_is_reported_with_its_place() {
    let checks = [
        "metric: accuracy, at_least: 0.9, slice: {by: [label, region]}",
        "metric: macro_f1, at_least: 0.9",
        "metric: accuracy, group_by: patient, at_least: 0.9",
        "metric: {selection_rate_ratio: {class: a, by: sex}}, at_least: 0.8",
        "metric: accuracy, at_least: 0.9, slice: {where: {site: north}}",
        "expression: 'metrics.log_loss < 1.0 && metrics.accuracy > 0.5'",
        "drift: {column: age, statistic: kolmogorov_smirnov}, at_most: 0.2",
        "leakage: {at_most: 0}",
    ];
    assert_snapshot!(unfit(&checks, &of_tables(&serde_json::json!({}))), @r"
policies/digits.yaml:6:48: the model's predictions have no column `region`
  help: add `region` to `spec.evaluation.slices` of the model
policies/digits.yaml:7:16: macro_f1 is not among the metrics that the model's evaluation states
  help: add `macro_f1` to `spec.evaluation.metrics` of the model
policies/digits.yaml:8:36: the model's predictions have no column `patient`
  help: add `patient` to `spec.evaluation.slices` of the model
policies/digits.yaml:9:16: the model's predictions have no column `sex`
  help: add `sex` to `spec.evaluation.slices` of the model
policies/digits.yaml:10:48: the model's predictions have no column `site`
  help: add `site` to `spec.evaluation.slices` of the model
policies/digits.yaml:11:20: log_loss is not among the metrics that the model's evaluation states
  help: add `log_loss` to `spec.evaluation.metrics` of the model
policies/digits.yaml:12:15: the model names no recent data to compare with (`spec.data.recent`)
  help: drift is measured between the columns of two tables: `recent: {file: data/recent.csv}`
");
    let evaluation =
        serde_json::json!({"metrics": ["macro_f1", "log_loss"], "slices": ["region", "patient", "sex", "site"]});
    let mut fits = of_tables(&evaluation);
    if let slipway_contract::DataSpec::Csv(slipway_contract::TableSpec { recent, .. }) = &mut fits.spec.data {
        *recent = Some(slipway_contract::TableFile { file: "recent.csv".to_owned(), url: None, sha256: None });
    }
    assert_eq!(unfit(&checks, &fits), "");
}

#[test]
fn a_metric_of_another_task_does_not_fit() {
    assert_snapshot!(unfit(&["metric: r2, at_least: 0.5"], &of_pictures()), @r"
policies/digits.yaml:6:16: r2 is for regression, and the model's task is classification
  help: name a metric of classes or scores
");
}

#[test]
fn pictures_have_the_classes_of_the_last_layer() {
    let mut model = of_pictures();
    let known: slipway_contract::Metric =
        serde_json::from_value(serde_json::json!({"recall": {"class": "2"}})).expect("a metric");
    let unknown: slipway_contract::Metric =
        serde_json::from_value(serde_json::json!({"recall": {"class": "3"}})).expect("a metric");
    model.spec.evaluation.metrics = vec![known, unknown];
    let checks = ["metric: {recall: {class: '2'}}, at_least: 0.5", "metric: {recall: {class: '3'}}, at_least: 0.5"];
    assert_snapshot!(unfit(&checks, &model), @r"
policies/digits.yaml:7:16: the model has no class `3`: its rows have the labels 0 to 2
  help: name one of them
");
}

#[test]
fn pictures_have_no_columns_but_their_label() {
    let checks = [
        "metric: accuracy, at_least: 0.9, slice: {by: label}",
        "metric: accuracy, at_least: 0.9, slice: {by: region}",
        "drift: {column: age, statistic: cramers_v}, at_most: 0.2",
    ];
    assert_snapshot!(unfit(&checks, &of_pictures()), @r"
policies/digits.yaml:7:48: the model's predictions have no column `region`
  help: rows of pictures can be sliced by `label` and `prediction`
policies/digits.yaml:8:15: the model's rows are pictures, which have no columns to compare
  help: drift is measured between the columns of two tables: `recent: {file: data/recent.csv}`
");
}

#[test]
fn a_baseline_that_the_model_does_not_list_is_reported_with_its_place() {
    let checks = ["metric: accuracy, better_than_baseline: {of: gradient_boosted_trees}"];
    assert_snapshot!(unfit(&checks, &of_tables(&serde_json::json!({"baselines": ["linear"]}))), @r"
policies/digits.yaml:6:48: the model's evaluation has no baseline `gradient_boosted_trees`
  help: add `gradient_boosted_trees` to `spec.evaluation.baselines` of the model
");
    assert_eq!(unfit(&checks, &of_tables(&serde_json::json!({"baselines": ["gradient_boosted_trees"]}))), "");
}

#[test]
fn a_policy_says_what_it_has_to_see() {
    assert_eq!(policy(&["metric: accuracy, at_least: 0.9"]).required_evidence(), RequiredEvidence::default());
    let asking = policy(&[
        "metric: accuracy, at_least: 0.9, seeds: {at_least: 3}",
        "metric: accuracy, at_least: 0.8, seeds: {at_least: 2}",
        "expression: 'artifact.bytes < 100 && artifact.latency_p99 < 2.0'",
        "drift: {column: age, statistic: kolmogorov_smirnov}, at_most: 0.2",
        "leakage: {at_most: 0}",
    ]);
    let drift = BTreeSet::from(["age".to_owned()]);
    let baselines = BTreeSet::new();
    let expected = RequiredEvidence { training_runs: 3, latencies: true, leakage: true, drift, baselines };
    assert_eq!(asking.required_evidence(), expected);
    let timed = policy(&["metric: latency_p50, at_most: 2"]).required_evidence();
    assert_eq!(timed.and(asking.required_evidence()), expected);
}

#[test]
fn an_endless_web_of_policies_is_not_read_to_its_end() {
    let text = super::sample::policy_text(&["metric: accuracy, at_least: 0.9"]);
    let everything = (0..10).map(|index| format!("{index}.yaml")).collect::<Vec<_>>().join(", ");
    let text = text.replace("spec:\n", &format!("spec:\n  extends: [{everything}]\n"));
    let read = std::cell::Cell::new(0);
    let find = |_: &str, path: &str| {
        read.set(read.get() + 1);
        Ok((path.to_owned(), text.clone()))
    };
    let mistakes = crate::policy::Policy::read_with("policy.yaml", &text, &find).expect_err("refused");
    assert!(read.get() <= 100, "{} files were read", read.get());
    assert!(mistakes[0].message.contains("cannot be extended"), "{}", mistakes[0]);
}

fn now() -> jiff::Timestamp {
    "2026-11-24T10:00:00Z".parse().expect("a time")
}

#[test]
fn a_check_that_a_model_is_excepted_from_or_that_has_no_champion_yet_refuses_nothing_for_its_rows() {
    let text = super::sample::policy_text(&[
        "name: hard, metric: accuracy, at_least: 0.9999",
        "metric: macro_f1, no_worse_than_champion: {margin: 0.05}",
        "metric: macro_f1, better_than_champion: {by: 0.01}",
    ]);
    let excepted =
        "  exceptions:\n  - {model: digits, check: hard, reason: a new sensor, approver: kim, expires: 2026-12-01}\n";
    let policy = crate::policy::Policy::read("policy.yaml", &format!("{text}{excepted}")).expect("a policy");
    let short = policy.short_of_rows(25, "digits", now());
    assert!(short.len() == 2 && short.iter().all(|short| !short.hopeless), "{short:?}");
    assert!(policy.short_of_rows(25, "other", now())[0].hopeless, "the exception is another model's");
    let later = "2026-12-02T10:00:00Z".parse().expect("a time");
    assert!(policy.short_of_rows(25, "digits", later)[0].hopeless, "the exception has ended");
}

#[test]
fn what_the_rows_at_hand_could_never_show_is_reported_with_how_many_it_takes() {
    let checks = [
        "metric: accuracy, no_worse_than_champion: {margin: 0.0001}",
        "metric: accuracy, at_least: 0.9999",
        "metric: {recall: {class: cat}}, at_least: 0.999",
        "metric: {recall: {class: dog}}, at_most: 0.001",
        "metric: macro_f1, at_least: 0.5, slice: {by: label, minimum_rows: 2000}",
    ];
    let short = policy(&checks).short_of_rows(1_000, "digits", now());
    assert!(!short[0].hopeless && short[1..].iter().all(|short| short.hopeless), "{short:?}");
    let shown: Vec<String> = short.iter().map(|short| short.diagnostic.to_string()).collect();
    assert_snapshot!(shown.join("\n"), @r"
policies/digits.yaml:6:50: a margin of 0.0001 to the champion's accuracy cannot be shown, unless a candidate is clearly better: it needs about 30,000 rows, has 1,000, even if both models are right on every row
  help: add test rows, or ask for what 1,000 rows can show at a confidence of 0.95; `when_inconclusive` says what becomes of what is not decided
policies/digits.yaml:7:36: accuracy of at least 0.9999 cannot be shown: it needs about 27,000 rows, has 1,000, even of a model that is right on every row
  help: add test rows, or ask for what 1,000 rows can show at a confidence of 0.95; `when_inconclusive` says what becomes of what is not decided
policies/digits.yaml:8:50: recall of `cat` of at least 0.999 cannot be shown: it needs about 2,700 rows, has 1,000, even of a model that is right on every row
  help: add test rows, or ask for what 1,000 rows can show at a confidence of 0.95; `when_inconclusive` says what becomes of what is not decided
policies/digits.yaml:9:49: recall of `dog` of at most 0.001 cannot be shown: it needs about 2,700 rows, has 1,000
  help: add test rows, or ask for what 1,000 rows can show at a confidence of 0.95; `when_inconclusive` says what becomes of what is not decided
policies/digits.yaml:10:36: macro_f1 of at least 0.5 cannot be shown: it needs about 2,000 rows, has 1,000
  help: add test rows, or ask for what 1,000 rows can show at a confidence of 0.95; `when_inconclusive` says what becomes of what is not decided
");

    let enough = policy(&checks[..4]).short_of_rows(30_000, "digits", now());
    assert_eq!(enough, [], "all of it can be shown");
    let content = [
        "metric: accuracy, at_least: 0.9999, severity: warn",
        "metric: accuracy, at_least: 0.9999, when_inconclusive: require_approval",
        "metric: accuracy, no_worse_than_champion: {margin: 0.01}",
        "metric: accuracy, no_worse_than_champion: {margin: 0.0001, relative: true}",
        "metric: accuracy, no_worse_than_champion: {margin: 0.0001}, group_by: patient",
        "metric: latency_p50, at_most: 2",
        "metric: macro_f1, at_least: 0.99",
    ];
    assert_eq!(policy(&content).short_of_rows(1_000, "digits", now()), []);
    assert_eq!(policy(&content[6..]).short_of_rows(29, "digits", now()).len(), 1, "fewer rows than are resampled");
}

#[test]
fn a_check_of_own_scores_does_not_fit_a_model_whose_trainer_brings_none() {
    let said = unfit(&["metric: {mean_of: profit}, at_least: 1"], &of_pictures());
    assert_snapshot!(said, @r#"
policies/digits.yaml:6:16: mean_of(column="profit") needs columns that an evaluation writes itself; Slipway's trainer writes none
  help: name a metric of predicted classes or of their scores
"#);
}

#[test]
fn classes_of_a_condition_are_known_before_training() {
    let checks = [
        "metric: accuracy, at_least: 0.5, slice: {where: {label: ['2', '7']}}",
        "metric: accuracy, at_least: 0.5, slice: {where: {prediction: cat}}",
    ];
    assert_snapshot!(unfit(&checks, &of_pictures()), @r"
policies/digits.yaml:6:48: the model has no class `7`: its rows have the labels 0 to 2
  help: name one of them
policies/digits.yaml:7:48: the model has no class `cat`: its rows have the labels 0 to 2
  help: name one of them
");
}

#[test]
fn both_classes_of_a_pair_are_known_before_training() {
    let check = "metric: {confusion: {actual: '1', predicted: '7'}}, at_most: 0.1";
    assert_snapshot!(unfit(&[check], &of_pictures()), @r#"
policies/digits.yaml:6:16: the model has no class `7`: its rows have the labels 0 to 2
  help: name one of them
policies/digits.yaml:6:16: confusion(actual="1", predicted="7") is not among the metrics that the model's evaluation states
  help: add `confusion(actual="1", predicted="7")` to `spec.evaluation.metrics` of the model
"#);
}
