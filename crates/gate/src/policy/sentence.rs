//! Writes the sentence of every check: the finding, the requirement of the policy, and its place.

use slipway_contract::counted;
use slipway_domain::{CheckOutcome, Interval, Method, Requirement};

use super::checks::{Check, CheckSubject, Wanted};

/// The file and the line of a check.
pub(super) struct Place<'policy> {
    file: &'policy str,
    line: usize,
}

impl<'policy> Place<'policy> {
    /// The place of a check.
    pub(super) fn of(check: &'policy Check) -> Self {
        Self { file: &check.file, line: check.line }
    }
}

/// The subject of a sentence.
pub(super) struct Subject<'policy> {
    describe: String,
    check: &'policy Check,
}

impl<'policy> Subject<'policy> {
    /// The measure of a check on a part of the rows.
    pub(super) fn of(check: &'policy Check, part: Option<&str>) -> Self {
        let describe = match &check.subject {
            CheckSubject::Metric(subject) => subject.metric.describe(),
            CheckSubject::Expression(_) => "the expression".to_owned(),
            CheckSubject::Drift(drift) => format!("{} of `{}` since training", drift.statistic.name(), drift.column),
            CheckSubject::Leakage => "the share of test rows that are in the training data".to_owned(),
        };
        let describe = match part {
            Some(part) => format!("{describe} on {part}"),
            None => describe,
        };
        Self { describe, check }
    }
}

/// The finding.
pub(super) struct Found<'interval> {
    /// The interval of the measure.
    pub(super) interval: &'interval Interval,
    /// The candidate's own value, if the measure is a difference.
    pub(super) value: Option<f64>,
    /// The confidence of all bounds together.
    pub(super) confidence: f64,
    /// The number of slices that they hold for.
    pub(super) family: usize,
    /// Whether the measure is exact and not an estimate.
    pub(super) exact: bool,
    /// The agreement of the models, if no row shows a difference between them.
    pub(super) agreement: Option<Agreement>,
    /// Whether the check holds, if that is decided.
    pub(super) decided: Option<bool>,
    /// The approximate number of rows that would decide.
    pub(super) rows_to_decide: Option<u64>,
}

/// Two models that agree on all rows.
pub(super) struct Agreement {
    /// The number of rows.
    pub(super) rows: u64,
    /// The number of independent units that count: rows, rows of a class, queries or groups.
    pub(super) units: f64,
    /// The share of other units on which they may differ.
    pub(super) unseen: f64,
}

/// The smallest and the largest number of digits after the point.
const DIGITS: usize = 3;
const MAX_DIGITS: usize = 9;

/// The name of a check's parts.
pub(super) fn parts_of(check: &Check) -> String {
    match &check.subject {
        CheckSubject::Metric(subject) => match &subject.slicing {
            Some(slicing) => format!("slices {}", slicing.describe()),
            None => "training runs".to_owned(),
        },
        _ => "parts".to_owned(),
    }
}

/// The sentence of a check that was measured.
pub(super) fn measured(subject: &Subject<'_>, found: &Found<'_>, place: &Place<'_>) -> String {
    let check = subject.check;
    let Found { interval, decided, .. } = found;
    let wanted = check.wanted();
    let digits = digits_for(wanted, interval);
    let of = other_of(&check.requirement);
    let range = match (*decided, check.requirement.clone()) {
        _ if found.exact => exact(interval.estimate),
        (Some(false), Requirement::NoWorseThanChampion { relative, .. }) => {
            one_difference(wanted, interval, &Amount { digits, relative, of: &of })
        }
        (Some(false), Requirement::BetterThanChampion { .. }) => {
            one_difference(wanted, interval, &Amount { digits, relative: false, of: &of })
        }
        (_, Requirement::NoWorseThanChampion { relative, .. }) => {
            differences(interval, &Amount { digits, relative, of: &of })
        }
        (_, Requirement::BetterThanChampion { .. }) => {
            differences(interval, &Amount { digits, relative: false, of: &of })
        }
        (Some(false), _) => one_bound(wanted, interval, digits),
        _ => both_bounds(interval, digits),
    };
    let describe = &subject.describe;
    if found.exact {
        return format!("{describe} is {range}; {}", requirement_of(check, place));
    }
    let range = match found.value {
        Some(value) => format!("{value:.digits$}, {range}"),
        None => range,
    };
    let bounds = if *decided == Some(false) { "" } else { " (one-sided bounds)" };
    let mut confidence = format!("{} confidence", percent(found.confidence));
    if found.family > 1 {
        confidence = format!("{confidence} over all {} slices", found.family);
    }
    let unit = if interval.method == Method::OrderStatistics { "measured time" } else { "row" };
    let more = match (decided, found.rows_to_decide, &found.agreement) {
        (None, Some(rows), None) => format!("; about {} would decide it", counted(rows, unit)),
        (None, None, None) => format!("; no number of {unit}s is likely to decide it"),
        (None, Some(rows), Some(_)) => {
            let rows = counted(rows, unit);
            format!("; about {rows} without a difference would decide it{}", person_decides(check))
        }
        (None, None, Some(_)) => {
            format!("; no number of {unit}s decides it while the models agree{}", person_decides(check))
        }
        (Some(_), ..) => String::new(),
    };
    let agreement = found.agreement.as_ref().map_or_else(String::new, |Agreement { rows, units, unseen }| {
        #[expect(clippy::cast_precision_loss, reason = "row counts stay far below 2^53")]
        let units = if *units < *rows as f64 { format!(" ({units} independent units)") } else { String::new() };
        let unseen = unseen * 100.0;
        format!("; the models agree on all {rows} rows{units}, and may differ on up to {unseen:.2} % of others")
    });
    format!("{describe} is {range} with {confidence}{bounds}{agreement}; {}{more}", requirement_of(check, place))
}

/// The way out of a check that rows cannot decide, unless the policy takes it already.
fn person_decides(check: &Check) -> &'static str {
    if check.undecided == CheckOutcome::Inconclusive {
        ", or a person, by `when_inconclusive: require_approval`"
    } else {
        ""
    }
}

/// The sentence of a check against a champion when there is none.
pub(super) fn skipped(subject: &Subject<'_>, place: &Place<'_>) -> String {
    format!("{} has no champion to be compared with; {}", subject.describe, requirement_of(subject.check, place))
}

/// The sentence of a check that could not be measured.
pub(super) fn failed(subject: &Subject<'_>, reason: &str, place: &Place<'_>) -> String {
    format!("{} cannot be judged: {reason}; {}", subject.describe, requirement_of(subject.check, place))
}

/// The sentence of a check whose test set is used up.
pub(super) fn used_up(subject: &Subject<'_>, uses: &str, needed: u64, place: &Place<'_>) -> String {
    let Subject { describe, check } = subject;
    format!(
        "{describe} cannot be judged on rows that are used up ({uses}): it needs at least {needed} fresh rows; {}",
        requirement_of(check, place)
    )
}

/// The sentence of a check with too few units for a bound.
pub(super) fn too_few(subject: &Subject<'_>, unit: &str, came: u64, expected: u64, place: &Place<'_>) -> String {
    let Subject { describe, check } = subject;
    format!(
        "{describe} cannot be bounded on {came} {unit}, expected at least {expected}; {}",
        requirement_of(check, place)
    )
}

/// The sentence of a condition that was evaluated.
pub(super) fn condition(check: &Check, holds: bool, place: &Place<'_>) -> String {
    let word = if holds { "holds" } else { "does not hold" };
    format!("the expression {word}; {}", requirement_of(check, place))
}

fn requirement_of(check: &Check, place: &Place<'_>) -> String {
    let Place { file, line } = place;
    let better = check.higher_is_better();
    let requirement_of = match &check.requirement {
        Requirement::AtLeast(threshold) => format!("asks for at least {threshold}"),
        Requirement::AtMost(threshold) => format!("asks for at most {threshold}"),
        Requirement::Between(least, most) => format!("asks for {least} to {most}"),
        Requirement::NoWorseThanChampion { margin, relative } => {
            let side = if better { "below" } else { "above" };
            let margin = if *relative { percent(*margin) } else { margin.to_string() };
            format!("allows {margin} {side}")
        }
        Requirement::BetterThanChampion { by, baseline } => {
            let of = baseline.as_ref().map_or_else(String::new, |name| format!(" the baseline `{name}`"));
            format!("asks for more than {by} {}{of}", if better { "above" } else { "below" })
        }
        Requirement::Condition(source) => format!("asks for `{source}`"),
    };
    format!("the policy {requirement_of} ({file}:{line})")
}

fn exact(value: f64) -> String {
    let text = format!("{value:.6}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn one_bound(wanted: Wanted, interval: &Interval, digits: usize) -> String {
    let at_most = format!("at most {:.digits$}", interval.highest());
    let at_least = format!("at least {:.digits$}", interval.lowest());
    match wanted {
        Wanted::AtLeast(_) => at_most,
        Wanted::Between(least, _) if interval.estimate < least => at_most,
        Wanted::AtMost(_) | Wanted::Between(..) => at_least,
    }
}

/// The value that a candidate's is compared with, as a phrase.
fn other_of(requirement: &Requirement) -> String {
    requirement.baseline().map_or_else(|| "the champion's".to_owned(), |name| format!("that of the baseline `{name}`"))
}

/// The format of differences.
struct Amount<'of> {
    digits: usize,
    relative: bool,
    /// The value that it is a difference from.
    of: &'of str,
}

impl Amount<'_> {
    fn size(&self, size: f64) -> String {
        let digits = self.digits;
        if self.relative {
            format!("{:.1$} %", size * 100.0, digits.saturating_sub(2))
        } else {
            format!("{size:.digits$}")
        }
    }
}

fn one_difference(wanted: Wanted, interval: &Interval, amount: &Amount<'_>) -> String {
    let bound = match wanted {
        Wanted::AtLeast(_) => interval.highest(),
        _ => interval.lowest(),
    };
    // If the difference is below zero, its lower bound is the upper bound of its size.
    let least = matches!(wanted, Wanted::AtLeast(_)) == (bound < 0.0);
    let limit = if least { "at least " } else { "at most " };
    format!("{limit}{} {} {}", amount.size(bound.abs()), side(bound), amount.of)
}

fn side(difference: f64) -> &'static str {
    if difference < 0.0 { "below" } else { "above" }
}

/// Both bounds, or the one that exists.
fn both_bounds(interval: &Interval, digits: usize) -> String {
    match (interval.lower, interval.upper) {
        (Some(lower), Some(upper)) => format!("{lower:.digits$} to {upper:.digits$}"),
        (Some(lower), None) => format!("at least {lower:.digits$}, without a bound above"),
        (None, Some(upper)) => format!("at most {upper:.digits$}, without a bound below"),
        (None, None) => format!("about {:.digits$}, without a bound", interval.estimate),
    }
}

/// Two differences from the champion, each with its side. The side appears once if it is the same.
fn differences(interval: &Interval, amount: &Amount<'_>) -> String {
    let (Some(lower), Some(upper)) = (interval.lower, interval.upper) else {
        let found = interval.estimate;
        return format!(
            "about {} {} {}, without a bound on both sides",
            amount.size(found.abs()),
            side(found),
            amount.of
        );
    };
    let (from, to, of) = (amount.size(lower.abs()), amount.size(upper.abs()), amount.of);
    if side(lower) == side(upper) {
        format!("{from} to {to} {} {of}", side(upper))
    } else {
        format!("{from} below to {to} above {of}")
    }
}

/// The number of digits at which both bounds appear on the right side of the threshold.
fn digits_for(wanted: Wanted, interval: &Interval) -> usize {
    let shown = |value: f64, digits: usize| format!("{value:.digits$}").parse().unwrap_or(value);
    let true_to = |value: f64, digits: usize| wanted.holds(shown(value, digits)) == wanted.holds(value);
    (DIGITS..MAX_DIGITS)
        .find(|&digits| true_to(interval.lowest(), digits) && true_to(interval.highest(), digits))
        .unwrap_or(MAX_DIGITS)
}

/// A confidence with five digits, or with as many as distinguish it from one.
pub fn precise(confidence: f64) -> String {
    let digits = (4..16).find(|digits| !format!("{confidence:.digits$}").starts_with('1')).unwrap_or(16);
    format!("{:.1$}", confidence, digits + 1).trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A share in percent: `95 %`, `97.5 %`.
pub(super) fn percent(share: f64) -> String {
    // Enough digits that a share below one is not shown as `100 %`.
    let digits = (4..14).find(|digits| !format!("{:.digits$}", share * 100.0).starts_with("100")).unwrap_or(4);
    let rounded = format!("{:.digits$}", share * 100.0);
    format!("{} %", rounded.trim_end_matches('0').trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_confidence_has_few_digits_and_is_never_shown_as_one() {
        let shown = [0.95, 0.9, 0.9975, 1.0 - 0.05 / 9.0, 1.0 - 5e-8].map(precise);
        assert_eq!(shown, ["0.95", "0.9", "0.9975", "0.99444", "0.99999995"]);
    }
}
