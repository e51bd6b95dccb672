//! The API of Bitbucket Cloud (developer.atlassian.com/cloud/bitbucket/rest: "Commit statuses", "Pullrequests", "Workspaces").
//!
//! Bitbucket abbreviates the hashes of commits, and it merges whatever the head of a pull request is at that moment. Slipway
//! therefore opens, updates and closes pull requests here, but only people merge them.

use async_trait::async_trait;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::sync::OnceCell;
use ureq::http::Method;

use super::address::{Address, encoded};
use super::comments::{self, Comments, Written};
use super::http::{Calls as _, Client};
use super::preflight;
use super::{
    ApiError, ForgeApi, Marker, MergeRequest, Merging, NewRequest, Permission, PreflightCheck, ReportHandle,
    WebhookAddress, answer, status,
};
use crate::{Conclusion, Report, ReportState};
use slipway_domain::{Account, CommitSha, Repository};

/// Comments per page.
const PAGE: usize = 50;
/// The longest key of a build status, in characters.
const MAX_KEY_LENGTH: usize = 40;

/// The client of Bitbucket Cloud's API.
#[derive(Debug)]
pub(super) struct Bitbucket {
    client: Client,
    repository: String,
    /// The address of the repository's page for people.
    page: String,
    /// The UUID of the account that the token belongs to.
    ourselves: OnceCell<String>,
}

impl Bitbucket {
    pub(super) fn new(address: Address, token: &str) -> Result<Self, String> {
        let repository = format!("/2.0/repositories/{}", address.repository);
        let page = format!("https://bitbucket.org/{}", address.repository);
        let client = Client::new(address, "authorization", &format!("Bearer {token}"))?;
        Ok(Self { client, repository, page, ourselves: OnceCell::new() })
    }

    async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, ApiError> {
        self.client.call(method, &format!("{}{path}", self.repository), body).await
    }

    /// Reads a pull request with the full hash of its head, which takes one more call.
    async fn read_request(&self, document: &Value) -> Result<MergeRequest, ApiError> {
        let head = self.whole(answer::text(document, "/source/commit/hash")?).await?;
        let merged = document["state"] == "MERGED";
        let merge_commit = match document["merge_commit"]["hash"].as_str() {
            Some(short) if merged => Some(self.whole(short).await?),
            _ => None,
        };
        Ok(MergeRequest { number: answer::number(document, "/id")?, head, merged, merge_commit })
    }

    /// The full hash of a commit.
    async fn whole(&self, short: &str) -> Result<CommitSha, ApiError> {
        let commit = self.call(Method::GET, &format!("/commit/{}", encoded(short)), None).await?;
        let name = answer::text(&commit, "/hash")?;
        name.parse().map_err(|error| ApiError::Unreachable { reason: format!("`hash`: {error}") })
    }
}

/// Replaces the collapsible sections of a text. Bitbucket does not render HTML, so it would show the tags as text.
fn unfolded(text: &str) -> String {
    text.replace("<details><summary>", "**").replace("</summary>", "**").replace("</details>", "")
}

#[async_trait]
impl Comments for Bitbucket {
    async fn ours(&self, pull_request: u64, page: u32) -> Result<(Vec<Written>, bool), ApiError> {
        let who = || async {
            let user = self.client.call(Method::GET, "/2.0/user", None).await?;
            answer::text(&user, "/uuid").map(str::to_owned)
        };
        let ourselves = self.ourselves.get_or_try_init(who).await?;
        let path = format!("/pullrequests/{pull_request}/comments?pagelen={PAGE}&page={page}");
        let found = self.call(Method::GET, &path, None).await?;
        let all = answer::items(&found["values"])?;
        let is_ours = |comment: &&Value| {
            comment["user"]["uuid"].as_str() == Some(ourselves) && comment["deleted"].as_bool() != Some(true)
        };
        let ours = all.iter().filter(is_ours).map(|comment| {
            let text = answer::text(comment, "/content/raw")?.to_owned();
            Ok(Written { id: answer::number(comment, "/id")?.to_string(), text })
        });
        Ok((ours.collect::<Result<_, ApiError>>()?, found["next"].is_string()))
    }

    async fn write(&self, pull_request: u64, text: &str) -> Result<String, ApiError> {
        let body = json!({ "content": { "raw": unfolded(text) } });
        let comment = self.call(Method::POST, &format!("/pullrequests/{pull_request}/comments"), Some(&body)).await?;
        Ok(answer::number(&comment, "/id")?.to_string())
    }

    async fn replace(&self, pull_request: u64, id: &str, text: &str) -> Result<(), ApiError> {
        let body = json!({ "content": { "raw": unfolded(text) } });
        self.call(Method::PUT, &format!("/pullrequests/{pull_request}/comments/{id}"), Some(&body)).await.map(drop)
    }

    /// A Markdown link definition that no link uses. Bitbucket would show an HTML comment as text.
    fn hidden(&self, marker: &Marker) -> String {
        format!("[//]: # ({})\n", marker.as_str())
    }
}

#[async_trait]
impl ForgeApi for Bitbucket {
    async fn report(&self, report: &Report, _known: &mut ReportHandle) -> Result<(), ApiError> {
        let state = match report.state {
            ReportState::Queued | ReportState::UnderWay => "INPROGRESS",
            ReportState::Ended(Conclusion::Success | Conclusion::Neutral) => "SUCCESSFUL",
            ReportState::Ended(Conclusion::Failure | Conclusion::ActionRequired | Conclusion::TimedOut) => "FAILED",
            ReportState::Ended(Conclusion::Cancelled) => "STOPPED",
        };
        let key = match &report.context {
            short if short.len() <= MAX_KEY_LENGTH => short.clone(),
            long => hex::encode(Sha256::digest(long))[..MAX_KEY_LENGTH].to_owned(),
        };
        // Bitbucket requires a link.
        let link = report.page.clone().unwrap_or_else(|| format!("{}/commits/{}", self.page, report.revision));
        let body = json!({
            "key": key, "name": report.context, "state": state, "url": link,
            "description": status::description(report),
        });
        let path = format!("/commit/{}/statuses/build", report.revision);
        self.call(Method::POST, &path, Some(&body)).await.map(drop)
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

    async fn repository(&self) -> Result<Repository, ApiError> {
        answer::repository(&self.call(Method::GET, "", None).await?, "/uuid", "/full_name")
    }

    async fn permission(&self, account: &Account) -> Result<Permission, ApiError> {
        let (workspace, name) = self.client.repository().split_once('/').unwrap_or_default();
        let query = encoded(&format!("user.uuid=\"{}\"", account.id));
        let path = format!("/2.0/workspaces/{workspace}/permissions/repositories/{name}?q={query}");
        let found = self.client.call(Method::GET, &path, None).await?;
        let Some(first) = answer::items(&found["values"])?.first() else { return Ok(Permission::None) };
        if answer::text(first, "/user/uuid")? != account.id.as_str() {
            return Ok(Permission::None);
        }
        Ok(match answer::text(first, "/permission")? {
            "admin" => Permission::Admin,
            "write" => Permission::Write,
            "read" => Permission::Read,
            _ => Permission::None,
        })
    }

    async fn author_of(&self, commit: &CommitSha, _email: &str) -> Result<Option<Account>, ApiError> {
        let found = match self.call(Method::GET, &format!("/commit/{commit}"), None).await {
            Err(ApiError::Missing { .. }) => return Ok(None),
            found => found?,
        };
        let id = found.pointer("/author/user/uuid").and_then(Value::as_str).and_then(|id| id.parse().ok());
        let name = found.pointer("/author/user/nickname").and_then(Value::as_str).map(str::to_owned);
        Ok(id.map(|id| Account { id, name }))
    }

    async fn find_request(&self, head: &str, base: &str) -> Result<Option<MergeRequest>, ApiError> {
        let quoted = |name: &str| name.replace(['"', '\\'], "");
        let (head, base) = (quoted(head), quoted(base));
        let query = format!("source.branch.name=\"{head}\" AND destination.branch.name=\"{base}\" AND state=\"OPEN\"");
        let found = self.call(Method::GET, &format!("/pullrequests?q={}", encoded(&query)), None).await?;
        match answer::items(&found["values"])?.first() {
            Some(first) => self.read_request(first).await.map(Some),
            None => Ok(None),
        }
    }

    async fn open_request(&self, request: &NewRequest) -> Result<MergeRequest, ApiError> {
        let NewRequest { head, base, title, body } = request;
        if let Some(open) = self.find_request(head, base).await? {
            return Ok(open);
        }
        let body = json!({
            "title": title, "description": unfolded(body), "close_source_branch": true,
            "source": { "branch": { "name": head } }, "destination": { "branch": { "name": base } },
        });
        self.read_request(&self.call(Method::POST, "/pullrequests", Some(&body)).await?).await
    }

    async fn update_request(&self, number: u64, title: &str, body: &str) -> Result<(), ApiError> {
        let body = json!({ "title": title, "description": unfolded(body) });
        self.call(Method::PUT, &format!("/pullrequests/{number}"), Some(&body)).await.map(drop)
    }

    async fn get_request(&self, number: u64) -> Result<MergeRequest, ApiError> {
        self.read_request(&self.call(Method::GET, &format!("/pullrequests/{number}"), None).await?).await
    }

    async fn merge_request(
        &self,
        _number: u64,
        _expected_head: &CommitSha,
        _merging: &Merging<'_>,
    ) -> Result<(), ApiError> {
        Err(ApiError::Unsupported { what: "a merge of exactly one commit" })
    }

    async fn close_request(&self, number: u64) -> Result<(), ApiError> {
        self.call(Method::POST, &format!("/pullrequests/{number}/decline"), None).await.map(drop)
    }

    fn longest_comment(&self) -> usize {
        32_000
    }

    async fn preflight_checks(&self, hook: Option<&WebhookAddress>) -> Vec<PreflightCheck> {
        preflight::bitbucket::preflight_checks(&self.client, &self.repository, hook).await
    }
}
