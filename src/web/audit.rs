//! Records callers' actions in the audit log: an entry before each action, and a second entry if it is refused.

use std::fmt::Display;
use std::sync::Arc;

use super::Shared;
use super::access::Caller;
use super::problem::Problem;
use crate::promotions::Reason;
use slipway_store::NewAuditEntry;

/// An action of a caller.
#[derive(Debug, Clone)]
pub(super) struct Action {
    name: &'static str,
    target: String,
    detail: Vec<String>,
}

impl Action {
    pub(super) fn new(name: &'static str, target: String) -> Self {
        Self { name, target, detail: Vec::new() }
    }

    /// Adds the reason of the action.
    #[must_use]
    pub(super) fn because(mut self, reason: &Reason) -> Self {
        self.detail.push(format!("reason: {reason}"));
        self
    }

    /// Adds a detail of the request, if it has a value.
    #[must_use]
    pub(super) fn with(mut self, word: &str, value: Option<impl Display>) -> Self {
        self.detail.extend(value.map(|value| format!("{word} {value}")));
        self
    }

    fn entry(self, caller: &Caller) -> NewAuditEntry {
        let Self { name, target, mut detail } = self;
        detail.push(format!("from {}", caller.peer()));
        NewAuditEntry { actor: caller.actor(), action: name.to_owned(), target, detail: detail.join("; ") }
    }
}

impl Shared {
    /// Writes the audit entry of an action, then performs it, so that every action is recorded. If the action fails, a second
    /// entry marks it as refused.
    pub(super) async fn perform<T, E>(
        self: &Arc<Self>,
        caller: &Caller,
        action: Action,
        doing: impl Future<Output = Result<T, E>>,
    ) -> Result<T, Problem>
    where
        E: Display + Into<Problem>,
    {
        let entry = action.entry(caller);
        self.store.audit(&entry).await?;
        match doing.await {
            Ok(done) => Ok(done),
            Err(error) => {
                if let Err(lost) = self.store.audit(&entry.refused(&error.to_string())).await {
                    tracing::error!(error = %lost, "a refusal is not in the audit log: {lost}");
                }
                Err(error.into())
            }
        }
    }

    /// Records an action that the caller may not perform as refused, and returns the problem. The first of several equal refusals
    /// is written at once, the others are counted.
    pub(super) async fn refuse(self: &Arc<Self>, caller: &Caller, action: Action, problem: Problem) -> Problem {
        let Action { name, target, .. } = &action;
        let reason = format!("{name} of {target}: {}", problem.detail());
        self.record_refusal(caller.refusal(reason), caller.target()).await;
        problem
    }
}
