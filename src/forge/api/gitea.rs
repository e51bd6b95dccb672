//! Gitea and Forgejo (their API description, `/api/swagger`).

use async_trait::async_trait;
use serde_json::{Value, json};
use tokio::sync::OnceCell;
use ureq::http::Method;

use super::address::{Address, encoded};
use super::comments::{Comments, Known, Written};
use super::http::{Calls as _, Client};
use super::pulls::{Pulls, read_request};
use super::{ApiError, ForgeApi, Marker, MergeRequest, NewRequest, Permission, Reaction, answer, status};
use crate::domain::{Account, CommitSha, ForgeId};
use crate::forge::Report;

/// The API of a Gitea or a Forgejo.
#[derive(Debug)]
pub(super) struct Gitea {
    client: Client,
    known: Known,
    /// Our account there.
    ourselves: OnceCell<u64>,
}

impl Gitea {
    pub(super) fn new(address: Address, token: &str) -> Result<Self, String> {
        let client = Client::new(address, "authorization", &format!("token {token}"))?;
        Ok(Self { client, known: Known::default(), ourselves: OnceCell::new() })
    }

    fn pulls(&self) -> Pulls<'_> {
        Pulls { calls: &self.client, path: format!("/api/v1/repos/{}", self.client.repository()) }
    }
}

#[async_trait]
impl Comments for Gitea {
    /// Gitea knows no pages here: the first one is all.
    async fn ours(&self, change: u64, _page: u32) -> Result<(Vec<Written>, bool), ApiError> {
        let who = || async { answer::number(&self.client.call(Method::GET, "/api/v1/user", None).await?, "/id") };
        let ourselves = *self.ourselves.get_or_try_init(who).await?;
        let are_ours = |comment: &Value| comment["user"]["id"].as_u64() == Some(ourselves);
        Ok((self.pulls().comments(change, 1, are_ours).await?.0, false))
    }

    async fn write(&self, change: u64, text: &str) -> Result<String, ApiError> {
        self.pulls().write_comment(change, text).await
    }

    async fn replace(&self, _change: u64, id: &str, text: &str) -> Result<(), ApiError> {
        self.pulls().replace_comment(id, text).await
    }
}

#[async_trait]
impl ForgeApi for Gitea {
    async fn report(&self, report: &Report) -> Result<(), ApiError> {
        let path = format!("{}/statuses/{}", self.pulls().path, report.revision);
        self.client.call(Method::POST, &path, Some(&status::body(report))).await.map(drop)
    }

    async fn comment(&self, change: u64, marker: &Marker, text: &str) -> Result<(), ApiError> {
        self.known.put(self, change, marker, text).await
    }

    async fn react(&self, _change: u64, comment: &ForgeId, reaction: Reaction) -> Result<(), ApiError> {
        self.pulls().react(comment, reaction).await
    }

    async fn permission(&self, account: &Account) -> Result<Permission, ApiError> {
        let path = format!("/api/v1/users/search?uid={}", encoded(account.id.as_str()));
        let found = self.client.call(Method::GET, &path, None).await?;
        match answer::text(&found, "/data/0/login") {
            Ok(login) => self.pulls().permission(account, login).await,
            Err(_) => Ok(Permission::None),
        }
    }

    async fn find_request(&self, head: &str, base: &str) -> Result<Option<MergeRequest>, ApiError> {
        let path = format!("{}/pulls/{}/{}", self.pulls().path, encoded(base), encoded(head));
        match self.client.call(Method::GET, &path, None).await {
            Err(ApiError::Missing { .. }) => Ok(None),
            found => read_request(&found?).map(Some),
        }
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

    async fn merge_request(&self, number: u64, expected_head: &CommitSha) -> Result<(), ApiError> {
        let body = json!({ "Do": "merge", "head_commit_id": expected_head });
        self.pulls().merge(number, expected_head, Method::POST, &body).await
    }

    async fn close_request(&self, number: u64) -> Result<(), ApiError> {
        self.pulls().update(number, &json!({ "state": "closed" })).await
    }
}
