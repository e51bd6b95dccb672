//! The models by name: the version that answers, where its artifact is read from, and why the last load failed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use ort::environment::Environment;
use slipway_contract::Digest;

use crate::artifact::{self, ArtifactError};
use crate::version::{Limits, Version, VersionError};

/// Why a model cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// There is no model of this name.
    #[error("`{0}` is no model of this server")]
    Unknown(String),
    /// Its artifact cannot be read.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    /// Its artifact cannot be served.
    #[error(transparent)]
    Version(#[from] VersionError),
}

/// What a load did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Loaded {
    /// The same artifact answers as before.
    Unchanged,
    /// Another artifact answers now.
    Swapped(Digest),
}

/// The state of a model for lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// The name.
    pub name: String,
    /// The artifact that answers.
    pub artifact: Option<Digest>,
    /// Why there is none, or why the last load failed while an older artifact answers; empty if all is well.
    pub reason: String,
}

/// Where an artifact is, and which one is expected there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The folder of the artifact.
    pub folder: PathBuf,
    /// Its digest; `None` takes what is there.
    pub expected: Option<Digest>,
}

struct Model {
    source: Source,
    version: Option<Arc<Version>>,
    reason: String,
    /// Whether somebody unloaded it. Such a model does not make the server unready.
    is_unloaded: bool,
}

/// All models.
pub struct Registry {
    environment: &'static Environment,
    limits: Limits,
    models: RwLock<BTreeMap<String, Model>>,
    /// Held while a model is loaded: one at a time, so that memory is bounded.
    loading: Mutex<()>,
    swaps: AtomicU64,
    failures: AtomicU64,
}

impl Registry {
    /// A registry without models.
    pub fn new(environment: &'static Environment, limits: Limits) -> Self {
        Self {
            environment,
            limits,
            models: RwLock::default(),
            loading: Mutex::default(),
            swaps: AtomicU64::new(0),
            failures: AtomicU64::new(0),
        }
    }

    /// The limits of requests.
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// Names where the artifact of a model is, without loading it.
    pub fn declare(&self, name: &str, source: Source) {
        let mut models = self.models.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(model) = models.get_mut(name) {
            model.source = source;
        } else {
            let reason = "it is not loaded yet".to_owned();
            models.insert(name.to_owned(), Model { source, version: None, reason, is_unloaded: false });
        }
    }

    /// Removes a model. Requests that it accepted are answered.
    pub fn remove(&self, name: &str) {
        self.models.write().unwrap_or_else(PoisonError::into_inner).remove(name);
    }

    /// The names of all models.
    pub fn names(&self) -> Vec<String> {
        self.models.read().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect()
    }

    /// The version of a model that answers; `Err` says why there is none, or that the name is unknown.
    pub fn version(&self, name: &str) -> Result<Arc<Version>, Option<String>> {
        let models = self.models.read().unwrap_or_else(PoisonError::into_inner);
        let model = models.get(name).ok_or(None)?;
        model.version.clone().ok_or_else(|| Some(model.reason.clone()))
    }

    /// The versions that answer, by name.
    pub fn versions(&self) -> Vec<Arc<Version>> {
        let models = self.models.read().unwrap_or_else(PoisonError::into_inner);
        models.values().filter_map(|model| model.version.clone()).collect()
    }

    /// The states of all models, by name.
    pub fn states(&self) -> Vec<State> {
        let state = |(name, model): (&String, &Model)| State {
            name: name.clone(),
            artifact: model.version.as_ref().map(|version| version.identity().digest.clone()),
            reason: model.reason.clone(),
        };
        self.models.read().unwrap_or_else(PoisonError::into_inner).iter().map(state).collect()
    }

    /// Whether there are models, and every one that nobody unloaded answers.
    pub fn is_ready(&self) -> bool {
        let models = self.models.read().unwrap_or_else(PoisonError::into_inner);
        !models.is_empty() && models.values().all(|model| model.version.is_some() || model.is_unloaded)
    }

    /// Reads the artifact of a model again. The version before answers until the new one is warm, and keeps answering if the new
    /// one fails. It blocks.
    ///
    /// # Errors
    /// See [`LoadError`].
    pub fn load(&self, name: &str) -> Result<Loaded, LoadError> {
        let _loading = self.loading.lock().unwrap_or_else(PoisonError::into_inner);
        let loaded = self.load_now(name);
        if let Err(error) = &loaded {
            self.failures.fetch_add(1, Ordering::Relaxed);
            self.change(name, |model| model.reason = error.to_string());
        }
        loaded
    }

    fn load_now(&self, name: &str) -> Result<Loaded, LoadError> {
        let (source, present) = {
            let models = self.models.read().unwrap_or_else(PoisonError::into_inner);
            let model = models.get(name).ok_or_else(|| LoadError::Unknown(name.to_owned()))?;
            let present = model.version.as_ref().map(|version| version.identity().clone());
            (model.source.clone(), present)
        };
        let artifact = artifact::read(&source.folder, source.expected.as_ref())?;
        if present.as_ref() == Some(&artifact.identity) {
            self.change(name, |model| model.reason.clear());
            return Ok(Loaded::Unchanged);
        }
        let digest = artifact.identity.digest.clone();
        let version = Arc::new(Version::load(self.environment, name, artifact, self.limits)?);
        // Dropped after the lock: its threads answer what they accepted.
        let _before = self.change(name, |model| {
            model.reason.clear();
            model.is_unloaded = false;
            model.version.replace(version)
        });
        self.swaps.fetch_add(1, Ordering::Relaxed);
        Ok(Loaded::Swapped(digest))
    }

    /// Stops answering for a model.
    ///
    /// # Errors
    /// The name is unknown.
    pub fn unload(&self, name: &str) -> Result<(), LoadError> {
        let _loading = self.loading.lock().unwrap_or_else(PoisonError::into_inner);
        let unloaded = self.change(name, |model| {
            model.is_unloaded = true;
            "it was unloaded".clone_into(&mut model.reason);
            model.version.take()
        });
        unloaded.map(drop).ok_or_else(|| LoadError::Unknown(name.to_owned()))
    }

    fn change<T>(&self, name: &str, change: impl FnOnce(&mut Model) -> T) -> Option<T> {
        let mut models = self.models.write().unwrap_or_else(PoisonError::into_inner);
        models.get_mut(name).map(change)
    }

    /// How often an artifact was loaded, and how often a load failed.
    pub fn loads(&self) -> (u64, u64) {
        (self.swaps.load(Ordering::Relaxed), self.failures.load(Ordering::Relaxed))
    }
}

impl Source {
    /// An artifact in a store with the layout of Slipway's: `sha256/HEX`.
    pub fn in_store(store: &Path, digest: &Digest) -> Self {
        Self { folder: store.join("sha256").join(digest.hex()), expected: Some(digest.clone()) }
    }
}
