//! Executes the commands of comments and of buttons, if the forge currently grants the permission. Both lead to the same
//! commands. Each command is decided once: a repeated delivery finds the stored answer, and only writes an answer that was lost.

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::command::{Command, EnvironmentCommand};
use super::command_effects::CommandRequest;
use super::{Commands, command};
use crate::context::{Source, StepError};
use crate::reports::{Reporter, SUMMARY, comment};
use slipway_domain::{
    Account, Actor, Button, Check, CheckAction, Comment, Delivery, DeliveryState, Run, RunId, Sender, SourceName,
};
use slipway_forge::{ApiError, ForgeApi, Marker, Permission, Reaction, ReportButton};
use slipway_gate::policy::render::escaped;
use slipway_store::{DeliveryOutcome, Followed, StoreError};

impl Commands {
    /// Executes the command of a comment, and answers it.
    pub(crate) async fn follow_comment(
        &self,
        name: &SourceName,
        source: &Source,
        comment: &Comment,
        arrived: Timestamp,
    ) -> Result<DeliveryOutcome, StepError> {
        let Comment { id, commenter, body, .. } = comment;
        let ignored = |why: &str| Ok(DeliveryOutcome::nothing(DeliveryState::Ignored, format!("comment {id}: {why}")));
        let Some(parsed) = command::parse(body) else { return ignored("it is not a command") };
        let Some(api) = &source.api else {
            return ignored("`api` of this source is not set, so permissions are not known");
        };
        let cause = format!("comment {id}");
        let known = self.context.store.command(name, &cause).await?;
        let (followed, follows) = if let Some(known) = known {
            (known, DeliveryOutcome::nothing(DeliveryState::Done, ""))
        } else {
            let permission = api.permission(&commenter.0).await?;
            if permission == Permission::None {
                return ignored("its account has no access to the repository");
            }
            let actor = Actor::account(source.kind.as_str(), name, &commenter.0);
            let request = CommandRequest { source: name, actor, cause, cause_of_refusal: None };
            self.follow_parsed(&request, source, (comment, parsed), permission, arrived).await?
        };
        if !followed.answered {
            let reaction = if followed.done { Reaction::Done } else { Reaction::Refused };
            self.answer(name, api.as_ref(), comment, reaction, &followed.answer).await?;
            self.context.store.record_answered(name, &followed.cause).await?;
        }
        let first = followed.answer.lines().next().unwrap_or_default();
        Ok(DeliveryOutcome { note: format!("comment {id} answered: {first}"), ..follows })
    }

    /// Executes a parsed command if the permission suffices.
    async fn follow_parsed(
        &self,
        request: &CommandRequest<'_>,
        source: &Source,
        (comment, parsed): (&Comment, Result<Command, String>),
        permission: Permission,
        arrived: Timestamp,
    ) -> Result<(Followed, DeliveryOutcome), StepError> {
        let (name, pull_request) = (request.source, comment.pull_request);
        let followed = match parsed {
            Err(reason) => self.refuse_command(request, &comment.body, &command::misunderstood(&reason), None).await?,
            Ok(command) if permission < needed(&command) => {
                let answer = "Refused: this command needs the permission to write to the repository.\n";
                let target = format!("{name} change {pull_request}");
                self.refuse_command(request, &command.to_string(), answer, Some((&command, target))).await?
            }
            Ok(Command::Judge(commit)) => {
                let waiting = self.context.store.unapproved_pull_request(name, pull_request, &commit).await?;
                return self.judge(request, source, waiting, &commit, arrived).await;
            }
            Ok(command) => {
                let runs = self.context.store.newest_of_pull_request(name, pull_request).await?;
                self.execute_command(request, &command, &runs, None).await?
            }
        };
        Ok((followed, DeliveryOutcome::nothing(DeliveryState::Done, "")))
    }

    /// Executes the command of a button of a check. Only the check itself can show an answer.
    pub(crate) async fn follow_button(
        &self,
        name: &SourceName,
        source: &Source,
        action: &CheckAction,
        sender: Option<&Sender>,
        delivery: &Delivery,
    ) -> Result<DeliveryOutcome, StepError> {
        let ignored =
            |note: &str| Ok(DeliveryOutcome::nothing(DeliveryState::Ignored, format!("button of a check: {note}")));
        let (Some(api), Some(Sender(account))) = (&source.api, sender) else {
            return ignored("`api` of this source is not set, or the delivery names no account");
        };
        let button = match &action.button {
            Button::Retry => ReportButton::Retrain,
            Button::Ours(identifier) => match ReportButton::pressed(identifier) {
                Some(button) => button,
                None => return ignored("it is not a button of Slipway"),
            },
        };
        let cause = cause_of_press(button, action.check.as_ref(), account, &delivery.body);
        let refusal = format!("delivery {}", delivery.id);
        let known = match self.context.store.command(name, &cause).await? {
            None => self.context.store.command(name, &refusal).await?,
            known => known,
        };
        if let Some(known) = known {
            return Ok(pressed(&known));
        }
        let actor = Actor::account(source.kind.as_str(), name, account);
        let request = CommandRequest { source: name, actor, cause, cause_of_refusal: Some(refusal) };
        let (meant, runs) = self.runs_of_check(name, action).await?;
        let command = match (button, runs.first()) {
            (ReportButton::Retrain, _) => Command::Retrain,
            (ReportButton::Cancel, _) => Command::Cancel,
            (ReportButton::Approve, Some(run)) => {
                Command::Environment(EnvironmentCommand::Approve, run.cause.environment.clone())
            }
            (ReportButton::Approve, None) => return ignored("there is nothing to approve"),
            (ReportButton::Judge, _) => Command::Judge(action.head.clone()),
        };
        if api.permission(account).await? < Permission::Write {
            let answer = "its account may not write to the repository";
            let target = format!("{name} {}", action.head);
            self.refuse_command(&request, &command.to_string(), answer, Some((&command, target))).await?;
            return ignored(answer);
        }
        if let Command::Judge(head) = &command {
            let waiting = self.context.store.unapproved_at(name, head).await?;
            let (followed, follows) = self.judge(&request, source, waiting, head, delivery.received_at).await?;
            let DeliveryOutcome { state, note, .. } = pressed(&followed);
            return Ok(DeliveryOutcome { state, note, ..follows });
        }
        Ok(pressed(&self.execute_command(&request, &command, &runs, meant).await?))
    }

    /// Returns the runs that a check is about. If the check names its run, that run is also returned separately. The summary
    /// check, and a forge's own button for all checks, stand for the newest run of each model at the revision. Any other check
    /// stands for those of the newest runs that have its name.
    async fn runs_of_check(
        &self,
        source: &SourceName,
        action: &CheckAction,
    ) -> Result<(Option<RunId>, Vec<Run>), StoreError> {
        let CheckAction { check, head, .. } = action;
        if let Some(run) = check.as_ref().and_then(|check| check.external_id.as_ref()?.parse::<RunId>().ok()) {
            return Ok(match self.context.store.run(run).await {
                Ok(run) if run.cause.source == *source && run.cause.head == *head => (Some(run.id), vec![run]),
                Ok(_) | Err(StoreError::NoSuchRun { .. }) => (None, Vec::new()),
                Err(error) => return Err(error),
            });
        }
        let mut runs = self.context.store.newest_at(source, head).await?;
        if let Some(check) = check.as_ref().filter(|check| check.name != SUMMARY) {
            runs.retain(|run| comment::context_of(run) == check.name);
        }
        Ok((None, runs))
    }

    /// Answers a comment with a reaction and a reply. Each is written only once.
    async fn answer(
        &self,
        name: &SourceName,
        api: &dyn ForgeApi,
        comment: &Comment,
        reaction: Reaction,
        text: &str,
    ) -> Result<(), StepError> {
        let Comment { id, pull_request, commenter, .. } = comment;
        let Account { name: account, .. } = &commenter.0;
        let to = account.as_deref().map_or_else(String::new, |name| format!("To {}: ", escaped(name)));
        let reporter = Reporter::new(&self.context.store, name, api, Timestamp::now());
        reporter.comment(*pull_request, &Marker::answer_to(id), &format!("{to}{text}")).await?;
        match api.react(*pull_request, id, reaction).await {
            // The comment was deleted, or its kind takes no reactions. The reply is written already.
            Err(ApiError::Missing { .. } | ApiError::Refused { .. }) => Ok(()),
            reacted => Ok(reacted?),
        }
    }
}

/// Identifies one press of a button by the check, the button and the account. If the delivery names no check, the digest of its
/// body takes the place of the check. The body is the same in every delivery of the press.
fn cause_of_press(button: ReportButton, check: Option<&Check>, account: &Account, body: &[u8]) -> String {
    let of = match check {
        Some(check) => format!("of check {}", check.id),
        None => format!("told as {}", hex::encode(Sha256::digest(body))),
    };
    format!("button {} {of} by {}", button.identifier(), account.id)
}

/// Outcome of the delivery of a press.
fn pressed(followed: &Followed) -> DeliveryOutcome {
    let state = if followed.done { DeliveryState::Done } else { DeliveryState::Ignored };
    let first = followed.answer.lines().next().unwrap_or_default();
    DeliveryOutcome::nothing(state, format!("button of a check: {first}"))
}

/// Permission that a command needs.
fn needed(command: &Command) -> Permission {
    match command {
        Command::Help | Command::Explain => Permission::Read,
        Command::Retrain | Command::Cancel | Command::Judge(_) | Command::Environment(..) => Permission::Write,
    }
}
