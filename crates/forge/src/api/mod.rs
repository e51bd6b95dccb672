//! The calls of a forge's API that a source or an environment needs: reports, comments, permissions, pull requests and
//! deployments.
//!
//! This is a replaceable part: [`ForgeApi`] is implemented once for each kind of forge.
//!
//! Addresses and logins come only from the server's settings, never from a delivery. No redirect is followed, every call has a
//! deadline, and the bytes read of a response are limited.

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

/// The address of a repository's API, and the login there.
#[derive(Debug, Clone)]
pub struct ApiSettings {
    /// The kind of forge.
    pub forge: Settings,
    /// Its address: `https://api.github.com`, `https://github.example/api/v3`, or that of a GitLab, Gitea or Forgejo.
    pub url: String,
    /// The repository there, `OWNER/NAME`.
    pub repository: String,
    /// The login.
    pub login: Login,
    /// The purpose of the calls.
    pub purpose: Purpose,
}

/// The purpose of an API's calls. Where the forge can limit a login, the login gets no more permissions than its purpose needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Reports runs and answers comments, in a repository of models.
    Source {
        /// Whether promotions are reported as deployments.
        deployments: bool,
    },
    /// Opens and merges pull requests, in a repository of environments.
    Environment,
}

/// The client of the API that `settings` name. Rejects forges without an API, and addresses that would send the login
/// unencrypted.
pub fn connect_api(settings: ApiSettings) -> Result<Arc<dyn ForgeApi>, String> {
    let ApiSettings { forge, url, repository, login, purpose } = settings;
    let address = Address::new(&url, &repository)?;
    if matches!(purpose, Purpose::Source { deployments: true }) && forge != Settings::GitHub {
        return Err("deployments are only reported to GitHub: remove `deployments`".to_owned());
    }
    let token = match (forge, login) {
        (Settings::Plain, _) => return Err("a plain git server has no API: remove `api`".to_owned()),
        (Settings::GitHub, login) => return Ok(Arc::new(github::GitHub::new(address, login, purpose))),
        (_, Login::App(_)) => return Err("only GitHub has Apps: set `token`".to_owned()),
        (_, Login::Token(token)) => token,
    };
    Ok(match forge {
        Settings::GitLab => Arc::new(gitlab::GitLab::new(address, &token)?),
        Settings::Bitbucket => Arc::new(bitbucket::Bitbucket::new(address, &token)?),
        _ => Arc::new(gitea::Gitea::new(address, &token)?),
    })
}

/// A repository's API at its forge. Every call can be repeated after a failure that [`ApiError::retry`] calls worth repeating: a
/// repeated call finds the earlier result and does not create it twice.
#[async_trait]
pub trait ForgeApi: std::fmt::Debug + Send + Sync {
    /// Writes the report of a model at a revision. It replaces the report that is `known`, and stores the new handle there. If
    /// the forge keeps each report by itself, a report without a known handle is created: call [`ForgeApi::find_reports`] first.
    async fn report(&self, report: &Report, known: &mut ReportHandle) -> Result<(), ApiError>;

    /// Whether the forge keeps each report by itself, under an identifier. Otherwise a revision has one report of each name.
    fn keeps_each_report(&self) -> bool {
        false
    }

    /// Slipway's reports of a revision, if the forge keeps each by itself.
    async fn find_reports(&self, revision: &CommitSha) -> Result<Vec<FoundReport>, ApiError> {
        let _ = revision;
        Ok(Vec::new())
    }

    /// Writes Slipway's single comment with `marker` on a pull request: creates it once, and replaces its text afterwards.
    /// Searches for the comment if `known` is empty, and stores its handle there.
    async fn comment(
        &self,
        pull_request: u64,
        marker: &Marker,
        text: &str,
        known: &mut ReportHandle,
    ) -> Result<(), ApiError>;

    /// Adds a reaction to a comment, if the forge has reactions.
    async fn react(&self, pull_request: u64, comment: &ForgeId, reaction: Reaction) -> Result<(), ApiError> {
        let _ = (pull_request, comment, reaction);
        Ok(())
    }

    /// The repository that has the configured name now, with the identifier that the forge never reuses.
    async fn repository(&self) -> Result<Repository, ApiError>;

    /// Whether the head of a pull request is in a fork or in a deleted repository. The caller needs this only if no delivery
    /// contained it.
    async fn is_from_fork(&self, pull_request: u64) -> Result<bool, ApiError> {
        let _ = pull_request;
        Err(ApiError::Unsupported { what: "the origin of a pull request" })
    }

    /// The permission of an account in the repository now. The account is identified by its identifier, never by its name.
    async fn permission(&self, account: &Account) -> Result<Permission, ApiError>;

    /// The account that the forge shows as the author of a commit, found by the commit's email address. `None` if the forge shows
    /// none. Any address can be written into a commit, so the result shows who may have written the commit. It does not show who
    /// did not.
    async fn author_of(&self, commit: &CommitSha, email: &str) -> Result<Option<Account>, ApiError>;

    /// The open pull request from `head` (a branch of the repository) into `base`, if there is one.
    async fn find_request(&self, head: &str, base: &str) -> Result<Option<MergeRequest>, ApiError>;

    /// Opens a pull request, or returns the one that is open already, whatever its title and body are.
    async fn open_request(&self, request: &NewRequest) -> Result<MergeRequest, ApiError>;

    /// Replaces the title and the body of an open pull request.
    async fn update_request(&self, number: u64, title: &str, body: &str) -> Result<(), ApiError>;

    /// Merges a pull request if its head is `expected_head`; [`ApiError::Moved`] otherwise.
    async fn merge_request(
        &self,
        number: u64,
        expected_head: &CommitSha,
        merging: &Merging<'_>,
    ) -> Result<(), ApiError>;

    /// The current state of a pull request, open or not.
    async fn get_request(&self, number: u64) -> Result<MergeRequest, ApiError>;

    /// Closes a pull request without merging it.
    async fn close_request(&self, number: u64) -> Result<(), ApiError>;

    /// Whether the forge keeps deployments and the settings enable them.
    fn keeps_deployments(&self) -> bool {
        false
    }

    /// Writes the state of a promotion as a deployment. Searches for the deployment if `known` is empty, and stores its handle
    /// there.
    async fn deploy(&self, deployment: &Deployment, known: &mut ReportHandle) -> Result<(), ApiError> {
        let _ = (deployment, known);
        Ok(())
    }

    /// The deliveries since `since` that the forge sent and no server accepted, oldest first. Empty if the forge does not list
    /// them.
    async fn undelivered(&self, since: Timestamp) -> Result<Vec<Undelivered>, ApiError> {
        let _ = since;
        Ok(Vec::new())
    }

    /// The payload of an undelivered delivery, if it is about this repository. It comes from the authenticated connection to the
    /// forge, which proves the same as a signature.
    async fn undelivered_payload(&self, attempt: u64) -> Result<Option<Vec<u8>>, ApiError> {
        let _ = attempt;
        Ok(None)
    }

    /// The preflight checks of the connection: login, permissions, webhook (if the repository must have one), clock and limits.
    /// Changes nothing at the forge.
    async fn preflight_checks(&self, hook: Option<&WebhookAddress>) -> Vec<PreflightCheck>;

    /// The longest comment that Slipway sends to this forge, in bytes.
    fn longest_comment(&self) -> usize {
        60_000
    }
}

/// Identifies one comment of Slipway among others. It is hidden in the comment's text. The search covers only comments of
/// Slipway's own account.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Marker(String);

impl Marker {
    /// The marker of the comment that summarises a pull request.
    pub fn summary() -> Self {
        Self("slipway:change".to_owned())
    }

    /// The marker of the answer to a user's comment.
    pub fn answer_to(comment: &ForgeId) -> Self {
        Self(format!("slipway:answer:{comment}"))
    }

    /// Its text, of letters, digits, colons, hyphens and braces.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A delivery that no server accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undelivered {
    /// The forge's number of one attempt to send it.
    pub attempt: u64,
    /// Its identifier, the same in all attempts.
    pub id: String,
    /// The name of its event.
    pub event: String,
}

/// A reaction to a comment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reaction {
    /// The command was accepted.
    Done,
    /// The command was not understood, or it was refused.
    Refused,
}

/// The permission of an account in a repository. Each level includes the ones before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Permission {
    /// No permission.
    None,
    /// Read.
    Read,
    /// Push.
    Write,
    /// Administer the repository, as its maintainers and owners do.
    Admin,
}

/// A pull request to open from one branch of the repository into another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRequest {
    /// The branch to merge.
    pub head: String,
    /// The branch to merge into.
    pub base: String,
    /// Its title, on one line.
    pub title: String,
    /// Its body, in Markdown.
    pub body: String,
}

/// A pull request as the forge returns it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MergeRequest {
    /// Its number in the repository.
    pub number: u64,
    /// The newest commit of its head branch.
    pub head: CommitSha,
    /// Whether it was merged.
    pub merged: bool,
    /// The newest commit that the merge added to the base branch, if the forge names it.
    pub merge_commit: Option<CommitSha>,
}
