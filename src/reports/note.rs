//! Notes on commits of a source without a forge: one line per model, once its run has ended or waits for a person.

use super::{Reports, comment};
use crate::context::{Source, StepError};
use slipway_domain::{Run, beside_state};
use slipway_forge::{Report, ReportState};
use slipway_git::NoteLines;

impl Reports {
    /// Writes a note with the states of the models at a run's revision, as far as their runs have ended or wait for a person.
    pub(super) async fn put_note(&self, source: &Source, run: &Run) -> Result<(), StepError> {
        let Some(notes) = source.notes.clone() else { return Ok(()) };
        let lines = lines_of(run, &self.context.store.newest_at(&run.cause.source, &run.cause.head).await?);
        if lines.is_empty() {
            return Ok(());
        }
        let commit = run.cause.head.clone();
        self.context.remotes.call(&source.mirror, move || notes.put(&commit, lines)).await?.map_err(StepError::from)
    }
}

/// The lines for a run and for the newest runs of its revision. The newest runs take precedence for their models.
fn lines_of(run: &Run, newest: &[Run]) -> NoteLines {
    let ended = |run: &Run| {
        let Report { context, state, title, .. } = comment::of_run(run, None);
        matches!(state, ReportState::Ended(_)).then(|| (context, sentence(run, &title)))
    };
    let is_beside = |run: &&Run| run.origin.is_some() || run.only_policy;
    std::iter::once(run).filter(is_beside).chain(newest).filter_map(ended).collect()
}

/// State and reason. The state is not repeated if the reason begins with it.
fn sentence(run: &Run, reason: &str) -> String {
    let state = if run.status.stalled { "stalled" } else { run.status.state.as_str() };
    match beside_state(state, reason) {
        "" => state.to_owned(),
        reason => format!("{state}: {reason}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::sample::run;
    use slipway_domain::RunState;

    #[test]
    fn a_broken_policy_has_a_line_beside_that_of_its_model() {
        let reason = Some("policy.yaml:7:7: unknown key `at_laest`".to_owned());
        let policy = run("digits", RunState::Refused).with(|run| {
            run.only_policy = true;
            run.status.reason = reason;
        });
        let lines = lines_of(&policy, &[run("digits", RunState::Done)]);
        let contexts: Vec<&str> = lines.keys().map(String::as_str).collect();
        assert_eq!(contexts, ["slipway/digits", "slipway/digits: policy"]);
        assert_eq!(lines["slipway/digits: policy"], "refused: policy.yaml:7:7: unknown key `at_laest`");
    }
}
