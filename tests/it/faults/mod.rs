//! Faults, made to happen: each test counts what was tried and what was lost, and the latter has to be zero.
//! `make test-faults` runs them alone.

mod clock;
mod disk;
mod duplicates;
mod hung;
mod kills;
mod outages;
mod promotions;
mod replicas;
mod reports;
mod restore;
mod rolling;
mod tenants;
mod trainings;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use slipway_domain::SourceName;
use slipway_store::{DeliveryFilter, PostgresUrl, RunFilter, Settings, Store};
use slipway_testkit::demo::API_TOKEN;
use slipway_testkit::{GitServer, Load, Postgres, Repository, SlipwayProcess, WorkTree};

use crate::support::slipway;

/// The webhook's secret.
const SECRET: &str = "a secret for faults that are made to happen";
/// The webhook's path.
const HOOK: &str = "/webhooks/models";

/// A repository whose one model is refused as soon as it is read, so that runs cost no training; and the settings of a
/// server for it.
struct World {
    folder: tempfile::TempDir,
    git: GitServer,
    head: String,
    postgres: Option<Postgres>,
}

impl World {
    /// A world whose servers keep their store in SQLite.
    async fn on_sqlite() -> Self {
        Self::make(None).await
    }

    /// A world whose servers share a PostgreSQL.
    async fn on_postgres() -> Self {
        Self::make(Some(postgres())).await
    }

    async fn make(postgres: Option<Postgres>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path();
        let models = path.join("repositories/models.git");
        Repository::init_bare(models).await.expect("a repository");
        Repository::init_bare(path.join("repositories/environment.git")).await.expect("a repository");
        let git = GitServer::start(&path.join("repositories")).await.expect("a git server");
        let work = WorkTree::clone(&git.url("models.git"), path.join("work")).await.expect("a clone");
        work.write("slipway.yaml", "kind: Nothing of the kind\n").expect("written");
        let head = work.commit("a model that is refused").await.expect("a commit");
        assert!(work.push("main").await.expect("pushed").success());
        std::fs::write(path.join("secret"), SECRET).expect("written");
        std::fs::write(path.join("token"), API_TOKEN).expect("written");
        if let Some(postgres) = &postgres {
            std::fs::write(path.join("database"), postgres.database().expect("a database")).expect("written");
        }
        let world = Self { folder, git, head, postgres };
        world.write_settings("a");
        world
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes the settings of the server of this name: it has a state folder of its own.
    fn write_settings(&self, name: &str) -> PathBuf {
        let (models, environment) = (self.git.url("models.git"), self.git.url("environment.git"));
        let store = match self.postgres {
            Some(_) => "artifacts: {folder: ./artifacts}\nstore: {postgres: {url: {file: ./database}}}",
            None => "store: {sqlite: {}}",
        };
        let settings = format!(
            "apiVersion: slipway.dev/v1alpha1\nkind: Server\nlisten: 127.0.0.1:0\nstate: ./state-{name}\n\
             sources:\n- {{name: models, forge: github, repository_id: \"41\", url: \"{models}\", secret: {{file: ./secret}}, environment: staging}}\n\
             environments:\n- {{name: staging, url: \"{environment}\"}}\n\
             executor: {{local: {{trainer: ./nothing, threads: 1, jobs: 2}}}}\nlimits: {{lease: 2s}}\nweb: {{api_token: {{file: ./token}}}}\n{store}\n"
        );
        let file = self.path().join(format!("server-{name}.yaml"));
        std::fs::write(&file, settings).expect("written");
        file
    }

    /// Starts a server.
    async fn start(&self) -> SlipwayProcess {
        SlipwayProcess::start(&slipway(), &self.path().join("server-a.yaml"), &[]).await.expect("a server")
    }

    /// A push event of the served branch, as large as GitHub's usually are.
    fn push_event(&self) -> Vec<u8> {
        let files: Vec<String> = (0..150).map(|n| format!("data/part-{n:05}/features.parquet")).collect();
        serde_json::to_vec(&serde_json::json!({
            "ref": "refs/heads/main", "before": "0".repeat(40), "after": self.head, "created": true, "forced": false,
            "repository": {"id": 41, "full_name": "team/models"}, "sender": {"id": 7, "login": "ada"},
            "commits": [{"id": self.head, "added": files}],
        }))
        .expect("a body")
    }

    /// A load of that event.
    fn load(&self, server: &SlipwayProcess) -> Load {
        Load::of_github(address_of(server), HOOK, SECRET, &self.push_event())
    }

    /// The store, while no server holds it or beside the servers that share it.
    async fn store(&self) -> Store {
        let settings = match &self.postgres {
            Some(_) => {
                let url = std::fs::read_to_string(self.path().join("database")).expect("an address");
                Settings::Postgres { url: PostgresUrl::new(&url).expect("an address") }
            }
            None => Settings::Sqlite { file: self.path().join("state-a/slipway.db") },
        };
        Store::open(&settings).await.expect("the store")
    }

    async fn finish(self) {
        self.git.stop().await;
    }
}

/// A PostgreSQL of this test's own.
fn postgres() -> Postgres {
    Postgres::start().expect("a PostgreSQL server: `make postgres` installs one")
}

fn address_of(server: &SlipwayProcess) -> SocketAddr {
    server.address().trim_start_matches("http://").parse().expect("an address")
}

/// How many of the acknowledged deliveries the store does not have.
async fn lost(store: &Store, acknowledged: &[String]) -> usize {
    let source = SourceName::try_from("models".to_owned()).expect("a name");
    let mut filter = DeliveryFilter { source: Some(source), ..DeliveryFilter::default() };
    let mut stored = std::collections::HashSet::new();
    loop {
        let page = store.deliveries(&filter, 1000).await.expect("listed");
        let Some(last) = page.last() else { break };
        filter.before = Some((last.received_at, last.source.clone(), last.id.clone()));
        stored.extend(page.into_iter().map(|stored| stored.id));
    }
    acknowledged.iter().filter(|id| !stored.contains(*id)).count()
}

/// How many runs there are.
async fn runs(store: &Store) -> usize {
    store.runs(&RunFilter::default(), 1000).await.expect("listed").len()
}

/// Waits until every delivery was read.
async fn all_read(store: &Store) {
    let read = async {
        while store.backlog().await.expect("counted").pending > 0 {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(crate::support::DEADLINE, read).await.expect("every delivery is read");
}
