//! How often a test set may be used, and how the error budget is spent over the uses.
//!
//! A gate that answers every push lets a team fit its test set by trial (Blum and Hardt, "The Ladder", ICML 2015). What holds of
//! all uses together is a union bound over every candidate that could ever be judged (Renggli et al., "Continuous Integration
//! of Machine Learning Models with ease.ml/ci", `SysML` 2019, section 3.2).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Policy;
pub(super) use slipway_domain::{Adaptivity, Feedback};

/// A policy's rule for its test set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TestSet {
    /// How many candidates a test set may judge. After that many its rows are used up, and fresh ones are needed.
    #[schemars(range(min = 1, max = 10_000))]
    pub(super) uses: u32,
    /// How far candidates may follow from the verdicts on earlier ones; more of it costs more rows.
    #[serde(default)]
    pub(super) adaptivity: Adaptivity,
    /// What authors are shown of a verdict.
    #[serde(default)]
    pub(super) feedback: Feedback,
}

impl Default for TestSet {
    fn default() -> Self {
        Self { uses: 1, adaptivity: Adaptivity::None, feedback: Feedback::Figures }
    }
}

impl TestSet {
    /// More uses than this are no limit.
    pub(super) const MAX_USES: u32 = 10_000;

    /// The smallest error at which bounds can still be computed: below, one less it is one.
    const SMALLEST: f64 = 1e-13;

    /// How many candidates could ever be judged within the rule, over all that authors may be told on the way. `symbols` are
    /// the different verdicts that an author may see.
    ///
    /// Without adaptivity, or up to the first pass, there is one candidate for each use: before the first pass, every verdict so
    /// far was the same. With full adaptivity the k-th candidate may be another for each of the symbols^(k−1) sequences of
    /// verdicts before it: (symbols^uses − 1) / (symbols − 1) in all.
    fn candidates(self, symbols: u32) -> f64 {
        let uses = f64::from(self.uses);
        match self.adaptivity {
            Adaptivity::None | Adaptivity::FirstChange => uses,
            Adaptivity::Full => (f64::from(symbols).powf(uses) - 1.0) / f64::from(symbols - 1),
        }
    }

    /// How often a bound of one use may be wrong, so that all uses together are wrong at most as often as `budget`.
    pub(super) fn level(self, budget: f64, symbols: u32) -> f64 {
        budget / self.candidates(symbols)
    }

    /// Whether the budget of one use is too small to be computed with.
    pub(super) fn is_too_small(self, budget: f64, symbols: u32) -> bool {
        self.level(budget, symbols) < Self::SMALLEST
    }

    /// The most uses whose budget can be computed with.
    pub(super) fn most_uses(self, budget: f64, symbols: u32) -> u32 {
        let fits = |uses: &u32| !Self { uses: *uses, ..self }.is_too_small(budget, symbols);
        (1..=Self::MAX_USES).take_while(fits).last().unwrap_or(0)
    }

    /// The stricter of two in every way: what holds if both have to.
    #[must_use]
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            uses: self.uses.min(other.uses),
            adaptivity: self.adaptivity.max(other.adaptivity),
            feedback: self.feedback.max(other.feedback),
        }
    }

    /// How many uses.
    pub fn uses(self) -> u32 {
        self.uses
    }

    /// How far candidates may follow from verdicts.
    pub fn adaptivity(self) -> Adaptivity {
        self.adaptivity
    }

    /// What authors are shown.
    pub fn feedback(self) -> Feedback {
        self.feedback
    }
}

impl Policy {
    /// Confidence of every bound, with the uses of the test set paid for. `symbols` are the different verdicts that an author
    /// may see.
    pub(super) fn confidence_spent(&self, symbols: u32) -> f64 {
        self.test_set.map_or(self.confidence, |rule| 1.0 - rule.level(1.0 - self.confidence, symbols))
    }

    /// Why the uses cannot be paid for, if so: the message and what to do.
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

/// The most different verdicts that an author may see: a mandatory policy beside this one may leave a check to a person.
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
