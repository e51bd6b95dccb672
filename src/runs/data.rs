//! Data outside of git: replaces the pointers among the exported files of a model by the files that they name, from the cache or
//! from their source. Only the controller has the logins for that; a job receives the files.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use slipway_contract::{Digest, FileAddress};
use tokio_util::sync::CancellationToken;

use super::Runs;
use super::plan::{Plan, refused};
use super::train::SOURCE;
use crate::context::{StepError, blocking, retry_transient};
use crate::repository::{Revision, source};
use slipway_data::{Cache, DataError, DataManifest, ManifestFile, Stores, Wanted};
use slipway_domain::{Diagnostic, Retry, Run};
use slipway_git::{GitError, LfsFile, SourceTree};

/// Name of the manifest of data outside of git, beside an artifact.
pub(super) const MANIFEST: &str = "data.json";

/// The files of a model in a job's folder.
pub(crate) struct Exported {
    /// Those of git. Pointers among them were replaced in the folder.
    pub(crate) tree: SourceTree,
    /// Those from outside of git.
    pub(crate) data: DataManifest,
}

/// A file from outside of git, and where it is written.
#[derive(Clone)]
struct Placed {
    wanted: Wanted,
    into: PathBuf,
    origin: Origin,
}

/// Where a file is stored.
#[derive(Clone)]
enum Origin {
    Lfs(LfsFile),
    Address(String),
}

/// Why a file could not be provided.
enum Problem {
    Git(GitError),
    Data(DataError),
}

impl From<GitError> for Problem {
    fn from(error: GitError) -> Self {
        Self::Git(error)
    }
}

impl From<DataError> for Problem {
    fn from(error: DataError) -> Self {
        Self::Data(error)
    }
}

impl Problem {
    /// The end of the step: a mistake of the repository refuses the run, and an outage is tried again.
    fn ends(self, run: &Run) -> StepError {
        let (retry, reason) = match self {
            // The settings of the server have to change, and not the repository.
            Self::Git(error) if !matches!(error, GitError::LfsObject { .. }) => return error.into(),
            Self::Git(error) => (error.retry(), error.to_string()),
            Self::Data(error) if error.is_of_settings() => {
                return StepError::Transient { retry: error.retry(), reason: error.to_string() };
            }
            Self::Data(error) => (error.retry(), error.to_string()),
        };
        match retry {
            Retry::Never => refused(vec![Diagnostic::new(&run.cause.file, reason)]),
            retry => StepError::Transient { retry, reason },
        }
    }
}

impl Runs {
    /// Writes the files from outside of git into the job's folder, in the place of their pointers.
    pub(super) async fn provide_data(
        &self,
        run: &Run,
        plan: &Plan,
        tree: &SourceTree,
        folder: &Path,
    ) -> Result<DataManifest, StepError> {
        let addresses = plan.written.addresses();
        if tree.pointers.is_empty() && addresses.is_empty() {
            return Ok(DataManifest::default());
        }
        self.check_pointers_of_fork(run, plan, tree).await?;
        let access = self.context.source(run)?.data.clone();
        let source = folder.join(SOURCE);
        let placed = lfs_files(tree, &source, access.max_bytes).and_then(|mut placed| {
            let of_lfs: u64 = placed.iter().filter_map(|file| file.wanted.size).sum();
            placed.extend(addressed_files(addresses, &source, access.max_bytes - of_lfs)?);
            Ok(placed)
        });
        let placed = placed.map_err(|problem| problem.ends(run))?;
        let (cache, all) = (self.context.settings.data_cache.clone(), placed.clone());
        let missing = blocking(move || missing_in(&cache, all)).await?.map_err(|problem| problem.ends(run))?;
        let (of_lfs, others): (Vec<Placed>, Vec<Placed>) =
            missing.into_iter().partition(|placed| matches!(placed.origin, Origin::Lfs(_)));
        if !of_lfs.is_empty() {
            self.download(run, of_lfs).await?;
        }
        let cache = self.context.settings.data_cache.clone();
        let fetched = blocking(move || {
            others.iter().try_for_each(|placed| fetch(&cache, &access.stores, placed))?;
            manifest_of(placed, access.max_bytes)
        });
        fetched.await?.map_err(|problem| problem.ends(run))
    }

    /// Downloads objects of Git LFS, within the limits for calls to git servers.
    async fn download(&self, run: &Run, missing: Vec<Placed>) -> Result<(), StepError> {
        let mirror = self.context.source(run)?.mirror.clone();
        let (cache, called) = (self.context.settings.data_cache.clone(), mirror.clone());
        let downloaded = self.context.remotes.call(&mirror, move || {
            let files: Vec<LfsFile> = missing.iter().filter_map(Placed::lfs).cloned().collect();
            called.download_lfs::<Problem>(&files, &mut |file, object| keep(&cache, &missing, file, object))
        });
        downloaded.await?.map_err(|problem| problem.ends(run))
    }

    /// Refuses a revision of a fork with a pointer or an address that the revision before it does not have: the logins of the source
    /// must not fetch what the author of a fork chooses.
    async fn check_pointers_of_fork(&self, run: &Run, plan: &Plan, tree: &SourceTree) -> Result<(), StepError> {
        if !run.cause.pull_request.as_ref().is_some_and(|pull_request| pull_request.fork) {
            return Ok(());
        }
        let mirror = self.context.source(run)?.mirror.clone();
        let (base, files, file) = (run.cause.base.clone(), plan.files.clone(), run.cause.file.clone());
        let known = blocking(move || {
            let Some(base) = base else { return Ok((Vec::new(), Vec::new())) };
            let pointers = mirror.lfs_pointers(&base, &|path| files.contain(path))?;
            let text = source::read_text(&Revision { mirror: &mirror, commit: &base }, &file)?;
            let model = text.and_then(Result::ok).and_then(|text| source::valid_model(&file, &text));
            Ok::<_, GitError>((pointers, model.map(|model| model.addresses()).unwrap_or_default()))
        });
        let (pointers, addresses) = known.await??;
        let pointers: BTreeSet<String> = pointers.into_iter().map(|file| file.pointer.oid).collect();
        let new = tree.pointers.iter().filter(|file| !pointers.contains(&file.pointer.oid));
        let mut new: Vec<String> = new.map(|file| format!("{}{}", plan.files.folder(), file.path)).collect();
        let is_known =
            |file: &FileAddress| addresses.iter().any(|known| (&known.url, &known.sha256) == (&file.url, &file.sha256));
        let written = plan.written.addresses();
        new.extend(written.iter().filter(|file| !is_known(file)).map(|_| run.cause.file.clone()));
        new.dedup();
        let mistakes = new.into_iter().map(|path| {
            let message = "the pointer to data is new, and the revision is from a fork";
            Diagnostic::new(path, message).help("a person who may push to the repository has to push new data")
        });
        let mistakes: Vec<Diagnostic> = mistakes.collect();
        if mistakes.is_empty() { Ok(()) } else { Err(refused(mistakes)) }
    }

    /// Stores the manifest of data from outside of git beside an artifact.
    pub(super) async fn store_manifest(
        &self,
        artifact: &Digest,
        exported: &Exported,
        cancel: &CancellationToken,
    ) -> Result<(), StepError> {
        if exported.data.is_empty() {
            return Ok(());
        }
        let (artifacts, document) = (&self.context.artifacts, exported.data.document());
        retry_transient(cancel, || artifacts.put_document(artifact, MANIFEST, document.clone())).await?;
        Ok(())
    }
}

/// The files that pointers of Git LFS name, within a limit for all of them together.
fn lfs_files(tree: &SourceTree, source: &Path, limit: u64) -> Result<Vec<Placed>, Problem> {
    let mut left = limit;
    let placed = tree.pointers.iter().map(|LfsFile { path, pointer }| {
        let too_large = || DataError::TooLarge { path: path.clone(), limit };
        left = left.checked_sub(pointer.size).ok_or_else(too_large)?;
        let sha256 = Digest::of_hex(&pointer.oid).expect("64 hexadecimal digits");
        let wanted = Wanted { path: path.clone(), sha256, size: Some(pointer.size), limit };
        let origin = Origin::Lfs(LfsFile { path: path.clone(), pointer: pointer.clone() });
        Ok(Placed { wanted, into: source.join(path), origin })
    });
    placed.collect()
}

/// The files at addresses. A file that is used twice is one file.
fn addressed_files(addresses: Vec<FileAddress>, source: &Path, limit: u64) -> Result<Vec<Placed>, DataError> {
    let mut placed: Vec<Placed> = Vec::new();
    for FileAddress { key: _, file: path, url, sha256 } in addresses {
        if placed.iter().any(|placed| placed.wanted.path == path) {
            continue;
        }
        let into = source.join(&path);
        if let Some(folder) = into.parent() {
            let failed = |error| DataError::File { file: folder.display().to_string(), error };
            std::fs::create_dir_all(folder).map_err(failed)?;
        }
        placed.push(Placed { wanted: Wanted { path, sha256, size: None, limit }, into, origin: Origin::Address(url) });
    }
    Ok(placed)
}

/// Reads a file from its address.
fn fetch(cache: &Cache, stores: &Stores, placed: &Placed) -> Result<(), Problem> {
    if let Origin::Address(url) = &placed.origin {
        let mut file = stores.open(&placed.wanted.path, url)?;
        cache.fill(&placed.wanted, &mut file, &placed.into)?;
    }
    Ok(())
}

/// The manifest of the files, which are all there, within a limit for all of them together.
fn manifest_of(placed: Vec<Placed>, limit: u64) -> Result<DataManifest, Problem> {
    let (mut files, mut left) = (Vec::new(), limit);
    for Placed { wanted: Wanted { path, sha256, .. }, into, origin: _ } in placed {
        let failed = |error| DataError::File { file: into.display().to_string(), error };
        let size = std::fs::metadata(&into).map_err(failed)?.len();
        left = left.checked_sub(size).ok_or_else(|| DataError::TooLarge { path: path.clone(), limit })?;
        files.push(ManifestFile { path, size, sha256 });
    }
    Ok(DataManifest::new(files))
}

impl Placed {
    /// Its pointer, if it is in Git LFS.
    fn lfs(&self) -> Option<&LfsFile> {
        match &self.origin {
            Origin::Lfs(file) => Some(file),
            Origin::Address(_) => None,
        }
    }
}

/// Copies the cached files, and returns the others.
fn missing_in(cache: &Cache, files: Vec<Placed>) -> Result<Vec<Placed>, Problem> {
    let mut missing = Vec::new();
    for file in files {
        match cache.copy(&file.wanted.sha256, &file.into)? {
            Some(size) if file.wanted.size.is_none_or(|wanted| wanted == size) => {}
            Some(size) => return Err(other_size(&file.wanted, size).into()),
            None => missing.push(file),
        }
    }
    Ok(missing)
}

/// The error for a pointer whose size is not that of the file with its digest.
fn other_size(wanted: &Wanted, size: u64) -> DataError {
    DataError::OtherBytes {
        path: wanted.path.clone(),
        expected: format!("{} bytes", wanted.size.unwrap_or_default()),
        found: format!("{size} bytes"),
    }
}

/// Verifies and keeps an object, and writes it to every place that needs it.
fn keep(cache: &Arc<Cache>, missing: &[Placed], file: &LfsFile, object: &mut dyn Read) -> Result<(), Problem> {
    let is_same = |placed: &&Placed| placed.wanted.sha256.hex() == file.pointer.oid;
    let mut places = missing.iter().filter(is_same);
    let Some(first) = places.next() else { return Ok(()) };
    let size = cache.fill(&first.wanted, object, &first.into)?;
    for further in places {
        if further.wanted.size != Some(size) {
            return Err(other_size(&further.wanted, size).into());
        }
        std::fs::copy(&first.into, &further.into)
            .map_err(|error| DataError::File { file: further.into.display().to_string(), error })?;
    }
    Ok(())
}
