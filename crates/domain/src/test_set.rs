//! A test set in use: how often its rows have judged candidates of a model, and what people were shown.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use slipway_contract::Digest;

/// How far candidates may follow from the verdicts on earlier ones.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Adaptivity {
    /// Not at all: candidates are made without regard to earlier verdicts.
    #[default]
    None,
    /// Until the first one passes, which uses the set up.
    FirstChange,
    /// In any way.
    Full,
}

/// What authors are shown of a verdict.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Feedback {
    /// All figures.
    #[default]
    Figures,
    /// Only whether the candidate passed, until the test set is used up. Who may read the audit log sees all figures.
    Verdict,
}

/// A use of a test set, as a verdict tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TestSetUse {
    /// Digest of the set's rows, whatever their order and the name of their file.
    pub rows: Digest,
    /// Which use of the set this is, from one. The same candidate on the same rows against the same champion and policy is the
    /// same use.
    pub number: u32,
    /// How many uses the policy allows, if it limits them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed: Option<u32>,
    /// What authors are shown.
    #[serde(default)]
    pub feedback: Feedback,
    /// Rows that were left out because they are used up.
    #[serde(default)]
    pub used_up: u64,
}

impl TestSetUse {
    /// Uses beyond which a set without a limit is worth a warning.
    pub const MANY: u32 = 20;

    /// The use in words: `use 7 of 20`.
    pub fn describe(&self) -> String {
        match self.allowed {
            Some(allowed) => format!("use {} of {allowed}", self.number),
            None => format!("use {}", self.number),
        }
    }
}

/// What is known of the rows of a set before a use: in parts, since rows that were added later were used less.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestSetUsage {
    /// The parts that the set's rows belong to.
    pub parts: Vec<PartUsage>,
    /// The part of each row, as an index into `parts`; empty if all belong to the first.
    pub of_row: Vec<u32>,
}

/// What is known of one part of a set before a use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartUsage {
    /// Its number among the parts of the model.
    pub part: i64,
    /// Different questions that its rows have answered before.
    pub uses: u32,
    /// Whether authors were shown figures of one.
    pub figures: bool,
    /// Whether another candidate passed in one.
    pub passed: bool,
    /// Whether its rows were used up before, by whatever rule held then. It stays true: figures that rest on them were shown.
    pub retired: bool,
}

/// Rows that may judge no more once a use is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowsEnd {
    /// The number of their part.
    pub part: i64,
    /// Whether the candidate of that use may still be judged by them: its predictions can no longer follow from a verdict.
    pub but_for_candidate: bool,
}

impl PartUsage {
    /// Whether rows may judge no more, where so many uses are allowed and candidates follow from verdicts as far as is said:
    /// figures that were shown say more than the verdicts that are paid for.
    pub fn is_used_up(&self, uses: u32, adaptivity: Adaptivity) -> bool {
        self.retired
            || self.is_used_up_for_all(uses, adaptivity)
            || (adaptivity == Adaptivity::FirstChange && self.passed)
    }

    fn is_used_up_for_all(&self, uses: u32, adaptivity: Adaptivity) -> bool {
        self.uses >= uses || (adaptivity != Adaptivity::None && self.figures)
    }

    /// Whether one more use ends what its rows may judge: a use in which the candidate passed, or did not.
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
        // Who passes on used up rows did not pass by them.
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
