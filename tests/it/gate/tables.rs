//! Slices by a column of a table that is not learnt from, and drift of a column of recent data.

use super::{is_done, is_refused, policy};
use crate::support::{Bench, MODEL, text};

/// Rows whose kind follows from `x`, but in the region `south`, where it is the other way round.
fn table(rows: u32, south: u32, shift: f64) -> String {
    let line = |row: u32| {
        let region = if row < rows - south { "north" } else { "south" };
        let x = f64::from(row * 37 % 101) / 101.0 - 0.5;
        let x = if x.abs() < 0.05 { 0.05 } else { x };
        let kind = if (x > 0.0) == (region == "north") { "a" } else { "b" };
        format!("{},{kind},{region}", x + shift)
    };
    format!("x,kind,region\n{}\n", (0..rows).map(line).collect::<Vec<_>>().join("\n"))
}

fn model(slices: &str) -> String {
    MODEL
        .replace("format: idx", "format: csv\n    label: kind\n    features: [x]\n    recent: {file: data/recent.csv}")
        .replace("{features: data/train-images, labels: data/train-labels}", "{file: data/train.csv}")
        .replace("{features: data/test-images, labels: data/test-labels}", "{file: data/test.csv}")
        .replace("[{scale: {divide_by: 255}}]", "[standardize]")
        .replace("- flatten\n      - linear: 10", "- linear: 2")
        // Enough for every seed to come to the same boundary.
        .replace("epochs: 4", "epochs: 40")
        .replace("{metrics: [accuracy]}", &format!("{{metrics: [accuracy], slices: [{slices}]}}"))
}

const CHECKS: [&str; 3] = [
    "metric: accuracy, at_least: 0.6",
    "metric: accuracy, at_least: 0.6, slice: {by: region}",
    "drift: {column: x, statistic: kolmogorov_smirnov}, at_most: 0.3",
];

#[tokio::test]
async fn a_slice_by_a_column_that_is_not_learnt_from_and_the_drift_of_another_are_judged() {
    let bench = Bench::start().await;
    let write = |path: &str, content: &str| bench.world.work.write(path, content).expect("written");
    write("data/train.csv", &table(400, 0, 0.0));
    write("data/test.csv", &table(400, 0, 0.0));
    write("data/recent.csv", &table(300, 0, 0.01));
    write("policy.yaml", &policy(&CHECKS));
    write("slipway.yaml", &model(""));
    let head = bench.push("without the column").await;
    let run = bench.end_of(&head).await;
    is_refused(&run, "policy.yaml:7:48: the model's predictions have no column `region`");
    is_refused(&run, "add `region` to `spec.evaluation.slices` of the model");

    write("slipway.yaml", &model("region"));
    let head = bench.push("with the column").await;
    let run = bench.end_of(&head).await;
    is_done(&run);
    let slices = &run["verdict"]["checks"][1]["slices"];
    assert_eq!(text(&slices[0], "name"), "region `north`", "{slices:#}");

    // Each candidate has weights of its own: one with the champion's is not judged.
    write("slipway.yaml", &model("region").replace("seed: 7", "seed: 8"));
    write("data/test.csv", &table(400, 60, 0.0));
    let head = bench.push("the south is different").await;
    let run = bench.end_of(&head).await;
    is_refused(&run, "region `south`");
    assert_eq!(run["verdict"]["checks"][0]["outcome"], "pass", "over all rows it is good enough");

    write("data/test.csv", &table(400, 0, 0.0));
    write("data/recent.csv", &table(300, 0, 0.7));
    write("slipway.yaml", &model("region").replace("seed: 7", "seed: 9"));
    let head = bench.push("what comes lately has moved").await;
    is_refused(&bench.end_of(&head).await, "the policy asks for at most 0.3 (policy.yaml:8)");
    bench.finish().await;
}
