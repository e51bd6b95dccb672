//! Speed: many rows, ten metrics, over all rows and in every slice, two thousand resamples each.

use serde_json::{Value, json};
use slipway_contract::metrics::Table;

use super::draw::Draw;
use super::world::{attribute, classes, evaluation, judge, policy};

/// Ten metrics that are resampled or have a formula, as they are written and as the report names them.
const METRICS: [(&str, &str); 10] = [
    ("accuracy", "accuracy"),
    ("balanced_accuracy", "balanced_accuracy"),
    ("macro_f1", "macro_f1"),
    ("weighted_f1", "weighted_f1"),
    ("matthews_correlation", "matthews_correlation"),
    ("log_loss", "log_loss"),
    ("brier_score", "brier_score"),
    ("expected_calibration_error", "expected_calibration_error"),
    ("{roc_auc: {class: '1'}}", "roc_auc(class=\"1\")"),
    ("{pr_auc: {class: '1'}}", "pr_auc(class=\"1\")"),
];

/// Classes of the table.
const CLASSES: u32 = 5;

/// Judges ten checks over all rows and ten in slices; wall time and the peak of memory.
pub(crate) fn run(rows: u32, slices: u32) -> Value {
    let mut draw = Draw::new(5);
    let mut table = classes(rows, CLASSES, true);
    #[expect(clippy::cast_possible_truncation, reason = "scores are 32-bit floats")]
    for row in 0..rows as usize {
        let label = draw.below(CLASSES);
        let predicted = if draw.uniform() < 0.8 { label } else { draw.below(CLASSES) };
        (table.labels[row], table.predictions[row]) = (label, predicted);
        let top = 0.3 + 0.7 * draw.uniform();
        let scores = table.scores.as_mut().expect("scores");
        for class in 0..CLASSES {
            let share = if class == predicted { top } else { (1.0 - top) / f64::from(CLASSES - 1) };
            scores[row * CLASSES as usize + class as usize] = share as f32;
        }
    }
    let stated: Vec<&str> = METRICS.iter().map(|(_, name)| *name).collect();
    let mut candidate = evaluation("candidate", Table::Classes(table), &stated);
    candidate.attributes.insert("region".to_owned(), attribute(slices, rows, |row| row % slices));
    let rule = |name: &str| match name {
        "log_loss" | "brier_score" | "expected_calibration_error" => "at_most: 0.5",
        _ => "at_least: 0.5",
    };
    let checks: Vec<String> = METRICS
        .iter()
        .flat_map(|(written, name)| {
            let whole = format!("metric: {written}, {}", rule(name));
            let by_region = format!("metric: {written}, {}, slice: {{by: region}}", rule(name));
            [whole, by_region]
        })
        .collect();
    let policy = policy(&checks);
    let begun = std::time::Instant::now();
    let verdict = judge(&policy, &candidate, None);
    let seconds = begun.elapsed().as_secs_f64();
    let measured: usize = verdict.checks.iter().map(|check| check.slices.len().max(1)).sum();
    json!({
        "rows": rows, "metrics": METRICS.len(), "slices": slices, "resamples": 2_000, "intervals": measured,
        "seconds": seconds, "peak_bytes": peak_bytes(),
    })
}

/// The largest resident set of this process so far.
pub(crate) fn peak_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    peak.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) * 1024
}
