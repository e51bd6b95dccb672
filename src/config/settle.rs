//! From the server's file to everybody's settings, with every mistake at its key.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use bytesize::ByteSize;
use slipway_contract::{API_VERSION, DevicePreference};

use super::file::{
    CommitterFile, EnvironmentFile, ExecutorFile, LocalFile, ServerFile, ServerKind, SourceFile, WebFile,
};
use super::remote::Place;
use super::secret::{self, SecretReference};
use super::{Limits, Problems, Remote, Secret, Settings, Source};
use crate::artifacts;
use crate::domain::SourceName;
use crate::executor;
use crate::git::Identity;
use crate::store;
use crate::web;

impl ServerFile {
    /// Settings, or mistakes added to `problems`.
    pub(super) fn settle(self, folder: &Path, problems: &mut Problems) -> Option<Settings> {
        let Self {
            api_version,
            kind: ServerKind::Server,
            listen,
            state,
            sources,
            environments,
            artifacts,
            executor,
            committer,
            web,
        } = self;
        if api_version != API_VERSION {
            problems.add("apiVersion", format!("`{api_version}` is not known, expected `{API_VERSION}`"));
        }
        let state = folder.join(state);
        let environments = settle_environments(environments, folder, problems);
        let sources = settle_sources(sources, &environments, folder, problems);
        let artifacts = artifacts::Settings::Folder {
            path: artifacts.folder.map_or_else(|| state.join("artifacts"), |path| folder.join(path)),
            uri: artifacts.uri,
        };
        let web = settle_web(listen, &web, folder, problems)?;
        let ExecutorFile::Local(local) = executor;
        let (executor, workers, threads, device) = settle_local(local, folder, problems)?;
        let committer = settle_committer(committer, problems);
        let store = store::Settings::Sqlite { file: state.join("slipway.db") };
        Some(Settings {
            state,
            web,
            store,
            artifacts,
            executor,
            workers,
            threads,
            device,
            committer,
            sources,
            environments,
        })
    }
}

/// The committer; git has no way to write some characters into a commit's header.
fn settle_committer(file: CommitterFile, problems: &mut Problems) -> Identity {
    let CommitterFile { name, email } = file;
    for (key, text) in [("committer.name", &name), ("committer.email", &email)] {
        if text.trim().is_empty() || text.chars().any(|c| c.is_control() || matches!(c, '<' | '>')) {
            problems.add(key, "expected a text without `<`, `>` and line breaks");
        }
    }
    Identity { name, email }
}

fn settle_environments(
    files: Vec<EnvironmentFile>,
    folder: &Path,
    problems: &mut Problems,
) -> BTreeMap<SourceName, Remote> {
    let mut environments = BTreeMap::new();
    if files.is_empty() {
        problems.add("environments", "none is named, expected at least one");
    }
    for (index, file) in files.into_iter().enumerate() {
        let EnvironmentFile { name, url, branch, credentials: login, ca, signing_key } = file;
        let key = format!("environments[{index}]");
        let place = Place { key: &key, folder };
        let Some(remote) = place.remote(&url, &branch, login.as_ref(), ca.as_deref(), problems) else { continue };
        let remote = place.signed(remote, signing_key.as_ref(), problems);
        if environments.insert(name.clone(), remote).is_some() {
            problems.add(&format!("{}.name", place.key), format!("`{name}` is named twice"));
        }
    }
    environments
}

fn settle_sources(
    files: Vec<SourceFile>,
    environments: &BTreeMap<SourceName, Remote>,
    folder: &Path,
    problems: &mut Problems,
) -> BTreeMap<SourceName, Source> {
    let mut sources = BTreeMap::new();
    if files.is_empty() {
        problems.add("sources", "none is named, expected at least one");
    }
    for (index, file) in files.into_iter().enumerate() {
        let key = format!("sources[{index}]");
        let SourceFile { name, forge, url, branch, secret, previous_secret, credentials: login, ca, environment } =
            file;
        if !environments.contains_key(&environment) {
            problems.add(&format!("{key}.environment"), format!("`{environment}` is not among `environments`"));
        }
        let mut secrets = Vec::new();
        for (word, reference) in [("secret", Some(secret)), ("previous_secret", previous_secret)] {
            let Some(reference) = reference else { continue };
            secrets.extend(problems.take(&format!("{key}.{word}"), shared_secret(&reference, folder)));
        }
        let place = Place { key: &key, folder };
        let Some(remote) = place.remote(&url, &branch, login.as_ref(), ca.as_deref(), problems) else { continue };
        if sources.insert(name.clone(), Source { forge, remote, secrets, environment }).is_some() {
            problems.add(&format!("{key}.name"), format!("`{name}` is named twice"));
        }
    }
    sources
}

/// A secret that others have to show: long enough not to be guessed.
fn shared_secret(reference: &SecretReference, folder: &Path) -> Result<Secret, String> {
    Secret::new(&secret::read(reference, folder)?).map_err(|error| error.to_string())
}

fn settle_web(listen: SocketAddr, file: &WebFile, folder: &Path, problems: &mut Problems) -> Option<web::Settings> {
    let api_token = match &file.api_token {
        Some(reference) => Some(problems.take("web.api_token", shared_secret(reference, folder))?),
        None => None,
    };
    if api_token.is_none() && !listen.ip().is_loopback() {
        problems.add("listen", format!("{listen} can be reached from outside, and the API has no token\n  help: set `web.api_token`, or listen on 127.0.0.1 behind a proxy"));
    }
    let largest_delivery = usize::try_from(file.largest_delivery.as_u64()).unwrap_or(usize::MAX);
    if largest_delivery == 0 || file.largest_delivery > ByteSize::gib(1) {
        problems
            .add("web.largest_delivery", format!("{} is out of range, expected 1 B to 1 GiB", file.largest_delivery));
    }
    Some(web::Settings { listen, largest_delivery, api_token })
}

fn settle_local(
    file: LocalFile,
    folder: &Path,
    problems: &mut Problems,
) -> Option<(executor::Settings, usize, u32, DevicePreference)> {
    let LocalFile { trainer, deadline, memory, jobs, threads, device } = file;
    let trainer = match trainer {
        Some(path) => folder.join(path),
        None => problems.take("executor.local.trainer", executor::trainer_beside_us())?,
    };
    let deadline = problems.take("executor.local.deadline", positive(deadline))?;
    if memory < ByteSize::mib(256) {
        problems
            .add("executor.local.memory", format!("{memory} is too little for libtorch, expected at least 256 MiB"));
    }
    if !(1..=64).contains(&jobs) {
        problems.add("executor.local.jobs", format!("{jobs} is out of range, expected 1 to 64"));
    }
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = threads.unwrap_or_else(|| u32::try_from((processors / jobs.max(1)).max(1)).unwrap_or(1));
    if !(1..=1024).contains(&threads) {
        problems.add("executor.local.threads", format!("{threads} is out of range, expected 1 to 1024"));
    }
    let limits = Limits { deadline, memory: memory.as_u64() };
    Some((executor::Settings::Local { trainer, limits }, jobs, threads, device))
}

fn positive(duration: jiff::SignedDuration) -> Result<Duration, String> {
    match Duration::try_from(duration) {
        Ok(duration) if !duration.is_zero() => Ok(duration),
        _ => Err(format!("{duration:#} is not a time to work in, expected something like `30m`")),
    }
}
