//! Checks of the artifact and of data: cost, expressions, drift and leakage.

use insta::assert_snapshot;

use super::sample::{evidence, policy, said, wrong_in_a_thousand};
use crate::evaluation::{SampleColumn, Samples};
use crate::policy::{Champion, Data, Evidence, Facts};

fn facts() -> Facts {
    let mut facts = Facts::default();
    facts.figures.extend([("artifact.bytes", 12_345_678.0), ("artifact.training_seconds", 61.5), ("run.seed", 7.0)]);
    facts.texts.extend([("run.model", "digits".to_owned()), ("environment.name", "production".to_owned())]);
    facts.latencies = (0..1_000).map(|place| 2.0 + f64::from(place * 37 % 1_000) / 500.0).collect();
    facts
}

fn judged(checks: &[&str], facts: Facts, data: Data) -> String {
    let candidate = wrong_in_a_thousand("candidate", 1_000, 38);
    said(&policy(checks).judge(&Evidence { facts, data, ..evidence(&candidate, Champion::None) }))
}

#[test]
fn the_cost_of_an_artifact_is_known_and_its_latency_is_bounded() {
    let checks = [
        "metric: artifact_bytes, at_most: 20971520",
        "metric: artifact_bytes, at_most: 10000000",
        "metric: training_seconds, between: [60, 90]",
        "metric: latency_p50, at_most: 3.1",
        "metric: latency_p99, at_most: 3.98",
        "metric: latency_p99, at_most: 3",
        "metric: artifact_parameters, at_most: 1000",
    ];
    assert_snapshot!(judged(&checks, facts(), Data::default()), @r"
Fail
Pass: artifact_bytes is 12345678; the policy asks for at most 20971520 (policies/digits.yaml:6)
Fail: artifact_bytes is 12345678; the policy asks for at most 10000000 (policies/digits.yaml:7)
Pass: training_seconds is 61.5; the policy asks for 60 to 90 (policies/digits.yaml:8)
Pass: latency_p50 is 2.944 to 3.054 with 95 % confidence (one-sided bounds); the policy asks for at most 3.1 (policies/digits.yaml:9)
Inconclusive: latency_p99 is 3.966 to 3.992 with 95 % confidence (one-sided bounds); the policy asks for at most 3.98 (policies/digits.yaml:10); about 49000 measured times would decide it
Fail: latency_p99 is at least 3.966 with 95 % confidence; the policy asks for at most 3 (policies/digits.yaml:11)
Fail: artifact_parameters cannot be judged: `artifact.parameters` is not known of this candidate; the policy asks for at most 1000 (policies/digits.yaml:12)
");
    let few = Facts { latencies: vec![1.0; 100], ..Facts::default() };
    assert_snapshot!(judged(&["metric: latency_p99, at_most: 50"], few, Data::default()), @r"
Inconclusive
Inconclusive: latency_p99 cannot be bounded on 100 measured times, expected at least 500; the policy asks for at most 50 (policies/digits.yaml:6)
");
    assert_snapshot!(judged(&["metric: latency_p50, at_most: 50"], Facts::default(), Data::default()), @r"
Fail
Fail: latency_p50 cannot be judged: no times of predictions were measured; the policy asks for at most 50 (policies/digits.yaml:6)
");
}

#[test]
fn an_expression_holds_does_not_hold_or_cannot_be_said() {
    let checks = [
        r#"expression: "artifact.bytes < 20 * 1024 * 1024 && metrics.accuracy > 0.9""#,
        r#"expression: "environment.name != 'production' || run.seed in [1, 2, 3]""#,
        r#"expression: "artifact.latency_p99 < 5.0""#,
        r#"expression: "metrics.r2 > 0.5""#,
        r#"expression: "metrics.accuracy >= 1 || artifact.bytes / 0 > 1""#,
    ];
    assert_snapshot!(judged(&checks, facts(), Data::default()), @r"
Fail
Pass: the expression holds; the policy asks for `artifact.bytes < 20 * 1024 * 1024 && metrics.accuracy > 0.9` (policies/digits.yaml:6)
Fail: the expression does not hold; the policy asks for `environment.name != 'production' || run.seed in [1, 2, 3]` (policies/digits.yaml:7)
Fail: the expression cannot be judged: `latency_p99` is not known of this candidate; the policy asks for `artifact.latency_p99 < 5.0` (policies/digits.yaml:8)
Fail: the expression cannot be judged: `r2` is not known of this candidate; the policy asks for `metrics.r2 > 0.5` (policies/digits.yaml:9)
Fail: the expression cannot be judged: Division by zero of Int(12345678); the policy asks for `metrics.accuracy >= 1 || artifact.bytes / 0 > 1` (policies/digits.yaml:10)
");
}

fn samples(column: SampleColumn) -> Samples {
    let rows = match &column {
        SampleColumn::Numbers(values) => values.len(),
        SampleColumn::Texts(values) => values.len(),
    };
    Samples { rows, columns: [("age".to_owned(), column)].into() }
}

/// Ages from 20 to 60 that are older by so much.
fn ages(rows: u32, older: f64) -> Samples {
    samples(SampleColumn::Numbers((0..rows).map(|row| 20.0 + f64::from(row * 37 % 400) / 10.0 + older).collect()))
}

#[test]
fn drift_is_bounded_whatever_the_number_of_rows() {
    let check = |statistic: &str, most: f64| format!("drift: {{column: age, statistic: {statistic}}}, at_most: {most}");
    let checks = [
        check("population_stability_index", 0.1),
        check("kolmogorov_smirnov", 0.1),
        check("wasserstein", 2.0),
        check("jensen_shannon", 0.2),
        check("cramers_v", 0.1),
    ];
    let checks: Vec<&str> = checks.iter().map(String::as_str).collect();
    let drifted =
        |older| Data { training: Some(ages(2_000, 0.0)), recent: Some(ages(1_500, older)), ..Data::default() };
    assert_snapshot!(judged(&checks, Facts::default(), drifted(0.0)), @r"
Pass
Pass: population_stability_index of `age` since training is 0.000 to 0.020 with 95 % confidence (one-sided bounds); the policy asks for at most 0.1 (policies/digits.yaml:6)
Pass: kolmogorov_smirnov of `age` since training is 0.000 to 0.045 with 95 % confidence (one-sided bounds); the policy asks for at most 0.1 (policies/digits.yaml:7)
Pass: wasserstein of `age` since training is 0.000 to 0.784 with 95 % confidence (one-sided bounds); the policy asks for at most 2 (policies/digits.yaml:8)
Pass: jensen_shannon of `age` since training is 0.000 to 0.050 with 95 % confidence (one-sided bounds); the policy asks for at most 0.2 (policies/digits.yaml:9)
Pass: cramers_v of `age` since training is 0.000 to 0.069 with 95 % confidence (one-sided bounds); the policy asks for at most 0.1 (policies/digits.yaml:10)
");
    assert_snapshot!(judged(&checks, Facts::default(), drifted(8.0)), @r"
Fail
Fail: population_stability_index of `age` since training is at least 1.454 with 95 % confidence; the policy asks for at most 0.1 (policies/digits.yaml:6)
Fail: kolmogorov_smirnov of `age` since training is at least 0.171 with 95 % confidence; the policy asks for at most 0.1 (policies/digits.yaml:7)
Fail: wasserstein of `age` since training is at least 7.299 with 95 % confidence; the policy asks for at most 2 (policies/digits.yaml:8)
Fail: jensen_shannon of `age` since training is at least 0.293 with 95 % confidence; the policy asks for at most 0.2 (policies/digits.yaml:9)
Fail: cramers_v of `age` since training is at least 0.349 with 95 % confidence; the policy asks for at most 0.1 (policies/digits.yaml:10)
");
}

#[test]
fn drift_without_samples_or_of_another_kind_fails() {
    let texts = samples(SampleColumn::Texts((0..100).map(|row| ["a", "b"][row % 2].to_owned()).collect()));
    let check = ["drift: {column: age, statistic: kolmogorov_smirnov}, at_most: 0.1"];
    let of = |training: Option<&Samples>, recent: Option<&Samples>| {
        judged(
            &check,
            Facts::default(),
            Data { training: training.cloned(), recent: recent.cloned(), ..Data::default() },
        )
    };
    let mut nameless = ages(100, 0.0);
    nameless.columns.clear();
    let shown = [
        of(None, None),
        of(Some(&ages(100, 0.0)), Some(&nameless)),
        of(Some(&texts), Some(&ages(100, 0.0))),
        of(Some(&texts), Some(&texts)),
        of(Some(&ages(10, 0.0)), Some(&ages(100, 0.0))),
    ];
    assert_snapshot!(shown.join("\n"), @r"
Fail
Fail: kolmogorov_smirnov of `age` since training cannot be judged: there are no samples of training data and of recent data to compare; the policy asks for at most 0.1 (policies/digits.yaml:6)
Fail
Fail: kolmogorov_smirnov of `age` since training cannot be judged: the recent data have no column `age`; the policy asks for at most 0.1 (policies/digits.yaml:6)
Fail
Fail: kolmogorov_smirnov of `age` since training cannot be judged: `age` holds numbers in one sample and texts in the other; the policy asks for at most 0.1 (policies/digits.yaml:6)
Fail
Fail: kolmogorov_smirnov of `age` since training cannot be judged: `age` holds texts, and kolmogorov_smirnov is of numbers; the policy asks for at most 0.1 (policies/digits.yaml:6)
Fail
Fail: kolmogorov_smirnov of `age` since training cannot be judged: 10 rows of training and 100 recent ones, expected 30 of each; the policy asks for at most 0.1 (policies/digits.yaml:6)
");
}

#[test]
fn test_rows_that_are_training_rows_fail() {
    let of = |first: u32, rows: u32| samples(SampleColumn::Numbers((first..first + rows).map(f64::from).collect()));
    let checks = ["leakage: {}", "leakage: {at_most: 0.05}"];
    let judge = |test: Option<Samples>| {
        judged(&checks, Facts::default(), Data { training: Some(of(0, 100)), test, ..Data::default() })
    };
    assert_snapshot!([judge(Some(of(100, 50))), judge(Some(of(98, 50))), judge(None)].join("\n"), @r"
Pass
Pass: the share of test rows that are in the training data is 0; the policy asks for at most 0 (policies/digits.yaml:6)
Pass: the share of test rows that are in the training data is 0; the policy asks for at most 0.05 (policies/digits.yaml:7)
Fail
Fail: the share of test rows that are in the training data is 0.04; the policy asks for at most 0 (policies/digits.yaml:6)
Pass: the share of test rows that are in the training data is 0.04; the policy asks for at most 0.05 (policies/digits.yaml:7)
Fail
Fail: the share of test rows that are in the training data cannot be judged: there are no samples of training data and of test data to compare; the policy asks for at most 0 (policies/digits.yaml:6)
Fail: the share of test rows that are in the training data cannot be judged: there are no samples of training data and of test data to compare; the policy asks for at most 0.05 (policies/digits.yaml:7)
");
}
