//! What a plan says, held against the gate itself: worlds are drawn and judged, and the gate passes as often as was planned.

use slipway_contract::metrics::{Predictions, Table};

use super::sample::{evaluation, evaluation_of, policy, policy_text, table, verdict, with_attribute};
use crate::evaluation::Evaluation;
use crate::policy::{Assumptions, Champion, CheckPlan, Policy};
use slipway_domain::{CheckOutcome, CheckResult};

/// A random number from 0 to 1 for each draw: a linear congruence is enough to be fair here, and the same everywhere.
struct Draw(u64);

impl Draw {
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        f64::from(u32::try_from(self.0 >> 32).unwrap_or(0)) / f64::from(u32::MAX)
    }
}

fn planned(check: &str, assumptions: &Assumptions) -> CheckPlan {
    policy(&[check]).plan(assumptions).checks.remove(0)
}

/// The planned power at a difference.
fn power_at(plan: &CheckPlan, difference: f64) -> f64 {
    let row = plan.differences.iter().find(|row| (row.difference - difference).abs() < 1e-9).expect("the difference");
    row.power.expect("rows were given")
}

/// How often the check passes in so many worlds.
fn passes(check: &str, rounds: u32, mut world: impl FnMut() -> (Evaluation, Evaluation)) -> f64 {
    let passed = (0..rounds).filter(|_| {
        let (candidate, champion) = world();
        let CheckResult { outcome, .. } =
            verdict(&[check], &candidate, Champion::Evaluated(&champion)).checks.remove(0);
        outcome == CheckOutcome::Pass
    });
    f64::from(u32::try_from(passed.count()).expect("few")) / f64::from(rounds)
}

/// Within four standard errors of what was planned.
fn is_as_planned(what: &str, found: f64, planned: f64, rounds: u32) {
    let reach = 4.0 * (planned * (1.0 - planned) / f64::from(rounds)).sqrt() + 0.01;
    assert!((found - planned).abs() < reach, "{what}: the gate passes {found}, planned were {planned}");
}

/// Two classifiers that differ in being right on a share of the rows, the candidate better by `better`.
fn two(rows: u32, disagreement: f64, champion: f64, better: f64, draw: &mut Draw) -> (Evaluation, Evaluation) {
    let only_candidate = f64::midpoint(disagreement, better);
    let only_champion = disagreement - only_candidate;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..rows {
        let at = draw.uniform();
        let both = champion - only_champion;
        let (our, their) = if at < both {
            (true, true)
        } else if at < both + only_candidate {
            (true, false)
        } else if at < both + disagreement {
            (false, true)
        } else {
            (false, false)
        };
        ours.push(our);
        theirs.push(their);
    }
    let of = |name: &str, right: Vec<bool>| {
        evaluation_of(name, Predictions { scores: None, ..table(rows, |row| right[row as usize]) })
    };
    (of("candidate", ours), of("champion", theirs))
}

#[test]
fn the_gate_passes_shares_as_often_as_was_planned() {
    let mut draw = Draw(1);
    for (rows, threshold, better) in [(60, 0.8, 0.1), (400, 0.85, 0.04), (2_000, 0.9, 0.01)] {
        let check = format!("metric: accuracy, at_least: {threshold}");
        let assumed = Assumptions { rows: Some(rows), differences: vec![better], ..Assumptions::with_defaults() };
        let plan = power_at(&planned(&check, &assumed), better);
        let rows = u32::try_from(rows).expect("few");
        let found = passes(&check, 600, || two(rows, 0.05, threshold + better, 0.0, &mut draw));
        is_as_planned(&check, found, plan, 600);
    }
}

#[test]
fn the_gate_passes_margins_and_gains_as_often_as_was_planned() {
    let mut draw = Draw(2);
    for (check, rows, disagreement, better) in [
        ("metric: accuracy, no_worse_than_champion: {margin: 0.02}", 1_000, 0.1, 0.0),
        ("metric: accuracy, no_worse_than_champion: {margin: 0.02}", 1_000, 0.05, 0.01),
        ("metric: accuracy, no_worse_than_champion: {margin: 0.05}", 120, 0.08, 0.0),
        ("metric: accuracy, better_than_champion: {by: 0.01}", 2_000, 0.08, 0.03),
        ("metric: accuracy, better_than_champion: {}", 600, 0.1, 0.03),
        ("metric: accuracy, better_than_champion: {}", 200, 0.05, 0.04),
    ] {
        let assumed =
            Assumptions { rows: Some(rows), disagreement, differences: vec![better], ..Assumptions::with_defaults() };
        let plan = power_at(&planned(check, &assumed), better);
        let rows = u32::try_from(rows).expect("few");
        let found = passes(check, 600, || two(rows, disagreement, 0.9, better, &mut draw));
        is_as_planned(&format!("{check} on {rows} rows, better by {better}"), found, plan, 600);
    }
}

#[test]
fn the_gate_passes_means_as_often_as_was_planned() {
    let mut draw = Draw(3);
    let scored = |name: &str, scores: Vec<f64>| {
        let names = (0..scores.len()).map(|row| format!("row-{row}")).collect();
        let mut scored = evaluation(name, Table::Unlabelled(names));
        scored.row_scores.insert("score".to_owned(), scores);
        scored
    };
    // Twelve uniform numbers less six are near enough to a normal one with a deviation of one.
    let mut normal = move || (0..12).map(|_| draw.uniform()).sum::<f64>() - 6.0;
    let check = "metric: {mean_of: score}, no_worse_than_champion: {margin: 0.2}";
    let assumed = Assumptions {
        rows: Some(100),
        deviation: Some(1.0),
        differences: vec![0.0, 0.1],
        ..Assumptions::with_defaults()
    };
    let plan = planned(check, &assumed);
    for better in [0.0, 0.1] {
        let found = passes(check, 200, || {
            let champion: Vec<f64> = (0..100).map(|_| 5.0 + normal()).collect();
            let candidate = champion.iter().map(|score| score + better + normal()).collect();
            (scored("candidate", candidate), scored("champion", champion))
        });
        is_as_planned(check, found, power_at(&plan, better), 200);
    }
}

#[test]
fn all_slices_are_planned_together() {
    let mut draw = Draw(4);
    let check = "metric: accuracy, slice: {by: part}, no_worse_than_champion: {margin: 0.05}";
    let assumed = Assumptions { rows: Some(2_000), slices: 4, differences: vec![0.0], ..Assumptions::with_defaults() };
    let plan = planned(check, &assumed);
    assert_eq!(plan.slices, Some(4));
    assert!((plan.confidence - 0.9875).abs() < 1e-12, "{}", plan.confidence);
    let found = passes(check, 300, || {
        let (candidate, champion) = two(2_000, 0.1, 0.9, 0.0, &mut draw);
        (with_attribute(candidate, "part", &["a", "b", "c", "d"], |row| row % 4), champion)
    });
    is_as_planned(check, found, power_at(&plan, 0.0), 300);
    let row = plan.differences[0];
    let (all, each) = (row.rows_needed.expect("rows"), row.rows_per_slice.expect("rows"));
    assert!(all.abs_diff(4 * each) <= all / 50, "{all} rows, {each} in each slice");
}

#[test]
fn rows_that_are_compared_row_by_row_save_most_of_the_labels() {
    let plan = planned("metric: accuracy, no_worse_than_champion: {margin: 0.01}", &Assumptions::with_defaults());
    let row = plan.differences.iter().find(|row| row.difference < 1e-9).expect("an equal model");
    let (paired, unpaired) = (row.rows_needed.expect("rows"), row.rows_unpaired.expect("rows"));
    // (z₀.₉₅ + z₀.₈)² d / m² of a disagreement d and a margin m, and a little more for Newcombe's interval.
    assert!((6_100..7_000).contains(&paired), "{paired}");
    let less = planned(
        "metric: accuracy, no_worse_than_champion: {margin: 0.01}",
        &Assumptions { disagreement: 0.02, ..Assumptions::with_defaults() },
    );
    let many = Assumptions { rows: Some(2 * paired), ..Assumptions::with_defaults() };
    let smallest = planned("metric: accuracy, no_worse_than_champion: {margin: 0.01}", &many).smallest_difference;
    assert!(smallest.is_some_and(|worse| worse < 0.0 && worse > -0.01), "{smallest:?}");
    let few = less.differences[0].rows_needed.expect("rows");
    assert!(few * 4 < paired && unpaired * 10 > paired * 16, "{few}, {paired}, {unpaired}");
}

#[test]
fn a_plan_says_what_check_says_of_too_few_rows() {
    let check = "metric: accuracy, at_least: 0.9999";
    let plan = planned(check, &Assumptions { rows: Some(1_000), ..Assumptions::with_defaults() });
    let shown = policy(&[check]).short_of_rows(1_000, "m", "2026-06-15T12:00:00Z".parse().expect("a time"));
    assert!(shown[0].diagnostic.message.contains("it needs about 27,000 rows, has 1,000"), "{shown:?}");
    assert_eq!(plan.rows_at_best.expect("rows") / 1_000, 27);
    assert_eq!((plan.passes_from, plan.smallest_difference), (None, None));
}

#[test]
fn uses_cost_rows_and_full_adaptivity_costs_more() {
    let check = "metric: accuracy, no_worse_than_champion: {margin: 0.01}";
    let plan = planned(check, &Assumptions::with_defaults());
    let rows: Vec<(u32, u64, Option<u64>)> =
        plan.uses.iter().map(|row| (row.uses, row.none.expect("rows"), row.full)).collect();
    assert_eq!(rows.iter().map(|row| row.0).collect::<Vec<_>>(), [1, 10, 20, 50]);
    assert!(rows.is_sorted_by(|one, other| one.1 < other.1), "{rows:?}");
    assert!(rows[0].2 == Some(rows[0].1) && rows[2].2.expect("rows") > 2 * rows[2].1, "{rows:?}");
    assert_eq!(rows[3].2, None, "2^50 candidates are more than the budget can be divided by");
    let of_policy = policy_text(&[check]).replace("spec:\n", "spec:\n  test_set: {uses: 20}\n");
    let of_policy = Policy::read("policy.yaml", &of_policy).expect("a policy").plan(&Assumptions::with_defaults());
    assert_eq!((of_policy.uses, of_policy.rows_needed), (Some(20), Some(rows[2].1)));
    assert!((of_policy.checks[0].confidence - 0.9975).abs() < 1e-12);
}

#[test]
fn what_does_not_hang_on_test_rows_or_is_not_known_is_said() {
    let plan = policy(&[
        "leakage: {}",
        "metric: latency_p99, at_most: 20",
        "metric: mean_absolute_error, at_most: 3",
        "metric: mean_absolute_error, group_by: series, no_worse_than_champion: {margin: 0.1}",
    ]);
    let shown = |assumptions: &Assumptions| -> Vec<Option<String>> {
        plan.plan(assumptions).checks.into_iter().map(|check| check.skipped).collect()
    };
    let skipped = shown(&Assumptions::with_defaults());
    assert!(skipped.iter().all(Option::is_some), "{skipped:?}");
    assert!(skipped[2].as_ref().is_some_and(|why| why.contains("`--deviation`")), "{skipped:?}");
    let skipped = shown(&Assumptions { deviation: Some(2.0), ..Assumptions::with_defaults() });
    assert_eq!(skipped.iter().map(Option::is_some).collect::<Vec<_>>(), [true, true, false, false]);
    assert_eq!(
        plan.plan(&Assumptions { deviation: Some(2.0), ..Assumptions::with_defaults() }).checks[3].unit,
        "groups"
    );
}

#[test]
fn assumptions_that_nothing_follows_from_are_refused() {
    let with_defaults = Assumptions::with_defaults;
    assert_eq!(with_defaults().flaw(), None);
    for broken in [
        Assumptions { disagreement: 0.0, ..with_defaults() },
        Assumptions { disagreement: f64::NAN, ..with_defaults() },
        Assumptions { expected: f64::INFINITY, ..with_defaults() },
        Assumptions { deviation: Some(-1.0), ..with_defaults() },
        Assumptions { differences: vec![f64::NAN], ..with_defaults() },
        Assumptions { differences: vec![0.1; 101], ..with_defaults() },
        Assumptions { rows: Some(0), ..with_defaults() },
        Assumptions { rows: Some(u64::MAX), ..with_defaults() },
        Assumptions { slices: 0, ..with_defaults() },
        Assumptions { uses: Some(0), ..with_defaults() },
    ] {
        assert!(
            broken.flaw().is_some_and(|flaw| flaw.contains("expected") || flaw.contains("is no number")),
            "{broken:?}"
        );
    }
}
