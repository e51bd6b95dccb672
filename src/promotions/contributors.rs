//! Contributors to the revision that a run would promote: the accounts that pushed it, opened the pull request, or wrote a commit
//! since the revision that the environment names now. Accounts come from the forge; the author in a commit alone is never
//! sufficient.

use std::collections::BTreeMap;

use super::Promotions;
use super::actions::ActionError;
use crate::context::{StepError, blocking};
use slipway_domain::{
    Account, Approval, Author, CommitSha, Contributor, Event, EventKind, Part, PullRequest, Push, Reference, Retry,
    Revision, Run, Sender, SourceName,
};
use slipway_store::StoreError;

/// Maximum number of commits that are read. A revision with more commits has an unknown contributor.
const MAX_COMMITS: usize = 5_000;
/// Maximum number of addresses of one revision about which a forge is queried.
const MAX_ADDRESSES: usize = 100;

/// Contributors to revisions according to a forge's events: the account that pushed a branch or opened a pull request.
pub(crate) fn contributors_of_events(forge: &str, events: &[Event]) -> Vec<Contributor> {
    let by = |part, commit: &CommitSha, account: &Account| Contributor {
        part,
        commit: commit.clone(),
        account: Some(format!("{forge}:{}", account.id)),
        name: account.name.clone().unwrap_or_default(),
    };
    let reported = events.iter().filter_map(|event| match &event.kind {
        EventKind::Push(Push { reference: Reference::Branch(_), movement }) => {
            let Sender(account) = event.sender.as_ref()?;
            Some(by(Part::Pusher, movement.after()?, account))
        }
        EventKind::PullRequest(PullRequest { head: Revision::Full(head), author: Some(Author(account)), .. }) => {
            Some(by(Part::Opener, head, account))
        }
        _ => None,
    });
    reported.collect()
}

impl Promotions {
    /// Finds the contributors to a run's revision, if approvals are required and the contributors are not known yet. If this
    /// fails, the next check tries again: only the promotion itself waits for a forge. Returns whether they are known now for the
    /// first time.
    pub(super) async fn know_contributors(&self, run: &mut Run) -> Result<bool, StepError> {
        let asked_for = self.context.environment(run)?.rules().approvals.is_some() || run.policy_requires_approval();
        if run.promotion.contributors.is_some() || !asked_for {
            return Ok(false);
        }
        match self.find_contributors(run).await {
            Ok(found) => run.promotion.contributors = Some(found),
            Err(StepError::Store(error)) => return Err(error.into()),
            Err(error) => {
                tracing::warn!(
                    run.id = %run.id, %error,
                    "the contributors of run {} are not known yet: {error}", run.id
                );
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The known contributors to a run's revision; `None` before the first search.
    async fn contributors_now(&self, run: &Run) -> Result<Option<Vec<Contributor>>, StoreError> {
        let head = std::slice::from_ref(&run.cause.head);
        Ok(with_reported(run, self.context.store.contributors(&run.cause.source, head).await?))
    }

    /// Why an approval does not count alone; `None` if it does, or if none is required.
    pub(crate) async fn objection(&self, run: &Run, approval: &Approval) -> Result<Option<String>, ActionError> {
        let Approval { environment, person, actor, .. } = approval;
        let rules = self
            .context
            .environment_by_name(environment)
            .and_then(|environment| environment.rules().approvals.as_ref());
        if let Some(rule) = rules.filter(|rule| !rule.by.is_empty() && !rule.by.contains(person)) {
            let names: Vec<&str> = rule.by.iter().map(String::as_str).collect();
            return Ok(Some(format!("`{environment}` accepts only approvals of {}", names.join(", "))));
        }
        if rules.is_none() && !run.policy_requires_approval() {
            return Ok(None);
        }
        let mut run = run.clone();
        if run.promotion.contributors.is_none() {
            match self.find_contributors(&run).await {
                Ok(found) => run.promotion.contributors = Some(found),
                Err(StepError::Store(error)) => return Err(error.into()),
                Err(_) => return Ok(Some("the contributors of the revision are not known yet".to_owned())),
            }
        }
        let contributors = self.contributors_now(&run).await?.unwrap_or_default();
        Ok(self.context.settings.people.objection(actor, &contributors))
    }

    /// Reads the commits from git, and their accounts from the forge and the store.
    async fn find_contributors(&self, run: &Run) -> Result<Vec<Contributor>, StepError> {
        let source = self.context.source(run)?;
        let since = self.approved_revision(run).await?;
        let (mirror, head, base) = (source.mirror.clone(), run.cause.head.clone(), run.cause.base.clone());
        let written = blocking(move || {
            let since = match since {
                Some(since) if mirror.contains(&since)? => Some(since),
                _ => base,
            };
            mirror.written_since(since.as_ref(), &head, MAX_COMMITS)
        });
        let Some(written) = written.await?? else {
            let unknown = Contributor::unknown(Part::Author, run.cause.head.clone(), "");
            return Ok(vec![unknown]);
        };
        let commits: Vec<CommitSha> = written.iter().map(|(commit, _)| commit.clone()).collect();
        let mut contributors = self.context.store.contributors(&run.cause.source, &commits).await?;
        let mut addresses: BTreeMap<String, CommitSha> = BTreeMap::new();
        for (commit, email) in written {
            addresses.entry(email.to_lowercase()).or_insert(commit);
        }
        for (number, (email, commit)) in addresses.into_iter().enumerate() {
            let author = if number < MAX_ADDRESSES {
                self.writer_of(&run.cause.source, commit, email).await?
            } else {
                Contributor::unknown(Part::Author, commit, &email)
            };
            contributors.push(author);
        }
        Ok(contributors)
    }

    /// The author of a commit: the account that the forge reports, otherwise only the address in the commit.
    async fn writer_of(&self, name: &SourceName, commit: CommitSha, email: String) -> Result<Contributor, StepError> {
        let source = self.context.settings.sources.get(name);
        let found = match source.and_then(|source| source.api.as_ref().map(|api| (source, api))) {
            Some((source, api)) => (source.kind.as_str(), api.author_of(&commit, &email).await),
            None => ("", Ok(None)),
        };
        let account = match found {
            (forge, Ok(found)) => found.map(|account| (forge, account)),
            // The login has no access to the account, so the account is unknown.
            (_, Err(error)) if error.retry() == Retry::Never => None,
            (_, Err(error)) => return Err(error.into()),
        };
        Ok(match account {
            Some((forge, account)) => Contributor {
                part: Part::Author,
                commit,
                account: Some(format!("{forge}:{}", account.id)),
                name: account.name.unwrap_or(email),
            },
            None => Contributor::unknown(Part::Author, commit, &email),
        })
    }

    /// The revision of the artifact that the environment names now, if a run in the store promoted it: earlier commits were
    /// approved with it, later ones were not. Otherwise the revision before the first run of the model on the branch.
    async fn approved_revision(&self, run: &Run) -> Result<Option<CommitSha>, StoreError> {
        if let Some(champion) = &run.judgement.champion {
            let promoted =
                self.context.store.promoted_runs(&run.cause.environment, &run.cause.model, &run.cause.source).await?;
            let is_it = |earlier: &Run| {
                earlier.training.artifact.as_ref() == Some(champion) && earlier.cause.source == run.cause.source
            };
            if let Some(earlier) = promoted.into_iter().find(is_it) {
                return Ok(Some(earlier.cause.head));
            }
        }
        let of_branch = run.clone().with(|run| {
            run.origin = None;
            run.cause.pull_request = None;
        });
        self.context.store.start_of_concurrency_group(&of_branch).await
    }
}

/// The contributors to a run's revision with those that were reported since; `None` before the first search. The pusher may be
/// reported later. Until then, a run of a branch has an unknown pusher.
pub(super) fn with_reported(run: &Run, reported: Vec<Contributor>) -> Option<Vec<Contributor>> {
    let mut all = run.promotion.contributors.clone()?;
    for reported in reported {
        if !all.contains(&reported) {
            all.push(reported);
        }
    }
    let is_pushed =
        |contributor: &Contributor| contributor.part == Part::Pusher && contributor.commit == run.cause.head;
    if run.cause.pull_request.is_none() && !all.iter().any(is_pushed) {
        all.push(Contributor::unknown(Part::Pusher, run.cause.head.clone(), ""));
    }
    Some(all)
}
