//! Repositories, a filled store, and a server over both.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use slipway_store::{PostgresUrl, Settings, Store};
use slipway_testkit::git;
use slipway_testkit::{GitServer, Postgres, SlipwayProcess};

use crate::{Size, seed};

/// The secret of every webhook.
pub(crate) const SECRET: &str = "a secret for one benchmark";
/// The administrator's token.
const TOKEN: &str = "an-administrators-token";
/// The one repository that all others are copies of.
const MODELS: &str = "models.git";

/// Where the store is.
pub(crate) enum Database {
    Sqlite,
    Postgres(Box<Postgres>),
}

impl Database {
    pub(crate) fn start_postgres() -> Result<Self> {
        Ok(Self::Postgres(Box::new(Postgres::start()?)))
    }

    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres(_) => "PostgreSQL",
        }
    }
}

/// All that one measurement needs.
pub(crate) struct World {
    pub(crate) size: Size,
    /// The revision of every served branch.
    pub(crate) tip: String,
    database: Database,
    url: Option<String>,
    server: Option<SlipwayProcess>,
    git: GitServer,
    folder: tempfile::TempDir,
}

impl World {
    /// Makes the repositories and fills the store.
    pub(crate) async fn make(size: Size, database: Database) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let repositories = folder.path().join("repositories");
        let tip = make_repositories(&repositories, size).await?;
        let git = GitServer::start(repositories).await?;
        let url = match &database {
            Database::Sqlite => None,
            Database::Postgres(server) => Some(server.database()?),
        };
        let world = Self { size, tip, database, url, server: None, git, folder };
        world.write_settings()?;
        world.open_store().await?.close().await;
        let address = match &world.url {
            Some(url) => url.clone(),
            None => format!("sqlite://{}", world.path("state/slipway.db").display()),
        };
        sqlx::any::install_default_drivers();
        let pool = sqlx::AnyPool::connect(&address).await?;
        seed::fill(&pool, world.url.is_none(), size, &world.tip).await?;
        pool.close().await;
        Ok(world)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The store, as the server opens it.
    pub(crate) async fn open_store(&self) -> Result<Store> {
        let settings = match &self.url {
            Some(url) => Settings::Postgres { url: PostgresUrl::new(url).map_err(anyhow::Error::msg)? },
            None => Settings::Sqlite { file: self.path("state/slipway.db") },
        };
        Ok(Store::open(&settings).await?)
    }

    fn write_settings(&self) -> Result<()> {
        std::fs::create_dir_all(self.path("state"))?;
        std::fs::write(self.path("secret"), SECRET)?;
        std::fs::write(self.path("token"), TOKEN)?;
        let mut settings = String::from(
            "apiVersion: slipway.dev/v1alpha1\nkind: Server\nlisten: 127.0.0.1:0\nstate: ./state\n\
             web: {api_token: {file: ./token}, requests_per_second: 10000}\n\
             executor: {local: {trainer: /bin/true, threads: 1}}\nartifacts: {folder: ./artifacts}\n",
        );
        if let Some(url) = &self.url {
            std::fs::write(self.path("database"), url)?;
            settings.push_str("store: {postgres: {url: {file: ./database}}}\n");
        }
        settings.push_str("environments:\n");
        for name in ["staging", "canary", "production"] {
            writeln!(settings, "- {{name: {name}, url: \"{}\"}}", self.git.url(&format!("{name}.git")))?;
        }
        settings.push_str("sources:\n");
        for number in 0..self.size.repositories {
            let url = self.git.url(&format!("team-{number}.git"));
            writeln!(
                settings,
                "- {{name: team-{number}, forge: github, url: \"{url}\", secret: {{file: ./secret}}, environment: staging}}"
            )?;
        }
        Ok(std::fs::write(self.path("server.yaml"), settings)?)
    }

    pub(crate) async fn start(&mut self) -> Result<()> {
        let program = PathBuf::from(env!("CARGO_BIN_EXE_slipway"));
        self.server = Some(SlipwayProcess::start(&program, &self.path("server.yaml"), &[]).await?);
        Ok(())
    }

    pub(crate) fn server(&self) -> &SlipwayProcess {
        self.server.as_ref().expect("it was started")
    }

    pub(crate) async fn stop(&mut self) -> Result<()> {
        let server = self.server.take().context("a server")?;
        let ended = server.terminate().await?;
        ensure!(ended.success(), "the server ended with {ended}");
        Ok(())
    }

    /// Transactions of the database so far; `None` where it does not count them.
    pub(crate) fn transactions(&self) -> Result<Option<u64>> {
        let (Database::Postgres(server), Some(url)) = (&self.database, &self.url) else { return Ok(None) };
        let database = url.rsplit('/').next().context("a name")?;
        let count = "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()";
        Ok(Some(server.sql(database, count)?.trim().parse()?))
    }

    /// Bytes of the store, and of all else that the server keeps.
    pub(crate) fn on_disk(&self) -> Result<(u64, u64)> {
        let state = bytes_below(&self.path("state"))?;
        if let (Database::Postgres(server), Some(url)) = (&self.database, &self.url) {
            let database = url.rsplit('/').next().context("a name")?;
            let size = server.sql(database, "SELECT pg_database_size(current_database())")?;
            return Ok((size.trim().parse()?, state));
        }
        let file = |end| self.path(&format!("state/slipway.db{end}"));
        let size = |end| std::fs::metadata(file(end)).map_or(0, |file| file.len());
        let store = ["", "-wal", "-shm"].into_iter().map(size).sum();
        Ok((store, state.saturating_sub(store)))
    }
}

/// One repository with its models, a copy of it for every source, and the environments. Answers the revision of all.
async fn make_repositories(folder: &Path, size: Size) -> Result<String> {
    let work = folder.join("work");
    let each = size.models / size.repositories;
    for number in 0..each {
        let model = work.join(format!("model-{number}"));
        std::fs::create_dir_all(&model)?;
        std::fs::write(model.join("slipway.yaml"), format!("# model-{number}\n"))?;
    }
    git::run(&work, &["init", "--quiet", "--initial-branch=main"]).await?;
    git::run(&work, &["add", "."]).await?;
    git::run(&work, &["commit", "--quiet", "--message=The models"]).await?;
    git::run(folder, &["clone", "--quiet", "--bare", "work", MODELS]).await?;
    let names = (0..size.repositories).map(|number| format!("team-{number}.git"));
    let environments = ["staging", "canary", "production"].map(|name| format!("{name}.git"));
    for name in names.chain(environments) {
        git::run(folder, &["clone", "--quiet", "--bare", MODELS, name.as_str()]).await?;
    }
    Ok(git::run(&work, &["rev-parse", "HEAD"]).await?.trim().to_owned())
}

fn bytes_below(folder: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        bytes += if entry.file_type()?.is_dir() { bytes_below(&entry.path())? } else { entry.metadata()?.len() };
    }
    Ok(bytes)
}
