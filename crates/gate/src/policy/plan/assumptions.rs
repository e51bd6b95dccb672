//! The assumptions about test rows that do not exist yet.

use crate::policy::test_set::TestSet;

/// The assumptions about future test rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Assumptions {
    /// The number of test rows; `None` to compute how many are needed.
    pub rows: Option<u64>,
    /// The share of rows on which only one of candidate and champion is right.
    pub disagreement: f64,
    /// The champion's figure. Relative margins and the shares of right rows follow from it.
    pub expected: f64,
    /// The standard deviation of a row's contribution to a figure that is not a share of rows, in the figure's unit: of one model
    /// if the figure is compared with a threshold, of the difference of two models if it is compared with the champion.
    pub deviation: Option<f64>,
    /// The number of slices of equal size that `slice: {by: …}` forms.
    pub slices: u32,
    /// The true differences to compute the power for. If it is empty, default differences are used.
    pub differences: Vec<f64>,
    /// The uses of a test set that the error budget is divided by, in place of the policy's.
    pub uses: Option<u32>,
}

/// The largest number of rows that is accepted.
const MAX_ROWS: u64 = 1_000_000_000;

impl Assumptions {
    /// The default assumptions.
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

    /// The mistake in the assumptions, if there is one: the actual and the expected value.
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
