//! A policy that could never judge a model refuses it before anything is trained.

use super::{is_refused, judged_by, policy};
use crate::support::Bench;

#[tokio::test]
async fn a_check_that_does_not_fit_the_model_is_refused_with_line_and_column_before_training() {
    let bench = Bench::start().await;
    for (seed, check, expected) in [
        (8, "metric: r2, at_least: 0.5", "policy.yaml:6:16: r2 is for regression"),
        (9, "metric: macro_f1, at_least: 0.5", "policy.yaml:6:16: macro_f1 is not among the metrics"),
        (
            10,
            "metric: accuracy, at_least: 0.5, slice: {by: region}",
            "policy.yaml:6:48: the model's predictions have no column `region`",
        ),
        (
            11,
            "drift: {column: age, statistic: cramers_v}, at_most: 0.1",
            "policy.yaml:6:15: the model's rows are pictures",
        ),
    ] {
        let run = judged_by(&bench, &policy(&[check]), seed).await;
        is_refused(&run, expected);
        let place = &run["diagnostics"][0];
        assert_eq!((&place["file"], &place["line"]), (&"policy.yaml".into(), &6.into()), "{run:#}");
        assert!(run["artifact"].is_null(), "{check}: nothing is trained that could not be judged");
    }
    bench.finish().await;
}
