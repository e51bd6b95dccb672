//! Decides a check from its figures: each part by its bounds, several slices together by Holm's step-down.

use slipway_domain::{CheckOutcome, CheckResult, Interval, SliceResult};

use super::checks::{Check, CheckSubject, MetricSubject, Seeds, Wanted};
use super::holm;
use super::measure::{Measurement, Spread};
use super::parts::{Measured, Trouble};
use super::sentence::{self, Agreement, Place, Subject};

/// The result of a check before severity and exceptions. Later values are worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Decided {
    Holds,
    Open,
    Fails,
}

impl Decided {
    fn outcome(self, check: &Check) -> CheckOutcome {
        match self {
            Self::Holds => CheckOutcome::Pass,
            _ if check.only_warns => CheckOutcome::Warned,
            Self::Open => check.undecided,
            Self::Fails => CheckOutcome::Fail,
        }
    }
}

/// One decided part of a check.
struct Part {
    decided: Decided,
    interval: Option<Interval>,
    rows_to_decide: Option<u64>,
    sentence: String,
    rows: u64,
    name: Option<String>,
}

/// The result of a check that could not be measured.
pub(super) fn failed(check: &Check, reason: &str, rows: u64) -> CheckResult {
    let sentence = sentence::failed(&Subject::of(check, None), reason, &Place::of(check));
    result(check, Decided::Fails.outcome(check), sentence, rows)
}

/// The result of a check against a champion when there is none.
pub(super) fn skipped(check: &Check, rows: u64) -> CheckResult {
    let sentence = sentence::skipped(&Subject::of(check, None), &Place::of(check));
    result(check, CheckOutcome::Skipped, sentence, rows)
}

/// The result of a check whose test set is used up. It is inconclusive, whatever `when_inconclusive` of the policy is.
pub(super) fn used_up(check: &Check, uses: &str, needed: u64, rows: u64) -> CheckResult {
    let outcome = if check.only_warns { CheckOutcome::Warned } else { CheckOutcome::Inconclusive };
    let sentence = sentence::used_up(&Subject::of(check, None), uses, needed, &Place::of(check));
    CheckResult { rows_to_decide: Some(needed), ..result(check, outcome, sentence, rows) }
}

/// The result of a condition that was evaluated.
pub(super) fn condition(check: &Check, holds: bool, rows: u64) -> CheckResult {
    let decided = if holds { Decided::Holds } else { Decided::Fails };
    result(check, decided.outcome(check), sentence::condition(check, holds, &Place::of(check)), rows)
}

/// The result of a check whose parts were measured.
pub(super) fn measured(check: &Check, parts: Vec<Measured>, confidence: f64) -> CheckResult {
    let parts = decided(check, parts, confidence);
    let rows = parts.iter().map(|part| part.rows).sum();
    // The first of the worst parts determines the sentence. There is always one.
    let worst = parts.iter().map(|part| part.decided).max().unwrap_or(Decided::Fails);
    let Some(speaker) = parts.iter().find(|part| part.decided == worst) else {
        return failed(check, "it has no slices", 0);
    };
    if !check.has_parts() {
        let mut result = result(check, worst.outcome(check), speaker.sentence.clone(), rows);
        (result.interval, result.rows_to_decide) = (speaker.interval, speaker.rows_to_decide);
        return result;
    }
    let (all, alike) = (parts.len(), parts.iter().filter(|part| part.decided == worst).count());
    let speaker = match worst {
        // If all parts hold, the sentence shows the one nearest to its threshold.
        Decided::Holds => {
            parts.iter().min_by(|one, other| slack(check, one).total_cmp(&slack(check, other))).unwrap_or(speaker)
        }
        _ => speaker,
    };
    let what = sentence::parts_of(check);
    let sentence = match worst {
        Decided::Holds if is_mild(check) => {
            format!("none of {all} {what} is shown not to hold it, the closest one: {}", speaker.sentence)
        }
        Decided::Holds => format!("all {all} {what} hold it, the closest one: {}", speaker.sentence),
        Decided::Open => format!("{alike} of {all} {what} are undecided: {}", speaker.sentence),
        Decided::Fails => format!("{alike} of {all} {what} do not hold it: {}", speaker.sentence),
    };
    let mut result = result(check, worst.outcome(check), sentence, rows);
    result.rows_to_decide = speaker.rows_to_decide;
    result.slices = parts
        .into_iter()
        .map(|part| SliceResult {
            name: part.name.unwrap_or_default(),
            outcome: part.decided.outcome(check),
            sentence: part.sentence,
            interval: part.interval,
            rows: part.rows,
            rows_to_decide: part.rows_to_decide,
        })
        .collect();
    result
}

/// Whether training runs other than the candidate may stay undecided.
fn is_mild(check: &Check) -> bool {
    matches!(
        &check.subject,
        CheckSubject::Metric(MetricSubject { seeds: Some(Seeds { may_be_undecided: true, .. }), .. })
    )
}

/// The distance of a holding part's bound from its threshold.
fn slack(check: &Check, part: &Part) -> f64 {
    let Some(interval) = &part.interval else {
        return f64::INFINITY;
    };
    match check.wanted() {
        Wanted::AtLeast(threshold) => interval.lowest() - threshold,
        Wanted::AtMost(threshold) => threshold - interval.highest(),
        Wanted::Between(least, most) => (interval.lowest() - least).min(most - interval.highest()),
    }
}

fn result(check: &Check, outcome: CheckOutcome, sentence: String, rows: u64) -> CheckResult {
    CheckResult {
        name: check.name.clone(),
        metric: check.measure(),
        requirement: check.requirement.clone(),
        outcome,
        sentence,
        why: check.why.clone(),
        owner: check.owner.clone(),
        file: check.file.clone(),
        line: check.line,
        interval: None,
        rows,
        rows_to_decide: None,
        slices: Vec::new(),
        exception: None,
        is_withheld: false,
    }
}

fn decided(check: &Check, parts: Vec<Measured>, confidence: f64) -> Vec<Part> {
    let wanted = check.wanted();
    let level = 1.0 - confidence;
    let figures: Vec<&Measurement> = parts.iter().filter_map(|part| part.figure.as_ref().ok()).collect();
    let held = errors(&figures, |figure| error_of_holding(figure, wanted));
    let failing = errors(&figures, |figure| error_of_failing(figure, wanted));
    // Every training run must hold by itself. Dividing the level among the runs would make each test milder.
    let together = matches!(&check.subject, CheckSubject::Metric(subject) if subject.slicing.is_some());
    let each = |errors: &[f64]| -> Vec<(bool, f64)> {
        errors.iter().map(|error| (*error <= level * (1.0 + 1e-9), level)).collect()
    };
    let (held, failing) = if together {
        (holm::step_down(&held, level), holm::step_down(&failing, level))
    } else {
        (each(&held), each(&failing))
    };
    let family = if together { figures.len() } else { 1 };
    let mild = is_mild(check);
    let mut decisions = held.into_iter().zip(failing);
    parts
        .into_iter()
        .enumerate()
        .map(|(place_in_list, part)| {
            let subject = Subject::of(check, part.name.as_deref());
            let place = Place::of(check);
            match part.figure {
                Err(trouble) => unmeasured(&subject, &trouble, &place, part.rows, part.name.clone()),
                Ok(figure) => {
                    let (holds, fails) = decisions.next().unwrap_or(((false, level), (false, level)));
                    let decided = match (holds.0, fails.0) {
                        (true, _) => Decided::Holds,
                        (_, true) => Decided::Fails,
                        // The candidate is the first part.
                        _ if mild && place_in_list > 0 => Decided::Holds,
                        _ => Decided::Open,
                    };
                    let interval = bounds(&figure, wanted, holds.1, fails.1);
                    let found = sentence::Found {
                        interval: &interval,
                        value: part.value,
                        confidence,
                        family,
                        exact: matches!(figure.spread, Spread::Known),
                        decided: match (holds.0, decided) {
                            (true, _) => Some(true),
                            (_, Decided::Fails) => Some(false),
                            _ => None,
                        },
                        agreement: part
                            .value
                            .and_then(|_| figure.unseen_share(holds.1))
                            .map(|(units, unseen)| Agreement { rows: figure.rows, units, unseen }),
                        rows_to_decide: if !holds.0 && decided != Decided::Fails {
                            rows_that_decide(wanted, &figure, &interval, (holds.1, fails.1))
                        } else {
                            None
                        },
                    };
                    Part {
                        decided,
                        interval: Some(interval),
                        rows_to_decide: found.rows_to_decide,
                        sentence: sentence::measured(&subject, &found, &place),
                        rows: part.rows,
                        name: part.name.clone(),
                    }
                }
            }
        })
        .collect()
}

fn errors(figures: &[&Measurement], of: impl Fn(&Measurement) -> f64) -> Vec<f64> {
    figures.iter().map(|figure| of(figure)).collect()
}

fn unmeasured(subject: &Subject<'_>, trouble: &Trouble, place: &Place<'_>, rows: u64, name: Option<String>) -> Part {
    let (decided, sentence, rows_to_decide) = match trouble {
        Trouble::Failed(reason) => (Decided::Fails, sentence::failed(subject, reason, place), None),
        Trouble::TooFew { unit, came, expected } => {
            (Decided::Open, sentence::too_few(subject, unit, *came, *expected, place), Some(*expected))
        }
        Trouble::WithoutRows(reason) => (Decided::Open, sentence::failed(subject, reason, place), None),
    };
    Part { decided, interval: None, rows_to_decide, sentence, rows, name }
}

/// The smallest error probability at which the figure is shown to be on the passing side.
fn error_of_holding(figure: &Measurement, wanted: Wanted) -> f64 {
    match wanted {
        Wanted::AtLeast(threshold) => figure.error_of(threshold, true),
        Wanted::AtMost(threshold) => figure.error_of(threshold, false),
        Wanted::Between(least, most) => figure.error_of(least, true).max(figure.error_of(most, false)),
    }
}

/// The smallest error probability at which the figure is shown to be on the failing side.
fn error_of_failing(figure: &Measurement, wanted: Wanted) -> f64 {
    match wanted {
        Wanted::AtLeast(threshold) => figure.error_of(threshold, false),
        Wanted::AtMost(threshold) => figure.error_of(threshold, true),
        // Only one of the two can be true.
        Wanted::Between(least, most) => figure.error_of(least, false).min(figure.error_of(most, true)),
    }
}

/// The bounds that decided: the bound on the threshold's side at the level of holding, the other bound at the level of failing.
fn bounds(figure: &Measurement, wanted: Wanted, holding: f64, failing: f64) -> Interval {
    match wanted {
        Wanted::AtLeast(_) => figure.interval(1.0 - holding, 1.0 - failing),
        Wanted::AtMost(_) => figure.interval(1.0 - failing, 1.0 - holding),
        Wanted::Between(..) => figure.interval(1.0 - holding, 1.0 - holding),
    }
}

/// The approximate number of rows that would decide, at the levels of holding and of failing.
fn rows_that_decide(
    wanted: Wanted,
    figure: &Measurement,
    interval: &Interval,
    (holding, failing): (f64, f64),
) -> Option<u64> {
    if figure.is_alike() {
        let rows = figure.rows_if_alike(wanted.nearest(figure.estimate), holding)?;
        return whole_rows(rows);
    }
    rows_to_decide(wanted, interval, figure.rows)
        .or_else(|| figure.fewest_for(1.0 - holding.min(failing)).map(rounded_up))
}

/// The approximate number of rows that would decide, if the estimate stayed the same. The width of an interval falls with the
/// square root of the rows, so this is n (reach / gap)². The reach is the distance from the estimate to its bound beyond the
/// threshold. The gap is the distance from the estimate to the threshold. `None` if the estimate equals the threshold, or if the
/// number exceeds a thousand million.
fn rows_to_decide(wanted: Wanted, interval: &Interval, rows: u64) -> Option<u64> {
    let threshold = wanted.nearest(interval.estimate);
    let gap = (interval.estimate - threshold).abs();
    let reach = if interval.estimate >= threshold {
        interval.estimate - interval.lowest()
    } else {
        interval.highest() - interval.estimate
    };
    #[expect(clippy::cast_precision_loss, reason = "row counts stay far below 2^53")]
    let needed = rows as f64 * (reach / gap).powi(2);
    whole_rows(needed)
}

/// A number of rows, rounded up; `None` above a thousand million.
fn whole_rows(needed: f64) -> Option<u64> {
    const MAX: f64 = 1e9;
    if !needed.is_finite() || needed > MAX {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between zero and a thousand million")]
    Some(rounded_up(needed.ceil() as u64))
}

/// Rounds up to two digits, because the number is an estimate that is based on an estimate.
fn rounded_up(rows: u64) -> u64 {
    let unit = 10_u64.pow(rows.checked_ilog10().unwrap_or(0).saturating_sub(1));
    rows.div_ceil(unit) * unit
}
