//! Which files are checked, and as what.

use std::path::{Path, PathBuf};

use super::form::{Severity, Told};
use crate::cli::exit::{self, Failure};
use crate::pipeline::{Checkout, largest_manifest, misnamed_model};
use slipway_domain::Diagnostic;

/// The largest file that is looked into. Larger ones are not written by hand.
const LARGEST_FILE: u64 = 16 << 20;
/// What every file holds that is about Slipway: the word, with whichever first letter.
const MENTIONED: &[u8] = b"lipway";

/// Files of one repository, or of one folder that is in none.
pub(super) struct Collected {
    pub(super) checkout: Checkout,
    pub(super) files: Vec<File>,
    /// Where the command was started.
    here: PathBuf,
}

/// A file by its path in its repository.
pub(super) struct File {
    pub(super) path: String,
    pub(super) subject: Subject,
}

/// What a file is checked as.
pub(super) enum Subject {
    Model,
    MisnamedModel,
    Policy,
    Server,
    /// A file with marks, or with what looks like marks; its content.
    Manifest(Vec<u8>),
}

impl Collected {
    /// A finding with its file as a person here would name it.
    pub(super) fn told(&self, severity: Severity, diagnostic: Diagnostic) -> Told {
        let whole = self.checkout.root().join(&diagnostic.file);
        // A shipped policy is no file.
        let shown = if whole.exists() {
            whole.strip_prefix(&self.here).unwrap_or(&whole).display().to_string()
        } else {
            diagnostic.file.clone()
        };
        let file = if self.checkout.is_repository() { diagnostic.file.clone() } else { shown.clone() };
        Told { severity, file, diagnostic: Diagnostic { file: shown, ..diagnostic } }
    }

    fn of(path: &Path, here: &Path) -> std::io::Result<Self> {
        Ok(Self { checkout: Checkout::around(path)?, files: Vec::new(), here: here.to_owned() })
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
        let content = read(&self.checkout.root().join(&path)).unwrap_or_default();
        let subject = match Head::of(&content) {
            Head { ours: _, kind: Kind::Policy } => Subject::Policy,
            Head { ours: _, kind: Kind::Server } => Subject::Server,
            Head { ours: false, kind: Kind::Other }
                if !path.ends_with("slipway.yaml") && is_marked(&path, &content) =>
            {
                Subject::Manifest(content)
            }
            _ => Subject::Model,
        };
        self.files.push(File { path, subject });
        Ok(())
    }

    /// Adds what a folder holds. Settings of a server are checked where they are named: their secrets are elsewhere.
    fn search(&mut self, folder: &Path) -> std::io::Result<()> {
        let folder = self.checkout.path_of(&folder.canonicalize()?)?;
        let found =
            self.checkout.find_below(&folder, &|path| largest_manifest(path) > 0 || misnamed_model(path).is_some())?;
        for path in found {
            let is_model = path == "slipway.yaml" || path.ends_with("/slipway.yaml");
            let subject = if is_model {
                Some(Subject::Model)
            } else if misnamed_model(&path).is_some() {
                Some(Subject::MisnamedModel)
            } else {
                let content = read_up_to(&self.checkout.root().join(&path), largest_manifest(&path));
                let content = content.filter(|content| mentions_us(content));
                content.and_then(|content| match Head::of(&content) {
                    Head { ours: true, kind: Kind::Policy } => Some(Subject::Policy),
                    Head { ours: true, .. } => None,
                    _ => is_marked(&path, &content).then_some(Subject::Manifest(content)),
                })
            };
            self.files.extend(subject.map(|subject| File { path, subject }));
        }
        Ok(())
    }
}

/// The files that are meant by paths, each repository once.
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
    Ok(collected)
}

fn read(path: &Path) -> Option<Vec<u8>> {
    read_up_to(path, LARGEST_FILE)
}

fn read_up_to(path: &Path, most: u64) -> Option<Vec<u8>> {
    let is_small = path.metadata().is_ok_and(|found| found.is_file() && found.len() <= most);
    is_small.then(|| std::fs::read(path).ok()).flatten()
}

fn mentions_us(content: &[u8]) -> bool {
    content.windows(MENTIONED.len()).any(|window| window == MENTIONED)
}

fn is_marked(path: &str, content: &[u8]) -> bool {
    let mark = slipway_manifest::MARK_TOKEN.as_bytes();
    content.windows(mark.len()).any(|window| window == mark) || !slipway_manifest::near_misses(path, content).is_empty()
}

/// What a file says it is.
struct Head {
    /// Whether its `apiVersion` is one of ours.
    ours: bool,
    kind: Kind,
}

enum Kind {
    Policy,
    Server,
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
        let written = serde_yaml::from_slice::<Written>(content).ok();
        let (version, kind) = written.map_or((None, None), |written| (written.api_version, written.kind));
        let kind = match kind.as_deref() {
            Some("Policy") => Kind::Policy,
            Some("Server") => Kind::Server,
            _ => Kind::Other,
        };
        Self { ours: version.is_some_and(|version| version.starts_with("slipway.dev/")), kind }
    }
}
