//! What a delivery means in the product's words, whatever forge it came from. Everything here is what the forge said:
//! who may ask for what, and what a revision holds, is looked up, never taken from here.

use super::CommitSha;

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
    Change(Change),
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
            Self::Change(_) => "change",
            Self::Comment(_) => "comment",
            Self::CheckAction(_) => "check_action",
            Self::MergeGroup(_) => "merge_group",
            Self::Installation(_) => "installation",
            Self::Ignored { .. } => "ignored",
        }
    }
}

/// What a forge calls a thing for good, whatever it is renamed to: a number, or a UUID in braces (Bitbucket).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ForgeId(String);

/// A text that no forge would use as an identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected an identifier of 1 to 100 letters, digits, dashes, colons or braces")]
pub struct NotAForgeId;

impl ForgeId {
    /// The identifier as the forge writes it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<u64> for ForgeId {
    fn from(number: u64) -> Self {
        Self(number.to_string())
    }
}

impl std::str::FromStr for ForgeId {
    type Err = NotAForgeId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b':' | b'{' | b'}');
        let valid = (1..=100).contains(&text.len()) && text.bytes().all(known);
        if valid { Ok(Self(text.to_owned())) } else { Err(NotAForgeId) }
    }
}

impl std::fmt::Display for ForgeId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// A repository, as its forge knows it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Repository {
    /// What stays when it is renamed or moved.
    pub id: ForgeId,
    /// Its name with its owner's, such as `team/models`; for people.
    pub full_name: String,
}

/// An account on a forge. Rights hang on the identifier, never on the name: a name that was given up can be taken by
/// somebody else.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Account {
    /// What stays when it is renamed.
    pub id: ForgeId,
    /// Its name, where the forge says; for people.
    pub name: Option<String>,
}

/// Whose doing an event was.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Sender(pub Account);

/// Who opened a change. Not who pushed to it last, nor who commented on it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Author(pub Account);

/// Who wrote a comment. Not who wrote the change it is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Commenter(pub Account);

/// A commit as a forge names it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Revision {
    /// The whole name.
    Full(CommitSha),
    /// Its first 7 to 39 digits, which is all that Bitbucket says of a change. Others can be made to begin with the
    /// same digits, so it has to be looked up on the change's own branch, and nothing may be decided by it.
    Abbreviated(String),
}

/// A text that is not the name of a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected a commit: 7 to 40 lower-case hexadecimal digits")]
pub struct NotARevision;

impl Revision {
    /// The whole name, if this is one.
    pub fn full(&self) -> Option<&CommitSha> {
        match self {
            Self::Full(sha) => Some(sha),
            Self::Abbreviated(_) => None,
        }
    }

    /// Whether the commit can be the one that is meant.
    pub fn fits(&self, sha: &CommitSha) -> bool {
        match self {
            Self::Full(full) => full == sha,
            Self::Abbreviated(digits) => sha.as_str().starts_with(digits),
        }
    }
}

impl std::str::FromStr for Revision {
    type Err = NotARevision;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(sha) = text.parse() {
            return Ok(Self::Full(sha));
        }
        let digits = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if digits && (7..40).contains(&text.len()) { Ok(Self::Abbreviated(text.to_owned())) } else { Err(NotARevision) }
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
pub struct Change {
    /// Its number within the repository.
    pub number: u64,
    /// What became of it.
    pub step: ChangeStep,
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
}

/// What became of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeStep {
    /// It was opened, or opened again.
    Opened,
    /// It has other commits, or another base branch.
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
    pub change: u64,
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

#[cfg(test)]
mod tests {
    use super::*;

    const SHA: &str = "0123456789abcdef0123456789abcdef01234567";

    #[test]
    fn a_shortened_commit_is_never_taken_for_a_whole_one() {
        let whole: Revision = SHA.parse().expect("a commit");
        let short: Revision = SHA[..12].parse().expect("the start of a commit");
        assert_eq!(whole.full().map(CommitSha::as_str), Some(SHA));
        assert_eq!(short.full(), None);
        let commit = SHA.parse().expect("a commit");
        assert!(whole.fits(&commit) && short.fits(&commit));
        assert!(!"0123456789ac".parse::<Revision>().expect("digits").fits(&commit));
        for text in ["", "012345", "0123456789ABCDEF", &format!("{SHA}0"), "main", "--upload-pack"] {
            assert_eq!(text.parse::<Revision>(), Err(NotARevision), "{text}");
        }
    }

    #[test]
    fn identifiers_are_numbers_and_uuids_and_nothing_that_could_be_a_path_or_an_option() {
        for text in ["1", "{b89f4b8d-9b1a-4a70-8f6a-2f3c1b4a9d1e}", "557058:c0b72ad0-1cb5-4018-9cdc-0cde8492c443"] {
            assert_eq!(text.parse::<ForgeId>().expect(text).as_str(), text);
        }
        for text in ["", "a b", "../x", "a/b", "ü", &"1".repeat(101)] {
            assert_eq!(text.parse::<ForgeId>(), Err(NotAForgeId), "{text}");
        }
    }
}
