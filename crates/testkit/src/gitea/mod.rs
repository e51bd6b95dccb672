//! A real Gitea or Forgejo in a folder of its own, for as long as it is held: built by `make gitea` into `.gitea/`, or by
//! `make forgejo` into `.forgejo/`, on a loopback port, over SQLite. What it is asked is asked through its own API, which
//! both have.

mod project;
mod settings;

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use base64::Engine as _;
use serde_json::{Value, json};

use crate::{Api, ignore_test};

pub use project::{NewHook, Project};

/// The first administrator, and a password that protects nothing but a server that lives for minutes.
const ROOT: (&str, &str) = ("overseer", "a password for one hour");
/// How long it may take to be ready.
const TIMEOUT: Duration = Duration::from_mins(2);
/// How often it is asked whether it is.
const PAUSE: Duration = Duration::from_millis(50);

/// Starts the program and ends it when the line it reads ends, that is when its parent is gone, however that happened: an
/// interrupt from the terminal reaches both, and is no reason to leave the folder behind.
const KEEPER: &str = r#"trap : INT TERM HUP; "$@" >"$LOG" 2>&1 & server=$!
read -r _; kill "$server" 2>/dev/null; wait "$server"; rm -rf "$FOLDER""#;

/// Which of both it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Brand {
    /// Gitea.
    Gitea,
    /// Forgejo.
    Forgejo,
}

impl Brand {
    /// The name of its program, its `make` target and its webhooks, and its word in Slipway's settings.
    pub fn word(self) -> &'static str {
        match self {
            Self::Gitea => "gitea",
            Self::Forgejo => "forgejo",
        }
    }
}

/// A running Gitea or Forgejo.
#[derive(Debug)]
pub struct Gitea {
    brand: Brand,
    program: PathBuf,
    folder: PathBuf,
    url: String,
    keeper: Child,
}

/// An account there.
#[derive(Debug, Clone)]
pub struct Person {
    /// Its name.
    pub name: String,
    /// Its number.
    pub id: u64,
}

impl Gitea {
    /// Starts one; `None` where none was built: the calling test is then ignored.
    pub async fn start(brand: Brand) -> Result<Option<Self>> {
        let word = brand.word();
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).context("a workspace")?;
        let home = workspace.join(format!(".{word}"));
        let program = home.join(word);
        if !program.is_file() {
            ignore_test(&format!("{word} is missing"), &format!("`make {word}` builds one where Go is installed"));
            return Ok(None);
        }
        let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let folder = std::env::temp_dir().join(format!("slipway-{word}-{}-{port}", std::process::id()));
        std::fs::create_dir_all(folder.join("home"))?;
        std::fs::write(folder.join("app.ini"), settings::of(&folder, &home.join("share"), port))?;
        let keeper = command("bash", &folder)
            .args(["-c", KEEPER, "keeper"])
            .arg(&program)
            .args(arguments(&folder))
            .arg("web")
            .env("LOG", folder.join("log"))
            .env("FOLDER", &folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("{word} does not start"))?;
        let gitea = Self { brand, program, folder, url: format!("http://127.0.0.1:{port}"), keeper };
        gitea.wait().await?;
        let (name, password) = ROOT;
        gitea.say(&["admin", "user", "create", "--admin", "--username", name, "--password", password]).await?;
        Ok(Some(gitea))
    }

    async fn wait(&self) -> Result<()> {
        let api = Api::at(&self.url);
        let ready = async {
            while !api.get("/api/healthz").await.is_ok_and(|answer| answer.status == 200) {
                tokio::time::sleep(PAUSE).await;
            }
        };
        let ready = tokio::time::timeout(TIMEOUT, ready).await;
        ready.with_context(|| std::fs::read_to_string(self.folder.join("log")).unwrap_or_default())
    }

    /// Runs the program beside the server.
    async fn say(&self, words: &[&str]) -> Result<()> {
        let mut command = command(&self.program, &self.folder);
        command.args(arguments(&self.folder)).args(words).args(["--email", "overseer@example.com"]);
        command.arg("--must-change-password=false");
        let output = tokio::task::spawn_blocking(move || command.output()).await??;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    }

    /// Which of both it is.
    pub fn brand(&self) -> Brand {
        self.brand
    }

    /// Its address, without a slash at its end.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The folder of a repository on this machine, to look at what its branches name.
    pub fn repository(&self, name: &str) -> crate::Repository {
        crate::Repository::at(self.folder.join("repositories").join(format!("{name}.git")))
    }

    /// The clone address of a repository for somebody with a token.
    pub fn clone_url(&self, name: &str, login: &str, token: &str) -> String {
        format!("{}/{name}.git", self.url.replace("http://", &format!("http://{login}:{token}@")))
    }

    /// Sends a call as the administrator and answers its document; anything but success is an error.
    pub async fn call(&self, method: &str, path: &str, body: &Value) -> Result<Value> {
        let (name, password) = ROOT;
        let login = base64::engine::general_purpose::STANDARD.encode(format!("{name}:{password}"));
        self.call_as(&format!("Basic {login}"), method, path, body).await
    }

    async fn call_as(&self, login: &str, method: &str, path: &str, body: &Value) -> Result<Value> {
        let headers = [("authorization", login), ("content-type", "application/json")];
        let body = if body.is_null() { Vec::new() } else { serde_json::to_vec(body)? };
        let answer = Api::at(&self.url).send(method, &format!("/api/v1{path}"), &headers, body).await?;
        if !(200..300).contains(&answer.status) {
            bail!("{method} {path}: {} {}", answer.status, answer.text);
        }
        Ok(answer.json)
    }

    /// Makes an account.
    pub async fn person(&self, name: &str) -> Result<Person> {
        let body = json!({
            "username": name, "email": format!("{name}@example.com"), "password": ROOT.1, "must_change_password": false,
        });
        let made = self.call("POST", "/admin/users", &body).await?;
        Ok(Person { name: name.to_owned(), id: made["id"].as_u64().context("a number")? })
    }

    /// A new token of somebody, for `scopes` such as `write:repository`.
    pub async fn token(&self, of: &Person, scopes: &[&str]) -> Result<String> {
        // A token is asked for by its owner's password alone.
        let login = base64::engine::general_purpose::STANDARD.encode(format!("{}:{}", of.name, ROOT.1));
        let body = json!({ "name": format!("{}", jiff::Timestamp::now().as_nanosecond()), "scopes": scopes });
        let path = format!("/users/{}/tokens", of.name);
        let made = self.call_as(&format!("Basic {login}"), "POST", &path, &body).await?;
        Ok(made["sha1"].as_str().context("a token")?.to_owned())
    }

    /// Makes an organisation.
    pub async fn organisation(&self, name: &str) -> Result<()> {
        self.call("POST", "/orgs", &json!({ "username": name })).await.map(drop)
    }

    /// Makes an empty repository of an organisation.
    pub async fn project(&self, organisation: &str, name: &str) -> Result<Project<'_>> {
        let body = json!({ "name": name, "default_branch": "main" });
        self.call("POST", &format!("/orgs/{organisation}/repos"), &body).await?;
        Ok(self.at(&format!("{organisation}/{name}")))
    }

    /// A repository that is there.
    pub fn at(&self, name: &str) -> Project<'_> {
        Project::new(self, name)
    }
}

impl Drop for Gitea {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        self.keeper.wait().ok();
    }
}

fn arguments(folder: &Path) -> [PathBuf; 4] {
    ["--work-path".into(), folder.to_owned(), "--config".into(), folder.join("app.ini")]
}

/// A command that sees nothing of the git configuration around it, and that runs as root where there is no other user.
fn command(program: impl AsRef<std::ffi::OsStr>, folder: &Path) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        let name_text = name.to_string_lossy();
        if name_text.starts_with("GIT_") || name_text.starts_with("GITEA_") {
            command.env_remove(&name);
        }
    }
    command.env("HOME", folder.join("home")).env("GITEA_I_AM_BEING_UNSAFE_RUNNING_AS_ROOT", "true").current_dir(folder);
    command
}
