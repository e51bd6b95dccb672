//! Converts the server's settings file to the settings of each part, with every mistake at its key.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use slipway_contract::API_VERSION;

use super::commands::resolve_commands;
use super::data::{resolve_cache, resolve_source_data};
use super::environments::{resolve_environments, resolve_people};
use super::executor::{Jobs, resolve_executor};
use super::file::{
    AuthorFile, CommitterFile, LimitsFile, PostgresFile, ServerFile, ServerKind, SqliteFile, StoreFile, TelemetryFile,
};
use super::git_server::resolve_git_server;
use super::remote::{Login, Place};
use super::retention::resolve_retention;
use super::secret::{self, SecretReference};
use super::source_file::{ForgeApiFile, PullRequestsFile, SourceFile};
use super::web_settings::resolve_web;
use super::webhooks::{check_webhooks, name_in, resolve_id, resolve_webhooks};
use super::{Limits, Problems, Secret, Settings, Source, Webhook, mandatory_policies};
use crate::context::PullRequestPolicy;
use crate::telemetry;
use crate::telemetry::OtlpUrl;
use slipway_domain::{SourceName, spoken};
use slipway_git::Identity;

impl ServerFile {
    /// Resolves the settings, or adds mistakes to `problems`.
    pub(super) fn resolve(self, folder: &Path, problems: &mut Problems) -> Option<Settings> {
        let Self {
            api_version,
            kind: ServerKind::Server,
            listen,
            state,
            sources,
            webhooks,
            environments,
            policies,
            artifacts,
            executor,
            data,
            committer,
            author,
            people,
            web,
            store,
            retention,
            git_server,
            limits,
            telemetry,
        } = self;
        if api_version != API_VERSION {
            problems.add("apiVersion", format!("unknown version `{api_version}`, expected `{API_VERSION}`"));
        }
        let state = folder.join(state);
        let author = author.map(|AuthorFile { name, email }| resolve_identity("author", name, email, problems));
        let people = resolve_people(people, problems);
        // An environment with mistakes of its own still exists.
        let names: BTreeSet<SourceName> = environments.iter().map(|file| file.name.clone()).collect();
        let environments = resolve_environments(environments, author.as_ref(), folder, &people, problems);
        let webhooks = resolve_webhooks(webhooks, folder, problems);
        let sources = resolve_sources(sources, &webhooks, &names, folder, problems);
        let mandatory_policies = mandatory_policies::read(&policies, folder, problems);
        if matches!(store, StoreFile::Postgres(_)) && artifacts.folder.is_none() {
            let help = "help: set `artifacts.folder` to a folder that all servers of this store can access";
            problems.add(
                "store.postgres",
                format!(
                    "expected `artifacts.folder`: servers that share a PostgreSQL store \
             must share their artifacts\n  {help}"
                ),
            );
        }
        let artifacts = slipway_artifacts::Settings::Folder {
            path: artifacts.folder.map_or_else(|| state.join("artifacts"), |path| folder.join(path)),
            copies: artifacts.copies.iter().map(|copy| folder.join(copy)).collect(),
            uri: artifacts.uri,
        };
        // Every part is checked before the first one with mistakes ends the function.
        let web = resolve_web(listen, &web, folder, problems);
        let jobs = resolve_executor(executor, folder, problems);
        let data_cache = resolve_cache(&data, problems);
        let CommitterFile { name, email } = committer;
        let committer = resolve_identity("committer", name, email, problems);
        let store = resolve_store(store, &state, folder, problems);
        let git_server = git_server.map(|file| resolve_git_server(file, listen, folder, problems));
        let limits = resolve_limits(&limits, problems);
        let garbage_collection = resolve_retention(&retention, problems);
        let TelemetryFile { otlp } = telemetry;
        let otlp = otlp.map(|url| problems.take("telemetry.otlp", url.parse::<OtlpUrl>()));
        let Jobs { executor, workers, threads, device } = jobs?;
        Some(Settings {
            state,
            web,
            store: store?,
            artifacts,
            executor,
            workers,
            threads,
            device,
            data_cache,
            committer,
            sources,
            webhooks,
            environments,
            mandatory_policies,
            people,
            garbage_collection: garbage_collection?,
            git_server: match git_server {
                Some(resolved) => Some(resolved?),
                None => None,
            },
            limits: limits?,
            telemetry: telemetry::Settings {
                otlp: match otlp {
                    Some(otlp) => Some(otlp?),
                    None => None,
                },
            },
        })
    }
}

/// Resolves an identity for commits. Git cannot write some characters into a commit's header.
fn resolve_identity(key: &str, name: String, email: String, problems: &mut Problems) -> Identity {
    for (part, text) in [("name", &name), ("email", &email)] {
        if text.trim().is_empty() || text.chars().any(|c| c.is_control() || matches!(c, '<' | '>')) {
            problems.add(&format!("{key}.{part}"), "expected a text without `<`, `>` and line breaks");
        }
    }
    Identity { name, email }
}

fn resolve_sources(
    files: Vec<SourceFile>,
    webhooks: &BTreeMap<SourceName, Webhook>,
    environments: &BTreeSet<SourceName>,
    folder: &Path,
    problems: &mut Problems,
) -> BTreeMap<SourceName, Source> {
    let (mut sources, mut keys) = (BTreeMap::new(), BTreeMap::new());
    if files.is_empty() {
        problems.add("sources", "the list is empty, expected at least one");
    }
    for (index, file) in files.into_iter().enumerate() {
        let key = format!("sources[{index}]");
        let SourceFile {
            name,
            forge,
            url,
            branch,
            secret,
            previous_secret,
            webhook,
            repository_id,
            credentials,
            ssh,
            ca,
            environment,
            pull_requests,
            judge_drafts,
            label,
            api,
            notes,
            priority,
            commands,
            data,
        } = file;
        if !environments.contains(&environment) {
            problems.add(&format!("{key}.environment"), format!("`{environment}` is not among `environments`"));
        }
        let repository_name = api.as_ref().map_or_else(|| name_in(&url), |api| api.repository.clone());
        let repository_id =
            repository_id.and_then(|id| problems.take(&format!("{key}.repository_id"), resolve_id(&id, forge)));
        if secret.is_none() && webhook.is_none() {
            let help = "help: set `secret` to the secret of its webhook, or `webhook` to the name of one of `webhooks`";
            problems.add(
                &key,
                format!("expected `secret` or `webhook`: without one, Slipway accepts no deliveries\n  {help}"),
            );
        }
        let api = api.and_then(|api| {
            let purpose = slipway_forge::Purpose::Source { deployments: api.deployments };
            resolve_api(api, forge, purpose, &format!("{key}.api"), folder, problems)
        });
        if notes && forge != slipway_forge::Settings::Plain {
            let help = "help: remove `notes`; Slipway reports to a forge through its `api`";
            problems.add(&format!("{key}.notes"), format!("is for `forge: plain`, not `{}`\n  {help}", forge.as_str()));
        }
        let pull_requests = match pull_requests {
            PullRequestsFile::Ignore => PullRequestPolicy::Ignore,
            PullRequestsFile::SameRepository => PullRequestPolicy::SameRepository,
            PullRequestsFile::AfterApproval => PullRequestPolicy::AfterApproval,
            PullRequestsFile::All => PullRequestPolicy::All,
        };
        let has_labels = !matches!(forge, slipway_forge::Settings::Plain | slipway_forge::Settings::Bitbucket);
        if label.as_ref().is_some_and(|label| label.is_empty() || !has_labels) {
            let name = forge.as_str();
            problems.add(
                &format!("{key}.label"),
                format!("expected a label's name, and a forge that has labels (`{name}`)"),
            );
        }
        if !(-100..=100).contains(&priority) {
            problems.add(&format!("{key}.priority"), format!("{priority} is out of range, expected -100 to 100"));
        }
        let commands = resolve_commands(&commands, &format!("{key}.commands"), folder, problems);
        let data = resolve_source_data(&data, &format!("{key}.data"), folder, problems);
        let secrets = shared_secrets(&key, secret, previous_secret, folder, problems);
        let place = Place { key: &key, folder };
        let login = Login { credentials: credentials.as_ref(), ssh: ssh.as_ref(), ca: ca.as_deref() };
        let Some(remote) = place.remote(&url, &branch, &login, problems) else { continue };
        let source = Source {
            forge,
            api,
            notes,
            remote,
            secrets,
            webhook,
            repository_name,
            repository_id,
            environment,
            pull_requests,
            judge_drafts,
            label,
            priority,
            commands,
            data,
        };
        if sources.insert(name.clone(), source).is_some() {
            problems.add(&format!("{key}.name"), format!("the name `{name}` occurs twice"));
        }
        keys.insert(name, key);
    }
    check_webhooks(&sources, webhooks, &keys, problems);
    sources
}

/// Returns the current and the previous secret of a webhook, if they are set.
pub(super) fn shared_secrets(
    key: &str,
    secret: Option<SecretReference>,
    previous: Option<SecretReference>,
    folder: &Path,
    problems: &mut Problems,
) -> Vec<Secret> {
    let mut secrets = Vec::new();
    for (word, reference) in [("secret", secret), ("previous_secret", previous)] {
        let Some(reference) = reference else { continue };
        secrets.extend(problems.take(&format!("{key}.{word}"), shared_secret(&reference, folder)));
    }
    secrets
}

/// Connects a forge's API, or reports mistakes at its keys.
pub(super) fn resolve_api(
    api: ForgeApiFile,
    forge: slipway_forge::Settings,
    purpose: slipway_forge::Purpose,
    key: &str,
    folder: &Path,
    problems: &mut Problems,
) -> Option<Arc<dyn slipway_forge::ForgeApi>> {
    let login = resolve_login(&api, key, folder, problems)?;
    let ForgeApiFile { url, repository, .. } = api;
    problems
        .take(key, slipway_forge::connect_api(slipway_forge::ApiSettings { forge, url, repository, login, purpose }))
}

/// Resolves the login at a forge's API: a token or an App.
fn resolve_login(
    api: &ForgeApiFile,
    key: &str,
    folder: &Path,
    problems: &mut Problems,
) -> Option<slipway_forge::Login> {
    match (&api.token, &api.app) {
        (Some(token), None) => {
            let token = problems.take(&format!("{key}.token"), secret::read(token, folder))?;
            Some(slipway_forge::Login::Token(token.into()))
        }
        (None, Some(app)) => {
            let pem = problems.take(&format!("{key}.app.key"), secret::read(&app.key, folder))?;
            let app = problems.take(&format!("{key}.app.key"), slipway_forge::AppLogin::new(app.id, &pem))?;
            Some(slipway_forge::Login::App(app))
        }
        _ => {
            problems.add(key, "expected either `token` or `app`");
            None
        }
    }
}

/// Reads a shared secret, which must be long enough not to be guessed.
pub(super) fn shared_secret(reference: &SecretReference, folder: &Path) -> Result<Secret, String> {
    Secret::new(&secret::read(reference, folder)?).map_err(|error| error.to_string())
}

fn resolve_store(
    file: StoreFile,
    state: &Path,
    folder: &Path,
    problems: &mut Problems,
) -> Option<slipway_store::Settings> {
    match file {
        StoreFile::Sqlite(SqliteFile { file }) => {
            let file = file.map_or_else(|| state.join("slipway.db"), |file| folder.join(file));
            Some(slipway_store::Settings::Sqlite { file })
        }
        StoreFile::Postgres(PostgresFile { url }) => {
            let key = "store.postgres.url";
            let url = problems.take(key, secret::read(&url, folder))?;
            Some(slipway_store::Settings::Postgres { url: problems.take(key, slipway_store::PostgresUrl::new(&url))? })
        }
    }
}

fn resolve_limits(file: &LimitsFile, problems: &mut Problems) -> Option<Limits> {
    let LimitsFile { max_runs_per_source, lease, reconcile_interval, sync_interval } = file;
    if !(1..=64).contains(max_runs_per_source) {
        let key = "limits.max_runs_per_source";
        problems.add(key, format!("{max_runs_per_source} is out of range, expected 1 to 64"));
    }
    let mut bounded = |key: &str, wish, from: Duration, to: Duration, expected: &str| {
        let duration = problems.take(key, positive(wish))?;
        if !(from..=to).contains(&duration) {
            problems.add(key, format!("{} is out of range, expected {expected}", spoken(duration)));
        }
        Some(duration)
    };
    let key = "limits.lease";
    let lease = bounded(key, *lease, Duration::from_secs(2), Duration::from_mins(5), "`2s` to `5m`");
    let key = "limits.reconcile_interval";
    let reconcile_interval = bounded(key, *reconcile_interval, Duration::from_secs(5), Duration::MAX, "at least `5s`");
    let key = "limits.sync_interval";
    let sync_interval = bounded(key, *sync_interval, Duration::from_secs(1), Duration::MAX, "at least `1s`");
    Some(Limits {
        max_runs_per_source: *max_runs_per_source,
        lease: lease?,
        reconcile_interval: reconcile_interval?,
        sync_interval: sync_interval?,
    })
}

pub(super) fn positive(duration: jiff::SignedDuration) -> Result<Duration, String> {
    match Duration::try_from(duration) {
        Ok(duration) if !duration.is_zero() => Ok(duration),
        _ => Err(format!("{duration:#} is not a positive duration, expected a value such as `30m`")),
    }
}
