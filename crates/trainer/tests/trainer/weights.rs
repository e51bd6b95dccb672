//! Weights of rows: a row of weight three is learnt from like three rows, and nothing is learnt from the column itself.

use std::fmt::Write as _;

use serde_json::{Value, json};
use slipway_contract::Metric;

use crate::support::Bench;
use crate::trees::trees;
use crate::typed_tables::{evaluated, flats, model_of, with_flats};

fn model(family: &str, weight: bool) -> Value {
    let mut model = match family {
        "network" => model_of("classification", "dear", 2),
        family => {
            let mut model = trees("classification", "dear");
            model["spec"]["model"] = json!(family);
            model
        }
    };
    model["spec"]["data"]["validation_split"] = json!(0.0);
    if weight {
        model["spec"]["data"]["weight"] = json!("copies");
    }
    model["spec"]["evaluation"] = json!({"metrics": ["log_loss"]});
    model
}

/// The flats with a column of weights, and the same flats as often as their weight says.
fn weighted_and_repeated() -> (String, String) {
    let table = flats(300, 0);
    let mut lines = table.lines();
    let header = lines.next().expect("a header");
    let (mut weighted, mut repeated) = (format!("{header},copies\n"), format!("{header}\n"));
    for (row, line) in lines.enumerate() {
        let copies = 1 + row % 3;
        let _ = writeln!(weighted, "{line},{copies}");
        for _ in 0..copies {
            let _ = writeln!(repeated, "{line}");
        }
    }
    (weighted, repeated)
}

#[test]
fn a_linear_model_of_weighted_rows_is_that_of_repeated_rows() {
    let (weighted, repeated) = weighted_and_repeated();
    let bench = with_flats();
    bench.write("train.csv", weighted);
    bench.train(&model("linear", true), 1);
    let of_weights = evaluated(&bench, &model("linear", true)).metrics[&Metric::LogLoss];
    bench.train(&model("linear", false), 1);
    let without = evaluated(&bench, &model("linear", false)).metrics[&Metric::LogLoss];
    bench.write("train.csv", repeated);
    bench.train(&model("linear", false), 1);
    let of_copies = evaluated(&bench, &model("linear", false)).metrics[&Metric::LogLoss];
    // The mean by which columns are scaled is that of the rows, whatever their weights are.
    assert!((of_weights - of_copies).abs() < 0.02, "{of_weights} {of_copies} {without}");
    assert!((of_weights - of_copies).abs() < (without - of_copies).abs(), "{of_weights} {of_copies} {without}");
}

#[test]
fn every_family_learns_other_weights_from_weighted_rows() {
    let (weighted, _) = weighted_and_repeated();
    for family in ["network", "linear", "gradient_boosted_trees"] {
        let bench = with_flats();
        bench.write("train.csv", &weighted);
        let with = bench.train(&model(family, true), 1).artifact;
        assert_eq!(bench.train(&model(family, true), 1).artifact, with, "{family}");
        assert_ne!(bench.train(&model(family, false), 1).artifact, with, "{family}");
        // The test rows have no such column.
        bench.train(&model(family, true), 1);
        evaluated(&bench, &model(family, true));
    }
}

#[test]
fn weights_that_are_no_numbers_above_zero_are_refused_with_their_line() {
    for weight in ["0", "-1", "inf", "nan", "", "two"] {
        let bench: Bench = with_flats();
        let (weighted, _) = weighted_and_repeated();
        let mut lines: Vec<String> = weighted.lines().map(str::to_owned).collect();
        let end = lines[4].rfind(',').expect("a column");
        lines[4].replace_range(end + 1.., weight);
        bench.write("train.csv", lines.join("\n"));
        let (faults, _) = bench.found(&model("linear", true), &json!([]));
        let fault = faults.first().unwrap_or_else(|| panic!("{weight}"));
        let said = fault.to_string();
        assert!(said.contains("line 5, column `copies`") && said.contains("is no weight"), "{weight}: {said}");
    }
}
