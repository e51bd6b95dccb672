//! The verdict that authors are shown while figures are withheld: whether the candidate passed, and nothing else that depends on
//! the test rows.

use std::borrow::Cow;

use super::{CheckOutcome, CheckResult, Outcome, Verdict};

impl Verdict {
    /// Whether a result is withheld from authors until the test set is used up.
    pub fn is_withheld(&self) -> bool {
        self.checks.iter().any(|check| check.is_withheld)
    }

    /// The verdict for authors until the test set is used up. It shows refused and inconclusive as one outcome: a third outcome
    /// would reveal more than the error budget covers.
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
