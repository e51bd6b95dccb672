//! Areas under curves: their errors against a direct computation, and rankings that were made ready against the metric itself.

use slipway_contract::Metric;
use slipway_contract::metrics::{Attributes, Estimates, Form, Predictions, RowScores, Rows, View, all};

use super::super::delong;
use super::super::figure::{Compared, Counted};
use super::super::random::Random;
use super::super::units::Units;
use super::assert_close;

fn scored(scores: &[u32], labels: &[u32]) -> Predictions {
    Predictions {
        rows: (0..labels.len()).map(|row| row.to_string()).collect(),
        classes: ["no", "yes"].map(str::to_owned).to_vec(),
        labels: labels.to_vec(),
        predictions: labels.to_vec(),
        scores: Some(
            scores
                .iter()
                .flat_map(|score| {
                    let score = f32::from(u8::try_from(*score).expect("64ths")) / 64.0;
                    [1.0 - score, score]
                })
                .collect(),
        ),
    }
}

#[test]
fn the_error_of_an_area_and_of_a_difference_is_delongs() {
    // The covariance of numpy's structural components, S10/12 + S01/20, of two scores of 12 and 20 rows.
    let labels: Vec<u32> = [vec![1; 12], vec![0; 20]].concat();
    let one = [
        63, 9, 47, 34, 36, 39, 16, 39, 31, 63, 44, 37, 22, 17, 12, 21, 32, 23, 38, 23, 26, 45, 33, 19, 23, 33, 50, 22,
        22, 38, 14, 22,
    ];
    let other = [
        50, 46, 40, 47, 2, 51, 26, 17, 42, 47, 33, 25, 26, 25, 44, 35, 28, 40, 23, 14, 33, 33, 23, 16, 29, 1, 34, 32,
        5, 26, 13, 35,
    ];
    let (one, other) = (scored(&one, &labels), scored(&other, &labels));
    let (attributes, row_scores) = (Attributes::new(), RowScores::new());
    let [candidate, champion] = [&one, &other].map(|table| Rows {
        table: View::Classes(table),
        attributes: &attributes,
        row_scores: &row_scores,
    });
    let of = all(32);
    for metric in ["roc_auc(class=\"yes\")", "roc_auc(class=\"no\")", "macro_roc_auc"] {
        let metric: Metric = metric.parse().expect("a metric");
        let measured = |champion| delong::measured(&metric, candidate, champion, false, &of, None);
        let Ok(alone) = measured(None) else { panic!("an area") };
        let Ok(apart) = measured(Some(champion)) else { panic!("a difference") };
        assert_close(alone.estimate, 0.733_333_333_333_333_3, 1e-12, "area");
        assert_close(alone.error, 0.107_451_013_776_091_63, 1e-12, "error");
        assert_close(apart.estimate, 0.733_333_333_333_333_3 - 0.725, 1e-12, "difference");
        assert_close(apart.error, 0.147_305_454_289_277_94, 1e-12, "error of the difference");
    }
}

#[test]
fn a_ranking_made_ready_gives_the_metric_for_any_counts() {
    let mut random = Random::new(11);
    let rows = 60;
    let labels: Vec<u32> = (0..rows).map(|_| random.below(2)).collect();
    let scores: Vec<u32> = (0..rows).map(|_| random.below(20)).collect();
    let table = scored(&scores, &labels);
    let numbers = Estimates {
        rows: table.rows.clone(),
        labels: labels.iter().map(|label| f64::from(*label)).collect(),
        predictions: scores.iter().map(|score| f64::from(*score)).collect(),
        quantiles: std::collections::BTreeMap::new(),
    };
    let row_scores = RowScores::from([("s".to_owned(), numbers.predictions.clone())]);
    let attributes = Attributes::new();
    let of = all(60);
    let units = Units::deal(&of, None, 1);
    for (metric, view) in [
        ("pr_auc(class=\"yes\")", View::Classes(&table)),
        ("weighted_pr_auc", View::Classes(&table)),
        ("macro_f1", View::Classes(&table)),
        ("log_loss", View::Classes(&table)),
        ("median_absolute_error", View::Numbers(&numbers)),
        ("r2", View::Numbers(&numbers)),
        ("mean_of(column=\"s\")", View::Numbers(&numbers)),
        ("quantile_of(column=\"s\", quantile=0.8)", View::Unlabelled(&numbers.rows)),
    ] {
        let metric: Metric = metric.parse().expect("a metric");
        let rows = Rows { table: view, attributes: &attributes, row_scores: &row_scores };
        assert!(metric.form(rows, &of).is_ok_and(|form| !matches!(form, Form::RocArea(_))));
        let ready = Compared::of(&metric, rows, None, false, &of, &units).expect("a figure");
        for _ in 0..20 {
            let counts: Vec<f64> = (0..60).map(|_| f64::from(random.below(4))).collect();
            let value = metric.weighted(rows, &of, |place| counts[place]).expect("a form").expect("a value");
            assert_close(ready.of(&counts).expect("a value"), value, 1e-9, &metric.to_string());
        }
    }
}

#[test]
fn many_rows_are_dealt_to_blocks_of_one_size_and_clusters_stay_whole() {
    let of = all(10_000);
    let units = Units::deal(&of, None, 7);
    assert_eq!((units.count, units.independent), (2_000, 10_000));
    let mut sizes = vec![0; units.count];
    units.of_place.iter().for_each(|unit| sizes[*unit as usize] += 1);
    assert!(sizes.iter().all(|size| *size == 5));
    let clusters = slipway_contract::metrics::Attribute {
        values: (0..100).map(|cluster| cluster.to_string()).collect(),
        of_row: (0..10_000).map(|row| row % 100).collect(),
    };
    let units = Units::deal(&of, Some(&clusters), 7);
    assert_eq!((units.count, units.independent), (100, 100));
    assert!((0..9_900).all(|row| units.of_place[row] == units.of_place[row + 100]));
}
