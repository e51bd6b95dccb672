//! The form of sources in the server's file: repositories of models, and their forges.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::commands::CommandsFile;
use super::data::SourceDataFile;
use super::file::{CredentialsFile, SshFile, default_branch};
use super::secret::SecretReference;
use slipway_domain::SourceName;

/// A served repository.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SourceFile {
    /// Its name. Its webhook is `/webhooks/NAME`.
    #[schemars(with = "String")]
    pub(super) name: SourceName,
    /// The forge that hosts it.
    #[schemars(with = "ForgeNames")]
    pub(super) forge: slipway_forge::Settings,
    /// Its clone URL: http, https or ssh.
    pub(super) url: String,
    /// The served branch.
    #[serde(default = "default_branch")]
    pub(super) branch: String,
    /// Secret of its webhook, at least 16 characters. Required unless `webhook` is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) secret: Option<SecretReference>,
    /// The previous secret, during a rotation.
    #[serde(default)]
    pub(super) previous_secret: Option<SecretReference>,
    /// The entry of `webhooks` that receives its deliveries, in addition to its own webhook or instead of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub(super) webhook: Option<SourceName>,
    /// The identifier of its repository at the forge: a number, or at Bitbucket a UUID in braces. Deliveries of other
    /// repositories are ignored. By default it is learned at the first contact; `slipway forge check` shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) repository_id: Option<String>,
    /// Login for fetching.
    #[serde(default)]
    pub(super) credentials: Option<CredentialsFile>,
    /// Login for fetching over SSH.
    #[serde(default)]
    pub(super) ssh: Option<SshFile>,
    /// File with the CA certificates (PEM) for the git server, instead of the public CAs.
    #[serde(default)]
    pub(super) ca: Option<String>,
    /// The environment to which its models are promoted.
    #[schemars(with = "String")]
    pub(super) environment: SourceName,
    /// The forge's API, which receives the reports of runs.
    #[serde(default)]
    pub(super) api: Option<ForgeApiFile>,
    /// Whether the results of a revision's models are written as a git note (`refs/notes/slipway`) into the repository when their
    /// runs end. For `forge: plain`; its login must be allowed to push.
    #[serde(default)]
    pub(super) notes: bool,
    /// Which of its pull requests (GitLab: merge requests) are judged.
    #[serde(default)]
    #[serde(alias = "changes")]
    pub(super) pull_requests: PullRequestsFile,
    /// Whether drafts are judged like other pull requests. If not, they are judged once they are marked ready.
    #[serde(default = "default_true")]
    pub(super) judge_drafts: bool,
    /// Only pull requests with this label are judged; by default all are. For GitHub, GitLab, Gitea and Forgejo.
    #[serde(default)]
    pub(super) label: Option<String>,
    /// Priority of its runs, -100 to 100. Runs with a higher priority are claimed first.
    #[serde(default)]
    #[schemars(range(min = -100, max = 100))]
    pub(super) priority: i32,
    /// Programs of its models: commands that train and evaluate them in a sandbox.
    #[serde(default)]
    pub(super) commands: CommandsFile,
    /// Data of its models outside of git.
    #[serde(default)]
    pub(super) data: SourceDataFile,
}

/// A webhook that several sources share: that of a GitHub App, an organisation, a group or a workspace.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WebhookFile {
    /// Its name. Its address is `/webhooks/NAME`. The default is the name of the forge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub(super) name: Option<SourceName>,
    /// The forge that sends the deliveries.
    #[schemars(with = "ForgeNames")]
    pub(super) forge: slipway_forge::Settings,
    /// Its secret, at least 16 characters.
    pub(super) secret: SecretReference,
    /// The previous secret, during a rotation.
    #[serde(default)]
    pub(super) previous_secret: Option<SecretReference>,
}

/// A forge's API.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ForgeApiFile {
    /// Its URL: `https://api.github.com`, or that of a GitLab, Gitea or Forgejo.
    pub(super) url: String,
    /// The repository at the forge, `OWNER/NAME`.
    pub(super) repository: String,
    /// A token that may write commit statuses and comments. Either this or `app`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) token: Option<SecretReference>,
    /// A GitHub App. Either this or `token`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) app: Option<AppFile>,
    /// Whether promotions are reported to GitHub as deployments. The login must be allowed to write them.
    #[serde(default)]
    pub(super) deployments: bool,
}

/// A GitHub App that is installed in the repository.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AppFile {
    /// Its identifier, a number.
    pub(super) id: u64,
    /// Its private key, as GitHub provides it.
    pub(super) key: SecretReference,
}

/// Which pull requests of a source are judged.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum PullRequestsFile {
    /// None.
    Ignore,
    /// Only those whose branch is in the repository itself.
    SameRepository,
    /// Also those of forks: each revision after a person who may push has approved exactly this revision.
    #[default]
    AfterApproval,
    /// Also those of forks, at once.
    All,
}

/// The names of the forges.
#[derive(JsonSchema)]
#[serde(rename_all = "lowercase")]
#[expect(dead_code, reason = "only its schema is used")]
pub(super) enum ForgeNames {
    Plain,
    GitHub,
    GitLab,
    Gitea,
    Forgejo,
    Bitbucket,
}

fn default_true() -> bool {
    true
}
