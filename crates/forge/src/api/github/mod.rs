//! The API of GitHub and GitHub Enterprise Server. An App reports by check runs, a plain token by commit statuses.

mod app;
mod budget;
mod checks;
mod client;
mod deliveries;
mod deployments;
mod manifest;
mod needs;
mod preflight;
mod transport;
mod unchanged;
mod window;

use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::OnceCell;
use ureq::http::Method;

use client::Client;
use deliveries::OfOthers;
use deployments::Ours;

use super::address::{Address, encoded};
use super::comments::{self, Comments, Written};
use super::http::Calls as _;
use super::merging::{LearnedMethods, MergeForm};
use super::pulls::{Pulls, read_request};
use super::{
    ApiError, ForgeApi, FoundReport, Login, Marker, MergeRequest, Merging, NewRequest, Permission, PreflightCheck,
    Purpose, Reaction, ReportHandle, Undelivered, WebhookAddress, answer, status,
};
use crate::{Deployment, Report};
use slipway_domain::{Account, CommitSha, ForgeId, Repository};

pub use app::AppLogin;
pub use manifest::{AppForm, NewApp, RegisteredApp};

/// The form of a request to merge.
const MERGE: MergeForm = MergeForm {
    verb: Method::PUT,
    methods: &["merge", "squash", "rebase"],
    head: "sha",
    method: "merge_method",
    message: ["commit_title", "commit_message"],
};

/// The client of GitHub's API.
#[derive(Debug)]
pub(super) struct GitHub {
    client: Client,
    /// Whether promotions are reported as deployments.
    deployments: bool,
    taken: LearnedMethods,
    of_others: OfOthers,
    /// The identifier of the account that the token belongs to, if the login is a token.
    ourselves: OnceCell<u64>,
}

impl GitHub {
    pub(super) fn new(address: Address, login: Login, purpose: Purpose) -> Self {
        Self {
            client: Client::new(address, login, purpose),
            deployments: matches!(purpose, Purpose::Source { deployments: true }),
            taken: LearnedMethods::default(),
            of_others: OfOthers::default(),
            ourselves: OnceCell::new(),
        }
    }

    fn path(&self) -> String {
        format!("/repos/{}", self.client.repository())
    }

    fn pulls(&self) -> Pulls<'_> {
        Pulls { calls: &self.client, path: self.path() }
    }

    /// How Slipway's own documents are recognised. `author` is the JSON pointer to the identifier of a document's author.
    async fn made_by_us(&self, author: &'static str) -> Result<Ours, ApiError> {
        if let Some(app) = self.client.app() {
            return Ok(("/performed_via_github_app/id", app.id()));
        }
        let who = || async { answer::number(&self.client.call(Method::GET, "/user", None).await?, "/id") };
        Ok((author, *self.ourselves.get_or_try_init(who).await?))
    }
}

#[async_trait]
impl Comments for GitHub {
    async fn ours(&self, pull_request: u64, page: u32) -> Result<(Vec<Written>, bool), ApiError> {
        let (pointer, id) = self.made_by_us("/user/id").await?;
        let are_ours = |comment: &Value| comment.pointer(pointer).and_then(Value::as_u64) == Some(id);
        self.pulls().comments(pull_request, page, are_ours).await
    }

    async fn write(&self, pull_request: u64, text: &str) -> Result<String, ApiError> {
        self.pulls().write_comment(pull_request, text).await
    }

    async fn replace(&self, _change: u64, id: &str, text: &str) -> Result<(), ApiError> {
        self.pulls().replace_comment(id, text).await
    }
}

#[async_trait]
impl ForgeApi for GitHub {
    async fn report(&self, report: &Report, known: &mut ReportHandle) -> Result<(), ApiError> {
        if self.client.app().is_some() {
            return checks::publish(&self.client, &self.path(), report, known).await;
        }
        let path = format!("{}/statuses/{}", self.path(), report.revision);
        self.client.call(Method::POST, &path, Some(&status::body(report))).await.map(drop)
    }

    fn keeps_each_report(&self) -> bool {
        self.client.app().is_some()
    }

    async fn find_reports(&self, revision: &CommitSha) -> Result<Vec<FoundReport>, ApiError> {
        match self.client.app() {
            Some(app) => checks::find(&self.client, &self.path(), app.id(), revision).await,
            None => Ok(Vec::new()),
        }
    }

    async fn comment(
        &self,
        pull_request: u64,
        marker: &Marker,
        text: &str,
        known: &mut ReportHandle,
    ) -> Result<(), ApiError> {
        comments::put(self, pull_request, marker, text, known).await
    }

    async fn react(&self, _change: u64, comment: &ForgeId, reaction: Reaction) -> Result<(), ApiError> {
        self.pulls().react(comment, reaction).await
    }

    async fn repository(&self) -> Result<Repository, ApiError> {
        answer::repository(&self.client.call(Method::GET, &self.path(), None).await?, "/id", "/full_name")
    }

    async fn is_from_fork(&self, pull_request: u64) -> Result<bool, ApiError> {
        let pull = self.client.call(Method::GET, &format!("{}/pulls/{pull_request}", self.path()), None).await?;
        let base = answer::number(&pull, "/base/repo/id")?;
        Ok(pull.pointer("/head/repo/id").and_then(Value::as_u64) != Some(base))
    }

    async fn permission(&self, account: &Account) -> Result<Permission, ApiError> {
        let path = format!("/user/{}", encoded(account.id.as_str()));
        match self.client.call(Method::GET, &path, None).await {
            Err(ApiError::Missing { .. }) => Ok(Permission::None),
            found => self.pulls().permission(account, answer::text(&found?, "/login")?).await,
        }
    }

    async fn author_of(&self, commit: &CommitSha, _email: &str) -> Result<Option<Account>, ApiError> {
        self.pulls().author(&format!("/commits/{commit}")).await
    }

    async fn find_request(&self, head: &str, base: &str) -> Result<Option<MergeRequest>, ApiError> {
        let owner = self.client.repository().split('/').next().unwrap_or_default();
        let (head, base) = (encoded(&format!("{owner}:{head}")), encoded(base));
        let path = format!("{}/pulls?state=open&head={head}&base={base}&per_page=1", self.path());
        let found = self.client.call(Method::GET, &path, None).await?;
        answer::items(&found)?.first().map(read_request).transpose()
    }

    async fn open_request(&self, request: &NewRequest) -> Result<MergeRequest, ApiError> {
        match self.find_request(&request.head, &request.base).await? {
            Some(open) => Ok(open),
            None => self.pulls().open(request).await,
        }
    }

    async fn update_request(&self, number: u64, title: &str, body: &str) -> Result<(), ApiError> {
        self.pulls().update(number, &json!({ "title": title, "body": body })).await
    }

    async fn merge_request(
        &self,
        number: u64,
        expected_head: &CommitSha,
        merging: &Merging<'_>,
    ) -> Result<(), ApiError> {
        self.pulls().merge_by_some_method(number, expected_head, merging, (&MERGE, &self.taken)).await
    }

    async fn get_request(&self, number: u64) -> Result<MergeRequest, ApiError> {
        self.pulls().get(number).await
    }

    async fn close_request(&self, number: u64) -> Result<(), ApiError> {
        self.pulls().update(number, &json!({ "state": "closed" })).await
    }

    fn keeps_deployments(&self) -> bool {
        self.deployments
    }

    async fn deploy(&self, deployment: &Deployment, known: &mut ReportHandle) -> Result<(), ApiError> {
        let ours = self.made_by_us("/creator/id").await?;
        deployments::publish(&self.client, &self.path(), ours, deployment, known).await
    }

    async fn undelivered(&self, since: Timestamp) -> Result<Vec<Undelivered>, ApiError> {
        match self.client.app() {
            Some(_) => deliveries::undelivered(&self.client, &self.of_others, since).await,
            None => Ok(Vec::new()),
        }
    }

    async fn undelivered_payload(&self, attempt: u64) -> Result<Option<Vec<u8>>, ApiError> {
        deliveries::payload(&self.client, &self.of_others, attempt).await
    }

    async fn preflight_checks(&self, hook: Option<&WebhookAddress>) -> Vec<PreflightCheck> {
        preflight::preflight_checks(&self.client, hook).await
    }
}
