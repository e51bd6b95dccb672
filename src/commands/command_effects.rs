//! Plans the effect of a command on each run from the current state, then applies, records and answers it in one transaction. A
//! command therefore takes effect once, however often it is delivered.

use jiff::Timestamp;

use super::command::{Command, EnvironmentCommand};
use super::{Commands, command};
use crate::context::{Source, StepError, messages};
use crate::promotions::{ActionError, Reason};
use slipway_domain::{Actor, CommitSha, DeliveryState, PullRequestHead, Run, RunId, SourceName};
use slipway_gate::policy::render::escaped;
use slipway_store::{
    AuditedEffect, DeliveryOutcome, Effect, Followed, NewAuditEntry, NewCommand, Outcome, Retrained, StoreError,
};

/// Maximum number of runs that one command may start or end.
const MAX_RUNS: usize = 100;

/// The origin of a command, with the cause that identifies it across repeated deliveries.
pub(crate) struct CommandRequest<'a> {
    pub(crate) source: &'a SourceName,
    pub(crate) actor: Actor,
    /// Identifier of the command, such as `comment 17`.
    pub(crate) cause: String,
    /// The cause under which a refusal is stored, if the same command can be given again.
    pub(super) cause_of_refusal: Option<String>,
}

/// A planned effect, and the line that reports it.
struct Planned {
    model: String,
    audited_effect: AuditedEffect,
    /// Whether the command applies to the run. If not, `line` gives the reason.
    possible: bool,
    line: String,
}

impl CommandRequest<'_> {
    fn command(&self, text: &str) -> NewCommand {
        NewCommand {
            source: self.source.clone(),
            cause: self.cause.clone(),
            cause_of_refusal: self.cause_of_refusal.clone(),
            command: text.chars().take(200).collect(),
            actor: self.actor.clone(),
        }
    }

    fn entry(&self, action: &str, target: String, detail: &str) -> NewAuditEntry {
        let request = format!("{} at {}", self.cause, self.source);
        let detail = if detail.is_empty() { request } else { format!("{detail}; {request}") };
        NewAuditEntry { actor: self.actor.clone(), action: action.to_owned(), target, detail }
    }
}

impl Commands {
    /// Stores the answer without any other effect. The audit log records a valid command as refused.
    pub(super) async fn refuse_command(
        &self,
        request: &CommandRequest<'_>,
        text: &str,
        answer: &str,
        of: Option<(&Command, String)>,
    ) -> Result<Followed, StoreError> {
        let entry = of.and_then(|(command, target)| {
            Some(request.entry(command.action()?, target, &command.to_string()).refused(first_line(answer)))
        });
        let audited_effects = vec![AuditedEffect { effect: Effect::Nothing, entry }];
        let (followed, _) = self
            .context
            .store
            .follow_command(&request.command(text), audited_effects, |_| (false, answer.to_owned()))
            .await?;
        Ok(followed)
    }

    /// Executes the command to judge a revision of a fork.
    pub(crate) async fn judge(
        &self,
        request: &CommandRequest<'_>,
        source: &Source,
        waiting: Option<PullRequestHead>,
        commit: &CommitSha,
        arrived: Timestamp,
    ) -> Result<(Followed, DeliveryOutcome), StepError> {
        let nothing = || DeliveryOutcome::nothing(DeliveryState::Done, "");
        let command = Command::Judge(commit.clone());
        match self.revisions.judge_approved((request.source, source), waiting, commit, &request.actor, arrived).await? {
            Ok((audited_effect, sentence, outcome)) => {
                let text = command.to_string();
                let (followed, outcomes) = self
                    .context
                    .store
                    .follow_command(&request.command(&text), vec![audited_effect], |_| (true, sentence))
                    .await?;
                if outcomes.is_some() {
                    self.context.due.notify_one();
                    self.context.notify_changed(request.source);
                }
                Ok((followed, outcome))
            }
            Err(answer) => {
                let of = Some((&command, commit.to_string()));
                Ok((self.refuse_command(request, &command.to_string(), &answer, of).await?, nothing()))
            }
        }
    }

    /// Executes a command for runs: the newest run of each model, or the run that was `meant`.
    pub(super) async fn execute_command(
        &self,
        request: &CommandRequest<'_>,
        command: &Command,
        runs: &[Run],
        meant: Option<RunId>,
    ) -> Result<Followed, StoreError> {
        let runs = &runs[..runs.len().min(MAX_RUNS)];
        let text = command.to_string();
        if matches!(command, Command::Help) {
            let answer = format!("{}\n", command::HELP);
            let nothing = vec![AuditedEffect { effect: Effect::Nothing, entry: None }];
            return Ok(self
                .context
                .store
                .follow_command(&request.command(&text), nothing, |_| (true, answer))
                .await?
                .0);
        }
        if runs.is_empty() || matches!(command, Command::Judge(_)) {
            let answer = "Nothing to do: nothing was judged here. To judge a revision that was skipped or waits for an \
             approval, write `/slipway judge` and its commit.\n";
            return self.refuse_command(request, &text, answer, Some((command, request.source.to_string()))).await;
        }
        let mut planned = Vec::new();
        for run in runs {
            planned.push(self.planned(request, command, run, meant).await?);
        }
        let audited_effects = planned.iter().map(|planned| planned.audited_effect.clone()).collect();
        let summary = |outcomes: &[Outcome]| summarize(&planned, outcomes);
        let (followed, outcomes) =
            self.context.store.follow_command(&request.command(&text), audited_effects, summary).await?;
        if let Some(outcomes) = outcomes {
            self.after_command(request.source, command, runs, &outcomes).await?;
        }
        Ok(followed)
    }

    /// Plans the effect of a command on one run from the current state.
    async fn planned(
        &self,
        request: &CommandRequest<'_>,
        command: &Command,
        run: &Run,
        meant: Option<RunId>,
    ) -> Result<Planned, StoreError> {
        let plan = match command {
            Command::Retrain => retrain(request, run, meant),
            Command::Cancel => cancel(request, run),
            Command::Environment(command, environment) => {
                match self.environment_effect(request, *command, environment, run).await {
                    Ok(plan) => Ok(plan),
                    Err(ActionError::Store(error)) => return Err(error),
                    Err(error) => Err(error.to_string()),
                }
            }
            Command::Explain | Command::Help | Command::Judge(_) => {
                Ok((Effect::Nothing, escaped(&self.runs.explain(run.id).await?.sentence)))
            }
        };
        let entry = command.action().map(|action| {
            let (target, detail) = match command {
                Command::Environment(_, environment) => {
                    let artifact =
                        run.training.artifact.as_ref().map_or_else(String::new, |digest| format!(" {digest}"));
                    (format!("{environment}/{}{artifact}", run.cause.model), format!("of run {}", run.id))
                }
                _ => (run.id.to_string(), String::new()),
            };
            request.entry(action, target, &detail)
        });
        let model = run.cause.model.clone();
        Ok(match plan {
            Ok((effect, line)) => {
                Planned { model, audited_effect: AuditedEffect { effect, entry }, possible: true, line }
            }
            Err(reason) => {
                let entry = entry.map(|entry| entry.refused(&reason));
                let audited_effect = AuditedEffect { effect: Effect::Nothing, entry };
                Planned { model, audited_effect, possible: false, line: escaped(&reason) }
            }
        })
    }

    /// Plans an approval, a hold or a rollback from a forge. Returns the effect, and the line that reports it.
    async fn environment_effect(
        &self,
        request: &CommandRequest<'_>,
        command: EnvironmentCommand,
        environment: &SourceName,
        run: &Run,
    ) -> Result<(Effect, String), ActionError> {
        let operates = matches!(command, EnvironmentCommand::Hold | EnvironmentCommand::Rollback);
        if operates
            && let Some(why) =
                self.promotions.may_not_operate(&request.actor, request.source, environment, &run.cause.model).await?
        {
            return Err(ActionError::Conflict(why));
        }
        let reason: Reason = format!("requested in {}", request.cause).parse().expect("one short line");
        Ok(match command {
            EnvironmentCommand::Approve => {
                let approval = self.promotions.approval_of(environment, run, &request.actor).await?;
                let line = messages::approved(&approval, self.promotions.objection(run, &approval).await?.as_deref());
                (Effect::Approve(approval), escaped(&line))
            }
            EnvironmentCommand::Hold => {
                let hold =
                    self.promotions.hold_of(environment, Some(&run.cause.model), &reason, None, &request.actor)?;
                (Effect::Hold(hold), "held until a person releases it".to_owned())
            }
            EnvironmentCommand::Rollback => {
                let (back, hold) =
                    self.promotions.rollback_of(environment, &run.cause.model, None, &reason, &request.actor).await?;
                let line = format!("run `{}` restores the earlier artifact, and promotions are held", back.id);
                (Effect::RollBack(Box::new(back), hold), line)
            }
        })
    }

    /// Withdraws the promotion requests of cancelled runs, and wakes the loops that have work now.
    async fn after_command(
        &self,
        source: &SourceName,
        command: &Command,
        runs: &[Run],
        outcomes: &[Outcome],
    ) -> Result<(), StoreError> {
        for outcome in outcomes {
            if let Outcome::Cancelled(run) = outcome {
                self.promotions.withdraw_request(run).await;
            }
        }
        if let Command::Environment(_, environment) = command {
            for run in runs {
                self.promotions.wake_waiting(Some(environment), Some(&run.cause.model)).await?;
            }
        }
        self.context.due.notify_one();
        self.context.notify_changed(source);
        Ok(())
    }
}

fn retrain(request: &CommandRequest<'_>, run: &Run, meant: Option<RunId>) -> Result<(Effect, String), String> {
    let new = run.again(Timestamp::now());
    let new = new.ok_or("a rollback is not trained; request another one with `/slipway rollback`")?;
    let cause = format!("requested by {} ({})", request.actor, request.cause);
    Ok((Effect::Retrain { new: Box::new(new), of: meant, cause }, String::new()))
}

fn cancel(request: &CommandRequest<'_>, run: &Run) -> Result<(Effect, String), String> {
    if !run.status.state.is_active() {
        return Err(format!("run {} has ended: {}", run.id, run.status.state.as_str()));
    }
    let cause = format!("cancelled by {}", request.actor);
    Ok((Effect::Cancel { run: Box::new(run.clone()), cause }, String::new()))
}

/// Returns whether the command had an effect, and the answer with one line per model.
fn summarize(planned: &[Planned], outcomes: &[Outcome]) -> (bool, String) {
    let mut done = false;
    let mut lines = Vec::new();
    for (planned, outcome) in planned.iter().zip(outcomes) {
        let (did, line) = match outcome {
            Outcome::Done => (planned.possible, planned.line.clone()),
            Outcome::Cancelled(run) => (true, format!("run `{}` is cancelled", run.id)),
            Outcome::Refused(reason) => (false, escaped(reason)),
            Outcome::Retrained(again) => began(again),
        };
        done |= did;
        lines.push(format!("- `{}`: {line}\n", planned.model.replace('`', "'")));
    }
    (done, lines.concat())
}

fn began(again: &Retrained) -> (bool, String) {
    match again {
        Retrained::Begun(new) => {
            (true, format!("run `{}` has started; it reuses weights if none of their inputs changed", new.id))
        }
        Retrained::Known(new) => (true, format!("run `{}` has started", new.id)),
        Retrained::Overtaken => (false, "a newer revision has a run, which counts instead".to_owned()),
        Retrained::UnderWay => (false, "its run is still in progress".to_owned()),
    }
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}
