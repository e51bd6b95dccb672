//! Follows an environment repository: serves the artifacts that its manifests name, without a cluster.
//!
//! What fails keeps the model that answers: a git server that is away, a manifest that cannot be read, an artifact that is missing or
//! damaged. The next attempt is made after the interval.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use slipway_contract::Digest;
use slipway_git::{Credentials, GitError, Mirror, Remote};
use slipway_manifest::{Field, inspect, is_before_first_promotion};
use tokio_util::sync::CancellationToken;

use crate::registry::{Loaded, Registry, Source};

/// The largest manifest that is read, in bytes.
const MAX_MANIFEST_BYTES: u64 = 1 << 20;
/// The most manifests that are read.
const MAX_MANIFESTS: usize = 10_000;

/// What is followed.
#[derive(Debug)]
pub struct Settings {
    /// The address of the environment repository, `http` or `https`.
    pub url: String,
    /// The branch.
    pub branch: String,
    /// The login, if the repository is not public.
    pub credentials: Option<Credentials>,
    /// The folder of the manifests in the repository; empty for the whole repository.
    pub folder: String,
    /// The folder of the artifact store.
    pub store: PathBuf,
    /// A folder of this machine for the mirror of the repository.
    pub cache: PathBuf,
}

/// Follows one environment.
pub struct Follower {
    mirror: Mirror,
    /// With a slash at its end, unless it is empty.
    folder: String,
    store: PathBuf,
    registry: Arc<Registry>,
    /// The commit whose artifacts all answer.
    done: Option<String>,
    /// The models that come from the environment.
    names: BTreeSet<String>,
}

/// What the manifests of a commit name.
#[derive(Debug, Default, PartialEq, Eq)]
struct Named {
    /// The values of the marked digests, by model.
    digests: BTreeMap<String, BTreeSet<String>>,
    /// Why some marks may be missing.
    faults: Vec<String>,
}

impl Follower {
    /// Opens the mirror, without a request.
    ///
    /// # Errors
    /// The address, the branch or the folder of the mirror cannot be used.
    pub fn new(settings: Settings, registry: Arc<Registry>) -> Result<Self, GitError> {
        let Settings { url, branch, credentials, folder, store, cache } = settings;
        let mirror = Mirror::open(&cache, Remote::new(&url, &branch, credentials)?)?;
        let folder = folder.trim_matches('/');
        let folder = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        Ok(Self { mirror, folder, store, registry, done: None, names: BTreeSet::new() })
    }

    /// Fetches the environment, and loads the artifacts that it names now. It blocks.
    fn step(&mut self) {
        let fetched = self.mirror.fetch();
        if let Err(error) = &fetched {
            tracing::warn!("the environment cannot be fetched: {error}");
        }
        // Without a connection, what was fetched before is served.
        let Some(tip) = fetched.ok().or_else(|| self.mirror.known_tip()) else { return };
        if self.done.as_deref() == Some(tip.as_str()) {
            return;
        }
        let is_manifest = |path: &str| path.starts_with(&self.folder) && is_yaml(path);
        let named = self.mirror.find_files(&tip, &is_manifest).and_then(|files| {
            let mut named = Named::default();
            if files.len() > MAX_MANIFESTS {
                named.faults.push(format!("there are {} manifests, expected at most {MAX_MANIFESTS}", files.len()));
            }
            for file in files.iter().take(MAX_MANIFESTS) {
                if file.size > MAX_MANIFEST_BYTES {
                    named.faults.push(format!(
                        "`{}` has {} bytes, expected at most {MAX_MANIFEST_BYTES}",
                        file.path, file.size
                    ));
                } else {
                    named.add(&file.path, &self.mirror.read_found(file)?);
                }
            }
            Ok(named)
        });
        match named {
            Ok(named) => {
                if self.serve(&named) {
                    self.done = Some(tip.as_str().to_owned());
                }
            }
            Err(error) => tracing::warn!("the environment cannot be read: {error}"),
        }
    }

    /// Loads what is named. Returns whether all of it answers.
    fn serve(&mut self, named: &Named) -> bool {
        let mut is_whole = true;
        for fault in &named.faults {
            tracing::warn!("marks of the environment cannot be followed: {fault}");
        }
        for (name, values) in &named.digests {
            match one(values) {
                Ok(None) => {}
                Ok(Some(digest)) => {
                    self.names.insert(name.clone());
                    self.registry.declare(name, Source::in_store(&self.store, &digest));
                    is_whole &= self.load(name);
                }
                Err(problem) => {
                    tracing::error!(model = %name, "`{name}` keeps its artifact: {problem}");
                    is_whole = false;
                }
            }
        }
        // A manifest that cannot be read may hold the marks of a model that seems to be gone.
        if named.faults.is_empty() {
            let gone: Vec<String> =
                self.names.iter().filter(|name| !named.digests.contains_key(*name)).cloned().collect();
            for name in gone {
                tracing::info!(model = %name, "`{name}` is no longer marked, and answers no more");
                self.registry.remove(&name);
                self.names.remove(&name);
            }
        }
        is_whole
    }

    fn load(&self, name: &str) -> bool {
        let begun = Instant::now();
        match self.registry.load(name) {
            Ok(Loaded::Swapped(artifact)) => {
                tracing::info!(
                    model = %name, %artifact, "`{name}` answers by {artifact} after {} ms", begun.elapsed().as_millis()
                );
                true
            }
            Ok(Loaded::Unchanged) => true,
            Err(error) => {
                tracing::error!(model = %name, "`{name}` keeps its artifact: {error}");
                false
            }
        }
    }
}

impl Named {
    /// Adds the marks of a manifest.
    fn add(&mut self, path: &str, content: &[u8]) {
        let inspection = inspect(path, content);
        if inspection.faults.iter().any(slipway_manifest::MarkFault::hides_a_digest) {
            self.faults.push(format!("`{path}` cannot be read, or has a mark of a digest that is not sound"));
        }
        for marker in inspection.markers.into_iter().filter(|marker| marker.field == Field::Digest) {
            self.digests.entry(marker.model).or_default().insert(marker.value);
        }
    }
}

fn is_yaml(path: &str) -> bool {
    Path::new(path).extension().is_some_and(|extension| extension == "yaml" || extension == "yml")
}

/// The artifact that values name together; `None` before the first promotion.
fn one(values: &BTreeSet<String>) -> Result<Option<Digest>, String> {
    let named: Vec<&String> = values.iter().filter(|value| !is_before_first_promotion(value)).collect();
    match named[..] {
        [] => Ok(None),
        [digest] => digest.parse().map(Some).map_err(|error| format!("{error}")),
        _ => Err(format!("the manifests name {} artifacts", named.len())),
    }
}

/// Follows an environment until `stop`.
pub async fn follow(follower: Follower, interval: Duration, stop: CancellationToken) {
    let follower = Arc::new(Mutex::new(follower));
    loop {
        let next = follower.clone();
        let work = tokio::task::spawn_blocking(move || next.lock().unwrap_or_else(PoisonError::into_inner).step());
        tokio::select! {
            () = stop.cancelled() => return,
            ended = work => if ended.is_err() {
                tracing::error!("following the environment stopped with a defect, and goes on");
            },
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(interval) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_of_several_manifests_name_one_artifact_together() {
        let digest = Digest::of(b"weights");
        let mut named = Named::default();
        named.add("a.yaml", format!("a: {digest} # {{\"slipway\": \"m:digest\"}}\n").as_bytes());
        named.add("b.yaml", b"b: none # {\"slipway\": \"m:digest\"}\nc: x # {\"slipway\": \"m:run\"}\n");
        assert_eq!(one(&named.digests["m"]), Ok(Some(digest)));
        named.add("c.yaml", format!("a: {} # {{\"slipway\": \"m:digest\"}}\n", Digest::of(b"others")).as_bytes());
        assert!(one(&named.digests["m"]).expect_err("unclear").contains("2 artifacts"));
        assert!(named.faults.is_empty(), "{:?}", named.faults);
        named.add("d.yaml", b"a: {b # {\"slipway\": \"n:digest\"}\n");
        assert!(!named.faults.is_empty(), "a manifest that cannot be read may hold marks");
        assert_eq!(one(&BTreeSet::from(["none".to_owned()])), Ok(None));
    }
}
