//! A whole small world in one folder: two bare repositories behind a git server, and the settings of a Slipway server.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::{DataSet, environment_files};
use crate::{GitServer, Repository, SlipwayProcess, WorkTree};

/// The webhook's secret. It protects nothing but a server on loopback that lives for minutes.
pub const SECRET: &str = "a secret for one machine and one hour";

/// An administrator's token for the API, as little protected.
pub const API_TOKEN: &str = "a-token-for-one-machine-and-one-hour";

/// Repositories, git server and settings; the Slipway server is started separately, as often as wanted.
#[derive(Debug)]
pub struct World {
    /// The folder of everything.
    pub folder: PathBuf,
    /// Serves both repositories.
    pub git: GitServer,
    /// Where the model is written.
    pub models: Repository,
    /// Where the manifests live.
    pub environment: Repository,
    /// A clone of the model repository.
    pub work: WorkTree,
    /// What is learnt.
    pub data: DataSet,
}

impl World {
    /// Makes a fresh world in `folder`, which must not exist. The environment has its first commit; the model
    /// repository is empty.
    pub async fn make(folder: &Path, data: DataSet) -> Result<Self> {
        let folder = std::path::absolute(folder)?;
        let repositories = folder.join("repositories");
        let models = Repository::init_bare(repositories.join("models.git")).await?;
        let environment = Repository::init_bare(repositories.join("environment.git")).await?;
        let git = GitServer::start(&repositories).await?;
        let manifests = WorkTree::clone(&git.url("environment.git"), folder.join("environment")).await?;
        for (path, content) in environment_files(data)? {
            manifests.write(path, content)?;
        }
        manifests.commit("Serve nothing yet").await?;
        let pushed = manifests.push("main").await?;
        anyhow::ensure!(pushed.success(), "the environment cannot be pushed: {}", pushed.stderr);
        let work = WorkTree::clone(&git.url("models.git"), folder.join("models")).await?;
        let world = Self { folder, git, models, environment, work, data };
        std::fs::write(world.folder.join("secret"), SECRET)?;
        std::fs::write(world.token_file(), API_TOKEN)?;
        std::fs::write(world.config(), world.settings("executor: {local: {deadline: 30m, memory: 4GiB}}"))?;
        Ok(world)
    }

    /// The server's settings file.
    pub fn config(&self) -> PathBuf {
        self.folder.join("server.yaml")
    }

    /// The file with the API's token.
    pub fn token_file(&self) -> PathBuf {
        self.folder.join("token")
    }

    /// Settings for this world, with `more` lines at the end. The API's token is added to what they say of `web`.
    pub fn settings(&self, more: &str) -> String {
        let token = "api_token: {file: ./token}";
        let more = match more.split_once("web: {") {
            Some((before, rest)) => format!("{before}web: {{{token}, {rest}"),
            None => format!("web: {{{token}}}\n{more}"),
        };
        let (name, models, environment) =
            (self.data.name(), self.git.url("models.git"), self.git.url("environment.git"));
        format!(
            "apiVersion: slipway.dev/v1alpha1\n\
             kind: Server\n\
             listen: 127.0.0.1:0\n\
             state: ./state\n\
             sources:\n\
             - {{name: {name}, forge: plain, url: \"{models}\", secret: {{file: ./secret}}, environment: staging}}\n\
             environments:\n\
             - {{name: staging, url: \"{environment}\"}}\n\
             {more}\n"
        )
    }

    /// Installs `slipway hook post-receive` in the model repository, pointing to a running server.
    pub fn install_hook(&self, slipway: &Path, server: &SlipwayProcess) -> Result<()> {
        let script = format!(
            "#!/bin/sh\nexec '{}' hook post-receive --url {}/webhooks/{} --secret-file '{}'\n",
            slipway.display(),
            server.address(),
            self.data.name(),
            self.folder.join("secret").display(),
        );
        self.models.install_hook("post-receive", &script)
    }

    /// Commits the work tree's changes and pushes them to `main`; answers the commit and what the server said.
    pub async fn push(&self, message: &str) -> Result<(String, String)> {
        let commit = self.work.commit(message).await?;
        let pushed = self.work.push("main").await?;
        anyhow::ensure!(pushed.success(), "the push failed: {}", pushed.stderr);
        Ok((commit, pushed.stderr))
    }

    /// The environment's tip.
    pub async fn environment_tip(&self) -> Result<String> {
        self.environment.tip("main").await?.context("the environment has no `main`")
    }
}
