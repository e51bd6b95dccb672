//! Splits against an exhaustive search, quality, determinism, missing values, and hostile lists.

#![expect(
    clippy::float_cmp,
    clippy::cast_precision_loss,
    reason = "thresholds are compared as trees do, and rows are few"
)]

use proptest::prelude::*;

use super::*;

fn options() -> Options {
    Options {
        learning_rate: 0.1,
        max_leaves: 31,
        max_depth: None,
        min_child_rows: 1,
        min_child_weight: 0.0,
        l2: 0.0,
        subsample: 1.0,
        column_subsample: 1.0,
        max_bins: 255,
        seed: 7,
        threads: 1,
    }
}

fn rows(columns: Vec<Column>, targets: Vec<f64>) -> Rows {
    let count = u32::try_from(targets.len()).expect("few rows");
    Rows { columns, weights: vec![1.0; targets.len()], targets, training: (0..count).collect() }
}

fn numbers(values: Vec<f64>) -> Column {
    Column { kind: Kind::Number, values }
}

fn fitted(rows: &Rows, loss: Loss, options: &Options, rounds: usize) -> Forest {
    let mut booster = Booster::new(rows.clone(), loss, options.clone());
    for _ in 0..rounds {
        booster.round();
    }
    booster.into_forest(rounds)
}

fn predicted(forest: &Forest, row: &[f64]) -> Vec<f64> {
    let mut outputs = vec![0.0; forest.base().len()];
    forest.predict(row, &mut outputs);
    outputs
}

/// The squared error around the means of two sides.
fn error_of(sides: [&[f64]; 2]) -> f64 {
    sides
        .iter()
        .map(|side| {
            let mean = side.iter().sum::<f64>() / side.len() as f64;
            side.iter().map(|value| (value - mean).powi(2)).sum::<f64>()
        })
        .sum()
}

/// The least squared error that any single split of the table reaches, with the missing values on either side.
fn least_error(columns: &[Column], targets: &[f64], fewest: usize) -> f64 {
    let mut least = f64::INFINITY;
    for column in columns {
        let tests: &[Test] = if column.kind == Kind::Number { &[Test::AtMost] } else { &[Test::AtMost, Test::Equal] };
        for (threshold, test) in column
            .values
            .iter()
            .copied()
            .chain([f64::MAX])
            .flat_map(|threshold| tests.iter().map(move |test| (threshold, *test)))
        {
            for missing_left in [false, true] {
                let (mut left, mut right) = (Vec::new(), Vec::new());
                for (value, target) in column.values.iter().zip(targets) {
                    let goes_left = match test {
                        _ if value.is_nan() => missing_left,
                        Test::AtMost => *value <= threshold,
                        Test::Equal => *value == threshold,
                    };
                    if goes_left { left.push(*target) } else { right.push(*target) }
                }
                if left.len() >= fewest && right.len() >= fewest {
                    least = least.min(error_of([&left, &right]));
                }
            }
        }
    }
    least
}

fn cell(kind: Kind) -> impl Strategy<Value = f64> {
    let most = if kind == Kind::Number { 12 } else { 4 };
    prop_oneof![4 => (0..most).prop_map(f64::from), 1 => Just(f64::NAN)]
}

proptest! {
    /// One tree with two leaves and a full step predicts the means of both sides of the best split.
    #[test]
    fn a_split_is_the_best_of_all(
        first in prop::collection::vec(cell(Kind::Number), 14),
        second in prop::collection::vec(cell(Kind::Category(4)), 14),
        targets in prop::collection::vec((0..40_i32).prop_map(f64::from), 14),
        fewest in 1_u32..4,
    ) {
        let columns = vec![numbers(first), Column { kind: Kind::Category(4), values: second }];
        let least = least_error(&columns, &targets, fewest as usize);
        let options = Options { learning_rate: 1.0, max_leaves: 2, min_child_rows: fewest, ..options() };
        let rows = rows(columns, targets.clone());
        let forest = fitted(&rows, Loss::Squared, &options, 1);
        let whole = error_of([&targets, &[]]);
        if forest.trees().is_empty() {
            prop_assert!(least > whole - 1e-9, "no split, and {least} is below {whole}");
            return Ok(());
        }
        let found: f64 = (0..targets.len())
            .map(|row| {
                let values: Vec<f64> = rows.columns.iter().map(|column| column.values[row]).collect();
                (predicted(&forest, &values)[0] - targets[row]).powi(2)
            })
            .sum();
        prop_assert!((found - least).abs() < 1e-6 * (1.0 + whole), "{found} is not {least}");
    }

    /// Lists from outside are refused, or every prediction ends.
    #[test]
    fn hostile_lists_never_hang_or_crash(
        nodes in prop::collection::vec((-2..4_i32, -2.0..2.0_f64, 0..8_u32, 0..8_u32, 0..5_u8), 1..8),
        sizes in prop::collection::vec(0..5_u32, 0..4),
        exact in any::<bool>(),
    ) {
        let sizes = if exact { vec![u32::try_from(nodes.len()).expect("few")] } else { sizes };
        let parts = Parts {
            base: vec![0.0],
            sizes,
            features: nodes.iter().map(|node| node.0).collect(),
            numbers: nodes.iter().map(|node| node.1).collect(),
            left: nodes.iter().map(|node| node.2).collect(),
            right: nodes.iter().map(|node| node.3).collect(),
            flags: nodes.iter().map(|node| node.4).collect(),
        };
        if let Ok(forest) = Forest::from_parts(&parts, 3, 1) {
            for value in [-1.0, 0.0, 1.0, f64::NAN] {
                prop_assert!(predicted(&forest, &[value; 3])[0].is_finite());
            }
            prop_assert_eq!(forest.parts(), parts);
        }
    }
}

/// 600 rows: three columns of numbers of which two matter together, a category, and missing values that matter.
fn mixed() -> (Rows, Vec<f64>) {
    let noise =
        |row: u32, by: u32| f64::from((row.wrapping_mul(2_654_435_761).wrapping_add(by) >> 8) % 1_000) / 1_000.0;
    let column = |by: u32| (0..600).map(|row| noise(row * by, by)).collect::<Vec<f64>>();
    let (one, mut two, three) = (column(3), column(5), column(7));
    let kind: Vec<f64> = (0..600).map(|row| f64::from(row % 4)).collect();
    (0..600).step_by(5).for_each(|row| two[row] = f64::NAN);
    let target = |row: usize| {
        let two = if two[row].is_nan() { 2.0 } else { two[row] };
        3.0 * f64::from(u8::from(one[row] > 0.5)) * two + [0.0, 4.0, 1.0, 0.0][row % 4] + 0.1 * three[row]
    };
    let targets: Vec<f64> = (0..600).map(target).collect();
    let columns = vec![numbers(one), numbers(two), numbers(three), Column { kind: Kind::Category(4), values: kind }];
    (rows(columns, targets.clone()), targets)
}

#[test]
fn interactions_categories_and_missing_values_are_learnt() {
    let (mut rows, targets) = mixed();
    rows.training.retain(|row| row % 3 != 0);
    let forest = fitted(&rows, Loss::Squared, &Options { min_child_rows: 5, ..options() }, 200);
    let unseen = (0..600).filter(|row| row % 3 == 0);
    let errors: Vec<f64> = unseen
        .map(|row| {
            let values: Vec<f64> = rows.columns.iter().map(|column| column.values[row]).collect();
            (predicted(&forest, &values)[0] - targets[row]).powi(2)
        })
        .collect();
    // The targets have the variance 4.6: 97 of 100 parts of it are explained.
    let error = errors.iter().sum::<f64>() / errors.len() as f64;
    assert!(error < 0.14, "{error}");
}

#[test]
fn every_loss_falls_and_the_kept_rounds_predict_what_training_computed() {
    let (rows, targets) = mixed();
    let with = |targets: Vec<f64>| Rows { targets, ..rows.clone() };
    let is_high = targets.iter().map(|target| f64::from(u8::from(*target > 3.0))).collect();
    let thirds = targets.iter().map(|target| if *target > 4.0 { 2.0 } else { f64::from(u8::from(*target > 1.0)) });
    for (loss, rows, least) in [
        (Loss::Logistic, with(is_high), 0.02),
        (Loss::Softmax(3), with(thirds.collect()), 0.02),
        (Loss::Squared, rows.clone(), 0.01),
        (Loss::Absolute, rows.clone(), 0.15),
        (Loss::Huber(1.0), rows.clone(), 0.01),
    ] {
        let options = Options { subsample: 0.8, column_subsample: 0.8, l2: 1.0, ..options() };
        let mut booster = Booster::new(rows.clone(), loss, options);
        let before = booster.training_loss();
        for _ in 0..100 {
            assert!(booster.round());
        }
        let after = booster.training_loss();
        assert!(after < least && after < before, "{loss:?}: {before} became {after}");
        let outputs: Vec<Vec<f64>> = (0..600).map(|row| booster.outputs(row).to_vec()).collect();
        let forest = booster.into_forest(100);
        let read = Forest::from_parts(&forest.parts(), 4, loss.outputs()).expect("a forest");
        assert_eq!(read, forest);
        for (row, outputs) in outputs.iter().enumerate() {
            let values: Vec<f64> = rows.columns.iter().map(|column| column.values[row]).collect();
            assert_eq!(predicted(&read, &values), *outputs, "row {row}");
        }
    }
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    // So many rows that threads are used.
    let count = 40_000_u32;
    let column = |by: u32| (0..count).map(|row| f64::from(row.wrapping_mul(by) % 1_009)).collect::<Vec<f64>>();
    let columns: Vec<Column> = [3, 7, 11, 1_013].map(|by| numbers(column(by))).into();
    let targets = columns[0].values.iter().zip(&columns[1].values).map(|(one, two)| (one * two).sin()).collect();
    let rows = rows(columns, targets);
    let parts = |threads, seed| {
        let options = Options { threads, seed, subsample: 0.7, column_subsample: 0.7, ..options() };
        fitted(&rows, Loss::Squared, &options, 5).parts()
    };
    let one = parts(1, 7);
    assert_eq!(one, parts(2, 7));
    assert_eq!(one, parts(3, 7));
    assert_ne!(one, parts(1, 8));
}

#[test]
fn limits_of_trees_are_kept() {
    let (rows, _) = mixed();
    let options = Options { max_leaves: 8, max_depth: Some(3), min_child_rows: 40, ..options() };
    let forest = fitted(&rows, Loss::Squared, &options, 20);
    for tree in forest.trees() {
        let leaves = tree.nodes().iter().filter(|node| matches!(node, Node::Leaf(_))).count();
        assert!((2..=8).contains(&leaves), "{leaves} leaves");
        let mut reached = vec![0; tree.nodes().len()];
        for row in 0..600 {
            let (mut node, mut depth) = (0, 0);
            while let Node::Split { feature, threshold, test, missing_left, left, right } = tree.nodes()[node] {
                let value = rows.columns[feature as usize].values[row];
                let holds = if test == Test::Equal { value == threshold } else { value <= threshold };
                node = if if value.is_nan() { missing_left } else { holds } { left } else { right } as usize;
                depth += 1;
            }
            assert!(depth <= 3, "depth {depth}");
            reached[node] += 1;
        }
        assert!(reached.iter().all(|rows| *rows == 0 || *rows >= 40), "{reached:?}");
    }
}

#[test]
fn rows_without_a_value_have_a_way() {
    let (rows, _) = mixed();
    let forest = fitted(&rows, Loss::Squared, &options(), 50);
    // Missing values of the second column stand for 2.0, so a row without one lies above rows with one.
    let with = |two: f64, kind: f64| predicted(&forest, &[0.9, two, 0.5, kind])[0];
    assert!(with(f64::NAN, 0.0) > with(0.9, 0.0) + 1.0);
    // Category 1 adds 4. A missing one is not taken for it.
    assert!(with(0.5, 1.0) > with(0.5, f64::NAN) + 2.0);
}

#[test]
fn nothing_is_added_when_no_split_helps() {
    let rows = rows(vec![numbers(vec![1.0; 10])], (0..10).map(f64::from).collect());
    let mut booster = Booster::new(rows, Loss::Squared, options());
    assert!(!booster.round());
    let forest = booster.into_forest(1);
    assert_eq!((forest.trees().len(), forest.base()), (0, &[4.5][..]));
}

#[test]
fn each_fault_of_lists_is_reported() {
    let (rows, _) = mixed();
    let sound = fitted(&rows, Loss::Squared, &Options { max_leaves: 3, ..options() }, 2).parts();
    let fault = |change: fn(&mut Parts)| {
        let mut parts = sound.clone();
        change(&mut parts);
        Forest::from_parts(&parts, 4, 1).expect_err("hostile").to_string()
    };
    let split = sound.features.iter().position(|feature| *feature >= 0).expect("a split");
    assert_eq!(split, 0);
    for (change, expected) in [
        (
            (|parts| parts.left[0] = 0) as fn(&mut Parts),
            "tree 0: node 0 leads to node 0, expected one behind it, below 5",
        ),
        (|parts| parts.left[0] = 99, "tree 0: node 0 leads to node 99, expected one behind it, below 5"),
        (|parts| parts.left[0] = parts.right[0], "which has another parent"),
        (|parts| parts.features[0] = 4, "tree 0: node 0 splits by column 4, expected 0 to 3"),
        (|parts| parts.features[0] = -2, "tree 0: node 0 splits by column -2, expected 0 to 3"),
        (|parts| parts.numbers[0] = f64::NAN, "tree 0: node 0 holds NaN, expected a finite number"),
        (|parts| parts.numbers[4] = f64::INFINITY, "holds inf, expected a finite number"),
        (|parts| parts.flags[0] = 4, "tree 0: node 0 has the flags 4, expected 0 to 3"),
        (|parts| parts.sizes[0] = 4, "a list has 10 entries, expected one for each of 9 nodes"),
        (|parts| parts.sizes = vec![10, 0], "has no parent before it"),
        (|parts| parts.sizes = vec![0, 10], "tree 0: it has no node"),
        (|parts| parts.base = vec![], "2 trees and 0 bases, expected as many for each of 1 outputs"),
        (|parts| parts.base = vec![f64::NAN], "a base is NaN, expected a finite number"),
        (|parts| parts.flags.truncate(9), "a list has 9 entries, expected one for each of 10 nodes"),
    ] {
        let found = fault(change);
        assert!(found.contains(expected), "expected `{expected}`, found `{found}`");
    }
}
