//! The sentence of every check: what was found, what the policy asks for, and where it says so.

use crate::domain::{Interval, Requirement};

use super::checks::{Check, Wanted};
use super::figure::FEWEST_ROWS;

/// Where a check stands, and how sure it is to be.
pub(super) struct Place<'policy> {
    pub(super) file: &'policy str,
    pub(super) line: usize,
    pub(super) confidence: f64,
}

/// Digits after the point to begin with, and at most.
const DIGITS: usize = 3;
const MOST_DIGITS: usize = 9;

/// A check that was measured.
pub(super) fn measured(check: &Check, interval: &Interval, rows_to_decide: Option<u64>, place: &Place<'_>) -> String {
    let wanted = Wanted::of(check.metric, check.requirement);
    let digits = digits_for(wanted, interval);
    let relative = matches!(check.requirement, Requirement::NoWorseThanChampion { .. });
    let decided = wanted.decided_by(interval);
    let range = match (decided, relative) {
        (Some(false), false) => one_bound(wanted, interval, digits),
        (Some(false), true) => one_difference(wanted, interval, digits),
        (_, false) => format!("{:.digits$} to {:.digits$}", interval.lower, interval.upper),
        (_, true) => differences(interval.lower, interval.upper, digits),
    };
    let bounds = if decided == Some(false) { "" } else { " (one-sided bounds)" };
    let confidence = percent(place.confidence);
    let metric = check.metric;
    let found = format!("{metric} is {range} with {confidence} confidence{bounds}");
    let more = match (decided, rows_to_decide) {
        (None, Some(rows)) => format!("; about {rows} rows would decide it"),
        (None, None) => "; no number of rows is likely to decide it".to_owned(),
        _ => String::new(),
    };
    format!("{found}; {}{more}", asked(check, place))
}

/// A check that compares with a champion where there is none.
pub(super) fn skipped(check: &Check, place: &Place<'_>) -> String {
    format!("{} has no champion to be compared with; {}", check.metric, asked(check, place))
}

/// A check that could not be measured.
pub(super) fn failed(check: &Check, reason: &str, place: &Place<'_>) -> String {
    format!("{} cannot be judged: {reason}; {}", check.metric, asked(check, place))
}

/// A check that would need resampling where there are too few rows for it.
pub(super) fn too_few_rows(check: &Check, rows: usize, place: &Place<'_>) -> String {
    let metric = check.metric;
    format!("{metric} cannot be bounded on {rows} rows, expected at least {FEWEST_ROWS}; {}", asked(check, place))
}

fn asked(check: &Check, place: &Place<'_>) -> String {
    let Place { file, line, .. } = place;
    let asked = match check.requirement {
        Requirement::AtLeast(threshold) => format!("asks for at least {threshold}"),
        Requirement::AtMost(threshold) => format!("asks for at most {threshold}"),
        Requirement::NoWorseThanChampion { margin } => {
            let side = if check.metric.higher_is_better() { "below" } else { "above" };
            format!("allows {margin} {side}")
        }
    };
    format!("the policy {asked} ({file}:{line})")
}

fn one_bound(wanted: Wanted, interval: &Interval, digits: usize) -> String {
    match wanted {
        Wanted::AtLeast(_) => format!("at most {:.digits$}", interval.upper),
        Wanted::AtMost(_) => format!("at least {:.digits$}", interval.lower),
    }
}

fn one_difference(wanted: Wanted, interval: &Interval, digits: usize) -> String {
    let (side, by) = match wanted {
        Wanted::AtLeast(_) => ("below", -interval.upper),
        Wanted::AtMost(_) => ("above", interval.lower),
    };
    format!("at least {by:.digits$} {side} the champion's")
}

/// Two differences from the champion, each with its side; the side once if it is the same.
fn differences(lower: f64, upper: f64, digits: usize) -> String {
    let side = |difference: f64| if difference < 0.0 { "below" } else { "above" };
    let (from, to) = (lower.abs(), upper.abs());
    if side(lower) == side(upper) {
        format!("{from:.digits$} to {to:.digits$} {} the champion's", side(upper))
    } else {
        format!("{from:.digits$} below to {to:.digits$} above the champion's")
    }
}

/// Digits enough for a bound to be seen on that side of the threshold where it is.
fn digits_for(wanted: Wanted, interval: &Interval) -> usize {
    let shown = |value: f64, digits: usize| format!("{value:.digits$}").parse().unwrap_or(value);
    let true_to = |value: f64, digits: usize| wanted.holds(shown(value, digits)) == wanted.holds(value);
    (DIGITS..MOST_DIGITS)
        .find(|&digits| true_to(interval.lower, digits) && true_to(interval.upper, digits))
        .unwrap_or(MOST_DIGITS)
}

/// A share as people say it: `95 %`, `97.5 %`.
pub(super) fn percent(share: f64) -> String {
    let rounded = format!("{:.4}", share * 100.0);
    format!("{} %", rounded.trim_end_matches('0').trim_end_matches('.'))
}
