//! The form of environments and people in the server's file.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::file::{CredentialsFile, SshFile, default_branch};
use super::secret::SecretReference;
use super::source_file::{ForgeApiFile, ForgeNames};
use slipway_domain::SourceName;

/// An environment that may be written.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct EnvironmentFile {
    /// Its name.
    #[schemars(with = "String")]
    pub(super) name: SourceName,
    /// Clone address of the repository its manifests are in: http, https or ssh.
    pub(super) url: String,
    /// The branch its manifests are on.
    #[serde(default = "default_branch")]
    pub(super) branch: String,
    /// The folder its manifests are in; all of the branch when absent. Several environments may share a branch.
    #[serde(default)]
    pub(super) folder: Option<String>,
    /// Environments that have to name an artifact before this one may.
    #[serde(default)]
    pub(super) after: Option<AfterFile>,
    /// People who have to agree to an artifact.
    #[serde(default)]
    pub(super) approvals: Option<ApprovalsFile>,
    /// Which source each model belongs to here, as `{churn: team-a}`. Another source's model of the same name is refused. A model
    /// that is not listed belongs to the first source that promotes it.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, String>")]
    pub(super) owners: BTreeMap<String, SourceName>,
    /// Who may hold and roll back from a forge, by names of `people`; whoever may write to a model's source when absent.
    #[serde(default)]
    pub(super) operators: BTreeSet<String>,
    /// Promotions are requests to merge (pull or merge requests) instead of commits to the branch.
    #[serde(default)]
    pub(super) requests: Option<RequestsFile>,
    /// What the commits of promotions say beside what Slipway says.
    #[serde(default)]
    pub(super) commit: CommitFile,
    /// When promotions may happen; at any time when there are none.
    #[serde(default)]
    pub(super) windows: Vec<WindowFile>,
    /// When none may happen.
    #[serde(default)]
    pub(super) freezes: Vec<FreezeFile>,
    /// How to log in for fetching and pushing.
    #[serde(default)]
    pub(super) credentials: Option<CredentialsFile>,
    /// How to log in for fetching and pushing over SSH.
    #[serde(default)]
    pub(super) ssh: Option<SshFile>,
    /// File with the authorities (PEM) that vouch for the git server, instead of the public ones.
    #[serde(default)]
    pub(super) ca: Option<String>,
    /// The key that signs promotions: an Ed25519 key of OpenSSH without a passphrase.
    #[serde(default)]
    pub(super) signing_key: Option<SecretReference>,
}

/// What the commits of promotions say. Places for values: `{model}`, `{environment}`, `{version}`, `{artifact}`, `{run}`, `{source}`,
/// `{revision}`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CommitFile {
    /// The first line; `Promote {model} to {environment}` when absent.
    #[serde(default)]
    pub(super) subject: Option<String>,
    /// The first line of a rollback; `Roll {model} in {environment} back` when absent.
    #[serde(default)]
    pub(super) rollback_subject: Option<String>,
    /// A paragraph behind what the checks say.
    #[serde(default)]
    pub(super) body: Option<String>,
    /// Adds a line `Signed-off-by` with the author's name and address.
    #[serde(default)]
    pub(super) sign_off: bool,
}

/// How promotions are requested.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RequestsFile {
    /// The forge that the environment's repository is on.
    #[schemars(with = "ForgeNames")]
    pub(super) forge: slipway_forge::Settings,
    /// Its API.
    pub(super) api: ForgeApiFile,
    /// Who merges.
    #[serde(default)]
    pub(super) merge: MergeFile,
    /// How Slipway merges; when absent, by a method that the repository takes.
    #[serde(default)]
    pub(super) method: Option<MethodFile>,
}

/// How a request is merged.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum MethodFile {
    /// By a commit with two parents.
    Merge,
    /// By one new commit on the branch.
    Squash,
    /// By the commit itself, made anew on the branch.
    Rebase,
}

/// Who merges a promotion's request.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum MergeFile {
    /// People, at the forge.
    #[default]
    People,
    /// Slipway, as soon as the rules and the forge allow it.
    Slipway,
}

/// Environments that have to name an artifact first.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AfterFile {
    /// Every one of these.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub(super) all: Vec<SourceName>,
    /// One of these.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub(super) any: Vec<SourceName>,
    /// For how long each has to have named it, without a break.
    #[serde(default)]
    #[schemars(with = "String")]
    pub(super) soak: jiff::SignedDuration,
}

/// People who have to agree to an artifact.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ApprovalsFile {
    /// How many. The author of the change alone never suffices.
    #[schemars(range(min = 1, max = 100))]
    pub(super) number: u32,
    /// Whose approval counts, by names of `people`; anybody's who may approve when absent.
    #[serde(default)]
    pub(super) by: BTreeSet<String>,
}

/// A time in which promotions may happen.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WindowFile {
    /// When it opens: minute, hour, day, month and weekday, such as `0 9 * * MON-FRI`.
    pub(super) opens: String,
    /// How long it stays open, at most 168 hours.
    #[schemars(with = "String")]
    pub(super) lasts: jiff::SignedDuration,
    /// The time zone of its clock, such as `Europe/Berlin`.
    pub(super) time_zone: String,
}

/// A time in which no promotion happens.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct FreezeFile {
    /// When it begins; at once when absent.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub(super) from: Option<jiff::Timestamp>,
    /// When it ends.
    #[schemars(with = "String")]
    pub(super) until: jiff::Timestamp,
    /// Why; whoever waits is told.
    pub(super) reason: String,
}

/// A person, by all the names under which they act.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PersonFile {
    /// Their name in these settings.
    pub(super) name: String,
    /// Names of their API tokens.
    #[serde(default)]
    pub(super) tokens: BTreeSet<String>,
    /// Their accounts on forges, `FORGE:IDENTIFIER`, such as `github:583231`.
    #[serde(default)]
    pub(super) accounts: BTreeSet<String>,
    /// The addresses under which they commit.
    #[serde(default)]
    pub(super) emails: BTreeSet<String>,
}
