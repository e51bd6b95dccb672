//! Programs of teams: what a program finds in the sandbox. `docs/own-programs.md` describes the same for the authors of programs.

mod error;
mod run;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use slipway_contract::Model;
use slipway_sandbox::{Mount, OUTPUT, Spec};

pub use error::ProgramError;
pub(super) use run::run;

/// Limits of a program in the sandbox.
pub type SandboxLimits = slipway_sandbox::Limits;

/// What the platform's owner allows the programs of a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commands {
    /// Folders of the machine that programs may read besides the system's, such as a virtual environment. They have the same paths
    /// in the sandbox.
    pub folders: Vec<PathBuf>,
    /// Folders in which programs are searched before the system's.
    pub path: Vec<PathBuf>,
    /// A text that the owner changes when the content of `folders` changes. It is a part of the cache key.
    pub version: String,
    /// Limits of a program.
    pub limits: SandboxLimits,
    /// Whether programs have the network of the machine.
    pub network: bool,
}

/// What a program does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProgramTask<'a> {
    /// It trains.
    Train,
    /// It predicts the test rows with the model in this file.
    Evaluate(&'a Path),
}

/// One run of a program.
#[derive(Debug, Clone, Copy)]
pub struct ProgramJob<'a> {
    /// The model.
    pub model: &'a Model,
    /// What the program does.
    pub task: ProgramTask<'a>,
    /// An empty folder for the sandbox.
    pub folder: &'a Path,
    /// The folder with the model's files.
    pub source: &'a Path,
    /// The test rows without their labels.
    pub test_rows: &'a Path,
    /// The number of threads that the program should use.
    pub threads: u32,
    /// What is allowed.
    pub commands: &'a Commands,
}

impl ProgramJob<'_> {
    /// The model that the program wrote.
    pub fn model_output(&self) -> PathBuf {
        self.folder.join(OUTPUT).join("0")
    }

    /// The predictions that the program wrote, if it was to write some.
    pub fn predictions_output(&self) -> Option<PathBuf> {
        match self.task {
            ProgramTask::Train if self.model.spec.evaluation.command.is_some() => None,
            ProgramTask::Train => Some(self.folder.join(OUTPUT).join("1")),
            ProgramTask::Evaluate(_) => Some(self.folder.join(OUTPUT).join("0")),
        }
    }

    /// The command, and the files that it is to write.
    fn work(&self) -> (Vec<String>, Vec<String>) {
        let spec = &self.model.spec;
        let outputs = spec.training.outputs.clone();
        let (model, predictions) = outputs.map(|outputs| (outputs.model, outputs.predictions)).unwrap_or_default();
        match self.task {
            ProgramTask::Train if spec.evaluation.command.is_some() => {
                (spec.training.command.clone().unwrap_or_default(), vec![model])
            }
            ProgramTask::Train => (spec.training.command.clone().unwrap_or_default(), vec![model, predictions]),
            ProgramTask::Evaluate(_) => (spec.evaluation.command.clone().unwrap_or_default(), vec![predictions]),
        }
    }

    /// Writes the files of the sandbox, and returns what it runs.
    fn spec(&self, limits: SandboxLimits) -> std::io::Result<Spec> {
        const SOURCE: &str = "/slipway/source";
        let spec = &self.model.spec;
        let (command, outputs) = self.work();
        let parameters = self.folder.join("parameters.json");
        std::fs::write(&parameters, serde_json::to_vec_pretty(&spec.training.parameters)?)?;
        let mut mounts: Vec<Mount> = self.commands.readable().into_iter().map(Mount::same).collect();
        for path in [self.source, self.test_rows, &parameters] {
            make_readable(path)?;
        }
        let mut mount = |from: &Path, to: &str| mounts.push(Mount { from: from.to_owned(), to: to.to_owned() });
        mount(self.source, SOURCE);
        mount(self.test_rows, "/slipway/test.csv");
        mount(&parameters, "/slipway/parameters.json");
        let mut environment = self.model.parameter_variables();
        let mut set = |name: &str, value: String| environment.insert(name.to_owned(), value);
        if let Some(test) = self.model.test_table() {
            // The labels of the test rows stay outside.
            let nothing = self.folder.join("nothing");
            std::fs::write(&nothing, "")?;
            mount(&nothing, &format!("{SOURCE}/{test}"));
        }
        if let ProgramTask::Evaluate(model) = self.task {
            make_readable(model)?;
            mount(model, "/slipway/model");
            set("SLIPWAY_MODEL", "/slipway/model".to_owned());
        }
        if let Some(table) = spec.data.table() {
            set("SLIPWAY_TRAIN", format!("{SOURCE}/{}", table.training().1));
            set("SLIPWAY_LABEL", table.label.clone());
        }
        let written = spec.training.outputs.as_ref();
        let path = |name: Option<&String>| name.map(|name| format!("/slipway/output/{name}"));
        let model_path = path(written.map(|outputs| &outputs.model)).filter(|_| self.task == ProgramTask::Train);
        for (name, value) in [
            ("SLIPWAY_MODEL_OUTPUT", model_path),
            ("SLIPWAY_PREDICTIONS_OUTPUT", path(written.map(|outputs| &outputs.predictions))),
        ] {
            value.map(|value| set(name, value));
        }
        let task = if self.task == ProgramTask::Train { "train" } else { "evaluate" };
        for (name, value) in [
            ("SLIPWAY_TASK", task),
            ("SLIPWAY_SOURCE", SOURCE),
            ("SLIPWAY_TEST", "/slipway/test.csv"),
            ("SLIPWAY_PARAMETERS", "/slipway/parameters.json"),
            ("SLIPWAY_OUTPUT", "/slipway/output"),
            // Equal inputs are to give equal models.
            ("PYTHONHASHSEED", "0"),
            ("PYTHONDONTWRITEBYTECODE", "1"),
            ("PYTHONUNBUFFERED", "1"),
        ] {
            set(name, value.to_owned());
        }
        set("SLIPWAY_SEED", spec.training.seed.to_string());
        set("SLIPWAY_DEADLINE", limits.seconds.to_string());
        set("SLIPWAY_THREADS", self.threads.to_string());
        set("OMP_NUM_THREADS", self.threads.to_string());
        let own = self.commands.path.iter().map(|folder| folder.display().to_string());
        let system = ["/usr/local/bin", "/usr/bin", "/bin"].map(str::to_owned);
        set("PATH", own.chain(system).collect::<Vec<_>>().join(":"));
        let network = self.commands.network;
        Ok(Spec { command, environment, work: SOURCE.to_owned(), mounts, outputs, limits, network })
    }
}

/// Lets every user read a file, or a folder with all in it. A server that runs as root runs programs as another user. Nobody else
/// reaches the files, because they lie below the folder of the job.
fn make_readable(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let mut open = vec![path.to_owned()];
    while let Some(path) = open.pop() {
        let kind = path.symlink_metadata()?;
        if kind.is_symlink() {
            continue;
        }
        let added = if kind.is_dir() { 0o755 } else { 0o444 };
        let mode = kind.permissions().mode() | added;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode))?;
        if kind.is_dir() {
            for entry in std::fs::read_dir(&path)? {
                open.push(entry?.path());
            }
        }
    }
    Ok(())
}

/// The longest `pyvenv.cfg` that is read, in bytes.
const MAX_VENV_BYTES: u64 = 64 << 10;

impl Commands {
    /// The folders that programs may read, with the interpreters of virtual environments of Python among them.
    fn readable(&self) -> Vec<PathBuf> {
        let interpreters = self.folders.iter().filter_map(|folder| interpreter_of(folder)).flatten();
        let mut all: Vec<PathBuf> = self.folders.iter().cloned().chain(interpreters).collect();
        all.sort();
        all.dedup();
        all
    }

    /// The parts of the cache key that the settings decide.
    pub fn key_parts(&self) -> BTreeMap<String, String> {
        let places = |folders: &[PathBuf]| {
            folders.iter().map(|folder| folder.display().to_string()).collect::<Vec<_>>().join(":")
        };
        let parts = [
            ("program folders", places(&self.folders)),
            ("program path", places(&self.path)),
            ("program version", self.version.clone()),
        ];
        parts.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }
}

/// Programs and libraries of the interpreter that a virtual environment belongs to, if they are not the system's. `pyvenv.cfg` names
/// it (PEP 405).
fn interpreter_of(folder: &Path) -> Option<[PathBuf; 2]> {
    use std::io::Read as _;
    let mut text = String::new();
    let file = std::fs::File::open(folder.join("pyvenv.cfg")).ok()?;
    file.take(MAX_VENV_BYTES).read_to_string(&mut text).ok()?;
    let home = text.lines().find_map(|line| line.strip_prefix("home")?.trim_start().strip_prefix('='))?;
    let root = Path::new(home.trim()).canonicalize().ok()?.parent()?.to_owned();
    let lib = root.join("lib");
    let holds_python =
        std::fs::read_dir(&lib).ok()?.flatten().any(|entry| entry.file_name().to_string_lossy().starts_with("python"));
    (holds_python && !root.starts_with("/usr")).then(|| [root.join("bin"), lib])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_virtual_environment_brings_its_interpreter_and_nothing_else_of_its_folder() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path().canonicalize().expect("a path");
        for path in ["venv", "python/bin", "python/lib/python3.11", "python/secrets"] {
            std::fs::create_dir_all(root.join(path)).expect("a folder");
        }
        let config = format!("home = {}\nversion = 3.11\n", root.join("python/bin").display());
        std::fs::write(root.join("venv/pyvenv.cfg"), config).expect("written");
        let limits = SandboxLimits { seconds: 1, memory: 1, processes: 1, output: 1, temporary: 1 };
        let folders = vec![root.join("venv")];
        let commands = Commands { folders, path: Vec::new(), version: String::new(), limits, network: false };
        let expected = ["python/bin", "python/lib", "venv"].map(|path| root.join(path));
        assert_eq!(commands.readable(), expected);
        // A home without a Python is no interpreter.
        std::fs::remove_dir(root.join("python/lib/python3.11")).expect("removed");
        assert_eq!(commands.readable(), [root.join("venv")]);
    }
}
