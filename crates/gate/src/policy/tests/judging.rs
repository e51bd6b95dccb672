//! What verdicts say of candidates good, bad, unclear and broken.

use insta::assert_snapshot;
use slipway_contract::{Digest, Metric};

use super::sample::{classes_of, evaluation_of, evidence, policy, said, table, verdict, wrong_in_a_thousand};
use crate::policy::Champion;
use slipway_domain::{CheckOutcome, Outcome, Verdict};

#[test]
fn a_candidate_above_its_minimum_passes_and_the_sentence_says_by_how_much() {
    let candidate = wrong_in_a_thousand("candidate", 1_000, 38);
    assert_snapshot!(said(&verdict(&["metric: accuracy, at_least: 0.94"], &candidate, Champion::None)), @r"
Pass
Pass: accuracy is 0.951 to 0.971 with 95 % confidence (one-sided bounds); the policy asks for at least 0.94 (policies/digits.yaml:6)
");
}

#[test]
fn a_candidate_below_its_minimum_is_refused_with_the_reason() {
    let candidate = wrong_in_a_thousand("candidate", 1_000, 700);
    let verdict =
        verdict(&["metric: accuracy, at_least: 0.94", "metric: log_loss, at_most: 0.5"], &candidate, Champion::None);
    assert_snapshot!(said(&verdict), @r"
Fail
Fail: accuracy is at most 0.324 with 95 % confidence; the policy asks for at least 0.94 (policies/digits.yaml:6)
Fail: log_loss is at least 2.058 with 95 % confidence; the policy asks for at most 0.5 (policies/digits.yaml:7)
");
    assert_snapshot!(verdict.summary(), @"refused: accuracy is at most 0.324 with 95 % confidence; the policy asks for at least 0.94 (policies/digits.yaml:6)");
}

#[test]
fn a_bound_around_the_threshold_decides_nothing_and_says_how_many_rows_would() {
    let candidate = wrong_in_a_thousand("candidate", 1_000, 55);
    let undecided = verdict(&["metric: accuracy, at_least: 0.94"], &candidate, Champion::None);
    assert_snapshot!(said(&undecided), @r"
Inconclusive
Inconclusive: accuracy is 0.932 to 0.956 with 95 % confidence (one-sided bounds); the policy asks for at least 0.94 (policies/digits.yaml:6); about 6900 rows would decide it
");
    assert_snapshot!(undecided.summary(), @"inconclusive: accuracy is 0.932 to 0.956 with 95 % confidence (one-sided bounds); the policy asks for at least 0.94 (policies/digits.yaml:6); about 6900 rows would decide it");
    let warned = "metric: accuracy, at_least: 0.94, when_inconclusive: warn";
    let alone = verdict(&[warned], &candidate, Champion::None);
    assert_eq!((alone.outcome, alone.checks[0].outcome), (Outcome::Inconclusive, CheckOutcome::Warned));
    let beside = verdict(&[warned, "metric: accuracy, at_least: 0.9"], &candidate, Champion::None);
    assert_snapshot!(beside.summary(), @"passed: 1 of 2 checks on 1000 rows, 1 undecided");
    assert_eq!(beside.outcome, Outcome::Pass);
}

#[test]
fn the_threshold_itself_passes() {
    let candidate = wrong_in_a_thousand("candidate", 1_000, 38);
    let lower = verdict(&["metric: accuracy, at_least: 0.5"], &candidate, Champion::None).checks[0]
        .interval
        .expect("bounds")
        .lowest();
    let at = verdict(&[&format!("metric: accuracy, at_least: {lower}")], &candidate, Champion::None);
    assert_eq!(at.outcome, Outcome::Pass);
}

#[test]
fn differences_from_a_champion_are_shown_with_their_side() {
    let champion = wrong_in_a_thousand("champion", 4_000, 40);
    let compare = |wrong, checks: &[&str]| {
        let candidate = wrong_in_a_thousand("candidate", 4_000, wrong);
        said(&verdict(checks, &candidate, Champion::Evaluated(&champion)))
    };
    let both = [
        "metric: accuracy, no_worse_than_champion: {margin: 0.01}",
        "metric: log_loss, no_worse_than_champion: {margin: 0.02}",
    ];
    assert_snapshot!(compare(42, &both), @r"
Pass
Pass: accuracy is 0.958, 0.004 to 0.001 below the champion's with 95 % confidence (one-sided bounds); the policy allows 0.01 below (policies/digits.yaml:6)
Pass: log_loss is 0.227, 0.002 to 0.009 above the champion's with 95 % confidence (one-sided bounds); the policy allows 0.02 above (policies/digits.yaml:7)
");
    assert_snapshot!(compare(20, &both), @r"
Pass
Pass: accuracy is 0.980, 0.016 to 0.024 above the champion's with 95 % confidence (one-sided bounds); the policy allows 0.01 below (policies/digits.yaml:6)
Pass: log_loss is 0.163, 0.069 to 0.047 below the champion's with 95 % confidence (one-sided bounds); the policy allows 0.02 above (policies/digits.yaml:7)
");
    assert_snapshot!(compare(90, &both), @r"
Fail
Fail: accuracy is 0.910, at least 0.044 below the champion's with 95 % confidence; the policy allows 0.01 below (policies/digits.yaml:6)
Fail: log_loss is 0.365, at least 0.128 above the champion's with 95 % confidence; the policy allows 0.02 above (policies/digits.yaml:7)
");
    assert_snapshot!(compare(48, &both), @r"
Inconclusive
Inconclusive: accuracy is 0.952, 0.011 to 0.006 below the champion's with 95 % confidence (one-sided bounds); the policy allows 0.01 below (policies/digits.yaml:6); about 7200 rows would decide it
Inconclusive: log_loss is 0.244, 0.017 to 0.030 above the champion's with 95 % confidence (one-sided bounds); the policy allows 0.02 above (policies/digits.yaml:7); about 18000 rows would decide it
");
}

#[test]
fn the_champions_rows_may_come_in_another_order() {
    let candidate = wrong_in_a_thousand("candidate", 1_000, 38);
    let mut champion = candidate.clone();
    classes_of(&mut champion).rows.reverse();
    classes_of(&mut champion).labels.reverse();
    classes_of(&mut champion).predictions.reverse();
    classes_of(&mut champion).scores = None;
    let checks = ["metric: macro_f1, no_worse_than_champion: {margin: 0.02}"];
    let verdict = verdict(&checks, &candidate, Champion::Evaluated(&champion));
    assert!(verdict.checks[0].interval.expect("bounds").estimate.abs() < 1e-12);
}

#[test]
fn without_a_champion_relative_checks_are_skipped_and_never_enough() {
    let candidate = wrong_in_a_thousand("candidate", 1_000, 38);
    let relative = "metric: accuracy, no_worse_than_champion: {margin: 0.01}";
    let mixed = verdict(&[relative, "metric: accuracy, at_least: 0.9"], &candidate, Champion::None);
    assert_snapshot!(said(&mixed), @r"
Pass
Skipped: accuracy has no champion to be compared with; the policy allows 0.01 below (policies/digits.yaml:6)
Pass: accuracy is 0.951 to 0.971 with 95 % confidence (one-sided bounds); the policy asks for at least 0.9 (policies/digits.yaml:7)
");
    assert_snapshot!(mixed.summary(), @"passed: 1 of 2 checks on 1000 rows, 1 skipped");
    let alone = verdict(&[relative], &candidate, Champion::None);
    assert_eq!(alone.outcome, Outcome::Fail);
    assert_snapshot!(alone.summary(), @"refused: no check of policies/digits.yaml could be applied; add a check that works without a champion");
}

#[test]
fn a_champion_that_cannot_be_used_is_never_taken_for_none() {
    let candidate = wrong_in_a_thousand("candidate", 1_000, 38);
    let checks = ["metric: accuracy, no_worse_than_champion: {margin: 0.01}", "metric: accuracy, at_least: 0.9"];
    let unusable = Champion::Unusable("its weights are gone from the artifact store".to_owned());
    assert_snapshot!(said(&verdict(&checks, &candidate, unusable)), @r"
Fail
Fail: accuracy cannot be judged: the champion cannot be used: its weights are gone from the artifact store; to begin anew, set the environment's marked digest to `none`, or except this check in the policy for some days; the policy allows 0.01 below (policies/digits.yaml:6)
Pass: accuracy is 0.951 to 0.971 with 95 % confidence (one-sided bounds); the policy asks for at least 0.9 (policies/digits.yaml:7)
");
    let mut elsewhere = candidate.clone();
    elsewhere.report.data = Digest::of(b"other data");
    assert_snapshot!(said(&verdict(&checks, &candidate, Champion::Evaluated(&elsewhere))), @r"
Fail
Fail: accuracy cannot be judged: candidate and champion were not evaluated in the same way: the champion's data is 873517954b8a, expected the candidate's 916f0027a575; evaluate the champion again on the candidate's data; the policy allows 0.01 below (policies/digits.yaml:6)
Pass: accuracy is 0.951 to 0.971 with 95 % confidence (one-sided bounds); the policy asks for at least 0.9 (policies/digits.yaml:7)
");
}

#[test]
fn what_cannot_be_measured_fails_with_its_reason() {
    let check = ["metric: log_loss, at_most: 0.5"];
    let of = |name: &str, candidate| format!("{name}: {}\n", said(&verdict(&check, &candidate, Champion::None)));
    let good = || table(1_000, |row| row % 20 > 0);

    let mut absent = evaluation_of("candidate", good());
    absent.report.metrics.remove(&Metric::LogLoss);
    let mut no_scores = evaluation_of("candidate", good());
    classes_of(&mut no_scores).scores = None;
    let mut stated = evaluation_of("candidate", good());
    stated.report.metrics.insert(Metric::LogLoss, f64::NAN);
    let mut score = evaluation_of("candidate", good());
    classes_of(&mut score).scores.as_mut().expect("scores")[7] = f32::NAN;
    let mut empty = evaluation_of("candidate", table(0, |_| true));
    empty.report.metrics.insert(Metric::LogLoss, 0.1);
    let said = [
        of("metric absent", absent),
        of("no scores", no_scores),
        of("stated as NaN", stated),
        of("a score is NaN", score),
        of("no rows", empty),
        of("few rows", evaluation_of("candidate", table(12, |_| true))),
    ];
    assert_snapshot!(said.concat(), @r"
metric absent: Fail
Fail: log_loss cannot be judged: the report does not state it; add `log_loss` to `spec.evaluation.metrics`; the policy asks for at most 0.5 (policies/digits.yaml:6)
no scores: Fail
Fail: log_loss cannot be judged: the predictions contain no scores; the policy asks for at most 0.5 (policies/digits.yaml:6)
stated as NaN: Fail
Fail: log_loss cannot be judged: the report states NaN; the policy asks for at most 0.5 (policies/digits.yaml:6)
a score is NaN: Fail
Fail: log_loss cannot be judged: the candidate's predictions hold a value that is no finite number; the policy asks for at most 0.5 (policies/digits.yaml:6)
no rows: Fail
Fail: log_loss cannot be judged: no rows were evaluated; the policy asks for at most 0.5 (policies/digits.yaml:6)
few rows: Inconclusive
Inconclusive: log_loss cannot be bounded on 12 rows, expected at least 30; the policy asks for at most 0.5 (policies/digits.yaml:6)
");
}

#[test]
fn a_champion_without_scores_fails_what_needs_them() {
    let candidate = wrong_in_a_thousand("candidate", 1_000, 38);
    let mut champion = candidate.clone();
    classes_of(&mut champion).scores = None;
    let verdict = verdict(
        &["metric: log_loss, no_worse_than_champion: {margin: 0.1}"],
        &candidate,
        Champion::Evaluated(&champion),
    );
    assert_eq!(verdict.outcome, Outcome::Fail);
}

#[test]
fn perfect_predictions_on_few_rows_are_not_taken_for_certainty() {
    let check = ["metric: macro_f1, at_least: 0.95"];
    let few = evaluation_of("candidate", table(60, |_| true));
    assert_snapshot!(said(&verdict(&check, &few, Champion::None)), @r"
Inconclusive
Inconclusive: macro_f1 is 0.861 to 1.000 with 95 % confidence (one-sided bounds); the policy asks for at least 0.95 (policies/digits.yaml:6); about 180 rows would decide it
");
    let many = evaluation_of("candidate", table(600, |_| true));
    assert_snapshot!(said(&verdict(&check, &many, Champion::None)), @r"
Pass
Pass: macro_f1 is 0.985 to 1.000 with 95 % confidence (one-sided bounds); the policy asks for at least 0.95 (policies/digits.yaml:6)
");
    let same =
        verdict(&["metric: macro_f1, no_worse_than_champion: {margin: 0.02}"], &many, Champion::Evaluated(&many));
    assert_snapshot!(said(&same), @r"
Pass
Pass: macro_f1 is 1.000, 0.015 below to 0.015 above the champion's with 95 % confidence (one-sided bounds); the models agree on all 600 rows (200 independent units), and may differ on up to 1.49 % of others; the policy allows 0.02 below (policies/digits.yaml:6)
");
}

#[test]
fn figures_near_the_threshold_are_shown_with_enough_digits() {
    let candidate = wrong_in_a_thousand("candidate", 1_000, 38);
    let lower = verdict(&["metric: accuracy, at_least: 0.5"], &candidate, Champion::None).checks[0]
        .interval
        .expect("bounds")
        .lowest();
    let above = format!("metric: accuracy, at_least: {:.6}", lower + 2e-6);
    assert_snapshot!(said(&verdict(&[&above], &candidate, Champion::None)), @r"
Inconclusive
Inconclusive: accuracy is 0.9507 to 0.9708 with 95 % confidence (one-sided bounds); the policy asks for at least 0.950746 (policies/digits.yaml:6); about 1100 rows would decide it
");
}

#[test]
fn a_verdict_is_the_same_each_time_and_survives_json() {
    let candidate = wrong_in_a_thousand("candidate", 500, 38);
    let champion = wrong_in_a_thousand("champion", 500, 45);
    let checks = [
        "metric: macro_f1, no_worse_than_champion: {margin: 0.01}",
        "metric: accuracy, at_least: 0.9, why: customers notice",
        "metric: expected_calibration_error, at_most: 0.2",
    ];
    let policy = policy(&checks);
    let verdict = policy.judge(&evidence(&candidate, Champion::Evaluated(&champion)));
    assert_eq!(verdict, policy.judge(&evidence(&candidate, Champion::Evaluated(&champion))));
    let json = serde_json::to_string(&verdict).expect("JSON");
    assert_eq!(serde_json::from_str::<Verdict>(&json).expect("a verdict"), verdict);
    let skipped = policy.judge(&evidence(&candidate, Champion::None));
    let json = serde_json::to_string(&skipped).expect("JSON");
    assert_eq!(serde_json::from_str::<Verdict>(&json).expect("a verdict"), skipped);
}
