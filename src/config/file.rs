//! The form of the server's file.

use std::net::SocketAddr;

use bytesize::ByteSize;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use slipway_contract::{API_VERSION, DevicePreference};

use super::secret::SecretReference;
use crate::domain::SourceName;
use crate::forge;

/// The server's file.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ServerFile {
    /// Always `slipway.dev/v1alpha1`.
    #[schemars(extend("const" = API_VERSION))]
    pub(super) api_version: String,
    /// Always `Server`.
    pub(super) kind: ServerKind,
    /// Address and port of the webhooks, the API and health. Port 0 takes a free one.
    #[serde(default = "usual_address")]
    #[schemars(with = "String")]
    pub(super) listen: SocketAddr,
    /// Folder of everything the server keeps; made if it is missing.
    pub(super) state: String,
    /// Repositories that are served.
    pub(super) sources: Vec<SourceFile>,
    /// Environments that may be written.
    pub(super) environments: Vec<EnvironmentFile>,
    /// Where trained weights are kept; `state/artifacts` when absent.
    #[serde(default)]
    pub(super) artifacts: ArtifactsFile,
    /// Where jobs run, and what they may use.
    #[serde(default)]
    pub(super) executor: ExecutorFile,
    /// Who signs promotions.
    #[serde(default)]
    pub(super) committer: CommitterFile,
    /// Webhooks and API.
    #[serde(default)]
    pub(super) web: WebFile,
}

/// The only kind the server's file has.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
pub(super) enum ServerKind {
    /// A server.
    Server,
}

/// A repository that is served.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SourceFile {
    /// Its name: its webhook is `/webhooks/NAME`.
    #[schemars(with = "String")]
    pub(super) name: SourceName,
    /// Where it lives.
    #[schemars(with = "ForgeNames")]
    pub(super) forge: forge::Settings,
    /// Its clone address, http or https.
    pub(super) url: String,
    /// The branch that is served.
    #[serde(default = "usual_branch")]
    pub(super) branch: String,
    /// Secret of its webhook, at least 16 characters.
    pub(super) secret: SecretReference,
    /// The secret before, while it is rotated.
    #[serde(default)]
    pub(super) previous_secret: Option<SecretReference>,
    /// How to log in for fetching.
    #[serde(default)]
    pub(super) credentials: Option<CredentialsFile>,
    /// File with the authorities (PEM) that vouch for the git server, instead of the public ones.
    #[serde(default)]
    pub(super) ca: Option<String>,
    /// The environment its models are promoted to.
    #[schemars(with = "String")]
    pub(super) environment: SourceName,
}

/// The forges, for the schema.
#[derive(JsonSchema)]
#[serde(rename_all = "lowercase")]
#[expect(dead_code, reason = "only its schema is used")]
enum ForgeNames {
    Plain,
    GitHub,
}

/// An environment that may be written.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct EnvironmentFile {
    /// Its name.
    #[schemars(with = "String")]
    pub(super) name: SourceName,
    /// Clone address of the repository its manifests are in, http or https.
    pub(super) url: String,
    /// The branch its manifests are on.
    #[serde(default = "usual_branch")]
    pub(super) branch: String,
    /// How to log in for fetching and pushing.
    #[serde(default)]
    pub(super) credentials: Option<CredentialsFile>,
    /// File with the authorities (PEM) that vouch for the git server, instead of the public ones.
    #[serde(default)]
    pub(super) ca: Option<String>,
    /// The key that signs promotions: an Ed25519 key of OpenSSH without a passphrase.
    #[serde(default)]
    pub(super) signing_key: Option<SecretReference>,
}

/// How to log in to a git server.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CredentialsFile {
    /// The user's name.
    pub(super) username: String,
    /// The password or token.
    pub(super) password: SecretReference,
}

/// Where trained weights are kept.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ArtifactsFile {
    /// A folder.
    pub(super) folder: Option<String>,
    /// The address under which the cluster reaches that folder, such as `s3://models`.
    pub(super) uri: Option<String>,
}

/// Where jobs run.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum ExecutorFile {
    /// Child processes on this machine.
    Local(LocalFile),
}

impl Default for ExecutorFile {
    fn default() -> Self {
        Self::Local(LocalFile::default())
    }
}

/// Child processes on this machine.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct LocalFile {
    /// The trainer's program; the one beside `slipway` when absent.
    pub(super) trainer: Option<String>,
    /// Wall time of a job.
    #[schemars(with = "String")]
    pub(super) deadline: jiff::SignedDuration,
    /// Resident memory of a job.
    #[schemars(with = "String")]
    pub(super) memory: ByteSize,
    /// Jobs at a time, 1 to 64.
    #[schemars(range(min = 1, max = 64))]
    pub(super) jobs: usize,
    /// Threads of a job; all processors, shared by the jobs, when absent.
    pub(super) threads: Option<u32>,
    /// `auto`, `cpu` or `cuda`.
    pub(super) device: DevicePreference,
}

impl Default for LocalFile {
    fn default() -> Self {
        Self {
            trainer: None,
            deadline: jiff::SignedDuration::from_hours(6),
            memory: ByteSize::gib(8),
            jobs: 1,
            threads: None,
            device: DevicePreference::Auto,
        }
    }
}

/// Who signs promotions.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct CommitterFile {
    /// Name in the commits.
    pub(super) name: String,
    /// E-mail address in the commits.
    pub(super) email: String,
}

impl Default for CommitterFile {
    fn default() -> Self {
        Self { name: "Slipway".to_owned(), email: "slipway@localhost".to_owned() }
    }
}

/// Webhooks and API.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct WebFile {
    /// The largest delivery that is taken.
    #[schemars(with = "String")]
    pub(super) largest_delivery: ByteSize,
    /// Bearer token of the API. Needed as soon as `listen` is not a loopback address.
    pub(super) api_token: Option<SecretReference>,
}

impl Default for WebFile {
    fn default() -> Self {
        Self { largest_delivery: ByteSize::mib(25), api_token: None }
    }
}

fn usual_address() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 8420))
}

fn usual_branch() -> String {
    "main".to_owned()
}
