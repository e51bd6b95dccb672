//! Collects the files to check, and decides as what each file is checked.

use std::path::{Path, PathBuf};

use super::form::{LocatedDiagnostic, Severity};
use super::marks::models_of;
use crate::cli::exit::{self, Failure};
use crate::context::{MAX_MANIFEST_BYTES, is_called_manifest, is_pointer, largest_manifest, may_be_marked, not_utf8};
use crate::repository::{Checkout, misnamed_model};
use slipway_domain::Diagnostic;
use slipway_manifest::{Inspection, inspect};

/// Files of one repository, or of one folder outside a repository.
pub(super) struct Collected {
    pub(super) checkout: Checkout,
    pub(super) files: Vec<File>,
    /// Whether folders were searched, so that all manifests of an environment are included.
    pub(super) is_searched: bool,
    /// The folder in which the command was started.
    here: PathBuf,
}

/// A file by its path in its repository.
pub(super) struct File {
    pub(super) path: String,
    pub(super) subject: Subject,
}

/// How a file is checked.
pub(super) enum Subject {
    Model,
    MisnamedModel,
    Policy,
    Server,
    /// A file of a kind that Slipway does not know, and that kind.
    UnknownKind(String),
    /// A file with marks, or with text that resembles marks.
    Manifest(Box<Manifest>),
    /// A manifest of which only a pointer of Git LFS is present.
    Pointer,
    /// A file with marks under a path that is not UTF-8, and its diagnostic.
    Unnameable(Diagnostic),
}

/// A file with marks.
pub(super) struct Manifest {
    pub(super) content: Vec<u8>,
    pub(super) inspection: Inspection,
}

impl Manifest {
    /// Returns a file's content if it contains marks or mistakes in marks.
    fn of(path: &str, content: Vec<u8>) -> Option<Box<Self>> {
        let inspection = inspect(path, &content);
        let is_empty = inspection.markers.is_empty() && inspection.faults.is_empty();
        (!is_empty).then(|| Box::new(Self { content, inspection }))
    }
}

impl Collected {
    /// Returns a diagnostic whose file is named as a user in this folder would name it.
    pub(super) fn located(&self, severity: Severity, diagnostic: Diagnostic) -> LocatedDiagnostic {
        let whole = self.checkout.root().join(&diagnostic.file);
        // A built-in policy is not a file.
        let shown = if whole.exists() {
            whole.strip_prefix(&self.here).unwrap_or(&whole).display().to_string()
        } else {
            diagnostic.file.clone()
        };
        let file = if self.checkout.is_repository() { diagnostic.file.clone() } else { shown.clone() };
        LocatedDiagnostic { severity, file, diagnostic: Diagnostic { file: shown, ..diagnostic } }
    }

    fn of(path: &Path, here: &Path) -> std::io::Result<Self> {
        Ok(Self { checkout: Checkout::around(path)?, files: Vec::new(), is_searched: false, here: here.to_owned() })
    }

    fn add(&mut self, path: &Path) -> std::io::Result<()> {
        if path.is_dir() {
            return self.search(path);
        }
        path.metadata()?;
        let path = self.checkout.path_of(path)?;
        if misnamed_model(&path).is_some() {
            self.files.push(File { path: path.clone(), subject: Subject::MisnamedModel });
        }
        let content = read_up_to(&self.checkout.root().join(&path), MAX_MANIFEST_BYTES).unwrap_or_default();
        let is_model = path == "slipway.yaml" || path.ends_with("/slipway.yaml");
        let subject = match Head::of(&content) {
            Head { foreign: false, kind: Kind::Policy, .. } => Subject::Policy,
            // Settings name files with secrets, so a file with the name of a model file is never read as settings.
            Head { foreign: false, kind: Kind::Server, .. } if !is_model => Subject::Server,
            Head { ours: false, .. } if is_pointer(&content) && is_called_manifest(&path) => Subject::Pointer,
            Head { ours: true, kind: Kind::Unknown(kind), .. } if !is_model => Subject::UnknownKind(kind),
            Head { ours: false, .. } if !is_model && may_be_marked(&content) => {
                Manifest::of(&path, content).map_or(Subject::Model, Subject::Manifest)
            }
            _ => Subject::Model,
        };
        self.files.push(File { path, subject });
        Ok(())
    }

    /// Adds the files in a folder. Settings of a server are checked only if they are named, because their secrets are elsewhere.
    fn search(&mut self, folder: &Path) -> std::io::Result<()> {
        let folder = self.checkout.path_of(&folder.canonicalize()?)?;
        self.is_searched = true;
        let is_wanted = |path: &str| largest_manifest(path) > 0 || misnamed_model(path).is_some();
        let (found, unnameable) = self.checkout.find_below(&folder, &is_wanted)?;
        let unnameable: Vec<File> = unnameable.iter().filter_map(|path| self.unnameable(path)).collect();
        self.files.extend(unnameable);
        for path in found {
            let is_model = path == "slipway.yaml" || path.ends_with("/slipway.yaml");
            let subject = if is_model {
                Some(Subject::Model)
            } else if misnamed_model(&path).is_some() {
                Some(Subject::MisnamedModel)
            } else {
                let content = read_up_to(&self.checkout.root().join(&path), largest_manifest(&path));
                let content = content.filter(|content| may_be_marked(content));
                content.and_then(|content| match Head::of(&content) {
                    Head { ours: true, kind: Kind::Policy, .. } => Some(Subject::Policy),
                    Head { ours: true, kind: Kind::Unknown(kind), .. } => Some(Subject::UnknownKind(kind)),
                    Head { ours: true, .. } => None,
                    _ if is_pointer(&content) => is_called_manifest(&path).then_some(Subject::Pointer),
                    _ => Manifest::of(&path, content).map(Subject::Manifest),
                })
            };
            self.files.extend(subject.map(|subject| File { path, subject }));
        }
        Ok(())
    }

    /// Returns a file under a path that is not UTF-8, if it is marked.
    fn unnameable(&self, path: &Path) -> Option<File> {
        let shown = path.to_string_lossy().into_owned();
        let content = read_up_to(&self.checkout.root().join(path), largest_manifest(&shown))?;
        let marked = may_be_marked(&content).then(|| Manifest::of(&shown, content)).flatten()?;
        let diagnostic = not_utf8(&shown).filter(|_| !marked.inspection.markers.is_empty())?;
        Some(File { path: shown, subject: Subject::Unnameable(diagnostic) })
    }

    /// Removes files that mention Slipway only in prose, and pointers beside models if nothing is marked: these are data.
    fn leave_out_prose(&mut self) {
        let known = models_of(self);
        let has_models = self.files.iter().any(|file| matches!(file.subject, Subject::Model));
        let is_environment = !known.is_empty() || !has_models;
        self.files.retain(|file| match &file.subject {
            Subject::Manifest(manifest) => {
                let inspection = &manifest.inspection;
                !inspection.markers.is_empty() || inspection.faults.iter().any(|fault| fault.among(&known).is_some())
            }
            Subject::Pointer => is_environment,
            _ => true,
        });
    }
}

/// Collects the files of paths, with each repository only once.
pub(super) fn collect(paths: &[PathBuf]) -> Result<Vec<Collected>, Failure> {
    let here = std::env::current_dir().and_then(|here| here.canonicalize()).map_err(exit::defect)?;
    let mut collected: Vec<Collected> = Vec::new();
    for path in paths {
        let refuse = |error: std::io::Error| exit::invalid(format!("{}: {error}", path.display()));
        let mut new = Collected::of(path, &here).map_err(refuse)?;
        let known = collected
            .iter_mut()
            .find(|part| part.checkout.is_repository() && part.checkout.root() == new.checkout.root());
        if let Some(part) = known {
            part.add(path).map_err(refuse)?;
        } else {
            new.add(path).map_err(refuse)?;
            collected.push(new);
        }
    }
    collected.iter_mut().for_each(Collected::leave_out_prose);
    Ok(collected)
}

fn read_up_to(path: &Path, most: u64) -> Option<Vec<u8>> {
    let is_small = path.metadata().is_ok_and(|found| found.is_file() && found.len() <= most);
    is_small.then(|| std::fs::read(path).ok()).flatten()
}

/// The most opening brackets of a file that is parsed for its type alone: the parser takes quadratic time for nested ones.
const MAX_BRACKETS: usize = 2_000;

/// The type of a file according to its content.
struct Head {
    /// Whether its `apiVersion` belongs to Slipway.
    ours: bool,
    /// Whether its `apiVersion` belongs to another tool.
    foreign: bool,
    kind: Kind,
}

enum Kind {
    Policy,
    Server,
    /// A document that Slipway itself writes beside a model, such as a report: nobody writes it by hand.
    Written,
    /// A kind that Slipway does not know.
    Unknown(String),
    /// The kind of models, or none.
    Other,
}

impl Head {
    fn of(content: &[u8]) -> Self {
        #[derive(serde::Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Written {
            api_version: Option<String>,
            kind: Option<String>,
        }
        // Lines first: a file with a mistake has a type as well, otherwise the mistake would not be reported.
        let text = String::from_utf8_lossy(content);
        let (mut version, mut kind) = (written_line(&text, "apiVersion"), written_line(&text, "kind"));
        if kind.is_none() && content.iter().filter(|byte| matches!(byte, b'[' | b'{')).count() <= MAX_BRACKETS {
            let written = serde_yaml::from_slice::<Written>(content).ok();
            (version, kind) = written.map_or((version, None), |written| (written.api_version, written.kind));
        }
        let kind = match kind.as_deref() {
            Some("Policy") => Kind::Policy,
            Some("Server") => Kind::Server,
            Some("Model") | None => Kind::Other,
            Some(
                "ModelCard" | "TrainingReport" | "EvaluationReport" | "BaselineReport" | "SelectionReport" | "Evidence"
                | "Signature" | "ExportReport" | "ProgramCard" | "ProgramReport",
            ) => Kind::Written,
            Some(other) => Kind::Unknown(other.to_owned()),
        };
        let ours = version.as_deref().is_some_and(|version| version.starts_with("slipway.dev/"));
        let foreign = !ours && version.is_some_and(|version| version.contains('/') && !version.contains("slipway"));
        Self { ours, foreign, kind }
    }
}

/// The value of a key that begins a line, without quotes.
fn written_line(text: &str, key: &str) -> Option<String> {
    let value = text.lines().find_map(|line| line.strip_prefix(key)?.trim_start().strip_prefix(':'))?;
    let value = value.split(" #").next().unwrap_or_default().trim().trim_matches(['"', '\'']);
    (!value.is_empty()).then(|| value.to_owned())
}
