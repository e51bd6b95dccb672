//! Reads the webhooks of Bitbucket Cloud (support.atlassian.com, "Event payloads"). Bitbucket abbreviates the hashes of a pull
//! request's commits to twelve digits. It drops deliveries over 256 KB without a notice. A sync of the branches finds these.

use jiff::Timestamp;
use serde::Deserialize;

use super::payload::{Name, head_repository, ignored, parse, unreadable};
use super::{DeliveryName, Forge, ForgeError, Headers, Secret, name_in, signature};
use slipway_domain::{
    Account, Author, Comment, Commenter, CommitSha, Event, EventKind, Movement, PullRequest, PullRequestStep, Push,
    Reference, Repository, Revision, Sender,
};

/// Bitbucket Cloud.
pub(super) struct Bitbucket;

/// The events that are read.
const READ: &[&str] = &[
    "repo:push",
    "pullrequest:created",
    "pullrequest:updated",
    "pullrequest:fulfilled",
    "pullrequest:rejected",
    "pullrequest:comment_created",
];

#[derive(Deserialize)]
struct Envelope {
    repository: RepositoryBody,
    actor: Option<AccountBody>,
}

/// The part of a payload that names its repository.
#[derive(Deserialize)]
struct OfRepository {
    repository: Option<RepositoryBody>,
}

#[derive(Deserialize)]
struct RepositoryBody {
    uuid: Name,
    full_name: Name,
}

#[derive(Deserialize)]
struct AccountBody {
    uuid: Option<Name>,
    nickname: Option<Name>,
}

#[derive(Deserialize)]
struct PushPayload {
    push: PushBody,
}

#[derive(Deserialize)]
struct PushBody {
    changes: Vec<Moved>,
}

/// One reference that moved. A push can move several.
#[derive(Deserialize)]
struct Moved {
    old: Option<Position>,
    new: Option<Position>,
    #[serde(default)]
    forced: bool,
}

#[derive(Deserialize)]
struct Position {
    #[serde(rename = "type")]
    kind: Name,
    name: Name,
    target: Target,
}

#[derive(Deserialize)]
struct Target {
    hash: CommitSha,
}

#[derive(Deserialize)]
struct PullRequestPayload {
    pullrequest: PullRequestBody,
}

#[derive(Deserialize)]
struct PullRequestBody {
    id: u64,
    author: Option<AccountBody>,
    #[serde(default)]
    draft: bool,
    source: End,
    destination: End,
}

/// One end of a pull request.
#[derive(Deserialize)]
struct End {
    branch: Branch,
    commit: Option<Commit>,
    repository: Option<RepositoryBody>,
}

#[derive(Deserialize)]
struct Branch {
    name: Name,
}

#[derive(Deserialize)]
struct Commit {
    hash: Name,
}

#[derive(Deserialize)]
struct CommentPayload {
    pullrequest: Commented,
    comment: CommentBody,
}

#[derive(Deserialize)]
struct Commented {
    id: u64,
}

#[derive(Deserialize)]
struct CommentBody {
    id: u64,
    content: Content,
    user: Option<AccountBody>,
}

#[derive(Deserialize)]
struct Content {
    raw: String,
}

impl RepositoryBody {
    fn repository(self) -> Result<Repository, ForgeError> {
        let id = self.uuid.as_str().parse().map_err(|error| unreadable(format!("`repository.uuid`: {error}")))?;
        Ok(Repository { id, full_name: self.full_name.into() })
    }
}

impl AccountBody {
    /// The account. A deleted account has no UUID.
    fn account(self) -> Option<Account> {
        Some(Account { id: self.uuid?.as_str().parse().ok()?, name: self.nickname.map(String::from) })
    }
}

impl Forge for Bitbucket {
    fn verify(
        &self,
        headers: &dyn Headers,
        body: &[u8],
        secrets: &[Secret],
        _now: Timestamp,
    ) -> Result<DeliveryName, ForgeError> {
        signature::verify(headers, "x-hub-signature", "sha256=", body, secrets)?;
        Ok(DeliveryName { id: name_in(headers, "x-request-uuid")?, event: name_in(headers, "x-event-key")? })
    }

    fn repository(&self, body: &[u8]) -> Result<Option<Repository>, ForgeError> {
        parse::<OfRepository>(body)?.repository.map(RepositoryBody::repository).transpose()
    }

    fn read(&self, event: &str, body: &[u8]) -> Result<Vec<Event>, ForgeError> {
        if !READ.contains(&event) {
            return Ok(vec![Event::ignored(format!("Slipway does not use the event `{event}`"))]);
        }
        let Envelope { repository, actor } = parse(body)?;
        let repository = repository.repository()?;
        let sender = actor.and_then(AccountBody::account).map(Sender);
        let kinds = match event {
            "repo:push" => pushes(body)?,
            "pullrequest:created" => vec![pull_request(body, PullRequestStep::Opened, &repository)?],
            // Bitbucket also sends this event when only the text was edited. The commit then shows that there is nothing to do.
            "pullrequest:updated" => vec![pull_request(body, PullRequestStep::Updated, &repository)?],
            "pullrequest:fulfilled" => vec![pull_request(body, PullRequestStep::Merged, &repository)?],
            "pullrequest:rejected" => vec![pull_request(body, PullRequestStep::Closed, &repository)?],
            _ => vec![comment(body)?],
        };
        let event = |kind| Event { repository: Some(repository.clone()), sender: sender.clone(), kind };
        Ok(kinds.into_iter().map(event).collect())
    }
}

fn pushes(body: &[u8]) -> Result<Vec<EventKind>, ForgeError> {
    let moved = parse::<PushPayload>(body)?.push.changes;
    if moved.is_empty() {
        return Ok(vec![ignored("the push changes no reference")]);
    }
    moved.into_iter().map(push).collect()
}

fn push(moved: Moved) -> Result<EventKind, ForgeError> {
    let Moved { old, new, forced } = moved;
    let (kind, name) = match (&new, &old) {
        (Some(position), _) | (None, Some(position)) => (position.kind.clone(), position.name.clone()),
        (None, None) => return Err(unreadable("a reference has neither an old nor a new commit")),
    };
    let reference = match kind.as_str() {
        "branch" => Reference::Branch(name.into()),
        "tag" => Reference::Tag(name.into()),
        kind => return Ok(ignored(format!("a `{kind}` is neither a branch nor a tag"))),
    };
    let movement = match (old.map(|old| old.target.hash), new.map(|new| new.target.hash)) {
        (before, None) => Movement::Deleted { before },
        (None, Some(after)) => Movement::Created { after },
        (Some(before), Some(after)) if forced => Movement::Forced { before, after },
        (Some(before), Some(after)) => Movement::Updated { before, after },
    };
    Ok(EventKind::Push(Push { reference, movement }))
}

fn pull_request(body: &[u8], step: PullRequestStep, repository: &Repository) -> Result<EventKind, ForgeError> {
    let PullRequestBody { id, author, draft, source, destination } = parse::<PullRequestPayload>(body)?.pullrequest;
    let revision = |commit: Commit| {
        let revision: Result<Revision, _> = commit.hash.as_str().parse();
        revision.map_err(|error| unreadable(format!("`{}`: {error}", commit.hash.as_str())))
    };
    let Some(head) = source.commit.map(revision).transpose()? else {
        return Ok(ignored("the commit of the pull request does not exist any more"));
    };
    Ok(EventKind::PullRequest(PullRequest {
        number: id,
        step,
        head,
        head_branch: source.branch.name.into(),
        head_repository: head_repository(source.repository.map(RepositoryBody::repository).transpose()?, repository),
        base_branch: destination.branch.name.into(),
        base: destination.commit.map(revision).transpose()?,
        author: author.and_then(AccountBody::account).map(Author),
        draft,
        labels: Vec::new(),
    }))
}

fn comment(body: &[u8]) -> Result<EventKind, ForgeError> {
    let CommentPayload { pullrequest, comment } = parse(body)?;
    let Some(account) = comment.user.and_then(AccountBody::account) else {
        return Ok(ignored("the comment's account does not exist any more"));
    };
    Ok(EventKind::Comment(Comment {
        id: comment.id.into(),
        pull_request: pullrequest.id,
        commenter: Commenter(account),
        body: comment.content.raw,
    }))
}
