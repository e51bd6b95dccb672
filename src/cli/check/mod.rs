//! `slipway check`: reports all mistakes of all files with their positions, as a server would.

mod collect;
mod data;
mod form;
mod marks;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::Args;
use jiff::Timestamp;
use slipway_contract::table::did_you_mean;
use slipway_contract::{Digest, Expectation, Fault, FaultKind, counted};

use super::exit::{self, Exit, Failure};
use super::output;
use crate::config;
use crate::context::NO_LFS;
use crate::repository::{Checkout, ModelDiagnostics, Repository, locate, misnamed_model, mistakes_in_branch};
use collect::{Collected, File, Subject};
use data::{Found, Reading};
use form::{Form, LocatedDiagnostic, Severity};
use marks::Marks;
use slipway_domain::{Diagnostic, version_of};

/// Check models, policies, marked manifests and server settings, as a server would, and report all mistakes of all files.
#[derive(Debug, Args)]
pub(super) struct Check {
    /// Files, or folders to search for models, policies and manifests with marks
    #[arg(default_value = ".")]
    paths: Vec<PathBuf>,
    /// Output format; `sarif` and `github` are for annotations of pull requests
    #[arg(long, short = 'o', value_enum, default_value_t = Form::Text)]
    output: Form,
    /// Do not read the rows of data; only check that their files exist
    #[arg(long)]
    no_data: bool,
    /// Query git servers, with the credentials in the settings, for the repositories, branches and folders of server settings;
    /// repositories of `git_server` are read on this machine, with their models. Use it only for settings that you trust
    #[arg(long)]
    remotes: bool,
}

/// How thoroughly files are checked.
#[derive(Debug, Clone, Copy)]
struct Depth {
    /// Whether rows of data are read.
    data: bool,
    /// Whether files are reported that are not committed as they are here.
    committed: bool,
    /// Whether git servers are queried for the repositories of server settings.
    remotes: bool,
}

/// Joins diagnostics, one paragraph each.
pub(super) fn join(problems: &[Diagnostic]) -> String {
    problems.iter().map(Diagnostic::to_string).collect::<Vec<_>>().join("\n")
}

impl Check {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let depth = Depth { data: !self.no_data, committed: true, remotes: self.remotes };
        let (located, files) = find(&self.paths, depth)?;
        let mistakes = located.iter().filter(|one| one.severity == Severity::Error).count();
        match form::write(self.output, &located, files)? {
            Some(text) if matches!(self.output, Form::Text) => output::say_painted(&text),
            Some(text) => output::say(&text),
            None => {}
        }
        if mistakes == 0 {
            return Ok(Exit::Done);
        }
        Err(exit::invalid(format!("{} in {}", counted(mistakes, "mistake"), counted(files, "file"))))
    }
}

/// Returns what a server would refuse in a file and in the files that it names. Used by commands that write such files.
pub(super) fn mistakes_in(path: &Path, with_data: bool) -> Result<Vec<Diagnostic>, Failure> {
    Ok(found_in(path, with_data)?.0)
}

/// Also returns what a server would warn about. Uncommitted files are not reported, because the command has just written them.
pub(super) fn found_in(path: &Path, with_data: bool) -> Result<(Vec<Diagnostic>, Vec<Diagnostic>), Failure> {
    let (located, _) = find(&[path.to_owned()], Depth { data: with_data, committed: false, remotes: false })?;
    let (mistakes, warnings): (Vec<LocatedDiagnostic>, Vec<LocatedDiagnostic>) =
        located.into_iter().partition(|one| one.severity == Severity::Error);
    let diagnostics = |located: Vec<LocatedDiagnostic>| located.into_iter().map(|one| one.diagnostic).collect();
    Ok((diagnostics(mistakes), diagnostics(warnings)))
}

/// Returns the requirements of a model's policy for its rows, if model and policy can be read.
pub(super) fn expected_of(path: &Path) -> Vec<Expectation> {
    let expected = || {
        let checkout = Checkout::around(path).ok()?;
        let file = checkout.path_of(path).ok()?;
        let (_, readable) = Repository::open(&checkout).ok()?.check_model(&file);
        Some(readable?.expected.into_iter().map(|expected| expected.expectation).collect())
    };
    expected().unwrap_or_default()
}

/// Returns all diagnostics of the files, and the number of files.
fn find(paths: &[PathBuf], depth: Depth) -> Result<(Vec<LocatedDiagnostic>, usize), Failure> {
    let collected = collect::collect(paths)?;
    let files: usize = collected.iter().map(|part| part.files.len()).sum();
    if files == 0 {
        let paths = paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join("`, `");
        return Err(exit::invalid(format!(
            "no model, policy or mark was found in `{paths}`\n  help: pass a `slipway.yaml`, a policy, a manifest with \
             marks, or a folder with such files; pass the file of server settings explicitly"
        )));
    }
    let mut located = Vec::new();
    let reading = Reading::find(depth.data)?;
    if let Reading::Labels = reading {
        output::note(
            "only the labels of training rows are checked: the folder of `slipway` contains no `slipway-trainer`",
        );
    }
    let marks = Marks::of(&collected);
    for part in &collected {
        located.extend(check_part(part, &reading, &marks, depth)?);
    }
    // A policy is checked on its own and for each model that names it.
    let mut seen = Vec::new();
    located.retain(|one: &LocatedDiagnostic| {
        let is_new = !seen.contains(&(one.severity, one.diagnostic.clone()));
        seen.push((one.severity, one.diagnostic.clone()));
        is_new
    });
    Ok((located, files))
}

/// Checks files of one repository.
fn check_part(
    part: &Collected,
    reading: &Reading,
    marks: &Marks,
    depth: Depth,
) -> Result<Vec<LocatedDiagnostic>, Failure> {
    let repository = Repository::open(&part.checkout)
        .map_err(|error| exit::invalid(format!("`{}` cannot be searched: {error}", part.checkout.root().display())))?;
    let mut located = Vec::new();
    let known = marks::models_of(part);
    for file in &part.files {
        let ModelDiagnostics { mistakes, mut warnings, uncommitted } = match &file.subject {
            Subject::Model => check_model(&repository, part, &file.path, reading, marks)?,
            _ => check_file(&repository, part, file, &known, depth),
        };
        warnings.extend(uncommitted.into_iter().filter(|_| depth.committed));
        located.extend(mistakes.into_iter().map(|diagnostic| part.located(Severity::Error, diagnostic)));
        located.extend(warnings.into_iter().map(|diagnostic| part.located(Severity::Warning, diagnostic)));
    }
    let together = marks::check_together(part).into_iter();
    located.extend(together.map(|(severity, diagnostic)| part.located(severity, diagnostic)));
    Ok(located)
}

/// Checks a model with its marks and its data, even if it has other mistakes.
fn check_model(
    repository: &Repository<'_>,
    part: &Collected,
    path: &str,
    reading: &Reading,
    marks: &Marks,
) -> Result<ModelDiagnostics, Failure> {
    let (mut diagnostics, readable) = repository.check_model(path);
    let Some(readable) = readable else { return Ok(diagnostics) };
    let whole = part.checkout.root().join(path);
    let text = std::fs::read_to_string(&whole).unwrap_or_default();
    let lacking = marks.lacking(readable.model.metadata.name.as_str());
    diagnostics.warnings.extend(lacking.map(|fault| locate(path, &text, &fault)));
    let found = match reading {
        _ if readable.is_data_absent => return Ok(diagnostics),
        Reading::Nothing => return Ok(diagnostics),
        Reading::Labels => {
            let (faults, warnings) = repository.examine_labels(path, &readable);
            Ok(Found { faults, warnings })
        }
        Reading::Whole(reader) => reader.read(&readable, whole.parent().unwrap_or(&whole))?,
    };
    match found {
        Ok(Found { faults, warnings }) => {
            let located = |fault: &Fault| readable.should_report(fault).then(|| readable.locate(path, &text, fault));
            diagnostics.mistakes.extend(faults.iter().filter_map(located));
            diagnostics.warnings.extend(warnings.iter().filter_map(located));
        }
        Err(reason) => {
            let fault = Fault::new(FaultKind::Internal, format!("the data could not be read: {reason}"));
            diagnostics.warnings.push(locate(path, &text, &fault.key("spec.data")));
        }
    }
    Ok(diagnostics)
}

fn check_file(
    repository: &Repository<'_>,
    part: &Collected,
    File { path, subject }: &File,
    known: &BTreeSet<String>,
    depth: Depth,
) -> ModelDiagnostics {
    let only = |mistakes| ModelDiagnostics { mistakes, ..ModelDiagnostics::default() };
    match subject {
        Subject::Model => repository.check_model(path).0,
        Subject::MisnamedModel => only(misnamed_model(path).into_iter().collect()),
        Subject::Policy => repository.check_policy(path),
        Subject::UnknownKind(kind) => {
            const KINDS: [&str; 3] = ["Model", "Policy", "Server"];
            let message = format!("unknown kind `{kind}`, expected `Model`, `Policy` or `Server`");
            let diagnostic = Diagnostic::new(path, message);
            only(vec![match did_you_mean(kind, &KINDS) {
                Some(help) => diagnostic.help(help),
                None => diagnostic,
            }])
        }
        Subject::Manifest(manifest) => only(marks::check_manifest(path, manifest, known)),
        Subject::Pointer => only(vec![
            Diagnostic::new(path, "git has only a Git LFS pointer of this file, so its marks cannot be found")
                .help(NO_LFS),
        ]),
        Subject::Unnameable(diagnostic) => only(vec![diagnostic.clone()]),
        Subject::Server => {
            let whole = part.checkout.root().join(path);
            let name = whole.display().to_string();
            let in_repository = |mistake: Diagnostic| {
                let file = if mistake.file == name { path.clone() } else { mistake.file };
                Diagnostic { file, ..mistake }
            };
            let mistakes = if depth.remotes {
                config::check_with_remotes(&whole, &mistakes_in_branch)
            } else {
                config::check(&whole)
            };
            only(mistakes.into_iter().map(in_repository).collect())
        }
    }
}

/// Returns values in the form that promotions write. Whether a place can take a value does not depend on the value itself.
fn some_values() -> slipway_manifest::Values {
    let artifact = Digest::of(b"");
    slipway_manifest::Values {
        uri: format!("s3://models/{}", artifact.short()),
        digest: artifact.to_string(),
        version: version_of(Timestamp::UNIX_EPOCH, &artifact),
        run: uuid::Uuid::nil().to_string(),
    }
}
