//! Reads the webhooks of GitLab (docs.gitlab.com, "Webhooks" and "Webhook events").
//!
//! The identity of a delivery is `webhook-id` or `Idempotency-Key`, which GitLab keeps when it repeats the delivery. Versions
//! before 17.4 send neither. There the identity is `X-Gitlab-Event-UUID` with the body's digest, because deliveries that one
//! webhook triggers through another carry the UUID of the first. Without any of these headers, the identity is the digest of
//! event and body. A branch that moves back and forth between two commits without a new one may then be taken for a repetition.

use jiff::Timestamp;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::payload::{Name, account_id, head_repository, ignored, parse, push, unreadable};
use super::{DeliveryName, Forge, ForgeError, Headers, Secret, name_in, standard_webhooks};
use slipway_domain::{
    Account, Author, Comment, Commenter, CommitSha, Event, EventKind, PullRequest, PullRequestStep, Repository,
    Revision, Sender,
};

/// GitLab.
pub(super) struct GitLab;

/// The events that are read.
const READ: &[&str] = &["Push Hook", "Tag Push Hook", "Merge Request Hook", "Note Hook"];
/// The digits of the digest in a delivery's identity.
const DIGITS: usize = 32;

#[derive(Deserialize)]
struct Envelope {
    project: ProjectBody,
    /// The account that caused the event, in all deliveries except pushes. Before GitLab 13 it has no identifier.
    user: Option<UserBody>,
    /// The account that pushed, in pushes.
    user_id: Option<i64>,
    user_username: Option<Name>,
}

/// The part of a payload that names its project. Events of a group have none.
#[derive(Deserialize)]
struct OfProject {
    project: Option<ProjectBody>,
}

#[derive(Deserialize)]
struct ProjectBody {
    id: u64,
    path_with_namespace: Name,
}

#[derive(Deserialize)]
struct UserBody {
    id: Option<i64>,
    username: Option<Name>,
}

#[derive(Deserialize)]
struct PushPayload {
    #[serde(rename = "ref")]
    name: Name,
    before: CommitSha,
    after: CommitSha,
}

#[derive(Deserialize)]
struct MergeRequestPayload {
    object_attributes: MergeRequestBody,
    changes: Option<Edits>,
}

#[derive(Deserialize)]
struct MergeRequestBody {
    iid: u64,
    action: Option<Name>,
    /// Present only if commits were pushed.
    oldrev: Option<CommitSha>,
    source_branch: Name,
    target_branch: Name,
    source_project_id: Option<u64>,
    source: Option<SourceBody>,
    author_id: Option<i64>,
    last_commit: Option<CommitBody>,
    draft: Option<bool>,
    /// The same in older versions. The versions in between send both.
    work_in_progress: Option<bool>,
    labels: Option<Vec<LabelBody>>,
}

#[derive(Deserialize)]
struct LabelBody {
    title: String,
}

#[derive(Deserialize)]
struct Edits {
    target_branch: Option<serde::de::IgnoredAny>,
    draft: Option<DraftEdit>,
    labels: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
struct DraftEdit {
    current: Option<bool>,
}

#[derive(Deserialize)]
struct SourceBody {
    path_with_namespace: Name,
}

#[derive(Deserialize)]
struct CommitBody {
    id: CommitSha,
}

#[derive(Deserialize)]
struct CommentPayload {
    object_attributes: CommentBody,
    merge_request: Option<CommentedBody>,
}

#[derive(Deserialize)]
struct CommentBody {
    id: u64,
    note: String,
    author_id: Option<i64>,
    /// Absent before GitLab 16.1, which sent only new comments.
    action: Option<Name>,
    #[serde(default)]
    system: bool,
}

#[derive(Deserialize)]
struct CommentedBody {
    iid: u64,
}

impl From<ProjectBody> for Repository {
    fn from(ProjectBody { id, path_with_namespace }: ProjectBody) -> Self {
        Self { id: id.into(), full_name: path_with_namespace.into() }
    }
}

impl Forge for GitLab {
    /// A delivery with a signature must have a valid one. Only a delivery without a signature may prove itself by the secret in
    /// `X-Gitlab-Token`.
    fn verify(
        &self,
        headers: &dyn Headers,
        body: &[u8],
        secrets: &[Secret],
        now: Timestamp,
    ) -> Result<DeliveryName, ForgeError> {
        if headers.has(standard_webhooks::SIGNATURE) {
            standard_webhooks::verify(headers, body, secrets, now)?;
        } else {
            let unverified = |reason| ForgeError::Unverified { reason };
            let missing = unverified("the headers `webhook-signature` and `X-Gitlab-Token` are missing");
            let token = headers.value("x-gitlab-token").ok_or(missing)?;
            if !secrets.iter().any(|secret| secret.equals(token)) {
                return Err(unverified("`X-Gitlab-Token` differs from this source's secret"));
            }
        }
        let event = name_in(headers, "x-gitlab-event")?;
        Ok(DeliveryName { id: identity(headers, &event, body)?, event })
    }

    fn repository(&self, body: &[u8]) -> Result<Option<Repository>, ForgeError> {
        Ok(parse::<OfProject>(body)?.project.map(Repository::from))
    }

    fn reference_of(&self, pull_request: &PullRequest) -> Option<String> {
        Some(format!("refs/merge-requests/{}/head", pull_request.number))
    }

    fn read(&self, event: &str, body: &[u8]) -> Result<Vec<Event>, ForgeError> {
        if !READ.contains(&event) {
            return Ok(vec![Event::ignored(format!("Slipway does not use the event `{event}`"))]);
        }
        let Envelope { project, user, user_id, user_username } = parse(body)?;
        let repository = Repository::from(project);
        let (id, name) = match user {
            Some(user) => (user.id, user.username),
            None => (user_id, user_username),
        };
        let name = name.map(String::from);
        let sender = id.and_then(account_id).map(|id| Account { id, name });
        let kind = match event {
            "Merge Request Hook" => pull_request(body, &repository)?,
            "Note Hook" => comment(body, sender.as_ref())?,
            _ => {
                let PushPayload { name, before, after } = parse(body)?;
                push(&name, before, after, false)?
            }
        };
        Ok(vec![Event { repository: Some(repository), sender: sender.map(Sender), kind }])
    }
}

fn identity(headers: &dyn Headers, event: &str, body: &[u8]) -> Result<String, ForgeError> {
    for name in [standard_webhooks::ID, "idempotency-key"] {
        if headers.has(name) {
            return name_in(headers, name);
        }
    }
    let digest = Sha256::new().chain_update(event).chain_update([0]).chain_update(body).finalize();
    let mut digest = hex::encode(digest);
    digest.truncate(DIGITS);
    if headers.has("x-gitlab-event-uuid") {
        return Ok(format!("{}-{digest}", name_in(headers, "x-gitlab-event-uuid")?));
    }
    Ok(format!("sha256-{digest}"))
}

fn pull_request(body: &[u8], repository: &Repository) -> Result<EventKind, ForgeError> {
    let MergeRequestPayload { object_attributes: pull_request, changes } = parse(body)?;
    let is_ready = |edit: &DraftEdit| edit.current == Some(false);
    let is_edit = |Edits { target_branch, draft, labels }: Edits| {
        target_branch.is_some() || labels.is_some() || draft.as_ref().is_some_and(is_ready)
    };
    let moved = pull_request.oldrev.is_some() || changes.is_some_and(is_edit);
    let step = match pull_request.action.as_ref().map_or("", Name::as_str) {
        "open" | "reopen" => PullRequestStep::Opened,
        "update" if moved => PullRequestStep::Updated,
        // GitLab sends another `update` after it has checked whether the merge request can be merged.
        "update" => {
            return Ok(ignored(
                "the update of the merge request changed no commits, labels or target branch, and did \
             not mark it as ready",
            ));
        }
        "close" => PullRequestStep::Closed,
        "merge" => PullRequestStep::Merged,
        action => return Ok(ignored(format!("Slipway does not use the action `{action}` of a merge request"))),
    };
    let Some(head) = pull_request.last_commit else {
        return Ok(ignored("the merge request has no commit"));
    };
    let head_repository_known = match (pull_request.source_project_id, pull_request.source) {
        (Some(id), Some(source)) => Some(Repository { id: id.into(), full_name: source.path_with_namespace.into() }),
        (Some(id), None) if repository.id == id.into() => Some(repository.clone()),
        (Some(_), None) | (None, _) => None,
    };
    Ok(EventKind::PullRequest(PullRequest {
        number: pull_request.iid,
        step,
        head: Revision::Full(head.id),
        head_branch: pull_request.source_branch.into(),
        head_repository: head_repository(head_repository_known, repository),
        base_branch: pull_request.target_branch.into(),
        base: None,
        author: pull_request.author_id.and_then(account_id).map(|id| Author(Account { id, name: None })),
        draft: pull_request.draft.or(pull_request.work_in_progress).unwrap_or_default(),
        labels: pull_request.labels.into_iter().flatten().map(|label| label.title).collect(),
    }))
}

fn comment(body: &[u8], sender: Option<&Account>) -> Result<EventKind, ForgeError> {
    let CommentPayload { object_attributes: comment, merge_request } = parse(body)?;
    let Some(CommentedBody { iid }) = merge_request else {
        return Ok(ignored("the comment is not on a merge request"));
    };
    if comment.system {
        return Ok(ignored("the comment is a system note of GitLab"));
    }
    if comment.action.as_ref().is_some_and(|action| action.as_str() != "create") {
        return Ok(ignored("the comment is not new"));
    }
    let id = comment.author_id.and_then(account_id).ok_or_else(|| unreadable("the comment has no author"))?;
    let name = sender.filter(|sender| sender.id == id).and_then(|sender| sender.name.clone());
    Ok(EventKind::Comment(Comment {
        id: comment.id.into(),
        pull_request: iid,
        commenter: Commenter(Account { id, name }),
        body: comment.note,
    }))
}
