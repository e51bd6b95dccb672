//! What a policy asks of the rows is known when it is read, with its place.

use insta::assert_snapshot;

use super::sample::policy;
use crate::policy::Expected;

fn now() -> jiff::Timestamp {
    "2026-11-24T10:00:00Z".parse().expect("a time")
}

fn check(expected: &[Expected]) -> String {
    let located = |expected: &Expected| {
        let check = serde_json::to_string(&expected.expectation.check).expect("JSON");
        expected.located(format!("{check} {}", expected.expectation.refuses), None).to_string()
    };
    expected.iter().map(located).collect::<Vec<_>>().join("\n")
}

#[test]
fn classes_values_and_columns_that_a_policy_names_are_asked_of_the_rows_at_their_places() {
    let checks = [
        "metric: {recall: {class: Yes}}, at_least: 0.5",
        "metric: accuracy, at_least: 0.5, slice: {by: [region, label]}",
        "metric: accuracy, at_least: 0.5, slice: {by: region}",
        "metric: accuracy, at_least: 0.5, slice: {where: {label: owl, region: [north, south]}}",
        "metric: {selection_rate_ratio: {class: Owl, by: region}}, at_least: 0.8, severity: warn",
        "drift: {column: age, statistic: cramers_v}, at_most: 0.2",
        "metric: latency_p50, at_most: 2",
    ];
    assert_snapshot!(check(&policy(&checks).expects("digits", now())), @r#"
    policies/digits.yaml:6:16: {"metric":"recall(class=\"Yes\")"} true
    policies/digits.yaml:7:16: {"metric":"accuracy"} true
    policies/digits.yaml:7:48: "each_label" true
    policies/digits.yaml:8:16: {"metric":"accuracy"} true
    policies/digits.yaml:9:16: {"metric":"accuracy"} true
    policies/digits.yaml:9:48: {"where":{"label":["owl"],"region":["north","south"]}} true
    policies/digits.yaml:10:16: {"metric":"selection_rate_ratio(by=\"region\", class=\"Owl\")"} false
    policies/digits.yaml:11:15: {"drift":"age"} true
    "#);
}

#[test]
fn a_check_that_may_stay_undecided_or_that_the_model_is_excepted_from_refuses_no_rows() {
    let text = super::sample::policy_text(&[
        "name: hard, metric: {recall: {class: owl}}, at_least: 0.9",
        "metric: {recall: {class: owl}}, at_least: 0.8, when_inconclusive: require_approval",
    ]);
    let excepted =
        "  exceptions:\n  - {model: digits, check: hard, reason: a new sensor, approver: kim, expires: 2026-12-01}\n";
    let policy = crate::policy::Policy::read("policy.yaml", &format!("{text}{excepted}")).expect("a policy");
    let refuses = |model: &str| -> Vec<bool> {
        policy.expects(model, now()).iter().map(|expected| expected.expectation.refuses).collect()
    };
    assert_eq!((refuses("digits"), refuses("other")), (vec![false, false], vec![true, false]));
}

#[test]
fn a_condition_that_no_row_meets_is_no_question_for_a_person() {
    let check = "metric: accuracy, at_least: 0.8, slice: {where: {region: north}}, when_inconclusive: require_approval";
    let refuses = |check: &str| -> Vec<bool> {
        let policy = policy(&[check, "metric: accuracy, at_least: 0.1"]);
        let expected = policy.expects("digits", now());
        expected[..2].iter().map(|expected| expected.expectation.refuses).collect()
    };
    assert_eq!(refuses(check), [false, true]);
    assert_eq!(refuses(&format!("{check}, severity: warn")), [false, false]);
}

#[test]
fn a_message_says_where_a_policy_was_read_that_is_not_the_runs_own() {
    let expected = policy(&["metric: {recall: {class: owl}}, at_least: 0.9"]).expects("digits", now());
    let noted = expected[0].clone().noted(" (read at 1234567)");
    assert_eq!(noted.located("no owl", Some("add one")).message, "no owl (read at 1234567)");
}
