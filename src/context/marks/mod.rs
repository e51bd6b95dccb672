//! The marks in an environment's files, cached by the content of the files, so that a new tip costs only its changes.

mod file;
mod manifests;
mod searched;
#[cfg(test)]
mod tests;
mod unmarked;

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use crate::context::StepError;
use file::FileMarks;
use slipway_contract::Digest;
use slipway_domain::{DeployedArtifact, Diagnostic};
use slipway_git::{GitError, Held, TreeFile};
use slipway_manifest::{Field, Marker, Values, is_before_first_promotion, is_slip_of};

pub use file::not_utf8;
pub(crate) use manifests::Manifests;
pub use searched::{MAX_MANIFEST_BYTES, is_called_manifest, is_pointer, largest_manifest, may_be_marked};
pub(crate) use unmarked::Unmarked;
pub use unmarked::{NO_LFS, mark_digest};
use unmarked::{kept_away, misspelt};

/// Maximum number of files in the cache. A full cache is cleared.
const MAX_REMEMBERED: usize = 100_000;

/// The files of the environment with marks of a model, and the artifact that they name together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Marked {
    /// Paths of the files.
    pub(crate) files: Vec<String>,
    /// The artifact that they name.
    pub(crate) deployed: DeployedArtifact,
}

/// The path of a file, and its marks.
type Searched = (String, Arc<FileMarks>);

/// Finds the marks of an environment.
pub(crate) struct Marks {
    /// The folder of the environment in its repository, with a trailing slash; empty for the whole repository.
    folder: String,
    held: Held,
    /// By blob and path.
    known: Mutex<HashMap<(String, String), Arc<FileMarks>>>,
}

impl Marks {
    /// The marks below a folder; `None` is the whole repository.
    pub(crate) fn below(folder: Option<&str>) -> Self {
        let folder = folder.map_or_else(String::new, |folder| format!("{}/", folder.trim_matches('/')));
        Self { folder, held: searched::manifests().clone(), known: Mutex::default() }
    }

    /// Whether a path can be a manifest of the environment.
    pub(crate) fn may_hold(&self, path: &str) -> bool {
        path.starts_with(&self.folder) && self.held.most_bytes(path) > 0
    }

    /// The model's marks at a revision. It is refused if there are none, because nothing can be promoted then.
    pub(crate) fn find(&self, manifests: &impl Manifests, model: &str) -> Result<Marked, StepError> {
        self.find_if_marked(manifests, model)?.map_err(|why| why.refusal(model))
    }

    /// Writes values into a model's marked places without keeping the result, so that a refusal of the promotion is reported
    /// before training. Returns the places and the artifact that they name now.
    pub(crate) fn dry_run(
        &self,
        manifests: &impl Manifests,
        model: &str,
        values: &Values,
    ) -> Result<Marked, StepError> {
        let marked = self.find(manifests, model)?;
        for file in manifests.files(&self.held)?.iter().filter(|file| marked.files.contains(&file.path)) {
            match manifests.check_unfiltered(file) {
                Err(GitError::UnusablePath { path, problem, help, .. }) => {
                    return Err(refusal_of(&Diagnostic::new(path, format!("this file {problem}")).help(help)));
                }
                checked => checked?,
            }
            let content = manifests.read(file)?;
            slipway_manifest::set(&file.path, &content, model, values)
                .map_err(|refusal| refusal_of(refusal.diagnostic()))?;
        }
        Ok(marked)
    }

    /// The model's marks at a revision, or the reason why none names its champion. It is refused if a promotion would leave
    /// something unchanged: text that only resembles one of its marks, marks of a misspelt name, or an unreadable manifest.
    pub(crate) fn find_if_marked(
        &self,
        manifests: &impl Manifests,
        model: &str,
    ) -> Result<Result<Marked, Unmarked>, StepError> {
        let all = self.all(manifests)?;
        let here: Vec<&Searched> = self.in_folder(&all).collect();
        let known: BTreeSet<&str> = here.iter().flat_map(|(_, marks)| digests(marks)).map(|it| &*it.model).collect();
        let is_marked = here.iter().any(|(_, marks)| marks.of_model(model).next().is_some());
        for (path, marks) in &here {
            if let Some(fault) = marks.fault_for(model, &|name| known.contains(name), is_marked) {
                return Err(refusal_of(&fault));
            }
            let is_slip =
                |marker: &&Marker| is_marked && !known.contains(&*marker.model) && is_slip_of(&marker.model, model);
            if let Some(marker) = marks.inspection.markers.iter().find(is_slip) {
                return Err(refusal_of(&misspelt(path, marker, model)));
            }
            if is_marked && marks.is_pointer && is_called_manifest(path) {
                return Err(refusal_of(&kept_away(path, model)));
            }
        }
        Ok(find_marked(&here, model).ok_or_else(|| self.why_unmarked(&all, model)))
    }

    /// The artifact that a revision names for a model. Faults that do not hide it are ignored.
    pub(crate) fn deployed(&self, manifests: &impl Manifests, model: &str) -> Result<DeployedArtifact, StepError> {
        let all = self.all(manifests)?;
        let here: Vec<&Searched> = self.in_folder(&all).collect();
        if let Some(fault) = here.iter().find_map(|(_, marks)| marks.hides_digest(model)) {
            return Err(refusal_of(&fault));
        }
        let marked = find_marked(&here, model);
        marked.map(|marked| marked.deployed).ok_or_else(|| self.why_unmarked(&all, model).refusal(model))
    }

    /// Marks of names that are close to a model's name, if nothing was promoted to them yet. They may be misspellings if no model
    /// has that name.
    pub(crate) fn close_names(
        &self,
        manifests: &impl Manifests,
        model: &str,
    ) -> Result<Vec<(String, Diagnostic)>, GitError> {
        let all = self.all(manifests)?;
        let here: Vec<&Searched> = self.in_folder(&all).collect();
        let is_in_use = |name: &str| {
            let mut values = here.iter().flat_map(|(_, marks)| digests(marks)).filter(|marker| marker.model == name);
            values.any(|marker| !is_before_first_promotion(&marker.value))
        };
        let markers = here.iter().flat_map(|(path, marks)| marks.inspection.markers.iter().map(move |it| (path, it)));
        let close = markers.filter(|(_, marker)| is_slip_of(&marker.model, model) && !is_in_use(&marker.model));
        Ok(close.map(|(path, marker)| (marker.model.clone(), misspelt(path, marker, model))).collect())
    }

    fn why_unmarked(&self, all: &[Searched], model: &str) -> Unmarked {
        let (mut here, mut elsewhere): (Vec<_>, Vec<_>) = all.iter().partition(|(path, _)| self.holds(path));
        let is_of_model = |(_, marks): &&Searched| marks.of_model(model).next().is_some();
        let markers = here.iter().flat_map(|(path, marks)| marks.inspection.markers.iter().map(move |it| (path, it)));
        let close = markers.into_iter().find(|(_, marker)| is_slip_of(&marker.model, model)).map(|(path, marker)| {
            let at = marker.position.line;
            format!("write `{}` in `{path}` on line {at} if you mean that model", marker.of_model(model))
        });
        if let Some((file, _)) = here.iter().copied().find(is_of_model) {
            return Unmarked::NoDigest { file: file.clone(), close };
        }
        here.retain(|(_, marks)| marks.is_pointer);
        elsewhere.retain(is_of_model);
        match (elsewhere.first(), here.first()) {
            (Some((file, _)), _) => {
                Unmarked::Elsewhere { file: file.clone(), folder: self.folder.trim_end_matches('/').to_owned() }
            }
            (None, Some((file, _))) => Unmarked::Pointer(file.clone()),
            (None, None) => Unmarked::Nowhere { close },
        }
    }

    /// Whether a path is in the environment's folder.
    fn holds(&self, path: &str) -> bool {
        path.starts_with(&self.folder)
    }

    fn in_folder<'all>(&self, all: &'all [Searched]) -> impl Iterator<Item = &'all Searched> {
        all.iter().filter(|(path, _)| self.holds(path))
    }

    /// The models whose digest is marked at a revision. Unreadable files contain no marks.
    pub(crate) fn models(&self, manifests: &impl Manifests) -> Result<BTreeSet<String>, GitError> {
        self.models_where(manifests, |_| true)
    }

    /// The models whose digest is marked in some of the files at a revision. `paths` must be sorted.
    pub(crate) fn models_in(&self, manifests: &impl Manifests, paths: &[String]) -> Result<BTreeSet<String>, GitError> {
        self.models_where(manifests, |path| paths.binary_search_by(|known| known.as_str().cmp(path)).is_ok())
    }

    fn models_where(
        &self,
        manifests: &impl Manifests,
        is_meant: impl Fn(&str) -> bool,
    ) -> Result<BTreeSet<String>, GitError> {
        let all = self.all(manifests)?;
        let meant = self.in_folder(&all).filter(|(path, _)| is_meant(path));
        Ok(meant.flat_map(|(_, marks)| digests(marks)).map(|marker| marker.model.clone()).collect())
    }

    /// The marks of all files, including those outside the folder.
    fn all(&self, manifests: &impl Manifests) -> Result<Vec<Searched>, GitError> {
        let marks = |file: TreeFile| {
            let marks = self.marks_of(manifests, &file)?;
            Ok((file.path, marks))
        };
        manifests.files(&self.held)?.into_iter().map(marks).collect()
    }

    fn marks_of(&self, manifests: &impl Manifests, file: &TreeFile) -> Result<Arc<FileMarks>, GitError> {
        let known = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        // The path is part of the key, because messages contain it and faults depend on it. Files with equal content have
        // separate entries.
        let key = (file.blob.clone(), file.path.clone());
        if let Some(marks) = known().get(&key) {
            return Ok(marks.clone());
        }
        let content = manifests.read(file)?;
        let marks = Arc::new(FileMarks::of(&file.path, &content));
        let mut known = known();
        if known.len() >= MAX_REMEMBERED {
            known.clear();
        }
        known.insert(key, marks.clone());
        Ok(marks)
    }
}

/// The marks of digests in a file.
fn digests(marks: &FileMarks) -> impl Iterator<Item = &Marker> {
    marks.inspection.markers.iter().filter(|marker| marker.field == Field::Digest)
}

/// The mistake of a mark of a digest whose value names no artifact and is not one of the values before the first promotion, so
/// that no model could be compared with the champion.
pub(crate) fn no_artifact(path: &str, marker: &Marker) -> Option<Diagnostic> {
    if marker.field != Field::Digest || is_before_first_promotion(&marker.value) {
        return None;
    }
    let error = marker.value.parse::<Digest>().err()?;
    let help = "write `none` before the first promotion; afterwards Slipway writes the digest";
    Some(
        Diagnostic::new(path, format!("the marked `digest` names no artifact: {error}")).at(marker.position).help(help),
    )
}

/// A refusal because of a fault in the environment's files.
pub(crate) fn refusal_of(diagnostic: &Diagnostic) -> StepError {
    let reason = format!("the environment cannot be edited: {diagnostic}");
    StepError::Refused { reason, diagnostics: Vec::new() }
}

/// The files with marks of a model, and the artifact that they name together; `None` if none marks its digest.
fn find_marked(here: &[&Searched], model: &str) -> Option<Marked> {
    let mut deployed: Vec<String> = Vec::new();
    let mut has_digest = false;
    for marker in here.iter().flat_map(|(_, marks)| digests(marks)).filter(|marker| marker.model == model) {
        has_digest = true;
        if !is_before_first_promotion(&marker.value) && !deployed.contains(&marker.value) {
            deployed.push(marker.value.clone());
        }
    }
    let files = here.iter().filter(|(_, marks)| marks.of_model(model).next().is_some());
    let files = files.map(|(path, _)| path.clone()).collect();
    has_digest.then(|| Marked { files, deployed: deployed_by_marks(&deployed) })
}

fn deployed_by_marks(deployed: &[String]) -> DeployedArtifact {
    match deployed {
        [] => DeployedArtifact::Nothing,
        [one] => match one.parse() {
            Ok(digest) => DeployedArtifact::Artifact(digest),
            Err(error) => DeployedArtifact::Unclear(format!("{error}")),
        },
        several => {
            DeployedArtifact::Unclear(format!("its manifests name {} artifacts: {}", several.len(), several.join(", ")))
        }
    }
}
