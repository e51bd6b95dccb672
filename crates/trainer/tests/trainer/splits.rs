//! One file of rows is divided into training, validation and test rows as `split` says.

use std::fmt::Write as _;

use serde_json::{Value, json};
use slipway_contract::TrainingReport;

use crate::support::{Bench, table_model};

/// Rows whose label follows from `x`. `change` may write other values into a row.
fn table(rows: u32, change: impl Fn(u32) -> Option<String>) -> String {
    let mut table = String::from("x,person,day,part,kind\n");
    for row in 0..rows {
        let part = ["train", "train", "train", "validation", "test"][(row % 5) as usize];
        let x = change(row).unwrap_or_else(|| format!("{}.25", row * 7 % 40));
        let day = format!("2024-{:02}-{:02}", 1 + row / 28, 1 + row % 28);
        let _ = writeln!(table, "{x},p{},{day},{part},{}", row % 10, ["cat", "dog"][usize::from(row * 7 % 40 > 19)]);
    }
    table
}

fn model(split: &Value) -> Value {
    let mut model = table_model();
    model["spec"]["data"] = json!({
        "format": "csv", "label": "kind", "rows": {"file": "data/rows.csv"}, "columns": {"x": "number"},
        "ignore": ["person", "day", "part"], "split": split,
    });
    model["spec"]["training"]["epochs"] = json!(2);
    model
}

fn with(table: &str) -> Bench {
    let bench = Bench::with_tables();
    bench.write("rows.csv", table);
    bench
}

fn counts(report: &TrainingReport) -> (u64, u64) {
    (report.training_rows, report.validation_rows)
}

#[test]
fn every_split_gives_each_part_its_rows_and_the_same_weights_again() {
    let bench = with(&table(200, |_| None));
    for (split, expected) in [
        (json!({"test": 0.2, "validation": 0.25}), (120, 40)),
        (json!({"by": "random", "test": 0.2, "validation": 0.25, "seed": 3}), (120, 40)),
        (json!({"by": {"group": "person"}, "test": 0.2, "validation": 0.25}), (120, 40)),
        (json!({"by": {"time": "day"}, "test": 0.2, "validation": 0.25}), (120, 40)),
        (json!({"by": {"column": "part"}}), (120, 40)),
        (json!({"by": {"time": "day"}, "test": 0.5}), (100, 0)),
    ] {
        let report = bench.train(&model(&split), 1);
        assert_eq!(counts(&report), expected, "{split}");
        let weights = bench.keep_weights("candidate.safetensors");
        assert_eq!(bench.train(&model(&split), 1).artifact, report.artifact, "{split}");
        let resolved: Value =
            serde_yaml::from_slice(&bench.output("resolved.yaml")).expect("a model with every default written out");
        assert_eq!(bench.train(&resolved, 1).artifact, report.artifact, "{split}");
        let ended = bench.evaluate(&model(&split), "candidate.safetensors", None);
        assert_eq!(ended.code, Some(0), "{:?}", ended.said);
        let evaluation: Value = serde_json::from_slice(&bench.output("candidate/report.json")).expect("a report");
        assert_eq!(evaluation["rows"], 200 - expected.0 - expected.1, "{split}");
        std::fs::remove_file(weights).expect("removed");
    }
}

#[test]
fn values_of_test_rows_change_no_byte_of_the_weights() {
    let split = json!({"by": {"column": "part"}});
    let bench = with(&table(200, |_| None));
    let expected = bench.train(&model(&split), 1).artifact;
    bench.write("rows.csv", table(200, |row| (row % 5 == 4).then(|| "1e9".to_owned())));
    assert_eq!(bench.train(&model(&split), 1).artifact, expected);
    bench.write("rows.csv", table(200, |row| (row == 0).then(|| "1e9".to_owned())));
    assert_ne!(bench.train(&model(&split), 1).artifact, expected, "a training row counts");
}

#[test]
fn the_training_file_alone_is_divided_where_there_is_a_test_file() {
    let bench = with(&table(200, |_| None));
    bench.write("test.csv", table(40, |row| Some(format!("{}.5", row * 7 % 40))));
    let mut model = model(&json!({"by": {"group": "person"}, "validation": 0.2}));
    let data = model["spec"]["data"].as_object_mut().expect("data");
    let rows = data.remove("rows").expect("rows");
    data.insert("train".to_owned(), rows);
    data.insert("test".to_owned(), json!({"file": "data/test.csv"}));
    assert_eq!(counts(&bench.train(&model, 1)), (160, 40));
}

#[test]
fn a_split_that_is_impossible_is_refused_with_its_reason() {
    let faults = |table: &str, split: Value| {
        let bench = with(table);
        let (faults, _) = bench.found(&model(&split), &json!([]));
        faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    let good = table(200, |_| None);
    for (table, split, expected) in [
        (good.clone(), json!({"by": {"time": "person"}, "test": 0.2}), "line 2, column `person`: `p0` is no time"),
        (good.clone(), json!({"by": {"group": "people"}, "test": 0.2}), "has no column `people`"),
        (good.clone(), json!({"by": {"column": "person"}}), "found `p0`, expected `train`, `validation` or `test`"),
        (good.replace(",test,", ",train,"), json!({"by": {"column": "part"}}), "names the part `test`"),
        (
            "x,person,day,part,kind\n1,a,1,train,cat\n2,a,2,train,cat\n3,a,3,test,dog\n4,a,4,train,dog\n".to_owned(),
            json!({"by": {"group": "person"}, "test": 0.2}),
            "1 group cannot be split into 2 parts",
        ),
        (
            "x,person,day,part,kind\n1,a,5,train,cat\n2,a,5,train,cat\n3,a,5,test,dog\n4,a,5,train,dog\n".to_owned(),
            json!({"by": {"time": "day"}, "test": 0.2}),
            "too few different times",
        ),
        (good.clone(), json!({"test": 1.5}), "1.5 is out of range"),
        (good.clone(), json!({"validation": 0.2}), "no share of the rows is for testing"),
        (good, json!({"by": {"column": "part"}, "test": 0.2}), "the column says which rows are held out"),
    ] {
        let found = faults(&table, split.clone());
        assert!(found.contains(expected), "{split}: expected `{expected}`, found:\n{found}");
    }
}
