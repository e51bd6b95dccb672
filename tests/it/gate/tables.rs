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

/// A row of a table with its number behind the digits of its first value; the header as it is.
fn numbered(line: usize, row: &str) -> String {
    if line == 0 { row.to_owned() } else { row.replacen(',', &format!("{line:03},"), 1) }
}

#[tokio::test]
async fn rows_in_another_form_are_no_fresh_ones_and_a_policy_that_no_row_answers_refuses_before_training() {
    let bench = Bench::start().await;
    let write = |path: &str, content: &str| bench.world.work.write(path, content).expect("written");
    let uses = |run: &serde_json::Value| run["verdict"]["test_set"]["use"].as_u64();
    let model = |seed: u32| model("region").replace("seed: 7", &format!("seed: {seed}"));
    // No two rows are alike: by columns that do not tell them apart they are not sought.
    let rows = table(400, 0, 0.0);
    let rows: Vec<String> = rows.lines().enumerate().map(|(line, row)| numbered(line, row)).collect();
    let rows = rows.join("\n");
    write("data/train.csv", &rows);
    write("data/test.csv", &rows);
    write("data/recent.csv", &rows);
    write("policy.yaml", &policy(&CHECKS[..1]));
    write("slipway.yaml", &model(7));
    let run = bench.end_of(&bench.push("a table").await).await;
    is_done(&run);
    assert_eq!(uses(&run), Some(1));

    let changed = |change: &dyn Fn(usize, &str) -> String| {
        rows.lines().enumerate().map(|(line, text)| change(line, text)).collect::<Vec<_>>().join("\r\n")
    };
    let padded = changed(&|line, text| if line == 0 { text.to_owned() } else { text.replacen(',', "00,", 1) });
    let renamed =
        changed(&|line, text| if line == 0 { "x,kind,region".replace("region", "area") } else { text.to_owned() });
    let more = changed(&|line, text| if line == 0 { format!("age,{text}") } else { format!("{line},{text}") });
    for (seed, expected, test, slices) in
        [(8, 2, &padded, "region"), (9, 3, &renamed, "area"), (10, 4, &more, "region")]
    {
        write("data/test.csv", test);
        write("slipway.yaml", &model(seed).replace("slices: [region]", &format!("slices: [{slices}]")));
        let run = bench.end_of(&bench.push("the same rows").await).await;
        is_done(&run);
        assert_eq!(uses(&run), Some(expected), "{test}");
    }

    write("policy.yaml", &policy(&["metric: accuracy, at_least: 0.6, slice: {where: {region: North}}"]));
    // A sound policy alone begins no run.
    bench.push("a policy").await;
    write("slipway.yaml", &model(11));
    let run = bench.end_of(&bench.push("a model").await).await;
    is_refused(&run, "policy.yaml:6:48: no test row has region `North`; it is `north` (read at ");
    is_refused(&run, "help: did you mean `north`?");
    bench.finish().await;
}
