//! Reads the webhooks of GitHub and GitHub Enterprise Server (docs.github.com, "Webhook events and payloads").

use jiff::Timestamp;
use serde::Deserialize;

use super::payload::{AccountBody, Envelope, Name, RepositoryBody, ignored, parse, push, repository_of, unreadable};
use super::{DeliveryName, Forge, ForgeError, Headers, Secret, name_in, pull_request, signature};
use slipway_domain::{
    Button, Check, CheckAction, CommitSha, Event, EventKind, Installation, InstallationStep, MergeGroup,
    MergeGroupStep, PullRequest, PullRequestStep, Repository, Sender,
};

/// GitHub, or GitHub Enterprise Server.
pub(super) struct GitHub;

/// The events that are read. All others are ignored by their name.
const READ: &[&str] = &[
    "push",
    "pull_request",
    "issue_comment",
    "check_run",
    "check_suite",
    "merge_group",
    "installation",
    "installation_repositories",
];

#[derive(Deserialize)]
struct PushPayload {
    #[serde(rename = "ref")]
    name: Name,
    before: CommitSha,
    after: CommitSha,
    #[serde(default)]
    forced: bool,
}

/// The part of an edited pull request that shows whether its base branch was changed.
#[derive(Deserialize)]
struct EditPayload {
    #[serde(default)]
    changes: Edits,
}

#[derive(Default, Deserialize)]
struct Edits {
    base: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
struct CheckRunPayload {
    check_run: CheckRunBody,
    requested_action: Option<RequestedAction>,
}

#[derive(Deserialize)]
struct CheckRunBody {
    id: u64,
    name: Name,
    external_id: Option<String>,
    head_sha: CommitSha,
}

#[derive(Deserialize)]
struct RequestedAction {
    identifier: Name,
}

#[derive(Deserialize)]
struct CheckSuitePayload {
    check_suite: CheckSuiteBody,
}

#[derive(Deserialize)]
struct CheckSuiteBody {
    head_sha: CommitSha,
}

#[derive(Deserialize)]
struct MergeGroupPayload {
    merge_group: MergeGroupBody,
}

#[derive(Deserialize)]
struct MergeGroupBody {
    head_sha: CommitSha,
    head_ref: Name,
    base_sha: CommitSha,
    base_ref: Name,
}

#[derive(Deserialize)]
struct InstallationPayload {
    installation: InstallationBody,
    #[serde(default)]
    repositories: Vec<RepositoryBody>,
    #[serde(default)]
    repositories_added: Vec<RepositoryBody>,
    #[serde(default)]
    repositories_removed: Vec<RepositoryBody>,
}

#[derive(Deserialize)]
struct InstallationBody {
    id: u64,
}

impl Forge for GitHub {
    fn verify(
        &self,
        headers: &dyn Headers,
        body: &[u8],
        secrets: &[Secret],
        _now: Timestamp,
    ) -> Result<DeliveryName, ForgeError> {
        // Gitea, Forgejo and Gogs also send GitHub's headers, with payloads that only resemble GitHub's.
        if ["x-forgejo-event", "x-gitea-event", "x-gogs-event"].iter().any(|name| headers.has(name)) {
            return Err(ForgeError::OtherForge { set: "github", sender: "Gitea, Forgejo or Gogs" });
        }
        signature::verify(headers, "x-hub-signature-256", "sha256=", body, secrets)?;
        Ok(DeliveryName { id: name_in(headers, "x-github-delivery")?, event: name_in(headers, "x-github-event")? })
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
        let repository = repository.map(Repository::from);
        let sender = sender.and_then(AccountBody::account).map(Sender);
        let kind = event_kind(event, action.as_ref().map_or("", Name::as_str), repository.as_ref(), body)?;
        Ok(vec![Event { repository, sender, kind }])
    }
}

fn event_kind(
    event: &str,
    action: &str,
    repository: Option<&Repository>,
    body: &[u8],
) -> Result<EventKind, ForgeError> {
    let pull_request = |step| {
        pull_request::pull_request(body, step, repository.ok_or_else(|| unreadable("missing field `repository`"))?)
    };
    match (event, action) {
        ("push", _) => {
            let PushPayload { name, before, after, forced } = parse(body)?;
            push(&name, before, after, forced)
        }
        ("pull_request", "opened" | "reopened") => pull_request(PullRequestStep::Opened),
        ("pull_request", "synchronize" | "ready_for_review" | "labeled") => pull_request(PullRequestStep::Updated),
        ("pull_request", "edited") => match parse::<EditPayload>(body)?.changes.base {
            Some(_) => pull_request(PullRequestStep::Updated),
            None => Ok(ignored("only the text of the pull request was edited")),
        },
        ("pull_request", "closed") => pull_request(PullRequestStep::Closed),
        ("issue_comment", "created") => pull_request::comment(body),
        ("check_run", "rerequested" | "requested_action") => check_run(body),
        ("check_suite", "rerequested") => {
            let head = parse::<CheckSuitePayload>(body)?.check_suite.head_sha;
            Ok(EventKind::CheckAction(CheckAction { button: Button::Retry, check: None, head }))
        }
        ("merge_group", "checks_requested") => merge_group(body, MergeGroupStep::ChecksRequested),
        ("merge_group", "destroyed") => merge_group(body, MergeGroupStep::Destroyed),
        ("installation" | "installation_repositories", _) => installation(body, action),
        _ => Ok(ignored(format!("Slipway does not use the action `{action}` of the event `{event}`"))),
    }
}

fn check_run(body: &[u8]) -> Result<EventKind, ForgeError> {
    let CheckRunPayload { check_run: CheckRunBody { id, name, external_id, head_sha }, requested_action } =
        parse(body)?;
    let button = requested_action.map_or(Button::Retry, |action| Button::Ours(action.identifier.into()));
    let external_id = external_id.filter(|text| !text.is_empty());
    let check = Check { id: id.into(), external_id, name: name.into() };
    Ok(EventKind::CheckAction(CheckAction { button, check: Some(check), head: head_sha }))
}

fn merge_group(body: &[u8], step: MergeGroupStep) -> Result<EventKind, ForgeError> {
    let MergeGroupBody { head_sha, head_ref, base_sha, base_ref } = parse::<MergeGroupPayload>(body)?.merge_group;
    let branch = |name: &Name| {
        let branch = name.as_str().strip_prefix("refs/heads/").map(str::to_owned);
        branch.ok_or_else(|| unreadable(format!("`{}` is not a branch", name.as_str())))
    };
    Ok(EventKind::MergeGroup(MergeGroup {
        step,
        head: head_sha,
        head_branch: branch(&head_ref)?,
        base: base_sha,
        base_branch: branch(&base_ref)?,
    }))
}

fn installation(body: &[u8], action: &str) -> Result<EventKind, ForgeError> {
    let InstallationPayload { installation, repositories, repositories_added, repositories_removed } = parse(body)?;
    let all = |bodies: Vec<RepositoryBody>| bodies.into_iter().map(Repository::from).collect();
    let step = match action {
        "created" | "unsuspend" | "new_permissions_accepted" => InstallationStep::Active(all(repositories)),
        "deleted" | "suspend" => InstallationStep::Inactive,
        "added" | "removed" => {
            InstallationStep::Repositories { added: all(repositories_added), removed: all(repositories_removed) }
        }
        _ => return Ok(ignored(format!("Slipway does not use the action `{action}` of an installation"))),
    };
    Ok(EventKind::Installation(Installation { id: installation.id.into(), step }))
}
