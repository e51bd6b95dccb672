//! Limits the uses of a test set and divides the error budget among them.
//!
//! A gate that answers every push lets a team fit its test set by trial (Blum and Hardt, "The Ladder", ICML 2015). The guarantee
//! for all uses together is a union bound over every candidate that could ever be judged (Renggli et al., "Continuous Integration
//! of Machine Learning Models with ease.ml/ci", `SysML` 2019, section 3.2).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Policy;
pub(super) use slipway_domain::{Adaptivity, Feedback};

/// A policy's rule for its test set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TestSet {
    /// How many candidates a test set may judge. After that its rows are used up, and new rows are needed.
    #[schemars(range(min = 1, max = 10_000))]
    pub(super) uses: u32,
    /// How much candidates may depend on the verdicts about earlier ones. More dependence requires more rows.
    #[serde(default)]
    pub(super) adaptivity: Adaptivity,
    /// The parts of a verdict that authors can see.
    #[serde(default)]
    pub(super) feedback: Feedback,
}

impl Default for TestSet {
    fn default() -> Self {
        Self { uses: 1, adaptivity: Adaptivity::None, feedback: Feedback::Figures }
    }
}

impl TestSet {
    /// The largest number of uses that is accepted as a limit.
    pub(super) const MAX_USES: u32 = 10_000;

    /// The smallest error at which bounds can be computed. Below it, one minus the error is rounded to one.
    const SMALLEST: f64 = 1e-13;

    /// The number of candidates that could be judged within the rule, over all verdicts that authors may see on the way.
    /// `symbols` is the number of different verdicts that an author may see.
    ///
    /// Without adaptivity, or up to the first pass, there is one candidate for each use: before the first pass, every verdict was
    /// the same. With full adaptivity the k-th candidate may differ for each of the symbols^(k−1) sequences of verdicts before
    /// it. That is (symbols^uses − 1) / (symbols − 1) candidates in all.
    fn candidates(self, symbols: u32) -> f64 {
        let uses = f64::from(self.uses);
        match self.adaptivity {
            Adaptivity::None | Adaptivity::FirstChange => uses,
            Adaptivity::Full => (f64::from(symbols).powf(uses) - 1.0) / f64::from(symbols - 1),
        }
    }

    /// The error probability of a bound in one use, so that all uses together are wrong with a probability of at most `budget`.
    pub(super) fn level(self, budget: f64, symbols: u32) -> f64 {
        budget / self.candidates(symbols)
    }

    /// Whether the error budget of one use is too small to compute bounds.
    pub(super) fn is_too_small(self, budget: f64, symbols: u32) -> bool {
        self.level(budget, symbols) < Self::SMALLEST
    }

    /// The largest number of uses for which bounds can be computed.
    pub(super) fn most_uses(self, budget: f64, symbols: u32) -> u32 {
        let fits = |uses: &u32| !Self { uses: *uses, ..self }.is_too_small(budget, symbols);
        (1..=Self::MAX_USES).take_while(fits).last().unwrap_or(0)
    }

    /// The stricter of two rules in every respect. It applies if both have to hold.
    #[must_use]
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            uses: self.uses.min(other.uses),
            adaptivity: self.adaptivity.max(other.adaptivity),
            feedback: self.feedback.max(other.feedback),
        }
    }

    /// The number of uses.
    pub fn uses(self) -> u32 {
        self.uses
    }

    /// How much candidates may depend on verdicts.
    pub fn adaptivity(self) -> Adaptivity {
        self.adaptivity
    }

    /// The parts of a verdict that authors can see.
    pub fn feedback(self) -> Feedback {
        self.feedback
    }
}

impl Policy {
    /// The confidence of every bound after the error budget is divided by the uses of the test set. `symbols` is the number of
    /// different verdicts that an author may see.
    pub(super) fn confidence_spent(&self, symbols: u32) -> f64 {
        self.test_set.map_or(self.confidence, |rule| 1.0 - rule.level(1.0 - self.confidence, symbols))
    }

    /// The message and the help text if the error budget cannot be divided by the uses.
    pub(super) fn too_many_uses(&self) -> Option<(String, &'static str)> {
        let rule = self.test_set?;
        let (budget, symbols) = (1.0 - self.confidence, self.symbols().max(MAX_SYMBOLS));
        if !rule.is_too_small(budget, symbols) {
            return None;
        }
        let most = rule.most_uses(budget, symbols);
        Some((
            format!(
                "{} uses divide the error budget beyond what can be computed with, expected at most {most}",
                rule.uses
            ),
            "replace the test set sooner, or have candidates follow less from verdicts: `adaptivity: first_change`",
        ))
    }
}

/// The largest number of different verdicts that an author may see. A mandatory policy beside this one may leave a check to a
/// person.
const MAX_SYMBOLS: u32 = 3;

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(uses: u32, adaptivity: Adaptivity) -> TestSet {
        TestSet { uses, adaptivity, ..TestSet::default() }
    }

    #[test]
    fn the_budget_is_divided_by_the_candidates_that_could_ever_be_judged() {
        let level = |uses, adaptivity, symbols| rule(uses, adaptivity).level(0.05, symbols);
        assert!((level(20, Adaptivity::None, 2) - 0.0025).abs() < 1e-15);
        assert!((level(20, Adaptivity::FirstChange, 3) - 0.0025).abs() < 1e-15);
        // One, two, four and eight candidates after no, one, two and three verdicts.
        assert!((level(4, Adaptivity::Full, 2) - 0.05 / 15.0).abs() < 1e-15);
        assert!((level(3, Adaptivity::Full, 3) - 0.05 / 13.0).abs() < 1e-15);
        assert!((level(1, Adaptivity::Full, 2) - 0.05).abs() < 1e-15);
    }

    #[test]
    fn a_budget_that_cannot_be_computed_with_is_known() {
        assert!(!rule(38, Adaptivity::Full).is_too_small(0.05, 2));
        assert!(rule(39, Adaptivity::Full).is_too_small(0.05, 2));
        assert_eq!(rule(1, Adaptivity::Full).most_uses(0.05, 2), 38);
        assert!(!rule(TestSet::MAX_USES, Adaptivity::None).is_too_small(0.05, 2));
        assert!(rule(10_000, Adaptivity::Full).is_too_small(0.05, 2), "infinitely many candidates");
    }

    #[test]
    fn of_two_rules_the_stricter_holds_in_every_way() {
        let one = TestSet { uses: 20, adaptivity: Adaptivity::FirstChange, feedback: Feedback::Verdict };
        let both = one.and(rule(10, Adaptivity::None));
        assert_eq!(both, TestSet { uses: 10, ..one });
    }
}
