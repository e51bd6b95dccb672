//! What a delivery means in the product's words, whatever forge it came from. Everything here is what the forge said:
//! who may ask for what, and what a revision holds, is looked up, never taken from here.

use super::CommitSha;
use super::account::{Author, Commenter, ForgeId, Repository, Sender};
use super::revision::Revision;

/// Something that happened on a forge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The repository it happened in; `None` where the forge does not say: a plain git server, an installation.
    pub repository: Option<Repository>,
    /// Whose doing it was, where the forge says.
    pub sender: Option<Sender>,
    /// What happened.
    pub kind: EventKind,
}

impl Event {
    /// An event whose name alone says that nothing follows from it.
    pub fn ignored(reason: String) -> Self {
        Self { repository: None, sender: None, kind: EventKind::Ignored { reason } }
    }
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventKind {
    /// A branch or a tag moved.
    Push(Push),
    /// A change (pull request, merge request) was opened, got other commits, or ended.
    PullRequest(PullRequest),
    /// Somebody wrote below a change.
    Comment(Comment),
    /// Somebody pressed a button of a check.
    CheckAction(CheckAction),
    /// The forge's merge queue formed or dropped a group of changes.
    MergeGroup(MergeGroup),
    /// Our application was installed, removed, or given other repositories.
    Installation(Installation),
    /// Nothing follows from it.
    Ignored {
        /// Why.
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

/// What a push moves.
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
    /// Which one.
    pub reference: Reference,
    /// From where to where. For an annotated tag some forges (Gitea, plain git) name the tag object, not its commit.
    pub movement: Movement,
}

/// How a reference moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Movement {
    /// It was not there before.
    Created {
        /// Where it points.
        after: CommitSha,
    },
    /// It points elsewhere. GitHub and Bitbucket say when that was forced; with the others this may be so as well.
    Updated {
        /// Where it pointed.
        before: CommitSha,
        /// Where it points now.
        after: CommitSha,
    },
    /// It points elsewhere, and commits were taken off it.
    Forced {
        /// Where it pointed.
        before: CommitSha,
        /// Where it points now.
        after: CommitSha,
    },
    /// It is not there any more.
    Deleted {
        /// Where it pointed; Gitea does not say for a branch.
        before: Option<CommitSha>,
    },
}

impl Movement {
    /// Where the reference pointed, if it was there and the forge says.
    pub fn before(&self) -> Option<&CommitSha> {
        match self {
            Self::Created { .. } => None,
            Self::Updated { before, .. } | Self::Forced { before, .. } => Some(before),
            Self::Deleted { before } => before.as_ref(),
        }
    }

    /// Where the reference points now, if it is still there.
    pub fn after(&self) -> Option<&CommitSha> {
        match self {
            Self::Created { after } | Self::Updated { after, .. } | Self::Forced { after, .. } => Some(after),
            Self::Deleted { .. } => None,
        }
    }
}

/// Something about a change: a pull request, a merge request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullRequest {
    /// Its number within the repository.
    pub number: u64,
    /// What became of it.
    pub step: PullRequestStep,
    /// Its newest commit.
    pub head: Revision,
    /// The branch that commit is on, in the head repository.
    pub head_branch: String,
    /// Where that branch lives.
    pub head_repository: HeadRepository,
    /// The branch it is to be merged into.
    pub base_branch: String,
    /// Where that branch pointed; GitLab does not say.
    pub base: Option<Revision>,
    /// Who opened it; `None` if that account is gone.
    pub author: Option<Author>,
    /// Whether its author does not think it ready yet.
    pub draft: bool,
    /// Its labels, where the forge has some. They are compared and never shown.
    pub labels: Vec<String>,
}

/// What became of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PullRequestStep {
    /// It was opened, or opened again.
    Opened,
    /// It has other commits, or another base branch, or is no draft any more, or has other labels.
    Updated,
    /// It was closed without being merged.
    Closed,
    /// It was merged.
    Merged,
}

/// Where the head of a change lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeadRepository {
    /// In the repository it is to be merged into: its author may push there.
    Same,
    /// In a fork.
    Fork(Repository),
    /// In a repository that is gone.
    Gone,
}

/// Somebody wrote below a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comment {
    /// The comment.
    pub id: ForgeId,
    /// The change it is about.
    pub pull_request: u64,
    /// Who wrote it.
    pub commenter: Commenter,
    /// What it says.
    pub body: String,
}

/// Somebody pressed a button of a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckAction {
    /// Which button.
    pub button: Button,
    /// The check it belongs to; `None` stands for all checks of the commit.
    pub check: Option<Check>,
    /// The commit that was checked.
    pub head: CommitSha,
}

/// A button of a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Button {
    /// The forge's own: check again.
    Retry,
    /// One of ours, by the identifier we gave it.
    Ours(String),
}

/// A check on a forge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What the forge calls it.
    pub id: ForgeId,
    /// What we called it when we made it.
    pub external_id: Option<String>,
    /// Its name, for people.
    pub name: String,
}

/// The forge's merge queue formed or dropped a group of changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MergeGroup {
    /// Which of both.
    pub step: MergeGroupStep,
    /// The commit that would land.
    pub head: CommitSha,
    /// The branch that holds it, without `refs/heads/`.
    pub head_branch: String,
    /// The commit it would land on.
    pub base: CommitSha,
    /// The branch it would land on, without `refs/heads/`.
    pub base_branch: String,
}

/// What became of a merge group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MergeGroupStep {
    /// It waits for its checks.
    ChecksRequested,
    /// It is gone: merged, or taken apart.
    Destroyed,
}

/// Our application on a forge was installed, removed, or given other repositories.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installation {
    /// What the forge calls the installation.
    pub id: ForgeId,
    /// What happened to it.
    pub step: InstallationStep,
}

/// What became of an installation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InstallationStep {
    /// It is there, or works again, or has other permissions. With it come the repositories that were named.
    Active(Vec<Repository>),
    /// It is gone, or suspended: nothing can be asked of the forge through it.
    Inactive,
    /// It may be used for other repositories than before.
    Repositories {
        /// The new ones.
        added: Vec<Repository>,
        /// Those that are gone.
        removed: Vec<Repository>,
    },
}
