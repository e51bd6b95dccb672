//! Slices: classes that no row has, and values whose spelling says which rows are meant.

use super::sample::{classes_of, evaluation_of, said, table, verdict, with_attribute};
use crate::evaluation::Evaluation;
use crate::policy::Champion;
use slipway_contract::Metric;
use slipway_domain::Outcome;

/// Cats, dogs and foxes by turns, all predicted right; with a column whose values are these by turns.
fn with_column(column: &str, values: &[&str]) -> Evaluation {
    let count = u32::try_from(values.len()).expect("few");
    with_attribute(evaluation_of("candidate", table(1_200, |_| true)), column, values, |row| row / 3 % count)
}

/// The same where the foxes are dogs.
fn without_foxes(mut evaluation: Evaluation) -> Evaluation {
    let table = classes_of(&mut evaluation);
    for class in table.labels.iter_mut().chain(&mut table.predictions) {
        *class = (*class).min(1);
    }
    evaluation
}

#[test]
fn a_class_that_no_row_has_is_named_and_never_passes() {
    let of_all = with_column("region", &["north", "south"]);
    let missing = without_foxes(of_all.clone());
    for by in ["label", "prediction", "[label, region]", "[region, prediction]"] {
        let check = format!("metric: accuracy, at_least: 0.5, slice: {{by: {by}, minimum_rows: 1}}");
        let passed = verdict(&[&check], &of_all, Champion::None);
        assert_eq!(passed.outcome, Outcome::Pass, "{by}: {}", said(&passed));
        let verdict = verdict(&[&check], &missing, Champion::None);
        assert_ne!(verdict.outcome, Outcome::Pass, "{by}: {}", said(&verdict));
        assert!(said(&verdict).contains("`fox`"), "{by}: {}", said(&verdict));
    }
}

#[test]
fn the_rows_of_a_condition_are_those_whose_value_is_spelt_as_in_the_policy() {
    let spellings = ["2.10", "2.1", "1.0", "1", "1e3", "1000", "True", "true", "0x1F", "31", ".5", "0.5", "null", "~"];
    let evaluation = with_column("version", &spellings);
    for spelling in spellings {
        for written in [spelling.to_owned(), format!("\"{spelling}\""), format!("[{spelling}]")] {
            let check = format!("metric: accuracy, at_least: 0.5, slice: {{where: {{version: {written}}}}}");
            let said = said(&verdict(&[&check], &evaluation, Champion::None));
            assert!(said.contains(&format!("version `{spelling}`")), "{written}: {said}");
            assert!(said.starts_with("Pass"), "{written}: {said}");
        }
    }
    let long = "123456789012345678901";
    let check = format!("metric: accuracy, at_least: 0.5, slice: {{where: {{version: {long}}}}}");
    let said = said(&verdict(&[&check], &evaluation, Champion::None));
    assert!(said.contains(&format!("no row has version `{long}`")), "{said}");
}

/// The evaluation with these metrics stated.
fn stating(mut evaluation: Evaluation, metrics: &[&str]) -> Evaluation {
    let every = slipway_contract::metrics::all(evaluation.table.len());
    for metric in metrics {
        let metric: Metric = metric.parse().expect("a metric");
        let value = metric.over(evaluation.rows(), &every).ok().flatten().unwrap_or(0.9);
        evaluation.report.metrics.insert(metric, value);
    }
    evaluation
}

#[test]
fn an_average_over_classes_passes_over_no_class() {
    let metrics = [
        "balanced_accuracy",
        "macro_recall",
        "macro_precision",
        "macro_f1",
        "macro_f_beta(beta=2.0)",
        "macro_roc_auc",
        "macro_pr_auc",
        "recall(class=\"fox\")",
        "precision(class=\"fox\")",
        "f1(class=\"fox\")",
        "pr_auc(class=\"fox\")",
        "roc_auc(class=\"fox\")",
    ];
    let of_all = stating(with_column("region", &["north", "south"]), &metrics);
    let missing = stating(without_foxes(of_all.clone()), &metrics);
    for metric in metrics {
        let metric = serde_json::to_string(metric).expect("JSON");
        for rule in [
            "at_least: 0.5",
            "no_worse_than_champion: {margin: 0.05}",
            "slice: {by: region}, at_least: 0.5",
            "group_by: region, no_worse_than_champion: {margin: 0.9}",
        ] {
            let check = format!("metric: {metric}, {rule}");
            let without = verdict(&[&check], &missing, Champion::Evaluated(&missing));
            let is_area = metric.contains("roc_auc");
            let expected = if is_area { Outcome::Fail } else { Outcome::Inconclusive };
            assert_eq!(without.outcome, expected, "{check}: {}", said(&without));
            assert!(said(&without).contains("no row has the label `fox`"), "{check}: {}", said(&without));
            if !rule.contains("group_by") {
                let with = verdict(&[&check], &of_all, Champion::Evaluated(&of_all));
                assert_eq!(with.outcome, Outcome::Pass, "{check}: {}", said(&with));
            }
        }
    }
    for metric in ["accuracy", "weighted_f1", "micro_recall", "matthews_correlation", "recall(class=\"cat\")"] {
        let missing = stating(missing.clone(), &[metric]);
        let check = format!("metric: {}, at_least: 0.5", serde_json::to_string(metric).expect("JSON"));
        let verdict = verdict(&[&check], &missing, Champion::None);
        assert_eq!(verdict.outcome, Outcome::Pass, "{metric}: {}", said(&verdict));
    }
    let condition = "expression: \"metrics.macro_f1 > 0.5\"";
    let unknown = verdict(&[condition], &missing, Champion::None);
    assert_eq!(unknown.outcome, Outcome::Inconclusive, "{}", said(&unknown));
    assert!(said(&unknown).contains("`fox`"), "{}", said(&unknown));
    assert_eq!(verdict(&[condition], &of_all, Champion::None).outcome, Outcome::Pass);
}

#[test]
fn a_class_that_one_slice_lacks_is_not_averaged_over_there() {
    let all = stating(evaluation_of("candidate", table(1_200, |_| true)), &["macro_f1"]);
    // All foxes are in the south.
    let parted = with_attribute(all, "region", &["north", "south"], |row| u32::from(row % 3 == 2 || row % 2 == 0));
    let said = said(&verdict(&["metric: macro_f1, slice: {by: region}, at_least: 0.5"], &parted, Champion::None));
    assert!(
        said.starts_with("Inconclusive")
            && said.contains("on region `north` cannot be judged: no row has the label `fox`"),
        "{said}"
    );
}

#[test]
fn every_value_that_a_condition_lists_has_rows() {
    let regions = with_column("region", &["north", "south", "west"]);
    let parted = with_attribute(regions, "sex", &["f", "m"], |row| u32::from(row / 3 % 3 == 2));
    for (condition, missing) in [
        ("{region: [north, east]}", "region `east`"),
        ("{region: [north, East, east]}", "region `East` or `east`"),
        ("{label: [cat, owl]}", "label `owl`"),
        ("{region: [north, west], sex: f}", "region `west`"),
    ] {
        let check = format!("metric: accuracy, at_least: 0.5, slice: {{where: {condition}}}");
        let verdict = verdict(&[&check], &parted, Champion::None);
        assert_eq!(verdict.outcome, Outcome::Fail, "{condition}: {}", said(&verdict));
        assert!(said(&verdict).contains(&format!("no row of the condition has {missing};")), "{}", said(&verdict));
    }
    let of_missing = without_foxes(parted.clone());
    let check = "metric: accuracy, at_least: 0.5, slice: {where: {label: [fox, cat]}}";
    let verdict_of_missing = verdict(&[check], &of_missing, Champion::None);
    assert_eq!(verdict_of_missing.outcome, Outcome::Fail, "{}", said(&verdict_of_missing));
    assert!(said(&verdict_of_missing).contains("label `fox`"), "{}", said(&verdict_of_missing));
    for sound in ["{region: [north, west]}", "{label: [fox, cat, fox]}", "{region: [north, south], sex: f}"] {
        let check = format!("metric: accuracy, at_least: 0.5, slice: {{where: {sound}}}");
        assert_eq!(verdict(&[&check], &parted, Champion::None).outcome, Outcome::Pass, "{sound}");
    }
}

#[test]
fn a_condition_on_predictions_takes_the_rows_that_there_are_and_none_decide_nothing() {
    let regions = with_column("region", &["north", "south"]);
    let mut no_fox = regions.clone();
    for class in &mut classes_of(&mut no_fox).predictions {
        *class = (*class).min(1);
    }
    let judged = |condition: &str, evaluation: &Evaluation| {
        let check = format!("metric: accuracy, at_least: 0.4, slice: {{where: {condition}}}");
        let verdict = verdict(&[&check], evaluation, Champion::None);
        (verdict.outcome, said(&verdict))
    };
    for condition in ["{prediction: [cat, fox]}", "{prediction: [cat, fox], region: [north, south], label: [cat, fox]}"]
    {
        let (outcome, said) = judged(condition, &no_fox);
        assert_eq!(outcome, Outcome::Pass, "{condition}: {said}");
    }
    for condition in ["{prediction: fox}", "{prediction: fox, region: north}"] {
        let (outcome, said) = judged(condition, &no_fox);
        assert_eq!(outcome, Outcome::Inconclusive, "{condition}: {said}");
        assert!(said.contains("cannot be bounded on 0 rows") && !said.contains("add test rows"), "{said}");
        assert_eq!(judged(condition, &regions).0, Outcome::Pass, "{condition}");
    }
    for (condition, expected) in [
        ("{prediction: [cat, emu]}", "the model has no class `emu`; its classes are `cat`, `dog` and `fox`"),
        ("{prediction: fox, region: [north, east]}", "no row of the condition has region `east`"),
        ("{prediction: fox, region: east}", "no row has region `east`;"),
    ] {
        let (outcome, said) = judged(condition, &no_fox);
        assert!(outcome == Outcome::Fail && said.contains(expected), "{condition}: {said}");
    }
}

#[test]
fn how_labels_and_predictions_go_together_is_not_judged_on_rows_of_one_class() {
    let metrics = ["matthews_correlation", "cohen_kappa"];
    let of_two = stating(without_foxes(with_column("region", &["north", "south"])), &metrics);
    let mut of_one = of_two.clone();
    classes_of(&mut of_one).labels.fill(0);
    let of_one = stating(of_one, &metrics);
    for metric in metrics {
        let check = format!("metric: {metric}, no_worse_than_champion: {{margin: 0.5}}");
        let unknown = verdict(&[&check], &of_one, Champion::Evaluated(&of_one));
        assert_eq!(unknown.outcome, Outcome::Inconclusive, "{metric}: {}", said(&unknown));
        assert!(said(&unknown).contains("no row has the label `dog` or `fox`"), "{}", said(&unknown));
        let known = verdict(&[&check], &of_two, Champion::Evaluated(&of_two));
        assert_eq!(known.outcome, Outcome::Pass, "{metric}: {}", said(&known));
    }
}
