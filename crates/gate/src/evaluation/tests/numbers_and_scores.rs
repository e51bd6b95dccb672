//! Evaluation folders of regressors, and of models with own scores.

use serde_json::json;
use slipway_contract::metrics::Table;

use super::super::sample::{Values, columns, parquet, report, text};
use super::super::{Columns, PredictionsFile, paired};
use super::{grouped_by, read, refusal};

/// The columns of a regressor's three rows.
fn regressor() -> Vec<(&'static str, Values)> {
    vec![
        ("row", text(&["a", "b", "c"])),
        ("label", Values::Double(vec![1.0, 2.0, 4.0])),
        ("prediction", Values::Float(vec![1.5, 2.0, 3.0])),
        ("quantile_0.9", Values::Double(vec![2.0, 3.0, 5.0])),
    ]
}

fn report_of_numbers() -> Vec<u8> {
    report(|report| {
        report["rows"] = json!(3);
        report["classes"] = json!([]);
        report["metrics"] = json!({"mean_absolute_error": 0.5, "pinball_loss(quantile=0.9)": 0.1});
    })
}

#[test]
fn a_regressors_folder_is_read_and_recomputed() {
    let evaluation = read(&report_of_numbers(), &parquet(&regressor())).expect("an evaluation");
    let table = evaluation.table.view().numbers().expect("a regressor's table");
    assert_eq!(
        (&table.predictions[..], &table.quantiles["quantile_0.9"][..]),
        (&[1.5, 2.0, 3.0][..], &[2.0, 3.0, 5.0][..])
    );
    let refusal = |name: &'static str, values: Values| {
        let mut columns = regressor();
        columns.retain(|(other, _)| *other != name);
        columns.push((name, values));
        refusal(&report_of_numbers(), &parquet(&columns))
    };
    insta::assert_snapshot!(refusal("label", text(&["1", "2", "4"])), @"predictions.parquet: column `label` contains texts, expected numbers");
    insta::assert_snapshot!(refusal("prediction", Values::Double(vec![1.5, f64::NAN, 3.0])), @"predictions.parquet: row 2, column `prediction`: NaN, expected a finite number");
    insta::assert_snapshot!(refusal("quantile_0.9", Values::Double(vec![2.0, f64::INFINITY, 5.0])), @"predictions.parquet: row 2, column `quantile_0.9`: inf, expected a finite number");
    insta::assert_snapshot!(refusal("quantile_0.9", Values::Double(vec![2.0, 3.0, 9.0])), @"report.json: pinball_loss(quantile=0.9) is stated as 0.1, but the predictions give 0.23333333333333328; evaluate again, and keep both files unchanged");
    let of_classes = report(|report| report["metrics"] = json!({"r2": 0.5}));
    insta::assert_snapshot!(super::refusal(&of_classes, &parquet(&columns())), @"report.json: r2 is stated as 0.5, but cannot be computed from the predictions: the metric is for regression, but the rows are for classification");
    let mut champion = evaluation.clone();
    if let Table::Numbers(table) = &mut champion.table {
        table.labels[2] = 4.5;
    }
    insta::assert_snapshot!(paired(&evaluation, &champion).expect_err("a refusal"), @"candidate and champion were not evaluated in the same way: row `c` is labelled `4.5` for the champion, expected the candidate's `4`; evaluate the champion again on the candidate's data");
}

/// The columns of four rows without labels, each with a score and whether it went well.
fn scored() -> Vec<(&'static str, Values)> {
    vec![
        ("row", text(&["q1", "q2", "q3", "q4"])),
        ("ndcg", Values::Double(vec![0.5, 1.0, 0.25, 0.25])),
        ("clicks", Values::Whole(vec![1, 0, 0, 1])),
        ("language", text(&["de", "de", "en", "en"])),
    ]
}

fn report_of_scores() -> Vec<u8> {
    report(|report| {
        report["classes"] = json!([]);
        report["metrics"] = json!({"mean_of(column=\"ndcg\")": 0.5});
    })
}

#[test]
fn own_scores_are_read_without_labels_and_recomputed() {
    let wanted = Columns { row_scores: ["clicks".to_owned()].into(), ..grouped_by(&["language"]) };
    let bytes = parquet(&scored());
    let evaluation = super::super::read(&report_of_scores(), PredictionsFile::Parquet(&bytes), &wanted).expect("read");
    assert_eq!(evaluation.table, Table::Unlabelled(["q1", "q2", "q3", "q4"].map(str::to_owned).to_vec()));
    assert_eq!(evaluation.row_scores["clicks"], [1.0, 0.0, 0.0, 1.0]);
    assert_eq!(evaluation.row_scores["ndcg"], [0.5, 1.0, 0.25, 0.25], "the report states a metric of it");
    assert_eq!(evaluation.attributes["language"].values, ["de", "en"]);
    let csv = "row,ndcg,clicks,language\nq1,0.5,True,de\nq2,1,False,de\nq3,0.25,False,en\nq4,0.25,True,en\n";
    let of_csv = super::super::read(&report_of_scores(), PredictionsFile::Csv(csv.as_bytes()), &wanted).expect("read");
    assert_eq!(of_csv, evaluation);

    let refusal = |name: &'static str, values: Values| {
        let mut columns = scored();
        columns.retain(|(other, _)| *other != name);
        columns.push((name, values));
        refusal(&report_of_scores(), &parquet(&columns))
    };
    insta::assert_snapshot!(refusal("ndcg", Values::Double(vec![0.5, f64::NAN, 0.25, 0.25])), @"predictions.parquet: row 2, column `ndcg`: NaN, expected a finite number");
    insta::assert_snapshot!(refusal("ndcg", text(&["0.5"; 4])), @"predictions.parquet: column `ndcg` contains texts, expected numbers or truth values");
    insta::assert_snapshot!(refusal("ndcg", Values::Double(vec![0.75; 4])), @r#"report.json: mean_of(column="ndcg") is stated as 0.5, but the predictions give 0.75; evaluate again, and keep both files unchanged"#);
}

#[test]
fn a_stated_ranking_is_recomputed_from_the_columns_that_it_names() {
    let rows = |relevance: [f64; 4]| {
        parquet(&[
            ("row", text(&["a", "b", "c", "d"])),
            ("query", text(&["q", "q", "r", "r"])),
            ("relevance", Values::Double(relevance.to_vec())),
            ("score", Values::Double(vec![0.1, 0.7, 0.5, 0.25])),
        ])
    };
    let stated = report(|report| {
        report["classes"] = json!([]);
        report["metrics"] = json!({"mean_reciprocal_rank(query=\"query\")": 0.75});
    });
    let evaluation = read(&stated, &rows([1.0, 0.0, 1.0, 0.0])).expect("read");
    assert_eq!(evaluation.attributes["query"].of_row, [0, 0, 1, 1]);
    assert_eq!(evaluation.row_scores["relevance"], [1.0, 0.0, 1.0, 0.0]);
    insta::assert_snapshot!(refusal(&stated, &rows([0.0, 1.0, 1.0, 0.0])), @r#"report.json: mean_reciprocal_rank(query="query") is stated as 0.75, but the predictions give 1; evaluate again, and keep both files unchanged"#);
    insta::assert_snapshot!(refusal(&stated, &rows([0.0; 4])), @r#"report.json: mean_reciprocal_rank(query="query") is stated as 0.75, but cannot be computed from the predictions: no query has a relevant row: the column `relevance` contains no value above 0"#);
}

#[test]
fn own_scores_are_put_in_the_candidates_order() {
    let bytes = parquet(&scored());
    let candidate = read(&report_of_scores(), &bytes).expect("read");
    let mut champion = candidate.clone();
    champion.table = Table::Unlabelled(["q4", "q2", "q1", "q3"].map(str::to_owned).to_vec());
    champion.row_scores.insert("ndcg".to_owned(), vec![0.1, 0.2, 0.3, 0.4]);
    let paired = paired(&candidate, &champion).expect("a pairing");
    assert_eq!(*paired.table, candidate.table);
    assert_eq!(paired.row_scores["ndcg"], [0.3, 0.2, 0.4, 0.1]);
}
