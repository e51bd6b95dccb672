//! Checks of the evaluation's own scores: figures of a ranking, a translation or a case that no label gives.

use insta::assert_snapshot;
use slipway_contract::metrics::Table;

use super::sample::{evaluation, said, verdict, with_attribute};
use crate::evaluation::Evaluation;
use crate::policy::Champion;
use slipway_domain::{CheckOutcome, Method, Outcome};

/// Rows without labels whose score is given by their number, with a column `region` of two values.
fn scored(name: &str, rows: u32, score: impl Fn(u32) -> f64) -> Evaluation {
    let names = (0..rows).map(|row| format!("query-{row}")).collect();
    let mut evaluation = evaluation(name, Table::Unlabelled(names));
    evaluation.row_scores.insert("score".to_owned(), (0..rows).map(score).collect());
    with_attribute(evaluation, "region", &["north", "south"], |row| row % 2)
}

/// A score between zero and one that looks random.
fn spread(row: u32) -> f64 {
    f64::from(row.wrapping_mul(2_654_435_761) >> 16 & 0xff) / 255.0
}

#[test]
fn a_mean_a_quantile_and_a_share_are_judged_by_their_bounds() {
    let candidate = scored("candidate", 1_000, spread);
    let checks = [
        "metric: {mean_of: score}, at_least: 0.4",
        "metric: {mean_of: {column: score, better: lower}}, at_most: 0.45",
        "metric: {quantile_of: {column: score, quantile: 0.9}}, at_least: 0.8",
    ];
    let verdict_of_all = verdict(&checks, &candidate, Champion::None);
    let outcomes: Vec<CheckOutcome> = verdict_of_all.checks.iter().map(|check| check.outcome).collect();
    assert_eq!(outcomes, [CheckOutcome::Pass, CheckOutcome::Fail, CheckOutcome::Pass], "{}", said(&verdict_of_all));
    let methods: Vec<Method> =
        verdict_of_all.checks.iter().filter_map(|check| check.interval).map(|it| it.method).collect();
    assert_eq!(methods, [Method::BcaBootstrap; 3]);

    let good = scored("candidate", 1_000, |row| f64::from(u8::from(row % 20 > 0)));
    let share = verdict(&["metric: {share_of: score}, at_least: 0.9"], &good, Champion::None);
    assert_eq!(share.outcome, Outcome::Pass, "{}", said(&share));
    assert_eq!(share.checks[0].interval.expect("bounds").method, Method::Wilson);
    let shares = verdict(&["metric: {share_of: score}, at_least: 0.2"], &candidate, Champion::None);
    assert!(said(&shares).contains("expected truth values (or 0 and 1)"), "{}", said(&shares));
    assert_eq!(shares.outcome, Outcome::Fail);
}

#[test]
fn a_candidate_is_compared_with_the_champion_row_by_row_whichever_way_is_better() {
    let champion = scored("champion", 400, spread);
    // Far less than two separate means of 400 rows could tell apart.
    let better = scored("candidate", 400, |row| spread(row) + 0.002 + 0.001 * spread(row + 7));
    let higher = ["metric: {mean_of: score}, better_than_champion: {by: 0.001}"];
    let lower = ["metric: {mean_of: {column: score, better: lower}}, no_worse_than_champion: {margin: 0.001}"];
    let of = |checks: &[&str], candidate: &Evaluation, champion: &Evaluation| {
        verdict(checks, candidate, Champion::Evaluated(champion)).outcome
    };
    assert_eq!(of(&higher, &better, &champion), Outcome::Pass);
    assert_eq!(of(&lower, &better, &champion), Outcome::Fail);
    assert_eq!(of(&lower, &champion, &better), Outcome::Pass);
    let mut shuffled = champion.clone();
    shuffled.row_scores.get_mut("score").expect("scores").rotate_left(1);
    if let Table::Unlabelled(names) = &mut shuffled.table {
        names.rotate_left(1);
    }
    assert_eq!(of(&higher, &better, &shuffled), Outcome::Pass, "rows are paired by their name");
    let (ours, theirs) =
        (scored("candidate", 300, |row| f64::from(row % 2)), scored("champion", 300, |row| f64::from(row % 2)));
    let share = verdict(
        &["metric: {share_of: score}, no_worse_than_champion: {margin: 0.05}"],
        &ours,
        Champion::Evaluated(&theirs),
    );
    assert_eq!(share.checks[0].interval.expect("bounds").method, Method::UnseenRows);
    assert_eq!(share.outcome, Outcome::Pass);
}

#[test]
fn own_scores_are_sliced_and_grouped_as_other_metrics_are() {
    let candidate = scored("candidate", 1_000, |row| if row % 2 == 0 { 0.6 } else { 0.3 } + 0.1 * spread(row));
    let by_region =
        verdict(&["metric: {mean_of: score}, at_least: 0.5, slice: {by: region}"], &candidate, Champion::None);
    let slices: Vec<(&str, CheckOutcome)> =
        by_region.checks[0].slices.iter().map(|slice| (slice.name.as_str(), slice.outcome)).collect();
    assert_eq!(slices, [("region `north`", CheckOutcome::Pass), ("region `south`", CheckOutcome::Fail)]);
    let clustered = with_attribute(candidate, "user", &["0", "1", "2", "3", "4"], |row| row % 5);
    let grouped = verdict(&["metric: {mean_of: score}, at_least: 0.4, group_by: user"], &clustered, Champion::None);
    assert_snapshot!(said(&grouped), @r"
Inconclusive
Inconclusive: mean_of `score` cannot be bounded on 5 groups, expected at least 30; the policy asks for at least 0.4 (policies/digits.yaml:6)
");
    let many: Vec<String> = (0..50).map(|user| user.to_string()).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let clustered = with_attribute(clustered, "user", &many, |row| row % 50);
    let grouped = verdict(&["metric: {mean_of: score}, at_least: 0.4, group_by: user"], &clustered, Champion::None);
    assert_eq!(grouped.outcome, Outcome::Pass, "{}", said(&grouped));
}

#[test]
fn what_own_scores_cannot_show_is_never_passed() {
    let few = scored("candidate", 60, spread);
    let check = "metric: {quantile_of: {column: score, quantile: 0.9}}, at_least: 0.1";
    assert_snapshot!(said(&verdict(&[check], &few, Champion::None)), @r"
Inconclusive
Inconclusive: quantile_of `score` at 0.9 cannot be bounded on 60 rows, expected at least 200; the policy asks for at least 0.1 (policies/digits.yaml:6)
");
    let fails = |check: &str, candidate: &Evaluation, champion: Champion<'_>, reason: &str| {
        let verdict = verdict(&[check], candidate, champion);
        assert_eq!(verdict.outcome, Outcome::Fail, "{}", said(&verdict));
        assert!(said(&verdict).contains(reason), "expected `{reason}`, came: {}", said(&verdict));
    };
    let no_column = "the predictions have no column `profit`";
    fails("metric: {mean_of: profit}, at_least: 0.1", &few, Champion::None, no_column);
    let mut broken = scored("candidate", 60, spread);
    broken.row_scores.get_mut("score").expect("scores")[3] = f64::NAN;
    fails("metric: {mean_of: score}, at_least: 0.1", &broken, Champion::None, "a value that is no finite number");
    let mut without = scored("champion", 60, spread);
    without.row_scores.clear();
    let compared = "metric: {mean_of: score}, no_worse_than_champion: {margin: 0.1}";
    fails(compared, &few, Champion::Evaluated(&without), "the predictions have no column `score`");
    let shares = "metric: {share_of: score}, at_least: 0.1";
    fails(shares, &few, Champion::None, "expected truth values (or 0 and 1)");
    // Thirty equal scores say little of those that were not drawn.
    let constant = scored("candidate", 30, |_| 1.0);
    let bound = verdict(&["metric: {mean_of: score}, at_least: 0.95"], &constant, Champion::None);
    assert_eq!(bound.outcome, Outcome::Inconclusive, "{}", said(&bound));
}

#[test]
fn a_column_that_the_champion_lacks_is_reported_for_the_champion_with_a_way_out() {
    let candidate = scored("candidate", 400, spread);
    let mut champion = candidate.clone();
    champion.row_scores.clear();
    let check = ["metric: {mean_of: score}, no_worse_than_champion: {margin: 0.01}"];
    assert_snapshot!(said(&verdict(&check, &candidate, Champion::Evaluated(&champion))), @r"
Fail
Fail: mean_of `score` cannot be judged: the champion cannot be measured: the predictions have no column `score`; evaluate it again as the candidate was; to begin anew, set the environment's marked digest to `none`, or except this check in the policy for some days; the policy allows 0.01 below (policies/digits.yaml:6)
");
    let of_candidate = said(&verdict(&check, &champion, Champion::Evaluated(&candidate)));
    assert!(of_candidate.contains("cannot be judged: the predictions have no column `score`;"), "{of_candidate}");
}
