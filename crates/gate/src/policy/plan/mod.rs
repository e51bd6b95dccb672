//! What a number of test rows can show, and how many rows are needed: for every check of a policy, before anything is labelled.

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

/// The power that is asked for.
const POWER: f64 = 0.8;

/// What is counted where nothing else varies by itself.
const ROWS: &str = "rows";

/// Uses of a test set whose cost is told, beside those of the policy.
const USES: [u32; 4] = [1, 10, 20, 50];

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
    /// The most rows that any check needs whose candidate is better by its `uses_at`; `None` if that is not known of one, or if one
    /// counts something else.
    pub rows_needed: Option<u64>,
    /// The same for whatever is counted: `rows`, `queries`, `series`, `groups`. Empty if it is not known of a check.
    pub needed: BTreeMap<&'static str, u64>,
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
    /// What is counted, here as rows: `rows`, the `groups` of `group_by`, or the `queries` or `series` of a metric that takes their
    /// rows together.
    pub unit: &'static str,
    /// The part of the rows that one slice has, if there are slices: as many in each.
    pub slices: Option<u32>,
    /// Confidence of each bound, with uses paid for, and slices as the first of them pays for all.
    pub confidence: f64,
    /// On fewer rows no model passes: one that is right on each, or two that are.
    pub rows_at_best: Option<u64>,
    /// The figure on the rows at which the gate begins to pass: for a comparison, the observed difference from the champion's.
    pub passes_from: Option<f64>,
    /// The smallest true difference, from the champion or from the threshold, that is shown with a power of 80 %; below zero
    /// where a margin allows a candidate to be that much worse.
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
        Requirement::BetterThanChampion { by } if *by > 0.0 => format!("better than the champion by more than {by}"),
        Requirement::BetterThanChampion { .. } => "better than the champion".to_owned(),
        Requirement::Condition(source) => source.clone(),
    }
}
