//! `slipway data`: files of data outside of git on this machine, with the user's own logins.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use slipway_contract::{Digest, FileAddress};

use super::exit::{self, Exit, Failure};
use super::form::LocalFormat;
use crate::repository::read_model;
use slipway_data::{Cache, DataError, Store, Stores, Wanted};
use slipway_domain::Retry;

/// Bytes that are read at a time.
const CHUNK: usize = 1 << 20;

/// Read files of data that models name by an address outside of git, with your own logins
///
/// The logins for S3, GCS and Azure are those of the environment: `AWS_ACCESS_KEY_ID`, `GOOGLE_APPLICATION_CREDENTIALS`,
/// `AZURE_STORAGE_ACCOUNT_NAME` and so on.
#[derive(Debug, Args)]
pub(super) struct Data {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Fetch the files of a model that are not here, and verify them
    Pull(Pull),
    /// Print the digest of a file, as `slipway.yaml` names it
    Digest(DigestOf),
}

#[derive(Debug, Args)]
struct Pull {
    /// The model's file, or its folder
    #[arg(default_value = "slipway.yaml", value_name = "SPEC")]
    spec: PathBuf,
    #[command(flatten)]
    format: LocalFormat,
}

#[derive(Debug, Args)]
struct DigestOf {
    /// A file, or an address such as `s3://BUCKET/FILE`
    #[arg(value_name = "FILE|URL")]
    file: String,
    #[command(flatten)]
    format: LocalFormat,
}

impl Data {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        match self.action {
            Action::Pull(pull) => pull.run(),
            Action::Digest(digest) => digest.run(),
        }
    }
}

impl Pull {
    fn run(mut self) -> Result<Exit, Failure> {
        if self.spec.is_dir() {
            self.spec.push("slipway.yaml");
        }
        let file = self.spec.display().to_string();
        let text = std::fs::read_to_string(&self.spec).map_err(|error| exit::invalid(format!("{file}: {error}")))?;
        let model = read_model(&file, &text).map_err(|problems| exit::invalid(super::check::join(&problems)))?;
        let folder = self.spec.parent().unwrap_or(Path::new(""));
        let mut states = Vec::new();
        for address in model.addresses() {
            let state = if provide(folder, &address)? { "fetched" } else { "here" };
            states.push(json!({ "file": address.file, "url": address.url, "sha256": address.sha256, "state": state }));
        }
        let document = json!({ "files": states });
        self.format.show(&document, |_, _| {
            if states.is_empty() {
                return "the model names no file at an address; `git lfs pull` fetches files of Git LFS".to_owned();
            }
            let lines = states.iter().map(|one| match one["state"].as_str() {
                Some("here") => format!("{} is here", super::output::text(one, "file")),
                _ => format!("{} was fetched", super::output::text(one, "file")),
            });
            lines.collect::<Vec<_>>().join("\n")
        })?;
        Ok(Exit::Done)
    }
}

/// Fetches a file, unless it is here. Returns whether it was fetched.
fn provide(folder: &Path, address: &FileAddress) -> Result<bool, Failure> {
    let FileAddress { key: _, file, url, sha256 } = address;
    let into = folder.join(file);
    if into.exists() {
        let (found, _) = digest_of(&mut open(&into)?, file)?;
        if found != *sha256 {
            let help = "move it away, or update `sha256` if it is the right one";
            return Err(exit::invalid(format!(
                "`{file}` is another file than `{url}`: its digest is {found}\n  help: {help}"
            )));
        }
        return Ok(false);
    }
    let parent = into.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let named = |error: std::io::Error| exit::invalid(format!("`{}`: {error}", parent.display()));
    std::fs::create_dir_all(parent).map_err(named)?;
    // On the same disk as the file, which can be large.
    let beside = tempfile::Builder::new().prefix(".slipway-").tempdir_in(parent).map_err(named)?;
    let cache = Cache::open(beside.path(), 0).map_err(failed)?;
    let wanted = Wanted { path: file.clone(), sha256: sha256.clone(), size: None, limit: u64::MAX };
    cache.fill(&wanted, &mut open_address(url)?, &into).map_err(failed)?;
    Ok(true)
}

impl DigestOf {
    fn run(self) -> Result<Exit, Failure> {
        let is_address = self.file.contains("://");
        let mut source: Box<dyn Read> =
            if is_address { open_address(&self.file)? } else { Box::new(open(Path::new(&self.file))?) };
        let (sha256, size) = digest_of(&mut source, &self.file)?;
        let name = self.file.split(['?', '#']).next().unwrap_or_default();
        let name = name.rsplit('/').next().unwrap_or_default();
        let url = if is_address { self.file.as_str() } else { "URL" };
        let document = json!({ "file": self.file, "sha256": sha256, "size": size });
        self.format
            .show(&document, |_, _| format!("{{file: data/{name}, url: \"{url}\", sha256: {}}}", sha256.hex()))?;
        Ok(Exit::Done)
    }
}

fn open(path: &Path) -> Result<File, Failure> {
    File::open(path).map_err(|error| exit::invalid(format!("`{}`: {error}", path.display())))
}

/// Opens an address with the logins of the user, who names it. A redirect is followed to no other host.
fn open_address(url: &str) -> Result<Box<dyn Read>, Failure> {
    let store = Store::of_user(url).map_err(exit::invalid)?;
    Stores::new(vec![store]).open(url.split('?').next().unwrap_or_default(), url).map_err(failed)
}

fn digest_of(source: &mut dyn Read, name: &str) -> Result<(Digest, u64), Failure> {
    let (mut hasher, mut chunk, mut size) = (Sha256::new(), vec![0; CHUNK], 0);
    loop {
        let read = source.read(&mut chunk).map_err(|error| exit::unreachable(format!("`{name}`: {error}")))?;
        if read == 0 {
            return Ok((Digest::of_hasher(hasher), size));
        }
        hasher.update(&chunk[..read]);
        size += read as u64;
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the form that `map_err` needs")]
fn failed(error: DataError) -> Failure {
    match error.retry() {
        Retry::Never => exit::invalid(&error),
        _ => exit::unreachable(&error),
    }
}
