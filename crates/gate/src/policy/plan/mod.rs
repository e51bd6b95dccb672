//! Plans test sets: what a number of test rows can show, and how many rows are needed, for every check of a policy before any row
//! is labelled.

mod assumptions;
mod design;

use std::collections::BTreeMap;

use serde::Serialize;

use super::Policy;
use super::checks::Check;
use super::sentence::percent;
use super::test_set::{Adaptivity, TestSet};
use slipway_domain::Requirement;

pub use assumptions::Assumptions;
use design::Design;

/// The required power.
const POWER: f64 = 0.8;

/// The counted unit if rows are independent.
const ROWS: &str = "rows";

/// The uses of a test set whose cost is shown, in addition to those of the policy.
const USES: [u32; 4] = [1, 10, 20, 50];

/// The plan of a policy.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Plan {
    /// The policy file.
    pub policy: String,
    /// The policy's confidence, before the error budget is divided by the uses of the test set.
    pub confidence: f64,
    /// The number of test rows, if it was given.
    pub rows: Option<u64>,
    /// The power that `rows_needed` refers to.
    pub power: f64,
    /// The uses of the test set that the error budget is divided by; `None` if it is not divided.
    pub uses: Option<u32>,
    /// How the error budget is divided by the uses.
    pub adaptivity: Option<Adaptivity>,
    /// The plans of all checks.
    pub checks: Vec<CheckPlan>,
    /// The largest number of rows that any check needs for a candidate that is better by its `uses_at`. `None` if it is unknown
    /// for one check, or if one counts another unit.
    pub rows_needed: Option<u64>,
    /// The same for every unit: `rows`, `queries`, `series`, `groups`. Empty if it is unknown for one check.
    pub needed: BTreeMap<&'static str, u64>,
}

/// The plan of one check.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CheckPlan {
    /// The check's own name, if it has one.
    pub name: Option<String>,
    /// The metric.
    pub metric: String,
    /// The requirement, as a phrase.
    pub requirement: String,
    /// The policy file.
    pub file: String,
    /// The line of the check in it.
    pub line: usize,
    /// Why there is no plan, if there is none.
    pub skipped: Option<String>,
    /// The assumptions about the rows.
    pub assumptions: Vec<String>,
    /// The unit that is counted as rows here: `rows`, the `groups` of `group_by`, or the `queries` or `series` of a metric that
    /// needs their rows together.
    pub unit: &'static str,
    /// The number of slices of equal size, if there are slices.
    pub slices: Option<u32>,
    /// The confidence of each bound, after the error budget is divided by the uses of the test set and by the number of slices,
    /// as in Holm's first step.
    pub confidence: f64,
    /// On fewer rows no model passes: not even a model that is right on each, or two that are.
    pub rows_at_best: Option<u64>,
    /// The figure on the rows at which the gate begins to pass. For a comparison it is the observed difference from the
    /// champion's figure.
    pub passes_from: Option<f64>,
    /// The smallest true difference from the champion or from the threshold that is shown with a power of 80 %. It is below zero
    /// if a margin allows a candidate to be that much worse.
    pub smallest_difference: Option<f64>,
    /// The power, and the rows for a power of 80 %, at true differences.
    pub differences: Vec<AtDifference>,
    /// The rows for a power of 80 % by the number of uses of the test set, at the difference `uses_at`.
    pub uses: Vec<AtUses>,
    /// The difference that `uses` refers to.
    pub uses_at: Option<f64>,
}

/// The results for a candidate whose true figure is better than the champion's, or than the threshold, by a difference.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct AtDifference {
    /// The difference.
    pub difference: f64,
    /// The probability that the check passes on the given rows.
    pub power: Option<f64>,
    /// The number of test rows at which that probability is 80 %; `None` if no number suffices.
    pub rows_needed: Option<u64>,
    /// The number of rows of each slice, if there are slices.
    pub rows_per_slice: Option<u64>,
    /// The number of rows if the two models were judged on different rows, each on this many. It shows the savings of a
    /// comparison row by row.
    pub rows_unpaired: Option<u64>,
}

/// The cost of a number of uses of a test set.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct AtUses {
    /// The number of uses.
    pub uses: u32,
    /// The rows for a power of 80 % if candidates do not depend on verdicts.
    pub none: Option<u64>,
    /// The rows for a power of 80 % if candidates may depend on verdicts, and only verdicts are shown. `None` also if the error
    /// budget would be too small.
    pub full: Option<u64>,
}

impl Policy {
    /// Plans what rows can show for every check.
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
            Some((check.unit, row.rows_needed?))
        });
        let needed = needed.collect::<Option<Vec<(&'static str, u64)>>>();
        let needed = needed.into_iter().flatten().fold(BTreeMap::new(), |mut most, (unit, count)| {
            let known = most.entry(unit).or_insert(count);
            *known = count.max(*known);
            most
        });
        let rows_needed = needed.get(ROWS).copied().filter(|_| needed.len() == 1);
        Plan {
            policy: self.file.clone(),
            confidence: self.confidence,
            rows: assumptions.rows,
            power: POWER,
            uses: rule.map(|rule| rule.uses),
            adaptivity: rule.map(|rule| rule.adaptivity),
            checks,
            rows_needed,
            needed,
        }
    }

    fn plan_check(&self, check: &Check, rule: Option<TestSet>, assumptions: &Assumptions) -> CheckPlan {
        let level = |rule: Option<TestSet>| {
            rule.map_or(1.0 - self.confidence, |rule| rule.level(1.0 - self.confidence, self.symbols()))
        };
        let mut plan = CheckPlan {
            name: check.name.clone(),
            metric: check.measure(),
            requirement: describe(&check.requirement),
            file: check.file.clone(),
            line: check.line,
            skipped: None,
            assumptions: Vec::new(),
            unit: ROWS,
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

fn describe(requirement: &Requirement) -> String {
    match requirement {
        Requirement::AtLeast(threshold) => format!("at least {threshold}"),
        Requirement::AtMost(threshold) => format!("at most {threshold}"),
        Requirement::Between(least, most) => format!("{least} to {most}"),
        Requirement::NoWorseThanChampion { margin, relative: true } => {
            format!("no worse than the champion by more than {}", percent(*margin))
        }
        Requirement::NoWorseThanChampion { margin, .. } => format!("no worse than the champion by more than {margin}"),
        Requirement::BetterThanChampion { by, baseline } => {
            let other = baseline.as_ref().map_or_else(|| "champion".to_owned(), |name| format!("baseline `{name}`"));
            let more = if *by > 0.0 { format!(" by more than {by}") } else { String::new() };
            format!("better than the {other}{more}")
        }
        Requirement::Condition(source) => source.clone(),
    }
}
