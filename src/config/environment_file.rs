//! The form of environments and people in the server's file.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::file::{CredentialsFile, SshFile, default_branch};
use super::secret::SecretReference;
use super::source_file::{ForgeApiFile, ForgeNames};
use slipway_domain::SourceName;

/// An environment to which Slipway promotes.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct EnvironmentFile {
    /// Its name.
    #[schemars(with = "String")]
    pub(super) name: SourceName,
    /// Clone URL of the repository that contains its manifests: http, https or ssh.
    pub(super) url: String,
    /// The branch that contains its manifests.
    #[serde(default = "default_branch")]
    pub(super) branch: String,
    /// The folder that contains its manifests; by default the whole branch. Several environments may share a branch.
    #[serde(default)]
    pub(super) folder: Option<String>,
    /// Environments that must name an artifact before this one may.
    #[serde(default)]
    pub(super) after: Option<AfterFile>,
    /// Required approvals of an artifact.
    #[serde(default)]
    pub(super) approvals: Option<ApprovalsFile>,
    /// The source that owns each model in this environment, as `{churn: team-a}`. Another source's model of the same name is
    /// refused. A model that is not listed belongs to the first source that promotes it.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, String>")]
    pub(super) owners: BTreeMap<String, SourceName>,
    /// People who may hold and roll back from a forge, by names of `people`; by default everyone who may write to a model's
    /// source.
    #[serde(default)]
    pub(super) operators: BTreeSet<String>,
    /// Promotion requests (pull or merge requests) instead of commits to the branch.
    #[serde(default)]
    pub(super) requests: Option<RequestsFile>,
    /// Additional text in the commits of promotions.
    #[serde(default)]
    pub(super) commit: CommitFile,
    /// When promotions may happen; by default at any time.
    #[serde(default)]
    pub(super) windows: Vec<WindowFile>,
    /// Times without promotions.
    #[serde(default)]
    pub(super) freezes: Vec<FreezeFile>,
    /// Login for fetching and pushing.
    #[serde(default)]
    pub(super) credentials: Option<CredentialsFile>,
    /// Login for fetching and pushing over SSH.
    #[serde(default)]
    pub(super) ssh: Option<SshFile>,
    /// File with the CA certificates (PEM) for the git server, instead of the public CAs.
    #[serde(default)]
    pub(super) ca: Option<String>,
    /// The key that signs promotions: an Ed25519 key of OpenSSH without a passphrase.
    #[serde(default)]
    pub(super) signing_key: Option<SecretReference>,
}

/// Text in the commits of promotions. Placeholders: `{model}`, `{environment}`, `{version}`, `{artifact}`, `{run}`, `{source}`,
/// `{revision}`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CommitFile {
    /// The first line; the default is `Promote {model} to {environment}`.
    #[serde(default)]
    pub(super) subject: Option<String>,
    /// The first line of a rollback; the default is `Roll {model} in {environment} back`.
    #[serde(default)]
    pub(super) rollback_subject: Option<String>,
    /// A paragraph after the results of the checks.
    #[serde(default)]
    pub(super) body: Option<String>,
    /// Adds a line `Signed-off-by` with the author's name and address.
    #[serde(default)]
    pub(super) sign_off: bool,
}

/// How promotion requests are created and merged.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RequestsFile {
    /// The forge that hosts the environment's repository.
    #[schemars(with = "ForgeNames")]
    pub(super) forge: slipway_forge::Settings,
    /// The forge's API.
    pub(super) api: ForgeApiFile,
    /// Who merges: people or Slipway.
    #[serde(default)]
    pub(super) merge: MergeFile,
    /// How Slipway merges; by default with a method that the repository accepts.
    #[serde(default)]
    pub(super) method: Option<MethodFile>,
}

/// How a promotion request is merged.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum MethodFile {
    /// With a merge commit, which has two parents.
    Merge,
    /// With one new commit on the branch.
    Squash,
    /// With the commit itself, rebased onto the branch.
    Rebase,
}

/// Who merges a promotion request.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum MergeFile {
    /// People, at the forge.
    #[default]
    People,
    /// Slipway, as soon as the rules and the forge allow it.
    Slipway,
}

/// Environments that must name an artifact first.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AfterFile {
    /// All of these.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub(super) all: Vec<SourceName>,
    /// At least one of these.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub(super) any: Vec<SourceName>,
    /// How long each must have named it without interruption.
    #[serde(default)]
    #[schemars(with = "String")]
    #[serde(deserialize_with = "crate::config::duration::read")]
    pub(super) soak: jiff::SignedDuration,
}

/// Required approvals of an artifact.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ApprovalsFile {
    /// Number of approvals. A contributor's own approval alone never suffices.
    #[schemars(range(min = 1, max = 100))]
    pub(super) number: u32,
    /// People whose approval counts, by names of `people`; by default all who may approve.
    #[serde(default)]
    pub(super) by: BTreeSet<String>,
}

/// A time window in which promotions may happen.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WindowFile {
    /// When it opens: minute, hour, day, month and weekday, such as `0 9 * * MON-FRI`.
    pub(super) opens: String,
    /// How long it stays open, at most 168 hours.
    #[schemars(with = "String")]
    #[serde(deserialize_with = "crate::config::duration::read")]
    pub(super) lasts: jiff::SignedDuration,
    /// Its time zone, such as `Europe/Berlin`.
    pub(super) time_zone: String,
}

/// A time without promotions.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct FreezeFile {
    /// When it begins: a day, which means its beginning in UTC, or a time with its zone; by default immediately.
    #[serde(default, deserialize_with = "crate::config::moment::beginning")]
    #[schemars(with = "Option<String>")]
    pub(super) from: Option<jiff::Timestamp>,
    /// When it ends: a day, which means its end in UTC, or a time with its zone, such as `2027-01-02T08:00:00+01:00`.
    #[serde(deserialize_with = "crate::config::moment::end")]
    #[schemars(with = "String")]
    pub(super) until: jiff::Timestamp,
    /// The reason, which users with waiting promotions see.
    pub(super) reason: String,
}

/// A person with all their names.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PersonFile {
    /// Name of the person in these settings.
    pub(super) name: String,
    /// Names of their API tokens.
    #[serde(default)]
    pub(super) tokens: BTreeSet<String>,
    /// Their accounts at forges, `FORGE:IDENTIFIER`, such as `github:583231`.
    #[serde(default)]
    pub(super) accounts: BTreeSet<String>,
    /// E-mail addresses of their commits.
    #[serde(default)]
    pub(super) emails: BTreeSet<String>,
}
