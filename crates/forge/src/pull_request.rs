//! Reads pull requests and their comments in GitHub's form, which Gitea and Forgejo also send.

use serde::Deserialize;

use super::ForgeError;
use super::payload::{self, AccountBody, Name, RepositoryBody, ignored, parse};
use slipway_domain::{
    Author, Comment, Commenter, CommitSha, EventKind, PullRequest, PullRequestStep, Repository, Revision,
};

#[derive(Deserialize)]
struct PullRequestPayload {
    pull_request: PullRequestBody,
}

#[derive(Deserialize)]
struct PullRequestBody {
    number: u64,
    user: Option<AccountBody>,
    head: End,
    base: End,
    #[serde(default)]
    merged: Option<bool>,
    /// Absent in Gitea and Forgejo before 1.22. There the title marks a draft.
    draft: Option<bool>,
    title: Option<String>,
    labels: Option<Vec<LabelBody>>,
}

#[derive(Deserialize)]
struct LabelBody {
    name: String,
}

/// One end of a pull request.
#[derive(Deserialize)]
struct End {
    #[serde(rename = "ref")]
    branch: Name,
    sha: CommitSha,
    repo: Option<RepositoryBody>,
}

#[derive(Deserialize)]
struct CommentPayload {
    issue: IssueBody,
    comment: CommentBody,
}

#[derive(Deserialize)]
struct IssueBody {
    number: u64,
    /// Present for pull requests only. GitHub omits it for other issues, Gitea writes null.
    pull_request: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
struct CommentBody {
    id: u64,
    user: Option<AccountBody>,
    body: Option<String>,
}

/// A pull request after `step`. If it was closed by a merge, the step is [`PullRequestStep::Merged`].
pub(super) fn pull_request(
    body: &[u8],
    step: PullRequestStep,
    repository: &Repository,
) -> Result<EventKind, ForgeError> {
    let PullRequestBody { number, user, head, base, merged, draft, title, labels } =
        parse::<PullRequestPayload>(body)?.pull_request;
    let step = match step {
        PullRequestStep::Closed if merged == Some(true) => PullRequestStep::Merged,
        step => step,
    };
    Ok(EventKind::PullRequest(PullRequest {
        number,
        step,
        head: Revision::Full(head.sha),
        head_branch: head.branch.into(),
        head_repository: payload::head_repository(head.repo.map(Repository::from), repository),
        base_branch: base.branch.into(),
        base: Some(Revision::Full(base.sha)),
        author: user.and_then(AccountBody::account).map(Author),
        draft: draft.unwrap_or_else(|| title.is_some_and(|title| is_in_progress(&title))),
        labels: labels.into_iter().flatten().map(|label| label.name).collect(),
    }))
}

/// Whether a title marks a draft, by the default prefixes of Gitea and Forgejo.
pub(super) fn is_in_progress(title: &str) -> bool {
    let begins = |mark: &str| title.get(..mark.len()).is_some_and(|start| start.eq_ignore_ascii_case(mark));
    begins("WIP:") || begins("[WIP]")
}

/// A new comment.
pub(super) fn comment(body: &[u8]) -> Result<EventKind, ForgeError> {
    let CommentPayload { issue, comment } = parse(body)?;
    if issue.pull_request.is_none() {
        return Ok(ignored("the comment is on an issue, not on a pull request"));
    }
    let Some(account) = comment.user.and_then(AccountBody::account) else {
        return Ok(ignored("the comment's account does not exist any more"));
    };
    Ok(EventKind::Comment(Comment {
        id: comment.id.into(),
        pull_request: issue.number,
        commenter: Commenter(account),
        body: comment.body.unwrap_or_default(),
    }))
}
