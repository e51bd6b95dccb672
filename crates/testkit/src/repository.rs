//! Bare repositories and work trees, steered with the plain `git` client.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::git::{self, Spoken};

/// A bare repository on this machine, as a server keeps it.
#[derive(Debug, Clone)]
pub struct Repository {
    path: PathBuf,
}

impl Repository {
    /// Makes an empty bare repository with branch `main` that accepts pushes over HTTP.
    pub async fn init_bare(path: impl Into<PathBuf>) -> Result<Self> {
        let path = path.into();
        fs::create_dir_all(&path).with_context(|| format!("no folder can be made at {}", path.display()))?;
        git::run(&path, &["init", "--quiet", "--bare", "--initial-branch=main", "."]).await?;
        let repository = Self { path };
        repository.configure("http.receivepack", "true").await?;
        repository.configure("receive.autogc", "false").await?;
        repository.configure("transfer.fsckObjects", "true").await?;
        Ok(repository)
    }

    /// Names a bare repository that is already there.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// The repository's folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Sets one configuration value of the repository.
    pub async fn configure(&self, key: &str, value: &str) -> Result<()> {
        self.git(&["config", key, value]).await.map(drop)
    }

    /// Installs an executable script as hook `name` (`pre-receive`, `post-receive`).
    pub fn install_hook(&self, name: &str, script: &str) -> Result<()> {
        let folder = self.path.join("hooks");
        fs::create_dir_all(&folder)?;
        // Written aside and renamed: a hook that runs at this moment keeps its own text.
        let aside = folder.join(format!(".{name}.new"));
        fs::write(&aside, script)?;
        fs::set_permissions(&aside, fs::Permissions::from_mode(0o755))?;
        fs::rename(&aside, folder.join(name)).with_context(|| format!("hook `{name}` cannot be installed"))
    }

    /// Removes hook `name`, if there is one.
    pub fn remove_hook(&self, name: &str) -> Result<()> {
        match fs::remove_file(self.path.join("hooks").join(name)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Runs git here; a failure carries what git said.
    pub async fn git(&self, arguments: &[&str]) -> Result<String> {
        git::run(&self.path, arguments).await
    }

    /// The object that `revision` names.
    pub async fn rev_parse(&self, revision: &str) -> Result<String> {
        let text = self.git(&["rev-parse", "--verify", "--quiet", revision]).await;
        let text = text.with_context(|| format!("`{revision}` names nothing in {}", self.path.display()))?;
        Ok(text.trim_end().to_owned())
    }

    /// The tip of `branch`, or `None` while the branch does not exist.
    pub async fn tip(&self, branch: &str) -> Result<Option<String>> {
        let reference = format!("refs/heads/{branch}");
        let spoken = git::attempt(&self.path, &["rev-parse", "--verify", "--quiet", &reference]).await?;
        Ok(spoken.success().then(|| spoken.stdout.trim_end().to_owned()))
    }

    /// Merges a commit into a branch with a merge commit, and answers it; an error where they conflict.
    pub async fn merge(&self, branch: &str, head: &str, message: &str) -> Result<String> {
        let tip = format!("refs/heads/{branch}");
        let onto = self.rev_parse(&tip).await?;
        let tree = self.git(&["merge-tree", "--write-tree", &onto, head]).await?;
        let commit = self.git(&["commit-tree", tree.trim(), "-p", &onto, "-p", head, "-m", message]).await?;
        let commit = commit.trim_end().to_owned();
        self.git(&["update-ref", &tip, &commit, &onto]).await?;
        Ok(commit)
    }

    /// Puts what a commit's branch brings on another branch as one commit of its own, and answers it; an error where they
    /// conflict.
    pub async fn squash(&self, branch: &str, head: &str, message: &str) -> Result<String> {
        let tip = format!("refs/heads/{branch}");
        let onto = self.rev_parse(&tip).await?;
        let tree = self.git(&["merge-tree", "--write-tree", &onto, head]).await?;
        let commit = self.git(&["commit-tree", tree.trim(), "-p", &onto, "-m", message]).await?;
        let commit = commit.trim_end().to_owned();
        self.git(&["update-ref", &tip, &commit, &onto]).await?;
        Ok(commit)
    }

    /// The commits of `range`, oldest first.
    pub async fn commits(&self, range: &str) -> Result<Vec<String>> {
        let text = self.git(&["rev-list", "--reverse", range]).await?;
        Ok(text.lines().map(str::to_owned).collect())
    }

    /// `git log` of `revision` with further options.
    pub async fn log(&self, revision: &str, options: &[&str]) -> Result<String> {
        self.git(&[&["log"], options, &[revision]].concat()).await
    }

    /// The whole message of one commit.
    pub async fn message(&self, revision: &str) -> Result<String> {
        self.log(revision, &["-1", "--format=%B"]).await
    }

    /// The bytes of a file at a revision, as text.
    pub async fn show(&self, revision: &str, path: &str) -> Result<String> {
        self.git(&["show", &format!("{revision}:{path}")]).await
    }

    /// The unified diff from one revision to another.
    pub async fn diff(&self, from: &str, to: &str, options: &[&str]) -> Result<String> {
        self.git(&[&["diff", "--no-color", "--no-ext-diff"], options, &[from, to]].concat()).await
    }

    /// `git fsck --strict --full`: an error when an object is missing or malformed.
    pub async fn fsck(&self) -> Result<()> {
        self.git(&["fsck", "--strict", "--full", "--no-progress"]).await.map(drop)
    }
}

/// A clone with files, as a person works in it.
#[derive(Debug, Clone)]
pub struct WorkTree {
    path: PathBuf,
}

impl WorkTree {
    /// Clones `url` into `path`; an empty repository gives a work tree on branch `main`.
    pub async fn clone(url: &str, path: impl Into<PathBuf>) -> Result<Self> {
        let path = path.into();
        let parent = path.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(parent)?;
        let target = path.to_string_lossy();
        git::run(parent, &["-c", "init.defaultBranch=main", "clone", "--quiet", url, &target]).await?;
        Ok(Self { path })
    }

    /// The work tree's folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes one file, with the folders it needs.
    pub fn write(&self, path: impl AsRef<Path>, content: impl AsRef<[u8]>) -> Result<()> {
        let file = self.path.join(path);
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(&file, content).with_context(|| format!("{} cannot be written", file.display()))
    }

    /// Reads one file as text.
    pub fn read(&self, path: impl AsRef<Path>) -> Result<String> {
        let file = self.path.join(path);
        fs::read_to_string(&file).with_context(|| format!("{} cannot be read", file.display()))
    }

    /// Runs git here; a failure carries what git said.
    pub async fn git(&self, arguments: &[&str]) -> Result<String> {
        git::run(&self.path, arguments).await
    }

    /// Commits every change of the work tree and returns the commit.
    pub async fn commit(&self, message: &str) -> Result<String> {
        self.git(&["add", "--all"]).await?;
        self.git(&["commit", "--quiet", "--allow-empty", "--message", message]).await?;
        self.head().await
    }

    /// The commit that is checked out.
    pub async fn head(&self) -> Result<String> {
        Ok(self.git(&["rev-parse", "HEAD"]).await?.trim_end().to_owned())
    }

    /// Pushes the checked-out commit to `branch`, and says what git and the server's hooks said, refused or not.
    pub async fn push(&self, branch: &str) -> Result<Spoken> {
        self.push_with(branch, &[]).await
    }

    /// As [`Self::push`], with further options such as `--force`.
    pub async fn push_with(&self, branch: &str, options: &[&str]) -> Result<Spoken> {
        let refspec = format!("HEAD:refs/heads/{branch}");
        git::attempt(&self.path, &[&["push"], options, &["origin", &refspec]].concat()).await
    }

    /// Brings the work tree to the newest commit of `branch`.
    pub async fn pull(&self, branch: &str) -> Result<()> {
        self.git(&["fetch", "--quiet", "origin", branch]).await?;
        self.git(&["reset", "--quiet", "--hard", "FETCH_HEAD"]).await.map(drop)
    }
}
