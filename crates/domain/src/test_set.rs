//! Use of a test set: how often its rows have judged candidates of a model, and which results authors were shown.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use slipway_contract::Digest;

/// How far candidates may depend on the verdicts on earlier ones.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Adaptivity {
    /// Not at all: candidates do not depend on earlier verdicts.
    #[default]
    None,
    /// Until the first candidate passes, which uses the set up.
    FirstChange,
    /// In any way.
    Full,
}

/// The part of a verdict that authors are shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Feedback {
    /// All figures.
    #[default]
    Figures,
    /// Only whether the candidate passed, until the test set is used up. A reader of the audit log sees all figures.
    Verdict,
}

/// A use of a test set, as reported in a verdict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TestSetUse {
    /// Digest of the set's rows, independent of their order and of the file name.
    pub rows: Digest,
    /// The number of this use of the set, from one. A repetition with the same candidate, rows, champion and policy is the same
    /// use.
    pub number: u32,
    /// The number of uses that the policy allows, if it limits them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed: Option<u32>,
    /// The part of the verdict that authors are shown.
    #[serde(default)]
    pub feedback: Feedback,
    /// Number of rows that were left out because they are used up.
    #[serde(default)]
    pub used_up: u64,
}

impl TestSetUse {
    /// Number of uses after which a set without a limit causes a warning.
    pub const MANY: u32 = 20;

    /// The use as text: `use 7 of 20`.
    pub fn describe(&self) -> String {
        match self.allowed {
            Some(allowed) => format!("use {} of {allowed}", self.number),
            None => format!("use {}", self.number),
        }
    }
}

/// The state of a set's rows before a use. It is divided into parts, because rows that were added later have fewer uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestSetUsage {
    /// The parts of the set.
    pub parts: Vec<PartUsage>,
    /// The part of each row, as an index into `parts`; empty if all belong to the first.
    pub of_row: Vec<u32>,
}

/// The state of one part of a set before a use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartUsage {
    /// The part's number within the model.
    pub part: i64,
    /// Number of different questions that its rows have answered.
    pub uses: u32,
    /// Whether authors were shown the figures of a use.
    pub figures: bool,
    /// Whether another candidate passed in a use.
    pub passed: bool,
    /// Whether its rows were used up before, under any earlier rule. The value stays true, because figures based on the rows were
    /// shown.
    pub retired: bool,
}

/// Rows that must not judge any more after a use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowsEnd {
    /// The number of their part.
    pub part: i64,
    /// Whether the rows may still judge the candidate of that use: its predictions can no longer depend on a verdict.
    pub but_for_candidate: bool,
}

impl PartUsage {
    /// Whether the rows must not judge any more, given the allowed number of uses and the adaptivity. Shown figures reveal more
    /// than the verdicts that the error budget covers.
    pub fn is_used_up(&self, uses: u32, adaptivity: Adaptivity) -> bool {
        self.retired
            || self.is_used_up_for_all(uses, adaptivity)
            || (adaptivity == Adaptivity::FirstChange && self.passed)
    }

    fn is_used_up_for_all(&self, uses: u32, adaptivity: Adaptivity) -> bool {
        self.uses >= uses || (adaptivity != Adaptivity::None && self.figures)
    }

    /// The end of the part's rows after one more use, in which the candidate passed or not; `None` if they may judge further.
    pub fn end_after(&self, passed: bool, uses: u32, adaptivity: Adaptivity) -> Option<RowsEnd> {
        let after = Self { uses: self.uses.saturating_add(1), ..*self };
        if after.is_used_up_for_all(uses, adaptivity) {
            return Some(RowsEnd { part: self.part, but_for_candidate: false });
        }
        let is_first = passed && adaptivity == Adaptivity::FirstChange && !self.is_used_up(uses, adaptivity);
        is_first.then_some(RowsEnd { part: self.part, but_for_candidate: true })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_used_up_by_uses_by_figures_that_were_shown_and_by_a_first_pass() {
        let fresh = PartUsage { part: 1, uses: 3, figures: false, passed: false, retired: false };
        let is_used_up = |part: PartUsage| {
            [Adaptivity::None, Adaptivity::FirstChange, Adaptivity::Full]
                .map(|adaptivity| part.is_used_up(4, adaptivity))
        };
        assert_eq!(is_used_up(fresh), [false; 3]);
        assert_eq!(is_used_up(PartUsage { uses: 4, ..fresh }), [true; 3]);
        assert_eq!(is_used_up(PartUsage { figures: true, ..fresh }), [false, true, true]);
        assert_eq!(is_used_up(PartUsage { passed: true, ..fresh }), [false, true, false]);
        assert_eq!(is_used_up(PartUsage { retired: true, ..fresh }), [true; 3]);
    }

    #[test]
    fn a_first_pass_ends_rows_for_others_and_the_last_use_for_all() {
        let fresh = PartUsage { part: 1, uses: 3, figures: false, passed: false, retired: false };
        let ends = |passed, uses, adaptivity| {
            let end: Option<RowsEnd> = fresh.end_after(passed, uses, adaptivity);
            end.map(|end| end.but_for_candidate)
        };
        assert_eq!(ends(true, 9, Adaptivity::FirstChange), Some(true));
        assert_eq!(ends(false, 9, Adaptivity::FirstChange), None);
        assert_eq!(ends(true, 9, Adaptivity::Full), None);
        assert_eq!(ends(true, 4, Adaptivity::FirstChange), Some(false));
        // A pass on rows that are used up is not a first pass.
        let refused = PartUsage { passed: true, retired: true, ..fresh };
        assert_eq!(refused.end_after(true, 9, Adaptivity::FirstChange), None);
    }

    #[test]
    fn a_use_is_described_with_its_limit() {
        let one =
            TestSetUse { rows: Digest::of(b""), number: 7, allowed: Some(20), feedback: Feedback::Figures, used_up: 0 };
        assert_eq!(one.describe(), "use 7 of 20");
        assert_eq!(TestSetUse { allowed: None, ..one }.describe(), "use 7");
    }
}
