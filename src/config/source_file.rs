//! The form of sources in the server's file: repositories of models, and their forges.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::file::{CredentialsFile, SshFile, default_branch};
use super::secret::SecretReference;
use slipway_domain::SourceName;

/// A repository that is served.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SourceFile {
    /// Its name: its webhook is `/webhooks/NAME`.
    #[schemars(with = "String")]
    pub(super) name: SourceName,
    /// Where it lives.
    #[schemars(with = "ForgeNames")]
    pub(super) forge: slipway_forge::Settings,
    /// Its clone address: http, https or ssh.
    pub(super) url: String,
    /// The branch that is served.
    #[serde(default = "default_branch")]
    pub(super) branch: String,
    /// Secret of its webhook, at least 16 characters. Needed unless `webhook` is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) secret: Option<SecretReference>,
    /// The secret before, while it is rotated.
    #[serde(default)]
    pub(super) previous_secret: Option<SecretReference>,
    /// The webhook of `webhooks` that its deliveries come to, beside its own or instead of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub(super) webhook: Option<SourceName>,
    /// The identifier of its repository at the forge: a number, or at Bitbucket a UUID in braces. Deliveries of other repositories
    /// are ignored. Learned at first contact when absent; `slipway forge check` shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) repository_id: Option<String>,
    /// How to log in for fetching.
    #[serde(default)]
    pub(super) credentials: Option<CredentialsFile>,
    /// How to log in for fetching over SSH.
    #[serde(default)]
    pub(super) ssh: Option<SshFile>,
    /// File with the authorities (PEM) that vouch for the git server, instead of the public ones.
    #[serde(default)]
    pub(super) ca: Option<String>,
    /// The environment its models are promoted to.
    #[schemars(with = "String")]
    pub(super) environment: SourceName,
    /// The forge's API, which is told where runs stand.
    #[serde(default)]
    pub(super) api: Option<ForgeApiFile>,
    /// Whether where a revision's models stand is written as a git note (`refs/notes/slipway`) into the repository, once their
    /// runs end. For `forge: plain`, whose login has to be allowed to push then.
    #[serde(default)]
    pub(super) notes: bool,
    /// Which of its changes (pull or merge requests) are judged.
    #[serde(default)]
    #[serde(alias = "changes")]
    pub(super) pull_requests: PullRequestsFile,
    /// Whether drafts are judged as other changes are; if not, they are once they are marked ready.
    #[serde(default = "default_true")]
    pub(super) judge_drafts: bool,
    /// Only changes with this label are judged; every one when absent. At GitHub, GitLab, Gitea and Forgejo.
    #[serde(default)]
    pub(super) label: Option<String>,
    /// Runs of a source with a higher priority are taken first, -100 to 100.
    #[serde(default)]
    #[schemars(range(min = -100, max = 100))]
    pub(super) priority: i32,
}

/// A webhook that several sources share: that of a GitHub App, an organisation, a group or a workspace.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WebhookFile {
    /// Its name: its address is `/webhooks/NAME`. The forge's word when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub(super) name: Option<SourceName>,
    /// The forge that sends there.
    #[schemars(with = "ForgeNames")]
    pub(super) forge: slipway_forge::Settings,
    /// Its secret, at least 16 characters.
    pub(super) secret: SecretReference,
    /// The secret before, while it is rotated.
    #[serde(default)]
    pub(super) previous_secret: Option<SecretReference>,
}

/// A forge's API.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ForgeApiFile {
    /// Its address: `https://api.github.com`, or that of a GitLab, Gitea or Forgejo.
    pub(super) url: String,
    /// The repository there, `OWNER/NAME`.
    pub(super) repository: String,
    /// A token that may write commit statuses and comments. Either this or `app`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) token: Option<SecretReference>,
    /// A GitHub App. Either this or `token`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) app: Option<AppFile>,
    /// Whether GitHub is told of promotions as deployments. The login has to be allowed to write them.
    #[serde(default)]
    pub(super) deployments: bool,
}

/// A GitHub App that is installed in the repository.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AppFile {
    /// Its identifier, a number.
    pub(super) id: u64,
    /// Its private key, as GitHub gives it.
    pub(super) key: SecretReference,
}

/// Which changes of a source are judged.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum PullRequestsFile {
    /// None.
    Ignore,
    /// Those whose branch is in the repository itself.
    SameRepository,
    /// Those of forks as well, each revision once somebody who may push has approved exactly it.
    #[default]
    AfterApproval,
    /// Those of forks as well, at once.
    All,
}

/// The forges, for the schema.
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
