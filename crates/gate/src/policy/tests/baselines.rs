//! Comparisons with a baseline, on the same rows as with a champion.

use std::collections::BTreeSet;

use super::sample::{evidence, policy, said, wrong_in_a_thousand};
use crate::evaluation::Evaluation;
use crate::policy::Champion;
use slipway_domain::{CheckOutcome, Outcome, Requirement, Verdict};

const BETTER: &str = "metric: accuracy, better_than_baseline: {of: linear, by: 0}";

fn judged(checks: &[&str], candidate: &Evaluation, baselines: &[(String, Evaluation)]) -> Verdict {
    policy(checks).judge(&crate::policy::Evidence { baselines, ..evidence(candidate, Champion::None) })
}

fn linear(wrong: u32) -> [(String, Evaluation); 1] {
    [("linear".to_owned(), wrong_in_a_thousand("linear", 1_000, wrong))]
}

#[test]
fn a_candidate_is_compared_with_a_baseline_even_without_a_champion() {
    let candidate = wrong_in_a_thousand("candidate", 1_000, 40);
    let better = judged(&[BETTER], &candidate, &linear(80));
    assert_eq!(better.outcome, Outcome::Pass, "{}", said(&better));
    let sentence = &better.checks[0].sentence;
    assert!(sentence.contains("above that of the baseline `linear`"), "{sentence}");
    assert!(sentence.contains("the policy asks for more than 0 above the baseline `linear`"), "{sentence}");
    let worse = judged(&[BETTER], &candidate, &linear(10));
    assert_eq!(worse.checks[0].outcome, CheckOutcome::Fail, "{}", said(&worse));
    let alike = judged(&[BETTER], &candidate, &linear(40));
    assert_eq!(alike.checks[0].outcome, CheckOutcome::Inconclusive, "{}", said(&alike));
    let by_much = "metric: accuracy, better_than_baseline: {of: linear, by: 0.1}";
    assert_eq!(judged(&[by_much], &candidate, &linear(80)).checks[0].outcome, CheckOutcome::Fail);
}

#[test]
fn a_baseline_that_is_missing_or_on_other_rows_fails_the_check_with_the_reason() {
    let candidate = wrong_in_a_thousand("candidate", 1_000, 40);
    let missing = judged(&[BETTER], &candidate, &[]);
    assert_eq!(missing.outcome, Outcome::Fail);
    assert!(missing.checks[0].sentence.contains("the evaluation has no baseline `linear`"), "{}", said(&missing));
    let other = [("linear".to_owned(), wrong_in_a_thousand("linear", 900, 400))];
    let other = judged(&[BETTER], &candidate, &other);
    assert_eq!(other.outcome, Outcome::Fail);
    assert!(other.checks[0].sentence.contains("the baseline `linear` cannot be used"), "{}", said(&other));
}

#[test]
fn the_stored_requirement_is_read_by_servers_that_know_no_baselines() {
    let requirement = Requirement::BetterThanChampion { by: 0.0, baseline: Some("linear".to_owned()) };
    let written = serde_json::to_value(&requirement).expect("written");
    assert_eq!(written, serde_json::json!({"better_than_champion": {"by": 0.0, "baseline": "linear"}}));
    let earlier: Requirement =
        serde_json::from_value(serde_json::json!({"better_than_champion": {"by": 0.5}})).expect("read");
    assert_eq!(earlier, Requirement::BetterThanChampion { by: 0.5, baseline: None });
    assert_eq!(
        serde_json::to_value(&earlier).expect("written"),
        serde_json::json!({"better_than_champion": {"by": 0.5}})
    );
}

#[test]
fn a_policy_says_which_baselines_it_needs_and_another_one_is_not_as_strict() {
    let asking = policy(&[BETTER]).required_evidence();
    assert_eq!(asking.baselines, BTreeSet::from(["linear".to_owned()]));
    let check = |of: &str| {
        policy(&[&format!("name: beats, metric: accuracy, better_than_baseline: {{of: {of}}}")]).checks.remove(0)
    };
    assert!(check("linear").is_as_strict_as(&check("linear")));
    assert!(!check("gradient_boosted_trees").is_as_strict_as(&check("linear")));
}
