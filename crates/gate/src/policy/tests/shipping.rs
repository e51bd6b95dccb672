//! The policies that ship: each is sound, each check of each can pass and can refuse.

use std::collections::BTreeMap;

use slipway_contract::metrics::{Attribute, Estimates, Predictions, Table};

use super::sample::{evaluation, evidence};
use crate::evaluation::{Evaluation, SampleColumn, Samples};
use crate::policy::render;
use crate::policy::shipped::SHIPPED;
use crate::policy::{Champion, Data, Evidence, Facts, Policy};
use slipway_domain::{CheckOutcome, Outcome};

fn shipped(name: &str) -> Policy {
    let (_, text) = SHIPPED.iter().find(|(known, _)| *known == name).expect(name);
    Policy::read(&format!("slipway:{name}"), text).unwrap_or_else(|mistakes| panic!("{mistakes:?}"))
}

/// Two classes, the first of which a third of the rows have; `wrong` rows of a hundred are predicted wrong.
fn two_classes(name: &str, classes: [&str; 2], rows: u32, wrong: u32) -> Evaluation {
    let label = |row: u32| u32::from(!row.is_multiple_of(3));
    let is_wrong = |row: u32| (row / 3 * 7) % 100 < wrong;
    let labels: Vec<u32> = (0..rows).map(label).collect();
    let predictions: Vec<u32> = (0..rows).map(|row| if is_wrong(row) { 1 - label(row) } else { label(row) }).collect();
    // A right answer is given at a score that is right about as often.
    let scores = predictions.iter().flat_map(|class| if *class == 0 { [0.96, 0.04] } else { [0.04, 0.96] }).collect();
    let table = Predictions {
        rows: (0..rows).map(|row| format!("row-{row}")).collect(),
        classes: classes.map(str::to_owned).to_vec(),
        labels,
        predictions,
        scores: Some(scores),
    };
    stating(evaluation(name, Table::Classes(table)))
}

/// States whatever the shipped policies ask for, and has the columns they group by.
fn stating(mut evaluation: Evaluation) -> Evaluation {
    let rows = u32::try_from(evaluation.table.len()).expect("few rows");
    let attribute = |count: u32, of: fn(u32) -> u32| Attribute {
        values: (0..count).map(|value| format!("value-{value}")).collect(),
        of_row: (0..rows).map(|row| of(row) % count).collect(),
    };
    for (column, attribute) in [
        ("sex", attribute(2, |row| row / 6)),
        ("site", attribute(3, |row| row / 300)),
        ("line", attribute(2, |row| row / 900)),
        ("batch", attribute(150, |row| row)),
        ("series", attribute(150, |row| row)),
    ] {
        evaluation.attributes.insert(column.to_owned(), attribute);
    }
    let every = slipway_contract::metrics::all(evaluation.table.len());
    for (name, _) in SHIPPED {
        for check in &shipped(name).checks {
            if let Some(metric) = check.metric().filter(|metric| metric.is_stated())
                && let Ok(Some(value)) = metric.over(evaluation.rows(), &every)
            {
                evaluation.report.metrics.insert(metric.clone(), value);
            }
        }
    }
    evaluation
}

/// Errors of a size; forecasts with another `turn` err in other rows, by a few hundredths.
fn forecast(name: &str, size: f64, turn: u32) -> Evaluation {
    let error =
        |row: u32| size * (f64::from(row * 29 % 100) / 50.0 - 0.99 + f64::from((row * 7 + turn) % 11) / 500.0 - 0.01);
    let labels: Vec<f64> = (0..3_000).map(|row| f64::from(row % 40)).collect();
    let predictions: Vec<f64> = (0..3_000).map(|row| f64::from(row % 40) - error(row)).collect();
    let shifted = |by: f64| predictions.iter().map(|value| value + by * size).collect();
    let quantiles =
        BTreeMap::from([("quantile_0.1".to_owned(), shifted(-0.8)), ("quantile_0.9".to_owned(), shifted(0.8))]);
    let rows = (0..3_000).map(|row| format!("row-{row}")).collect();
    stating(evaluation(name, Table::Numbers(Estimates { rows, labels, predictions, quantiles })))
}

fn outcomes(name: &str, evidence: &Evidence<'_>) -> (Outcome, Vec<(String, CheckOutcome)>) {
    let verdict = shipped(name).judge(evidence);
    let of = |check: &slipway_domain::CheckResult| (check.sentence.clone(), check.outcome);
    (verdict.outcome, verdict.checks.iter().map(of).collect())
}

/// All checks pass on the good candidate; each stands in the way of the bad one or warns of it.
fn assert_can_pass_and_refuse(name: &str, good: &Evidence<'_>, bad: &Evidence<'_>) {
    let (outcome, checks) = outcomes(name, good);
    assert_eq!(outcome, Outcome::Pass, "{name}: {checks:#?}");
    assert!(checks.iter().all(|(_, outcome)| *outcome == CheckOutcome::Pass), "{name}: {checks:#?}");
    let (outcome, checks) = outcomes(name, bad);
    assert_eq!(outcome, Outcome::Fail, "{name}: {checks:#?}");
    assert!(checks.iter().all(|(_, outcome)| *outcome != CheckOutcome::Pass), "{name}: {checks:#?}");
}

#[test]
fn every_shipped_policy_can_pass_and_every_check_of_it_can_refuse() {
    let rows = |name: &str, classes, wrong| two_classes(name, classes, 3_600, wrong);
    for (name, classes) in [
        ("image-classification", ["cat", "dog"]),
        ("medical-screening", ["positive", "negative"]),
        ("quality-inspection", ["defect", "fine"]),
    ] {
        let (good, also_good, bad) =
            (rows("good", classes, 2), rows("also good", classes, 2), rows("bad", classes, 60));
        let seeds = [rows("second", classes, 2), rows("third", classes, 2)];
        let numbers = |first: u32| Samples {
            rows: 50,
            columns: [("x".to_owned(), SampleColumn::Numbers((first..first + 50).map(f64::from).collect()))].into(),
        };
        let data = |first| Data { training: Some(numbers(0)), test: Some(numbers(first)), ..Data::default() };
        let passing = Evidence { seeds: &seeds, data: data(50), ..evidence(&good, Champion::Evaluated(&also_good)) };
        let failing = Evidence { seeds: &seeds, data: data(0), ..evidence(&bad, Champion::Evaluated(&also_good)) };
        assert_can_pass_and_refuse(name, &passing, &failing);
    }
}

#[test]
fn the_policy_of_credit_risk_looks_at_groups() {
    let good = two_classes("good", ["bad", "good"], 6_000, 4);
    let mut unfair = two_classes("unfair", ["bad", "good"], 6_000, 4);
    // In one group nearly everybody is refused.
    let refused: Vec<usize> = (0..6_000).filter(|row| row / 6 % 2 == 1 && row % 10 > 0).collect();
    if let Table::Classes(table) = &mut unfair.table {
        for row in refused {
            table.predictions[row] = 0;
            table.scores.as_mut().expect("scores")[2 * row..2 * row + 2].copy_from_slice(&[0.96, 0.04]);
        }
    }
    let unfair = stating(unfair);
    let champion = two_classes("champion", ["bad", "good"], 6_000, 4);
    let (passing, failing) =
        (evidence(&good, Champion::Evaluated(&champion)), evidence(&unfair, Champion::Evaluated(&champion)));
    let (outcome, checks) = outcomes("credit-risk", &passing);
    assert_eq!(outcome, Outcome::Pass, "{checks:#?}");
    let (outcome, checks) = outcomes("credit-risk", &failing);
    assert_eq!(outcome, Outcome::Fail, "{checks:#?}");
    let failed: Vec<bool> = checks.iter().map(|(_, outcome)| *outcome == CheckOutcome::Fail).collect();
    assert_eq!(failed[3..], [true, true], "{checks:#?}");
}

#[test]
fn the_policy_of_forecasting_can_pass_and_every_check_of_it_can_refuse() {
    let (good, champion, bad) = (forecast("good", 1.0, 0), forecast("champion", 1.0, 4), forecast("bad", 40.0, 0));
    let bad = {
        let mut bad = bad;
        if let Table::Numbers(table) = &mut bad.table {
            // Intervals so wide that they say nothing.
            table.quantiles.values_mut().flatten().for_each(|value| *value *= 9.0);
        }
        stating(bad)
    };
    let (passing, failing) =
        (evidence(&good, Champion::Evaluated(&champion)), evidence(&bad, Champion::Evaluated(&champion)));
    assert_can_pass_and_refuse("forecasting", &passing, &failing);
}

#[test]
fn the_serving_budget_can_pass_and_every_check_of_it_can_refuse() {
    let candidate = two_classes("candidate", ["a", "b"], 300, 2);
    let facts = |scale: f64| {
        let mut facts = Facts::default();
        facts.figures.extend([
            ("artifact.bytes", 1e6 * scale),
            ("artifact.parameters", 2e5 * scale),
            ("artifact.device_seconds", 100.0 * scale),
            ("artifact.latency_p50", scale),
        ]);
        facts.latencies = (0..1_000).map(|place| scale * (1.0 + f64::from(place % 10) / 10.0)).collect();
        facts
    };
    let with = |scale| Evidence { facts: facts(scale), ..evidence(&candidate, Champion::None) };
    assert_can_pass_and_refuse("serving-budget", &with(1.0), &with(100.0));
}

#[test]
fn the_serving_budget_beside_medical_screening_gives_a_verdict_that_reads_back() {
    let candidate = two_classes("candidate", ["positive", "negative"], 3_600, 2);
    // A model so slow that no more than the fewest predictions were timed.
    let mut facts = Facts::default();
    facts.figures.extend([("artifact.bytes", 1e6), ("artifact.parameters", 2e5), ("artifact.device_seconds", 1.0)]);
    facts.add_latencies((0..500).map(|place| 1.0 + f64::from(place % 10) / 10.0).collect());
    let evidence = Evidence { facts, ..evidence(&candidate, Champion::None) };
    let text = "apiVersion: slipway.dev/v1alpha1\nkind: Policy\nmetadata: {name: both}\nspec:\n  confidence: 0.99\n  \
                extends: [slipway:medical-screening, slipway:serving-budget]\n";
    let policy = Policy::read("both.yaml", text);
    let verdict = policy.unwrap_or_else(|mistakes| panic!("{mistakes:?}")).judge(&evidence);
    let tail = verdict.checks.iter().find(|check| check.name.as_deref() == Some("tail-latency")).expect("judged");
    assert_eq!(tail.outcome, CheckOutcome::Inconclusive, "{}", tail.sentence);
    assert_eq!(tail.interval.map(|interval| (interval.lower, interval.upper)), Some((Some(1.9), None)));
    assert!(tail.sentence.contains("at least 1.900, without a bound above"), "{}", tail.sentence);
    assert!(tail.sentence.contains("about 730 measured times would decide it"), "{}", tail.sentence);
    let stored = serde_json::to_string(&verdict).expect("a document");
    let read: slipway_domain::Verdict = serde_json::from_str(&stored).expect("it reads back");
    // The last digit of a number may differ.
    let bounds = |verdict: &slipway_domain::Verdict| -> Vec<Option<(bool, bool)>> {
        let of = |interval: slipway_domain::Interval| (interval.lower.is_some(), interval.upper.is_some());
        verdict.checks.iter().map(|check| check.interval.map(of)).collect()
    };
    assert_eq!((read.outcome, bounds(&read)), (verdict.outcome, bounds(&verdict)));
    for shown in [render::text(&verdict), render::markdown(&verdict), render::svg(&verdict), render::junit(&verdict)] {
        let mut words = shown.split(|letter: char| !letter.is_alphanumeric());
        assert!(words.all(|word| word != "inf" && word != "NaN"), "{shown}");
    }
}

#[test]
fn every_file_in_the_folder_ships_and_has_comments() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies");
    let files = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").file_name());
    let mut files: Vec<String> = files.map(|name| name.to_string_lossy().into_owned()).collect();
    files.sort();
    let mut names: Vec<String> = SHIPPED.iter().map(|(name, _)| format!("{name}.yaml")).collect();
    names.sort();
    assert_eq!(files, names);
    for (name, text) in SHIPPED {
        assert!(text.lines().filter(|line| line.trim_start().starts_with('#')).count() > 3, "{name}");
        assert_eq!(shipped(name).name().as_str(), name);
    }
}

#[test]
fn the_page_about_policies_shows_only_what_can_be_read() {
    let page = include_str!("../../../../../docs/policies.md");
    let blocks: Vec<&str> = page.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(blocks.len() >= 4);
    for block in blocks {
        if let Some(part) = block.strip_prefix("# of a model's slipway.yaml\n") {
            assert_eq!(model_with(part).problems(), [], "{part}");
            continue;
        }
        let text = if block.starts_with("apiVersion") {
            block.to_owned()
        } else {
            format!(
                "apiVersion: slipway.dev/v1alpha1\nkind: Policy\nmetadata: {{name: page}}\nspec:\n  checks:\n{block}"
            )
        };
        if let Err(mistakes) = Policy::read("docs/policies.md", &text) {
            panic!("{text}\n{mistakes:#?}");
        }
    }
}

/// A model with a part of its specification.
fn model_with(part: &str) -> slipway_contract::Model {
    let part = part.trim_end().replace('\n', "\n  ");
    let text = format!(
        "apiVersion: slipway.dev/v1alpha1\nkind: Model\nmetadata: {{name: page}}\nspec:\n  paths: [data/**]\n  \
         task: classification\n  policy: policy.yaml\n  model: {{sequential: [{{linear: 2}}]}}\n  \
         training: {{optimizer: {{adam: {{learning_rate: 0.001}}}}, epochs: 1, batch_size: 8}}\n  {part}\n"
    );
    slipway_yaml::read("docs/policies.md", &text).unwrap_or_else(|mistake| panic!("{text}\n{mistake}"))
}
