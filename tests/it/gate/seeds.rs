//! A check over several seeds has the model trained several times, and none of them twice.

use serde_json::Value;

use super::{is_done, judged_by, policy};
use crate::support::{Bench, text};

const THREE: &str = "metric: accuracy, at_least: 0.7, seeds: {at_least: 3}";

/// How often a run has trained, over all of its attempts.
async fn trainings(bench: &Bench, run: &Value) -> usize {
    let log = bench.api().log(text(run, "id")).await.expect("a log");
    log.iter().filter(|line| line.contains("training on 1000 rows")).count()
}

#[tokio::test]
async fn a_check_over_seeds_judges_each_of_them_and_a_repeat_trains_none_again() {
    let mut bench = Bench::start().await;
    let run = judged_by(&bench, &policy(&[THREE]), 20).await;
    is_done(&run);
    let slices = run["verdict"]["checks"][0]["slices"].as_array().expect("slices");
    assert_eq!(slices.len(), 3, "{slices:#?}");
    assert!(slices.iter().all(|slice| slice["outcome"] == "pass"), "{slices:#?}");
    assert_eq!(trainings(&bench, &run).await, 3);

    let head = bench.push_with("seed: 7", "seed: 30").await;
    is_done(&bench.end_of(&head).await);
    let head = bench.push_with("seed: 7", "seed: 20").await;
    let again = bench.end_of(&head).await;
    assert_eq!(again["reused_from"], run["id"], "{again:#}");
    assert_eq!(again["verdict"]["checks"][0]["slices"].as_array().map(Vec::len), Some(3));
    assert_eq!(trainings(&bench, &again).await, 0, "the same files and seeds are the same weights");

    // Killed when all is trained and nothing of it recorded.
    bench.restart(&["--crash-at", "before:evaluating"]).await;
    let head = bench.push_with("seed: 7", "seed: 40").await;
    let mut dying = bench.take_server();
    assert!(!dying.wait().await.expect("it dies").success());
    drop(dying);
    bench.restart(&[]).await;
    let run = bench.end_of(&head).await;
    is_done(&run);
    assert!(run["reused_from"].is_null(), "its own weights are no reuse: {run:#}");
    assert_eq!(trainings(&bench, &run).await, 3, "a step that is done again trains nothing again");
    bench.finish().await;
}
