//! The gate fails closed: every row of the table of semantics, and the holes of other gates that must not be copied.

use insta::assert_snapshot;
use slipway_contract::{Digest, Metric};

use super::sample::{
    classes_of, evaluation, evaluation_of, evidence, numbers, policy_text, said, table, verdict, wrong_in_a_thousand,
};
use crate::evaluation::Evaluation;
use crate::policy::{Champion, Policy};
use slipway_domain::{CheckOutcome, Outcome};

const MINIMUM_ACCURACY: &str = "metric: accuracy, at_least: 0.9";
const RELATIVE: &str = "metric: accuracy, no_worse_than_champion: {margin: 0.01}";

fn sound() -> Evaluation {
    wrong_in_a_thousand("candidate", 1_000, 38)
}

#[test]
fn a_metric_that_is_not_stated_fails() {
    let mut candidate = sound();
    candidate.report.metrics.remove(&Metric::Accuracy);
    assert_eq!(verdict(&[MINIMUM_ACCURACY], &candidate, Champion::None).outcome, Outcome::Fail);
}

#[test]
fn a_slice_that_the_policy_names_and_the_data_lack_fails() {
    let checks = [
        "metric: accuracy, slice: {by: region}, at_least: 0.5",
        "metric: accuracy, slice: {where: {label: wolf}}, at_least: 0.5",
        "metric: accuracy, slice: {name: at night, where: {hour: [22, 23]}}, at_least: 0.5",
        "metric: accuracy, group_by: patient, at_least: 0.5",
        "metric: {recall: {class: wolf}}, at_least: 0.5",
        "metric: {selection_rate_ratio: {class: cat, by: sex}}, at_least: 0.5",
    ];
    let mut candidate = sound();
    candidate.report.metrics.insert("recall(class=\"wolf\")".parse().expect("a metric"), 0.9);
    assert_snapshot!(said(&verdict(&checks, &candidate, Champion::None)), @r"
Fail
Fail: accuracy cannot be judged: the predictions have no column `region`; the policy asks for at least 0.5 (policies/digits.yaml:6)
Fail: accuracy cannot be judged: no row has label `wolf`; the policy asks for at least 0.5 (policies/digits.yaml:7)
Fail: accuracy cannot be judged: the predictions have no column `hour`; the policy asks for at least 0.5 (policies/digits.yaml:8)
Fail: accuracy cannot be judged: the predictions have no column `patient`; the policy asks for at least 0.5 (policies/digits.yaml:9)
Fail: recall of `wolf` cannot be judged: there is no class `wolf`; the policy asks for at least 0.5 (policies/digits.yaml:10)
Fail: selection_rate_ratio of `cat` between values of `sex` cannot be judged: the predictions have no column `sex`; the policy asks for at least 0.5 (policies/digits.yaml:11)
");
}

#[test]
fn a_class_that_no_row_has_decides_nothing() {
    let mut candidate = sound();
    let predictions = classes_of(&mut candidate);
    predictions.classes.push("wolf".to_owned());
    predictions.scores = None;
    let verdict = verdict(&["metric: accuracy, slice: {by: label}, at_least: 0.5"], &candidate, Champion::None);
    assert_eq!(verdict.outcome, Outcome::Inconclusive);
    assert!(verdict.checks[0].sentence.contains("label `wolf` cannot be bounded on 0 rows"), "{}", said(&verdict));
}

#[test]
fn what_is_no_number_anywhere_fails() {
    for broken in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut candidate = sound();
        classes_of(&mut candidate).scores.as_mut().expect("scores")[5] = broken;
        // Accuracy does not even look at scores: a table with such a value is not believed at all.
        for check in [MINIMUM_ACCURACY, "metric: log_loss, at_most: 5", "metric: macro_roc_auc, at_least: 0.5"] {
            let verdict = verdict(&[check], &candidate, Champion::None);
            assert_eq!(verdict.outcome, Outcome::Fail, "{broken} under {check}");
            assert!(verdict.checks[0].sentence.contains("no finite number"), "{}", said(&verdict));
        }
        let mut champion = sound();
        classes_of(&mut champion).scores.as_mut().expect("scores")[5] = broken;
        assert_eq!(verdict(&[RELATIVE], &sound(), Champion::Evaluated(&champion)).outcome, Outcome::Fail);
    }
    for stated in [f64::NAN, f64::INFINITY] {
        let mut candidate = sound();
        candidate.report.metrics.insert(Metric::Accuracy, stated);
        assert_eq!(verdict(&[MINIMUM_ACCURACY], &candidate, Champion::None).outcome, Outcome::Fail);
    }
    let regressor = |value: f64| {
        let mut candidate = evaluation("candidate", numbers(100, |_| 0.5));
        candidate.table = numbers(100, |row| if row == 3 { value } else { 0.5 });
        candidate
    };
    let check = ["metric: mean_absolute_error, at_most: 1"];
    assert_eq!(verdict(&check, &regressor(0.5), Champion::None).outcome, Outcome::Pass);
    assert_eq!(verdict(&check, &regressor(f64::NAN), Champion::None).outcome, Outcome::Fail);
}

#[test]
fn an_empty_evaluation_fails() {
    let mut candidate = evaluation_of("candidate", table(0, |_| true));
    candidate.report.metrics.insert(Metric::Accuracy, 1.0);
    assert_eq!(verdict(&[MINIMUM_ACCURACY], &candidate, Champion::None).outcome, Outcome::Fail);
}

#[test]
fn figures_that_break_while_measured_fail_with_that_reason() {
    let mut candidate = sound();
    // A class index beyond the classes: no reader lets it through, and nothing may pass if one did.
    classes_of(&mut candidate).labels[3] = 99;
    let verdict = verdict(&["metric: macro_f1, at_least: 0.1"], &candidate, Champion::None);
    assert_eq!(verdict.outcome, Outcome::Fail);
    assert!(verdict.checks[0].sentence.contains("a defect of Slipway"), "{}", said(&verdict));
}

#[test]
fn no_policy_is_read_from_nothing_and_no_checks_are_no_policy() {
    assert!(Policy::read("p.yaml", "").is_err());
    assert!(Policy::read("p.yaml", &policy_text(&[]).replace("checks:\n", "checks: []\n")).is_err());
    assert!(Policy::read("p.yaml", &policy_text(&[]).replace("  checks:\n", "  confidence: 0.9\n")).is_err());
}

#[test]
fn unknown_keys_metrics_and_units_are_refused_when_the_policy_is_read() {
    for check in [
        "metric: accuracy, at_least: 90 %",
        "metric: accurancy, at_least: 0.9",
        "metric: accuracy, minimum: 0.9",
        "metric: latency_p99, at_most: 5ms",
    ] {
        assert!(Policy::read("p.yaml", &policy_text(&[check])).is_err(), "{check}");
    }
}

#[test]
fn without_a_champion_absolute_checks_decide_and_a_person_if_the_policy_says_so() {
    let text = policy_text(&[RELATIVE, MINIMUM_ACCURACY]) + "  without_champion: {require_approval: true}\n";
    let policy = Policy::read("p.yaml", &text).expect("a policy");
    let candidate = sound();
    let first = policy.judge(&evidence(&candidate, Champion::None));
    assert_eq!((first.outcome, first.checks[0].outcome), (Outcome::NeedsApproval, CheckOutcome::Skipped));
    assert_snapshot!(first.summary(), @"needs approval: there is no champion yet, and p.yaml:8 asks for a person's approval of the first");
    let later = policy.judge(&evidence(&candidate, Champion::Evaluated(&candidate)));
    assert_eq!(later.outcome, Outcome::Pass);
    let bad = wrong_in_a_thousand("candidate", 1_000, 500);
    assert_eq!(policy.judge(&evidence(&bad, Champion::None)).outcome, Outcome::Fail, "approval mends nothing");
}

#[test]
fn a_champion_that_cannot_be_read_is_a_failure_and_not_none() {
    let unusable = Champion::Unusable("its digest is another".to_owned());
    let verdict = verdict(&[RELATIVE, MINIMUM_ACCURACY], &sound(), unusable);
    assert_eq!((verdict.outcome, verdict.checks[0].outcome), (Outcome::Fail, CheckOutcome::Fail));
}

#[test]
fn a_policy_that_compares_nothing_refuses_beside_a_champion_that_cannot_be_read() {
    let unusable = || Champion::Unusable("its digest is another".to_owned());
    let refused = verdict(&[MINIMUM_ACCURACY], &sound(), unusable());
    assert_eq!((refused.outcome, refused.checks[0].outcome), (Outcome::Fail, CheckOutcome::Pass));
    assert_snapshot!(refused.summary(), @"refused: the champion cannot be used: its digest is another; nothing is promoted in its place until it can be read, is rolled back, or `none` stands in its mark (policies/digits.yaml)");
    let warned = verdict(&[MINIMUM_ACCURACY, &format!("{RELATIVE}, severity: warn")], &sound(), unusable());
    assert_eq!((warned.outcome, warned.checks[1].outcome), (Outcome::Fail, CheckOutcome::Warned));

    let exceptions = "  exceptions:\n    - {model: digits, check: compared, reason: its weights are lost, approver: ada, expires: 2026-07-01}\n";
    let checks = [MINIMUM_ACCURACY, &format!("{RELATIVE}, name: compared")];
    let accepted = Policy::read("p.yaml", &(policy_text(&checks) + exceptions)).expect("a policy");
    let candidate = sound();
    let mut evidence = evidence(&candidate, unusable());
    evidence.facts.texts.insert("run.model", "digits".to_owned());
    assert_eq!(accepted.judge(&evidence).outcome, Outcome::Pass, "an exception says that this is accepted");
}

#[test]
fn a_champion_measured_on_other_data_or_by_another_evaluator_is_not_compared() {
    let change = |change: fn(&mut Evaluation)| {
        let mut champion = sound();
        change(&mut champion);
        verdict(&[RELATIVE], &sound(), Champion::Evaluated(&champion)).outcome
    };
    assert_eq!(change(|_| ()), Outcome::Pass);
    assert_eq!(change(|champion| champion.report.data = Digest::of(b"other")), Outcome::Fail);
    assert_eq!(change(|champion| champion.report.evaluator = "0.2.0".to_owned()), Outcome::Fail);
    assert_eq!(change(|champion| classes_of(champion).rows.swap(0, 1)), Outcome::Fail);
}

#[test]
fn a_candidate_that_is_the_champion_is_said_to_be_nothing_new() {
    let candidate = sound();
    let verdict = verdict(&[MINIMUM_ACCURACY], &candidate, Champion::Evaluated(&candidate));
    assert_eq!(verdict.notes, ["the candidate is the champion: there is nothing to promote"]);
}

#[test]
fn a_metric_of_the_other_task_fails_where_it_meets_the_rows() {
    let mut candidate = sound();
    candidate.report.metrics.insert(Metric::R2, 0.9);
    assert_snapshot!(said(&verdict(&["metric: r2, at_least: 0.5"], &candidate, Champion::None)), @r"
Fail
Fail: r2 cannot be judged: the metric is for regression, but the rows are for classification; the policy asks for at least 0.5 (policies/digits.yaml:6)
");
}

#[test]
fn a_negative_baseline_does_not_turn_the_comparison_around() {
    // MLflow passes −1 → −2 as an improvement by 100 %: the sign of the relative change flips with the baseline's.
    let of = |name: &str, scale: f64| evaluation(name, numbers(400, |row| scale * (f64::from(row % 13) - 6.0)));
    let (champion, candidate) = (of("champion", 2.0), of("candidate", 3.0));
    let r2 = |evaluation: &Evaluation| evaluation.report.metrics[&Metric::R2];
    assert!(r2(&champion) < 0.0 && r2(&candidate) < r2(&champion));
    for check in [
        "metric: r2, no_worse_than_champion: {margin: 0.05, relative: true}",
        "metric: r2, no_worse_than_champion: {margin: 0.05}",
        "metric: r2, better_than_champion: {by: 0}",
    ] {
        assert_eq!(verdict(&[check], &candidate, Champion::Evaluated(&champion)).outcome, Outcome::Fail, "{check}");
    }
}

#[test]
fn a_point_estimate_beyond_the_threshold_is_not_enough() {
    // TFMA computes an interval and gates on the point estimate: 95 % right of 60 rows would pass a floor of 0.93.
    let candidate = evaluation_of("candidate", table(60, |row| row % 20 > 0));
    let verdict = verdict(&["metric: accuracy, at_least: 0.93"], &candidate, Champion::None);
    assert!(candidate.report.metrics[&Metric::Accuracy] > 0.93);
    assert_eq!(verdict.outcome, Outcome::Inconclusive);
}

#[test]
fn a_champion_that_does_not_know_a_class_fails_with_a_way_out() {
    let mut candidate = sound();
    classes_of(&mut candidate).scores = None;
    classes_of(&mut candidate).classes.push("owl".to_owned());
    candidate.report.classes.push("owl".to_owned());
    assert_snapshot!(said(&verdict(&[RELATIVE], &candidate, Champion::Evaluated(&sound()))), @r"
Fail
Fail: accuracy cannot be judged: the champion does not have the class `owl`; train the candidate on the champion's classes and no others: models can only be compared on the same classes; to begin anew, set the environment's marked digest to `none`, or except this check in the policy for some days; the policy allows 0.01 below (policies/digits.yaml:6)
");
}
