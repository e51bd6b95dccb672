//! Comments and pull requests in the form of GitHub's API, which Gitea and Forgejo also use. GitHub: docs.github.com, "REST API
//! endpoints for issue comments" and "for pull requests". Gitea: its API description, `/repos/{owner}/{repo}/issues/…` and
//! `/repos/{owner}/{repo}/pulls/…`.

use serde_json::{Value, json};
use ureq::http::Method;

use super::comments::Written;
use super::http::Calls;
use super::{ApiError, MergeRequest, NewRequest, Permission, Reaction, answer};
use slipway_domain::{Account, CommitSha, ForgeId};

/// Comments per page.
const PAGE: usize = 50;

/// The pull requests of one repository.
pub(super) struct Pulls<'a> {
    pub(super) calls: &'a dyn Calls,
    /// The path of the repository, such as `/repos/team/models`.
    pub(super) path: String,
}

impl Pulls<'_> {
    /// One page of a pull request's comments, filtered by `are_ours`, and whether there may be more pages.
    pub(super) async fn comments(
        &self,
        pull_request: u64,
        page: u32,
        are_ours: impl Fn(&Value) -> bool,
    ) -> Result<(Vec<Written>, bool), ApiError> {
        let path = format!("{}/issues/{pull_request}/comments?per_page={PAGE}&page={page}", self.path);
        let answer = self.calls.call(Method::GET, &path, None).await?;
        let all = answer::items(&answer)?;
        let ours = all.iter().filter(|comment| are_ours(comment)).map(|comment| {
            Ok(Written {
                id: answer::number(comment, "/id")?.to_string(),
                text: answer::text(comment, "/body")?.to_owned(),
            })
        });
        Ok((ours.collect::<Result<_, ApiError>>()?, all.len() == PAGE))
    }

    pub(super) async fn write_comment(&self, pull_request: u64, text: &str) -> Result<String, ApiError> {
        let path = format!("{}/issues/{pull_request}/comments", self.path);
        let answer = self.calls.call(Method::POST, &path, Some(&json!({ "body": text }))).await?;
        Ok(answer::number(&answer, "/id")?.to_string())
    }

    pub(super) async fn replace_comment(&self, id: &str, text: &str) -> Result<(), ApiError> {
        let path = format!("{}/issues/comments/{id}", self.path);
        self.calls.call(Method::PATCH, &path, Some(&json!({ "body": text }))).await.map(drop)
    }

    /// Adds a reaction. If it exists already, the forge adds nothing.
    pub(super) async fn react(&self, comment: &ForgeId, reaction: Reaction) -> Result<(), ApiError> {
        let content = match reaction {
            Reaction::Done => "+1",
            Reaction::Refused => "confused",
        };
        let path = format!("{}/issues/comments/{comment}/reactions", self.path);
        self.calls.call(Method::POST, &path, Some(&json!({ "content": content }))).await.map(drop)
    }

    /// The permission of an account. `login` is its current name. The response must be about `account`.
    pub(super) async fn permission(&self, account: &Account, login: &str) -> Result<Permission, ApiError> {
        let path = format!("{}/collaborators/{}/permission", self.path, super::address::encoded(login));
        let answer = match self.calls.call(Method::GET, &path, None).await {
            Err(ApiError::Missing { .. }) => return Ok(Permission::None),
            answer => answer?,
        };
        if ForgeId::from(answer::number(&answer, "/user/id")?) != account.id {
            return Ok(Permission::None);
        }
        Ok(match answer::text(&answer, "/permission")? {
            "admin" | "owner" => Permission::Admin,
            "maintain" | "write" => Permission::Write,
            "triage" | "read" => Permission::Read,
            _ => Permission::None,
        })
    }

    /// The account of a commit's author. `path` is the commit's path in the API.
    pub(super) async fn author(&self, path: &str) -> Result<Option<Account>, ApiError> {
        let answer = match self.calls.call(Method::GET, &format!("{}{path}", self.path), None).await {
            Err(ApiError::Missing { .. }) => return Ok(None),
            answer => answer?,
        };
        let id = answer.pointer("/author/id").and_then(Value::as_u64).filter(|id| *id > 0);
        let name = answer.pointer("/author/login").and_then(Value::as_str).map(str::to_owned);
        Ok(id.map(|id| Account { id: ForgeId::from(id), name }))
    }

    pub(super) async fn open(&self, request: &NewRequest) -> Result<MergeRequest, ApiError> {
        let NewRequest { head, base, title, body } = request;
        let body = json!({ "head": head, "base": base, "title": title, "body": body });
        let answer = self.calls.call(Method::POST, &format!("{}/pulls", self.path), Some(&body)).await?;
        read_request(&answer)
    }

    pub(super) async fn update(&self, number: u64, body: &Value) -> Result<(), ApiError> {
        self.calls.call(Method::PATCH, &format!("{}/pulls/{number}", self.path), Some(body)).await.map(drop)
    }

    pub(super) async fn get(&self, number: u64) -> Result<MergeRequest, ApiError> {
        let found = self.calls.call(Method::GET, &format!("{}/pulls/{number}", self.path), None).await?;
        read_request(&found)
    }

    /// Merges with the body that the forge expects. If the pull request was merged at the expected head already, the call
    /// succeeds.
    pub(super) async fn merge(
        &self,
        number: u64,
        expected_head: &CommitSha,
        method: Method,
        body: &Value,
    ) -> Result<(), ApiError> {
        let path = format!("{}/pulls/{number}", self.path);
        match self.calls.call(method, &format!("{path}/merge"), Some(body)).await {
            Err(refusal) if refusal.is_about_state() => {
                let found = self.calls.call(Method::GET, &path, None).await?;
                let conflicts = found["mergeable"] == false;
                merge_refused(refusal, &read_request(&found)?, expected_head, found["state"] == "open" && !conflicts)
            }
            merged => merged.map(drop),
        }
    }
}

/// Interprets a refusal to merge by the current state of the pull request: it was merged already, it has changed, or (if it still
/// `could` be merged) a rule of the forge forbids the merge for now. Forges report all of these with the same two status codes.
pub(super) fn merge_refused(
    refusal: ApiError,
    found: &MergeRequest,
    expected_head: &CommitSha,
    could: bool,
) -> Result<(), ApiError> {
    let same = found.head == *expected_head;
    match refusal {
        _ if found.merged && same => Ok(()),
        ApiError::Refused { reason, .. } if !same || !could => Err(ApiError::Moved { reason }),
        refusal => Err(refusal),
    }
}

/// Reads a pull request. Lists contain `merged_at` instead of `merged`.
pub(super) fn read_request(document: &Value) -> Result<MergeRequest, ApiError> {
    let head = answer::text(document, "/head/sha")?;
    let head = head.parse().map_err(|error| ApiError::Unreachable { reason: format!("`head.sha`: {error}") })?;
    let merged = document["merged"].as_bool().unwrap_or_else(|| document["merged_at"].is_string());
    let merge_commit = commit_if(merged, &document["merge_commit_sha"]);
    Ok(MergeRequest { number: answer::number(document, "/number")?, head, merged, merge_commit })
}

/// The merge commit that a document names, if the pull request is `merged`. Before the merge, forges name a trial merge there.
pub(super) fn commit_if(merged: bool, name: &Value) -> Option<CommitSha> {
    name.as_str().filter(|_| merged)?.parse().ok()
}
