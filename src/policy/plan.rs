//! What a number of test rows can show, and how many rows are needed: for every check of a policy, before anything is labelled.

use serde::Serialize;
use slipway_contract::Metric;
use slipway_contract::metrics::Subject;

use super::Policy;
use super::checks::{Check, CheckSubject, MetricSubject, Wanted};
use super::measure::{FEWEST_UNITS, fewest, is_share, no_difference};
use super::power::{Bounding, of_slices};
use super::slices::Slicing;
use super::test_set::{Adaptivity, TestSet};
use crate::domain::Requirement;

/// The power that is asked for.
const POWER: f64 = 0.8;

/// Uses of a test set whose cost is told, beside those of the policy.
const USES: [u32; 4] = [1, 10, 20, 50];

/// Differences whose power is told if no others are asked for.
const DIFFERENCES: [f64; 5] = [0.0, 0.005, 0.01, 0.02, 0.05];

/// What is assumed of rows that nobody has seen yet.
#[derive(Debug, Clone, PartialEq)]
pub struct Assumptions {
    /// Test rows; `None` to be told how many are needed.
    pub rows: Option<u64>,
    /// Share of rows on which candidate and champion differ in being right.
    pub disagreement: f64,
    /// The champion's figure, from which relative margins and the shares of right rows follow.
    pub expected: f64,
    /// Standard deviation of what a row adds to a figure that is no share of rows, in its own unit: of one model where it is
    /// held against a threshold, of the difference of two models where it is compared.
    pub deviation: Option<f64>,
    /// Slices of equal size that `slice: {by: …}` cuts the rows into.
    pub slices: u32,
    /// True differences whose power is told; some usual ones if empty.
    pub differences: Vec<f64>,
    /// Uses of a test set that are to be paid for, in place of the policy's.
    pub uses: Option<u32>,
}

impl Assumptions {
    /// The usual ones.
    pub fn usual() -> Self {
        Self {
            rows: None,
            disagreement: 0.1,
            expected: 0.9,
            deviation: None,
            slices: 10,
            differences: Vec::new(),
            uses: None,
        }
    }

    /// What is wrong with them, if anything: what came, and what is expected.
    pub fn flaw(&self) -> Option<String> {
        let Self { rows, disagreement, expected, deviation, slices, differences, uses } = self;
        if !(*disagreement > 0.0 && *disagreement <= 1.0) {
            return Some(format!("a disagreement of {disagreement}, expected more than 0 and at most 1"));
        }
        if !expected.is_finite() || *expected <= 0.0 {
            return Some(format!("an expected figure of {expected}, expected a number above 0"));
        }
        if deviation.is_some_and(|deviation| !(deviation.is_finite() && deviation > 0.0)) {
            return Some("the deviation is no number above 0".to_owned());
        }
        if differences.iter().any(|difference| !difference.is_finite() || *difference < 0.0) {
            return Some("a difference is no number from 0 on".to_owned());
        }
        if differences.len() > 100 {
            return Some(format!("{} differences, expected at most 100", differences.len()));
        }
        if *rows == Some(0) || rows.is_some_and(|rows| rows > MOST_ROWS) {
            return Some(format!("{} rows, expected 1 to {MOST_ROWS}", rows.unwrap_or_default()));
        }
        if !(1..=100).contains(slices) {
            return Some(format!("{slices} slices, expected 1 to 100"));
        }
        uses.filter(|uses| !(1..=TestSet::MOST_USES).contains(uses))
            .map(|uses| format!("{uses} uses, expected 1 to {}", TestSet::MOST_USES))
    }
}

/// More rows than anybody labels.
const MOST_ROWS: u64 = 1_000_000_000;

/// What a policy's checks can be shown on.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Plan {
    /// The policy file.
    pub policy: String,
    /// Confidence that the policy asks for, before uses of the test set are paid for.
    pub confidence: f64,
    /// Test rows, if they were given.
    pub rows: Option<u64>,
    /// The power that `rows_needed` are for.
    pub power: f64,
    /// Uses of the test set that are paid for; `None` if none are.
    pub uses: Option<u32>,
    /// How the uses are paid for.
    pub adaptivity: Option<Adaptivity>,
    /// Every check.
    pub checks: Vec<CheckPlan>,
    /// The most rows that any check needs whose candidate is better by `for_difference`; `None` if that is not known of one.
    pub rows_needed: Option<u64>,
}

/// What one check can be shown on.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CheckPlan {
    /// The check's own name, if it has one.
    pub name: Option<String>,
    /// What is measured.
    pub metric: String,
    /// What is asked for, in words.
    pub requirement: String,
    /// The policy file.
    pub file: String,
    /// The line of the check in it.
    pub line: usize,
    /// Why nothing is planned for it, if so.
    pub skipped: Option<String>,
    /// What is assumed of the rows.
    pub assumptions: Vec<String>,
    /// What is counted: `rows`, or the `groups` of `group_by`.
    pub unit: &'static str,
    /// The part of the rows that one slice has, if there are slices: as many in each.
    pub slices: Option<u32>,
    /// Confidence of each bound, with uses paid for, and slices as the first of them pays for all.
    pub confidence: f64,
    /// On fewer rows no model passes: one that is right on each, or two that are.
    pub rows_at_best: Option<u64>,
    /// The figure on the rows at which the gate begins to pass: for a comparison, the observed difference from the champion's.
    pub passes_from: Option<f64>,
    /// The smallest true difference, from the champion or from the threshold, that is shown with a power of 80 %.
    pub smallest_difference: Option<f64>,
    /// Power, and rows for 80 % of it, at true differences.
    pub differences: Vec<AtDifference>,
    /// Rows for 80 % power by how often the test set may be used, at the difference `uses_at`.
    pub uses: Vec<AtUses>,
    /// The difference that `uses` is about.
    pub uses_at: Option<f64>,
}

/// What is shown of a candidate that is truly so much better: than the champion, or than the threshold.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct AtDifference {
    /// By how much it is better.
    pub difference: f64,
    /// The chance that the check passes on the given rows.
    pub power: Option<f64>,
    /// Test rows at which that chance is 80 %; `None` if no number of rows makes it so.
    pub rows_needed: Option<u64>,
    /// Rows of each slice, if there are slices.
    pub rows_per_slice: Option<u64>,
    /// The same if the two models were judged on different rows, each on so many: what comparing row by row saves.
    pub rows_unpaired: Option<u64>,
}

/// What so many uses of a test set cost.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct AtUses {
    /// How often the set may be used.
    pub uses: u32,
    /// Rows for 80 % power if candidates do not follow from verdicts.
    pub none: Option<u64>,
    /// Rows if they may follow from them, and only verdicts are shown; `None` also where the budget would be too small.
    pub full: Option<u64>,
}

impl Policy {
    /// What rows can show of every check.
    pub fn plan(&self, assumptions: &Assumptions) -> Plan {
        let rule = match (assumptions.uses, self.test_set) {
            (Some(uses), Some(rule)) => Some(TestSet { uses, ..rule }),
            (Some(uses), None) => Some(TestSet { uses, ..TestSet::default() }),
            (None, rule) => rule,
        };
        let checks: Vec<CheckPlan> =
            self.checks.iter().map(|check| self.plan_check(check, rule, assumptions)).collect();
        let planned = || checks.iter().filter(|check| check.skipped.is_none());
        let needed = planned().map(|check| {
            let at = check.uses_at?;
            let row = check.differences.iter().find(|row| (row.difference - at).abs() < 1e-12)?;
            row.rows_needed
        });
        let rows_needed = needed.collect::<Option<Vec<u64>>>().and_then(|rows| rows.into_iter().max());
        Plan {
            policy: self.file.clone(),
            confidence: self.confidence,
            rows: assumptions.rows,
            power: POWER,
            uses: rule.map(|rule| rule.uses),
            adaptivity: rule.map(|rule| rule.adaptivity),
            checks,
            rows_needed,
        }
    }

    fn plan_check(&self, check: &Check, rule: Option<TestSet>, assumptions: &Assumptions) -> CheckPlan {
        let level = |rule: Option<TestSet>| {
            rule.map_or(1.0 - self.confidence, |rule| rule.level(1.0 - self.confidence, self.symbols()))
        };
        let mut plan = CheckPlan {
            name: check.name.clone(),
            metric: check.measure(),
            requirement: in_words(&check.requirement),
            file: check.file.clone(),
            line: check.line,
            skipped: None,
            assumptions: Vec::new(),
            unit: "rows",
            slices: None,
            confidence: 1.0 - level(rule),
            rows_at_best: None,
            passes_from: None,
            smallest_difference: None,
            differences: Vec::new(),
            uses: Vec::new(),
            uses_at: None,
        };
        let design = match Design::of(check, assumptions, &mut plan) {
            Ok(design) => design,
            Err(why) => {
                plan.skipped = Some(why);
                return plan;
            }
        };
        design.fill(&mut plan, level(rule), assumptions);
        let at = plan.uses_at.unwrap_or_default();
        let mut uses: Vec<u32> = USES.into_iter().chain(rule.map(|rule| rule.uses)).collect();
        uses.sort_unstable();
        uses.dedup();
        let rows_at = |uses, adaptivity| {
            let rule = TestSet { uses, adaptivity, ..TestSet::default() };
            if rule.is_too_small(1.0 - self.confidence, self.symbols()) {
                return None;
            }
            design.rows_needed(at, level(Some(rule)))
        };
        plan.uses = uses
            .into_iter()
            .map(|uses| AtUses { uses, none: rows_at(uses, Adaptivity::None), full: rows_at(uses, Adaptivity::Full) })
            .collect();
        plan
    }
}

/// How a check is decided, with what is assumed of its rows.
struct Design {
    bounding: Bounding,
    /// The same if the models were judged on different rows.
    unpaired: Option<Bounding>,
    wanted: Wanted,
    /// Where differences are counted from: no difference from the champion, or the threshold.
    origin: f64,
    /// Whether a better model has a larger figure.
    upwards: bool,
    slices: u32,
    sliced: bool,
    /// Rows below which nothing is decided.
    fewest: f64,
    /// As far as a better model can go.
    widest: f64,
    /// What is shown in the first place.
    first: f64,
}

impl Design {
    fn of(check: &Check, assumptions: &Assumptions, plan: &mut CheckPlan) -> Result<Self, String> {
        let CheckSubject::Metric(subject) = &check.subject else {
            return Err("it does not hang on the number of test rows".to_owned());
        };
        let MetricSubject { metric, slicing, group_by, seeds } = subject;
        if metric.subject() == Subject::Artifact {
            return Err("it is measured of the artifact, not on test rows".to_owned());
        }
        if let Some(column) = group_by {
            plan.unit = "groups";
            plan.assumptions.push(format!("rows with one value of `{column}` count as one: groups are counted"));
        }
        if let Some(seeds) = seeds {
            let runs = seeds.at_least;
            plan.assumptions.push(format!("of one training run; each of {runs} has to hold it, which is less likely"));
        }
        let slices = match slicing {
            None => 1,
            Some(Slicing::Where { .. }) => 1,
            Some(Slicing::By { .. }) => assumptions.slices,
        };
        if let Some(slicing) = slicing {
            plan.slices = Some(slices);
            plan.assumptions.push(match slicing {
                Slicing::By { .. } => format!("{slices} slices of equal size, all of which have to hold it"),
                Slicing::Where { .. } => "rows are those of the slice".to_owned(),
            });
        }
        let relative = matches!(check.requirement, Requirement::NoWorseThanChampion { relative: true, .. });
        let compares = check.requirement.is_relative();
        let bounding = bounding(check, metric, group_by.is_none(), relative, assumptions, &mut plan.assumptions)?;
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
        let sliced = slicing.is_some();
        Ok(Self { bounding, unpaired, wanted, origin, upwards: up, slices, sliced, fewest, widest, first })
    }

    fn truth(&self, better: f64) -> f64 {
        if self.upwards { self.origin + better } else { self.origin - better }
    }

    /// The chance that all slices pass.
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

    /// Rows of all slices for 80 % power.
    fn rows_needed(&self, better: f64, level: f64) -> Option<u64> {
        let rows = self.rows_of_slice(self.bounding, better, level)?;
        rows.checked_mul(u64::from(self.slices)).map(about)
    }

    fn fill(&self, plan: &mut CheckPlan, level: f64, assumptions: &Assumptions) {
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
                rows_per_slice: of_slice.filter(|_| self.sliced).map(about),
                rows_unpaired: unpaired.and_then(|rows| rows.checked_mul(u64::from(self.slices))).map(about),
            }
        };
        plan.differences = differences.into_iter().map(row).collect();
    }

    /// The smallest true difference with a power of 80 %, to three digits.
    fn smallest(&self, rows: f64, level: f64) -> Option<f64> {
        let suffices = |better: f64| self.power(better, rows, level) >= POWER;
        let mut enough = if self.widest.is_finite() { self.widest } else { 1e6 };
        // At the end of the range nothing varies any more, and a comparison cannot go so far.
        enough *= 1.0 - 1e-9;
        if suffices(0.0) {
            return Some(0.0);
        }
        if !suffices(enough) {
            return None;
        }
        let mut few = 0.0;
        for _ in 0..40 {
            let middle = f64::midpoint(few, enough);
            *if suffices(middle) { &mut enough } else { &mut few } = middle;
        }
        Some(enough)
    }

    /// The fewest rows on which anything passes: what `slipway check` says of a policy that asks for more than there is.
    fn at_best(&self, confidence: f64) -> Option<u64> {
        let best = match (self.bounding, self.wanted) {
            (Bounding::Share, Wanted::AtLeast(threshold)) => {
                fewest(|rows| super::measure::share(1.0, rows, confidence).0 >= threshold)
            }
            (Bounding::Share, Wanted::AtMost(threshold)) => {
                fewest(|rows| super::measure::share(0.0, rows, confidence).1 <= threshold)
            }
            (Bounding::Pairs { .. }, Wanted::AtLeast(threshold)) if threshold < 0.0 => {
                fewest(|rows| no_difference(rows, confidence).0 >= threshold)
            }
            (Bounding::Pairs { .. }, Wanted::AtMost(threshold)) if threshold > 0.0 => {
                fewest(|rows| no_difference(rows, confidence).1 <= threshold)
            }
            (Bounding::Mean { .. }, _) => Some(FEWEST_UNITS as u64),
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

/// How the gate will bound a check's figure; what is assumed for that is noted.
fn bounding(
    check: &Check,
    metric: &Metric,
    by_row: bool,
    relative: bool,
    assumptions: &Assumptions,
    noted: &mut Vec<String>,
) -> Result<Bounding, String> {
    let Assumptions { disagreement, expected, deviation, .. } = assumptions;
    let compares = check.requirement.is_relative();
    let (least, most) = metric.range();
    let is_bounded = least >= 0.0 && most <= 1.0;
    let champion = expected.min(1.0);
    if compares && is_bounded {
        noted.push(format!(
            "the models differ in being right on {} of the rows",
            super::sentence::percent(*disagreement)
        ));
    }
    if is_share(metric) && by_row && !relative && !is_precision(metric) {
        if !compares {
            return Ok(Bounding::Share);
        }
        if metric.class().is_some() {
            noted.push("rows are those of the class".to_owned());
        }
        if is_against_none(&check.requirement) {
            return Ok(Bounding::Discordant { disagreement: *disagreement });
        }
        noted.push(format!("the champion is right on {} of the rows", super::sentence::percent(champion)));
        return Ok(Bounding::Pairs { disagreement: *disagreement, champion });
    }
    if is_share(metric) && !compares && by_row {
        noted.push("rows are those that are predicted as the class".to_owned());
        return Ok(Bounding::Share);
    }
    if let Some(deviation) = deviation {
        noted.push(format!("a row adds to the figure with a standard deviation of {deviation}"));
        let scale = if relative { *expected } else { 1.0 };
        return Ok(Bounding::Mean { deviation: deviation / scale });
    }
    if !is_bounded {
        return Err(format!(
            "how much {} varies from row to row is not known: give the standard deviation with `--deviation`",
            metric.words()
        ));
    }
    noted.push("estimated as if it were a mean over the rows; `--deviation` says how much a row adds".to_owned());
    let right = check_share(check).unwrap_or(champion);
    let deviation = if compares { disagreement.sqrt() } else { (right * (1.0 - right)).max(1e-6).sqrt() };
    Ok(Bounding::Mean { deviation: if relative { deviation / champion } else { deviation } })
}

/// The precision of a class is compared on different rows for each model, so the gate resamples it.
fn is_precision(metric: &Metric) -> bool {
    matches!(metric, Metric::Precision(_)) && metric.class().is_some()
}

fn is_against_none(requirement: &Requirement) -> bool {
    match requirement {
        Requirement::NoWorseThanChampion { margin, .. } => *margin <= 0.0,
        Requirement::BetterThanChampion { by } => *by <= 0.0,
        _ => false,
    }
}

/// The share that a threshold asks for.
fn check_share(check: &Check) -> Option<f64> {
    match check.requirement {
        Requirement::AtLeast(share) | Requirement::AtMost(share) | Requirement::Between(share, _) => Some(share),
        _ => None,
    }
}

fn in_words(requirement: &Requirement) -> String {
    match requirement {
        Requirement::AtLeast(threshold) => format!("at least {threshold}"),
        Requirement::AtMost(threshold) => format!("at most {threshold}"),
        Requirement::Between(least, most) => format!("{least} to {most}"),
        Requirement::NoWorseThanChampion { margin, relative: true } => {
            format!("no worse than the champion by more than {}", super::sentence::percent(*margin))
        }
        Requirement::NoWorseThanChampion { margin, .. } => format!("no worse than the champion by more than {margin}"),
        Requirement::BetterThanChampion { by } if *by > 0.0 => format!("better than the champion by more than {by}"),
        Requirement::BetterThanChampion { .. } => "better than the champion".to_owned(),
        Requirement::Condition(source) => source.clone(),
    }
}

/// Rounded up to three digits: it follows from what is assumed.
fn about(rows: u64) -> u64 {
    let unit = 10_u64.pow(rows.checked_ilog10().unwrap_or(0).saturating_sub(2));
    rows.div_ceil(unit) * unit
}
