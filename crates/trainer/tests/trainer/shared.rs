//! Test rows that are training rows as well are warned of, by a check and by a training.

use serde_json::json;
use slipway_contract::{Fault, Progress};

use crate::support::{Bench, idx_header, is_of_shared_rows, picture_model, pictures, table_model};

/// The warnings about rows of both halves.
fn shared(bench: &Bench, model: &serde_json::Value) -> Vec<Fault> {
    let (faults, warnings) = bench.all_found(model, &json!([]));
    assert_eq!(faults, [], "{faults:?}");
    warnings.into_iter().filter(is_of_shared_rows).collect()
}

#[test]
fn test_rows_that_are_training_rows_are_counted_and_named_by_their_lines() {
    let bench = Bench::with_tables();
    bench.write("train.csv", "height,weight,kind\n1.5,2,cat\n\n3,4,dog\n5,6,cat\n-0.0,8,dog\n");
    bench.write("test.csv", "height,weight,kind\n7,7,cat\n\n3.00,4e0,dog\n1.5,2,dog\n5,6,cat\n0,8,dog\n5,6,cat\n");
    let warnings = shared(&bench, &table_model());
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    let Fault { message, file, line, key, help, .. } = &warnings[0];
    assert_eq!(
        message,
        "4 of 6 test rows are also training rows: line 4 is line 4 of `data/train.csv`, line 6 is line 5, line 7 is line 6, …"
    );
    assert_eq!((file.as_deref(), *line), (Some("data/test.csv"), Some(4)));
    assert_eq!(key.as_deref(), Some("spec.data.test.file"));
    assert!(help.as_deref().is_some_and(|help| help.contains("`leakage: {at_most: 0}`")), "{help:?}");
    let ended = bench.try_train(&table_model(), 1);
    let says = |line: &Progress| matches!(line, Progress::Stage { text } if text.starts_with("warning: ") && text.contains("4 of 6 test rows"));
    assert!(ended.said.iter().any(says), "{:?}", ended.said);
}

#[test]
fn rows_are_compared_as_the_check_of_leakage_compares_them() {
    let bench = Bench::with_tables();
    // Only the columns that are learnt from count, and whole numbers that floats do not keep differ by their digits.
    bench.write("train.csv", "id,height,kind\n1,10,cat\n2,20,dog\n");
    bench.write("test.csv", "id,height,kind\n3,10,cat\n4,21,dog\n");
    let mut model = table_model();
    assert_eq!(shared(&bench, &model), []);
    model["spec"]["data"]["features"] = json!(["height"]);
    assert!(shared(&bench, &model)[0].message.starts_with("1 of 2 test rows is also a training row: line 2 is line 2"));
    bench.write("train.csv", "height,kind\n9007199254740993,cat\n2,dog\n");
    bench.write("test.csv", "height,kind\n9007199254740992,cat\n3,dog\n");
    assert_eq!(shared(&bench, &model), []);
}

#[test]
fn rows_that_repeat_by_chance_are_reported_as_such() {
    let bench = Bench::with_tables();
    let rows = |count: usize| "1,0,cat\n0,1,dog\n".repeat(count);
    bench.write("train.csv", format!("height,weight,kind\n{}7,7,cat\n", rows(20)));
    bench.write("test.csv", format!("height,weight,kind\n{}", rows(5)));
    let warnings = shared(&bench, &table_model());
    let expected = "(40 of 41 training rows equal another training row as well, so it may be chance)";
    assert!(warnings[0].message.ends_with(expected), "{warnings:?}");
}

#[test]
fn pictures_of_both_halves_are_named_by_their_numbers() {
    let bench = Bench::with_pictures();
    assert_eq!(shared(&bench, &picture_model()), []);
    let known = pictures(96).images;
    let picture = |number: usize| known[known.len() - 96 * 36..][number * 36..][..36].to_vec();
    let test = [idx_header(8, &[2, 6, 6]), vec![9; 36], picture(5)].concat();
    bench.write("test-images", test);
    bench.write("test-labels", [idx_header(8, &[2]), vec![0, 1]].concat());
    let warnings = shared(&bench, &picture_model());
    assert_eq!(warnings[0].message, "1 of 2 test rows is also a training row: row 2 is row 6");
    assert_eq!(warnings[0].key.as_deref(), Some("spec.data.test"));
}
