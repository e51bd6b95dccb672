//! Checks at the git servers that the repositories, branches and folders of the settings exist. A server would find the same
//! mistakes at its first reconciliation.

use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use serde::Deserialize;
use slipway_git::{Deadlines, GitError, Mirror, Remote};

use super::{Problems, Settings};

/// Number of repositories that are queried at the same time.
const AT_A_TIME: usize = 8;
/// The user waits for the slowest server, so the deadlines are shorter than those of a server that queries branches.
const DEADLINES: Deadlines =
    Deadlines { connect: Duration::from_secs(5), read: Duration::from_secs(30), overall: Duration::from_mins(2) };

/// A branch that the settings name.
struct Named<'a> {
    /// The key of its source or environment, such as `sources[0]`.
    key: String,
    remote: &'a Remote,
    /// The folder of an environment.
    folder: Option<&'a str>,
    /// Whether the repository may be empty: models are pushed once their server exists.
    may_be_empty: bool,
}

/// Adds unreachable or missing repositories, branches and folders to the problems, each at its key.
pub(super) fn check(settings: &Settings, problems: &mut Problems) {
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
            if let Some((key, problem)) = one.problem(settings, work.path())
                && let Ok(mut found) = found.lock()
            {
                found.push((key, problem));
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
        may_be_empty: true,
    });
    let environments = settings.environments.iter().map(|(name, environment)| Named {
        key: key_of("environments", &environments, name.as_str()),
        remote: &environment.remote,
        folder: environment.folder.as_deref(),
        may_be_empty: false,
    });
    sources.chain(environments).collect()
}

impl Named<'_> {
    /// Returns a problem, and the key at which it is reported.
    fn problem(&self, settings: &Settings, work: &Path) -> Option<(String, String)> {
        let at = |key: &str, problem: String| Some((format!("{}.{key}", self.key), problem));
        if let Some(repository) = self.of_our_git_server(settings) {
            let missing = || format!("the repository `{}` of `git_server` does not exist", repository.display());
            // The git server does not run while its settings are written, so only the existence of the repository can be checked.
            return if repository.is_dir() { None } else { at("url", missing()) };
        }
        match self.ask(work) {
            Ok(true) => None,
            Ok(false) => {
                let folder = self.folder.unwrap_or_default();
                at("folder", format!("branch `{}` has no folder `{folder}`", self.remote.branch()))
            }
            Err(GitError::BranchMissing { empty: true, .. }) if self.may_be_empty => None,
            Err(error @ GitError::BranchMissing { .. }) => at("branch", error.to_string()),
            Err(error) => at("url", error.to_string()),
        }
    }

    /// Returns the repository if the git server of these settings serves it.
    fn of_our_git_server(&self, settings: &Settings) -> Option<std::path::PathBuf> {
        let git = settings.git_server.as_ref()?;
        let path = self.remote.url().strip_prefix(&format!("http://{}/", git.listen))?;
        Some(git.folder.join(path))
    }

    /// Whether the folder exists. A missing branch is an error.
    fn ask(&self, work: &Path) -> Result<bool, GitError> {
        let Some(folder) = self.folder else {
            return Mirror::open(work, self.remote.clone().with_deadlines(DEADLINES))?.probe().map(|_| true);
        };
        // A large repository takes time, so the deadlines are those of a server.
        let mirror = Mirror::open(work, self.remote.clone())?;
        let tip = mirror.fetch()?;
        mirror.entry(&tip, folder).map(|entry| entry.is_some())
    }
}
