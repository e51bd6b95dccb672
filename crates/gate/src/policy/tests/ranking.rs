//! Checks of rankings, forecasts and confused classes: what varies together is resampled together.

use insta::assert_snapshot;
use slipway_contract::metrics::Table;

use super::sample::{classes_of, evaluation, evaluation_of, numbers, said, table, verdict, with_attribute};
use crate::evaluation::Evaluation;
use crate::policy::Champion;
use slipway_domain::{CheckOutcome, Method, Outcome};

/// Ten rows for each query, of which the third is relevant; the score says at which rank it is found.
fn ranked(name: &str, queries: u32, rank: impl Fn(u32) -> u32) -> Evaluation {
    let rows = 10 * queries;
    let mut evaluation = evaluation(name, Table::Unlabelled((0..rows).map(|row| format!("row-{row}")).collect()));
    let relevant = |row: u32| row % 10 == 2;
    let score = |row: u32| if relevant(row) { 10.5 - f64::from(rank(row / 10)) } else { f64::from(row % 10) };
    evaluation
        .row_scores
        .insert("relevance".to_owned(), (0..rows).map(|row| f64::from(u8::from(relevant(row)))).collect());
    evaluation.row_scores.insert("score".to_owned(), (0..rows).map(score).collect());
    let names: Vec<String> = (0..queries).map(|query| format!("query-{query}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    with_attribute(evaluation, "query", &names, |row| row / 10)
}

/// Six rows for each series, one for each horizon; errors of half of the naive forecast's and what `more` adds.
fn forecast(name: &str, series: u32, more: impl Fn(u32) -> f64) -> Evaluation {
    let mut evaluation = evaluation(name, numbers(6 * series, |row| 1.0 + more(row)));
    let scales = (0..6 * series).map(|_| 2.0).collect();
    evaluation.row_scores.insert("scale".to_owned(), scales);
    if let Table::Numbers(table) = &evaluation.table {
        evaluation.report.metrics.insert("wape".parse().expect("a metric"), 0.5);
        assert_eq!(table.labels.len(), 6 * series as usize);
    }
    let names: Vec<String> = (0..series).map(|series| format!("series-{series}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let evaluation = with_attribute(evaluation, "series", &names, |row| row / 6);
    with_attribute(evaluation, "horizon", &["1", "2", "3", "4", "5", "6"], |row| row % 6)
}

fn outcome(check: &str, candidate: &Evaluation, champion: Option<&Evaluation>) -> Outcome {
    verdict(&[check], candidate, champion.map_or(Champion::None, Champion::Evaluated)).outcome
}

#[test]
fn a_ranking_is_as_sure_as_it_has_queries_not_rows() {
    let few = ranked("candidate", 20, |query| 1 + query % 3);
    assert_snapshot!(said(&verdict(&["metric: {ndcg: {k: 10, query: query}}, at_least: 0.1"], &few, Champion::None)), @r"
Inconclusive
Inconclusive: ndcg at k = 10 per `query` cannot be bounded on 20 queries, expected at least 30; the policy asks for at least 0.1 (policies/digits.yaml:6)
");
    let many = ranked("candidate", 300, |query| 1 + query % 3);
    let judged = verdict(&["metric: {ndcg: {k: 10, query: query}}, at_least: 0.68"], &many, Champion::None);
    assert_eq!(judged.outcome, Outcome::Pass, "{}", said(&judged));
    let interval = judged.checks[0].interval.expect("bounds");
    // The mean of 1, 1/log2(3) and 1/log2(4).
    assert!((interval.estimate - (1.0 + 3.0_f64.log2().recip() + 0.5) / 3.0).abs() < 1e-12, "{interval:?}");
    // The standard error of 300 queries, not of 3,000 rows.
    let error = 0.2137 / 300.0_f64.sqrt();
    let reach = interval.estimate - interval.lowest();
    assert!((reach / (1.645 * error) - 1.0).abs() < 0.1, "{reach} of {error}");
    assert_eq!(interval.method, Method::BcaBootstrap);
}

#[test]
fn rankings_are_compared_query_by_query() {
    let champion = ranked("champion", 200, |query| 1 + query % 5);
    // One query in ten is answered one rank earlier.
    let better = ranked("candidate", 200, |query| (1 + query % 5 - u32::from(query % 10 == 4)).max(1));
    for metric in
        ["ndcg: {query: query}", "mean_reciprocal_rank: {query: query}", "mean_average_precision: {k: 5, query: query}"]
    {
        let check = format!("metric: {{{metric}}}, better_than_champion: {{}}");
        assert_eq!(outcome(&check, &better, Some(&champion)), Outcome::Pass, "{metric}");
        let check = format!("metric: {{{metric}}}, no_worse_than_champion: {{margin: 0.001}}");
        assert_ne!(outcome(&check, &champion, Some(&better)), Outcome::Pass, "{metric}");
    }
    let hits = verdict(
        &["metric: {hit_rate: {k: 3, query: query}}, no_worse_than_champion: {margin: 0.05}"],
        &champion,
        Champion::Evaluated(&champion.clone()),
    );
    assert_eq!(hits.checks[0].interval.expect("bounds").method, Method::UnseenRows, "{}", said(&hits));
    assert!(said(&hits).contains("agree on all 2000 rows (200 independent units)"), "{}", said(&hits));
    let alone = verdict(&["metric: {hit_rate: {k: 3, query: query}}, at_least: 0.5"], &champion, Champion::None);
    let interval = alone.checks[0].interval.expect("bounds");
    assert_eq!((interval.method, interval.estimate), (Method::Wilson, 0.6));
    // Wilson's lower bound of 120 of 200 queries.
    assert!((interval.lowest() - 0.541_7).abs() < 1e-3, "{interval:?}");
}

#[test]
fn slices_and_groups_keep_queries_whole() {
    let candidate = ranked("candidate", 200, |query| 1 + query % 2);
    let by_language = with_attribute(candidate, "language", &["de", "en"], |row| row / 10 % 2);
    let check = "metric: {ndcg: {query: query}}, at_least: 0.8, slice: {by: language}";
    let judged = verdict(&[check], &by_language, Champion::None);
    let slices: Vec<CheckOutcome> = judged.checks[0].slices.iter().map(|slice| slice.outcome).collect();
    assert_eq!(slices, [CheckOutcome::Pass, CheckOutcome::Fail], "{}", said(&judged));
    let by_item = with_attribute(by_language, "kind", &["shoe", "shirt"], |row| row % 2);
    let cut = ["metric: {ndcg: {query: query}}, at_least: 0.1, slice: {by: kind}"];
    assert_snapshot!(said(&verdict(&cut, &by_item, Champion::None)), @r"
Fail
Fail: ndcg per `query` cannot be judged: the rows of the query `query-0` have different values of `kind`, which would cut it; slice and group by columns that have one value for all rows of a query; the policy asks for at least 0.1 (policies/digits.yaml:6)
");
    let grouped = "metric: {ndcg: {query: query}}, at_least: 0.1, group_by: kind";
    assert_eq!(outcome(grouped, &by_item, None), Outcome::Fail);
    let users: Vec<String> = (0..40).map(|user| user.to_string()).collect();
    let users: Vec<&str> = users.iter().map(String::as_str).collect();
    let by_user = with_attribute(by_item, "user", &users, |row| row / 10 % 40);
    assert_eq!(outcome("metric: {ndcg: {query: query}}, at_least: 0.5, group_by: user", &by_user, None), Outcome::Pass);
}

#[test]
fn queries_and_relevances_are_the_same_for_candidate_and_champion() {
    let candidate = ranked("candidate", 50, |_| 1);
    let check = "metric: {ndcg: {query: query}}, no_worse_than_champion: {margin: 0.5}";
    let mut champion = ranked("champion", 50, |_| 1);
    assert_eq!(outcome(check, &candidate, Some(&champion)), Outcome::Pass);
    champion.row_scores.get_mut("relevance").expect("relevance")[11] = 2.0;
    assert_snapshot!(said(&verdict(&[check], &candidate, Champion::Evaluated(&champion))), @r"
Fail
Fail: ndcg per `query` cannot be judged: row `row-11` has 2 in the column `relevance` for the champion, expected the candidate's 0; evaluate both on the same data; the policy allows 0.5 below (policies/digits.yaml:6)
");
    let mut champion = ranked("champion", 50, |_| 1);
    champion.attributes.get_mut("query").expect("queries").of_row[3] = 7;
    assert_snapshot!(said(&verdict(&[check], &candidate, Champion::Evaluated(&champion))), @r"
Fail
Fail: ndcg per `query` cannot be judged: row `row-3` has `query-7` in the column `query` for the champion, expected the candidate's `query-0`; evaluate both on the same data; the policy allows 0.5 below (policies/digits.yaml:6)
");
    let mut champion = ranked("champion", 50, |_| 1);
    champion.attributes.clear();
    assert_eq!(outcome(check, &candidate, Some(&champion)), Outcome::Pass, "the queries are the candidate's");
}

#[test]
fn what_rankings_cannot_show_is_never_passed() {
    let fails = |check: &str, candidate: &Evaluation, reason: &str| {
        let verdict = verdict(&[check], candidate, Champion::None);
        assert_eq!(verdict.outcome, Outcome::Fail, "{}", said(&verdict));
        assert!(said(&verdict).contains(reason), "expected `{reason}`, came: {}", said(&verdict));
    };
    let candidate = ranked("candidate", 50, |_| 1);
    fails("metric: {ndcg: {query: user}}, at_least: 0.1", &candidate, "the predictions have no column `user`");
    let mut irrelevant = candidate.clone();
    irrelevant.row_scores.insert("relevance".to_owned(), vec![0.0; 500]);
    fails("metric: {ndcg: {query: query}}, at_least: 0.1", &irrelevant, "no query has a relevant row");
    // Fifty queries that are all answered best say little of those that were not asked.
    let bound = "metric: {ndcg: {query: query}}, at_least: 0.97";
    assert_eq!(outcome(bound, &candidate, None), Outcome::Inconclusive);
    assert_eq!(outcome("metric: {ndcg: {query: query}}, at_least: 0.9", &candidate, None), Outcome::Pass);
}

#[test]
fn forecasts_are_judged_per_series_and_by_horizon() {
    let champion = forecast("champion", 60, |row| f64::from(row % 7) / 10.0);
    let candidate = forecast("candidate", 60, |row| f64::from(row % 7) / 10.0 + 0.08 + 0.01 * f64::from(row / 6 % 5));
    let mase = "metric: {mase: {series: series}}, at_most: 0.8";
    let judged = verdict(&[mase], &candidate, Champion::None);
    assert_eq!(judged.outcome, Outcome::Pass, "{}", said(&judged));
    let few = forecast("candidate", 20, |row| f64::from(row % 7) / 10.0);
    assert_snapshot!(said(&verdict(&[mase], &few, Champion::None)), @r"
Inconclusive
Inconclusive: mase per `series` cannot be bounded on 20 series, expected at least 30; the policy asks for at most 0.8 (policies/digits.yaml:6)
");
    for (margin, expected) in [(0.04, Outcome::Fail), (0.06, Outcome::Pass)] {
        // An error that is larger by 0.1 on average is 0.05 of the scale.
        let check = format!("metric: {{mase: {{series: series}}}}, no_worse_than_champion: {{margin: {margin}}}");
        assert_eq!(outcome(&check, &candidate, Some(&champion)), expected, "{margin}");
    }
    let by_horizon = "metric: wape, at_most: 0.4, slice: {by: horizon}, group_by: series";
    let judged = verdict(&[by_horizon], &candidate, Champion::None);
    assert_eq!(judged.checks[0].slices.len(), 6, "{}", said(&judged));
    assert!(judged.checks[0].slices.iter().all(|slice| slice.interval.is_some()), "{}", said(&judged));
    let sliced = "metric: {mase: {series: series}}, at_most: 0.9, slice: {by: horizon}";
    assert_eq!(outcome(sliced, &candidate, None), Outcome::Pass, "a series may be cut by horizon");
    let grouped = "metric: {mase: {series: series}}, at_most: 0.9, group_by: horizon";
    assert_eq!(outcome(grouped, &candidate, None), Outcome::Fail, "and not dealt to several groups");
}

#[test]
fn pinball_loss_is_bounded_for_every_horizon_by_itself() {
    let mut candidate = forecast("candidate", 40, |_| 0.0);
    if let Table::Numbers(table) = &mut candidate.table {
        // Twice as far above the label at each horizon as at the one before.
        let above = |row: u32| 0.1 * f64::from(1 << (row % 6)) * (1.0 + f64::from(row % 5) / 10.0);
        let quantile = (0..).zip(&table.labels).map(|(row, label)| label + above(row)).collect();
        table.quantiles.insert("quantile_0.9".to_owned(), quantile);
    }
    candidate.report.metrics.insert("pinball_loss(quantile=0.9)".parse().expect("a metric"), 0.1);
    let check = "metric: {pinball_loss: {quantile: 0.9}}, at_most: 0.12, slice: {by: horizon}, group_by: series";
    let judged = verdict(&[check], &candidate, Champion::None);
    let slices: Vec<(&str, CheckOutcome)> =
        judged.checks[0].slices.iter().map(|slice| (slice.name.as_str(), slice.outcome)).collect();
    let (pass, fail) = (CheckOutcome::Pass, CheckOutcome::Fail);
    let expected = [("horizon `1`", pass), ("horizon `2`", pass), ("horizon `3`", pass), ("horizon `4`", pass)];
    assert_eq!(slices[..4], expected, "{}", said(&judged));
    assert_eq!(slices[4..], [("horizon `5`", fail), ("horizon `6`", fail)], "{}", said(&judged));
}

#[test]
fn a_pair_of_classes_is_bounded_and_compared_on_rows_of_the_first() {
    let confused = |name: &str, each: u32| {
        let mut evaluation = evaluation_of(name, table(900, |_| true));
        let classes = classes_of(&mut evaluation);
        // Cats are every third row.
        for row in (0..900).step_by(3 * each as usize) {
            classes.predictions[row] = 1;
        }
        let metric = "confusion(actual=\"cat\", predicted=\"dog\")".parse().expect("a metric");
        evaluation.report.metrics.insert(metric, 0.5);
        evaluation
    };
    let (candidate, champion) = (confused("candidate", 20), confused("champion", 50));
    let pair = "metric: {confusion: {actual: cat, predicted: dog}}";
    let bound = verdict(&[&format!("{pair}, at_most: 0.1")], &candidate, Champion::None);
    assert_eq!(bound.outcome, Outcome::Pass, "{}", said(&bound));
    let interval = bound.checks[0].interval.expect("bounds");
    assert_eq!((interval.method, interval.estimate), (Method::Wilson, 0.05));
    assert_eq!(outcome(&format!("{pair}, at_most: 0.03"), &candidate, None), Outcome::Fail);
    let worse = format!("{pair}, no_worse_than_champion: {{margin: 0.01}}");
    assert_eq!(outcome(&worse, &champion, Some(&candidate)), Outcome::Pass);
    let compared = verdict(&[&worse], &candidate, Champion::Evaluated(&champion));
    assert_eq!(compared.checks[0].interval.expect("bounds").method, Method::Newcombe);
    assert_ne!(compared.outcome, Outcome::Pass, "{}", said(&compared));
    let unknown =
        verdict(&["metric: {confusion: {actual: cat, predicted: owl}}, at_most: 0.1"], &candidate, Champion::None);
    assert_ne!(unknown.outcome, Outcome::Pass, "{}", said(&unknown));
    // A class that no row has is not known to be told apart.
    let mut without = confused("candidate", 20);
    let classes = classes_of(&mut without);
    classes.labels.iter_mut().for_each(|label| *label = (*label).max(1));
    let of_all = "metric: {confusion: {actual: cat, predicted: dog, of: all}}";
    let metric = "confusion(actual=\"cat\", of=\"all\", predicted=\"dog\")".parse().expect("a metric");
    without.report.metrics.insert(metric, 0.5);
    for metric in [pair, of_all] {
        let judged = verdict(&[&format!("{metric}, at_most: 0.5")], &without, Champion::None);
        assert_eq!(judged.outcome, Outcome::Fail, "{}", said(&judged));
    }
}

#[test]
fn rows_that_are_all_alike_are_as_many_as_their_groups() {
    let groups: Vec<String> = (0..40).map(|group| group.to_string()).collect();
    let groups: Vec<&str> = groups.iter().map(String::as_str).collect();
    let candidate = with_attribute(evaluation_of("candidate", table(4_000, |_| true)), "user", &groups, |row| row % 40);
    // Of forty users who are all served well, a share of 1 − 0.05^(1/40) may be served otherwise: seven in a hundred.
    assert_eq!(outcome("metric: accuracy, at_least: 0.95, group_by: user", &candidate, None), Outcome::Inconclusive);
    assert_eq!(outcome("metric: accuracy, at_least: 0.92, group_by: user", &candidate, None), Outcome::Pass);
}
