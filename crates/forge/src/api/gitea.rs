//! The API of Gitea and Forgejo (their API description, `/api/swagger`).

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use serde_json::{Value, json};
use tokio::sync::OnceCell;
use ureq::http::Method;

use super::address::{Address, encoded};
use super::comments::{self, Comments, Written};
use super::http::{Calls as _, Client};
use super::merging::{LearnedMethods, MergeForm};
use super::preflight;
use super::pulls::{Pulls, read_request};
use super::{
    ApiError, ForgeApi, Marker, MergeRequest, Merging, NewRequest, Permission, PreflightCheck, Reaction, ReportHandle,
    WebhookAddress, answer, status,
};
use crate::Report;
use slipway_domain::{Account, CommitSha, ForgeId, Repository};

/// Pull requests per page: Gitea's maximum.
const PAGE: usize = 50;
/// The most pages that are searched for a pull request.
const MAX_PAGES: usize = 40;
/// A part of Gitea's response while it checks whether a pull request can be merged.
const LATER: &str = "try again later";
/// The wait before the next attempt to merge.
const SHORTLY: Duration = Duration::from_secs(1);
/// The time after which that check must have ended. It was measured to take 0.7 to 2.7 s.
const MERGE_CHECK_TIMEOUT: Duration = Duration::from_secs(30);

/// The form of a request to merge.
const MERGE: MergeForm = MergeForm {
    verb: Method::POST,
    methods: &["merge", "squash", "rebase", "rebase-merge", "fast-forward-only"],
    head: "head_commit_id",
    method: "Do",
    message: ["MergeTitleField", "MergeMessageField"],
};

/// The client of the API of Gitea or Forgejo.
#[derive(Debug)]
pub(super) struct Gitea {
    client: Client,
    taken: LearnedMethods,
    /// The identifier of the account that the token belongs to.
    ourselves: OnceCell<u64>,
    /// The pull request that Gitea is still checking, and since when.
    unchecked_merge: Mutex<Option<(Instant, (u64, CommitSha))>>,
}

impl Gitea {
    pub(super) fn new(address: Address, token: &str) -> Result<Self, String> {
        let client = Client::new(address, "authorization", &format!("token {token}"))?;
        Ok(Self {
            client,
            taken: LearnedMethods::default(),
            ourselves: OnceCell::new(),
            unchecked_merge: Mutex::default(),
        })
    }

    fn pulls(&self) -> Pulls<'_> {
        Pulls { calls: &self.client, path: format!("/api/v1/repos/{}", self.client.repository()) }
    }

    /// The open pull request for two branches of this repository. Searches the list of all open pull requests.
    async fn find_open(&self, head: &str, base: &str) -> Result<Option<MergeRequest>, ApiError> {
        for page in 1..=MAX_PAGES {
            let path = format!("{}/pulls?state=open&limit={PAGE}&page={page}", self.pulls().path);
            let answer = self.client.call(Method::GET, &path, None).await?;
            let all = answer::items(&answer)?;
            let is_it = |request: &&Value| {
                request["head"]["ref"] == head
                    && request["base"]["ref"] == base
                    && request["head"]["repo_id"] == request["base"]["repo_id"]
            };
            if let Some(found) = all.iter().find(is_it) {
                return read_request(found).map(Some);
            }
            if all.len() < PAGE {
                break;
            }
        }
        Ok(None)
    }
}

#[async_trait]
impl Comments for Gitea {
    /// Gitea does not paginate these comments: the first page contains all.
    async fn ours(&self, pull_request: u64, _page: u32) -> Result<(Vec<Written>, bool), ApiError> {
        let who = || async { answer::number(&self.client.call(Method::GET, "/api/v1/user", None).await?, "/id") };
        let ourselves = *self.ourselves.get_or_try_init(who).await?;
        let are_ours = |comment: &Value| comment["user"]["id"].as_u64() == Some(ourselves);
        Ok((self.pulls().comments(pull_request, 1, are_ours).await?.0, false))
    }

    async fn write(&self, pull_request: u64, text: &str) -> Result<String, ApiError> {
        self.pulls().write_comment(pull_request, text).await
    }

    async fn replace(&self, _change: u64, id: &str, text: &str) -> Result<(), ApiError> {
        self.pulls().replace_comment(id, text).await
    }
}

#[async_trait]
impl ForgeApi for Gitea {
    async fn report(&self, report: &Report, _known: &mut ReportHandle) -> Result<(), ApiError> {
        let path = format!("{}/statuses/{}", self.pulls().path, report.revision);
        self.client.call(Method::POST, &path, Some(&status::body(report))).await.map(drop)
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
        answer::repository(&self.client.call(Method::GET, &self.pulls().path, None).await?, "/id", "/full_name")
    }

    async fn permission(&self, account: &Account) -> Result<Permission, ApiError> {
        let path = format!("/api/v1/users/search?uid={}", encoded(account.id.as_str()));
        let found = self.client.call(Method::GET, &path, None).await?;
        match answer::text(&found, "/data/0/login") {
            Ok(login) => self.pulls().permission(account, login).await,
            Err(_) => Ok(Permission::None),
        }
    }

    async fn author_of(&self, commit: &CommitSha, _email: &str) -> Result<Option<Account>, ApiError> {
        self.pulls().author(&format!("/git/commits/{commit}?stat=false&verification=false&files=false")).await
    }

    /// For two branches, Gitea returns any of their pull requests, even one that was closed long ago.
    async fn find_request(&self, head: &str, base: &str) -> Result<Option<MergeRequest>, ApiError> {
        let path = format!("{}/pulls/{}/{}", self.pulls().path, encoded(base), encoded(head));
        match self.client.call(Method::GET, &path, None).await {
            Err(ApiError::Missing { .. }) => Ok(None),
            Ok(found) if found["state"] != "open" => self.find_open(head, base).await,
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

    async fn merge_request(
        &self,
        number: u64,
        expected_head: &CommitSha,
        merging: &Merging<'_>,
    ) -> Result<(), ApiError> {
        let merged = self.pulls().merge_by_some_method(number, expected_head, merging, (&MERGE, &self.taken)).await;
        let mut unchecked_merge = self.unchecked_merge.lock().unwrap_or_else(PoisonError::into_inner);
        match merged {
            // Right after a push, Gitea checks whether the branch can be merged. Until it has finished, its message is the same
            // as for a conflict, and the pull request is not `mergeable`. Only the elapsed time distinguishes the two cases.
            Err(ApiError::Moved { reason } | ApiError::Refused { reason, .. }) if reason.contains(LATER) => {
                let about = (number, expected_head.clone());
                match &*unchecked_merge {
                    Some((since, known)) if *known == about && since.elapsed() > MERGE_CHECK_TIMEOUT => {
                        *unchecked_merge = None;
                        return Err(ApiError::Moved { reason });
                    }
                    Some((_, known)) if *known == about => {}
                    _ => *unchecked_merge = Some((Instant::now(), about)),
                }
                Err(ApiError::Throttled { pause: SHORTLY })
            }
            merged => {
                *unchecked_merge = None;
                merged
            }
        }
    }

    async fn get_request(&self, number: u64) -> Result<MergeRequest, ApiError> {
        self.pulls().get(number).await
    }

    async fn close_request(&self, number: u64) -> Result<(), ApiError> {
        self.pulls().update(number, &json!({ "state": "closed" })).await
    }

    async fn preflight_checks(&self, hook: Option<&WebhookAddress>) -> Vec<PreflightCheck> {
        preflight::gitea::preflight_checks(&self.client, hook).await
    }
}
