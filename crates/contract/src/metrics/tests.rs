//! Names and edges of metrics; their values are held to other libraries' in `reference`.

use super::{
    Attribute, Attributes, Average, Better, Metric, NAMES, Number, Predictions, RowScore, RowScores, Rows, View, all,
};

pub(super) fn table(classes: usize, labels: &[u32], predictions: &[u32], scores: Option<&[f32]>) -> Predictions {
    Predictions {
        rows: (0..labels.len()).map(|row| row.to_string()).collect(),
        classes: (0..classes).map(|class| class.to_string()).collect(),
        labels: labels.to_vec(),
        predictions: predictions.to_vec(),
        scores: scores.map(<[f32]>::to_vec),
    }
}

#[test]
fn every_metric_is_written_and_read_back_in_every_form() {
    let metrics = [
        Metric::Accuracy,
        Metric::F1(Average::Macro),
        Metric::TopKAccuracy { k: 5 },
        Metric::Recall(Average::Class("a, \"b\"=(c)".to_owned())),
        Metric::FBeta { beta: Number(0.5), average: Average::Weighted },
        Metric::ExpectedCalibrationError { bins: 10 },
        Metric::IntervalCoverage { lower: Number(0.1), upper: Number(0.9) },
        Metric::MeanOf(RowScore { column: "a, \"b\"".to_owned(), better: Better::Higher }),
        Metric::QuantileOf {
            score: RowScore { column: "latency".to_owned(), better: Better::Lower },
            quantile: Number(0.9),
        },
    ];
    let keys = [
        "accuracy",
        "macro_f1",
        "top_k_accuracy(k=5)",
        r#"recall(class="a, \"b\"=(c)")"#,
        "weighted_f_beta(beta=0.5)",
        "expected_calibration_error(bins=10)",
        "interval_coverage(lower=0.1, upper=0.9)",
        r#"mean_of(column="a, \"b\"")"#,
        r#"quantile_of(better="lower", column="latency", quantile=0.9)"#,
    ];
    for (metric, key) in metrics.into_iter().zip(keys) {
        assert_eq!(metric.to_string(), key);
        assert_eq!(key.parse(), Ok(metric.clone()));
        let values = std::collections::BTreeMap::from([(metric, 0.5)]);
        let json = serde_json::to_string(&values).expect("JSON");
        assert_eq!(serde_json::from_str::<std::collections::BTreeMap<Metric, f64>>(&json).expect("read back"), values);
    }
    let mapping = serde_json::json!({"interval_coverage": {"lower": 0.1, "upper": 0.9}});
    let read: Metric = serde_json::from_value(mapping).expect("a metric");
    assert_eq!(read.to_string(), "interval_coverage(lower=0.1, upper=0.9)");
    assert_eq!(read.describe(), "interval_coverage from 0.1 to 0.9");
}

#[test]
fn every_name_makes_the_metric_of_that_name() {
    for name in NAMES {
        let keys = r#"{"k": 2, "beta": 2, "class": "a", "by": "b", "quantile": 0.5, "lower": 0.1, "upper": 0.9,
            "column": "profit", "query": "q", "series": "s", "actual": "a", "predicted": "c"}"#;
        let keys: serde_json::Map<String, serde_json::Value> = serde_json::from_str(keys).expect("JSON");
        let parsed: Metric = name.parse().unwrap_or_else(|_| {
            let needed = super::name::needed_by(name);
            let keys: serde_json::Map<_, _> = keys.into_iter().filter(|(key, _)| needed.contains(&&**key)).collect();
            serde_json::from_value(serde_json::json!({ name: keys })).expect(name)
        });
        assert_eq!(parsed.to_string().split('(').next(), Some(name));
        let (least, most) = parsed.range();
        assert!(least < most);
    }
}

#[test]
fn what_is_no_metric_is_refused_with_a_message() {
    let said = |value: serde_json::Value| serde_json::from_value::<Metric>(value).expect_err("a refusal").to_string();
    assert!(said(serde_json::json!("acuracy")).starts_with("unknown variant `acuracy`, expected one of `accuracy`"));
    assert_eq!(said(serde_json::json!("recall")), "`recall` needs the key `class`, such as `{recall: {class: shirt}}`");
    assert_eq!(said(serde_json::json!({"accuracy": {"class": "a"}})), "`accuracy` has no key `class`");
    assert_eq!(
        said(serde_json::json!({"top_k_accuracy": {"k": 0}})),
        "`k` of `top_k_accuracy` is 0, expected 1 to 10000"
    );
    assert_eq!(
        said(serde_json::json!({"pinball_loss": {"quantile": 1}})),
        "`quantile` of `pinball_loss` is 1, expected a number between 0 and 1"
    );
    assert_eq!(
        said(serde_json::json!({"interval_coverage": {"lower": 0.9, "upper": 0.1}})),
        "`lower` of `interval_coverage` is 0.9, expected less than `upper`, 0.1"
    );
    assert_eq!(
        said(serde_json::json!({"accuracy": {}, "recall": {}})),
        "expected one metric, found `accuracy` and `recall`"
    );
    for text in ["recall(class=\"a\"", "recall(class=a)", "recall(", "recall()", "f1(class=\"a\", class=\"b\")"] {
        assert!(text.parse::<Metric>().is_err(), "{text}");
    }
}

#[test]
fn scores_of_zero_and_one_stay_finite() {
    let table = table(2, &[0, 1], &[0, 0], Some(&[1.0, 0.0, 1.0, 0.0]));
    let loss = Metric::LogLoss.of(View::Classes(&table)).expect("a value");
    assert!((loss + f64::EPSILON.ln() / 2.0).abs() < 1e-9);
    assert_eq!(Metric::ExpectedCalibrationError { bins: 15 }.of(View::Classes(&table)), Some(0.5));
}

#[test]
fn an_empty_table_or_missing_scores_have_no_value() {
    let metrics = [
        Metric::Accuracy,
        Metric::BalancedAccuracy,
        Metric::F1(Average::Macro),
        Metric::Recall(Average::Class("0".to_owned())),
        Metric::MatthewsCorrelation,
        Metric::CohenKappa,
        Metric::LogLoss,
        Metric::PrAuc(Average::Macro),
        Metric::ExpectedCalibrationError { bins: 15 },
    ];
    let empty = table(2, &[], &[], Some(&[]));
    assert!(metrics.iter().all(|metric| metric.of(View::Classes(&empty)).is_none()));
    let bare = table(2, &[0, 1], &[0, 1], None);
    let without: Vec<String> =
        metrics.iter().filter(|metric| metric.of(View::Classes(&bare)).is_none()).map(ToString::to_string).collect();
    assert_eq!(without, ["log_loss", "macro_pr_auc", "expected_calibration_error"]);
}

#[test]
fn a_group_that_shows_no_rate_leaves_fairness_undefined() {
    let table = table(2, &[1, 1, 0, 0], &[1, 0, 1, 0], None);
    let groups = |of_row: &[u32]| {
        let values = ["a", "b"].map(str::to_owned).to_vec();
        Attributes::from([("sex".to_owned(), Attribute { values, of_row: of_row.to_vec() })])
    };
    let metric: Metric = "equal_opportunity_difference(class=\"1\", by=\"sex\")".parse().expect("a metric");
    let over = |attributes: &Attributes| {
        let row_scores = RowScores::new();
        let rows = Rows { table: View::Classes(&table), attributes, row_scores: &row_scores };
        metric.over(rows, &all(4))
    };
    assert_eq!(over(&groups(&[0, 1, 0, 1])), Ok(Some(1.0)));
    assert_eq!(over(&groups(&[0, 0, 1, 1])), Ok(None));
    assert_eq!(over(&Attributes::new()).expect_err("no column").to_string(), "the predictions have no column `sex`");
}

/// Figures of a column of own scores over rows without labels.
fn own(metric: &str, values: &[f64], weights: &[f64]) -> Result<Option<f64>, super::Unmeasurable> {
    let names: Vec<String> = (0..values.len()).map(|row| row.to_string()).collect();
    let (attributes, row_scores) = (Attributes::new(), RowScores::from([("s".to_owned(), values.to_vec())]));
    let rows = Rows { table: View::Unlabelled(&names), attributes: &attributes, row_scores: &row_scores };
    let metric: Metric = metric.parse().expect("a metric");
    metric.weighted(rows, &all(values.len()), |place| weights[place])
}

#[test]
fn own_scores_have_a_mean_quantiles_and_a_share_whatever_the_task() {
    let (values, ones) = ([4.0, 1.0, 3.0, 2.0], [1.0; 4]);
    assert_eq!(own("mean_of(column=\"s\")", &values, &ones), Ok(Some(2.5)));
    assert_eq!(own("mean_of(column=\"s\")", &values, &[3.0, 1.0, 0.0, 0.0]), Ok(Some(3.25)));
    // numpy.quantile([4, 1, 3, 2], share, method="averaged_inverted_cdf")
    for (share, expected) in [(0.1, 1.0), (0.25, 1.5), (0.5, 2.5), (0.6, 3.0), (0.75, 3.5), (0.9, 4.0)] {
        assert_eq!(own(&format!("quantile_of(column=\"s\", quantile={share})"), &values, &ones), Ok(Some(expected)));
    }
    // A weight of two is the row twice: numpy.quantile([4, 4, 1, 2], 0.5, …)
    assert_eq!(own("quantile_of(column=\"s\", quantile=0.5)", &values, &[2.0, 1.0, 0.0, 1.0]), Ok(Some(3.0)));
    assert_eq!(own("share_of(column=\"s\")", &[1.0, 0.0, 1.0, 1.0], &ones), Ok(Some(0.75)));
    let said = |metric: &str| own(metric, &values, &ones).expect_err("a refusal").to_string();
    assert_eq!(said("share_of(column=\"s\")"), "the column `s` contains 4, expected truth values (or 0 and 1)");
    assert_eq!(said("mean_of(column=\"t\")"), "the predictions have no column `t`");
    assert_eq!(
        said("accuracy"),
        "the metric is for classification, but the rows are for neither task: they have no labels"
    );
}

#[test]
fn own_scores_are_named_in_short_and_say_which_way_is_better() {
    let read = |value: serde_json::Value| serde_json::from_value::<Metric>(value);
    let short = read(serde_json::json!({"mean_of": "ndcg"})).expect("a metric");
    assert_eq!(short, read(serde_json::json!({"mean_of": {"column": "ndcg", "better": "higher"}})).expect("the same"));
    assert!(short.higher_is_better());
    let lower = read(serde_json::json!({"mean_of": {"column": "cost", "better": "lower"}})).expect("a metric");
    assert!(!lower.higher_is_better());
    assert_eq!(lower.describe(), "mean_of `cost` (lower is better)");
    let said = |value: serde_json::Value| read(value).expect_err("a refusal").to_string();
    assert_eq!(
        said(serde_json::json!({"mean_of": ""})),
        "`column` of `mean_of` is empty, expected the name of a column of the predictions"
    );
    assert_eq!(
        said(serde_json::json!("share_of")),
        "`share_of` needs the key `column`, such as `{share_of: {column: profit}}`"
    );
    assert!(
        said(serde_json::json!({"quantile_of": "latency"})).contains("expected a mapping of the keys of `quantile_of`")
    );
    assert!(said(serde_json::json!({"recall": "shirt"})).contains("expected a mapping of the keys of `recall`"));
    assert!(
        said(serde_json::json!({"mean_of": {"column": "a", "better": "more"}}))
            .contains("expected `higher` or `lower`")
    );
}
