//! A policy that could never judge a model refuses it before anything is trained.

use super::{is_refused, judged_by, policy};
use crate::support::{Bench, text};

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

#[tokio::test]
async fn a_margin_that_no_row_count_shows_names_the_revision_at_which_its_policy_was_read() {
    let bench = Bench::start().await;
    let check = "metric: accuracy, at_least: 0.9999";
    bench.world.work.write("policy.yaml", policy(&[check])).expect("written");
    let read = bench.push("a policy that no model can pass").await;
    bench.end_of(&read).await;
    let head = bench.push_with("seed: 7", "seed: 12").await;
    let run = bench.end_of(&head).await;
    is_refused(&run, "policy.yaml:6:");
    is_refused(&run, "accuracy of at least 0.9999 cannot be shown");
    is_refused(&run, &format!("(read at {}, the revision before this push)", &read[..12]));
    let lax = "metric: accuracy, no_worse_than_champion: {margin: 0.0001}";
    bench.world.work.write("policy.yaml", policy(&[lax])).expect("written");
    let read = bench.push("a margin that only a better model shows").await;
    let head = bench.push_with("seed: 7", "seed: 13").await;
    let run = bench.end_of(&head).await;
    let cause = run["transitions"][1]["cause"].as_str().unwrap_or_default();
    let warning = format!("(read at {}, the revision before this push)", &read[..12]);
    assert!(cause.contains("a margin of 0.0001") && cause.contains(&warning), "{run:#}");
    // The push that brings such a policy along is reported itself, with the lines of its own revision.
    bench.world.work.write("policy.yaml", policy(&[check])).expect("written");
    let run = bench.end_of(&bench.push("the first policy again").await).await;
    is_refused(&run, "policy.yaml:6:");
    assert!(!text(&run, "reason").contains("read at"), "{run:#}");
    bench.finish().await;
}
