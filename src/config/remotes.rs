//! Checks at the git servers that the repositories, branches and folders of the settings exist. A server would find the same
//! mistakes at its first reconciliation.
//!
//! The server's own git server does not run while its settings are written: its repositories are read where they lie.

use std::net::SocketAddr;
use std::path::{Component, Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use serde::Deserialize;
use slipway_domain::Diagnostic;
use slipway_git::{BareBranch, Deadlines, GitError, Mirror, Remote};

use super::{Problems, Settings};

/// Number of repositories that are queried at the same time.
const AT_A_TIME: usize = 8;
/// The user waits for the slowest server, so the deadlines are shorter than those of a server that queries branches.
const DEADLINES: Deadlines =
    Deadlines { connect: Duration::from_secs(5), read: Duration::from_secs(30), overall: Duration::from_mins(2) };

/// The most mistakes in the models of one source that are reported.
const MAX_MODEL_MISTAKES: usize = 20;

/// Returns the mistakes in the models of a branch.
pub type CheckModels<'a> = dyn Fn(&BareBranch) -> Result<Vec<Diagnostic>, GitError> + Sync + 'a;

/// A branch that the settings name.
struct Named<'a> {
    /// The key of its source or environment, such as `sources[0]`.
    key: String,
    remote: &'a Remote,
    /// The folder of an environment.
    folder: Option<&'a str>,
    /// Whether it is a source, with models. Its repository may be empty: models are pushed once their server exists.
    is_source: bool,
}

/// Adds unreachable or missing repositories, branches and folders to the problems, each at its key, and mistakes in models of
/// sources on this machine.
pub(super) fn check(settings: &Settings, check_models: &CheckModels<'_>, problems: &mut Problems) {
    // Contains mirrors of environments whose folders are checked; it is removed afterwards.
    let work = match tempfile::tempdir() {
        Ok(work) => work,
        Err(error) => {
            problems
                .add("sources", format!("git servers are not queried: a temporary folder cannot be created: {error}"));
            return;
        }
    };
    let named = named(settings, &problems.text);
    let next = Mutex::new(named.iter());
    let found = Mutex::new(Vec::new());
    let ask = || {
        while let Some(one) = next.lock().ok().and_then(|mut next| next.next()) {
            let problems = one.problems(settings, work.path(), check_models);
            if let Ok(mut found) = found.lock() {
                found.extend(problems);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..AT_A_TIME.min(named.len()) {
            scope.spawn(ask);
        }
    });
    let mut found = found.into_inner().unwrap_or_default();
    found.sort();
    for (key, problem) in found {
        problems.add(&key, problem);
    }
}

/// Returns the branches that the settings name, each with its key in the file.
fn named<'a>(settings: &'a Settings, text: &str) -> Vec<Named<'a>> {
    #[derive(Deserialize)]
    struct Name {
        name: String,
    }
    #[derive(Deserialize)]
    struct Names {
        sources: Vec<Name>,
        environments: Vec<Name>,
    }
    let Ok(Names { sources, environments }) = slipway_yaml::read::<Names>("", text) else { return Vec::new() };
    let key_of = |list: &str, names: &[Name], name: &str| {
        let index = names.iter().position(|one| one.name == name).unwrap_or_default();
        format!("{list}[{index}]")
    };
    let sources = settings.sources.iter().map(|(name, source)| Named {
        key: key_of("sources", &sources, name.as_str()),
        remote: &source.remote,
        folder: None,
        is_source: true,
    });
    let environments = settings.environments.iter().map(|(name, environment)| Named {
        key: key_of("environments", &environments, name.as_str()),
        remote: &environment.remote,
        folder: environment.folder.as_deref(),
        is_source: false,
    });
    sources.chain(environments).collect()
}

impl Named<'_> {
    /// Returns problems, each with the key at which it is reported.
    fn problems(&self, settings: &Settings, work: &Path, check_models: &CheckModels<'_>) -> Vec<(String, String)> {
        let at = |key: &str, problem: String| (format!("{}.{key}", self.key), problem);
        let found = match self.of_our_git_server(settings) {
            Some(repository) => self.read(&repository, check_models),
            None => self.ask(work).map(|problem| (problem, Vec::new())),
        };
        match found {
            Ok((folder, mut models)) => {
                let more = models.len().saturating_sub(MAX_MODEL_MISTAKES);
                models.truncate(MAX_MODEL_MISTAKES);
                if more > 0 {
                    models.push(format!("and {more} more in its models"));
                }
                let models = models.into_iter().map(|mistake| at("branch", mistake));
                folder.map(|problem| at("folder", problem)).into_iter().chain(models).collect()
            }
            Err(GitError::BranchMissing { empty: true, .. }) if self.is_source => Vec::new(),
            Err(error @ GitError::BranchMissing { .. }) => vec![at("branch", error.to_string())],
            Err(error) => vec![at("url", error.to_string())],
        }
    }

    /// Returns the repository if the git server of these settings is to serve it.
    fn of_our_git_server(&self, settings: &Settings) -> Option<PathBuf> {
        let git = settings.git_server.as_ref()?;
        let (place, path) = self.remote.url().strip_prefix("http://")?.split_once('/')?;
        let place: SocketAddr = place.replace("localhost:", "127.0.0.1:").parse().ok()?;
        let path = Path::new(path.trim_matches('/'));
        let is_below = path.components().all(|part| matches!(part, Component::Normal(_)));
        (place == git.listen && is_below).then(|| git.folder.join(path))
    }

    /// Reads a repository on this machine. Returns the problem with the folder, and the mistakes in models.
    fn read(
        &self,
        repository: &Path,
        check_models: &CheckModels<'_>,
    ) -> Result<(Option<String>, Vec<String>), GitError> {
        let name = self.remote.url();
        let branch = BareBranch::open(repository, name, self.remote.branch())?;
        let folder = match self.folder {
            Some(folder) => self.problem_of(folder, branch.entry(folder)?),
            None => None,
        };
        let models = if self.is_source { check_models(&branch)? } else { Vec::new() };
        let shown = |mistake: Diagnostic| format!("in branch `{}` of {name}: {mistake}", self.remote.branch());
        Ok((folder, models.into_iter().map(shown).collect()))
    }

    /// Queries a git server. Returns the problem with the folder; a missing branch is an error.
    fn ask(&self, work: &Path) -> Result<Option<String>, GitError> {
        let Some(folder) = self.folder else {
            return Mirror::open(work, self.remote.clone().with_deadlines(DEADLINES))?.probe().map(|_| None);
        };
        // A large repository takes time, so the deadlines are those of a server.
        let mirror = Mirror::open(work, self.remote.clone())?;
        let tip = mirror.fetch()?;
        Ok(self.problem_of(folder, mirror.entry(&tip, folder)?))
    }

    /// Returns the problem with a folder, from the entry at its path.
    fn problem_of(&self, folder: &str, entry: Option<(&'static str, bool)>) -> Option<String> {
        let branch = self.remote.branch();
        match entry {
            None => Some(format!("branch `{branch}` has no folder `{folder}`")),
            Some(("a folder", _)) => None,
            Some((kind, _)) => Some(format!("`{folder}` is {kind} in branch `{branch}`, expected a folder")),
        }
    }
}
