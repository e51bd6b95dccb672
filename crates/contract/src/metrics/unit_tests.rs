//! Names and edges of metrics of queries, series and confused classes; their values are held to other libraries' in
//! `ranking_reference`.

use std::collections::BTreeMap;

use serde_json::json;

use super::tests::table;
use super::{Attribute, Attributes, Estimates, Metric, RowScores, Rows, Unmeasurable, View, all};

fn read(value: serde_json::Value) -> Result<Metric, serde_json::Error> {
    serde_json::from_value(value)
}

/// The metric of rows without labels: the query of each, its relevance and its score.
fn ranked(metric: &str, rows: &[(u32, f64, f64)]) -> Result<Option<f64>, Unmeasurable> {
    let names: Vec<String> = (0..rows.len()).map(|row| row.to_string()).collect();
    let queries = Attribute { values: names.clone(), of_row: rows.iter().map(|row| row.0).collect() };
    let attributes = Attributes::from([("q".to_owned(), queries)]);
    let row_scores = RowScores::from([
        ("relevance".to_owned(), rows.iter().map(|row| row.1).collect()),
        ("score".to_owned(), rows.iter().map(|row| row.2).collect()),
    ]);
    let rows = Rows { table: View::Unlabelled(&names), attributes: &attributes, row_scores: &row_scores };
    metric.parse::<Metric>().expect("a metric").over(rows, &all(names.len()))
}

/// The metric of a regressor's rows: series, label, prediction and scale of each.
fn forecast(metric: &str, rows: &[(u32, f64, f64, f64)]) -> Result<Option<f64>, Unmeasurable> {
    let names: Vec<String> = (0..rows.len()).map(|row| format!("{row}")).collect();
    let series = Attribute { values: names.clone(), of_row: rows.iter().map(|row| row.0).collect() };
    let attributes = Attributes::from([("s".to_owned(), series)]);
    let row_scores = RowScores::from([("scale".to_owned(), rows.iter().map(|row| row.3).collect())]);
    let table = Estimates {
        rows: names,
        labels: rows.iter().map(|row| row.1).collect(),
        predictions: rows.iter().map(|row| row.2).collect(),
        quantiles: BTreeMap::new(),
    };
    let of = all(rows.len());
    let rows = Rows { table: View::Numbers(&table), attributes: &attributes, row_scores: &row_scores };
    metric.parse::<Metric>().expect("a metric").over(rows, &of)
}

#[test]
fn metrics_of_units_are_written_and_read_back() {
    for (written, key, describe) in [
        (json!({"ndcg": {"k": 10, "query": "user"}}), r#"ndcg(k=10, query="user")"#, "ndcg at k = 10 per `user`"),
        (
            json!({"mean_average_precision": {"query": "q", "relevance": "clicks", "score": "rank", "without_relevant": "zero"}}),
            r#"mean_average_precision(query="q", relevance="clicks", score="rank", without_relevant="zero")"#,
            "mean_average_precision of `clicks` by `rank` per `q` (zero without a relevant row)",
        ),
        (
            json!({"mean_reciprocal_rank": {"query": "q", "relevance": "relevance"}}),
            r#"mean_reciprocal_rank(query="q")"#,
            "mean_reciprocal_rank per `q`",
        ),
        (json!({"mase": {"series": "shop"}}), r#"mase(series="shop")"#, "mase per `shop`"),
        (
            json!({"mase": {"series": "shop", "scale": "naive"}}),
            r#"mase(scale="naive", series="shop")"#,
            "mase per `shop` over `naive`",
        ),
        (json!("wape"), "wape", "wape"),
        (
            json!({"confusion": {"actual": "cat", "predicted": "dog"}}),
            r#"confusion(actual="cat", predicted="dog")"#,
            "confusion of `cat` as `dog`",
        ),
        (
            json!({"confusion": {"actual": "cat", "predicted": "dog", "of": "all"}}),
            r#"confusion(actual="cat", of="all", predicted="dog")"#,
            "confusion of `cat` as `dog` among all rows",
        ),
    ] {
        let metric = read(written).expect(key);
        assert_eq!(metric.to_string(), key);
        assert_eq!(key.parse(), Ok(metric.clone()));
        assert_eq!(metric.describe(), describe);
    }
}

#[test]
fn metrics_of_units_that_mean_nothing_are_refused_with_a_message() {
    let said = |value: serde_json::Value| read(value).expect_err("a refusal").to_string();
    assert_eq!(said(json!({"ndcg": {"k": 10}})), "`ndcg` needs the key `query`, such as `{ndcg: {query: query}}`");
    assert_eq!(
        said(json!({"hit_rate": {"query": "q"}})),
        "`hit_rate` needs the key `k`, such as `{hit_rate: {k: 5, query: query}}`"
    );
    assert_eq!(said(json!({"ndcg": {"k": 0, "query": "q"}})), "`k` of `ndcg` is 0, expected 1 to 10000");
    assert_eq!(
        said(json!({"ndcg": {"query": ""}})),
        "`query` of `ndcg` is empty, expected the name of a column of the predictions"
    );
    assert_eq!(
        said(json!({"ndcg": {"query": "q", "score": "relevance"}})),
        "`relevance` and `score` of `ndcg` are both `relevance`, expected two columns"
    );
    assert_eq!(
        said(json!({"mase": {"series": "s", "scale": "s"}})),
        "`series` and `scale` of `mase` are both `s`, expected two columns"
    );
    assert_eq!(said(json!("mase")), "`mase` needs the key `series`, such as `{mase: {series: series}}`");
    assert_eq!(
        said(json!({"confusion": {"actual": "cat", "predicted": "cat"}})),
        "`actual` and `predicted` of `confusion` are both `cat`, expected two classes; use `recall` for rows that are \
         predicted correctly"
    );
    assert_eq!(
        said(json!({"confusion": {"actual": "cat"}})),
        "`confusion` needs the key `predicted`, such as `{confusion: {actual: shirt, predicted: boot}}`"
    );
    assert!(said(json!({"ndcg": {"query": "q", "without_relevant": "one"}})).contains("expected `skip` or `zero`"));
    assert!(said(json!({"ndcg": "q"})).contains("expected a mapping of the keys of `ndcg`"));
}

#[test]
fn one_score_for_every_row_is_worth_what_chance_is() {
    let rows: Vec<(u32, f64, f64)> = (0..4).map(|row| (0, f64::from(u8::from(row == 0)), 7.0)).collect();
    // One relevant row of four is first in one of four orders.
    assert_eq!(ranked("hit_rate(k=1, query=\"q\")", &rows), Ok(Some(0.25)));
    assert_eq!(ranked("hit_rate(k=4, query=\"q\")", &rows), Ok(Some(1.0)));
    let mean = (1.0 + 1.0 / 2.0 + 1.0 / 3.0 + 1.0 / 4.0) / 4.0;
    for metric in ["mean_reciprocal_rank(query=\"q\")", "mean_average_precision(query=\"q\")"] {
        let value = ranked(metric, &rows).expect("a form").expect("a value");
        assert!((value - mean).abs() < 1e-12, "{metric}: {value}");
    }
    // Zero and minus zero are one score.
    let signs = [(0, 1.0, -0.0), (0, 0.0, 0.0)];
    assert_eq!(ranked("hit_rate(k=1, query=\"q\")", &signs), Ok(Some(0.5)));
}

#[test]
fn a_query_without_a_relevant_row_is_left_out_or_zero_and_none_at_all_is_reported() {
    let rows = [(0, 1.0, 2.0), (0, 0.0, 1.0), (1, 0.0, 2.0), (1, 0.0, 1.0)];
    assert_eq!(ranked("ndcg(query=\"q\")", &rows), Ok(Some(1.0)));
    assert_eq!(ranked("ndcg(query=\"q\", without_relevant=\"zero\")", &rows), Ok(Some(0.5)));
    for metric in ["ndcg(query=\"q\")", "ndcg(query=\"q\", without_relevant=\"zero\")"] {
        assert_eq!(
            ranked(metric, &rows[2..]).expect_err("a refusal").to_string(),
            "no query has a relevant row: the column `relevance` contains no value above 0"
        );
    }
    assert_eq!(
        ranked("ndcg(query=\"q\")", &[(0, 1.0, 1.0), (0, -1.0, 2.0)]).expect_err("a refusal").to_string(),
        "the column `relevance` contains -1 for the query `0`, expected a relevance of 0 or more"
    );
    assert_eq!(ranked("ndcg(query=\"q\")", &[]), Ok(None));
    for (metric, missing) in [
        ("ndcg(query=\"user\")", "user"),
        ("ndcg(query=\"q\", relevance=\"grade\")", "grade"),
        ("ndcg(query=\"q\", score=\"rank\")", "rank"),
    ] {
        assert_eq!(ranked(metric, &rows), Err(Unmeasurable::NoColumn(missing.to_owned())));
    }
}

#[test]
fn every_series_counts_alike_and_a_scale_of_zero_is_reported() {
    // Errors of 1 and 3 over 2, and of 6 over 3.
    let rows = [(0, 5.0, 4.0, 2.0), (0, 5.0, 8.0, 2.0), (1, 1.0, 7.0, 3.0)];
    assert_eq!(forecast("mase(series=\"s\")", &rows), Ok(Some(1.5)));
    let constant = [(0, 5.0, 4.0, 2.0), (1, 5.0, 5.0, 0.0)];
    assert_eq!(
        forecast("mase(series=\"s\")", &constant).expect_err("a refusal").to_string(),
        "the column `scale` contains 0 for the series `1`, expected a scale above 0; a constant series has no scale: \
         leave it out of all evaluations, or use `wape`"
    );
    assert_eq!(forecast("wape", &rows), Ok(Some(10.0 / 11.0)));
    assert_eq!(
        forecast("wape", &[(0, 0.0, 1.0, 1.0)]).expect_err("a refusal").to_string(),
        "all labels are 0, so the sum of their absolute values cannot be the divisor"
    );
    assert_eq!(forecast("wape", &[]), Ok(None));
    assert_eq!(forecast("mase(series=\"shop\")", &rows), Err(Unmeasurable::NoColumn("shop".to_owned())));
}

#[test]
fn a_pair_of_classes_is_confused_by_rows_of_the_first_alone() {
    let of = |metric: &str, labels: &[u32], predictions: &[u32]| {
        metric.parse::<Metric>().expect("a metric").of(View::Classes(&table(3, labels, predictions, None)))
    };
    let (labels, predictions) = ([0, 0, 0, 0, 1, 2], [1, 1, 0, 2, 0, 1]);
    assert_eq!(of("confusion(actual=\"0\", predicted=\"1\")", &labels, &predictions), Some(0.5));
    assert_eq!(of("confusion(actual=\"1\", predicted=\"0\")", &labels, &predictions), Some(1.0));
    assert_eq!(of("confusion(actual=\"0\", of=\"all\", predicted=\"1\")", &labels, &predictions), Some(2.0 / 6.0));
    // A class without rows is not known to be told apart.
    assert_eq!(of("confusion(actual=\"1\", predicted=\"0\")", &[0, 2], &[0, 2]), None);
    assert_eq!(of("confusion(actual=\"1\", of=\"all\", predicted=\"0\")", &[0, 2], &[0, 2]), None);
    assert_eq!(of("confusion(actual=\"1\", predicted=\"9\")", &labels, &predictions), None);
}
