//! How a check will be decided on future rows, and how many rows it needs.

use slipway_contract::Metric;
use slipway_contract::metrics::{Average, ConfusionOf, Pair, Subject};

use super::{Assumptions, AtDifference, CheckPlan, POWER, ROWS};
use crate::policy::checks::{Check, CheckSubject, MetricSubject, Wanted};
use crate::policy::measure::{MIN_UNITS, fewest, is_share, no_difference, share};
use crate::policy::power::{Bounding, of_slices};
use crate::policy::sentence::percent;
use crate::policy::slices::Slicing;
use slipway_domain::Requirement;

/// The default differences to compute the power for.
const DIFFERENCES: [f64; 5] = [0.0, 0.005, 0.01, 0.02, 0.05];

/// The decision method of a check, with the assumptions about its rows.
pub(super) struct Design {
    bounding: Bounding,
    /// The same method if the models were judged on different rows.
    unpaired: Option<Bounding>,
    wanted: Wanted,
    /// The origin of differences: no difference from the champion, or the threshold.
    origin: f64,
    /// Whether a better model has a larger figure.
    upwards: bool,
    slices: u32,
    is_sliced: bool,
    /// The fewest rows that can decide.
    fewest: f64,
    /// The largest difference in the wrong direction that a model may have: the margin to the champion.
    worst: f64,
    /// The largest difference that a better model can have.
    widest: f64,
    /// The difference that is shown first.
    first: f64,
}

impl Design {
    pub(super) fn of(check: &Check, assumptions: &Assumptions, plan: &mut CheckPlan) -> Result<Self, String> {
        let CheckSubject::Metric(subject) = &check.subject else {
            return Err("it does not hang on the number of test rows".to_owned());
        };
        let MetricSubject { metric, slicing, group_by, seeds } = subject;
        if metric.subject() == Subject::Artifact {
            return Err("it is measured of the artifact, not on test rows".to_owned());
        }
        if let Some((column, unit)) = counted(metric, group_by.as_deref()) {
            plan.unit = unit;
            let given = if assumptions.rows.is_some() { ", also by `--rows`" } else { "" };
            plan.assumptions.push(format!("rows with one value of `{column}` count as one: {unit} are counted{given}"));
        }
        if let Some(seeds) = seeds {
            let runs = seeds.at_least;
            plan.assumptions.push(format!("of one training run; each of {runs} has to hold it, which is less likely"));
        }
        let slices = match slicing {
            Some(Slicing::By { .. }) => assumptions.slices,
            None | Some(Slicing::Where { .. }) => 1,
        };
        if let Some(slicing) = slicing {
            plan.slices = Some(slices);
            plan.assumptions.push(match slicing {
                Slicing::By { .. } if slices == 1 => "1 slice, which has to hold it".to_owned(),
                Slicing::By { .. } => format!("{slices} slices of equal size, all of which have to hold it"),
                Slicing::Where { .. } => "rows are those of the slice".to_owned(),
            });
        }
        let relative = matches!(check.requirement, Requirement::NoWorseThanChampion { relative: true, .. });
        let compares = check.requirement.is_relative();
        let by_row = plan.unit == ROWS;
        if by_row {
            plan.assumptions.extend(rows_of(metric).map(str::to_owned));
        }
        let bounding = bounding(check, metric, by_row, relative, assumptions, plan)?;
        let unpaired = match bounding {
            Bounding::Pairs { champion, .. } => {
                Some(Bounding::Pairs { champion, disagreement: 2.0 * champion * (1.0 - champion) })
            }
            _ => None,
        };
        let (wanted, upwards) = (check.wanted(), check.higher_is_better());
        let (origin, up) = match wanted {
            _ if compares => (0.0, upwards),
            Wanted::AtLeast(threshold) => (threshold, true),
            Wanted::AtMost(threshold) => (threshold, false),
            Wanted::Between(least, _) => (least, true),
        };
        let (least, most) = metric.range();
        let widest = match wanted {
            Wanted::AtLeast(threshold) if !compares => most - threshold,
            Wanted::AtMost(threshold) if !compares => threshold - least,
            Wanted::Between(from, to) => (to - from) / 2.0,
            _ => most - least,
        };
        let worst = match (&check.requirement, wanted) {
            (Requirement::NoWorseThanChampion { .. }, Wanted::AtLeast(threshold)) => threshold,
            (Requirement::NoWorseThanChampion { .. }, Wanted::AtMost(threshold)) => -threshold,
            _ => 0.0,
        };
        let first = match check.requirement {
            Requirement::NoWorseThanChampion { margin, .. } if margin > 0.0 => 0.0,
            Requirement::NoWorseThanChampion { .. } | Requirement::BetterThanChampion { .. } => match wanted {
                Wanted::AtLeast(by) | Wanted::AtMost(by) => by.abs() + 0.01,
                Wanted::Between(..) => 0.01,
            },
            _ => (widest / 2.0).min(0.02),
        };
        #[expect(clippy::cast_precision_loss, reason = "row counts stay far below 2^53")]
        let fewest = slicing.as_ref().map_or(1.0, |slicing| slicing.minimum_rows() as f64);
        Ok(Self {
            bounding,
            unpaired,
            wanted,
            origin,
            upwards: up,
            slices,
            is_sliced: slicing.is_some(),
            fewest,
            worst,
            widest,
            first,
        })
    }

    fn truth(&self, better: f64) -> f64 {
        if self.upwards { self.origin + better } else { self.origin - better }
    }

    /// The probability that all slices pass.
    fn power(&self, better: f64, rows_of_slice: f64, level: f64) -> f64 {
        self.power_by(self.bounding, better, rows_of_slice, level)
    }

    fn power_by(&self, bounding: Bounding, better: f64, rows: f64, level: f64) -> f64 {
        if rows < self.fewest {
            return 0.0;
        }
        of_slices(self.slices, level, |error| bounding.power(self.wanted, self.truth(better), rows, error))
    }

    fn rows_of_slice(&self, bounding: Bounding, better: f64, level: f64) -> Option<u64> {
        fewest(|rows| self.power_by(bounding, better, rows, level) >= POWER)
    }

    /// The number of rows of all slices for a power of 80 %.
    pub(super) fn rows_needed(&self, better: f64, level: f64) -> Option<u64> {
        let rows = self.rows_of_slice(self.bounding, better, level)?;
        rows.checked_mul(u64::from(self.slices)).map(about)
    }

    pub(super) fn fill(&self, plan: &mut CheckPlan, level: f64, assumptions: &Assumptions) {
        let error = level / f64::from(self.slices);
        plan.confidence = 1.0 - error;
        #[expect(clippy::cast_precision_loss, reason = "row counts stay far below 2^53")]
        let rows = assumptions.rows.map(|rows| (rows / u64::from(self.slices)) as f64);
        plan.rows_at_best = self.at_best(1.0 - error);
        plan.uses_at = Some(self.first);
        if let Some(rows) = rows.filter(|rows| *rows >= 1.0) {
            plan.passes_from = self.bounding.needed(self.wanted, rows, error);
            plan.smallest_difference = self.smallest(rows, level);
        }
        let mut differences: Vec<f64> = if assumptions.differences.is_empty() {
            let in_reach = DIFFERENCES.into_iter().filter(|difference| *difference < self.widest);
            in_reach.chain([self.first]).collect()
        } else {
            assumptions.differences.iter().copied().chain([self.first]).collect()
        };
        differences.sort_by(f64::total_cmp);
        differences.dedup_by(|later, earlier| (*later - *earlier).abs() < 1e-12);
        let row = |difference: f64| {
            let of_slice = self.rows_of_slice(self.bounding, difference, level);
            let unpaired = self.unpaired.and_then(|unpaired| self.rows_of_slice(unpaired, difference, level));
            AtDifference {
                difference,
                power: rows.map(|rows| self.power(difference, rows, level)),
                rows_needed: of_slice.and_then(|rows| rows.checked_mul(u64::from(self.slices))).map(about),
                rows_per_slice: of_slice.filter(|_| self.is_sliced).map(about),
                rows_unpaired: unpaired.and_then(|rows| rows.checked_mul(u64::from(self.slices))).map(about),
            }
        };
        plan.differences = differences.into_iter().map(row).collect();
    }

    /// The smallest true difference with a power of 80 %.
    fn smallest(&self, rows: f64, level: f64) -> Option<f64> {
        let suffices = |better: f64| self.power(better, rows, level) >= POWER;
        let mut enough = if self.widest.is_finite() { self.widest } else { 1e6 };
        // At the end of the range nothing varies any more, and a comparison cannot reach it.
        enough *= 1.0 - 1e-9;
        if suffices(self.worst) {
            return Some(self.worst);
        }
        if !suffices(enough) {
            return None;
        }
        let mut few = self.worst;
        for _ in 0..40 {
            let middle = f64::midpoint(few, enough);
            *if suffices(middle) { &mut enough } else { &mut few } = middle;
        }
        Some(enough)
    }

    /// The fewest rows on which anything passes. `slipway check` reports it for a policy that requires more rows than there are.
    fn at_best(&self, confidence: f64) -> Option<u64> {
        let best = match (self.bounding, self.wanted) {
            (Bounding::Share, Wanted::AtLeast(threshold)) => fewest(|rows| share(1.0, rows, confidence).0 >= threshold),
            (Bounding::Share, Wanted::AtMost(threshold)) => fewest(|rows| share(0.0, rows, confidence).1 <= threshold),
            (Bounding::Pairs { .. }, Wanted::AtLeast(threshold)) if threshold < 0.0 => {
                fewest(|rows| no_difference(rows, confidence).0 >= threshold)
            }
            (Bounding::Pairs { .. }, Wanted::AtMost(threshold)) if threshold > 0.0 => {
                fewest(|rows| no_difference(rows, confidence).1 <= threshold)
            }
            (Bounding::Mean { .. }, _) => Some(MIN_UNITS as u64),
            _ => None,
        };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a number of rows that is asked for"
        )]
        best.map(|best| best.max(self.fewest as u64)).and_then(|best| best.checked_mul(u64::from(self.slices)))
    }
}

/// The independent units if these are not rows: the column that identifies them, and their name. The policy's `group_by` comes
/// first, as in the gate.
fn counted<'check>(metric: &'check Metric, group_by: Option<&'check str>) -> Option<(&'check str, &'static str)> {
    let unit = metric.unit().map(|unit| (unit.column, unit.plural));
    group_by.map(|column| (column, "groups")).or(unit)
}

/// The singular of a unit's name.
fn singular(unit: &'static str) -> &'static str {
    match unit {
        "queries" => "query",
        "series" => "series",
        "groups" => "group",
        _ => "row",
    }
}

/// The rows that are counted, if not all rows are.
fn rows_of(metric: &Metric) -> Option<&'static str> {
    match metric {
        // The variance is at most p(1 − p) divided by the smaller of the two numbers (Birnbaum and Klose, 1957).
        Metric::RocAuc(Average::Class(_)) => Some("rows are those of the class, or all others if these are fewer"),
        Metric::RocAuc(_) | Metric::PrAuc(Average::Macro) => Some("rows are those of the rarest class"),
        Metric::PrAuc(Average::Class(_)) => Some("rows are those of the class"),
        metric if metric.averages_classes() => Some("rows are those of the rarest class"),
        metric if is_precision(metric) => Some("rows are those that are predicted as the class"),
        Metric::Recall(Average::Class(_)) | Metric::Confusion(Pair { of: ConfusionOf::Actual, .. }) => {
            Some("rows are those of the class")
        }
        _ => None,
    }
}

/// The method that the gate will bound a check's figure with. Adds its assumptions to the plan.
fn bounding(
    check: &Check,
    metric: &Metric,
    by_row: bool,
    relative: bool,
    assumptions: &Assumptions,
    plan: &mut CheckPlan,
) -> Result<Bounding, String> {
    let (noted, unit) = (&mut plan.assumptions, plan.unit);
    let one = singular(unit);
    let Assumptions { disagreement, expected, deviation, .. } = assumptions;
    let compares = check.requirement.is_relative();
    let (least, most) = metric.range();
    let is_bounded = least >= 0.0 && most <= 1.0;
    let champion = expected.min(1.0);
    if compares && is_bounded {
        noted.push(format!("the models differ in being right on {} of the {unit}", percent(*disagreement)));
    }
    if is_share(metric) && by_row && !relative && !is_precision(metric) {
        if !compares {
            return Ok(Bounding::Share);
        }
        if is_against_none(&check.requirement) {
            return Ok(Bounding::Discordant { disagreement: *disagreement });
        }
        let other = check.requirement.baseline().map_or("champion", |_| "baseline");
        noted.push(format!("the {other} is right on {} of the {unit}", percent(champion)));
        return Ok(Bounding::Pairs { disagreement: *disagreement, champion });
    }
    if is_share(metric) && !compares && by_row {
        return Ok(Bounding::Share);
    }
    if let Some(deviation) = deviation {
        noted.push(format!("a {one} adds to the figure with a standard deviation of {deviation}"));
        let scale = if relative { *expected } else { 1.0 };
        return Ok(Bounding::Mean { deviation: deviation / scale });
    }
    if !is_bounded {
        return Err(format!(
            "how much {} varies from {one} to {one} is not known: give the standard deviation with `--deviation`",
            metric.describe()
        ));
    }
    noted.push(format!("estimated as if it were a mean over the {unit}; `--deviation` says how much a {one} adds"));
    let right = check_share(check).unwrap_or(champion);
    let deviation = if compares { disagreement.sqrt() } else { (right * (1.0 - right)).max(1e-6).sqrt() };
    Ok(Bounding::Mean { deviation: if relative { deviation / champion } else { deviation } })
}

/// Whether the metric is the precision of a class. It is compared on different rows for each model, so the gate resamples it.
fn is_precision(metric: &Metric) -> bool {
    matches!(metric, Metric::Precision(_)) && metric.classes().next().is_some()
}

fn is_against_none(requirement: &Requirement) -> bool {
    match requirement {
        Requirement::NoWorseThanChampion { margin, .. } => *margin <= 0.0,
        Requirement::BetterThanChampion { by, .. } => *by <= 0.0,
        _ => false,
    }
}

/// The share that a threshold requires.
fn check_share(check: &Check) -> Option<f64> {
    match check.requirement {
        Requirement::AtLeast(share) | Requirement::AtMost(share) | Requirement::Between(share, _) => Some(share),
        _ => None,
    }
}

/// Rounds up to three digits, because the number follows from assumptions.
fn about(rows: u64) -> u64 {
    let unit = 10_u64.pow(rows.checked_ilog10().unwrap_or(0).saturating_sub(2));
    rows.div_ceil(unit) * unit
}
