//! `slipway backup` and `slipway restore`: all data of the server as files that can be moved, verified and restored.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};
use slipway_contract::{Digest, counted};

use super::beside::{SettingsArgs, failed, work};
use super::exit::{self, Exit, Failure};
use super::form::Format;
use super::output;
use crate::app;
use crate::config::Settings;
use slipway_artifacts::{ArtifactError, CopiedArtifacts, Inclusion};
use slipway_store::{BackupError, Dump, Store};

/// The description of a backup in its folder. It is written last: a folder without it is not a backup.
const MANIFEST: &str = "backup.json";
/// Digests of all files except artifacts.
const SUMS: &str = "SHA256SUMS";

/// Back up the server's store and artifacts into a folder; the server may run.
#[derive(Debug, Args)]
pub(super) struct Backup {
    /// The folder; it is created and must not exist
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// How artifacts are included
    #[arg(long, value_enum, default_value_t = How::Copy)]
    artifacts: How,
    #[command(flatten)]
    beside: SettingsArgs,
    #[command(flatten)]
    format: Format,
}

/// Restore a backup into an empty store. The server must not run.
#[derive(Debug, Args)]
pub(super) struct Restore {
    /// The folder that `slipway backup` wrote
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Restore nothing; only verify that every file is unchanged
    #[arg(long)]
    check: bool,
    #[command(flatten)]
    beside: SettingsArgs,
    #[command(flatten)]
    format: Format,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum How {
    /// Copies
    Copy,
    /// Hard links where possible: they take no space, but a loss affects both
    Link,
    /// Only names and digests: the folder is backed up by other means
    List,
}

impl From<How> for Inclusion {
    fn from(how: How) -> Self {
        match how {
            How::Copy => Self::Copy,
            How::Link => Self::Link,
            How::List => Self::List,
        }
    }
}

/// The description of a backup.
#[derive(Debug, Serialize, Deserialize)]
struct Manifest {
    store: Dump,
    included: Inclusion,
    artifacts: CopiedArtifacts,
}

impl Manifest {
    fn rows(&self) -> u64 {
        self.store.tables.iter().map(|table| table.rows).sum()
    }

    fn print_outcome(&self, what: &str, format: &Format) -> Result<(), Failure> {
        let (tables, artifacts) = (self.store.tables.len(), &self.artifacts);
        let how = match self.included {
            Inclusion::Copy => "copied",
            Inclusion::Link => "linked",
            Inclusion::List => "listed",
        };
        let document = serde_json::to_value(self).map_err(exit::defect)?;
        format.show(&document, |_, _| {
            format!(
                "{what}: {} of {} as of {}, {} of artifacts {how} ({})",
                counted(self.rows(), "row"),
                counted(tables, "table"),
                self.store.taken_at,
                counted(artifacts.files, "file"),
                bytesize::ByteSize::b(artifacts.bytes),
            )
        })
    }
}

impl Backup {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let settings = self.beside.settings()?;
        if self.folder.exists() {
            return Err(exit::invalid(format!(
                "`{}` already exists: use a folder that does not exist",
                self.folder.display()
            )));
        }
        let partial = partial_of(&self.folder)?;
        make_private(&partial)?;
        let manifest = work(&settings, async |store| write(store, &settings, &partial, self.artifacts.into()).await)?;
        std::fs::rename(&partial, &self.folder).map_err(|error| of_file(&self.folder, &error))?;
        manifest.print_outcome(&format!("`{}` is complete", self.folder.display()), &self.format)?;
        Ok(complain_of(&manifest.artifacts, "damaged, so the backup does not contain it"))
    }
}

async fn write(store: &Store, settings: &Settings, folder: &Path, how: Inclusion) -> Result<Manifest, Failure> {
    let dump = store.dump(folder).await.map_err(of_backup)?;
    // Artifacts are copied after the rows. They exist before a row names them, so none is missing.
    let artifacts = slipway_artifacts::back_up(&settings.artifacts, folder, how).map_err(of_artifacts)?;
    let manifest = Manifest { store: dump, included: how, artifacts };
    let content = serde_json::to_vec_pretty(&manifest).map_err(exit::defect)?;
    write_synced(&folder.join(MANIFEST), &content)?;
    let mut sums = format!("{}  {MANIFEST}\n", Digest::of(&content).hex());
    for table in &manifest.store.tables {
        let _ = writeln!(sums, "{}  {}", table.digest.hex(), table.file()); // writing to a string cannot fail
    }
    let list = std::fs::read(folder.join(slipway_artifacts::LIST)).map_err(|error| of_file(folder, &error))?;
    let _ = writeln!(sums, "{}  {}", Digest::of(&list).hex(), slipway_artifacts::LIST);
    write_synced(&folder.join(SUMS), sums.as_bytes())?;
    Ok(manifest)
}

impl Restore {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let settings = self.beside.settings()?;
        let manifest = read(&self.folder)?;
        if self.check {
            for table in &manifest.store.tables {
                slipway_store::verify_table(table, &self.folder).map_err(of_backup)?;
            }
            let found = slipway_artifacts::verify(&settings.artifacts, &self.folder, manifest.included)
                .map_err(of_artifacts)?;
            manifest.print_outcome(&format!("`{}` is a valid backup", self.folder.display()), &self.format)?;
            return Ok(complain_of(&found, "damaged or missing"));
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(exit::defect)?;
        let restored = runtime.block_on(async {
            let _lock = app::lock(&settings.state).await.map_err(|error| exit::invalid(app::described(&error)))?;
            // Artifacts are restored before the rows that name them, so that an interrupted restore can be repeated.
            let restored = slipway_artifacts::restore(&settings.artifacts, &self.folder, manifest.included)
                .map_err(of_artifacts)?;
            slipway_store::restore(&settings.store, &self.folder, &manifest.store).await.map_err(of_backup)?;
            Ok(restored)
        })?;
        manifest.print_outcome("restored", &self.format)?;
        Ok(complain_of(&restored, "damaged or missing: a run that needs it trains the model again"))
    }
}

/// Reads the description of a backup.
fn read(folder: &Path) -> Result<Manifest, Failure> {
    let path = folder.join(MANIFEST);
    let content = std::fs::read(&path).map_err(|error| {
        exit::invalid(format!("`{}` is not a backup: {MANIFEST} cannot be read: {error}", folder.display()))
    })?;
    let sums = std::fs::read_to_string(folder.join(SUMS)).map_err(|error| of_file(&folder.join(SUMS), &error))?;
    for (file, content) in [
        (MANIFEST, content.clone()),
        (
            slipway_artifacts::LIST,
            std::fs::read(folder.join(slipway_artifacts::LIST)).map_err(|error| of_file(folder, &error))?,
        ),
    ] {
        if !sums.lines().any(|line| line == format!("{}  {file}", Digest::of(&content).hex())) {
            return Err(exit::invalid(format!(
                "`{file}` of the backup is damaged: its digest differs from the one in {SUMS}"
            )));
        }
    }
    serde_json::from_slice(&content).map_err(|error| exit::invalid(format!("`{}`: {error}", path.display())))
}

/// Reports damaged artifacts. A backup with damaged artifacts is still useful, but the damage must not be missed.
fn complain_of(artifacts: &CopiedArtifacts, what: &str) -> Exit {
    for name in &artifacts.damaged {
        output::complain(&format!("the artifact file `{name}` is {what}"));
    }
    if artifacts.damaged.is_empty() { Exit::Done } else { Exit::Refused }
}

/// Returns the folder in which an incomplete backup is written. An older incomplete backup is removed.
fn partial_of(folder: &Path) -> Result<PathBuf, Failure> {
    let name =
        folder.file_name().ok_or_else(|| exit::invalid(format!("`{}` is not a path of a folder", folder.display())))?;
    let mut partial = name.to_owned();
    partial.push(".partial");
    let partial = folder.with_file_name(partial);
    match std::fs::remove_dir_all(&partial) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(of_file(&partial, &error)),
        _ => Ok(partial),
    }
}

/// Creates a folder that only its owner can read, because it contains deliveries and digests of tokens.
fn make_private(folder: &Path) -> Result<(), Failure> {
    use std::os::unix::fs::DirBuilderExt as _;
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(|error| of_file(folder, &error))
}

fn write_synced(file: &Path, content: &[u8]) -> Result<(), Failure> {
    let write = || -> std::io::Result<()> {
        std::fs::write(file, content)?;
        std::fs::File::open(file)?.sync_all()
    };
    write().map_err(|error| of_file(file, &error))
}

fn of_file(file: &Path, error: &std::io::Error) -> Failure {
    exit::invalid(format!("`{}`: {error}", file.display()))
}

fn of_artifacts(error: ArtifactError) -> Failure {
    exit::invalid(error)
}

fn of_backup(error: BackupError) -> Failure {
    match error {
        BackupError::Store(error) => failed(error),
        error => exit::invalid(error),
    }
}
