//! A policy demands that a model is better than a family that the server trains on the same rows.

use super::{is_done, is_refused, policy};
use crate::support::{Bench, MODEL, text};

/// Rows whose kind follows from whether `x` and `y` have the same sign, which no linear model expresses.
fn table(rows: u32, shift: u32) -> String {
    let value = |row: u32, factor: u32| f64::from((row * factor + shift) % 211) / 211.0 - 0.5;
    let line = |row: u32| {
        let (x, y) = (value(row, 37), value(row, 101));
        format!("{x},{y},{}", if (x > 0.0) == (y > 0.0) { "same" } else { "other" })
    };
    format!("x,y,kind\n{}\n", (0..rows).map(line).collect::<Vec<_>>().join("\n"))
}

fn model(seed: u32, baselines: &str) -> String {
    let (head, _) = MODEL.split_once("  preprocess:").expect("a model");
    let head = head
        .replace("format: idx", "format: csv\n    label: kind")
        .replace("{features: data/train-images, labels: data/train-labels}", "{file: data/train.csv}")
        .replace("{features: data/test-images, labels: data/test-labels}", "{file: data/test.csv}");
    format!(
        "{head}  model: gradient_boosted_trees\n  training: {{seed: {seed}}}\n  evaluation: {{metrics: [accuracy]{baselines}}}\n  policy: policy.yaml\n"
    )
}

#[tokio::test]
async fn a_model_is_judged_against_the_families_that_it_lists() {
    let bench = Bench::start().await;
    let write = |path: &str, content: &str| bench.world.work.write(path, content).expect("written");
    write("data/train.csv", &table(200, 0));
    write("data/test.csv", &table(180, 1));
    write("policy.yaml", &policy(&["metric: accuracy, better_than_baseline: {of: linear, by: 0.1}"]));
    write("slipway.yaml", &model(1, ""));
    let head = bench.push("no baseline is listed").await;
    let run = bench.end_of(&head).await;
    is_refused(&run, "policy.yaml:6:48: the model's evaluation has no baseline `linear`");

    write("slipway.yaml", &model(1, ", baselines: [linear, gradient_boosted_trees]"));
    let head = bench.push("trees against a linear model").await;
    let run = bench.end_of(&head).await;
    is_done(&run);
    let check = &run["verdict"]["checks"][0];
    assert!(text(check, "sentence").contains("above that of the baseline `linear`"), "{check:#}");

    write("policy.yaml", &policy(&["metric: accuracy, better_than_baseline: {of: gradient_boosted_trees}"]));
    bench.push("a policy").await;
    write(
        "slipway.yaml",
        &model(2, ", baselines: [gradient_boosted_trees]").replace("gradient_boosted_trees\n", "linear\n"),
    );
    let head = bench.push("a linear model against trees").await;
    is_refused(&bench.end_of(&head).await, "the baseline `gradient_boosted_trees`");
    bench.finish().await;
}
