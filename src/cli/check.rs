//! `slipway check`: all mistakes of all files, with their places.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::Args;
use jiff::Timestamp;
use slipway_contract::Model;

use super::exit::{self, Exit, Failure};
use super::output;
use crate::config;
use crate::domain::Diagnostic;
use crate::pipeline::{MOST_COUNTED, count_rows, counted_file, read_model};
use crate::policy::{Policy, Shortage};

/// Check models, policies and server settings; find all of a file's mistakes.
#[derive(Debug, Args)]
pub(super) struct Check {
    /// Files, or folders to search for `slipway.yaml`
    #[arg(default_value = ".")]
    paths: Vec<PathBuf>,
}

/// All diagnostics, a paragraph each.
pub(super) fn join(problems: &[Diagnostic]) -> String {
    problems.iter().map(Diagnostic::to_string).collect::<Vec<_>>().join("\n")
}

impl Check {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let mut files = Vec::new();
        for path in &self.paths {
            collect(path, &mut files).map_err(|error| exit::invalid(format!("{}: {error}", path.display())))?;
        }
        if files.is_empty() {
            return Err(exit::invalid("no `slipway.yaml` was found\n  help: name the file, or its folder"));
        }
        let mut problems = Vec::new();
        for file in &files {
            match check(file) {
                Ok(told) => {
                    for told in told {
                        output::say(&format!("warning: {told}"));
                    }
                }
                Err(mistakes) => problems.extend(mistakes),
            }
        }
        if problems.is_empty() {
            output::say(&format!("{} checked: no mistakes", output::count(files.len(), "file")));
            return Ok(Exit::Done);
        }
        for problem in &problems {
            output::say(&problem.to_string());
        }
        Err(exit::invalid(format!(
            "{} in {}",
            output::count(problems.len(), "mistake"),
            output::count(files.len(), "file")
        )))
    }
}

/// Folders that hold no models of their own.
const SKIPPED: [&str; 3] = ["target", "node_modules", ".git"];

fn collect(path: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    if !path.is_dir() {
        path.metadata()?;
        files.push(path.to_path_buf());
        return Ok(());
    }
    let mut entries = std::fs::read_dir(path)?.collect::<Result<Vec<_>, _>>()?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name();
        let kind = entry.file_type()?;
        if kind.is_dir() && !SKIPPED.iter().any(|skipped| name == *skipped) {
            collect(&entry.path(), files)?;
        } else if kind.is_file() && name == "slipway.yaml" {
            files.push(entry.path());
        }
    }
    Ok(())
}

/// What a file says it is.
#[derive(serde::Deserialize)]
struct Kind {
    kind: String,
}

/// All mistakes of a file; if there are none, what its authors should know all the same.
fn check(path: &Path) -> Result<Vec<Diagnostic>, Vec<Diagnostic>> {
    let name = path.display().to_string();
    let unreadable = |error: std::io::Error| vec![Diagnostic::new(&name, format!("the file cannot be read: {error}"))];
    let text = std::fs::read_to_string(path).map_err(unreadable)?;
    let kind = serde_yaml::from_str::<Kind>(&text).map_or_else(|_| "Model".to_owned(), |file| file.kind);
    match kind.as_str() {
        "Policy" => read_policy(&name, &text).map(|_| Vec::new()),
        "Server" => config::load(path).map(|_| Vec::new()),
        _ => check_model(path, &name, &text),
    }
}

/// A policy, with what it extends: paths are relative to the file that names them.
pub(super) fn read_policy(name: &str, text: &str) -> Result<Policy, Vec<Diagnostic>> {
    Policy::read_with(name, text, &|from, path| {
        let path = Path::new(from).parent().unwrap_or(Path::new("")).join(path);
        let text = std::fs::read_to_string(&path).map_err(|error| error.to_string())?;
        Ok((path.display().to_string(), text))
    })
}

/// A model file, the policy it names, whether its data files are there, and whether its test rows suffice for the policy.
fn check_model(path: &Path, name: &str, text: &str) -> Result<Vec<Diagnostic>, Vec<Diagnostic>> {
    let model = read_model(name, text)?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let (mut problems, mut told) = (Vec::new(), Vec::new());
    let policy = folder.join(&model.spec.policy);
    let policy_name = policy.display().to_string();
    match std::fs::read_to_string(&policy) {
        Ok(text) => match read_policy(&policy_name, &text) {
            Ok(policy) => {
                problems.extend(policy.unfit_for(&model));
                let rows = test_rows(folder, &model);
                let (of, now) = (model.metadata.name.as_str(), Timestamp::now());
                let short = rows.map(|rows| policy.short_of_rows(rows, of, now));
                for Shortage { diagnostic, hopeless } in short.unwrap_or_default() {
                    let list = if hopeless { &mut problems } else { &mut told };
                    list.push(diagnostic);
                }
            }
            Err(mistakes) => problems.extend(mistakes),
        },
        Err(error) => problems.push(missing(name, text, "spec.policy", &policy_name, &error)),
    }
    for (key, file) in model.spec.data.files() {
        if let Err(error) = folder.join(file).metadata() {
            problems.push(missing(name, text, key, file, &error));
        }
    }
    if problems.is_empty() { Ok(told) } else { Err(problems) }
}

/// How many test rows a model has, if that can be told from its files.
fn test_rows(folder: &Path, model: &Model) -> Option<u64> {
    let mut bytes = Vec::new();
    let file = std::fs::File::open(folder.join(counted_file(model))).ok()?;
    file.take(MOST_COUNTED + 1).read_to_end(&mut bytes).ok()?;
    if bytes.len() as u64 > MOST_COUNTED { None } else { count_rows(model, &bytes) }
}

fn missing(name: &str, text: &str, key: &str, file: &str, error: &std::io::Error) -> Diagnostic {
    let position = crate::yaml::nearest_position(text, key);
    Diagnostic::new(name, format!("{key}: `{file}` cannot be read: {error}")).at(position)
}
