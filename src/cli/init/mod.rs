//! `slipway init`: creates a model, its policy and its marks from a table and a few answers, and a server on this machine to try
//! them. Values are inferred once, in front of the author, and are stored in the files.

mod answer;
mod columns;
mod files;
mod ignored;
mod local;
mod next;
mod policy;
mod prompt;
mod rows;
mod specification;
mod split;
mod table;

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use slipway_contract::{ColumnType, Fault, ModelName};

use super::exit::{self, Exit, Failure};
use super::{check, output};
use columns::{Feature, LeftOut};
use files::{Became, Ready};
use local::{DEFAULT_PORT, Local};
use slipway_domain::Diagnostic;
use specification::{Chosen, Part};
use split::Labels;
use table::{Input, Profile};

/// Create a model from a table: `slipway.yaml`, a policy, a split into training and test rows, and optionally marked manifests
/// and a server on this machine.
#[derive(Debug, Args)]
pub(super) struct Init {
    /// The table: comma-separated values with a header in any dialect, JSON lines or Parquet; plain, gzip or zstd
    data: PathBuf,
    /// The column to predict; guessed with `--yes`, prompted for on a terminal
    #[arg(long, value_name = "COLUMN")]
    label: Option<String>,
    /// A column to learn from; may be repeated. The default is every column that the trainer can learn from
    #[arg(long = "feature", value_name = "COLUMN")]
    features: Vec<String>,
    /// The model's name; the default is derived from the name of the table
    #[arg(long, value_name = "NAME")]
    model: Option<ModelName>,
    /// A table of test rows; the default is a part of DATA
    #[arg(long, value_name = "FILE")]
    test: Option<PathBuf>,
    /// Folder of the model
    #[arg(long, value_name = "DIR", default_value = ".")]
    folder: PathBuf,
    /// Folder for a manifest with marks, in your repository of manifests
    #[arg(long, value_name = "DIR")]
    manifests: Option<PathBuf>,
    /// Folder for a server on this machine, with bare repositories, hook, secrets and settings
    #[arg(long, value_name = "DIR")]
    local: Option<PathBuf>,
    /// Port of that server; its git server uses the next port
    #[arg(long, default_value_t = DEFAULT_PORT, requires = "local", value_parser = clap::value_parser!(u16).range(1024..65_535))]
    port: u16,
    /// Do not prompt; use the most likely answers
    #[arg(long, short)]
    yes: bool,
    /// Replace existing files that differ
    #[arg(long)]
    force: bool,
    /// Output format
    #[arg(long, short = 'o', value_enum, default_value_t = Form::Text)]
    output: Form,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// For people
    Text,
    /// One JSON document
    Json,
}

impl Init {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let name = self.data.display().to_string();
        let input = Input::of(&self.data, &name).map_err(refused)?;
        let profile = Profile::of(&input).map_err(refused)?;
        let label = self.label(&profile, &name)?;
        let model = self.model_name()?;
        let (features, left_out) = self.features(&profile, &label, &name)?;
        let names: Vec<String> = features.iter().map(|feature| feature.name.clone()).collect();
        let labels = Labels::of(&input, &label, &names).map_err(refused)?;
        let staging = exit::temporary_folder()?;
        let mut ready = Ready::new(staging.path(), &self.folder);
        let sides = self.rows(&labels, (&label, &names), &input, profile.rows, &mut ready)?;
        let chosen = Chosen {
            model: model.as_str(),
            label: &label,
            features: &features,
            left_out: &left_out,
            classes: &labels.classes,
            numbers: labels.numbers,
            train: Part { file: &sides.train.0, rows: sides.train.1 },
            test: Part { file: &sides.test.0, rows: sides.test.1 },
            format: sides.format,
            test_classes: &sides.test_classes,
            validation: can_keep_aside(&labels, self.test.is_none()),
        };
        let policy = policy::policy(&chosen);
        ready.add("policy.yaml", &policy.text)?;
        ready.add("slipway.yaml", &specification::model(&chosen))?;
        let manifests = self.manifests(&model, staging.path())?;
        let local = self.local.as_deref().map(|folder| Local::plan(folder, &self.folder, model.as_str(), self.port));
        let local = local.transpose()?;
        ignored::stop_at_ignored(&self.folder, ready.paths(), local.is_some())?;
        self.stop_at_conflicts(&ready, manifests.as_ref(), local.as_ref())?;
        Self::check_staged(staging.path(), &ready)?;
        if let Some(lacks) = &policy.lacks {
            output::note(&format!("the policy does not compare with the champion: {lacks}"));
        }
        if sides.in_both > 0 {
            output::note(&format!(
                "warning: {} of the {} test rows are also training rows (their features are equal), so the metrics on \
                 them do not predict the quality on new rows",
                sides.in_both, sides.test.1
            ));
        }
        if !self.yes && prompt::somebody_is_there() && !prompt::agrees(&Self::question(&chosen))? {
            return Err(exit::refused("nothing was written"));
        }
        if let Some(local) = &local {
            local.make_folder()?;
        }
        let mut made: Vec<(String, Became)> = Self::put(&ready, &self.folder)?;
        if let (Some(manifests), Some(folder)) = (&manifests, &self.manifests) {
            made.extend(Self::put(manifests, folder)?);
        }
        if let Some(local) = &local {
            let parts = local.make(ready.paths())?;
            made.extend(parts.into_iter().map(|(path, became)| (shown(&path), became)));
        }
        self.print_result(&chosen, &made, local.as_ref())?;
        // In the target folder more can be wrong: another model may have the same name.
        let (mistakes, warnings) = check::found_in(&self.folder.join("slipway.yaml"), false)?;
        for warning in warnings {
            output::note(&format!("warning: {warning}"));
        }
        if mistakes.is_empty() { Ok(Exit::Done) } else { Err(exit::invalid(check::join(&mistakes))) }
    }

    /// Returns the column to predict.
    fn label(&self, profile: &Profile, name: &str) -> Result<String, Failure> {
        let header: Vec<String> = profile.columns.iter().map(|column| column.name.clone()).collect();
        let is_there = |label: &str| {
            slipway_contract::table::position(&header, label, "", name)
                .map(|place| header[place].clone())
                .map_err(|fault| Fault { key: None, ..fault }.to_string())
        };
        if let Some(label) = &self.label {
            return is_there(label.trim()).map_err(exit::invalid);
        }
        let likely = columns::likely_label(profile);
        if !self.yes && prompt::somebody_is_there() {
            output::note(&format!(
                "columns: {}",
                header.iter().map(|name| table::shown(name)).collect::<Vec<_>>().join(", ")
            ));
            return prompt::prompt("which column should the model predict?", likely, is_there);
        }
        match (likely, self.yes) {
            (Some(likely), true) => is_there(likely).map_err(exit::invalid),
            (likely, _) => {
                let guess = likely
                    .map_or_else(String::new, |likely| format!("; the most likely one is `{}`", table::shown(likely)));
                Err(exit::invalid(format!(
                    "which column of {name} should the model predict?\n  help: set it with `--label`{guess}"
                )))
            }
        }
    }

    fn model_name(&self) -> Result<ModelName, Failure> {
        if let Some(model) = &self.model {
            return Ok(model.clone());
        }
        let file = self.data.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let likely = likely_name(&file);
        let good = |text: &str| text.parse::<ModelName>().map_err(|error| error.to_string());
        if !self.yes && self.label.is_none() && prompt::somebody_is_there() {
            return prompt::prompt("what is the name of the model?", Some(&likely), good);
        }
        good(&likely).map_err(|_| {
            exit::invalid(format!(
                "no valid name of a model can be derived from `{file}`\n  help: set the name with `--model`"
            ))
        })
    }

    fn features(&self, profile: &Profile, label: &str, name: &str) -> Result<(Vec<Feature>, Vec<LeftOut>), Failure> {
        let (features, left_out) = columns::choose(profile, label);
        if !self.features.is_empty() {
            let wanted = self.features.iter().map(|feature| feature.trim());
            let known = |name: &str| features.iter().find(|feature| feature.name == name).cloned();
            // A column that would be left out is read as numbers, and the check of the data reports what it holds.
            let plain =
                |name: &str| Feature { name: name.to_owned(), column: ColumnType::Number.into(), is_complete: true };
            return Ok((wanted.map(|name| known(name).unwrap_or_else(|| plain(name))).collect(), Vec::new()));
        }
        if !features.is_empty() {
            return Ok((features, left_out));
        }
        let reasons: Vec<String> = left_out
            .iter()
            .take(12)
            .map(|left| format!("\n  `{}`: {}", table::shown(&left.name), left.reason))
            .collect();
        let help = "select columns with `--feature`";
        Err(exit::invalid(format!("{name}: no column can be a feature:{}\n  help: {help}", reasons.concat())))
    }

    fn manifests(&self, model: &ModelName, staging: &Path) -> Result<Option<Ready>, Failure> {
        let Some(folder) = &self.manifests else { return Ok(None) };
        let mut ready = Ready::new(&staging.join(".manifests"), folder);
        ready.add(&format!("{model}.yaml"), &specification::manifest(model.as_str()))?;
        Ok(Some(ready))
    }

    fn stop_at_conflicts(
        &self,
        ready: &Ready,
        manifests: Option<&Ready>,
        local: Option<&Local>,
    ) -> Result<(), Failure> {
        let mut found = ready.conflicts()?;
        found.extend(manifests.map(Ready::conflicts).transpose()?.into_iter().flatten());
        found.extend(local.map(Local::conflicts).transpose()?.into_iter().flatten());
        if found.is_empty() || self.force {
            return Ok(());
        }
        let files: Vec<String> = found.iter().map(|path| format!("\n  {}", shown(path))).collect();
        let help = "replace the files with `--force`; nothing was written";
        Err(exit::invalid(format!("these files already exist and differ:{}\n  help: {help}", files.concat())))
    }

    /// Checks the staged files as `slipway check` does, including the data.
    fn check_staged(staging: &Path, ready: &Ready) -> Result<(), Failure> {
        debug_assert!(ready.paths().iter().any(|path| path == "slipway.yaml"));
        let mistakes = check::mistakes_in(&staging.join("slipway.yaml"), true)?;
        if mistakes.is_empty() {
            return Ok(());
        }
        let prefix = format!("{}/", staging.display());
        let diagnostics = mistakes.into_iter().map(|mistake| Diagnostic {
            file: mistake.file.replace(&prefix, ""),
            message: mistake.message.replace(&prefix, ""),
            ..mistake
        });
        let diagnostics: Vec<Diagnostic> = diagnostics.collect();
        Err(exit::invalid(format!("{}\n  nothing was written", check::join(&diagnostics))))
    }

    fn put(ready: &Ready, folder: &Path) -> Result<Vec<(String, Became)>, Failure> {
        let put = ready.put()?;
        Ok(put.into_iter().map(|(path, became)| (shown(&folder.join(path)), became)).collect())
    }
}

fn refused(fault: Fault) -> Failure {
    exit::invalid(fault)
}

/// Formats a path as a user in this folder would write it.
fn shown(path: &Path) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    let path = path.strip_prefix(&here).unwrap_or(path);
    path.strip_prefix(".").unwrap_or(path).display().to_string()
}

/// Whether rows can be held out for validation: every class, or the whole table, needs one more row to learn from.
fn can_keep_aside(labels: &Labels, is_split: bool) -> bool {
    let needed = if is_split { 4 } else { 2 };
    labels.groups().iter().all(|rows| *rows >= needed)
}

/// Derives a model's name from the name of a file: its letters and digits in lower case, and a dash for everything else.
fn likely_name(file: &str) -> String {
    let stem = file.split('.').find(|part| !part.is_empty()).unwrap_or_default();
    let mut name = String::new();
    for character in stem.chars() {
        if character.is_ascii_alphanumeric() {
            name.push(character.to_ascii_lowercase());
        } else if !name.is_empty() && !name.ends_with('-') {
            name.push('-');
        }
    }
    let name: String = name.chars().take(63).collect();
    name.trim_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_made_from_that_of_the_file() {
        for (file, name) in [
            ("Customer Churn (2024).csv", "customer-churn-2024"),
            ("data.csv.gz", "data"),
            ("größe.csv", "gr-e"),
            (".hidden.csv", "hidden"),
            ("日本.csv", ""),
        ] {
            assert_eq!(likely_name(file), name, "{file}");
        }
        assert_eq!(likely_name(&"a".repeat(200)).len(), 63);
    }
}
