//! Columns of dates, from the cells of a table to the graph.

use std::fmt::Write as _;

use serde_json::{Value, json};
use slipway_contract::{ExportReport, Metric, OnnxExport, Signature};

use crate::support::Bench;
use crate::trees::trees;
use crate::typed_tables::evaluated;

/// Days of 2023 and 2024 in the form that `written` gives, with sales that are high on two days of the week and in one season.
fn sales(rows: std::ops::Range<u32>, written: impl Fn(u32, u32, u32) -> String) -> String {
    let mut text = "day,shop,sold\n".to_owned();
    for row in rows {
        // 2023-01-01 is a Sunday.
        let (mut of_year, year) = if row % 730 < 365 { (row % 730, 2023) } else { (row % 730 - 365, 2024) };
        let season = (f64::from(of_year) / 365.0 * 2.0 * std::f64::consts::PI).sin();
        let is_weekend = matches!((row % 730) % 7, 0 | 6);
        let mut month = 1;
        for days in [31, if year == 2024 { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
            if of_year < days {
                break;
            }
            of_year -= days;
            month += 1;
        }
        let sold = 100.0 + if is_weekend { 40.0 } else { 0.0 } + 25.0 * season + f64::from(row % 3);
        let _ = writeln!(
            text,
            "{},{},{sold:.2}",
            written(year, month, of_year + 1),
            ["north", "south"][(row % 2) as usize]
        );
    }
    text
}

fn iso(year: u32, month: u32, day: u32) -> String {
    format!("{year}-{month:02}-{day:02}")
}

fn model(column: &Value) -> Value {
    let mut model = trees("regression", "sold");
    model["spec"]["data"] = json!({
        "format": "csv", "label": "sold", "train": {"file": "data/train.csv"}, "test": {"file": "data/test.csv"},
        "columns": {"day": column, "shop": "binary"},
    });
    model["spec"]["model"] = json!("linear");
    model["spec"]["training"] = json!({});
    model["spec"]["evaluation"] = json!({"metrics": ["r2"]});
    model
}

fn with_sales(written: impl Fn(u32, u32, u32) -> String) -> Bench {
    let bench = Bench::with_tables();
    bench.write("train.csv", sales(0..500, &written));
    bench.write("test.csv", sales(500..600, &written));
    bench
}

#[test]
fn dates_give_the_day_of_the_week_the_season_and_the_days_since_1970() {
    let bench = with_sales(iso);
    let model = model(&json!("date"));
    bench.train(&model, 1);
    let export: ExportReport = serde_json::from_slice(&bench.output("export.json")).expect("a report");
    assert!(matches!(export.onnx, OnnxExport::Written { rows, .. } if rows > 200), "{export:?}");
    let signature: Signature = serde_json::from_slice(&bench.output("signature.json")).expect("a signature");
    let written = serde_json::to_value(&signature.inputs[0]).expect("JSON");
    let expected =
        json!({"name": "day", "type": "double", "shape": ["N", 1], "column": {"name": "day", "type": "date"}});
    assert_eq!(written, expected);
    // The sales of the two days of the week are no exact sine, and the season is learnt from one year and a part.
    assert!(evaluated(&bench, &model).metrics[&Metric::R2] > 0.6);
}

#[test]
fn another_form_of_the_same_dates_gives_the_same_predictions() {
    let bench = with_sales(iso);
    let of_iso = model(&json!("date"));
    bench.train(&of_iso, 1);
    let expected = evaluated(&bench, &of_iso).metrics;
    let bench = with_sales(|year, month, day| format!("{day}/{month}/{year}"));
    let stated = model(&json!({"type": "date", "format": "DD/MM/YYYY"}));
    bench.train(&stated, 1);
    assert_eq!(evaluated(&bench, &stated).metrics, expected);
}

#[test]
fn times_of_day_are_inputs_and_missing_dates_have_an_indicator() {
    let bench =
        with_sales(
            |year, month, day| {
                if day == 13 { "NA".to_owned() } else { format!("{year}-{month:02}-{day:02}T{:02}:30", day % 24) }
            },
        );
    let model = model(&json!({"type": "date", "missing": ["NA"]}));
    bench.train(&model, 1);
    let card: Value = serde_json::from_slice(&bench.output("card.json")).expect("a card");
    let expected = json!({"type": "date", "missing": ["NA"], "indicator": true, "has_time": true});
    assert_eq!(card["architecture"]["encodings"][0], expected);
    let export: ExportReport = serde_json::from_slice(&bench.output("export.json")).expect("a report");
    assert!(matches!(export.onnx, OnnxExport::Written { .. }), "{export:?}");
    evaluated(&bench, &model);
}

#[test]
fn a_date_of_two_possible_orders_is_refused_with_both_and_never_guessed() {
    let bench = with_sales(|year, month, day| format!("{month:02}/{day:02}/{year}"));
    let (faults, _) = bench.found(&model(&json!("date")), &json!([]));
    let fault = faults[0].to_string();
    assert!(fault.contains("line 2, column `day`: `01/01/2023` is not a date of ISO 8601"), "{fault}");
    assert!(fault.contains("it can be DD/MM/YYYY or MM/DD/YYYY"), "{fault}");
    let (faults, _) = bench.found(&model(&json!({"type": "date", "format": "DD/MM/YYYY"})), &json!([]));
    let fault = faults[0].to_string();
    assert!(fault.contains("`01/13/2023` is not a date of the form DD/MM/YYYY"), "{fault}");
    let (faults, _) = bench.found(&model(&json!({"type": "category", "format": "DD/MM/YYYY"})), &json!([]));
    assert_eq!(faults[0].key.as_deref(), Some("spec.data.columns.day.format"));
}
