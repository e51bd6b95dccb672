//! Reports a run as a deployment: from the time when it passed its gate until the environment names its artifact, or never will.

use slipway_domain::{Origin, Outcome, Run, RunState};
use slipway_forge::{Deployment, DeploymentState, Pages};

/// Maximum length of a sentence in characters, which is GitHub's limit.
const MAX_TITLE_LENGTH: usize = 140;

/// The state of a run's promotion, if the run can be promoted and has passed its gate.
pub(super) fn of_run(run: &Run, pages: Option<&Pages>) -> Option<Deployment> {
    if run.cause.pull_request.is_some() {
        return None;
    }
    let (state, title) = match run.status.state {
        RunState::Waiting => (DeploymentState::Waiting, waits_for(run)),
        RunState::Promoting if run.status.stalled => (DeploymentState::Waiting, reason_of(run)),
        RunState::Done => (DeploymentState::Active, named(run)),
        RunState::Failed if has_passed(run) => (DeploymentState::Failed, reason_of(run)),
        RunState::Refused | RunState::Superseded | RunState::Cancelled if has_passed(run) => {
            (DeploymentState::Withdrawn, reason_of(run))
        }
        _ => return None,
    };
    Some(Deployment {
        revision: run.cause.head.clone(),
        environment: format!("{}/{}", run.cause.environment, run.cause.model),
        run: run.id,
        state,
        title: title.chars().filter(|c| !c.is_control()).take(MAX_TITLE_LENGTH).collect(),
        page: pages.map(|pages| pages.of(run.id)),
    })
}

fn waits_for(run: &Run) -> String {
    let reasons: Vec<String> = run.promotion.blocking_rules.iter().map(ToString::to_string).collect();
    if reasons.is_empty() { "waits for an earlier promotion".to_owned() } else { reasons.join("; ") }
}

fn named(run: &Run) -> String {
    let what = match run.origin {
        Some(Origin::Rollback { .. }) => "rolled back",
        _ => "promoted",
    };
    match &run.promotion.commit {
        Some(commit) => format!("{what} by commit {}", commit.short()),
        None => "the environment already named the artifact".to_owned(),
    }
}

fn reason_of(run: &Run) -> String {
    let reason = run.status.reason.as_deref().and_then(|reason| reason.lines().next());
    reason.unwrap_or(run.status.state.as_str()).to_owned()
}

fn has_passed(run: &Run) -> bool {
    let passed = |outcome| matches!(outcome, Outcome::Pass | Outcome::NeedsApproval);
    run.judgement.verdict.as_ref().is_some_and(|verdict| passed(verdict.outcome))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::sample::run as of_pull_request;
    use slipway_domain::{BlockingRule, Rule};

    fn run(state: RunState) -> Run {
        of_pull_request("digits", state).with(|run| run.cause.pull_request = None)
    }

    #[test]
    fn a_run_is_a_deployment_once_it_passed_and_a_pull_request_is_none() {
        for state in [RunState::Queued, RunState::Training, RunState::Gating, RunState::Refused, RunState::Failed] {
            assert_eq!(of_run(&run(state), None), None, "{state:?}");
        }
        assert_eq!(of_run(&of_pull_request("digits", RunState::Done), None), None);
        let reported = of_run(&run(RunState::Done), None).expect("a deployment");
        assert_eq!((reported.environment.as_str(), reported.state), ("production/digits", DeploymentState::Active));
    }

    #[test]
    fn what_blocks_it_is_said_in_as_much_text_as_github_takes() {
        let reason = format!("{}\n", "so many more approvals ".repeat(20));
        let blocking_rules = vec![BlockingRule { rule: Rule::Approval, reason, earliest: None }];
        let reported = of_run(&run(RunState::Waiting).with(|run| run.promotion.blocking_rules = blocking_rules), None)
            .expect("a deployment");
        assert_eq!((reported.state, reported.title.chars().count()), (DeploymentState::Waiting, 140));
        assert!(!reported.title.contains('\n'));
    }
}
