//! Every kind of check of a metric: rules, slices, clusters, seeds, dates and what becomes of them.

use insta::assert_snapshot;

use super::sample::{
    classes_of, evaluation, evaluation_of, evidence, numbers, policy, said, table, verdict, with_attribute,
    wrong_in_a_thousand,
};
use crate::policy::{Champion, Evidence};
use slipway_domain::{CheckOutcome, Method, Outcome};

fn method(check: &str, champion: bool) -> Method {
    let candidate = wrong_in_a_thousand("candidate", 1_000, 38);
    let other = wrong_in_a_thousand("champion", 1_000, 45);
    let champion = if champion { Champion::Evaluated(&other) } else { Champion::None };
    verdict(&[check], &candidate, champion).checks[0].interval.expect("bounds").method
}

#[test]
fn the_method_is_the_one_that_fits_the_measure() {
    assert_eq!(method("metric: accuracy, at_least: 0.5", false), Method::Wilson);
    assert_eq!(method("metric: {recall: {class: cat}}, at_least: 0.5", false), Method::Wilson);
    assert_eq!(method("metric: accuracy, no_worse_than_champion: {margin: 0.01}", true), Method::Newcombe);
    assert_eq!(method("metric: accuracy, no_worse_than_champion: {margin: 0}", true), Method::McnemarExact);
    assert_eq!(method("metric: accuracy, better_than_champion: {}", true), Method::McnemarExact);
    assert_eq!(
        method("metric: accuracy, no_worse_than_champion: {margin: 0.01, relative: true}", true),
        Method::BcaBootstrap
    );
    assert_eq!(
        method("metric: {precision: {class: cat}}, no_worse_than_champion: {margin: 0.1}", true),
        Method::BcaBootstrap
    );
    assert_eq!(method("metric: macro_roc_auc, at_least: 0.5", false), Method::Delong);
    assert_eq!(method("metric: macro_pr_auc, at_least: 0.5", false), Method::BcaBootstrap);
}

#[test]
fn a_figure_may_be_asked_to_lie_between_two_others() {
    let candidate = wrong_in_a_thousand("candidate", 1_000, 38);
    let checks = [
        "metric: accuracy, between: [0.94, 0.98]",
        "metric: accuracy, between: [0.94, 0.96]",
        "metric: accuracy, between: [0.98, 0.99]",
    ];
    assert_snapshot!(said(&verdict(&checks, &candidate, Champion::None)), @r"
Fail
Pass: accuracy is 0.951 to 0.971 with 95 % confidence (one-sided bounds); the policy asks for 0.94 to 0.98 (policies/digits.yaml:6)
Inconclusive: accuracy is 0.951 to 0.971 with 95 % confidence (one-sided bounds); the policy asks for 0.94 to 0.96 (policies/digits.yaml:7); about 32000 rows would decide it
Fail: accuracy is at most 0.971 with 95 % confidence; the policy asks for 0.98 to 0.99 (policies/digits.yaml:8)
");
}

#[test]
fn superiority_asks_for_more_than_noise() {
    let champion = wrong_in_a_thousand("champion", 4_000, 60);
    let compare = |wrong| {
        let candidate = wrong_in_a_thousand("candidate", 4_000, wrong);
        said(&verdict(
            &["metric: accuracy, better_than_champion: {by: 0.005}"],
            &candidate,
            Champion::Evaluated(&champion),
        ))
    };
    assert_snapshot!([compare(40), compare(53), compare(70)].join("\n"), @r"
Pass
Pass: accuracy is 0.960, 0.016 to 0.024 above the champion's with 95 % confidence (one-sided bounds); the policy asks for more than 0.005 above (policies/digits.yaml:6)
Inconclusive
Inconclusive: accuracy is 0.9470, 0.0048 to 0.0095 above the champion's with 95 % confidence (one-sided bounds); the policy asks for more than 0.005 above (policies/digits.yaml:6); about 4900 rows would decide it
Fail
Fail: accuracy is 0.930, at least 0.007 below the champion's with 95 % confidence; the policy asks for more than 0.005 above (policies/digits.yaml:6)
");
}

#[test]
fn a_margin_may_be_a_share_of_the_champions_value() {
    let of = |name: &str, scale: f64| evaluation(name, numbers(600, |row| scale * (f64::from(row % 7) - 3.0)));
    let champion = of("champion", 1.0);
    let check = ["metric: mean_absolute_error, no_worse_than_champion: {margin: 0.05, relative: true}"];
    let compare = |scale| said(&verdict(&check, &of("candidate", scale), Champion::Evaluated(&champion)));
    assert_snapshot!([compare(1.02), compare(1.2), compare(1.0)].join("\n"), @r"
Pass
Pass: mean_absolute_error is 1.746, 1.1 % to 2.9 % above the champion's with 95 % confidence (one-sided bounds); the policy allows 5 % above (policies/digits.yaml:6)
Fail
Fail: mean_absolute_error is 2.054, at least 19.0 % above the champion's with 95 % confidence; the policy allows 5 % above (policies/digits.yaml:6)
Pass
Pass: mean_absolute_error is 1.712, 0.9 % below to 0.9 % above the champion's with 95 % confidence (one-sided bounds); the models agree on all 600 rows, and may differ on up to 0.50 % of others; the policy allows 5 % above (policies/digits.yaml:6)
");
    let perfect = of("perfect", 0.0);
    let against_zero = verdict(&check, &of("candidate", 1.0), Champion::Evaluated(&perfect));
    assert_eq!(against_zero.outcome, Outcome::Fail, "a share of nothing is no share");
}

#[test]
fn every_value_of_a_slice_is_judged_and_all_of_them_together() {
    let regions = ["north", "south", "east"];
    let build = |name: &str, bad_in_east: u32| {
        let table = table(1_500, |row| if row % 3 == 2 { row / 3 % 100 >= bad_in_east } else { row / 3 % 100 >= 4 });
        with_attribute(evaluation_of(name, table), "region", &regions, |row| row % 3)
    };
    let check = ["metric: accuracy, slice: {by: region}, at_least: 0.9"];
    let sound = verdict(&check, &build("candidate", 4), Champion::None);
    assert_snapshot!(said(&sound), @r"
Pass
Pass: all 3 slices by region hold it, the closest one: accuracy on region `north` is 0.937 to 0.975 with 95 % confidence over all 3 slices (one-sided bounds); the policy asks for at least 0.9 (policies/digits.yaml:6)
");
    let bad = verdict(&check, &build("candidate", 40), Champion::None);
    assert_snapshot!(said(&bad), @r"
Fail
Fail: 1 of 3 slices by region do not hold it: accuracy on region `east` is at most 0.646 with 95 % confidence over all 3 slices; the policy asks for at least 0.9 (policies/digits.yaml:6)
");
    let names: Vec<&str> = bad.checks[0].slices.iter().map(|slice| slice.name.as_str()).collect();
    assert_eq!(names, ["region `north`", "region `south`", "region `east`"]);
    let outcomes: Vec<CheckOutcome> = bad.checks[0].slices.iter().map(|slice| slice.outcome).collect();
    assert_eq!(outcomes, [CheckOutcome::Pass, CheckOutcome::Pass, CheckOutcome::Fail]);
    // Bounds that hold for three slices together are wider than for one alone.
    let alone =
        verdict(&["metric: accuracy, slice: {where: {region: north}}, at_least: 0.9"], &build("c", 4), Champion::None);
    let lower = |verdict: &slipway_domain::Verdict| verdict.checks[0].slices[0].interval.expect("bounds").lowest();
    assert!(lower(&sound) < lower(&alone));
}

#[test]
fn a_slice_with_too_few_rows_decides_nothing() {
    let evaluation =
        with_attribute(wrong_in_a_thousand("candidate", 1_000, 38), "site", &["a", "b"], |row| u32::from(row < 40));
    let check = ["metric: accuracy, slice: {by: site, minimum_rows: 50}, at_least: 0.9"];
    assert_snapshot!(said(&verdict(&check, &evaluation, Champion::None)), @r"
Inconclusive
Inconclusive: 1 of 2 slices by site are undecided: accuracy on site `b` cannot be bounded on 40 rows, expected at least 50; the policy asks for at least 0.9 (policies/digits.yaml:6)
");
}

#[test]
fn the_rows_of_a_cluster_count_as_one() {
    // Fifty patients with twenty alike rows each: a thousand rows, but fifty things to learn from.
    let table = table(1_000, |row| (row / 20) % 10 > 0);
    let evaluation = with_attribute(evaluation_of("candidate", table), "patient", &[""; 50], |row| row / 20);
    let width = |check: &str| {
        let interval = verdict(&[check], &evaluation, Champion::None).checks[0].interval.expect("bounds");
        interval.highest() - interval.lowest()
    };
    let (rows, patients) =
        (width("metric: accuracy, at_least: 0.5"), width("metric: accuracy, group_by: patient, at_least: 0.5"));
    assert!(patients > 3.0 * rows, "{patients} is not much wider than {rows}");
    let areas = width("metric: macro_roc_auc, group_by: patient, at_least: 0.5");
    assert!(areas > 2.0 * width("metric: macro_roc_auc, at_least: 0.5"));
    let few = with_attribute(evaluation, "patient", &[""; 10], |row| row / 100);
    let said = said(&verdict(&["metric: accuracy, group_by: patient, at_least: 0.5"], &few, Champion::None));
    assert_snapshot!(said, @r"
Inconclusive
Inconclusive: accuracy cannot be bounded on 10 groups, expected at least 30; the policy asks for at least 0.5 (policies/digits.yaml:6)
");
}

#[test]
fn every_training_run_has_to_hold() {
    let candidate = wrong_in_a_thousand("candidate", 1_000, 38);
    let seeds = |worst| [wrong_in_a_thousand("second", 1_000, 40), wrong_in_a_thousand("third", 1_000, worst)];
    let judge = |check: &str, seeds: &[crate::evaluation::Evaluation]| {
        let evidence = Evidence { seeds, ..evidence(&candidate, Champion::None) };
        said(&policy(&[check]).judge(&evidence))
    };
    let strict = "metric: accuracy, seeds: {at_least: 3, worst: holds}, at_least: 0.94";
    let mild = "metric: accuracy, seeds: {at_least: 3, worst: may_be_undecided}, at_least: 0.94";
    let mut again = seeds(38);
    again[1].report.artifact = again[0].report.artifact.clone();
    let shown = [
        judge(strict, &seeds(41)),
        judge(strict, &seeds(55)),
        judge(mild, &seeds(55)),
        judge(mild, &seeds(200)),
        judge(strict, &seeds(41)[..1]),
        judge(strict, &again),
    ];
    assert_snapshot!(shown.join("\n"), @r"
Pass
Pass: all 3 training runs hold it, the closest one: accuracy on run b1e99324505b is 0.947 to 0.968 with 95 % confidence (one-sided bounds); the policy asks for at least 0.94 (policies/digits.yaml:6)
Inconclusive
Inconclusive: 1 of 3 training runs are undecided: accuracy on run b1e99324505b is 0.932 to 0.956 with 95 % confidence (one-sided bounds); the policy asks for at least 0.94 (policies/digits.yaml:6); about 6900 rows would decide it
Pass
Pass: none of 3 training runs is shown not to hold it, the closest one: accuracy on run b1e99324505b is 0.932 to 0.956 with 95 % confidence (one-sided bounds); the policy asks for at least 0.94 (policies/digits.yaml:6); about 6900 rows would decide it
Fail
Fail: 1 of 3 training runs do not hold it: accuracy on run b1e99324505b is at most 0.820 with 95 % confidence; the policy asks for at least 0.94 (policies/digits.yaml:6)
Fail
Fail: accuracy cannot be judged: there are 2 training runs, expected at least 3 with different seeds; the policy asks for at least 0.94 (policies/digits.yaml:6)
Fail
Fail: accuracy cannot be judged: the run 16367aacb67a is there twice, expected runs with different seeds; the policy asks for at least 0.94 (policies/digits.yaml:6)
");
}

#[test]
fn what_is_undecided_fails_warns_or_asks_for_approval() {
    let candidate = wrong_in_a_thousand("candidate", 1_000, 55);
    let outcome = |more: &str| {
        let checks = [format!("metric: accuracy, at_least: 0.94{more}"), "metric: accuracy, at_least: 0.9".to_owned()];
        let verdict = verdict(&[&checks[0], &checks[1]], &candidate, Champion::None);
        (verdict.outcome, verdict.checks[0].outcome)
    };
    assert_eq!(outcome(""), (Outcome::Inconclusive, CheckOutcome::Inconclusive));
    assert_eq!(outcome(", when_inconclusive: fail"), (Outcome::Inconclusive, CheckOutcome::Inconclusive));
    assert_eq!(outcome(", when_inconclusive: warn"), (Outcome::Pass, CheckOutcome::Warned));
    assert_eq!(outcome(", when_inconclusive: require_approval"), (Outcome::NeedsApproval, CheckOutcome::NeedsApproval));
    assert_eq!(outcome(", severity: warn"), (Outcome::Pass, CheckOutcome::Warned));
}

#[test]
fn a_check_that_only_warns_never_stands_in_the_way() {
    let candidate = wrong_in_a_thousand("candidate", 1_000, 500);
    let checks = ["metric: accuracy, at_least: 0.94, severity: warn, owner: vision", "metric: accuracy, at_least: 0.2"];
    let verdict = verdict(&checks, &candidate, Champion::None);
    assert_eq!((verdict.outcome, verdict.checks[0].outcome), (Outcome::Pass, CheckOutcome::Warned));
    assert_eq!(verdict.checks[0].owner.as_deref(), Some("vision"));
}

#[test]
fn a_check_past_its_day_fails_until_its_owner_has_looked_at_it() {
    let candidate = wrong_in_a_thousand("candidate", 1_000, 38);
    let checks = [
        "metric: accuracy, at_least: 0.9, expires: 2026-06-15",
        "metric: accuracy, at_least: 0.9, expires: 2026-06-14, owner: vision team",
    ];
    assert_snapshot!(said(&verdict(&checks, &candidate, Champion::None)), @r"
Fail
Pass: accuracy is 0.951 to 0.971 with 95 % confidence (one-sided bounds); the policy asks for at least 0.9 (policies/digits.yaml:6)
Fail: accuracy cannot be judged: the check ended on 2026-06-14: vision team has to look at it again; the policy asks for at least 0.9 (policies/digits.yaml:7)
");
}

#[test]
fn a_champion_that_differs_in_a_few_rows_is_compared_on_those() {
    let champion = wrong_in_a_thousand("champion", 1_000, 45);
    let mut candidate = champion.clone();
    candidate.report.artifact = slipway_contract::Digest::of(b"candidate");
    let labels = classes_of(&mut candidate).labels.clone();
    classes_of(&mut candidate).predictions[..40].copy_from_slice(&labels[..40]);
    let check = ["metric: accuracy, better_than_champion: {}"];
    assert_snapshot!(said(&verdict(&check, &candidate, Champion::Evaluated(&champion))), @r"
Pass
Pass: accuracy is 0.962, 0.002 to 0.007 above the champion's with 95 % confidence (one-sided bounds); the policy asks for more than 0 above (policies/digits.yaml:6)
");
}
