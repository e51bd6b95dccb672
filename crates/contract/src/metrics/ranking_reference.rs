//! Tests metrics of rankings, forecasts and confused classes against the figures of scikit-learn, ranx and sktime in
//! `ranking_reference.jsonl`, which `scripts/ranking_reference.py` creates.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Attribute, Attributes, Estimates, Metric, Predictions, RowScores, Rows, Table, all};

const CASES: &str = include_str!("ranking_reference.jsonl");

#[derive(Deserialize)]
#[serde(untagged)]
enum Case {
    Ranking {
        queries: Vec<u32>,
        relevance: Vec<f64>,
        scores: Vec<f64>,
        values: BTreeMap<String, f64>,
    },
    Forecast {
        series: Vec<u32>,
        scales: Vec<f64>,
        labels: Vec<f64>,
        predictions: Vec<f64>,
        values: BTreeMap<String, f64>,
    },
    Confusion {
        classes: usize,
        labels: Vec<u32>,
        predictions: Vec<u32>,
        values: BTreeMap<String, f64>,
    },
}

fn names(count: usize) -> Vec<String> {
    (0..count).map(|index| index.to_string()).collect()
}

/// A column of groups with numbers below 100.
fn grouped(column: &str, of_row: Vec<u32>) -> Attributes {
    Attributes::from([(column.to_owned(), Attribute { values: names(100), of_row })])
}

fn columns<const COUNT: usize>(columns: [(&str, Vec<f64>); COUNT]) -> RowScores {
    columns.into_iter().map(|(name, values)| (name.to_owned(), values)).collect()
}

#[test]
fn every_figure_of_rankings_forecasts_and_confused_classes_is_the_librarys() {
    let (mut figures, mut differences) = (0, Vec::new());
    for (number, line) in CASES.lines().enumerate() {
        let (table, attributes, row_scores, values) = match serde_json::from_str(line).expect("a case") {
            Case::Ranking { queries, relevance, scores, values } => {
                let table = Table::Unlabelled(names(queries.len()));
                (table, grouped("q", queries), columns([("relevance", relevance), ("score", scores)]), values)
            }
            Case::Forecast { series, scales, labels, predictions, values } => {
                let rows = names(labels.len());
                let table = Table::Numbers(Estimates { rows, labels, predictions, quantiles: BTreeMap::new() });
                (table, grouped("s", series), columns([("scale", scales)]), values)
            }
            Case::Confusion { classes, labels, predictions, values } => {
                let (rows, classes) = (names(labels.len()), names(classes));
                let table = Table::Classes(Predictions { rows, classes, labels, predictions, scores: None });
                (table, Attributes::new(), RowScores::new(), values)
            }
        };
        let rows = Rows { table: table.view(), attributes: &attributes, row_scores: &row_scores };
        for (name, expected) in values {
            let metric: Metric = name.parse().expect(&name);
            let computed = metric.over(rows, &all(table.len())).expect("a form");
            if !computed.is_some_and(|computed| (computed - expected).abs() <= 1e-9 * expected.max(1.0)) {
                differences.push(format!("line {}: {name}: {computed:?}, expected {expected}", number + 1));
            }
            figures += 1;
        }
    }
    assert!(figures >= 2_000, "{figures} figures");
    assert!(differences.is_empty(), "{} differ: {:#?}", differences.len(), &differences[..differences.len().min(20)]);
}
