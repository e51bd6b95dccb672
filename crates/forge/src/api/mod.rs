//! Seam: a forge's API, as far as a source needs it. What is told there, and what is asked.
//!
//! Addresses and logins come from the server's settings alone, never from a delivery. No redirect is followed, every
//! call has a deadline, and of an answer no more is read than is needed.

mod address;
mod answer;
mod bitbucket;
mod comments;
mod error;
mod gitea;
mod github;
mod gitlab;
mod http;
mod merging;
mod preflight;
mod pulls;
mod report_handle;
mod status;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;

use address::Address;
pub use address::Login;
pub use error::{ApiError, RefusalOf};
pub use github::{AppForm, AppLogin, NewApp, RegisteredApp};
pub use merging::{MergeMethod, Merging};
pub use preflight::{PreflightCheck, PreflightStatus, PreflightSubject, WebhookAddress};
pub use report_handle::{FoundReport, ReportHandle};

use super::{Deployment, Report, Settings};
use slipway_domain::{Account, CommitSha, ForgeId, Repository};

/// Where a repository's API is, and how to log in there.
#[derive(Debug, Clone)]
pub struct ApiSettings {
    /// Which forge it is.
    pub forge: Settings,
    /// Its address: `https://api.github.com`, `https://github.example/api/v3`, or that of a GitLab, Gitea or Forgejo.
    pub url: String,
    /// The repository there, `OWNER/NAME`.
    pub repository: String,
    /// Who we are there.
    pub login: Login,
    /// What for.
    pub purpose: Purpose,
}

/// What an API is needed for: a login is given no more than that, where the forge can limit it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To tell of runs and to answer comments, in a repository of models.
    Source {
        /// Whether promotions are told of as deployments.
        deployments: bool,
    },
    /// To open and merge requests, in a repository of environments.
    Environment,
}

/// The API that `settings` name. Refuses forges without one, and addresses that would send the login unencrypted.
pub fn connect_api(settings: ApiSettings) -> Result<Arc<dyn ForgeApi>, String> {
    let ApiSettings { forge, url, repository, login, purpose } = settings;
    let address = Address::new(&url, &repository)?;
    if matches!(purpose, Purpose::Source { deployments: true }) && forge != Settings::GitHub {
        return Err("only GitHub is told of deployments: leave `deployments` out".to_owned());
    }
    let token = match (forge, login) {
        (Settings::Plain, _) => return Err("a plain git server has no API: leave `api` out".to_owned()),
        (Settings::GitHub, login) => return Ok(Arc::new(github::GitHub::new(address, login, purpose))),
        (_, Login::App(_)) => return Err("only GitHub has Apps: give a `token`".to_owned()),
        (_, Login::Token(token)) => token,
    };
    Ok(match forge {
        Settings::GitLab => Arc::new(gitlab::GitLab::new(address, &token)?),
        Settings::Bitbucket => Arc::new(bitbucket::Bitbucket::new(address, &token)?),
        _ => Arc::new(gitea::Gitea::new(address, &token)?),
    })
}

/// A repository's API at its forge. Every call can be made again after a failure that [`ApiError::retry`] calls worth it:
/// what was done already is found, not done twice.
#[async_trait]
pub trait ForgeApi: std::fmt::Debug + Send + Sync {
    /// Reports where a model stands at a revision, in the place of the report that is `known`, and notes there what it
    /// becomes. Where each report is kept by itself, one that is not known is made: look first.
    async fn report(&self, report: &Report, known: &mut ReportHandle) -> Result<(), ApiError>;

    /// Whether each report is kept by itself and known by its identifier; elsewhere a revision has one of each name.
    fn keeps_each_report(&self) -> bool {
        false
    }

    /// Our reports of a revision, where each is kept by itself.
    async fn find_reports(&self, revision: &CommitSha) -> Result<Vec<FoundReport>, ApiError> {
        let _ = revision;
        Ok(Vec::new())
    }

    /// Puts our one comment with `marker` below a change: written once, replaced afterwards. It is looked for if it is not
    /// `known`, where it is noted what it becomes.
    async fn comment(
        &self,
        pull_request: u64,
        marker: &Marker,
        text: &str,
        known: &mut ReportHandle,
    ) -> Result<(), ApiError>;

    /// Puts a sign of ours on somebody's comment, where the forge has such signs.
    async fn react(&self, pull_request: u64, comment: &ForgeId, reaction: Reaction) -> Result<(), ApiError> {
        let _ = (pull_request, comment, reaction);
        Ok(())
    }

    /// The repository that is found under the name of the settings now, by the identifier that the forge gives to no other.
    async fn repository(&self) -> Result<Repository, ApiError>;

    /// Whether the branch of a change is in a fork, or in a repository that is gone. Asked where no delivery told of it.
    async fn is_from_fork(&self, pull_request: u64) -> Result<bool, ApiError> {
        let _ = pull_request;
        Err(ApiError::Unsupported { what: "origin of a change" })
    }

    /// What an account may do in the repository at this moment, by its identifier, never by its name.
    async fn permission(&self, account: &Account) -> Result<Permission, ApiError>;

    /// The account that the forge takes for the author of a commit, by the address in it; `None` if it knows none. Whoever
    /// commits can write any address: it says who may have written it, never who did not.
    async fn author_of(&self, commit: &CommitSha, email: &str) -> Result<Option<Account>, ApiError>;

    /// The open request to merge `head` (a branch of the repository) into `base`, if there is one.
    async fn find_request(&self, head: &str, base: &str) -> Result<Option<MergeRequest>, ApiError>;

    /// Opens a request to merge, or answers the one that is open already, whatever its texts are.
    async fn open_request(&self, request: &NewRequest) -> Result<MergeRequest, ApiError>;

    /// Gives an open request other texts.
    async fn update_request(&self, number: u64, title: &str, body: &str) -> Result<(), ApiError>;

    /// Merges a request, if its head is what we think it is; [`ApiError::Moved`] if it is not.
    async fn merge_request(
        &self,
        number: u64,
        expected_head: &CommitSha,
        merging: &Merging<'_>,
    ) -> Result<(), ApiError>;

    /// A request as it stands now, open or not.
    async fn get_request(&self, number: u64) -> Result<MergeRequest, ApiError>;

    /// Closes a request without merging it.
    async fn close_request(&self, number: u64) -> Result<(), ApiError>;

    /// Whether the forge keeps deployments, and they are wanted.
    fn keeps_deployments(&self) -> bool {
        false
    }

    /// Reports where a promotion stands. It is looked for if it is not `known`, where it is noted what it becomes.
    async fn deploy(&self, deployment: &Deployment, known: &mut ReportHandle) -> Result<(), ApiError> {
        let _ = (deployment, known);
        Ok(())
    }

    /// Deliveries to us since a moment that the forge has sent and nobody took, oldest first; none where it does not say.
    async fn undelivered(&self, since: Timestamp) -> Result<Vec<Undelivered>, ApiError> {
        let _ = since;
        Ok(Vec::new())
    }

    /// What such a delivery said, if it was about this repository. It comes from the forge itself, over a connection on
    /// which it has shown who it is: that is what a signature would say.
    async fn undelivered_payload(&self, attempt: u64) -> Result<Option<Vec<u8>>, ApiError> {
        let _ = attempt;
        Ok(None)
    }

    /// What the forge says of the connection: login, permissions, webhook (of a repository that has to have one), clock and
    /// limits. Nothing is changed there.
    async fn preflight_checks(&self, hook: Option<&WebhookAddress>) -> Vec<PreflightCheck>;

    /// The longest comment that the forge takes, in bytes.
    fn longest_comment(&self) -> usize {
        60_000
    }
}

/// What tells one comment of ours from another: hidden in its text, and looked for only in comments of our own.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Marker(String);

impl Marker {
    /// The comment that sums up a change.
    pub fn summary() -> Self {
        Self("slipway:change".to_owned())
    }

    /// The answer to somebody's comment.
    pub fn answer_to(comment: &ForgeId) -> Self {
        Self(format!("slipway:answer:{comment}"))
    }

    /// Its text, of letters, digits, colons, dashes and braces.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A delivery that nobody took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undelivered {
    /// The forge's number of an attempt to send it.
    pub attempt: u64,
    /// Its identifier, the same in all attempts.
    pub id: String,
    /// The event that it tells of.
    pub event: String,
}

/// A sign on a comment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reaction {
    /// It was understood and is done.
    Done,
    /// It was not understood, or is refused.
    Refused,
}

/// What an account may do in a repository. Each includes the ones before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Permission {
    /// Nothing.
    None,
    /// Look.
    Read,
    /// Push.
    Write,
    /// Decide about the repository: its maintainers and owners.
    Admin,
}

/// A request to merge one branch of the repository into another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRequest {
    /// The branch to be merged.
    pub head: String,
    /// The branch it is to be merged into.
    pub base: String,
    /// Its title, on one line.
    pub title: String,
    /// What it says, in Markdown.
    pub body: String,
}

/// A request to merge, as it stands at the forge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MergeRequest {
    /// Its number in the repository.
    pub number: u64,
    /// The newest commit of its branch.
    pub head: CommitSha,
    /// Whether it was merged.
    pub merged: bool,
    /// The newest commit that merging it made on the branch, where the forge says so.
    pub merge_commit: Option<CommitSha>,
}
