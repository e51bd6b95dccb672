//! The states of a run and the only definition of its legal transitions.

use serde::{Deserialize, Serialize};

/// The state of a run. Active states name the current step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// Recorded; the next step reads its specification.
    Queued,
    /// The model is trained.
    Training,
    /// Candidate and champion are evaluated on the same rows.
    Evaluating,
    /// The candidate is judged by the policy.
    Gating,
    /// Card, reports and evidence are stored with the artifact.
    Publishing,
    /// The candidate passed, and a rule of the environment blocks it.
    Waiting,
    /// The environment's manifests are changed.
    Promoting,
    /// The environment names the artifact, or the pull request was judged and passed.
    Done,
    /// The specification or the policy refused the run.
    Refused,
    /// A failure that a person must examine.
    Failed,
    /// A newer push superseded it.
    Superseded,
    /// A person ended it.
    Cancelled,
}

/// An event that moves a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunEvent {
    /// The specification was read and is sound.
    Planned,
    /// Weights are stored.
    Trained,
    /// Predictions are stored.
    Evaluated,
    /// The verdict is a pass.
    Passed,
    /// Everything about the artifact is stored.
    Published,
    /// The environment already names an artifact of this revision: a server whose store was lost had promoted it.
    Found,
    /// A rule of the environment blocks the promotion.
    HeldBack,
    /// No rule blocks it any more.
    Cleared,
    /// The environment names the artifact.
    Promoted,
    /// The pull request was judged, and everything about it is stored. A pull request is not promoted.
    Judged,
    /// The environment names another champion than the one in the verdict.
    ChampionMoved,
    /// The environment already names the candidate's weights, or there is no candidate.
    NothingToPromote,
    /// The specification or the policy refused the run.
    Refused,
    /// A failure that another attempt would not fix.
    Failed,
    /// A newer push arrived.
    Superseded,
    /// A person ended it.
    Cancelled,
}

impl RunEvent {
    /// The event as a participle, for the error text "cannot be …".
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Trained => "trained",
            Self::Evaluated => "evaluated",
            Self::Passed => "passed",
            Self::Published => "published",
            Self::HeldBack => "held back",
            Self::Cleared => "cleared",
            Self::Promoted => "promoted",
            Self::Judged => "judged",
            Self::Found => "found",
            Self::NothingToPromote => "ended with nothing to promote",
            Self::ChampionMoved => "compared with another champion",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::Superseded => "superseded",
            Self::Cancelled => "cancelled",
        }
    }
}

/// An illegal transition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a run that is {} cannot be {}", from.as_str(), event.as_str())]
pub struct IllegalMove {
    /// The state before.
    pub from: RunState,
    /// The event.
    pub event: RunEvent,
}

impl RunState {
    /// All states, in the order of a run's life.
    pub const ALL: [Self; 12] = [
        Self::Queued,
        Self::Training,
        Self::Evaluating,
        Self::Gating,
        Self::Publishing,
        Self::Waiting,
        Self::Promoting,
        Self::Done,
        Self::Refused,
        Self::Failed,
        Self::Superseded,
        Self::Cancelled,
    ];

    /// The state after an event; every unlisted transition is an error.
    pub fn after(self, event: RunEvent) -> Result<Self, IllegalMove> {
        match (self, event) {
            (Self::Queued, RunEvent::Planned) => Ok(Self::Training),
            (Self::Training, RunEvent::Trained) | (Self::Promoting | Self::Waiting, RunEvent::ChampionMoved) => {
                Ok(Self::Evaluating)
            }
            (Self::Evaluating, RunEvent::Evaluated) => Ok(Self::Gating),
            (Self::Gating, RunEvent::Passed) => Ok(Self::Publishing),
            (Self::Publishing, RunEvent::Published) | (Self::Waiting, RunEvent::Cleared) => Ok(Self::Promoting),
            (Self::Promoting | Self::Waiting, RunEvent::HeldBack) => Ok(Self::Waiting),
            (Self::Promoting | Self::Waiting, RunEvent::Promoted)
            | (Self::Publishing, RunEvent::Judged)
            | (Self::Queued, RunEvent::Found)
            | (Self::Queued | Self::Evaluating | Self::Gating, RunEvent::NothingToPromote) => Ok(Self::Done),
            // A promoting run is refused only by a person who rejects the artifact before it is written.
            (from, RunEvent::Refused) if from.is_active() && from != Self::Publishing => Ok(Self::Refused),
            (from, RunEvent::Failed) if from.is_active() => Ok(Self::Failed),
            // A promoting run has passed everything and may already be in the environment: it ends by itself.
            (from, RunEvent::Superseded) if from.may_be_terminated() => Ok(Self::Superseded),
            (from, RunEvent::Cancelled) if from.may_be_terminated() => Ok(Self::Cancelled),
            (from, event) => Err(IllegalMove { from, event }),
        }
    }

    /// Whether the run has a current step.
    pub fn is_active(self) -> bool {
        matches!(
            self,
            Self::Queued
                | Self::Training
                | Self::Evaluating
                | Self::Gating
                | Self::Publishing
                | Self::Waiting
                | Self::Promoting
        )
    }

    /// Whether the run can still end without an effect on the environment.
    pub fn may_be_terminated(self) -> bool {
        self.is_active() && self != Self::Promoting
    }

    /// Parses the name of a state; `None` if it is unknown.
    pub fn from_name(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }

    /// The name in the store, in the API and in messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Training => "training",
            Self::Evaluating => "evaluating",
            Self::Gating => "gating",
            Self::Publishing => "publishing",
            Self::Waiting => "waiting",
            Self::Promoting => "promoting",
            Self::Done => "done",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::Superseded => "superseded",
            Self::Cancelled => "cancelled",
        }
    }
}

/// A reason as it is written beside a state. Many reasons begin with their state (`refused: accuracy is …`), which is not said twice.
pub fn beside_state<'reason>(state: &str, reason: &'reason str) -> &'reason str {
    match reason.strip_prefix(state) {
        Some("") => "",
        Some(rest) => rest.strip_prefix(':').map_or(reason, str::trim_start),
        None => reason,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENTS: [RunEvent; 16] = [
        RunEvent::Planned,
        RunEvent::Trained,
        RunEvent::Evaluated,
        RunEvent::Passed,
        RunEvent::Published,
        RunEvent::Promoted,
        RunEvent::Judged,
        RunEvent::Found,
        RunEvent::HeldBack,
        RunEvent::Cleared,
        RunEvent::ChampionMoved,
        RunEvent::NothingToPromote,
        RunEvent::Refused,
        RunEvent::Failed,
        RunEvent::Superseded,
        RunEvent::Cancelled,
    ];

    #[test]
    fn the_straight_way_leads_from_queued_to_done() {
        let end = EVENTS[..6].iter().try_fold(RunState::Queued, |state, event| state.after(*event));
        assert_eq!(end, Ok(RunState::Done));
    }

    #[test]
    fn nothing_moves_a_run_that_has_ended() {
        for state in RunState::ALL.into_iter().filter(|state| !state.is_active()) {
            for event in EVENTS {
                assert_eq!(state.after(event), Err(IllegalMove { from: state, event }));
            }
        }
    }

    #[test]
    fn a_run_is_promoted_only_after_its_verdict_and_its_publication() {
        for state in RunState::ALL {
            let may_be_promoted = matches!(state, RunState::Promoting | RunState::Waiting);
            assert_eq!(state.after(RunEvent::Promoted).is_ok(), may_be_promoted);
            assert_eq!(state.after(RunEvent::Passed).is_ok(), state == RunState::Gating);
        }
    }

    #[test]
    fn a_run_that_is_promoting_cannot_be_called_off_and_one_that_waits_can() {
        for event in [RunEvent::Superseded, RunEvent::Cancelled] {
            assert!(RunState::Promoting.after(event).is_err());
            assert!(RunState::Waiting.after(event).is_ok());
        }
    }

    #[test]
    fn what_was_promoted_before_is_found_only_before_anything_is_done() {
        for state in RunState::ALL {
            assert_eq!(state.after(RunEvent::Found).is_ok(), state == RunState::Queued);
        }
    }

    #[test]
    fn an_illegal_move_says_what_was_tried() {
        let error = RunState::Done.after(RunEvent::Trained).expect_err("illegal");
        assert_eq!(error.to_string(), "a run that is done cannot be trained");
    }

    #[test]
    fn a_state_is_not_said_again_at_the_start_of_its_reason() {
        for (state, reason, expected) in [
            ("refused", "refused: accuracy is at most 0.9", "accuracy is at most 0.9"),
            ("refused", "refused", ""),
            ("refused", "refusedly: so", "refusedly: so"),
            ("done", "`staging` names the artifact", "`staging` names the artifact"),
            ("stalled", "refused: no", "refused: no"),
        ] {
            assert_eq!(beside_state(state, reason), expected);
        }
    }
}
