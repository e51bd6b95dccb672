//! Tables as people really have them: large numbers, labels without test rows, columns without a name, other separators.

use std::fmt::Write as _;

use serde_json::{Value, json};
use slipway_contract::{EvaluationReport, FaultKind, Metric, Progress};

use crate::support::{Bench, table_model};

/// A table of one number and a label, in which the number's last digit decides.
fn by_last_digit(first: u64, rows: u64) -> String {
    let mut text = String::from("id,kind\n");
    for row in 0..rows {
        let number = first + row * 7 % 2;
        writeln!(text, "{number},{}", ["cat", "dog"][usize::from(number % 2 == 1)]).expect("a text takes everything");
    }
    text
}

fn with_metrics(metrics: &Value) -> Value {
    let mut model = table_model();
    model["spec"]["evaluation"] = json!({ "metrics": metrics });
    model
}

fn has_trained(said: &[Progress]) -> bool {
    said.iter().any(|line| matches!(line, Progress::Epoch { .. }))
}

#[test]
fn numbers_that_differ_beyond_32_bit_floats_are_distinguished() {
    for first in [1_700_000_000, 20_000_000, 1_700_000_000_000] {
        let bench = Bench::with_tables();
        bench.write("train.csv", by_last_digit(first, 200));
        bench.write("test.csv", by_last_digit(first, 60));
        let mut model = table_model();
        model["spec"]["training"]["epochs"] = json!(20);
        bench.train(&model, 1);
        let candidate = bench.keep_weights("candidate.safetensors");
        let ended = bench.evaluate(&model, candidate.to_str().expect("a path"), None);
        assert_eq!(ended.code, Some(0), "{:?}", ended.said.last());
        let report: EvaluationReport =
            serde_json::from_slice(&bench.output("candidate/report.json")).expect("a report");
        let accuracy = report.metrics[&Metric::Accuracy];
        assert!(accuracy > 0.99, "{first}: {accuracy}");
    }
}

#[test]
fn a_column_that_loses_its_differences_in_32_bits_is_warned_of_by_name() {
    let bench = Bench::with_tables();
    bench.write("train.csv", by_last_digit(1_700_000_000, 40));
    bench.write("test.csv", by_last_digit(1_700_000_000, 40));
    let mut model = table_model();
    model["spec"]["preprocess"] = json!([{"scale": {"divide_by": 1.0e9}}]);
    let ended = bench.try_train(&model, 1);
    assert_eq!(ended.code, Some(0), "{:?}", ended.said.last());
    let warned = ended.said.iter().any(|line| {
        matches!(line, Progress::Stage { text }
            if text.starts_with("warning: column `id` has 2 different values, of which 32-bit floats keep 1 apart"))
    });
    assert!(warned, "{:?}", ended.said);
}

#[test]
fn a_value_beyond_32_bit_floats_is_named_before_training_unless_it_is_scaled() {
    let bench = Bench::with_tables();
    for name in ["train.csv", "test.csv"] {
        bench.write(name, "a,kind\n1e39,cat\n1,dog\n1e39,cat\n2,dog\n");
    }
    let mut model = table_model();
    model["spec"]["training"]["batch_size"] = json!(4);
    assert_eq!(bench.try_train(&model, 1).code, Some(0), "standardized, it is a number like others");
    model["spec"]["preprocess"] = json!([]);
    let ended = bench.try_train(&model, 1);
    let fault = ended.fault();
    assert_eq!(fault.kind, FaultKind::Data);
    assert!(fault.message.starts_with("line 2, column `a`: 1e39 is beyond 32-bit floats"), "{fault}");
    assert_eq!((fault.file.as_deref(), fault.line), (Some("data/train.csv"), Some(2)));
    assert!(!has_trained(&ended.said));
}

#[test]
fn metrics_that_the_test_rows_leave_undefined_are_found_before_training() {
    let all = "height,weight,kind\n1,2,cat\n3,4,dog\n5,6,owl\n2,3,cat\n4,5,dog\n6,7,owl\n";
    let no_owl = "height,weight,kind\n1,2,cat\n3,4,dog\n";
    let only_cats = "height,weight,kind\n1,2,cat\n3,4,cat\n";
    for (test, metric, expected) in [
        (no_owl, json!("macro_roc_auc"), "macro_roc_auc is undefined: no test row has the label `owl`"),
        (no_owl, json!("macro_f1"), "macro_f1 averages over all classes, but no test row has the label `owl`"),
        (
            no_owl,
            json!("balanced_accuracy"),
            "balanced_accuracy averages over all classes, but no test row has the label `owl`",
        ),
        (no_owl, json!("macro_pr_auc"), "macro_pr_auc averages over all classes, but no test row has the label `owl`"),
        (no_owl, json!({"roc_auc": {"class": "owl"}}), "roc_auc(class=\"owl\"): no test row has the label `owl`"),
        (no_owl, json!({"recall": {"class": "owl"}}), "recall(class=\"owl\"): no test row has the label `owl`"),
        (
            all,
            json!({"recall": {"class": "Owl"}}),
            "recall(class=\"Owl\"): no row has the label `Owl`; the labels are `cat`, `dog`, `owl`",
        ),
        (
            all,
            json!({"brier_score": {"class": "emu"}}),
            "brier_score(class=\"emu\"): no row has the label `emu`; the labels are `cat`, `dog`, `owl`",
        ),
        (
            no_owl,
            json!({"confusion": {"actual": "owl", "predicted": "cat"}}),
            "confusion(actual=\"owl\", predicted=\"cat\"): no test row has the label `owl`",
        ),
        (
            all,
            json!({"confusion": {"actual": "owl", "predicted": "emu"}}),
            "confusion(actual=\"owl\", predicted=\"emu\"): no row has the label `emu`; the labels are `cat`, `dog`, `owl`",
        ),
        (
            only_cats,
            json!("matthews_correlation"),
            "matthews_correlation says nothing of one class, and no test row has the label `dog`, `owl`",
        ),
        (only_cats, json!("cohen_kappa"), "cohen_kappa is undefined: all test rows have the label `cat`"),
    ] {
        let bench = Bench::with_tables();
        bench.write("train.csv", all);
        bench.write("test.csv", test);
        let mut model = with_metrics(&json!(["accuracy", metric]));
        model["spec"]["model"]["sequential"] = json!([{"linear": 3}]);
        let ended = bench.try_train(&model, 1);
        let fault = ended.fault();
        assert_eq!((fault.kind, fault.key.as_deref()), (FaultKind::Specification, Some("spec.evaluation.metrics[1]")));
        assert_eq!(fault.message, expected);
        assert!(!has_trained(&ended.said), "{expected}: it trained first");
    }
    let bench = Bench::with_tables();
    let ended = bench.try_train(&with_metrics(&json!([{"recall": {"class": "Cat"}}])), 1);
    assert_eq!(ended.fault().help.as_deref(), Some("did you mean `cat`?"));
}

#[test]
fn a_column_without_a_name_is_not_learnt_from_unasked() {
    for first in ["", "Unnamed: 0"] {
        let bench = Bench::with_tables();
        for (name, rows) in [("train.csv", 60), ("test.csv", 40)] {
            let mut text = format!("{first},height,kind\n");
            for row in 0..rows {
                let late = row >= rows / 2;
                writeln!(text, "{row},{},{}", row % 3, if late { "dog" } else { "cat" }).expect("a text");
            }
            bench.write(name, text);
        }
        let mut model = table_model();
        let ended = bench.try_train(&model, 1);
        let fault = ended.fault();
        assert_eq!(fault.kind, FaultKind::Data);
        assert!(fault.message.starts_with("column 1 of the header has no name"), "{fault}");
        assert!(fault.help.as_deref().is_some_and(|help| help.contains("index=False")), "{fault}");
        model["spec"]["data"]["features"] = json!(["height"]);
        assert_eq!(bench.try_train(&model, 1).code, Some(0), "columns that are listed are meant");
    }
}

#[test]
fn other_separators_pointers_and_encodings_are_said_as_such() {
    for (content, expected) in [
        ("height;weight;kind\n1;2;cat\n".to_owned(), "line 1: the header is one column with semicolons in it"),
        ("height\tweight\tkind\n1\t2\tcat\n".to_owned(), "line 1: the header is one column with tabs in it"),
        (
            format!("version https://git-lfs.github.com/spec/v1\noid sha256:{:064}\nsize 12345\n", 1),
            "found a Git LFS pointer, expected the data that it points to",
        ),
    ] {
        let bench = Bench::with_tables();
        bench.write("train.csv", content);
        let ended = bench.try_train(&table_model(), 1);
        let fault = ended.fault();
        assert_eq!((fault.kind, fault.file.as_deref()), (FaultKind::Data, Some("data/train.csv")), "{fault}");
        assert!(fault.message.starts_with(expected), "expected `{expected}`, came: {fault}");
        assert!(fault.help.is_some(), "{fault}");
    }
    let bench = Bench::with_tables();
    bench.write("train.csv", b"height,kind\n1,caf\xe9\n2,cat\n");
    let ended = bench.try_train(&table_model(), 1);
    assert_eq!(ended.fault().message, "line 2: bytes that are not UTF-8");
}

#[test]
fn a_label_that_looks_like_a_measurement_is_asked_about() {
    let bench = Bench::with_tables();
    let rows: Vec<String> = (0..60).map(|row| format!("{row},{row},{}.5", row * 3)).collect();
    bench.write("train.csv", format!("height,weight,kind\n{}\n", rows.join("\n")));
    let ended = bench.try_train(&table_model(), 1);
    let fault = ended.fault();
    assert!(fault.message.contains("60 labels: `0.5`, `102.5`"), "{fault}");
    assert!(fault.help.as_deref().is_some_and(|help| help.contains("regression")), "{fault}");
}

#[test]
fn a_validation_split_that_a_label_is_too_rare_for_is_refused_before_training() {
    let bench = Bench::with_tables();
    bench.write("train.csv", "height,weight,kind\n1,2,cat\n3,4,dog\n5,6,dog\n");
    bench.write("test.csv", "height,weight,kind\n1,2,cat\n3,4,dog\n");
    let mut model = table_model();
    model["spec"]["data"]["validation_split"] = json!(0.5);
    let ended = bench.try_train(&model, 1);
    assert_eq!(ended.fault().key.as_deref(), Some("spec.data.validation_split"));
    assert!(ended.fault().message.starts_with("the label `cat` has one training row"), "{}", ended.fault());
    assert!(!has_trained(&ended.said));
}

#[test]
fn a_champion_of_other_columns_or_labels_says_what_it_learnt() {
    let bench = Bench::with_tables();
    bench.train(&table_model(), 1);
    bench.keep_weights("champion.safetensors");
    bench.train(&table_model(), 1);
    bench.keep_weights("candidate.safetensors");
    let fault = |bench: &Bench| -> slipway_contract::Fault {
        serde_json::from_slice(&bench.output("champion-fault.json")).expect("a fault")
    };
    for name in ["train.csv", "test.csv"] {
        bench.write(name, crate::support::table(120).replace("weight", "mass"));
    }
    bench.train(&table_model(), 1);
    bench.keep_weights("candidate.safetensors");
    let ended = bench.evaluate(&table_model(), "candidate.safetensors", Some("champion.safetensors"));
    assert_eq!(ended.code, Some(0), "{:?}", ended.said.last());
    assert_eq!(
        fault(&bench).message,
        "the artifact learnt from the column `weight`, and `data/test.csv` has `height`, `mass`, `kind`"
    );
}
