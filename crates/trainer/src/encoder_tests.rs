//! Encodings of typed columns, fitted to some rows and applied to others.

use slipway_contract::Shape;

use super::*;
use crate::data::Target;

/// Rows of columns of cells: a number, a text or nothing.
fn rows(columns: &[&[&str]], kinds: &[ColumnType]) -> Rows {
    let count = columns[0].len();
    let (mut values, mut texts) = (vec![0.0; count * columns.len()], Vec::new());
    for (place, (cells, kind)) in columns.iter().zip(kinds).enumerate() {
        let mut known: Vec<String> = Vec::new();
        for (row, cell) in cells.iter().enumerate() {
            values[row * columns.len() + place] = match (cell.is_empty(), kind) {
                (true, _) => f64::NAN,
                (false, ColumnType::Number) => cell.parse().expect("a number"),
                (false, _) => {
                    let code = known.iter().position(|text| text == cell).unwrap_or_else(|| {
                        known.push((*cell).to_owned());
                        known.len() - 1
                    });
                    f64::from(u32::try_from(code).expect("few"))
                }
            };
        }
        texts.push((*kind != ColumnType::Number).then_some(known));
    }
    let sizes = [count, columns.len()].map(|size| i64::try_from(size).expect("few"));
    Rows {
        features: Tensor::from_slice(&values).reshape(sizes),
        shape: Shape(vec![u32::try_from(columns.len()).expect("few")]),
        target: Target::Numbers(vec![0.0; count]),
        columns: None,
        texts,
        origin: None,
        aside: Vec::new(),
        weights: Vec::new(),
    }
}

fn columns(kinds: &[ColumnType]) -> Vec<(String, Column)> {
    kinds.iter().enumerate().map(|(place, kind)| (format!("c{place}"), Column::from(*kind))).collect()
}

fn inputs(encoder: &Encoder, rows: &Rows) -> Vec<Vec<f64>> {
    let Encoded { numbers, others } = encoder.encode(&rows.features);
    let all = Tensor::cat(&[numbers, others.to_kind(Kind::Double)], 1);
    (0..all.size()[0]).map(|row| Vec::<f64>::try_from(&all.select(0, row).contiguous()).expect("numbers")).collect()
}

const KINDS: [ColumnType; 3] = [ColumnType::Category, ColumnType::Number, ColumnType::Binary];

#[test]
fn columns_are_encoded_as_fitted_to_the_training_rows_alone() {
    let mut all = rows(
        &[&["rent", "own", "rent", "", "boat"], &["1", "", "5", "3", "1000"], &["no", "yes", "", "no", "yes"]],
        &KINDS,
    );
    let encoder = Encoder::fit(&columns(&KINDS), EncoderOptions::default(), &all, &[0, 1, 2, 3]).expect("fits");
    let unseen = encoder.recode(&mut all);
    assert_eq!(unseen, [("c0".to_owned(), vec![("boat".to_owned(), 1)])]);
    // The number, its indicator, the binary column, then `rent`, `own` and missing.
    assert_eq!(
        inputs(&encoder, &all),
        [
            [1.0, 0.0, -1.0, 1.0, 0.0, 0.0],
            [3.0, 1.0, 1.0, 0.0, 1.0, 0.0],
            [5.0, 0.0, 0.0, 1.0, 0.0, 0.0],
            [3.0, 0.0, -1.0, 0.0, 0.0, 1.0],
            [1000.0, 0.0, 1.0, 0.0, 0.0, 0.0],
        ]
    );
    assert_eq!((encoder.width(), encoder.number_names()), (6, vec!["c1".to_owned()]));
    let from_artifact =
        Encoder::from_parts(&["c0", "c1", "c2"].map(str::to_owned), encoder.encodings(), encoder.fill().copy());
    assert_eq!(inputs(&from_artifact, &all), inputs(&encoder, &all));
}

#[test]
fn other_rows_change_nothing_and_a_value_missing_only_there_is_replaced_without_an_indicator() {
    let training = ["a", "b", "a"];
    let fitted = |other: &str| {
        let cells: Vec<&str> = training.iter().copied().chain([other]).collect();
        let all = rows(&[&cells, &["1", "2", "3", ""]], &KINDS[..2]);
        Encoder::fit(&columns(&KINDS[..2]), EncoderOptions::default(), &all, &[0, 1, 2]).expect("fits")
    };
    let (one, other) = (fitted("b"), fitted("c"));
    assert_eq!(one.encodings(), other.encodings());
    let mut all = rows(&[&["b", "c", ""], &["", "7", "8"]], &KINDS[..2]);
    one.recode(&mut all);
    assert_eq!(inputs(&one, &all), [[2.0, 0.0, 1.0], [7.0, 0.0, 0.0], [8.0, 0.0, 0.0]]);
}

#[test]
fn rare_categories_are_unseen_and_the_median_ignores_missing_values() {
    let options = EncoderOptions {
        impute: ImputeOptions { strategy: ImputeStrategy::Median, add_indicator: false },
        one_hot: OneHotOptions { min_frequency: 2 },
    };
    let mut all = rows(&[&["x", "x", "y", "x"], &["10", "", "2", "3"]], &KINDS[..2]);
    let encoder = Encoder::fit(&columns(&KINDS[..2]), options, &all, &[0, 1, 2, 3]).expect("fits");
    encoder.recode(&mut all);
    assert_eq!(inputs(&encoder, &all), [[10.0, 1.0], [3.0, 1.0], [2.0, 0.0], [3.0, 1.0]]);
}

#[test]
fn the_mean_of_a_constant_is_that_constant() {
    for constant in ["0.1", "5", "1e300", "-7.3"] {
        let cells: Vec<&str> = (0..1_000).map(|row| if row % 7 == 3 { "" } else { constant }).collect();
        let all = rows(&[&cells], &[ColumnType::Number]);
        let training: Vec<i64> = (0..1_000).collect();
        let encoder = Encoder::fit(&columns(&[ColumnType::Number]), EncoderOptions::default(), &all, &training);
        let found = encoder.expect("fits").fill().double_value(&[0]);
        assert_eq!(found.to_bits(), constant.parse::<f64>().expect("a number").to_bits(), "{constant}: {found:e}");
    }
}

#[test]
fn more_inputs_than_a_network_can_take_are_refused_with_the_widest_column() {
    let ids: Vec<String> = (0..=MAX_INPUTS).map(|row| format!("id {row}")).collect();
    let cells: Vec<&str> = ids.iter().map(String::as_str).collect();
    let all = rows(&[&cells], &[ColumnType::Category]);
    let training: Vec<i64> = (0..i64::try_from(cells.len()).expect("few")).collect();
    let Err(faults) = Encoder::fit(&columns(&[ColumnType::Category]), EncoderOptions::default(), &all, &training)
    else {
        panic!("fits")
    };
    assert!(faults[0].message.contains("`c0` has 20001; expected at most 20000"), "{faults:?}");
}

#[test]
fn columns_that_cannot_be_encoded_are_named() {
    let messages = |cells: &[&[&str]], kinds: &[ColumnType]| {
        let rows = rows(cells, kinds);
        let all: Vec<i64> = (0..i64::try_from(rows.len()).expect("few")).collect();
        let Err(faults) = Encoder::fit(&columns(kinds), EncoderOptions::default(), &rows, &all) else { panic!("fits") };
        faults.into_iter().map(|fault| (fault.key.unwrap_or_default(), fault.message)).collect::<Vec<_>>()
    };
    let found =
        messages(&[&["", ""], &["a", "a"], &["", ""]], &[ColumnType::Number, ColumnType::Binary, ColumnType::Category]);
    assert_eq!(
        found.iter().map(|(key, _)| key.as_str()).collect::<Vec<_>>(),
        ["c0", "c1", "c2"].map(|name| format!("spec.data.columns.{name}"))
    );
    assert!(found[0].1.contains("all training rows lack a value"), "{found:?}");
    assert!(found[1].1.contains("have 1 value (`a`)"), "{found:?}");
    assert!(found[2].1.contains("no value has 1 training row"), "{found:?}");
    let mut column = Column::from(ColumnType::Binary);
    column.values = Some(["no", "yes"].map(str::to_owned).to_vec());
    let rows = rows(&[&["no", "maybe"]], &[ColumnType::Binary]);
    let Err(faults) = Encoder::fit(&[("c".to_owned(), column)], EncoderOptions::default(), &rows, &[0, 1]) else {
        panic!("fits")
    };
    assert!(faults[0].message.contains("`maybe`, expected `no` or `yes`"), "{faults:?}");
}
