//! The server's own file: what the platform's owner decides and model authors must not. Read here, turned into each
//! part's settings, and nowhere else.

mod environment_file;
mod environments;
mod executor;
mod file;
mod host_checks;
mod listening;
mod mandatory_policies;
mod remote;
mod remotes;
mod resolve;
mod retention;
mod secret;
mod source_file;
mod webhooks;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::context::{PullRequestPolicy, Requests};
use crate::reconcile::GarbageCollection;
use crate::{telemetry, web};
use slipway_contract::DevicePreference;
use slipway_domain::{CommitTemplates, Diagnostic, ForgeId, People, Rules, SourceName};
use slipway_executor::Settings as ExecutorSettings;
use slipway_forge::Secret;
use slipway_gate::policy::Policy;
use slipway_git::{Identity, Remote};

pub use file::{ServerFile, default_address};
pub use listening::address_on_this_machine;

/// The server's file where no other is named.
pub const FILE: &str = "slipway-server.yaml";

/// Everything the server is started with.
#[derive(Debug)]
pub struct Settings {
    /// Folder that holds all of the server's state.
    pub state: PathBuf,
    /// The HTTP side.
    pub web: web::Settings,
    /// The database.
    pub store: slipway_store::Settings,
    /// The artifact store.
    pub artifacts: slipway_artifacts::Settings,
    /// Where jobs run.
    pub executor: ExecutorSettings,
    /// Jobs at a time.
    pub workers: usize,
    /// Threads of a job.
    pub threads: u32,
    /// Where jobs compute.
    pub device: DevicePreference,
    /// Who signs promotions.
    pub committer: Identity,
    /// Repositories that are served.
    pub sources: BTreeMap<SourceName, Source>,
    /// Webhooks that several sources share.
    pub webhooks: BTreeMap<SourceName, Webhook>,
    /// Environments that may be written.
    pub environments: BTreeMap<SourceName, Environment>,
    /// Who is who.
    pub people: People,
    /// Policies that no model's policy can loosen.
    pub mandatory_policies: Vec<Policy>,
    /// What is kept, and for how long.
    pub garbage_collection: GarbageCollection,
    /// The git server beside this one, if there is one.
    pub git_server: Option<web::GitServerSettings>,
    /// How the work is shared.
    pub limits: Limits,
    /// Traces.
    pub telemetry: telemetry::Settings,
}

/// How the work is shared.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Runs of one repository that may be under way at a time.
    pub max_runs_per_source: u32,
    /// After how long without a sign of life another server takes over.
    pub lease: Duration,
    /// How often missed pushes are looked for.
    pub reconcile_interval: Duration,
    /// How often environments are looked at for changes by hand.
    pub sync_interval: Duration,
}

/// An environment that may be written.
#[derive(Debug)]
pub struct Environment {
    /// The repository and the branch its manifests are on.
    pub remote: Remote,
    /// The folder they are in; all of the branch if `None`.
    pub folder: Option<String>,
    /// Its rules.
    pub rules: Rules,
    /// How promotions are requested; they are commits to the branch if `None`.
    pub requests: Option<Requests>,
    /// The sources that models belong to, whoever promotes them first.
    pub owners: BTreeMap<String, SourceName>,
    /// Who may hold and roll back from a forge, by their names.
    pub operators: BTreeSet<String>,
    /// What the commits of promotions say.
    pub commit: CommitTemplates,
}

/// A webhook that several sources share.
#[derive(Debug)]
pub struct Webhook {
    /// The forge that sends there.
    pub forge: slipway_forge::Settings,
    /// Its secrets.
    pub secrets: Vec<Secret>,
}

/// A repository that is served.
#[derive(Debug)]
pub struct Source {
    /// Which forge it lives on.
    pub forge: slipway_forge::Settings,
    /// The forge's API.
    pub api: Option<Arc<dyn slipway_forge::ForgeApi>>,
    /// Whether runs are told of by notes on the commits.
    pub notes: bool,
    /// The repository and its served branch.
    pub remote: Remote,
    /// Secrets of its own webhook; none if it only shares one.
    pub secrets: Vec<Secret>,
    /// The webhook that it shares.
    pub webhook: Option<SourceName>,
    /// The name of its repository at the forge: what `api` says, or else the path of its address.
    pub repository_name: String,
    /// The identifier of its repository at the forge, if it is set.
    pub repository_id: Option<ForgeId>,
    /// The environment its models are promoted to.
    pub environment: SourceName,
    /// Which of its changes are judged.
    pub pull_requests: PullRequestPolicy,
    /// Whether drafts are judged before they are marked ready.
    pub judge_drafts: bool,
    /// The label that a change has to have to be judged.
    pub label: Option<String>,
    /// Priority of its runs.
    pub priority: i32,
}

/// A sound file: what stands in the place of mistakes while the rest of a file is looked through.
const SAMPLE: &str = "
apiVersion: slipway.dev/v1alpha1
kind: Server
state: state
sources: [{name: sample, forge: plain, url: \"https://git.example/models.git\", secret: {file: secret}, environment: sample}]
environments: [{name: sample, url: \"https://git.example/environment.git\"}]
";

/// Reads the server's file; relative paths in it are relative to its folder.
pub fn load(path: &Path) -> Result<Settings, Vec<Diagnostic>> {
    let (settings, problems) = read(path)?;
    match settings {
        Some(settings) if problems.found.is_empty() => Ok(settings),
        _ => Err(problems.found),
    }
}

/// All that is wrong with the server's file, and with what it names on this machine: a server would start, and could not work.
pub fn check(path: &Path) -> Vec<Diagnostic> {
    found(path, host_checks::check)
}

/// The same, and what is wrong with the repositories that it names: their servers are asked.
pub fn check_with_remotes(path: &Path) -> Vec<Diagnostic> {
    found(path, |settings, problems| {
        host_checks::check(settings, problems);
        remotes::check(settings, problems);
    })
}

/// The mistakes in the file, and those that `check` adds of settings that could be made.
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

/// The settings as far as they could be made, and the mistakes in them.
fn read(path: &Path) -> Result<(Option<Settings>, Problems), Vec<Diagnostic>> {
    let name = path.display().to_string();
    let unreadable = |error: std::io::Error| {
        let help =
            "`slipway serve --config FILE` needs the server's settings; docs/adoption.md shows the smallest that work";
        vec![Diagnostic::new(&name, format!("the file cannot be read: {error}")).help(help)]
    };
    let text = std::fs::read_to_string(path).map_err(unreadable)?;
    let folder = path.parent().map(Path::to_path_buf).unwrap_or_default();
    let folder = std::path::absolute(if folder.as_os_str().is_empty() { Path::new(".") } else { &folder })
        .map_err(unreadable)?;
    let slipway_yaml::Recovered { value, mistakes, guesses } =
        slipway_yaml::read_all::<ServerFile>(&name, &text, SAMPLE, &|_| false);
    let mut problems = Problems { name, text, found: mistakes, guesses };
    // Settings name each other: where a name is a guess, what is said of others would be one as well.
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

/// Mistakes found while settings are settled, each at its key.
struct Problems {
    name: String,
    text: String,
    found: Vec<Diagnostic>,
    /// What of the file is a guess in the place of a mistake.
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

    /// The value, or nothing and a mistake at `key`.
    fn take<T>(&mut self, key: &str, value: Result<T, impl std::fmt::Display>) -> Option<T> {
        value.map_err(|error| self.add(key, error)).ok()
    }
}
