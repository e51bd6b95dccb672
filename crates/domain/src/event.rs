//! The content of a delivery, independent of the forge. All values are claims of the forge: rights and the content of a revision
//! are always looked up, never taken from here.

use super::CommitSha;
use super::account::{Author, Commenter, ForgeId, Repository, Sender};
use super::revision::Revision;

/// An event on a forge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The repository of the event; `None` if the forge does not report it, as for a plain git server or an installation.
    pub repository: Option<Repository>,
    /// The account that caused it, if the forge reports it.
    pub sender: Option<Sender>,
    /// The kind of the event.
    pub kind: EventKind,
}

impl Event {
    /// An event whose name alone shows that it requires no action.
    pub fn ignored(reason: String) -> Self {
        Self { repository: None, sender: None, kind: EventKind::Ignored { reason } }
    }
}

/// The kind of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventKind {
    /// A branch or a tag moved.
    Push(Push),
    /// A pull request (GitLab: merge request) was opened, received other commits, or ended.
    PullRequest(PullRequest),
    /// A user commented on a pull request.
    Comment(Comment),
    /// A user pressed a button of a check.
    CheckAction(CheckAction),
    /// The forge's merge queue formed or dropped a group of pull requests.
    MergeGroup(MergeGroup),
    /// Slipway's application was installed or removed, or received other repositories.
    Installation(Installation),
    /// The event requires no action.
    Ignored {
        /// The reason.
        reason: String,
    },
}

impl EventKind {
    /// Its name in logs and metrics.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Push(_) => "push",
            Self::PullRequest(_) => "change",
            Self::Comment(_) => "comment",
            Self::CheckAction(_) => "check_action",
            Self::MergeGroup(_) => "merge_group",
            Self::Installation(_) => "installation",
            Self::Ignored { .. } => "ignored",
        }
    }
}

/// The reference that a push moves.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Reference {
    /// A branch, without `refs/heads/`.
    Branch(String),
    /// A tag, without `refs/tags/`.
    Tag(String),
}

/// A branch or a tag moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Push {
    /// The branch or the tag.
    pub reference: Reference,
    /// The old and the new commit. For an annotated tag some forges (Gitea, plain git) send the tag object instead of its commit.
    pub movement: Movement,
}

/// The way a reference moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Movement {
    /// The reference is new.
    Created {
        /// The commit of the reference.
        after: CommitSha,
    },
    /// The reference points to another commit. GitHub and Bitbucket report a forced update separately; at other forges this
    /// variant can also be a forced update.
    Updated {
        /// The commit before.
        before: CommitSha,
        /// The commit now.
        after: CommitSha,
    },
    /// The reference points to another commit, and commits were removed from it.
    Forced {
        /// The commit before.
        before: CommitSha,
        /// The commit now.
        after: CommitSha,
    },
    /// The reference was deleted.
    Deleted {
        /// The commit before; Gitea does not report it for a branch.
        before: Option<CommitSha>,
    },
}

impl Movement {
    /// The commit before, if the reference existed and the forge reports it.
    pub fn before(&self) -> Option<&CommitSha> {
        match self {
            Self::Created { .. } => None,
            Self::Updated { before, .. } | Self::Forced { before, .. } => Some(before),
            Self::Deleted { before } => before.as_ref(),
        }
    }

    /// The commit now, if the reference still exists.
    pub fn after(&self) -> Option<&CommitSha> {
        match self {
            Self::Created { after } | Self::Updated { after, .. } | Self::Forced { after, .. } => Some(after),
            Self::Deleted { .. } => None,
        }
    }
}

/// An event of a pull request (GitLab: merge request).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullRequest {
    /// Its number within the repository.
    pub number: u64,
    /// The action.
    pub step: PullRequestStep,
    /// Its newest commit.
    pub head: Revision,
    /// The branch of the head commit, in the head repository.
    pub head_branch: String,
    /// The repository of the head branch.
    pub head_repository: HeadRepository,
    /// The target branch.
    pub base_branch: String,
    /// The commit of the target branch; GitLab does not report it.
    pub base: Option<Revision>,
    /// The author; `None` if the account was deleted.
    pub author: Option<Author>,
    /// Whether the author marked it as a draft.
    pub draft: bool,
    /// Its labels, if the forge supports labels. They are compared and never shown.
    pub labels: Vec<String>,
}

/// An action on a pull request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PullRequestStep {
    /// It was opened or reopened.
    Opened,
    /// It has other commits, another target branch or other labels, or it is no longer a draft.
    Updated,
    /// It was closed without being merged.
    Closed,
    /// It was merged.
    Merged,
}

/// The location of a pull request's head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeadRepository {
    /// The target repository: its author may push there.
    Same,
    /// In a fork.
    Fork(Repository),
    /// A deleted repository.
    Gone,
}

/// A comment on a pull request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comment {
    /// The identifier of the comment.
    pub id: ForgeId,
    /// The number of the pull request.
    pub pull_request: u64,
    /// The author of the comment.
    pub commenter: Commenter,
    /// The text of the comment.
    pub body: String,
}

/// A pressed button of a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckAction {
    /// The pressed button.
    pub button: Button,
    /// The check of the button; `None` stands for all checks of the commit.
    pub check: Option<Check>,
    /// The checked commit.
    pub head: CommitSha,
}

/// A button of a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Button {
    /// The forge's own button to run the check again.
    Retry,
    /// A button of Slipway, by the identifier that Slipway assigned.
    Ours(String),
}

/// A check on a forge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// The forge's identifier of the check.
    pub id: ForgeId,
    /// The identifier that Slipway assigned at its creation.
    pub external_id: Option<String>,
    /// Its name, for display.
    pub name: String,
}

/// A group of pull requests that the forge's merge queue formed or dropped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MergeGroup {
    /// The action.
    pub step: MergeGroupStep,
    /// The head commit that the queue would merge.
    pub head: CommitSha,
    /// The branch of the head commit, without `refs/heads/`.
    pub head_branch: String,
    /// The commit that the group is based on.
    pub base: CommitSha,
    /// The target branch, without `refs/heads/`.
    pub base_branch: String,
}

/// An action on a merge group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MergeGroupStep {
    /// The group waits for its checks.
    ChecksRequested,
    /// The group was merged or dissolved.
    Destroyed,
}

/// Slipway's application on a forge was installed or removed, or received other repositories.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installation {
    /// The forge's identifier of the installation.
    pub id: ForgeId,
    /// The action.
    pub step: InstallationStep,
}

/// An action on an installation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InstallationStep {
    /// The installation is new, is active again, or has other permissions. Contains the repositories that the forge listed.
    Active(Vec<Repository>),
    /// The installation was removed or suspended: Slipway cannot send requests to the forge through it.
    Inactive,
    /// The set of permitted repositories changed.
    Repositories {
        /// The added repositories.
        added: Vec<Repository>,
        /// The removed repositories.
        removed: Vec<Repository>,
    },
}
