//! Slices: classes that no row has, and values whose spelling says which rows are meant.

use super::sample::{classes_of, evaluation_of, said, table, verdict, with_attribute};
use crate::evaluation::Evaluation;
use crate::policy::Champion;
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
