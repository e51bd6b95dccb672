//! Candidate and champion that agree on all rows: what other rows could differ in is bounded, and the way out is said.

use insta::assert_snapshot;
use slipway_contract::metrics::Table;

use super::sample::{evaluation, evaluation_of, numbers, policy, said, table, verdict, with_attribute};
use crate::evaluation::Evaluation;
use crate::policy::Champion;
use slipway_domain::{CheckOutcome, Method, Outcome};

/// A regressor whose errors lie between zero and one.
fn regressor(name: &str, rows: u32) -> Evaluation {
    evaluation(name, numbers(rows, |row| f64::from(row % 7) / 6.0))
}

/// The verdict on two models of other weights and equal predictions.
fn of_equals(check: &str, of: impl Fn(&str) -> Evaluation) -> slipway_domain::Verdict {
    verdict(&[check], &of("candidate"), Champion::Evaluated(&of("champion")))
}

#[test]
fn equal_predictions_of_numbers_pass_once_the_rows_bound_those_that_they_miss() {
    let check = "metric: mean_absolute_error, no_worse_than_champion: {margin: 0.02, relative: true}";
    let enough = of_equals(check, |name| regressor(name, 700));
    assert_snapshot!(said(&enough), @r"
Pass
Pass: mean_absolute_error is 0.500, 0.9 % below to 0.9 % above the champion's with 95 % confidence (one-sided bounds); the models agree on all 700 rows, and may differ on up to 0.43 % of others; the policy allows 2 % above (policies/digits.yaml:6)
");
    assert_eq!(enough.checks[0].interval.expect("bounds").method, Method::UnseenRows);
    let few = of_equals(check, |name| regressor(name, 140));
    assert_snapshot!(said(&few), @r"
Inconclusive
Inconclusive: mean_absolute_error is 0.500, 4.1 % below to 4.3 % above the champion's with 95 % confidence (one-sided bounds); the models agree on all 140 rows, and may differ on up to 2.12 % of others; the policy allows 2 % above (policies/digits.yaml:6); about 310 rows without a difference would decide it, or a person, by `when_inconclusive: require_approval`
");
    // The number of rows that it asks for is the number that passes.
    let needed = u32::try_from(few.checks[0].rows_to_decide.expect("a number")).expect("a small number");
    assert_eq!(of_equals(check, |name| regressor(name, needed)).outcome, Outcome::Pass);
    assert_eq!(of_equals(check, |name| regressor(name, needed - needed / 10)).outcome, Outcome::Inconclusive);
}

#[test]
fn equal_predictions_of_classes_are_bounded_by_the_same_share() {
    let check = "metric: accuracy, no_worse_than_champion: {margin: 0.01}";
    // Half of the rows right: a bound that relies on the variation of both shares would be narrowest here.
    let of = |rows| of_equals(check, |name| evaluation_of(name, table(rows, |row| row % 2 == 0)));
    assert_eq!(of(299).outcome, Outcome::Pass, "{}", said(&of(299)));
    assert_snapshot!(said(&of(298)), @r"
Inconclusive
Inconclusive: accuracy is 0.500000, 0.010002 below to 0.010002 above the champion's with 95 % confidence (one-sided bounds); the models agree on all 298 rows, and may differ on up to 1.00 % of others; the policy allows 0.01 below (policies/digits.yaml:6); about 300 rows without a difference would decide it, or a person, by `when_inconclusive: require_approval`
");
    let interval = of(298).checks[0].interval.expect("bounds");
    assert_eq!(interval.method, Method::UnseenRows);
    assert!((interval.lowest() + 1.0 - 0.05_f64.powf(1.0 / 298.0)).abs() < 1e-12, "{interval:?}");
}

#[test]
fn a_margin_of_zero_is_never_shown_by_equal_models_and_a_person_is_the_way_out() {
    for (check, of) in [
        (
            "metric: accuracy, no_worse_than_champion: {margin: 0}",
            (|name| evaluation_of(name, table(10_000, |row| row % 9 > 0))) as fn(&str) -> Evaluation,
        ),
        ("metric: mean_absolute_error, no_worse_than_champion: {margin: 0}", |name| regressor(name, 10_000)),
        ("metric: mean_absolute_error, better_than_champion: {by: 0}", |name| regressor(name, 10_000)),
    ] {
        let undecided = of_equals(check, of);
        let said = said(&undecided);
        assert_eq!(undecided.outcome, Outcome::Inconclusive, "{said}");
        let expected = "; no number of rows decides it while the models agree, or a person, by";
        assert!(said.contains(expected), "{said}");
    }
    let check = "metric: accuracy, no_worse_than_champion: {margin: 0}, when_inconclusive: require_approval";
    let approved = of_equals(check, |name| evaluation_of(name, table(100, |row| row % 9 > 0)));
    assert_eq!(approved.outcome, Outcome::NeedsApproval);
    assert!(!said(&approved).contains("or a person"), "{}", said(&approved));
}

#[test]
fn every_metric_without_a_range_is_decided_by_enough_equal_rows_and_by_no_few_ones() {
    let scored = |name: &str, rows: u32| {
        let mut scored = regressor(name, rows);
        scored.row_scores.insert("score".to_owned(), (0..rows).map(|row| f64::from(row % 11) / 10.0).collect());
        scored.row_scores.insert("scale".to_owned(), vec![2.0; rows as usize]);
        let series: Vec<String> = (0..rows / 2).map(|series| series.to_string()).collect();
        let series: Vec<&str> = series.iter().map(String::as_str).collect();
        with_attribute(scored, "shop", &series, move |row| row / 2)
    };
    for (metric, margin) in [
        ("mean_absolute_error", 0.005),
        ("root_mean_squared_error", 0.005),
        ("median_absolute_error", 0.01),
        ("r2", 0.001),
        ("{mean_of: score}", 0.005),
        ("{quantile_of: {column: score, quantile: 0.5}}", 0.05),
        ("{mase: {series: shop}}", 0.005),
    ] {
        let check = format!("metric: {metric}, no_worse_than_champion: {{margin: {margin}}}");
        let of = |rows: u32| of_equals(&check, |name| scored(name, rows));
        assert_eq!(of(4_000).outcome, Outcome::Pass, "{}", said(&of(4_000)));
        let few = of(70);
        let is_ranked = metric.contains("quantile") || metric.contains("median");
        assert!(few.outcome == Outcome::Inconclusive || is_ranked, "{}", said(&few));
    }
    let check = "metric: log_loss, no_worse_than_champion: {margin: 0.01}";
    let of = |rows| of_equals(check, |name| evaluation_of(name, table(rows, |row| row % 9 > 0)));
    assert_eq!(of(3_000).outcome, Outcome::Pass, "{}", said(&of(3_000)));
    assert_eq!(of(500).outcome, Outcome::Inconclusive, "{}", said(&of(500)));
}

#[test]
fn perfect_models_say_nothing_of_errors_that_rows_do_not_show() {
    for metric in ["mean_absolute_error", "root_mean_squared_error", "median_absolute_error"] {
        let check = format!("metric: {metric}, no_worse_than_champion: {{margin: 0.01}}");
        for constant in [false, true] {
            let perfect = |name: &str| {
                let mut perfect = evaluation(name, numbers(200, |_| 0.0));
                if let (Table::Numbers(table), true) = (&mut perfect.table, constant) {
                    table.labels.fill(5.0);
                    table.predictions.fill(5.0);
                }
                let metric = metric.parse().expect("a metric");
                perfect.report.metrics.insert(metric, 0.0);
                perfect
            };
            let verdict = of_equals(&check, perfect);
            assert_eq!(verdict.outcome, Outcome::Inconclusive, "{metric} {constant}: {}", said(&verdict));
        }
    }
}

#[test]
fn groups_are_what_varies_also_where_no_row_differs() {
    let check = "metric: mean_absolute_error, group_by: shop, no_worse_than_champion: {margin: 0.05}";
    let of = |groups: u32| {
        of_equals(check, |name| {
            let names: Vec<String> = (0..groups).map(|group| group.to_string()).collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            with_attribute(regressor(name, 7_000), "shop", &names, move |row| row % groups)
        })
    };
    let few = of(35);
    assert_eq!(few.outcome, Outcome::Inconclusive, "{}", said(&few));
    let expected = "agree on all 7000 rows (35 independent units), and may differ on up to 8.20 % of others";
    assert!(said(&few).contains(expected), "{}", said(&few));
    assert_eq!(of(700).outcome, Outcome::Pass, "{}", said(&of(700)));
    // A share of rows in groups is no metric by class: a rare class bounds nothing.
    let rare = |name: &str| {
        let mut rare = evaluation_of(name, table(1_200, |row| row % 9 > 0));
        let classes = super::sample::classes_of(&mut rare);
        for row in 0..1_197 {
            if classes.labels[row] == 2 {
                (classes.labels[row], classes.predictions[row]) = (0, 0);
            }
        }
        let groups: Vec<String> = (0..600).map(|group| group.to_string()).collect();
        let groups: Vec<&str> = groups.iter().map(String::as_str).collect();
        let accuracy = "accuracy".parse().expect("a metric");
        let every = slipway_contract::metrics::all(1_200);
        let value = slipway_contract::Metric::over(&accuracy, rare.rows(), &every).expect("rows").expect("a value");
        rare.report.metrics.insert(accuracy, value);
        with_attribute(rare, "shop", &groups, |row| row / 2)
    };
    let check = "metric: accuracy, group_by: shop, no_worse_than_champion: {margin: 0.01}";
    let grouped = of_equals(check, rare);
    assert_eq!(grouped.checks[0].outcome, CheckOutcome::Pass, "{}", said(&grouped));
}

#[test]
fn slices_that_agree_are_decided_together_by_their_own_rows() {
    let check = "metric: mean_absolute_error, slice: {by: part}, no_worse_than_champion: {margin: 0.02}";
    let of =
        |rows: u32| of_equals(check, |name| with_attribute(regressor(name, rows), "part", &["a", "b"], |row| row % 2));
    assert_eq!(of(2_000).outcome, Outcome::Pass, "{}", said(&of(2_000)));
    let few = of(200);
    assert_eq!(few.outcome, Outcome::Inconclusive);
    assert!(said(&few).contains("agree on all 100 rows"), "{}", said(&few));
    assert!(policy(&[check]).short_of_rows(200, "digits", jiff::Timestamp::UNIX_EPOCH).is_empty());
}
