//! What is assumed of test rows before there are any.

use crate::policy::test_set::TestSet;

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

/// More rows than anybody labels.
const MAX_ROWS: u64 = 1_000_000_000;

impl Assumptions {
    /// The usual ones.
    pub fn with_defaults() -> Self {
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
        if *rows == Some(0) || rows.is_some_and(|rows| rows > MAX_ROWS) {
            return Some(format!("{} rows, expected 1 to {MAX_ROWS}", rows.unwrap_or_default()));
        }
        if !(1..=100).contains(slices) {
            return Some(format!("{slices} slices, expected 1 to 100"));
        }
        uses.filter(|uses| !(1..=TestSet::MAX_USES).contains(uses))
            .map(|uses| format!("{uses} uses, expected 1 to {}", TestSet::MAX_USES))
    }
}
