//! Reads the content of a source repository at a revision: model files, their globs, their policies.

use globset::{Glob, GlobBuilder, GlobSet, GlobSetBuilder};
use slipway_contract::table::is_glob;
use slipway_contract::{Fault, Model};

use super::files::{Files, Revision};
use slipway_domain::{CommitSha, Diagnostic, Position};
use slipway_gate::policy::Expected;
use slipway_git::{GitError, Mirror};

/// Name of the file that describes a model.
const MODEL_FILE: &str = "slipway.yaml";
/// Maximum number of models in one repository.
const MAX_MODELS: usize = 500;
/// The largest model or policy file that is read, in bytes.
pub(super) const MAX_FILE_BYTES: u64 = 1 << 20;

/// Maximum length of a mistake that is reported beside others, in characters.
const MAX_MISTAKE_LENGTH: usize = 300;

/// A valid model. Its values replace mistakes while the rest of a file is checked.
const SAMPLE: &str = "
apiVersion: slipway.dev/v1alpha1
kind: Model
metadata: {name: sample}
spec:
  paths: [\"**\"]
  task: classification
  data: {format: csv, label: y, train: {file: a.csv}, test: {file: b.csv}}
  model: {sequential: [{linear: 2}]}
  training: {optimizer: {adam: {learning_rate: 1e-3}}, epochs: 1, batch_size: 1}
  policy: policy.yaml
";

/// A model file as far as it can be read.
pub(crate) struct Read {
    /// The model. Mistaken parts have the values of a sample. `None` if the file is not a model file.
    pub(crate) model: Option<Model>,
    /// The mistaken parts.
    pub(crate) guesses: slipway_yaml::Guesses,
    /// All of its mistakes that can be found without data.
    pub(crate) problems: Vec<Diagnostic>,
}

/// Reads a model file and finds all mistakes that need no data. `file` is its name in messages.
pub(super) fn read_leniently(file: &str, text: &str) -> Read {
    let slipway_yaml::Recovered { value, mistakes: mut problems, guesses } =
        slipway_yaml::read_all::<Model>(file, text, SAMPLE, &may_be_empty);
    let Some(model) = value else { return Read { model: None, guesses, problems } };
    let mut faults = faults_of(&model);
    faults.retain(|fault| fault.key.as_deref().is_none_or(|key| !guesses.touch(key)));
    problems.extend(faults.iter().map(|fault| locate(file, text, fault)));
    Read { model: Some(model.with_plain_paths()), guesses, problems }
}

/// Reads a model file without mistakes, or returns all mistakes that need no data.
pub fn read_model(file: &str, text: &str) -> Result<Model, Vec<Diagnostic>> {
    let Read { model, problems, .. } = read_leniently(file, text);
    model.filter(|_| problems.is_empty()).ok_or(problems)
}

/// Whether a key without a value is valid: `- relu:` names a layer, and a model may be called `null`.
fn may_be_empty(key: &slipway_yaml::EmptyKey) -> bool {
    key.is_item() || (!key.is_left_out() && key.path.to_string() == "metadata.name")
}

/// The model of a file, if it has no mistakes. This is cheaper than finding all mistakes.
pub(crate) fn valid_model(file: &str, text: &str) -> Option<Model> {
    let model: Model = slipway_yaml::read(file, text).ok()?;
    faults_of(&model).is_empty().then(|| model.with_plain_paths())
}

/// The faults in a model itself.
fn faults_of(model: &Model) -> Vec<Fault> {
    let mut faults = model.problems();
    for (index, path) in model.spec.paths.iter().enumerate() {
        if let Err(error) = glob(path) {
            let fault = Fault::new(slipway_contract::FaultKind::Specification, error.to_string());
            faults.push(fault.key(format!("spec.paths[{index}]")));
        }
    }
    faults
}

/// A fault of a model at its place: a line of a data file, or a key in the text of the model's file.
pub fn locate(file: &str, text: &str, fault: &Fault) -> Diagnostic {
    let line = fault.line.and_then(|line| usize::try_from(line).ok());
    if let (Some(data), Some(line)) = (&fault.file, line) {
        let diagnostic = Diagnostic::new(format!("{}{data}", folder_of(file)), &fault.message);
        return with_help(diagnostic.at(Position { line, column: 1 }), fault);
    }
    let position = fault.key.as_deref().and_then(|key| slipway_yaml::nearest_position(text, key));
    let message = match (&fault.key, &fault.file) {
        (_, Some(data)) => format!("{data}: {}", fault.message),
        (Some(key), None) => format!("{key}: {}", fault.message),
        (None, None) => fault.message.clone(),
    };
    with_help(Diagnostic::new(file, message).at(position), fault)
}

fn with_help(diagnostic: Diagnostic, fault: &Fault) -> Diagnostic {
    match &fault.help {
        Some(help) => diagnostic.help(help.clone()),
        None => diagnostic,
    }
}

/// The same for a fault that may concern an expectation of a policy.
pub(crate) fn locate_expected(file: &str, text: &str, fault: &Fault, expected: &[Expected]) -> Diagnostic {
    match fault.expectation.and_then(|place| expected.get(usize::try_from(place).ok()?)) {
        Some(expected) => expected.located(&fault.message, fault.help.as_deref()),
        None => locate(file, text, fault),
    }
}

fn glob(pattern: &str) -> Result<Glob, globset::Error> {
    GlobBuilder::new(pattern).literal_separator(true).build()
}

/// Selects the files of a repository that belong to one model.
#[derive(Clone)]
pub(crate) struct ModelFiles {
    /// Folder of the model file, with a trailing slash; empty for the root.
    folder: String,
    globs: GlobSet,
}

impl ModelFiles {
    /// The files that the model at `file` names. Its globs were checked when it was read.
    pub(crate) fn of(file: &str, model: &Model) -> Self {
        let mut globs = GlobSetBuilder::new();
        for pattern in &model.spec.paths {
            if let Ok(glob) = glob(pattern) {
                globs.add(glob);
            }
        }
        Self { folder: folder_of(file).to_owned(), globs: globs.build().unwrap_or_default() }
    }

    /// The model's folder, with a trailing slash; empty for the root.
    pub(crate) fn folder(&self) -> &str {
        &self.folder
    }

    /// Whether a file of the repository belongs to the model.
    pub(crate) fn contain(&self, path: &str) -> bool {
        path.strip_prefix(self.folder.as_str()).is_some_and(|path| self.globs.is_match(path))
    }

    /// The glob that would match a path relative to the model's folder if case were ignored.
    pub(crate) fn alike(model: &Model, path: &str) -> Option<String> {
        let differs_in_case = |pattern: &&String| {
            let glob = GlobBuilder::new(pattern).literal_separator(true).case_insensitive(true).build();
            glob.is_ok_and(|glob| glob.compile_matcher().is_match(path))
        };
        model.spec.paths.iter().find(differs_in_case).cloned()
    }

    /// Whether a path relative to the model's folder belongs to the model.
    pub(crate) fn contain_relative(&self, path: &str) -> bool {
        self.globs.is_match(path)
    }
}

/// The folder of a file, with a trailing slash; empty for the root.
pub(crate) fn folder_of(file: &str) -> &str {
    file.rfind('/').map_or("", |slash| &file[..=slash])
}

/// A model file at a revision.
pub(crate) struct ModelFile {
    /// Its path in the repository.
    pub(crate) path: String,
    /// Its text, or why it is not a text.
    pub(crate) text: Result<String, Diagnostic>,
}

/// A text file; `None` if it does not exist. A file that is too large, a link or a binary file is a mistake of that file: it does not
/// keep the others from being read.
pub(crate) fn read_text<F: Files>(files: &F, path: &str) -> Result<Option<Result<String, Diagnostic>>, F::Error> {
    let bytes = match files.read(path, MAX_FILE_BYTES) {
        Ok(bytes) => bytes,
        Err(error) => {
            return F::mistake(path, MAX_FILE_BYTES, &error).map_or(Err(error), |mistake| Ok(Some(Err(mistake))));
        }
    };
    Ok(bytes.map(|bytes| {
        String::from_utf8(bytes).map_err(|error| {
            let at = error.utf8_error().valid_up_to();
            Diagnostic::new(path, format!("the file is not UTF-8 at byte {at}, expected text"))
                .help("save the file as UTF-8")
        })
    }))
}

/// All model files of a revision, sorted by path. Too many are an error, because judging only some would silently omit the
/// others.
pub(crate) fn model_files(mirror: &Mirror, commit: &CommitSha) -> Result<Vec<ModelFile>, GitError> {
    let revision = Revision { mirror, commit };
    let found = revision.find(&is_model)?;
    if found.len() > MAX_MODELS {
        let (repository, commit) = (mirror.remote().url().to_owned(), commit.clone());
        return Err(GitError::TooManyModels { repository, commit, limit: MAX_MODELS, found: found.len() });
    }
    read_models(&revision, found)
}

/// Whether a path is that of a model file.
pub(crate) fn is_model(path: &str) -> bool {
    path == MODEL_FILE || path.ends_with("/slipway.yaml")
}

/// Whether a path resembles that of a model file, but is not read.
pub(crate) fn is_misnamed_model(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let lower = name.to_ascii_lowercase();
    name != MODEL_FILE && matches!(lower.as_str(), "slipway.yaml" | "slipway.yml" | "slipway.yaml.txt")
}

/// The diagnostic for a file whose name resembles that of a model file.
pub(crate) fn misnamed(path: &str) -> Diagnostic {
    Diagnostic::new(path, format!("this file is not read: models are described in files with the name `{MODEL_FILE}`"))
        .help(format!("rename it to `{MODEL_FILE}`"))
}

/// The model files at some paths.
pub(super) fn read_models<F: Files>(files: &F, paths: Vec<String>) -> Result<Vec<ModelFile>, F::Error> {
    let mut models = Vec::with_capacity(paths.len());
    for path in paths {
        if let Some(text) = read_text(files, &path)? {
            models.push(ModelFile { path, text });
        }
    }
    Ok(models)
}

/// The name under which a model's runs are stored: its own, or the path of its file if that names none.
pub(crate) fn stored_name(file: &ModelFile) -> String {
    name_in(file).unwrap_or_else(|| file.path.clone())
}

/// The first mistake in a file, on one line, if there is one.
pub(crate) fn first_mistake(file: &ModelFile) -> Option<String> {
    let mistake = match &file.text {
        Ok(text) => read_model(&file.path, text).err()?.into_iter().next()?,
        Err(mistake) => mistake.clone(),
    };
    let line = mistake.to_string();
    let line = line.lines().next().unwrap_or_default();
    Some(line.chars().filter(|letter| !letter.is_control()).take(MAX_MISTAKE_LENGTH).collect())
}

/// The model's name, even if the rest of its file is broken. A name is a text whatever it resembles: `2024`, `1e3` and `null` are
/// names.
pub(crate) fn name_in(file: &ModelFile) -> Option<String> {
    let text = file.text.as_deref().unwrap_or_default();
    let tree = slipway_yaml::Tree::parse(&file.path, text).ok()?;
    let texts = |place: &str| tree.texts(&place.parse().ok()?);
    // A list of names is not a name.
    let texts = texts("metadata.name").filter(|_| texts("metadata.name[0]").is_none());
    let name: slipway_contract::ModelName = texts?.first()?.parse().ok()?;
    Some(name.as_str().to_owned())
}

/// A path in the repository, from a path relative to the folder of `file`.
pub(crate) fn folder_path(file: &str, path: &str) -> String {
    format!("{}{path}", folder_of(file))
}

/// The data files of a model at a path, each with the key that names it and its path relative to the model's folder. A glob is
/// replaced by the files that it matches; one that matches none is returned itself.
pub(crate) fn data_paths<F: Files>(
    files: &F,
    file: &str,
    model: &Model,
) -> Result<Vec<(&'static str, String)>, F::Error> {
    let mut paths = Vec::new();
    for (key, path) in model.spec.data.files() {
        let matching = if is_glob(path) { files.matching(&folder_path(file, path))? } else { Vec::new() };
        if matching.is_empty() {
            paths.push((key, path.to_owned()));
        }
        let folder = folder_of(file).len();
        paths.extend(matching.into_iter().map(|path| (key, path[folder..].to_owned())));
    }
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str) -> Option<String> {
        let text = Ok(format!("metadata: {{name: {name}}}\nspec: broken\n"));
        name_in(&ModelFile { path: "a/slipway.yaml".to_owned(), text })
    }

    #[test]
    fn a_name_is_a_text_whatever_else_it_could_be_taken_for() {
        for name in ["churn", "2024", "1e3", "null", "true"] {
            assert_eq!(named(name).as_deref(), Some(name));
            assert_eq!(named(&format!("\"{name}\"")).as_deref(), Some(name));
        }
    }

    #[test]
    fn a_file_that_names_no_model_is_a_file_with_a_mistake() {
        let files = [
            Ok("a: [\n".to_owned()),
            Ok(SAMPLE.replace("name: sample", "name: Bad_Name")),
            Ok(String::new()),
            Ok("metadata: {name: [churn]}\n".to_owned()),
            Err(Diagnostic::new("a/slipway.yaml", "the file is not UTF-8 at byte 0, expected text")),
        ];
        for text in files {
            let file = ModelFile { path: "a/slipway.yaml".to_owned(), text };
            assert_eq!(name_in(&file), None, "{:?}", file.text);
            assert_eq!(slipway_domain::model_name(&stored_name(&file)), None, "{:?}", file.text);
            let mistake = first_mistake(&file).expect("a mistake");
            assert!(mistake.starts_with("a/slipway.yaml") && !mistake.contains('\n'), "{mistake}");
        }
        let sound = ModelFile { path: "a/slipway.yaml".to_owned(), text: Ok(SAMPLE.to_owned()) };
        assert_eq!((name_in(&sound).as_deref(), first_mistake(&sound)), (Some("sample"), None));
        assert_eq!(slipway_domain::model_name("sample"), Some("sample"));
    }

    #[test]
    fn a_file_with_seven_mistakes_shows_seven() {
        let text = SAMPLE
            .replace("task: classification", "task: clasification")
            .replace("label: y", "lable: y")
            .replace("epochs: 1, batch_size: 1", "epochs: 0, batch_size: few, seed: 12345678901")
            .replace("[{linear: 2}]", "[{liner: 2}, relu]")
            .replace("name: sample", "name: Sample");
        let mistakes = read_model("slipway.yaml", &text).expect_err("mistakes");
        let mistakes: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
        let found = |words: &str| mistakes.iter().filter(|mistake| mistake.contains(words)).count();
        for words in [
            "`Sample` is not a valid name",
            "`clasification`",
            "`lable`",
            "`liner`",
            "`spec.training.batch_size`",
            "12345678901",
            "epochs: 0 is",
        ] {
            assert_eq!(found(words), 1, "{words}: {mistakes:#?}");
        }
    }

    #[test]
    fn names_that_only_look_like_those_of_models_are_reported() {
        for path in ["slipway.yml", "a/Slipway.yaml", "a/SLIPWAY.YML", "slipway.yaml.txt"] {
            assert!(is_misnamed_model(path) && !is_model(path), "{path}");
        }
        for path in ["slipway.yaml", "a/slipway.yaml"] {
            assert!(!is_misnamed_model(path) && is_model(path), "{path}");
        }
        assert!(!is_misnamed_model("my-slipway.yml") && !is_model("my-slipway.yaml"));
    }
}
