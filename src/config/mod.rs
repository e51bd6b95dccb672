//! The server's settings file, which contains decisions of the platform owner that model authors must not change. It is read only
//! here, and converted to the settings of each part.

mod commands;
mod data;
mod duration;
mod environment_file;
mod environments;
mod executor;
mod file;
mod git_server;
mod host_checks;
mod listening;
mod mandatory_policies;
mod moment;
mod remote;
mod remotes;
mod resolve;
mod retention;
mod secret;
mod source_file;
mod web_settings;
mod webhooks;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::context::{PullRequestPolicy, Requests};
use crate::reconcile::GarbageCollection;
use crate::telemetry;
use crate::web;
use slipway_contract::DevicePreference;
use slipway_domain::{CommitTemplates, Diagnostic, ForgeId, People, Rules, SourceName};
use slipway_executor::Settings as ExecutorSettings;
use slipway_forge::Secret;
use slipway_gate::policy::Policy;
use slipway_git::{Identity, Remote};

pub use file::{ServerFile, default_address};
pub use listening::address_on_this_machine;
pub use remotes::CheckModels;

/// The default name of the server's settings file.
pub const FILE: &str = "slipway-server.yaml";

/// All settings of the server.
#[derive(Debug)]
pub struct Settings {
    /// Folder of the server's state.
    pub state: PathBuf,
    /// The HTTP server.
    pub web: web::Settings,
    /// The database.
    pub store: slipway_store::Settings,
    /// The artifact store.
    pub artifacts: slipway_artifacts::Settings,
    /// The executor of jobs.
    pub executor: ExecutorSettings,
    /// Maximum number of simultaneous jobs.
    pub workers: usize,
    /// Threads of a job.
    pub threads: u32,
    /// The device for jobs.
    pub device: DevicePreference,
    /// Maximum size of the cache of data outside of git, in bytes.
    pub data_cache: u64,
    /// The committer of promotions.
    pub committer: Identity,
    /// Served repositories.
    pub sources: BTreeMap<SourceName, Source>,
    /// Webhooks that several sources share.
    pub webhooks: BTreeMap<SourceName, Webhook>,
    /// Environments to which Slipway promotes.
    pub environments: BTreeMap<SourceName, Environment>,
    /// People with their names and accounts.
    pub people: People,
    /// Mandatory policies.
    pub mandatory_policies: Vec<Policy>,
    /// Retention of data.
    pub garbage_collection: GarbageCollection,
    /// The git server for repositories on this machine, if there is one.
    pub git_server: Option<web::GitServerSettings>,
    /// Limits and intervals of the work.
    pub limits: Limits,
    /// Traces.
    pub telemetry: telemetry::Settings,
}

/// Limits and intervals of the work.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Maximum number of simultaneous runs of one source.
    pub max_runs_per_source: u32,
    /// Time without a renewal after which another server takes over the runs of a server.
    pub lease: Duration,
    /// How often the server searches for missed pushes.
    pub reconcile_interval: Duration,
    /// How often environments are synchronized to find manual changes.
    pub sync_interval: Duration,
}

/// An environment to which Slipway promotes.
#[derive(Debug)]
pub struct Environment {
    /// The repository and the branch that contain its manifests.
    pub remote: Remote,
    /// The folder of the manifests; `None` means the whole branch.
    pub folder: Option<String>,
    /// Its rules.
    pub rules: Rules,
    /// Promotion requests; `None` means commits to the branch.
    pub requests: Option<Requests>,
    /// The sources that own models, regardless of which source promotes them first.
    pub owners: BTreeMap<String, SourceName>,
    /// Names of the people who may hold and roll back from a forge.
    pub operators: BTreeSet<String>,
    /// Templates of the commits of promotions.
    pub commit: CommitTemplates,
}

/// A webhook that several sources share.
#[derive(Debug)]
pub struct Webhook {
    /// The forge that sends the deliveries.
    pub forge: slipway_forge::Settings,
    /// Its secrets.
    pub secrets: Vec<Secret>,
}

/// A served repository.
#[derive(Debug)]
pub struct Source {
    /// The forge that hosts it.
    pub forge: slipway_forge::Settings,
    /// The forge's API.
    pub api: Option<Arc<dyn slipway_forge::ForgeApi>>,
    /// Whether results are written as notes on the commits.
    pub notes: bool,
    /// The repository and its served branch.
    pub remote: Remote,
    /// Secrets of its own webhook; empty if it only shares one.
    pub secrets: Vec<Secret>,
    /// The webhook that it shares.
    pub webhook: Option<SourceName>,
    /// The name of its repository at the forge: the one in `api`, or else the path of its address.
    pub repository_name: String,
    /// The identifier of its repository at the forge, if it is set.
    pub repository_id: Option<ForgeId>,
    /// The environment to which its models are promoted.
    pub environment: SourceName,
    /// Which of its pull requests are judged.
    pub pull_requests: PullRequestPolicy,
    /// Whether drafts are judged before they are marked ready.
    pub judge_drafts: bool,
    /// The label that a pull request must have to be judged.
    pub label: Option<String>,
    /// Priority of its runs.
    pub priority: i32,
    /// What its programs may do; `None` if it may have none.
    pub commands: Option<slipway_executor::Commands>,
    /// Data of its models outside of git.
    pub data: slipway_data::Access,
}

/// A valid file. Its values replace mistakes while the rest of a file is checked.
const SAMPLE: &str = "
apiVersion: slipway.dev/v1alpha1
kind: Server
state: state
sources: [{name: sample, forge: plain, url: \"https://git.example/models.git\", secret: {file: secret}, environment: sample}]
environments: [{name: sample, url: \"https://git.example/environment.git\"}]
";

/// Reads the server's settings file. Relative paths in it are relative to its folder.
pub fn load(path: &Path) -> Result<Settings, Vec<Diagnostic>> {
    let (settings, problems) = read(path)?;
    match settings {
        Some(settings) if problems.found.is_empty() => Ok(settings),
        _ => Err(problems.found),
    }
}

/// Returns all mistakes in the server's settings, and missing files and folders on this machine, without which a server could
/// start but not work.
pub fn check(path: &Path) -> Vec<Diagnostic> {
    found(path, host_checks::check)
}

/// Also queries the git servers for mistakes in the repositories that the settings name. Sources that `git_server` is to serve are
/// read on this machine, with `check_models` for their models.
pub fn check_with_remotes(path: &Path, check_models: &CheckModels<'_>) -> Vec<Diagnostic> {
    found(path, |settings, problems| {
        host_checks::check(settings, problems);
        remotes::check(settings, check_models, problems);
    })
}

/// Returns the mistakes in the file, and those that `check` adds if the settings could be resolved.
fn found(path: &Path, check: impl FnOnce(&Settings, &mut Problems)) -> Vec<Diagnostic> {
    match read(path) {
        Ok((settings, mut problems)) => {
            if let Some(settings) = settings {
                check(&settings, &mut problems);
            }
            problems.found
        }
        Err(mistakes) => mistakes,
    }
}

/// Returns the settings if they could be resolved, and the mistakes in them.
fn read(path: &Path) -> Result<(Option<Settings>, Problems), Vec<Diagnostic>> {
    let name = path.display().to_string();
    let unreadable = |error: std::io::Error| {
        let help = "create the file, or use `--config FILE`; docs/adoption.md shows minimal settings";
        vec![Diagnostic::new(&name, format!("the file cannot be read: {error}")).help(help)]
    };
    let text = std::fs::read_to_string(path).map_err(unreadable)?;
    let folder = path.parent().map(Path::to_path_buf).unwrap_or_default();
    let folder = std::path::absolute(if folder.as_os_str().is_empty() { Path::new(".") } else { &folder })
        .map_err(unreadable)?;
    let slipway_yaml::Recovered { value, mistakes, guesses } =
        slipway_yaml::read_all::<ServerFile>(&name, &text, SAMPLE, &|_| false);
    let mut problems = Problems { name, text, found: mistakes, guesses };
    // Settings refer to each other by name. If a name is a guess, further mistakes would be guesses as well.
    let settings = value.filter(|file| !names_are_guessed(file, &problems.guesses));
    let settings = settings.and_then(|file| file.resolve(&folder, &mut problems));
    Ok((settings, problems))
}

fn names_are_guessed(file: &ServerFile, guesses: &slipway_yaml::Guesses) -> bool {
    let lists = [
        ("sources", file.sources.len()),
        ("environments", file.environments.len()),
        ("webhooks", file.webhooks.len()),
        ("people", file.people.len()),
    ];
    let mut names =
        lists.iter().flat_map(|(list, length)| (0..*length).map(move |index| format!("{list}[{index}].name")));
    names.any(|name| guesses.touch(&name))
}

/// Mistakes that are found while settings are resolved, each at its key.
struct Problems {
    name: String,
    text: String,
    found: Vec<Diagnostic>,
    /// Parts of the file that are guesses in the place of mistakes.
    guesses: slipway_yaml::Guesses,
}

impl Problems {
    fn add(&mut self, key: &str, message: impl std::fmt::Display) {
        if self.guesses.touch(key) {
            return;
        }
        let position = slipway_yaml::nearest_position(&self.text, key);
        self.found.push(Diagnostic::new(&self.name, format!("{key}: {message}")).at(position));
    }

    /// Returns the value, or adds a mistake at `key`.
    fn take<T>(&mut self, key: &str, value: Result<T, impl std::fmt::Display>) -> Option<T> {
        value.map_err(|error| self.add(key, error)).ok()
    }
}
