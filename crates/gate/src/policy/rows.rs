//! Checks before training whether the available rows could ever show what a policy requires.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use slipway_contract::metrics::Subject;

use slipway_domain::{CheckOutcome, Diagnostic, Requirement};

use super::Policy;
use super::checks::{Check, CheckSubject, MetricSubject, Wanted};
use super::exception::{Covers, Exception};
use super::measure::{MIN_UNITS, fewest, is_share, no_difference, share};
use super::sentence::precise;
use super::slices::Slicing;

/// A check that requires more rows than are available.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shortage {
    /// The message at the check's position.
    pub diagnostic: Diagnostic,
    /// Whether no model at all can pass. If false, a model can pass that is clearly better than the champion, or the first model,
    /// which has no champion to be compared with.
    pub hopeless: bool,
}

impl Policy {
    /// Every check that `rows` test rows could not show to hold, even for a model that is right on each of them. Leaves out
    /// checks that only warn, that leave an undecided result to a person, or that an exception covers today, because nothing has
    /// to be shown for them.
    pub fn short_of_rows(&self, rows: u64, model: &str, now: Timestamp) -> Vec<Shortage> {
        let today = TimeZone::UTC.to_datetime(now).date();
        let covers =
            |exception: &Exception, check| matches!(exception.covers(check, Some(model), today), Some(Covers::Yes(_)));
        let checks =
            self.checks.iter().filter(|check| !self.exceptions.iter().any(|exception| covers(exception, check)));
        let confidence = self.confidence_spent(self.symbols());
        checks.filter_map(|check| check.short_of_rows(rows, confidence)).collect()
    }
}

impl Check {
    fn short_of_rows(&self, rows: u64, confidence: f64) -> Option<Shortage> {
        let CheckSubject::Metric(subject) = &self.subject else { return None };
        if self.only_warns
            || self.undecided != CheckOutcome::Inconclusive
            || subject.metric.subject() == Subject::Artifact
        {
            return None;
        }
        let (needed, best_case) = self.fewest_rows(subject, confidence)?;
        if rows >= needed {
            return None;
        }
        let (needed, has) = (in_thousands(about(needed)), in_thousands(rows));
        let rows_of = |number: &str| if number == "1" { "1 row".to_owned() } else { format!("{number} rows") };
        let name = subject.metric.describe();
        let (key, what, hopeless) = match &self.requirement {
            Requirement::NoWorseThanChampion { margin, .. } => (
                "no_worse_than_champion",
                format!(
                    "a margin of {margin} to the champion's {name} cannot be shown, unless a candidate is clearly better"
                ),
                false,
            ),
            Requirement::BetterThanChampion { baseline: None, .. } => {
                ("better_than_champion", format!("a better {name} than the champion's cannot be shown"), false)
            }
            Requirement::BetterThanChampion { baseline: Some(baseline), .. } => (
                "better_than_baseline",
                format!("a better {name} than that of the baseline `{baseline}` cannot be shown"),
                false,
            ),
            Requirement::AtMost(threshold) => {
                ("at_most", format!("{name} of at most {threshold} cannot be shown"), true)
            }
            Requirement::Between(from, to) => ("between", format!("{name} from {from} to {to} cannot be shown"), true),
            Requirement::AtLeast(threshold) => {
                ("at_least", format!("{name} of at least {threshold} cannot be shown"), true)
            }
            Requirement::Condition(_) => return None,
        };
        let case = match &self.requirement {
            Requirement::NoWorseThanChampion { .. } if best_case => ", even if both models are right on every row",
            Requirement::AtLeast(_) if best_case => ", even of a model that is right on every row",
            _ => "",
        };
        let message = format!("{what}: it needs about {}, has {has}{case}", rows_of(&needed));
        let help = format!(
            "add test rows, or ask for what {} can show at a confidence of {}; \
             `when_inconclusive` says what becomes of what is not decided",
            rows_of(&has),
            precise(confidence)
        );
        let place = self.places.get(key).or_else(|| self.places.get("metric")).copied();
        Some(Shortage { diagnostic: Diagnostic::new(&self.file, message).at(place).help(help), hopeless })
    }

    /// The fewest rows on which the check can be shown to hold at all.
    pub(super) fn least_rows(&self, confidence: f64) -> u64 {
        let of_subject = match &self.subject {
            CheckSubject::Metric(subject) => self.fewest_rows(subject, confidence).map(|(rows, _)| rows),
            _ => None,
        };
        // If every row favours the candidate, n rows are wrong by chance once in 2^n cases.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small number above zero")]
        let of_chance = (1.0 - confidence).log2().abs().ceil() as u64;
        of_subject.unwrap_or(of_chance)
    }

    /// The fewest rows on which the check can be shown to hold, and whether the number is for the best possible case. Several
    /// slices need even more. `None` if it is unknown before the measurement.
    fn fewest_rows(&self, subject: &MetricSubject, confidence: f64) -> Option<(u64, bool)> {
        let in_slice = subject.slicing.as_ref().map_or(0, Slicing::minimum_rows);
        let holds = |(lower, upper): (f64, f64)| match self.wanted() {
            Wanted::AtLeast(threshold) => lower >= threshold,
            Wanted::AtMost(threshold) => upper <= threshold,
            Wanted::Between(from, to) => lower >= from && upper <= to,
        };
        if !is_share(&subject.metric) || subject.group_by.is_some() {
            return Some((in_slice.max(MIN_UNITS as u64), false));
        }
        let best = match &self.requirement {
            Requirement::AtLeast(_) => fewest(|rows| holds(share(1.0, rows, confidence))),
            Requirement::AtMost(_) => fewest(|rows| holds(share(0.0, rows, confidence))),
            Requirement::Between(from, to) => fewest(|rows| is_between(*from, *to, rows, confidence)),
            Requirement::NoWorseThanChampion { margin, relative: false } if *margin > 0.0 => {
                fewest(|rows| holds(no_difference(rows, confidence)))
            }
            _ => None,
        };
        match best {
            Some(best) if best >= in_slice => Some((best, true)),
            _ => (in_slice > 0).then_some((in_slice, false)),
        }
    }
}

/// Whether `rows` rows can show that a share lies between two bounds, for the most favourable share: the smallest whose lower
/// bound is not below `from`.
fn is_between(from: f64, to: f64, rows: f64, confidence: f64) -> bool {
    let of = |right: f64| share(right / rows, rows, confidence);
    let (mut few, mut enough) = (-1.0, rows);
    if of(enough).0 < from {
        return false;
    }
    while enough - few > 1.0 {
        let middle = f64::midpoint(few, enough).floor();
        *if of(middle).0 >= from { &mut enough } else { &mut few } = middle;
    }
    of(enough).1 <= to
}

/// Rounds to two digits, because bounds in the best case are approximate.
fn about(rows: u64) -> u64 {
    let unit = 10_u64.pow(rows.checked_ilog10().unwrap_or(0).saturating_sub(1));
    (rows + unit / 2) / unit * unit
}

/// A number with a comma between its thousands.
pub fn in_thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_between_two_bounds_is_shown_by_the_share_that_shows_it_best() {
        let fewest = |from, to| fewest(|rows| is_between(from, to, rows, 0.95));
        // Wilson's bounds of a model that is right on every row: z² p/(1 − p).
        assert_eq!(fewest(0.9, 1.0), Some(25));
        assert_eq!(fewest(0.95, 1.0), Some(52));
        assert_eq!(fewest(0.0, 0.1), Some(25));
        let inside = fewest(0.4, 0.6).expect("some");
        assert!((60..80).contains(&inside), "{inside}");
    }

    #[test]
    fn numbers_are_rounded_and_written_for_people() {
        let shown = |rows| in_thousands(about(rows));
        assert_eq!([27_054, 999, 30, 7, 1_250_000].map(shown), ["27,000", "1,000", "30", "7", "1,300,000"]);
        assert_eq!(in_thousands(1_000), "1,000");
    }
}
