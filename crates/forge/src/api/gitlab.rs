//! The API of GitLab (docs.gitlab.com: "Commits API", "Notes API", "Emoji reactions API", "Members API", "Merge requests API").

use async_trait::async_trait;
use serde_json::{Value, json};
use tokio::sync::OnceCell;
use ureq::http::Method;

use super::address::{Address, encoded};
use super::comments::{self, Comments, Written};
use super::http::{Calls as _, Client};
use super::preflight;
use super::pulls::{commit_if, merge_refused};
use super::{
    ApiError, ForgeApi, Marker, MergeMethod, MergeRequest, Merging, NewRequest, Permission, PreflightCheck, Reaction,
    RefusalOf, ReportHandle, WebhookAddress, answer, status,
};
use crate::{Conclusion, Report, ReportState};
use slipway_domain::{Account, CommitSha, ForgeId, Repository};

/// Notes per page.
const PAGE: usize = 50;

/// The client of GitLab's API.
#[derive(Debug)]
pub(super) struct GitLab {
    client: Client,
    project: String,
    /// The identifier of the account that the token belongs to.
    ourselves: OnceCell<u64>,
}

impl GitLab {
    pub(super) fn new(address: Address, token: &str) -> Result<Self, String> {
        let project = format!("/api/v4/projects/{}", encoded(&address.repository));
        let client = Client::new(address, "private-token", token)?;
        Ok(Self { client, project, ourselves: OnceCell::new() })
    }

    async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, ApiError> {
        self.client.call(method, &format!("{}{path}", self.project), body).await
    }

    /// The source branch, in any project, of an open merge request that contains a commit ("Commits API", "List merge requests
    /// associated with a commit").
    async fn proposed_branch(&self, commit: &CommitSha) -> Result<Option<String>, ApiError> {
        let found = self.call(Method::GET, &format!("/repository/commits/{commit}/merge_requests"), None).await?;
        let open = answer::items(&found)?.iter().find(|merge| merge["state"] == "opened");
        open.map(|merge| answer::text(merge, "/source_branch").map(str::to_owned)).transpose()
    }
}

/// Escapes the text of a note so that no line is a command to GitLab. GitLab's "quick actions" begin a line with a slash.
fn without_commands(text: &str) -> String {
    let line = |line: &str| match line.trim_start().strip_prefix('/') {
        Some(rest) => format!("&#47;{rest}"),
        None => line.to_owned(),
    };
    text.split('\n').map(line).collect::<Vec<_>>().join("\n")
}

#[async_trait]
impl Comments for GitLab {
    async fn ours(&self, pull_request: u64, page: u32) -> Result<(Vec<Written>, bool), ApiError> {
        let who = || async { answer::number(&self.client.call(Method::GET, "/api/v4/user", None).await?, "/id") };
        let ourselves = *self.ourselves.get_or_try_init(who).await?;
        let path =
            format!("/merge_requests/{pull_request}/notes?sort=asc&order_by=created_at&per_page={PAGE}&page={page}");
        let notes = self.call(Method::GET, &path, None).await?;
        let notes = answer::items(&notes)?;
        let ours = notes.iter().filter(|note| note["author"]["id"].as_u64() == Some(ourselves)).map(|note| {
            let text = answer::text(note, "/body")?.to_owned();
            Ok(Written { id: answer::number(note, "/id")?.to_string(), text })
        });
        Ok((ours.collect::<Result<_, ApiError>>()?, notes.len() == PAGE))
    }

    async fn write(&self, pull_request: u64, text: &str) -> Result<String, ApiError> {
        let body = json!({ "body": without_commands(text) });
        let note = self.call(Method::POST, &format!("/merge_requests/{pull_request}/notes"), Some(&body)).await?;
        Ok(answer::number(&note, "/id")?.to_string())
    }

    async fn replace(&self, pull_request: u64, id: &str, text: &str) -> Result<(), ApiError> {
        let body = json!({ "body": without_commands(text) });
        self.call(Method::PUT, &format!("/merge_requests/{pull_request}/notes/{id}"), Some(&body)).await.map(drop)
    }
}

#[async_trait]
impl ForgeApi for GitLab {
    async fn report(&self, report: &Report, _known: &mut ReportHandle) -> Result<(), ApiError> {
        let state = match report.state {
            ReportState::Queued => "pending",
            ReportState::UnderWay => "running",
            ReportState::Ended(Conclusion::Success | Conclusion::Neutral) => "success",
            ReportState::Ended(Conclusion::Failure | Conclusion::ActionRequired | Conclusion::TimedOut) => "failed",
            ReportState::Ended(Conclusion::Cancelled) => "canceled",
        };
        let path = format!("/statuses/{}", report.revision);
        let mut body = json!({ "state": state, "name": report.context, "description": status::description(report) });
        if let Some(page) = &report.page {
            body["target_url"] = json!(page);
        }
        let mut answered = self.call(Method::POST, &path, Some(&body)).await;
        // The head of a fork's merge request is on no branch of the project, but GitLab requires a `ref`.
        if matches!(&answered, Err(ApiError::Missing { reason, .. }) if reason.contains("References for commit"))
            && let Some(branch) = self.proposed_branch(&report.revision).await?
        {
            body["ref"] = branch.into();
            answered = self.call(Method::POST, &path, Some(&body)).await;
        }
        match answered {
            // GitLab refuses to set a status to its current value. The status is then already right.
            Err(ApiError::Refused { reason, .. }) if reason.contains("Cannot transition") => Ok(()),
            Err(ApiError::Missing { reason, .. }) if reason.contains("Commit Not Found") => Err(ApiError::Refused {
                of: RefusalOf::Content,
                reason,
                help: "the forge does not have the commit any more",
            }),
            answered => answered.map(drop),
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

    async fn react(&self, pull_request: u64, comment: &ForgeId, reaction: Reaction) -> Result<(), ApiError> {
        let name = match reaction {
            Reaction::Done => "thumbsup",
            Reaction::Refused => "confused",
        };
        let path = format!("/merge_requests/{pull_request}/notes/{comment}/award_emoji?name={name}");
        match self.call(Method::POST, &path, None).await {
            Err(ApiError::Missing { reason, .. }) if reason.contains("already been taken") => Ok(()),
            reacted => reacted.map(drop),
        }
    }

    async fn repository(&self) -> Result<Repository, ApiError> {
        answer::repository(&self.call(Method::GET, "", None).await?, "/id", "/path_with_namespace")
    }

    async fn permission(&self, account: &Account) -> Result<Permission, ApiError> {
        let path = format!("/members/all/{}", encoded(account.id.as_str()));
        let member = match self.call(Method::GET, &path, None).await {
            Err(ApiError::Missing { .. }) => return Ok(Permission::None),
            member => member?,
        };
        Ok(match answer::number(&member, "/access_level")? {
            40.. => Permission::Admin,
            30..40 => Permission::Write,
            10..30 => Permission::Read,
            0..10 => Permission::None,
        })
    }

    /// GitLab's commits name no account. Its search covers public addresses, and for an administrator all addresses ("Users
    /// API"). A name can be any text, even an address. Only an account that shows exactly this address counts, and only if no
    /// other account does.
    async fn author_of(&self, _commit: &CommitSha, email: &str) -> Result<Option<Account>, ApiError> {
        let path = format!("/api/v4/users?search={}&per_page=20", encoded(email));
        let found = self.client.call(Method::GET, &path, None).await?;
        let shows = |user: &&Value| {
            ["public_email", "commit_email", "email"]
                .iter()
                .any(|key| user[*key].as_str().is_some_and(|shown| shown.eq_ignore_ascii_case(email)))
        };
        let mut all = answer::items(&found)?.iter().filter(shows);
        let (Some(user), None) = (all.next(), all.next()) else { return Ok(None) };
        let name = user["username"].as_str().map(str::to_owned);
        Ok(Some(Account { id: ForgeId::from(answer::number(user, "/id")?), name }))
    }

    async fn find_request(&self, head: &str, base: &str) -> Result<Option<MergeRequest>, ApiError> {
        let (head, base) = (encoded(head), encoded(base));
        let path = format!("/merge_requests?state=opened&source_branch={head}&target_branch={base}&per_page=1");
        let found = self.call(Method::GET, &path, None).await?;
        answer::items(&found)?.first().map(read_request).transpose()
    }

    async fn open_request(&self, request: &NewRequest) -> Result<MergeRequest, ApiError> {
        let NewRequest { head, base, title, body } = request;
        if let Some(open) = self.find_request(head, base).await? {
            return Ok(open);
        }
        let body = json!({
            "source_branch": head, "target_branch": base, "title": title, "description": without_commands(body),
            "remove_source_branch": true,
        });
        read_request(&self.call(Method::POST, "/merge_requests", Some(&body)).await?)
    }

    async fn update_request(&self, number: u64, title: &str, body: &str) -> Result<(), ApiError> {
        let body = json!({ "title": title, "description": without_commands(body) });
        self.call(Method::PUT, &format!("/merge_requests/{number}"), Some(&body)).await.map(drop)
    }

    /// The project's settings decide whether a merge creates a merge commit. Each merge request decides whether to squash.
    async fn merge_request(
        &self,
        number: u64,
        expected_head: &CommitSha,
        merging: &Merging<'_>,
    ) -> Result<(), ApiError> {
        let path = format!("/merge_requests/{number}");
        let mut body = json!({ "sha": expected_head });
        if !merging.message.is_empty() {
            body["squash_commit_message"] = merging.message.into();
        }
        if merging.method == Some(MergeMethod::Squash) {
            body["squash"] = true.into();
        }
        match self.call(Method::PUT, &format!("{path}/merge"), Some(&body)).await {
            Err(refusal) if refusal.is_about_state() || is_conflict(&refusal) => {
                let found = self.call(Method::GET, &path, None).await?;
                // With a fast-forward-only project, a head behind the target branch has to be rebased first.
                let could = found["state"] == "opened"
                    && found["has_conflicts"] != true
                    && found["detailed_merge_status"] != "need_rebase";
                merge_refused(refusal, &read_request(&found)?, expected_head, could)
            }
            merged => merged.map(drop),
        }
    }

    async fn get_request(&self, number: u64) -> Result<MergeRequest, ApiError> {
        read_request(&self.call(Method::GET, &format!("/merge_requests/{number}"), None).await?)
    }

    async fn close_request(&self, number: u64) -> Result<(), ApiError> {
        let body = json!({ "state_event": "close" });
        self.call(Method::PUT, &format!("/merge_requests/{number}"), Some(&body)).await.map(drop)
    }

    /// GitLab accepts a million characters. Slipway keeps its comments shorter, so that people can read them.
    fn longest_comment(&self) -> usize {
        200_000
    }

    async fn preflight_checks(&self, hook: Option<&WebhookAddress>) -> Vec<PreflightCheck> {
        preflight::gitlab::preflight_checks(&self.client, &self.project, hook).await
    }
}

/// Whether GitLab refuses to merge because of a conflict ("Merge a merge request": 422). It checks this before `sha`.
fn is_conflict(refusal: &ApiError) -> bool {
    matches!(refusal, ApiError::Refused { reason, .. } if reason.contains("Branch cannot be merged"))
}

fn read_request(document: &Value) -> Result<MergeRequest, ApiError> {
    let head = answer::text(document, "/sha")?;
    let head = head.parse().map_err(|error| ApiError::Unreachable { reason: format!("`sha`: {error}") })?;
    let merged = document["state"] == "merged";
    // The result is a merge commit, a squash commit that was fast-forwarded, or the head itself.
    let named = ["merge_commit_sha", "squash_commit_sha", "sha"].map(|key| commit_if(merged, &document[key]));
    let merge_commit = named.into_iter().flatten().next();
    Ok(MergeRequest { number: answer::number(document, "/iid")?, head, merged, merge_commit })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_of_a_note_is_a_command() {
        let text = "fine\n/approve\n  /merge\na/b\n";
        assert_eq!(without_commands(text), "fine\n&#47;approve\n&#47;merge\na/b\n");
    }

    #[test]
    fn a_merged_request_names_the_commit_that_the_branch_got_by_it() {
        let [head, merge, squash] = ["1", "2", "3"].map(|digit| digit.repeat(40));
        let commit_of = |state: &str, merge: Option<&String>, squash: Option<&String>| {
            let document = json!({
                "iid": 7, "sha": head, "state": state, "merge_commit_sha": merge, "squash_commit_sha": squash,
            });
            read_request(&document).expect("a request").merge_commit.map(|commit| commit.to_string())
        };
        assert_eq!(commit_of("opened", None, None), None);
        assert_eq!(commit_of("merged", Some(&merge), None).as_ref(), Some(&merge));
        assert_eq!(commit_of("merged", Some(&merge), Some(&squash)).as_ref(), Some(&merge), "a merge of the squash");
        assert_eq!(commit_of("merged", None, Some(&squash)).as_ref(), Some(&squash), "a squash by fast-forward");
        assert_eq!(commit_of("merged", None, None).as_ref(), Some(&head), "a fast-forward");
    }
}
