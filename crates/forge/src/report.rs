//! The content of a report: the state of one model, or of all models, at one revision. Check runs show all of it, commit statuses
//! only its title.

use serde::Serialize;

use slipway_domain::CommitSha;

/// The state of one model, or of all models, at one revision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The revision.
    pub revision: CommitSha,
    /// The name of the check run or commit status, such as `slipway/fashion`. A later report of this name replaces it.
    pub context: String,
    /// Slipway's identifier: the run's identifier. It identifies the report at the forge.
    pub id: String,
    /// The state.
    pub state: ReportState,
    /// One sentence for people.
    pub title: String,
    /// The details for people, in Markdown.
    pub text: String,
    /// Mistakes in files and failed checks of a policy, at their places.
    pub annotations: Vec<Annotation>,
    /// The actions that the report offers to people.
    pub buttons: Vec<ReportButton>,
    /// A page with more details, if there is one.
    pub page: Option<String>,
}

/// The state of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum ReportState {
    /// The run waits to start.
    Queued,
    /// The run is in progress.
    UnderWay,
    /// The run has ended, or waits for a person.
    Ended(Conclusion),
}

/// The end of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Conclusion {
    /// It passed.
    Success,
    /// The run has no result for this revision.
    Neutral,
    /// The specification or the policy failed, or an error occurred.
    Failure,
    /// A person has to act first.
    ActionRequired,
    /// A person cancelled the run, or another run replaced it.
    Cancelled,
    /// The run exceeded its time limit.
    TimedOut,
}

/// A message at a line of a file of the source repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Annotation {
    /// The file, relative to the repository.
    pub file: String,
    /// The line, from one.
    pub line: usize,
    /// What was expected, what was found, and what to do.
    pub message: String,
    /// The severity.
    pub level: AnnotationLevel,
}

/// The severity of an annotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum AnnotationLevel {
    /// It blocks the model.
    Failure,
    /// A person has to review it, or may want to.
    Warning,
}

/// A button of a check run. GitHub shows three at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum ReportButton {
    /// Trains and judges the model again.
    Retrain,
    /// Ends the run.
    Cancel,
    /// Approves the promotion of the candidate into its environment.
    Approve,
    /// Allows the training and judging of a fork's revision.
    Judge,
}

impl ReportButton {
    const ALL: [Self; 4] = [Self::Retrain, Self::Cancel, Self::Approve, Self::Judge];

    /// The identifier that the forge returns when the button is pressed; twenty characters at most.
    pub fn identifier(self) -> &'static str {
        match self {
            Self::Retrain => "retrain",
            Self::Cancel => "cancel",
            Self::Approve => "approve",
            Self::Judge => "judge",
        }
    }

    /// Its label; twenty characters at most.
    pub fn label(self) -> &'static str {
        match self {
            Self::Retrain => "Retrain",
            Self::Cancel => "Cancel",
            Self::Approve => "Approve promotion",
            Self::Judge => "Judge this revision",
        }
    }

    /// Its description; forty characters at most.
    pub fn description(self) -> &'static str {
        match self {
            Self::Retrain => "Train and judge this model again",
            Self::Cancel => "End this run",
            Self::Approve => "Allow this candidate to be promoted",
            Self::Judge => "Train and judge exactly this commit",
        }
    }

    /// The button with this identifier.
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
