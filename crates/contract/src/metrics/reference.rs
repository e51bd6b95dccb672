//! Tests every metric against the figures of scikit-learn, `SciPy` and Fairlearn in `reference.jsonl`, which
//! `scripts/gate_reference.py` creates.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Attribute, Attributes, Estimates, Metric, Predictions, RowScores, Rows, Table, all, drift};

const CASES: &str = include_str!("reference.jsonl");

#[derive(Deserialize)]
#[serde(untagged)]
enum Case {
    Classes {
        labels: Vec<u32>,
        predictions: Vec<u32>,
        classes: usize,
        scores: Vec<u8>,
        weights: Option<Vec<f64>>,
        groups: Option<Vec<u32>>,
        values: BTreeMap<String, Option<f64>>,
    },
    Numbers {
        labels: Vec<f64>,
        predictions: Vec<f64>,
        quantiles: BTreeMap<String, Vec<f64>>,
        weights: Option<Vec<f64>>,
        values: BTreeMap<String, Option<f64>>,
    },
    Samples {
        one: Vec<f64>,
        other: Vec<f64>,
        counts: bool,
        values: BTreeMap<String, Option<f64>>,
    },
}

/// Describes the difference from the library's figure `expected`, if there is one.
fn difference(name: &str, computed: Option<f64>, expected: Option<f64>) -> Option<String> {
    let alike = match (computed, expected) {
        (None, None) => true,
        (Some(computed), Some(expected)) => {
            // A library that subtracts nearly equal numbers loses about half of its digits.
            (computed - expected).abs() <= 1e-9 * expected.abs().max(1.0)
        }
        _ => false,
    };
    (!alike).then(|| format!("{name}: {computed:?}, expected {expected:?}"))
}

fn of_rows(
    table: &Table,
    attributes: &Attributes,
    weights: Option<&[f64]>,
    values: &BTreeMap<String, Option<f64>>,
) -> Vec<String> {
    let row_scores = RowScores::new();
    let rows = Rows { table: table.view(), attributes, row_scores: &row_scores };
    let weight = |place: usize| weights.map_or(1.0, |weights| weights[place]);
    let differences = values.iter().filter_map(|(name, expected)| {
        let metric: Metric = name.parse().expect(name);
        let computed = metric.weighted(rows, &all(table.len()), weight).expect("a form");
        difference(name, computed, *expected)
    });
    differences.collect()
}

fn of_samples(one: &[f64], other: &[f64], counts: bool, values: &BTreeMap<String, Option<f64>>) -> Vec<String> {
    let differences = values.iter().filter_map(|(name, expected)| {
        let computed = match name.as_str() {
            "population_stability_index" => drift::population_stability_index(one, other),
            "jensen_shannon" => drift::jensen_shannon(one, other),
            "chi_squared" => drift::chi_squared(one, other),
            "cramers_v" => drift::cramers_v(one, other),
            "kolmogorov_smirnov" => drift::kolmogorov_smirnov(one, other),
            "wasserstein" => drift::wasserstein(one, other),
            "decile_population_stability_index" => drift::decile_counts(one, other)
                .and_then(|(expected, actual)| drift::population_stability_index(&expected, &actual)),
            other => panic!("no statistic is called {other}"),
        };
        assert_eq!(
            counts,
            !["kolmogorov_smirnov", "wasserstein", "decile_population_stability_index"].contains(&&**name)
        );
        difference(name, computed, *expected)
    });
    differences.collect()
}

#[test]
fn every_figure_is_the_librarys() {
    let names = |count: usize| (0..count).map(|index| index.to_string()).collect::<Vec<_>>();
    let (mut tables, mut figures) = (0, 0);
    let mut differences = Vec::new();
    for (number, line) in CASES.lines().enumerate() {
        let (found, values) = match serde_json::from_str(line).expect("a case") {
            Case::Classes { labels, predictions, classes, scores, weights, groups, values } => {
                let attribute = groups.map(|of_row| Attribute { values: names(2), of_row });
                let attributes = attribute.map(|attribute| ("group".to_owned(), attribute)).into_iter().collect();
                let table = Table::Classes(Predictions {
                    rows: names(labels.len()),
                    classes: names(classes),
                    labels,
                    predictions,
                    scores: Some(scores.iter().map(|score| f32::from(*score) / 64.0).collect()),
                });
                (of_rows(&table, &attributes, weights.as_deref(), &values), values)
            }
            Case::Numbers { labels, predictions, quantiles, weights, values } => {
                let table = Table::Numbers(Estimates { rows: names(labels.len()), labels, predictions, quantiles });
                (of_rows(&table, &Attributes::new(), weights.as_deref(), &values), values)
            }
            Case::Samples { one, other, counts, values } => (of_samples(&one, &other, counts, &values), values),
        };
        differences.extend(found.into_iter().map(|said| format!("line {}: {said}", number + 1)));
        tables += 1;
        figures += values.len();
    }
    println!("{figures} figures of {tables} tables");
    assert!(tables >= 400 && figures >= 5_000, "{figures} figures of {tables} tables");
    assert!(differences.is_empty(), "{} differ: {:#?}", differences.len(), &differences[..differences.len().min(20)]);
}
