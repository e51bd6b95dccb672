//! What policies ask of rows is looked for before anything is trained: classes, values and columns that no row has.

use serde_json::{Value, json};
use slipway_contract::{Fault, FaultKind, Progress};

use crate::support::{Bench, table_model};

/// Three classes to learn, of which the test rows have two, and one region of theirs has no dog.
fn bench() -> Bench {
    let bench = Bench::with_tables();
    bench.write(
        "train.csv",
        "a,kind,region\n1,cat,north\n2,dog,south\n3,owl,north\n4,cat,south\n5,dog,north\n6,owl,south\n",
    );
    bench.write("test.csv", "a,kind,region\n1,cat,south\n2,dog,south\n3,cat,east\n4,cat,east\n");
    bench
}

fn model() -> Value {
    let mut model = table_model();
    model["spec"]["data"]["features"] = json!(["a"]);
    model["spec"]["evaluation"] = json!({"slices": ["region"]});
    model["spec"]["model"]["sequential"] = json!([{"linear": 3}]);
    model
}

fn asked(asked: &Value) -> Value {
    json!([{"asked": asked, "refuses": true}])
}

#[test]
fn a_question_that_no_row_answers_is_a_fault_with_the_name_that_may_be_meant() {
    let groups = |metric: &str, class: &str| json!({"metric": {metric: {"class": class, "by": "region"}}});
    let bench = bench();
    for (question, message, help) in [
        (
            json!("each_label"),
            "no test row has the label `owl`, and each label is judged by its own rows",
            "add test rows",
        ),
        (json!({"where": {"label": ["owl"]}}), "no test row has the label `owl`", "add test rows with the label `owl`"),
        (
            json!({"where": {"label": ["Owl"]}}),
            "no test row has the label `Owl`; the labels are `cat`, `dog`, `owl`",
            "did you mean `owl`?",
        ),
        (
            json!({"where": {"region": ["north"]}}),
            "no test row has region `north`; it is `east`, `south`",
            "add test rows with region `north`",
        ),
        (json!({"where": {"region": ["South "]}}), "no test row has region `South `", "did you mean `south`?"),
        (
            json!({"where": {"region": ["east"], "label": ["dog"]}}),
            "no test row has label `dog` and region `east`",
            "ask for fewer conditions",
        ),
        (
            json!({"where": {"prediction": ["emu"]}}),
            "no model predicts `emu`: the labels of the training rows are `cat`, `dog`, `owl`",
            "add training rows",
        ),
        (
            groups("selection_rate_ratio", "Owl"),
            "selection_rate_ratio(by=\"region\", class=\"Owl\"): no test row has the label `Owl`",
            "did you mean `owl`?",
        ),
        (groups("equal_opportunity_difference", "owl"), "no test row has the label `owl`", "add test rows"),
        (
            groups("equal_opportunity_difference", "dog"),
            "is undefined: no test row of region `east` has the label `dog`",
            "region `east`",
        ),
        (
            groups("equalized_odds_difference", "cat"),
            "is undefined: no test row of region `east` has another label than `cat`",
            "region `east`",
        ),
        (
            json!({"metric": {"recall": {"class": "Cat"}}}),
            "recall(class=\"Cat\"): no test row has the label `Cat`; the labels are `cat`, `dog`, `owl`",
            "did you mean `cat`?",
        ),
        (
            json!({"metric": "macro_roc_auc"}),
            "macro_roc_auc is undefined: no test row has the label `owl`",
            "add test rows",
        ),
    ] {
        let (faults, warnings) = bench.found(&model(), &asked(&question));
        assert_eq!((faults.len(), warnings.len()), (1, 0), "{question}: {faults:?} {warnings:?}");
        let Fault { message: said, help: helped, expectation, kind, .. } = &faults[0];
        assert!(said.contains(message), "{question}: expected `{message}`, came `{said}`");
        assert!(helped.as_deref().is_some_and(|helped| helped.contains(help)), "{question}: {helped:?}");
        assert_eq!((*expectation, *kind), (Some(0), FaultKind::Specification));
    }
    for question in [
        json!({"where": {"label": ["cat"], "region": ["east"]}}),
        json!({"where": {"prediction": ["owl"]}}),
        groups("selection_rate_ratio", "cat"),
        groups("equal_opportunity_difference", "cat"),
        json!({"metric": "accuracy"}),
    ] {
        assert_eq!(bench.found(&model(), &asked(&question)), (vec![], vec![]), "{question}");
    }
}

#[test]
fn each_value_of_a_condition_is_searched_for_in_the_rows_that_meet_it_as_the_gate_does() {
    let bench = bench();
    for (condition, expected) in [
        (json!({"region": ["south", "north"]}), vec!["no test row has region `north`; it is `east`, `south`"]),
        (json!({"label": ["cat", "owl"]}), vec!["no test row has the label `owl`"]),
        (
            json!({"region": ["east", "south"], "label": ["dog"]}),
            vec!["no test row with label `dog` has region `east`"],
        ),
        (
            json!({"region": ["east", "south", "west"], "label": ["dog", "owl"]}),
            vec![
                "no test row has the label `owl`",
                "no test row has region `west`; it is `east`, `south`",
                "no test row with label `dog`, `owl` has region `east`",
            ],
        ),
        (json!({"region": ["east"], "prediction": ["dog", "owl"]}), vec![]),
        (
            json!({"region": ["east", "north"], "prediction": ["dog"]}),
            vec!["no test row has region `north`; it is `east`, `south`"],
        ),
    ] {
        let (faults, warnings) = bench.found(&model(), &asked(&json!({"where": condition})));
        for fault in &faults {
            assert_eq!(fault.expectation, Some(0));
        }
        let said: Vec<&str> = faults.iter().map(|fault| fault.message.as_str()).collect();
        assert_eq!((said, warnings), (expected, vec![]), "{condition}");
    }
}

#[test]
fn a_rate_of_predictions_needs_no_row_with_the_label_but_a_class() {
    let bench = bench();
    let ratio = |class: &str| json!({"metric": {"selection_rate_ratio": {"class": class, "by": "region"}}});
    assert_eq!(bench.found(&model(), &asked(&ratio("owl"))), (vec![], vec![]), "a class without test rows");
    let (faults, _) = bench.found(&model(), &asked(&ratio("emu")));
    assert!(faults.len() == 1 && faults[0].message.contains("has the label `emu`"), "{faults:?}");
}

#[test]
fn a_check_that_refuses_nothing_is_only_warned_of() {
    let only_warns = json!([{"asked": "each_label", "refuses": false}]);
    let (faults, warnings) = bench().found(&model(), &only_warns);
    assert_eq!((faults.len(), warnings.len()), (0, 1), "{faults:?} {warnings:?}");
}

#[test]
fn classes_are_searched_for_also_where_the_test_rows_cannot_be_read() {
    let bench = bench();
    bench.write("test.csv", "a,kind,region\nx,cat,south\n");
    let (faults, _) = bench.found(&model(), &asked(&json!({"where": {"label": ["Owl"]}})));
    let said: Vec<&str> = faults.iter().map(|fault| fault.message.as_str()).collect();
    assert_eq!(faults.len(), 2, "{said:?}");
    assert!(said[1].starts_with("no training row has the label `Owl`"), "{said:?}");
}

#[test]
fn columns_that_drift_is_measured_of_have_to_be_in_both_tables() {
    let bench = bench();
    bench.write("recent.csv", "a,area\n1,north\n");
    let mut model = model();
    model["spec"]["data"]["recent"] = json!({"file": "data/recent.csv"});
    let (faults, _) = bench.found(&model, &asked(&json!({"drift": "region"})));
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert!(faults[0].message.starts_with("`data/recent.csv` has no column `region`"), "{faults:?}");
    assert_eq!(bench.found(&model, &asked(&json!({"drift": "a"}))).0, []);
}

#[test]
fn a_training_does_not_begin_for_a_policy_that_no_row_answers_and_notes_all_that_it_found() {
    let bench = bench();
    let expects = json!([
        {"asked": {"where": {"label": ["Owl"]}}, "refuses": true},
        {"asked": {"where": {"region": ["north"]}}, "refuses": true},
    ]);
    let ended = bench.train_for(&model(), &expects);
    assert_eq!((ended.code, ended.fault().expectation), (Some(2), Some(0)), "{}", ended.fault());
    assert!(!ended.said.iter().any(|line| matches!(line, Progress::Epoch { .. })));
    let noted: Vec<Fault> = serde_json::from_slice(&bench.output("faults.json")).expect("faults");
    assert_eq!(noted.iter().map(|fault| fault.expectation).collect::<Vec<_>>(), [Some(0), Some(1)]);
}
