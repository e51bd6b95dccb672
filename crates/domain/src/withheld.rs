//! What authors are shown of a verdict whose figures are kept from them: whether the candidate passed, and no more that hangs
//! on the test rows.

use std::borrow::Cow;

use super::{CheckOutcome, CheckResult, Outcome, Verdict};

impl Verdict {
    /// Whether something is kept from authors until the test set is used up.
    pub fn is_withheld(&self) -> bool {
        self.checks.iter().any(|check| check.is_withheld)
    }

    /// The verdict as authors see it until the test set is used up. Refused and inconclusive are one answer: a third would tell
    /// more than the error budget is divided by.
    pub fn for_authors(&self) -> Cow<'_, Self> {
        if !self.is_withheld() {
            return Cow::Borrowed(self);
        }
        let outcome = match self.outcome {
            Outcome::Inconclusive => Outcome::Fail,
            outcome => outcome,
        };
        let checks = self.checks.iter().map(CheckResult::for_authors).collect();
        Cow::Owned(Self { outcome, checks, ..self.clone() })
    }
}

impl CheckResult {
    fn for_authors(&self) -> Self {
        if !self.is_withheld {
            return self.clone();
        }
        let sentence = format!("{}: shown once the test set is used up ({}:{})", self.metric, self.file, self.line);
        Self {
            outcome: CheckOutcome::Withheld,
            sentence,
            interval: None,
            rows_to_decide: None,
            slices: Vec::new(),
            exception: None,
            ..self.clone()
        }
    }
}
