//! Renders a verdict as an SVG image: every interval on its own scale, with its threshold.

use std::fmt::Write as _;

use slipway_contract::Metric;

use slipway_domain::{CheckOutcome, CheckResult, Interval, Requirement, Verdict};

use super::bound;
use super::xml::escaped;

/// The most rows of the image.
const MAX_ROWS: usize = 200;

/// Sizes in pixels.
const ROW: usize = 28;
const LABEL: f64 = 300.0;
const PLOT: f64 = 360.0;
const WIDTH: f64 = 880.0;
const HEAD: usize = 48;

/// The most characters of a label.
const MAX_LABEL_LENGTH: usize = 44;

/// One interval with its label.
struct Row<'verdict> {
    label: String,
    outcome: CheckOutcome,
    interval: Option<&'verdict Interval>,
    thresholds: Vec<f64>,
}

/// The verdict as SVG 1.1. Ends with a line break.
pub fn svg(verdict: &Verdict) -> String {
    let rows: Vec<Row<'_>> = verdict.checks.iter().flat_map(rows_of).collect();
    let shown = rows.len().min(MAX_ROWS);
    let height = HEAD + ROW * shown + if rows.len() > shown { ROW } else { 0 } + 12;
    let title = escaped(&verdict.summary());
    let mut page = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" font-size=\"12\" role=\"img\">\n<title>{title}</title>\n<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n<text x=\"12\" y=\"26\" font-size=\"15\" font-weight=\"bold\">{}</text>\n",
        escaped(&short(&format!("{}: {}", verdict.outcome.name(), verdict.policy), 90)),
    );
    for (place, row) in rows.iter().take(shown).enumerate() {
        draw(&mut page, row, HEAD + ROW * place);
    }
    if rows.len() > shown {
        let y = HEAD + ROW * shown + 18;
        // Writing to a `String` cannot fail.
        let _ = writeln!(page, "<text x=\"12\" y=\"{y}\">and {} more</text>", rows.len() - shown);
    }
    page.push_str("</svg>\n");
    page
}

fn rows_of(check: &CheckResult) -> Vec<Row<'_>> {
    let label = check.name.clone().unwrap_or_else(|| check.metric.clone());
    let thresholds = thresholds(check);
    let mut rows =
        vec![Row { label, outcome: check.outcome, interval: check.interval.as_ref(), thresholds: thresholds.clone() }];
    rows.extend(check.slices.iter().map(|slice| Row {
        label: format!("   {}", slice.name),
        outcome: slice.outcome,
        interval: slice.interval.as_ref(),
        thresholds: thresholds.clone(),
    }));
    rows
}

/// The thresholds in the unit of the interval. A margin lies below zero if higher values are better.
fn thresholds(check: &CheckResult) -> Vec<f64> {
    let better = check.metric.parse::<Metric>().is_ok_and(|metric| metric.higher_is_better());
    let sign = if better { 1.0 } else { -1.0 };
    match &check.requirement {
        Requirement::AtLeast(threshold) | Requirement::AtMost(threshold) => vec![*threshold],
        Requirement::Between(least, most) => vec![*least, *most],
        Requirement::NoWorseThanChampion { margin, .. } => vec![-sign * margin],
        Requirement::BetterThanChampion { by, .. } => vec![sign * by],
        Requirement::Condition(_) => Vec::new(),
    }
}

fn colour(outcome: CheckOutcome) -> &'static str {
    match outcome {
        CheckOutcome::Pass => "#1a7f37",
        CheckOutcome::Fail => "#cf222e",
        CheckOutcome::Inconclusive | CheckOutcome::NeedsApproval | CheckOutcome::Warned => "#9a6700",
        CheckOutcome::Skipped | CheckOutcome::Excepted | CheckOutcome::Withheld => "#6e7781",
    }
}

fn draw(page: &mut String, row: &Row<'_>, top: usize) {
    let (text, middle, colour) = (top + 18, top + 14, colour(row.outcome));
    let label = escaped(&short(&row.label, MAX_LABEL_LENGTH));
    let _ = writeln!(page, "<text x=\"12\" y=\"{text}\" xml:space=\"preserve\">{label}</text>");
    let end = LABEL + PLOT + 16.0;
    let Some(Interval { estimate, lower, upper, .. }) = row.interval else {
        let _ = writeln!(page, "<text x=\"{end}\" y=\"{text}\" fill=\"{colour}\">{}</text>", row.outcome.name());
        return;
    };
    let seen = || row.thresholds.iter().copied().chain([*estimate]).chain(*lower).chain(*upper);
    let (least, most) = (seen().fold(f64::INFINITY, f64::min), seen().fold(f64::NEG_INFINITY, f64::max));
    let width = (most - least).max(1e-12);
    let at = |value: f64| LABEL + 8.0 + (value - least) / width * (PLOT - 16.0);
    for threshold in &row.thresholds {
        let x = at(*threshold);
        let _ = writeln!(
            page,
            "<line x1=\"{x:.1}\" y1=\"{}\" x2=\"{x:.1}\" y2=\"{}\" stroke=\"#57606a\" stroke-dasharray=\"3 2\"/>",
            top + 4,
            top + 24
        );
    }
    let _ = writeln!(
        page,
        "<line x1=\"{:.1}\" y1=\"{middle}\" x2=\"{:.1}\" y2=\"{middle}\" stroke=\"{colour}\" stroke-width=\"3\"/>\n<circle cx=\"{:.1}\" cy=\"{middle}\" r=\"5\" fill=\"{colour}\"/>",
        lower.map_or(LABEL, at),
        upper.map_or(LABEL + PLOT, at),
        at(*estimate)
    );
    let _ = writeln!(
        page,
        "<text x=\"{end}\" y=\"{text}\" fill=\"{colour}\">{estimate:.4} ({} to {})</text>",
        bound(*lower),
        bound(*upper)
    );
}

fn short(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most - 1).chain(['…']).collect()
}
