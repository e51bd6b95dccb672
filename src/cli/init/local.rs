//! Sets up a server on this machine to try Slipway: bare repositories, a hook, secrets, and settings that serve all of it on
//! loopback. It needs only git.

use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::files::{Became, Ready, keep_secret};
use super::next::quoted_path;
use super::specification::{manifest, schema_line};
use crate::cli::check;
use crate::cli::exit::{self, Failure};
use slipway_yaml::scalar_of;

/// The name of the git remote for the bare repository.
pub(super) const REMOTE: &str = "slipway";
/// The file with the secret of the webhook.
const WEBHOOK_SECRET: &str = "webhook-secret";
/// The file with the token of the API.
pub(super) const TOKEN: &str = "api-token";
/// The files with secrets: of the webhook, of the git server, of the API.
const SECRETS: [&str; 3] = [WEBHOOK_SECRET, "git-password", TOKEN];
/// The settings, under the default name of the other commands.
pub(super) const SETTINGS: &str = crate::config::FILE;
/// Maximum size of existing settings that are read, in bytes: the same as for servers.
const MAX_SETTINGS_BYTES: u64 = slipway_yaml::MAX_BYTES as u64;
/// The only environment.
pub(super) const ENVIRONMENT: &str = "staging";

/// The setup of a server in a folder.
pub(super) struct Local {
    /// The folder as the user named it.
    pub(super) given: PathBuf,
    folder: PathBuf,
    /// The folder of the model's repository.
    pub(super) source: PathBuf,
    model: String,
    pub(super) port: u16,
    /// The settings and the hook. Their paths are absolute, because git starts the hook in the bare repository.
    ready: Ready,
    _staging: tempfile::TempDir,
}

impl Local {
    /// Stages all files. Nothing is written to the target.
    pub(super) fn plan(folder: &Path, source: &Path, model: &str, port: u16) -> Result<Self, Failure> {
        let given = folder.to_owned();
        let folder = std::path::absolute(folder).map_err(exit::invalid)?;
        let source = std::path::absolute(source).map_err(exit::invalid)?;
        git(Path::new("."), &["--version"])?;
        stop_at_another_model(&given, model)?;
        let staging = exit::temporary_folder()?;
        let mut ready = Ready::new(staging.path(), &folder);
        ready.add(SETTINGS, &settings(model, port))?;
        let hook = hook(&folder, model, port)?;
        ready.add(&format!("repositories/{model}.git/hooks/post-receive"), &hook)?;
        Ok(Self { given, folder, source, model: model.to_owned(), port, ready, _staging: staging })
    }

    /// Returns the conflicting files.
    pub(super) fn conflicts(&self) -> Result<Vec<PathBuf>, Failure> {
        let mut found = self.ready.conflicts()?;
        let remote = git(&self.source, &["remote", "get-url", REMOTE]).ok();
        if remote.is_some_and(|url| Path::new(url.trim()) != self.repository(&self.model)) {
            found.push(self.source.join(format!(".git/config (the remote `{REMOTE}`)")));
        }
        Ok(found)
    }

    /// Creates the folder, so that a failure is reported before anything else is written.
    pub(super) fn make_folder(&self) -> Result<(), Failure> {
        let made = std::fs::create_dir_all(&self.folder).and_then(|()| tempfile::tempfile_in(&self.folder)).map(drop);
        let help = "set another folder with `--local`; nothing was written";
        made.map_err(|error| {
            exit::invalid(format!(
                "the folder `{}` cannot be created or written to: {error}\n  help: {help}",
                self.given.display()
            ))
        })
    }

    fn repository(&self, name: &str) -> PathBuf {
        self.folder.join("repositories").join(format!("{name}.git"))
    }

    /// Creates the setup, and returns the result of each part.
    pub(super) fn make(&self, sources: &[String]) -> Result<Vec<(PathBuf, Became)>, Failure> {
        let refuse = |path: &Path, error: &std::io::Error| exit::invalid(format!("{}: {error}", path.display()));
        let mut made = Vec::new();
        for name in SECRETS {
            let path = self.folder.join(name);
            made.push((path.clone(), keep_secret(&path)?));
        }
        let environment = environment_repository(&self.model);
        for name in [self.model.as_str(), environment] {
            let bare = self.repository(name);
            let became = if bare.join("HEAD").is_file() {
                Became::Kept
            } else {
                std::fs::create_dir_all(&bare).map_err(|error| refuse(&bare, &error))?;
                git(&bare, &["init", "--quiet", "--bare", "--initial-branch", "main"])?;
                // A global `core.hooksPath` of the user would disable the hook of this repository.
                git(&bare, &["config", "core.hooksPath", "hooks"])?;
                Became::Written
            };
            made.push((bare, became));
        }
        made.push(self.add_manifest(environment)?);
        for (path, became) in self.ready.put()? {
            let whole = self.folder.join(&path);
            if path.ends_with("post-receive") {
                let executable = std::fs::Permissions::from_mode(0o755);
                std::fs::set_permissions(&whole, executable).map_err(|error| refuse(&whole, &error))?;
            }
            made.push((whole, became));
        }
        self.connect(sources)?;
        let mistakes = check::mistakes_in(&self.folder.join(SETTINGS), false)?;
        if !mistakes.is_empty() {
            return Err(exit::invalid(check::join(&mistakes)));
        }
        let as_given =
            |path: PathBuf| path.strip_prefix(&self.folder).map_or(path.clone(), |part| self.given.join(part));
        Ok(made.into_iter().map(|(path, became)| (as_given(path), became)).collect())
    }

    /// Adds a marked manifest to the environment's repository, unless it exists.
    fn add_manifest(&self, environment: &str) -> Result<(PathBuf, Became), Failure> {
        let bare = self.repository(environment);
        let path = format!("{ENVIRONMENT}/{}.yaml", self.model);
        let shown = bare.join(format!("main:{path}"));
        if git(&bare, &["cat-file", "-e", &format!("refs/heads/main:{path}")]).is_ok() {
            return Ok((shown, Became::Kept));
        }
        let work = exit::temporary_folder()?;
        let work = work.path();
        let address = bare.to_string_lossy().into_owned();
        git(work, &["init", "--quiet", "--initial-branch", "main"])?;
        if git(&bare, &["rev-parse", "--quiet", "--verify", "refs/heads/main"]).is_ok() {
            git(work, &["pull", "--quiet", &address, "main"])?;
        }
        let mut ready = Ready::new(work, work);
        ready.add(&path, &manifest(&self.model))?;
        git(work, &["add", "--", &path])?;
        let who = ["-c", "user.name=Slipway", "-c", "user.email=slipway@localhost", "-c", "commit.gpgsign=false"];
        let message = format!("Add a manifest with marks for {}", self.model);
        git(work, &[&who[..], &["commit", "--quiet", "--no-verify", "-m", &message]].concat())?;
        git(work, &["push", "--quiet", &address, "HEAD:refs/heads/main"])?;
        Ok((shown, Became::Written))
    }

    /// Connects the model's repository to the bare one, and stages the written files.
    fn connect(&self, sources: &[String]) -> Result<(), Failure> {
        if git(&self.source, &["rev-parse", "--git-dir"]).is_err() {
            git(&self.source, &["init", "--quiet", "--initial-branch", "main"])?;
        }
        let address = self.repository(&self.model).to_string_lossy().into_owned();
        if git(&self.source, &["remote", "get-url", REMOTE]).is_ok() {
            git(&self.source, &["remote", "set-url", REMOTE, &address])?;
        } else {
            git(&self.source, &["remote", "add", REMOTE, &address])?;
        }
        let mut add = vec!["add", "--"];
        add.extend(sources.iter().map(String::as_str));
        git(&self.source, &add).map(drop)
    }
}

/// Refuses a folder whose settings serve another model: the settings would be replaced, and that model would not be served any
/// more.
fn stop_at_another_model(folder: &Path, model: &str) -> Result<(), Failure> {
    let path = folder.join(SETTINGS);
    let mut text = String::new();
    let Ok(file) = std::fs::File::open(&path) else { return Ok(()) };
    if file.take(MAX_SETTINGS_BYTES).read_to_string(&mut text).is_err() {
        return Ok(());
    }
    let settings: serde_yaml::Value = serde_yaml::from_str(&text).unwrap_or_default();
    let sources = settings["sources"].as_sequence().into_iter().flatten();
    let others: Vec<String> = sources
        .filter_map(|source| source["name"].as_str())
        .filter(|name| *name != model)
        .map(|name| format!("`{}`", super::table::shown(name)))
        .collect();
    if others.is_empty() {
        return Ok(());
    }
    let message = format!("`{}` already serves another model: {}", path.display(), others.join(", "));
    let help = format!(
        "set another folder with `--local` and another port with `--port`, or add `{model}` to `sources` in this file; \
         nothing was written"
    );
    Err(exit::invalid(format!("{message}\n  help: {help}")))
}

/// The default port of a server.
pub(super) const DEFAULT_PORT: u16 = 8420;

/// Returns the name of the repository of manifests, which must differ from the model's name.
fn environment_repository(model: &str) -> &'static str {
    if model == "environment" { "environments" } else { "environment" }
}

fn settings(model: &str, port: u16) -> String {
    let (git_port, environment) = (port + 1, environment_repository(model));
    let name = scalar_of(model);
    format!(
        "{schema}
# A server to try Slipway on this machine. It serves its own git repositories, only on loopback.
apiVersion: slipway.dev/v1alpha1
kind: Server
listen: 127.0.0.1:{port}
state: ./state
git_server:
  folder: ./repositories
  listen: 127.0.0.1:{git_port}
  credentials: {{username: slipway, password: {{file: ./git-password}}}}
sources:
  - name: {name}
    forge: plain
    url: \"http://127.0.0.1:{git_port}/{model}.git\"
    branch: main
    secret: {{file: ./webhook-secret}}
    credentials: {{username: slipway, password: {{file: ./git-password}}}}
    environment: {ENVIRONMENT}
environments:
  - name: {ENVIRONMENT}
    url: \"http://127.0.0.1:{git_port}/{environment}.git\"
    branch: main
    folder: {ENVIRONMENT}
    credentials: {{username: slipway, password: {{file: ./git-password}}}}
web: {{api_token: {{file: ./api-token}}}}
executor: {{local: {{deadline: 30m, memory: 4GiB}}}}
",
        schema = schema_line("server")
    )
}

fn hook(folder: &Path, model: &str, port: u16) -> Result<String, Failure> {
    let program = std::env::current_exe().map_err(exit::defect)?;
    Ok(format!(
        "#!/bin/sh\nexec {} hook post-receive --url http://127.0.0.1:{port}/webhooks/{model} --secret-file {}\n",
        quoted_path(&program),
        quoted_path(&folder.join(WEBHOOK_SECRET))
    ))
}

/// Runs git in a folder with the user's configuration, and returns its output.
pub(super) fn git(folder: &Path, arguments: &[&str]) -> Result<String, Failure> {
    let mut command = Command::new("git");
    // Variables of a git process that started this command, as a hook does, would select another repository.
    for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_PREFIX"] {
        command.env_remove(name);
    }
    let output =
        command.arg("-C").arg(folder).args(arguments).env("GIT_TERMINAL_PROMPT", "0").stdin(Stdio::null()).output();
    let output =
        output.map_err(|error| exit::invalid(format!("`git` cannot be started: {error}\n  help: install git")))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(exit::invalid(format!("`git {}` failed in {}: {}", arguments.join(" "), folder.display(), said.trim())))
}
