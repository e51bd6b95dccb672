//! Reads the webhooks of Gitea and Forgejo (docs.gitea.com and forgejo.org/docs, "Webhooks"; the differences were observed with
//! Gitea 1.26). Their payloads have the form of GitHub's, and they also send GitHub's headers, but some names and cases differ.

use jiff::Timestamp;
use serde::Deserialize;

use super::payload::{AccountBody, Envelope, Name, ignored, parse, push, repository_of, unreadable};
use super::{DeliveryName, Forge, ForgeError, Headers, Secret, name_in, pull_request, signature};
use slipway_domain::{
    CommitSha, Event, EventKind, Movement, PullRequest, PullRequestStep, Push, Reference, Repository, Sender,
};

/// Gitea or Forgejo.
pub(super) struct Gitea;

/// The events that are read. `create` is not among them, because a `push` of the same reference accompanies it.
const READ: &[&str] = &["push", "delete", "pull_request", "issue_comment"];

#[derive(Deserialize)]
struct PushPayload {
    #[serde(rename = "ref")]
    name: Name,
    before: CommitSha,
    after: CommitSha,
}

#[derive(Deserialize)]
struct DeletePayload {
    /// Without `refs/heads/` at Gitea; with it at Forgejo (seen with 10) where the API deleted the branch.
    #[serde(rename = "ref")]
    name: Name,
    ref_type: Name,
}

#[derive(Deserialize)]
struct EditPayload {
    #[serde(default)]
    changes: Option<Edits>,
}

#[derive(Default, Deserialize)]
struct Edits {
    #[serde(rename = "ref")]
    base: Option<serde::de::IgnoredAny>,
    title: Option<FormerTitle>,
}

#[derive(Deserialize)]
struct FormerTitle {
    from: String,
}

impl Forge for Gitea {
    fn verify(
        &self,
        headers: &dyn Headers,
        body: &[u8],
        secrets: &[Secret],
        _now: Timestamp,
    ) -> Result<DeliveryName, ForgeError> {
        // Forgejo sends both families of headers. If its own signature is there, that signature is checked.
        let [signed, id, event] = if headers.has("x-forgejo-signature") {
            ["x-forgejo-signature", "x-forgejo-delivery", "x-forgejo-event"]
        } else {
            ["x-gitea-signature", "x-gitea-delivery", "x-gitea-event"]
        };
        signature::verify(headers, signed, "", body, secrets)?;
        Ok(DeliveryName { id: name_in(headers, id)?, event: name_in(headers, event)? })
    }

    fn repository(&self, body: &[u8]) -> Result<Option<Repository>, ForgeError> {
        repository_of(body)
    }

    fn reference_of(&self, pull_request: &PullRequest) -> Option<String> {
        Some(format!("refs/pull/{}/head", pull_request.number))
    }

    fn read(&self, event: &str, body: &[u8]) -> Result<Vec<Event>, ForgeError> {
        if !READ.contains(&event) {
            return Ok(vec![Event::ignored(format!("Slipway does not use the event `{event}`"))]);
        }
        let Envelope { action, repository, sender } = parse(body)?;
        let repository = repository.map(Repository::from).ok_or_else(|| unreadable("missing field `repository`"))?;
        let kind = event_kind(event, action.as_ref().map_or("", Name::as_str), &repository, body)?;
        let sender = sender.and_then(AccountBody::account).map(Sender);
        Ok(vec![Event { repository: Some(repository), sender, kind }])
    }
}

fn event_kind(event: &str, action: &str, repository: &Repository, body: &[u8]) -> Result<EventKind, ForgeError> {
    match (event, action) {
        ("push", _) => {
            let PushPayload { name, before, after } = parse(body)?;
            push(&name, before, after, false)
        }
        ("delete", _) => deleted(body),
        ("pull_request", "opened" | "reopened") => {
            pull_request::pull_request(body, PullRequestStep::Opened, repository)
        }
        // GitHub's name for it is `synchronize`.
        ("pull_request", "synchronized" | "label_updated") => {
            pull_request::pull_request(body, PullRequestStep::Updated, repository)
        }
        ("pull_request", "edited") => edited(body, repository),
        ("pull_request", "closed") => pull_request::pull_request(body, PullRequestStep::Closed, repository),
        ("issue_comment", "created") => pull_request::comment(body),
        _ => Ok(ignored(format!("Slipway does not use the action `{action}` of the event `{event}`"))),
    }
}

/// A pull request with a new base branch, or one that is no longer a draft. Gitea marks drafts by the title alone.
fn edited(body: &[u8], repository: &Repository) -> Result<EventKind, ForgeError> {
    let Edits { base, title } = parse::<EditPayload>(body)?.changes.unwrap_or_default();
    let was_draft = title.is_some_and(|former| pull_request::is_in_progress(&former.from));
    match pull_request::pull_request(body, PullRequestStep::Updated, repository)? {
        EventKind::PullRequest(pull_request) if base.is_some() || (was_draft && !pull_request.draft) => {
            Ok(EventKind::PullRequest(pull_request))
        }
        _ => Ok(ignored("only the text of the pull request was edited")),
    }
}

/// The deletion of a reference. A branch that was deleted on the web pages or through the API arrives only as `delete`, without
/// its last commit. The deletion of a tag also arrives as a push.
fn deleted(body: &[u8]) -> Result<EventKind, ForgeError> {
    let DeletePayload { name, ref_type } = parse(body)?;
    let name = name.as_str();
    match ref_type.as_str() {
        "branch" => Ok(EventKind::Push(Push {
            reference: Reference::Branch(name.strip_prefix("refs/heads/").unwrap_or(name).to_owned()),
            movement: Movement::Deleted { before: None },
        })),
        kind => Ok(ignored(format!("the deletion of a {kind} is also sent as a push"))),
    }
}
