//! The form of the server's file.

use std::net::SocketAddr;

use bytesize::ByteSize;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use slipway_contract::API_VERSION;

use super::environment_file::{EnvironmentFile, PersonFile};
use super::executor::ExecutorFile;
use super::mandatory_policies::PoliciesFile;
use super::retention::RetentionFile;
use super::secret::SecretReference;
use super::source_file::{SourceFile, WebhookFile};

/// The server's file.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ServerFile {
    /// Always `slipway.dev/v1alpha1`.
    #[schemars(extend("const" = API_VERSION))]
    pub(super) api_version: String,
    /// Always `Server`.
    pub(super) kind: ServerKind,
    /// Address and port of the webhooks, the API and health, such as `127.0.0.1:8420` or `localhost:8420`. Port 0 takes a free
    /// one.
    #[serde(default = "default_address", deserialize_with = "address")]
    #[schemars(with = "String")]
    pub(super) listen: SocketAddr,
    /// Folder of everything the server keeps; made if it is missing.
    pub(super) state: String,
    /// Repositories that are served.
    pub(super) sources: Vec<SourceFile>,
    /// Webhooks that several sources share; each source names its own by `webhook`.
    #[serde(default)]
    pub(super) webhooks: Vec<WebhookFile>,
    /// Environments that may be written.
    pub(super) environments: Vec<EnvironmentFile>,
    /// What every model is judged by, whatever its own policy says.
    #[serde(default)]
    pub(super) policies: PoliciesFile,
    /// Where trained weights are kept; `state/artifacts` when absent.
    #[serde(default)]
    pub(super) artifacts: ArtifactsFile,
    /// Where jobs run, and what they may use.
    #[serde(default)]
    pub(super) executor: ExecutorFile,
    /// Who signs promotions.
    #[serde(default)]
    pub(super) committer: CommitterFile,
    /// Who is named as author of promotions; the committer when absent.
    #[serde(default)]
    pub(super) author: Option<AuthorFile>,
    /// Who is who: a person's approval counts once, and an author's own does not suffice.
    #[serde(default)]
    pub(super) people: Vec<PersonFile>,
    /// Webhooks and API.
    #[serde(default)]
    pub(super) web: WebFile,
    /// Where deliveries and runs are kept; SQLite in the `state` folder when absent.
    #[serde(default)]
    pub(super) store: StoreFile,
    /// What is kept, and for how long.
    #[serde(default)]
    pub(super) retention: RetentionFile,
    /// A git server beside this one, on the same machine: to try Slipway out without a forge.
    #[serde(default, rename = "git_server", skip_serializing_if = "Option::is_none")]
    pub(super) git_server: Option<GitServerFile>,
    /// How the work is shared.
    #[serde(default)]
    pub(super) limits: LimitsFile,
    /// What is told to those who watch over the server.
    #[serde(default)]
    pub(super) telemetry: TelemetryFile,
}

/// The only kind the server's file has.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
pub(super) enum ServerKind {
    /// A server.
    Server,
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

/// A git server for bare repositories on this machine. It is reached from this machine alone.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct GitServerFile {
    /// The folder whose bare repositories are served: `NAME.git` there is `http://LISTEN/NAME.git`.
    pub(super) folder: String,
    /// Its address and port: a loopback address, such as `127.0.0.1:8421`.
    #[serde(deserialize_with = "address")]
    #[schemars(with = "String")]
    pub(super) listen: SocketAddr,
    /// Who is let in, to read and to write.
    pub(super) credentials: CredentialsFile,
}

/// How to log in to a git server over SSH.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SshFile {
    /// The private key: an Ed25519 key of OpenSSH without a passphrase.
    pub(super) key: SecretReference,
    /// The host keys that the server may show.
    pub(super) known_hosts: KnownHostsFile,
}

/// Host keys, a line each, as `ssh-keyscan` writes them.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum KnownHostsFile {
    /// The lines themselves.
    Text(String),
    /// A file that holds them.
    File(String),
}

/// Where deliveries and runs are kept.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum StoreFile {
    /// One file, for one server.
    Sqlite(SqliteFile),
    /// A PostgreSQL database, for several servers that share the work.
    Postgres(PostgresFile),
}

impl Default for StoreFile {
    fn default() -> Self {
        Self::Sqlite(SqliteFile::default())
    }
}

/// One file, for one server.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct SqliteFile {
    /// The file; `state/slipway.db` when absent.
    pub(super) file: Option<String>,
}

/// A PostgreSQL database.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PostgresFile {
    /// Its address, `postgres://USER:PASSWORD@HOST/DATABASE?sslmode=verify-full`.
    pub(super) url: SecretReference,
}

/// How the work is shared.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct LimitsFile {
    /// Runs of one repository that may be under way at a time, 1 to 64.
    #[schemars(range(min = 1, max = 64))]
    #[serde(alias = "runs_of_a_repository")]
    pub(super) max_runs_per_source: u32,
    /// After how long without a sign of life another server takes over a server's runs, `2s` to `5m`.
    #[schemars(with = "String")]
    pub(super) lease: jiff::SignedDuration,
    /// How often served branches are compared with what was delivered, at least 5 s.
    #[schemars(with = "String")]
    #[serde(alias = "look_for_missed_pushes")]
    pub(super) reconcile_interval: jiff::SignedDuration,
    /// How often environments are looked at for changes by hand, at least 1 s.
    #[schemars(with = "String")]
    #[serde(alias = "look_at_environments")]
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

/// What is told to those who watch over the server.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct TelemetryFile {
    /// Address of a collector that takes traces by OTLP over HTTP, such as `http://localhost:4318`.
    pub(super) otlp: Option<String>,
}

/// Where trained weights are kept.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ArtifactsFile {
    /// A folder.
    pub(super) folder: Option<String>,
    /// The address under which the cluster reaches that folder, such as `s3://models`.
    pub(super) uri: Option<String>,
    /// Folders of the same form, such as `artifacts` of a backup: a damaged or missing file is replaced by a good copy from
    /// the first that has one.
    #[serde(default)]
    pub(super) copies: Vec<String>,
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

/// Who is named as author of promotions.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AuthorFile {
    /// Name in the commits.
    pub(super) name: String,
    /// E-mail address in the commits.
    pub(super) email: String,
}

/// Webhooks and API.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct WebFile {
    /// The largest delivery that is taken.
    #[schemars(with = "String")]
    pub(super) largest_delivery: ByteSize,
    /// How much of one source's deliveries is held in memory at a time; beyond it, senders are asked to wait.
    #[schemars(with = "String")]
    pub(super) source_deliveries: ByteSize,
    /// How much of all sources' deliveries is held in memory at a time.
    #[schemars(with = "String")]
    pub(super) all_deliveries: ByteSize,
    /// Connections at a time, 16 to 65536.
    #[schemars(range(min = 16, max = 65_536))]
    pub(super) connections: usize,
    /// Connections at a time from one address, unless it is that of a trusted proxy.
    #[schemars(range(min = 1, max = 65_536))]
    pub(super) connections_of_an_address: usize,
    /// Networks of the proxies in front of this server, such as `10.0.0.0/8`. Of a request through one of them, limits and the
    /// audit log name the address that `forwarded_header` says: the last one that is no proxy's.
    pub(super) trusted_proxies: Vec<String>,
    /// The header in which these proxies name who asked them.
    pub(super) forwarded_header: ForwardedHeaderFile,
    /// Where people reach this server, such as `https://slipway.example.com`. Checks and comments at forges link to the page of
    /// each run there; such a link opens its one page without a token, for whoever can read the change.
    pub(super) public_url: Option<String>,
    /// Bearer token of an administrator, named `settings`; beside it there are those that `slipway tokens create` makes.
    pub(super) api_token: Option<SecretReference>,
    /// Who may read the metrics: `open` when `listen` is a loopback address and this is absent, else `token`.
    pub(super) metrics: Option<MetricsFile>,
    /// Requests to the API that one token may make in a second, 1 to 10000; four times as many at once.
    #[schemars(range(min = 1, max = 10_000))]
    pub(super) requests_per_second: u32,
}

/// The header in which proxies name who asked them.
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
    /// Whoever reaches the port.
    Open,
    /// Whoever has a token of the API.
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

/// An address to listen at. Of names only `localhost` is taken: any other could mean another machine.
pub(super) fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
    let text = String::deserialize(deserializer)?;
    let spelt = match text.strip_prefix("localhost:") {
        Some(port) => format!("127.0.0.1:{port}"),
        None => text.clone(),
    };
    spelt.parse().map_err(|_| {
        let shown: String = text.chars().take(60).collect();
        serde::de::Error::custom(format!(
            "`{shown}` is not an address to listen at, expected an IP address and a port, as in `127.0.0.1:8420`, \
             `0.0.0.0:8420` or `[::]:8420`"
        ))
    })
}

/// The address of a server whose settings do not say another.
pub fn default_address() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 8420))
}

pub(super) fn default_branch() -> String {
    "main".to_owned()
}
