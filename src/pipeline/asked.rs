//! Does what people ask for at a forge, if the forge says at this moment that they may. Commands and buttons lead to the
//! same. A delivery that is read again finds done what was done, and its answer is written once.

use jiff::Timestamp;

use super::command::{self, Command, EnvironmentCommand};
use super::reported::Reporter;
use super::{Pipeline, Reason, Source, SteerError, StepError};
use crate::domain::{
    Account, Actor, Button, CheckAction, Comment, Delivery, DeliveryState, Retry, Run, RunCause, Sender, SourceName,
};
use crate::forge::{ApiError, ForgeApi, Marker, Permission, Reaction, ReportButton};
use crate::policy::render::escaped;
use crate::store::{Again, NewAuditEntry, Settled, StoreError};

/// Runs that one command may begin or end.
const MOST_RUNS: usize = 100;

/// What somebody asks for, and why that is one thing however often it is told.
struct Asked<'a> {
    source: &'a SourceName,
    actor: Actor,
    /// Such as `comment 17`.
    cause: String,
}

impl From<ApiError> for StepError {
    fn from(error: ApiError) -> Self {
        let reason = error.to_string();
        match error.retry() {
            Retry::Never => Self::Failed { reason },
            retry => Self::Again { retry, reason },
        }
    }
}

impl Pipeline {
    /// Does what a comment asks for, and answers it.
    pub(super) async fn follow_comment(
        &self,
        name: &SourceName,
        source: &Source,
        comment: &Comment,
        arrived: Timestamp,
    ) -> Result<Settled, StepError> {
        let Comment { id, change, commenter, body } = comment;
        let ignored = |why: &str| Ok(Settled::nothing(DeliveryState::Ignored, format!("comment {id}: {why}")));
        let Some(command) = command::parse(body) else { return ignored("it is no command") };
        let Some(api) = &source.api else {
            return ignored("`api` of this source is not set: permissions are not known");
        };
        let permission = api.permission(&commenter.0).await?;
        let actor = Actor::account(source.kind.as_str(), name, &commenter.0);
        let mut settled = Settled::nothing(DeliveryState::Done, "");
        let (reaction, text) = match command {
            _ if permission == Permission::None => return ignored("its account has no access to the repository"),
            Err(reason) => (Reaction::Refused, command::misunderstood(&reason)),
            Ok(command) if permission < needed(&command) => {
                (Reaction::Refused, "Refused: this takes the permission to write to the repository.\n".to_owned())
            }
            Ok(Command::Judge(commit)) => {
                let waiting = self.store.unapproved_change(name, *change, &commit).await?;
                match self.judge_approved((name, source), waiting, &commit, &actor, arrived).await? {
                    Ok((follows, text)) => {
                        settled = follows;
                        (Reaction::Done, text)
                    }
                    Err(text) => (Reaction::Refused, text),
                }
            }
            Ok(command) => {
                let asked = Asked { source: name, actor, cause: format!("comment {id}") };
                let runs = self.store.newest_of_change(name, *change).await?;
                match self.obey(&asked, &command, &runs).await? {
                    Ok(text) => (Reaction::Done, text),
                    Err(text) => (Reaction::Refused, text),
                }
            }
        };
        self.answer(name, api.as_ref(), comment, reaction, &text).await?;
        let first = text.lines().next().unwrap_or_default();
        Ok(Settled { note: format!("comment {id} answered: {first}"), ..settled })
    }

    /// Does what a button of a check asks for. There is no place for an answer but the check itself.
    pub(super) async fn follow_button(
        &self,
        name: &SourceName,
        source: &Source,
        action: &CheckAction,
        sender: Option<&Sender>,
        delivery: &Delivery,
    ) -> Result<Settled, StepError> {
        let noted = |state, note: &str| Ok(Settled::nothing(state, format!("button of a check: {note}")));
        let ignored = |note: &str| noted(DeliveryState::Ignored, note);
        let (Some(api), Some(Sender(account))) = (&source.api, sender) else {
            return ignored("`api` of this source is not set, or nobody pressed it");
        };
        let button = match &action.button {
            Button::Retry => ReportButton::Retrain,
            Button::Ours(identifier) => match ReportButton::pressed(identifier) {
                Some(button) => button,
                None => return ignored("it is none of ours"),
            },
        };
        if api.permission(account).await? < Permission::Write {
            return ignored("its account may not write to the repository");
        }
        let actor = Actor::account(source.kind.as_str(), name, account);
        let mut runs = self.store.newest_at(name, &action.head).await?;
        if let Some(check) = &action.check
            && let Some(model) = check.name.strip_prefix("slipway/")
        {
            runs.retain(|run| run.model == model);
        }
        let command = match (button, runs.first()) {
            (ReportButton::Retrain, _) => Command::Retrain,
            (ReportButton::Cancel, _) => Command::Cancel,
            (ReportButton::Approve, Some(run)) => {
                Command::Environment(EnvironmentCommand::Approve, run.environment.clone())
            }
            (ReportButton::Approve, None) => return ignored("there is nothing to approve"),
            (ReportButton::Judge, _) => {
                let (at, head) = ((name, source), &action.head);
                let waiting = self.store.unapproved_at(name, head).await?;
                return match self.judge_approved(at, waiting, head, &actor, delivery.received_at).await? {
                    Ok((settled, _)) => Ok(settled),
                    Err(text) => ignored(text.trim_end()),
                };
            }
        };
        let asked = Asked { source: name, actor, cause: format!("delivery {}", delivery.id) };
        match self.obey(&asked, &command, &runs).await? {
            Ok(text) => noted(DeliveryState::Done, text.lines().next().unwrap_or_default()),
            Err(text) => ignored(text.lines().next().unwrap_or_default()),
        }
    }

    /// Does a command for runs, the newest of each model. Answers what was done, or why nothing was.
    async fn obey(
        &self,
        asked: &Asked<'_>,
        command: &Command,
        runs: &[Run],
    ) -> Result<Result<String, String>, StoreError> {
        let runs = &runs[..runs.len().min(MOST_RUNS)];
        let nothing = || "Nothing to do: no model is touched here.\n".to_owned();
        match command {
            // It is about a change that has no runs yet.
            Command::Judge(_) => return Ok(Err(nothing())),
            Command::Help => return Ok(Ok(format!("{}\n", command::HELP))),
            Command::Environment(command, environment) => {
                return self.environment_command(asked, *command, environment, runs).await;
            }
            Command::Retrain | Command::Cancel | Command::Explain if runs.is_empty() => return Ok(Err(nothing())),
            Command::Retrain | Command::Cancel | Command::Explain => {}
        }
        let mut lines = Vec::new();
        let mut done = false;
        for run in runs {
            let (did, line) = match command {
                Command::Retrain => self.retrain(asked, run).await?,
                Command::Cancel => self.cancel_for(asked, run).await?,
                _ => (true, escaped(&self.explain(run.id).await?.sentence)),
            };
            done |= did;
            lines.push(format!("- `{}`: {line}\n", run.model.replace('`', "'")));
        }
        let text = lines.concat();
        Ok(if done { Ok(text) } else { Err(text) })
    }

    async fn retrain(&self, asked: &Asked<'_>, run: &Run) -> Result<(bool, String), StoreError> {
        let cause = format!("asked for by {} ({})", asked.actor, asked.cause);
        self.note(asked, "run.retrain", run).await?;
        let again = self.store.begin_again(&repeated(run), &cause, &asked.actor).await?;
        Ok(match again {
            Again::Begun(new) => {
                self.due.notify_one();
                self.tell_change();
                (true, format!("run `{}` has begun; weights are used again if nothing they depend on changed", new.id))
            }
            Again::Known(new) => (true, format!("run `{}` has begun", new.id)),
            Again::Overtaken => (false, "a newer revision was taken up, which counts".to_owned()),
            Again::UnderWay => (false, format!("run `{}` is still under way", run.id)),
        })
    }

    async fn cancel_for(&self, asked: &Asked<'_>, run: &Run) -> Result<(bool, String), StoreError> {
        if !run.state.is_active() {
            return Ok((false, format!("run `{}` has ended: {}", run.id, run.state.as_str())));
        }
        self.note(asked, "run.cancel", run).await?;
        match self.cancel(run.id, &asked.actor).await {
            Ok(run) => Ok((true, format!("run `{}` is cancelled", run.id))),
            Err(StoreError::IllegalMove(error)) => Ok((false, error.to_string())),
            Err(error) => Err(error),
        }
    }

    /// Approvals, holds and rollbacks that are asked for at a forge: answers what was done, or why nothing was.
    async fn environment_command(
        &self,
        asked: &Asked<'_>,
        command: EnvironmentCommand,
        environment: &SourceName,
        runs: &[Run],
    ) -> Result<Result<String, String>, StoreError> {
        if runs.is_empty() {
            return Ok(Err("Nothing to do: no model is touched here.\n".to_owned()));
        }
        let reason: Reason = format!("asked for in {}", asked.cause).parse().expect("one short line");
        let mut lines = Vec::new();
        let mut done = false;
        for run in runs {
            let operates = matches!(command, EnvironmentCommand::Hold | EnvironmentCommand::Rollback);
            if operates
                && let Some(why) = self.may_not_operate(&asked.actor, asked.source, environment, &run.model).await?
            {
                lines.push(format!("- `{}`: {}\n", run.model.replace('`', "'"), escaped(&why)));
                continue;
            }
            self.note(asked, &format!("promotion.{}", command.as_str()), run).await?;
            let ended = match command {
                EnvironmentCommand::Approve => {
                    let approved = self.approve_judged(environment, run, &asked.actor).await;
                    approved.map(|artifact| format!("artifact `{}` is approved", artifact.short()))
                }
                EnvironmentCommand::Hold => {
                    let held = self.hold(environment, Some(&run.model), &reason, None, &asked.actor).await;
                    held.map(|_| "held until somebody releases it".to_owned())
                }
                EnvironmentCommand::Rollback => {
                    let back = self.roll_back(environment, &run.model, None, &reason, &asked.actor).await;
                    back.map(|back| format!("run `{}` brings the earlier one back, and it is held", back.id))
                }
            };
            let line = match ended {
                Ok(line) => {
                    done = true;
                    line
                }
                Err(SteerError::Store(error)) => return Err(error),
                Err(error) => escaped(&error.to_string()),
            };
            lines.push(format!("- `{}`: {line}\n", run.model.replace('`', "'")));
        }
        let text = lines.concat();
        Ok(if done { Ok(text) } else { Err(text) })
    }

    async fn note(&self, asked: &Asked<'_>, action: &str, run: &Run) -> Result<(), StoreError> {
        let (actor, action) = (asked.actor.clone(), action.to_owned());
        let detail = format!("{} at {}", asked.cause, asked.source);
        self.store.audit(&NewAuditEntry { actor, action, target: run.id.to_string(), detail }).await
    }

    /// Answers a comment by a sign on it and a comment below it, both of which are there once.
    async fn answer(
        &self,
        name: &SourceName,
        api: &dyn ForgeApi,
        comment: &Comment,
        reaction: Reaction,
        text: &str,
    ) -> Result<(), StepError> {
        let Comment { id, change, commenter, .. } = comment;
        let Account { name: account, .. } = &commenter.0;
        let to = account.as_deref().map_or_else(String::new, |name| format!("To {}: ", escaped(name)));
        let reporter = Reporter::new(&self.store, name, api, Timestamp::now());
        reporter.comment(*change, &Marker::answer_to(id), &format!("{to}{text}")).await?;
        match api.react(*change, id, reaction).await {
            // The comment was taken away, or is of a kind that takes no signs: it was answered.
            Err(ApiError::Missing { .. } | ApiError::Refused { .. }) => Ok(()),
            reacted => Ok(reacted?),
        }
    }
}

/// What a command takes.
fn needed(command: &Command) -> Permission {
    match command {
        Command::Help | Command::Explain => Permission::Read,
        Command::Retrain | Command::Cancel | Command::Judge(_) | Command::Environment(..) => Permission::Write,
    }
}

/// A new run for the cause of an old one.
fn repeated(run: &Run) -> Run {
    let cause = RunCause {
        source: run.source.clone(),
        model: run.model.clone(),
        file: run.file.clone(),
        branch: run.branch.clone(),
        change: run.change.clone(),
        base: run.base.clone(),
        head: run.head.clone(),
        environment: run.environment.clone(),
        delivered_at: run.delivered_at,
    };
    Run { priority: run.priority, ..Run::queued(cause, jiff::Timestamp::now()) }
}
