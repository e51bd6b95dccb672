//! Checks a model against the files beside it before training, for runs and for `slipway check`.

use jiff::Timestamp;
use slipway_contract::table::is_glob;
use slipway_contract::{Fault, FaultKind, Model};

use super::checkout::Checkout;
use super::files::{Entry, Files};
use super::outside::{AddressWarning, Pointed, warnings_of_addresses};
use super::source::{ModelFile, ModelFiles, Read};
use super::test_rows::{MAX_COUNTED, count_rows, counted_file};
use super::{labels, policy_file, source};
use crate::repository::folder_path;
use slipway_domain::Diagnostic;
use slipway_gate::policy::{Expected, Policy, Shortage};
use slipway_git::Committed;

/// The findings in files.
#[derive(Debug, Default)]
pub struct ModelDiagnostics {
    /// Mistakes that a server would refuse.
    pub mistakes: Vec<Diagnostic>,
    /// Warnings that a server would report before it continues.
    pub warnings: Vec<Diagnostic>,
    /// Files that a server would not find in their local form, because they are not committed so.
    pub uncommitted: Vec<Diagnostic>,
}

/// A model whose data can be read, as far as its file describes them.
pub struct Readable {
    /// The model. Mistaken parts of its file have the values of a sample.
    pub model: Model,
    /// The expectations of its policy about the rows.
    pub expected: Vec<Expected>,
    /// Keys of data files that were reported as unusable for a server.
    unusable: Vec<&'static str>,
    /// The mistaken parts of the model's file; `None` if there are none.
    guesses: Option<slipway_yaml::Guesses>,
    /// Whether rows of the model are not on this machine, so that they cannot be read.
    pub is_data_absent: bool,
}

impl Readable {
    /// Whether a fault in the data should be reported. A consequence of a mistake in the model's file is not reported, and no
    /// fault is reported twice.
    pub fn should_report(&self, fault: &Fault) -> bool {
        let key = fault.key.as_deref();
        let is_reported = fault.file.is_none() && key.is_some_and(|key| self.unusable.contains(&key));
        let follows = self.guesses.as_ref().is_some_and(|guesses| {
            let of_data = fault.file.is_some() || key.is_some_and(|key| key.starts_with("spec.data"));
            !of_data || key.is_some_and(|key| guesses.touch(key))
        });
        !is_reported && !follows
    }

    /// A fault in the data at its place: a line of a policy, a line of a data file, or a key of the model's file.
    pub fn locate(&self, file: &str, text: &str, fault: &Fault) -> Diagnostic {
        source::locate_expected(file, text, fault, &self.expected)
    }
}

/// Reports a model name that another model has as well, because both would write the same places of an environment. Names are
/// compared even if the rest of a file is broken.
pub(crate) fn taken_name<F: Files>(files: &F, file: &str, models: &[ModelFile]) -> Option<Diagnostic> {
    let own = models.iter().find(|own| own.path == file)?;
    let (name, text) = (source::name_in(own)?, own.text.as_deref().unwrap_or_default());
    let other = models.iter().find(|other| other.path != file && source::name_in(other).as_ref() == Some(&name))?;
    let message = format!("the model in `{}` has the same name `{name}`", files.shown(&other.path));
    let fault =
        Fault::new(FaultKind::Specification, message).key("metadata.name").help("give each model a unique name");
    Some(source::locate(file, text, &fault))
}

/// Data files that are missing in the repository, are not plain files, or that `paths` excludes from the trainer.
pub(crate) fn data_files<F: Files>(
    files: &F,
    file: &str,
    text: &str,
    model: &Model,
) -> Result<Vec<Diagnostic>, F::Error> {
    Ok(unusable_files(files, file, text, model)?.into_iter().map(|(_, diagnostic)| diagnostic).collect())
}

/// The same, each with the key that names the file.
fn unusable_files<F: Files>(
    files: &F,
    file: &str,
    text: &str,
    model: &Model,
) -> Result<Vec<(&'static str, Diagnostic)>, F::Error> {
    let (own, addresses) = (ModelFiles::of(file, model), model.addresses());
    let mut problems = Vec::new();
    let lock_file = model.spec.training.lock_file.clone().map(|path| ("spec.training.lock_file", path));
    for (key, path) in source::data_paths(files, file, model)?.into_iter().chain(lock_file) {
        let path = path.as_str();
        let whole = folder_path(file, path);
        let is_addressed = addresses.iter().any(|address| address.key == key);
        let (message, help) = match files.entry(&whole)? {
            // A local copy that git ignores is what `slipway data pull` writes.
            None | Some(Entry::Ignored) if is_addressed => continue,
            Some(_) if is_addressed && files.is_commit() => (
                format!("`{path}` is in git, and `url` names another place of it"),
                "remove the file from git, or remove `url` and `sha256`".to_owned(),
            ),
            Some(Entry::File) if is_addressed => continue,
            None if is_glob(path) => (
                format!("no file matches `{}` {}", files.shown(&whole), files.place()),
                "commit the files, or correct the glob: `*` and `?` stand for characters of the file's name".to_owned(),
            ),
            None => {
                (format!("the file `{}` does not exist {}", files.shown(&whole), files.place()), absent(files, &whole)?)
            }
            Some(Entry::Other(kind)) => (
                format!("`{path}` is {kind}, expected a regular file"),
                "commit the file itself: Slipway reads committed files and does not follow links".to_owned(),
            ),
            Some(Entry::Ignored) => (
                format!("git ignores `{path}`, so a server would not find it"),
                "remove it from `.gitignore`, or add it with `git add --force`".to_owned(),
            ),
            Some(Entry::File) if own.contain_relative(path) => continue,
            Some(Entry::File) => (
                format!("no glob in `spec.paths` matches `{path}`, so the trainer would not get the file"),
                uncovered(model, path),
            ),
        };
        let fault = Fault::new(FaultKind::Specification, message).help(help);
        problems.push((key, source::locate(file, text, &fault.key(key))));
    }
    Ok(problems)
}

/// The remedy for a missing file.
fn absent<F: Files>(files: &F, whole: &str) -> Result<String, F::Error> {
    let lower = whole.to_lowercase();
    let alike = files.find(&|path| path.to_lowercase() == lower)?;
    Ok(match alike.first() {
        Some(alike) => format!("did you mean `{alike}`?"),
        None => "commit the file, or correct the path (it is relative to the folder of `slipway.yaml`)".to_owned(),
    })
}

/// The remedy for a file that no glob matches.
fn uncovered(model: &Model, path: &str) -> String {
    match ModelFiles::alike(model, path) {
        Some(glob) => format!("use the same upper and lower case in `spec.paths`: `{glob}` only differs in case"),
        None => match path.rsplit_once('/') {
            Some((folder, _)) => format!(
                "add a glob to `spec.paths`, such as `{folder}/**` (`*` matches within one folder, `**` also in \
                 subfolders)"
            ),
            None => format!("add a glob to `spec.paths`, such as `{path}`"),
        },
    }
}

/// The number of test rows of a model, if its files show it.
pub(crate) fn test_rows<F: Files>(files: &F, file: &str, model: &Model) -> Option<u64> {
    let bytes = files.read(&folder_path(file, counted_file(model)?), MAX_COUNTED).ok().flatten()?;
    count_rows(model, &bytes)
}

/// A repository on disk that is checked as a server would check it after a push.
pub struct Repository<'a> {
    checkout: &'a Checkout,
    models: Vec<ModelFile>,
}

impl<'a> Repository<'a> {
    /// Finds the models of a repository.
    pub fn open(checkout: &'a Checkout) -> std::io::Result<Self> {
        let models = source::read_models(checkout, checkout.find(&source::is_model)?)?;
        Ok(Self { checkout, models })
    }

    /// All findings about the model at a path, and the model if its data can be read according to its file.
    pub fn check_model(&self, file: &str) -> (ModelDiagnostics, Option<Readable>) {
        let mut diagnostics = ModelDiagnostics::default();
        // A file with another name is not a model of the repository.
        let taken = source::is_model(file).then(|| taken_name(self.checkout, file, &self.models)).flatten();
        match self.read_model(file) {
            Ok((text, Read { model: Some(model), guesses, problems })) => {
                let is_sound = problems.is_empty();
                diagnostics.mistakes = problems;
                diagnostics.mistakes.extend(taken);
                let mut readable = Readable {
                    model,
                    expected: Vec::new(),
                    unusable: Vec::new(),
                    guesses: None,
                    is_data_absent: false,
                };
                if is_sound {
                    self.check_files(file, &text, &mut readable, &mut diagnostics);
                } else if guesses.touch("spec.data") {
                    return (diagnostics, None);
                } else {
                    readable.guesses = Some(guesses);
                }
                (diagnostics, Some(readable))
            }
            Ok((_, Read { problems, .. })) | Err(problems) => {
                diagnostics.mistakes = problems;
                diagnostics.mistakes.extend(taken);
                (diagnostics, None)
            }
        }
    }

    /// Classes that the model at a path or its policy names and that no training row has, for when no trainer reads the data:
    /// faults, and warnings.
    pub fn examine_labels(&self, file: &str, readable: &Readable) -> (Vec<Fault>, Vec<Fault>) {
        labels::unknown_names(self.checkout, file, readable)
    }

    fn read_model(&self, file: &str) -> Result<(String, Read), Vec<Diagnostic>> {
        let text = match self.checkout.entry(file) {
            Ok(Some(Entry::Other(kind))) => {
                let message = format!("this is {kind}, expected a regular file: a server would not read it");
                return Err(vec![Diagnostic::new(file, message)]);
            }
            Ok(_) => source::read_text(self.checkout, file).map_err(|error| vec![unreadable(file, &error)])?,
            Err(error) => return Err(vec![unreadable(file, &error)]),
        };
        let text = text.unwrap_or_else(|| Err(Diagnostic::new(file, "the file does not exist any more")));
        let text = text.map_err(|diagnostic| vec![diagnostic])?;
        let read = source::read_leniently(file, &text);
        Ok((text, read))
    }

    fn check_files(&self, file: &str, text: &str, readable: &mut Readable, diagnostics: &mut ModelDiagnostics) {
        let model = &readable.model.clone();
        match unusable_files(self.checkout, file, text, model) {
            Ok(unusable) => {
                readable.unusable = unusable.iter().map(|(key, _)| *key).collect();
                diagnostics.mistakes.extend(unusable.into_iter().map(|(_, diagnostic)| diagnostic));
            }
            Err(error) => diagnostics.mistakes.push(unreadable(file, &error)),
        }
        self.check_commits(file, text, readable, diagnostics);
        let path = folder_path(file, &model.spec.policy);
        if matches!(self.checkout.entry(&path), Ok(None)) {
            let message = format!("the file `{}` does not exist {}", self.checkout.shown(&path), self.checkout.place());
            let fault = Fault::new(FaultKind::Specification, message).key("spec.policy");
            let help = "create the policy, or correct the path (it is relative to the folder of `slipway.yaml`)";
            diagnostics.mistakes.push(source::locate(file, text, &fault.help(help)));
            return;
        }
        let Some(policy) = self.policy(&path, &mut diagnostics.mistakes) else { return };
        diagnostics.mistakes.extend(policy.unfit_for(model));
        diagnostics.warnings.extend(policy.date_warnings(Timestamp::now()));
        let (name, now) = (model.metadata.name.as_str(), Timestamp::now());
        readable.expected = policy.expects(name, now);
        let rows = test_rows(self.checkout, file, model);
        let short = rows.map(|rows| policy.short_of_rows(rows, name, now));
        for Shortage { diagnostic, hopeless } in short.unwrap_or_default() {
            let list = if hopeless { &mut diagnostics.mistakes } else { &mut diagnostics.warnings };
            list.push(diagnostic);
        }
    }

    /// Reports files of a model that a server would not find in their local form.
    fn check_commits(&self, file: &str, text: &str, readable: &mut Readable, diagnostics: &mut ModelDiagnostics) {
        let policy = readable.model.spec.policy.clone();
        let policy = ("spec.policy", policy.as_str());
        // Files that cannot be listed were reported before.
        let paths = source::data_paths(self.checkout, file, &readable.model).unwrap_or_default();
        let addresses = readable.model.addresses();
        let is_addressed = |key: &str| addresses.iter().any(|address| address.key == key);
        let is_usable = |(key, _): &&(&'static str, String)| !readable.unusable.contains(key) && !is_addressed(key);
        let usable: Vec<_> = paths.iter().filter(is_usable).collect();
        for AddressWarning { key, message, help, is_absent } in
            warnings_of_addresses(self.checkout, file, &readable.model)
        {
            let fault = Fault::new(FaultKind::Specification, message).key(key).help(help);
            diagnostics.warnings.push(source::locate(file, text, &fault));
            readable.is_data_absent |= is_absent;
        }
        for (key, path) in usable.into_iter().map(|(key, path)| (*key, path.as_str())).chain([policy]) {
            let whole = folder_path(file, path);
            let located = |message: String, help: String| {
                let fault = Fault::new(FaultKind::Specification, message).key(key).help(help);
                source::locate(file, text, &fault)
            };
            let pointed = Pointed::of(self.checkout, &whole);
            if let Some(Pointed::Broken(problem)) = pointed {
                let message = format!("git has a Git LFS pointer of `{path}` that cannot be used: {problem}");
                let help = format!("add the file again with `git lfs`: `git lfs track {path}`, `git add {whole}`");
                diagnostics.mistakes.push(located(message, help));
                continue;
            }
            let committed = match pointed {
                Some(Pointed::Absent) => {
                    let message = format!("only the Git LFS pointer of `{path}` is here, so its rows were not checked");
                    diagnostics.warnings.push(located(message, "run `git lfs pull`".to_owned()));
                    readable.is_data_absent = true;
                    continue;
                }
                Some(Pointed::Here) => continue,
                Some(Pointed::Changed) => Some(Committed::Otherwise),
                Some(Pointed::Broken(_)) | None => self.checkout.held(&whole),
            };
            let (message, help) = match committed {
                Some(Committed::Nowhere) => (
                    format!("`{path}` is not in git: a server will not find it"),
                    format!("run `git add {whole}`, and commit the file"),
                ),
                Some(Committed::OnlyAdded) => {
                    (format!("`{path}` is not committed yet: a server reads commits"), "commit the file".to_owned())
                }
                Some(Committed::Otherwise) => (
                    format!("`{path}` differs from its commit: a server reads commits"),
                    "commit the changes, or revert them".to_owned(),
                ),
                Some(Committed::AsHere) | None => continue,
            };
            diagnostics.uncommitted.push(located(message, help));
        }
    }

    /// All findings about the policy at a path, and about the policies that it extends.
    pub fn check_policy(&self, file: &str) -> ModelDiagnostics {
        let mut diagnostics = ModelDiagnostics::default();
        if let Some(policy) = self.policy(file, &mut diagnostics.mistakes) {
            diagnostics.warnings.extend(policy.date_warnings(Timestamp::now()));
        }
        diagnostics
    }

    fn policy(&self, file: &str, mistakes: &mut Vec<Diagnostic>) -> Option<Policy> {
        match policy_file::read(self.checkout, file) {
            Ok(Ok((policy, _))) => return Some(policy),
            Ok(Err(found)) => mistakes.extend(found),
            Err(error) => mistakes.push(unreadable(file, &error)),
        }
        None
    }
}

fn unreadable(file: &str, error: &std::io::Error) -> Diagnostic {
    Diagnostic::new(file, format!("the file cannot be read: {error}"))
}

/// The diagnostic for a file whose name resembles that of a model file; `None` for other files.
pub fn misnamed_model(path: &str) -> Option<Diagnostic> {
    source::is_misnamed_model(path).then(|| source::misnamed(path))
}

#[cfg(test)]
#[path = "model_check_tests.rs"]
mod tests;
