//! The form of the server's file.

use std::net::SocketAddr;

use bytesize::ByteSize;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use slipway_contract::API_VERSION;

use super::data::DataFile;
use super::environment_file::{EnvironmentFile, PersonFile};
use super::executor::ExecutorFile;
use super::mandatory_policies::PoliciesFile;
use super::retention::RetentionFile;
use super::secret::SecretReference;
use super::source_file::{SourceFile, WebhookFile};

/// The server's settings file.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ServerFile {
    /// Always `slipway.dev/v1alpha1`.
    #[schemars(extend("const" = API_VERSION))]
    pub(super) api_version: String,
    /// Always `Server`.
    pub(super) kind: ServerKind,
    /// Address and port of the webhooks, the API and health checks, such as `127.0.0.1:8420` or `localhost:8420`. Port 0 selects
    /// a free port.
    #[serde(default = "default_address", deserialize_with = "address")]
    #[schemars(with = "String")]
    pub(super) listen: SocketAddr,
    /// Folder of the server's data; it is created if it does not exist.
    pub(super) state: String,
    /// Served repositories.
    pub(super) sources: Vec<SourceFile>,
    /// Webhooks that several sources share. A source refers to one with `webhook`.
    #[serde(default)]
    pub(super) webhooks: Vec<WebhookFile>,
    /// Environments to which Slipway promotes.
    pub(super) environments: Vec<EnvironmentFile>,
    /// Policies that judge every model, in addition to its own policy.
    #[serde(default)]
    pub(super) policies: PoliciesFile,
    /// Where artifacts are stored; the default is the folder `artifacts` in `state`.
    #[serde(default)]
    pub(super) artifacts: ArtifactsFile,
    /// The executor of jobs, and the limits of a job.
    #[serde(default)]
    pub(super) executor: ExecutorFile,
    /// The cache of data outside of git.
    #[serde(default)]
    pub(super) data: DataFile,
    /// The committer of promotions.
    #[serde(default)]
    pub(super) committer: CommitterFile,
    /// The author of promotions; the default is the committer.
    #[serde(default)]
    pub(super) author: Option<AuthorFile>,
    /// People with their names and accounts. A person's approval counts once, and a contributor's own approval does not suffice.
    #[serde(default)]
    pub(super) people: Vec<PersonFile>,
    /// Webhooks, API and pages.
    #[serde(default)]
    pub(super) web: WebFile,
    /// Where deliveries and runs are stored; the default is SQLite in the folder `state`.
    #[serde(default)]
    pub(super) store: StoreFile,
    /// How long data is kept.
    #[serde(default)]
    pub(super) retention: RetentionFile,
    /// A git server for bare repositories on this machine, to try Slipway without a forge.
    #[serde(default, rename = "git_server", skip_serializing_if = "Option::is_none")]
    pub(super) git_server: Option<GitServerFile>,
    /// Limits and intervals of the server's work.
    #[serde(default)]
    pub(super) limits: LimitsFile,
    /// Telemetry for monitoring.
    #[serde(default)]
    pub(super) telemetry: TelemetryFile,
}

/// The only kind of the server's file.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
pub(super) enum ServerKind {
    /// A server.
    Server,
}

/// Login at a git server.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CredentialsFile {
    /// The user's name.
    pub(super) username: String,
    /// The password or token.
    pub(super) password: SecretReference,
}

/// A git server for bare repositories on this machine. It is reachable only from this machine.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct GitServerFile {
    /// The folder of the served bare repositories. `NAME.git` in it is served as `http://LISTEN/NAME.git`.
    pub(super) folder: String,
    /// Its address and port: a loopback address, such as `127.0.0.1:8421`.
    #[serde(deserialize_with = "address")]
    #[schemars(with = "String")]
    pub(super) listen: SocketAddr,
    /// The login for reading and writing.
    pub(super) credentials: CredentialsFile,
}

/// Login at a git server over SSH.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SshFile {
    /// The private key: an Ed25519 key of OpenSSH without a passphrase.
    pub(super) key: SecretReference,
    /// The accepted host keys of the server.
    pub(super) known_hosts: KnownHostsFile,
}

/// Host keys, one per line, as `ssh-keyscan` writes them.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum KnownHostsFile {
    /// The lines themselves.
    Text(String),
    /// A file that contains them.
    File(String),
}

/// Where deliveries and runs are stored.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum StoreFile {
    /// SQLite: one file, for one server.
    Sqlite(SqliteFile),
    /// A PostgreSQL database, for several servers that share the work.
    Postgres(PostgresFile),
}

impl Default for StoreFile {
    fn default() -> Self {
        Self::Sqlite(SqliteFile::default())
    }
}

/// SQLite: one file, for one server.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct SqliteFile {
    /// The file; the default is `slipway.db` in `state`.
    pub(super) file: Option<String>,
}

/// A PostgreSQL database.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PostgresFile {
    /// Its URL, `postgres://USER:PASSWORD@HOST/DATABASE?sslmode=verify-full`.
    pub(super) url: SecretReference,
}

/// Limits and intervals of the server's work.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct LimitsFile {
    /// Maximum number of simultaneous runs of one source, 1 to 64.
    #[schemars(range(min = 1, max = 64))]
    #[serde(alias = "runs_of_a_repository")]
    pub(super) max_runs_per_source: u32,
    /// Lease of a server on its runs, `2s` to `5m`. If a server does not renew it in time, another server takes over the runs.
    #[schemars(with = "String")]
    #[serde(deserialize_with = "crate::config::duration::read")]
    pub(super) lease: jiff::SignedDuration,
    /// How often served branches are compared with the received deliveries, to find missed pushes; at least 5 s.
    #[schemars(with = "String")]
    #[serde(alias = "look_for_missed_pushes")]
    #[serde(deserialize_with = "crate::config::duration::read")]
    pub(super) reconcile_interval: jiff::SignedDuration,
    /// How often environments are synchronized, to find manual changes; at least 1 s.
    #[schemars(with = "String")]
    #[serde(alias = "look_at_environments")]
    #[serde(deserialize_with = "crate::config::duration::read")]
    pub(super) sync_interval: jiff::SignedDuration,
}

impl Default for LimitsFile {
    fn default() -> Self {
        Self {
            max_runs_per_source: 64,
            lease: jiff::SignedDuration::from_secs(30),
            reconcile_interval: jiff::SignedDuration::from_mins(5),
            sync_interval: jiff::SignedDuration::from_secs(30),
        }
    }
}

/// Telemetry for monitoring.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct TelemetryFile {
    /// URL of a collector for traces (OTLP over HTTP), such as `http://localhost:4318`.
    pub(super) otlp: Option<String>,
}

/// Where artifacts are stored.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ArtifactsFile {
    /// The folder.
    pub(super) folder: Option<String>,
    /// The URI under which the cluster reaches that folder, such as `s3://models`.
    pub(super) uri: Option<String>,
    /// Folders of the same form, such as `artifacts` of a backup. A damaged or missing file is replaced by a good copy from the
    /// first folder that has one.
    #[serde(default)]
    pub(super) copies: Vec<String>,
}

/// The committer of promotions.
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

/// The author of promotions.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AuthorFile {
    /// Name in the commits.
    pub(super) name: String,
    /// E-mail address in the commits.
    pub(super) email: String,
}

/// Webhooks, API and pages.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct WebFile {
    /// Maximum size of a delivery.
    #[schemars(with = "String")]
    pub(super) largest_delivery: ByteSize,
    /// Maximum memory for deliveries of one source at the same time. Beyond it, senders must retry later.
    #[schemars(with = "String")]
    pub(super) source_deliveries: ByteSize,
    /// Maximum memory for deliveries of all sources at the same time.
    #[schemars(with = "String")]
    pub(super) all_deliveries: ByteSize,
    /// Maximum number of simultaneous connections, 16 to 65536.
    #[schemars(range(min = 16, max = 65_536))]
    pub(super) connections: usize,
    /// Maximum number of simultaneous connections from one address. It does not apply to trusted proxies.
    #[schemars(range(min = 1, max = 65_536))]
    pub(super) connections_of_an_address: usize,
    /// Networks of the proxies in front of this server, such as `10.0.0.0/8`. For requests through them, limits and the audit log
    /// use the client's address from `forwarded_header`: the last address that belongs to no proxy.
    pub(super) trusted_proxies: Vec<String>,
    /// The header in which these proxies report the client's address.
    pub(super) forwarded_header: ForwardedHeaderFile,
    /// URL at which people reach this server, such as `https://slipway.example.com`. Checks and comments at forges link to the
    /// page of each run there. Such a link opens its page without a token, for everyone who can read the pull request.
    pub(super) public_url: Option<String>,
    /// Bearer token of an administrator, named `settings`, in addition to the tokens of `slipway tokens create`.
    pub(super) api_token: Option<SecretReference>,
    /// Who may read the metrics: `open` or `token`. The default is `open` if `listen` is a loopback address, otherwise `token`.
    pub(super) metrics: Option<MetricsFile>,
    /// Requests to the API that one token may make per second, 1 to 10000. Bursts may be four times as large.
    #[schemars(range(min = 1, max = 10_000))]
    pub(super) requests_per_second: u32,
}

/// The header in which proxies report the client's address.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum ForwardedHeaderFile {
    /// `X-Forwarded-For`.
    #[default]
    XForwardedFor,
    /// `Forwarded` (RFC 7239).
    Forwarded,
}

/// Who may read the metrics.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum MetricsFile {
    /// Every client that reaches the port.
    Open,
    /// Every caller with a token of the API.
    Token,
}

impl Default for WebFile {
    fn default() -> Self {
        Self {
            largest_delivery: ByteSize::mib(25),
            source_deliveries: ByteSize::mib(64),
            all_deliveries: ByteSize::mib(256),
            connections: 2_048,
            connections_of_an_address: 256,
            trusted_proxies: Vec::new(),
            forwarded_header: ForwardedHeaderFile::default(),
            public_url: None,
            api_token: None,
            metrics: None,
            requests_per_second: 100,
        }
    }
}

/// Parses an address to listen on. The only accepted name is `localhost`, because another name could mean another machine.
pub(super) fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
    let text = String::deserialize(deserializer)?;
    let spelt = match text.strip_prefix("localhost:") {
        Some(port) => format!("127.0.0.1:{port}"),
        None => text.clone(),
    };
    spelt.parse().map_err(|_| {
        let shown: String = text.chars().take(60).collect();
        serde::de::Error::custom(format!(
            "`{shown}` is not a listen address, expected an IP address and a port, such as `127.0.0.1:8420`, \
             `0.0.0.0:8420` or `[::]:8420`"
        ))
    })
}

/// The address of a server without `listen` in its settings.
pub fn default_address() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 8420))
}

pub(super) fn default_branch() -> String {
    "main".to_owned()
}
