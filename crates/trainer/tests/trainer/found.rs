//! Everything that is wrong with data is found in one go, and what is worth a warning is said by a check and by a training alike.

use std::fmt::Write as _;

use serde_json::{Value, json};
use slipway_contract::{Fault, Progress};

use crate::support::{Bench, table_model};

fn none() -> Value {
    json!([])
}

fn messages(faults: &[Fault]) -> Vec<&str> {
    faults.iter().map(|fault| fault.message.as_str()).collect()
}

/// The warnings that a check writes, of which a training says each.
fn warned(bench: &Bench, model: &Value) -> Vec<Fault> {
    let (faults, warnings) = bench.found(model, &none());
    assert_eq!(faults, [], "{faults:?}");
    let ended = bench.try_train(model, 1);
    assert_eq!(ended.code, Some(0), "{:?}", ended.said.last());
    let said: Vec<&String> = ended
        .said
        .iter()
        .filter_map(|line| match line {
            Progress::Stage { text } if text.starts_with("warning: ") => Some(text),
            _ => None,
        })
        .collect();
    let before = |warning: &&Fault| !warning.message.contains("before anything is learnt");
    for warning in warnings.iter().filter(before) {
        let expected = format!("warning: {}", warning.message);
        assert!(said.iter().any(|text| text.starts_with(&expected)), "expected `{expected}`, came {said:?}");
    }
    warnings
}

#[test]
fn all_bad_rows_of_both_tables_are_named_with_their_lines_up_to_a_number() {
    let bench = Bench::with_tables();
    let mut text = "height,weight,kind\r\n1,2,cat\r\n3,4,dog\r\n\r\n".to_owned();
    text.push_str("x,5,cat\r\n6,7\r\n8,$9,\r\n\"1\r\n\",2,cat\r\n3,y,cat\r\n");
    for _ in 0..10 {
        text.push_str("1,NaN,cat\r\n");
    }
    bench.write("train.csv", text);
    bench.write("test.csv", "height,weight,kind\n1,2,horse\n?,3,dog\n1,2,horse\n");
    let (faults, _) = bench.found(&table_model(), &none());
    let of =
        |file: &str| -> Vec<&Fault> { faults.iter().filter(|fault| fault.file.as_deref() == Some(file)).collect() };
    let train = of("data/train.csv");
    assert_eq!(train.len(), 11, "{faults:#?}");
    let lines: Vec<Option<u32>> = train.iter().map(|fault| fault.line).collect();
    assert_eq!(lines[..6], [Some(5), Some(6), Some(7), Some(7), Some(10), Some(11)], "{train:#?}");
    assert_eq!(train[10].message, "and 5 more faults of this file");
    assert!(train.iter().all(|fault| fault.key.as_deref() == Some("spec.data.train.file")));
    let judged = of("data/test.csv");
    assert_eq!(judged.iter().map(|fault| fault.line).collect::<Vec<_>>(), [Some(3), Some(2)], "{judged:#?}");
    assert!(judged[1].message.ends_with("(and 1 more row)"), "{}", judged[1].message);
}

#[test]
fn every_column_that_is_named_in_vain_is_reported() {
    let bench = Bench::with_tables();
    let mut model = table_model();
    model["spec"]["data"]["features"] = json!(["height", "nope", "kind", "wieght"]);
    let (faults, _) = bench.found(&model, &none());
    let said = messages(&faults).join("\n");
    for expected in ["no column `nope`", "the label `kind` is among", "no column `wieght`"] {
        assert!(said.contains(expected), "expected `{expected}`, came {said}");
    }
    assert!(faults.iter().any(|fault| fault.help.as_deref() == Some("did you mean `weight`?")), "{faults:?}");
    model["spec"]["data"]["features"] = json!(["height", "weight"]);
    model["spec"]["data"]["label"] = json!("sort");
    model["spec"]["evaluation"] = json!({"slices": ["region", "age"]});
    std::fs::remove_file(bench.path().join("source/data/test.csv")).expect("removed");
    let (faults, _) = bench.found(&model, &none());
    let said = messages(&faults).join("\n");
    assert!(said.contains("no column `sort`") && said.contains("`data/test.csv` cannot be read"), "{said}");
}

#[test]
fn missing_labels_are_no_class() {
    for missing in ["NaN", "nan", "<NA>", ""] {
        let bench = Bench::with_tables();
        bench.write("train.csv", format!("height,weight,kind\n1,2,cat\n3,4,dog\n5,6,{missing}\n"));
        let (faults, _) = bench.found(&table_model(), &none());
        assert_eq!(faults.len(), 1, "{missing}: {faults:?}");
        assert!(faults[0].message.starts_with("line 4 has no label"), "{missing}: {}", faults[0]);
        assert!(faults[0].help.as_deref().is_some_and(|help| help.contains("remove the row")));
    }
}

#[test]
fn labels_that_look_like_one_are_warned_of_in_training_rows_and_refused_in_test_rows() {
    for (one, other) in [("Yes", "yes"), ("1", "1.0"), ("caf\u{e9}", "cafe\u{301}"), ("True", "true"), ("a b", "a  b")]
    {
        let bench = Bench::with_tables();
        let rows = format!("1,2,{one}\n3,4,n\n5,6,{one}\n7,8,n\n");
        bench.write("test.csv", format!("height,weight,kind\n{rows}"));
        bench.write("train.csv", format!("height,weight,kind\n{rows}2,1,{other}\n"));
        let mut model = table_model();
        model["spec"]["model"]["sequential"] = json!([{"linear": 3}]);
        let warnings = warned(&bench, &model);
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        let Fault { message, key, help, .. } = &warnings[0];
        assert!(
            message.contains("(2 rows)") && message.contains("(1 row)") && message.contains("2 classes"),
            "{message}"
        );
        assert_eq!(key.as_deref(), Some("spec.data.label"));
        assert!(help.as_deref().is_some_and(|help| help.contains("one spelling")), "{help:?}");

        bench.write("train.csv", format!("height,weight,kind\n{rows}"));
        bench.write("test.csv", format!("height,weight,kind\n1,2,{one}\n3,4,n\n2,1,{other}\n"));
        model["spec"]["model"]["sequential"] = json!([{"linear": 2}]);
        let (faults, _) = bench.found(&model, &none());
        assert_eq!((faults.len(), faults[0].line), (1, Some(4)), "{faults:?}");
        let help = faults[0].help.as_deref().unwrap_or_default();
        assert!(help.contains("the training rows have `"), "{other}: {help}");
    }
}

#[test]
fn outputs_that_no_label_needs_and_labels_that_are_measured_are_warned_of() {
    let bench = Bench::with_tables();
    let mut model = table_model();
    model["spec"]["model"]["sequential"] = json!([{"linear": 3}]);
    let warnings = warned(&bench, &model);
    assert_eq!(
        messages(&warnings)[0],
        "the last layer has 3 outputs, but the training rows have only 2 labels: `cat`, `dog`"
    );
    let others = &messages(&warnings)[1..];
    assert!(
        others.iter().all(|message| message.ends_with("thresholds on it separate the labels of all training rows")),
        "{others:?}"
    );
    assert_eq!(warnings[0].key.as_deref(), Some("spec.model.sequential[0]"));
    let mut rows = "height,weight,kind\n".to_owned();
    for row in 0..60 {
        writeln!(rows, "{row},{},{}.5", row % 7, row % 30).expect("a text");
    }
    for name in ["train.csv", "test.csv"] {
        bench.write(name, &rows);
    }
    model["spec"]["model"]["sequential"] = json!([{"linear": 100}]);
    let warnings = warned(&bench, &model);
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    assert!(
        warnings[1].help.as_deref().is_some_and(|help| help.contains("predicting numbers is regression")),
        "{warnings:?}"
    );

    let pictures = Bench::with_pictures();
    let mut model = crate::support::picture_model();
    model["spec"]["model"]["sequential"][3] = json!({"linear": 5});
    let warnings = warned(&pictures, &model);
    assert_eq!(messages(&warnings), ["the last layer has 5 outputs, but the largest label of the training rows is 1"]);
}

#[test]
fn values_that_no_network_computes_with_are_refused_or_warned_of_at_their_places() {
    let bench = Bench::with_tables();
    bench.write("train.csv", "a,kind\r\n1,cat\r\n2,dog\r\n3,cat\r\n4,dog\r\n");
    bench.write("test.csv", "a,kind\r\n\r\n1,cat\r\n1e39,dog\r\n-1e39,cat\r\n");
    let mut model = table_model();
    model["spec"]["preprocess"] = json!([]);
    model["spec"]["model"]["sequential"] = json!([{"linear": 2}]);
    let (faults, _) = bench.found(&model, &none());
    let lines: Vec<Option<u32>> = faults.iter().map(|fault| fault.line).collect();
    assert_eq!((lines, faults[0].file.as_deref()), (vec![Some(4), Some(5)], Some("data/test.csv")));
    assert!(faults[0].message.starts_with("line 4, column `a`: 1e39 is beyond"), "{}", faults[0]);
    let ended = bench.try_train(&model, 1);
    assert_eq!(ended.fault(), &faults[0]);

    for name in ["train.csv", "test.csv"] {
        bench.write(name, "a,kind\n1e37,cat\n-2e37,cat\n1.5e37,dog\n-1e37,dog\n");
    }
    let warnings = warned(&bench, &model);
    let said = messages(&warnings).join("\n");
    assert!(
        said.contains("column `a` holds values up to 2.0e37") && said.contains("before anything is learnt"),
        "{said}"
    );
    assert!(warnings.iter().all(|warning| warning.help.as_deref().is_some_and(|help| help.contains("`standardize`"))));
    model["spec"]["preprocess"] = json!(["standardize"]);
    assert_eq!(warned(&bench, &model), [], "standardized, they are numbers like others");
}

#[test]
fn a_loss_that_is_finite_and_absurd_is_warned_of_once() {
    let bench = Bench::with_tables();
    for name in ["train.csv", "test.csv"] {
        bench.write(name, "a,kind\n3e8,cat\n-2e8,cat\n1.5e8,dog\n-1e8,dog\n");
    }
    let mut model = table_model();
    model["spec"]["preprocess"] = json!([]);
    model["spec"]["training"]["optimizer"] = json!({"sgd": {"learning_rate": 0.1}});
    let ended = bench.try_train(&model, 1);
    let is_warning =
        |line: &&Progress| matches!(line, Progress::Stage { text } if text.starts_with("warning: the loss is"));
    assert_eq!(ended.said.iter().filter(is_warning).count(), 1, "{:?}", ended.said);
    model["spec"]["preprocess"] = json!(["standardize"]);
    let ended = bench.try_train(&model, 1);
    assert_eq!(ended.said.iter().filter(is_warning).count(), 0, "{:?}", ended.said);
}

/// A table of long numbers and a label.
fn identifiers(first: u64, rows: u64) -> String {
    let mut text = "id,height,kind\n".to_owned();
    for row in 0..rows {
        writeln!(text, "{},{},{}", first + row, row % 5, ["cat", "dog"][usize::from(row % 2 == 1)]).expect("a text");
    }
    text
}

#[test]
fn whole_numbers_beyond_64_bit_floats_are_warned_of_and_stay_different_rows() {
    let bench = Bench::with_tables();
    let first = 1_445_078_208_190_291_968;
    bench.write("train.csv", identifiers(first, 64));
    bench.write("test.csv", identifiers(first + 70, 64));
    let model = table_model();
    let warnings = warned(&bench, &model);
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    let expected = "column `id` has 64 different values, of which 64-bit floats keep 1 apart: `1445078208190291969` on line 3 has \
                    more digits than they hold";
    assert_eq!(warnings[0].message, expected);
    assert!(!warnings[0].help.as_deref().unwrap_or_default().contains("standardize"), "it is there");

    let [training, test] = leakage_digests(&bench, &model);
    let leaked = test.iter().filter(|digest| training.contains(digest)).count();
    assert_eq!(leaked, 0, "all rows differ");
}

/// The digests of the training rows and of the test rows, as leakage compares them.
fn leakage_digests(bench: &Bench, model: &serde_json::Value) -> [Vec<parquet::record::Field>; 2] {
    bench.train(model, 1);
    bench.keep_weights("candidate.safetensors");
    let ended = bench.evaluate_with(model, "candidate.safetensors", &json!({"samples": {"leakage": true}}));
    assert_eq!(ended.code, Some(0), "{:?}", ended.said.last());
    ["samples/training.parquet", "samples/test.parquet"].map(|file| crate::evidence::column(bench, file, "sha256(row)"))
}

#[test]
fn one_row_that_two_programs_have_written_is_one_row() {
    let bench = Bench::with_tables();
    let (mut plain, mut long) = ("height,weight,kind\n".to_owned(), "height,weight,kind\n".to_owned());
    for row in 0..40 {
        let (height, weight, kind) =
            (1.2345 + f64::from(row) / 7.0, 1e23 * f64::from(row + 1), ["cat", "dog"][usize::from(row % 2 == 1)]);
        writeln!(plain, "{height},{weight:e},{kind}").expect("a text");
        // As `numpy.savetxt` writes them: the digits of the float itself, of which 17 are enough.
        writeln!(long, "{height:.18e},{weight:.18e},{kind}").expect("a text");
    }
    bench.write("train.csv", long);
    bench.write("test.csv", plain);
    let mut model = table_model();
    model["spec"]["preprocess"] = json!(["standardize"]);
    let warnings = warned(&bench, &model);
    assert!(!messages(&warnings).iter().any(|message| message.contains("more digits")), "{warnings:?}");
    let [training, test] = leakage_digests(&bench, &model);
    assert_eq!(training, test, "all rows are the same");
}

#[test]
fn of_long_columns_of_identifiers_the_first_rows_say_that_differences_are_lost() {
    let bench = Bench::with_tables();
    let first = 1_445_078_208_190_291_969;
    bench.write("train.csv", identifiers(first, 6_000));
    bench.write("test.csv", identifiers(first + 3_000, 6_000));
    let model = table_model();
    let warnings = warned(&bench, &model);
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    let said = &warnings[0].message;
    assert!(said.starts_with("column `id` has 4112 different values in its first 4112 rows"), "{said}");
    let [training, test] = leakage_digests(&bench, &model);
    let training: std::collections::HashSet<String> = training.iter().map(ToString::to_string).collect();
    let leaked = test.iter().filter(|digest| training.contains(&digest.to_string())).count();
    assert_eq!(leaked, 3_000, "digits tell all rows apart, also those behind the first");
}

#[test]
fn columns_that_number_the_rows_are_warned_of_unless_they_are_meant() {
    for (column, first) in [("__index_level_0__", 0), ("index", 0), ("level_0", 1), ("X", 1)] {
        let bench = Bench::with_tables();
        let mut text = format!("{column},height,kind\n");
        for row in 0..40 {
            // In another order than they were numbered in, as after a split.
            writeln!(text, "{},{},{}", first + row * 7 % 40, row % 3, ["cat", "dog"][row % 2]).expect("a text");
        }
        for name in ["train.csv", "test.csv"] {
            bench.write(name, &text);
        }
        let mut model = table_model();
        let warnings = warned(&bench, &model);
        assert_eq!(warnings.len(), 1, "{column}: {warnings:?}");
        assert!(warnings[0].message.contains(&format!("`{column}` looks like the row numbers")), "{}", warnings[0]);
        model["spec"]["data"]["features"] = json!([column, "height"]);
        assert_eq!(warned(&bench, &model), [], "what is listed is meant");
    }
    let bench = Bench::with_tables();
    let rows = "index,height,kind\n0.5,1,cat\n1.5,2,dog\n0.5,3,cat\n";
    for name in ["train.csv", "test.csv"] {
        bench.write(name, rows);
    }
    assert_eq!(warned(&bench, &table_model()), [], "an index of prices numbers no rows");
}

#[test]
fn a_comma_at_the_end_of_every_line_is_said_as_such() {
    let bench = Bench::with_tables();
    bench.write("train.csv", "height,weight,kind,\n1,2,cat,\n3,4,dog,\n");
    let (faults, _) = bench.found(&table_model(), &none());
    assert!(faults[0].message.starts_with("the header ends with a comma"), "{faults:?}");
    bench.write("train.csv", "height,weight,kind\n1,2,cat,\n3,4,dog,\n");
    let (faults, _) = bench.found(&table_model(), &none());
    assert_eq!((faults.len(), faults[0].line), (2, Some(2)), "{faults:?}");
    assert!(faults[0].help.as_deref().is_some_and(|help| help.contains("ends with a comma")), "{faults:?}");
}

#[test]
fn a_column_that_tells_the_label_and_classes_with_few_test_rows_are_warned_of() {
    let bench = Bench::with_tables();
    let rows = |number: usize, code: &str, dog: &str| {
        let row = |row: usize| {
            let (kind, code) = if row.is_multiple_of(3) { ("cat", code) } else { (dog, "7") };
            format!("{},{code},{kind}\n", row * 37 % 101)
        };
        format!("height,weight,kind\n{}", (0..number).map(row).collect::<String>())
    };
    // Rows of both files are equal here, which has a warning of its own.
    let warned = || -> Vec<String> {
        let warnings = warned(&bench, &table_model());
        let others = warnings.into_iter().map(|fault| fault.message);
        others.filter(|message| !message.contains("also training rows")).collect()
    };
    bench.write("train.csv", rows(60, "3", "dog"));
    bench.write("test.csv", format!("{}5,7,dog\n6,7,dog\n", rows(60, "3", "cat")));
    assert_eq!(
        warned(),
        [
            "column `weight` tells the label by itself: each of its 2 values occurs with one label only",
            "1 of 2 classes have fewer than 5 test rows: `dog` 2"
        ]
    );
    bench.write("train.csv", rows(60, "7", "dog"));
    bench.write("test.csv", rows(60, "7", "dog"));
    assert_eq!(warned(), [""; 0]);
}
