//! What a forge is told: where one model, or all of them, stand at one revision. Forges with checks show all of it, those
//! with commit statuses its first sentence.

use serde::Serialize;

use slipway_domain::CommitSha;

/// Where one model, or all of them, stand at one revision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The revision.
    pub revision: CommitSha,
    /// Name of the check or the status, such as `slipway/fashion`: a later report of the same name takes its place.
    pub context: String,
    /// What we call it: the run's identifier. A report that was told is found again by it.
    pub id: String,
    /// The state.
    pub state: ReportState,
    /// One sentence for people.
    pub title: String,
    /// Everything else for people, in Markdown.
    pub text: String,
    /// Mistakes in files, and what does not hold of a policy, at their places.
    pub annotations: Vec<Annotation>,
    /// What people may do about it.
    pub buttons: Vec<ReportButton>,
    /// A page with more of it, if there is one.
    pub page: Option<String>,
}

/// How far it has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum ReportState {
    /// It waits.
    Queued,
    /// It is under way.
    UnderWay,
    /// It has ended, or waits for a person.
    Ended(Conclusion),
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Conclusion {
    /// It passed.
    Success,
    /// It has nothing to say about this revision.
    Neutral,
    /// The specification or the policy said no, or something broke.
    Failure,
    /// A person has to act first.
    ActionRequired,
    /// A person called it off, or another took its place.
    Cancelled,
    /// It took longer than it may.
    TimedOut,
}

/// Something to be seen at a line of a file of the source repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Annotation {
    /// The file, relative to its repository.
    pub file: String,
    /// The line, from one.
    pub line: usize,
    /// What was expected and what came, and what to do.
    pub message: String,
    /// How bad it is.
    pub level: AnnotationLevel,
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum AnnotationLevel {
    /// It holds the model up.
    Failure,
    /// A person has to look at it, or may want to.
    Warning,
}

/// A button below a check. GitHub shows three at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum ReportButton {
    /// Train again.
    Retrain,
    /// End the run.
    Cancel,
    /// Let the candidate into its environment.
    Approve,
    /// Let a fork's revision be trained and judged.
    Judge,
}

impl ReportButton {
    /// All of them.
    const ALL: [Self; 4] = [Self::Retrain, Self::Cancel, Self::Approve, Self::Judge];

    /// What comes back when it is pressed; twenty characters at most.
    pub fn identifier(self) -> &'static str {
        match self {
            Self::Retrain => "retrain",
            Self::Cancel => "cancel",
            Self::Approve => "approve",
            Self::Judge => "judge",
        }
    }

    /// What stands on it; twenty characters at most.
    pub fn label(self) -> &'static str {
        match self {
            Self::Retrain => "Retrain",
            Self::Cancel => "Cancel",
            Self::Approve => "Approve promotion",
            Self::Judge => "Judge this revision",
        }
    }

    /// What it does; forty characters at most.
    pub fn description(self) -> &'static str {
        match self {
            Self::Retrain => "Train and judge this model again",
            Self::Cancel => "End this run",
            Self::Approve => "Allow this candidate to be promoted",
            Self::Judge => "Train and judge exactly this commit",
        }
    }

    /// The button that was pressed.
    pub fn pressed(identifier: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|button| button.identifier() == identifier)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buttons_are_no_longer_than_github_takes_and_are_known_again() {
        for button in ReportButton::ALL {
            assert!(button.label().len() <= 20 && button.description().len() <= 40 && button.identifier().len() <= 20);
            assert_eq!(ReportButton::pressed(button.identifier()), Some(button));
        }
        assert_eq!(ReportButton::pressed("constructor"), None);
    }
}
