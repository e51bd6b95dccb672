//! Reads what a source repository says at a revision: model files, their globs, their policies.

use globset::{Glob, GlobBuilder, GlobSet, GlobSetBuilder};
use slipway_contract::{Fault, Model};

use crate::domain::{CommitSha, Diagnostic};
use crate::git::{GitError, Mirror};
use crate::yaml;

/// Name of the file that describes a model.
const MODEL_FILE: &str = "slipway.yaml";
/// Models one repository may hold.
const MOST_MODELS: usize = 500;
/// The largest model or policy file that is read, in bytes.
pub(super) const LARGEST_FILE: u64 = 1 << 20;

/// Reads a model file and finds all of its mistakes that need no data. `file` is its name in messages.
pub fn read_model(file: &str, text: &str) -> Result<Model, Vec<Diagnostic>> {
    let model: Model = yaml::read(file, text).map_err(|diagnostic| vec![diagnostic])?;
    let mut problems: Vec<Diagnostic> = model.problems().iter().map(|fault| locate(file, text, fault)).collect();
    for (index, path) in model.spec.paths.iter().enumerate() {
        if let Err(error) = glob(path) {
            let fault = Fault::new(slipway_contract::FaultKind::Specification, error.to_string());
            problems.push(locate(file, text, &fault.key(format!("spec.paths[{index}]"))));
        }
    }
    if problems.is_empty() { Ok(model) } else { Err(problems) }
}

/// A fault of a model file at its place in the text.
pub fn locate(file: &str, text: &str, fault: &Fault) -> Diagnostic {
    let position = fault.key.as_deref().and_then(|key| yaml::nearest_position(text, key));
    let message = match (&fault.key, &fault.file) {
        (_, Some(data)) => format!("{data}: {}", fault.message),
        (Some(key), None) => format!("{key}: {}", fault.message),
        (None, None) => fault.message.clone(),
    };
    let diagnostic = Diagnostic::new(file, message).at(position);
    match &fault.help {
        Some(help) => diagnostic.help(help.clone()),
        None => diagnostic,
    }
}

fn glob(pattern: &str) -> Result<Glob, globset::Error> {
    GlobBuilder::new(pattern).literal_separator(true).build()
}

/// Which of a repository's files belong to one model.
#[derive(Clone)]
pub(super) struct ModelFiles {
    /// Folder of the model file, with a slash at its end; empty for the root.
    folder: String,
    globs: GlobSet,
}

impl ModelFiles {
    /// The files that the model at `file` names. Its globs were checked when it was read.
    pub(super) fn of(file: &str, model: &Model) -> Self {
        let mut globs = GlobSetBuilder::new();
        for pattern in &model.spec.paths {
            if let Ok(glob) = glob(pattern) {
                globs.add(glob);
            }
        }
        Self { folder: folder_of(file).to_owned(), globs: globs.build().unwrap_or_default() }
    }

    /// The model's folder, with a slash at its end; empty for the root.
    pub(super) fn folder(&self) -> &str {
        &self.folder
    }

    /// Whether a file of the repository belongs to the model.
    pub(super) fn contain(&self, path: &str) -> bool {
        path.strip_prefix(self.folder.as_str()).is_some_and(|path| self.globs.is_match(path))
    }

    /// Whether a path relative to the model's folder belongs to the model.
    pub(super) fn contain_relative(&self, path: &str) -> bool {
        self.globs.is_match(path)
    }
}

/// The folder of a file, with a slash at its end; empty for the root.
pub(super) fn folder_of(file: &str) -> &str {
    file.rfind('/').map_or("", |slash| &file[..=slash])
}

/// A model file as it stands at a revision.
pub(super) struct ModelFile {
    /// Its path in the repository.
    pub(super) path: String,
    /// Its text, or why it is not one.
    pub(super) text: Result<String, Diagnostic>,
}

/// A text file at a revision; `None` if it is not there.
pub(super) fn read_text(
    mirror: &Mirror,
    commit: &CommitSha,
    path: &str,
) -> Result<Option<Result<String, Diagnostic>>, GitError> {
    let bytes = mirror.read_file(commit, path, LARGEST_FILE)?;
    Ok(bytes.map(|bytes| {
        String::from_utf8(bytes).map_err(|error| {
            let at = error.utf8_error().valid_up_to();
            Diagnostic::new(path, format!("not a text: byte {at} is not UTF-8")).help("save the file as UTF-8")
        })
    }))
}

/// All model files of a revision, in the order of their paths. Too many are an error: to judge some of them would leave the
/// others out without a word.
pub(super) fn model_files(mirror: &Mirror, commit: &CommitSha) -> Result<Vec<ModelFile>, GitError> {
    let is_model = |path: &str| path == MODEL_FILE || path.ends_with("/slipway.yaml");
    let found = mirror.find_files(commit, &is_model)?;
    if found.len() > MOST_MODELS {
        let (repository, commit) = (mirror.remote().url().to_owned(), commit.clone());
        return Err(GitError::TooManyModels { repository, commit, limit: MOST_MODELS, found: found.len() });
    }
    let mut files = Vec::with_capacity(found.len());
    for file in found {
        if let Some(text) = read_text(mirror, commit, &file.path)? {
            files.push(ModelFile { path: file.path, text });
        }
    }
    Ok(files)
}

/// The model's name as far as its file says it, however broken the rest is; else the file's path.
pub(super) fn name_of(file: &ModelFile) -> String {
    let text = file.text.as_deref().unwrap_or_default();
    let name = serde_yaml::from_str::<serde_yaml::Value>(text).ok().and_then(|value| {
        let name = value.get("metadata")?.get("name")?.as_str()?;
        name.parse::<slipway_contract::ModelName>().ok()
    });
    name.map_or_else(|| file.path.clone(), |name| name.as_str().to_owned())
}
