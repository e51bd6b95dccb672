//! A server over a store that was filled by hand: two sources, one of them out of reach of a narrow token.

use std::path::PathBuf;
use std::process::{Command, Output};

use jiff::Timestamp;
use slipway_domain::{Actor, CommitSha, Delivery, DeliveryState, Run, RunCause, RunEvent, SourceName, Transition};
use slipway_store::{Claim, DeliveryOutcome, Role, Settings, Store};
use slipway_testkit::{Api, SlipwayProcess};

use crate::support::slipway;

/// The administrator's token of the settings.
pub(crate) const ADMIN: &str = "an-administrators-token";

/// Settings, a store, and a server once it is started.
pub(crate) struct ApiWorld {
    folder: tempfile::TempDir,
    pub(crate) store: Store,
    server: Option<SlipwayProcess>,
}

pub(crate) fn source(name: &str) -> SourceName {
    SourceName::try_from(name.to_owned()).expect("a name")
}

pub(crate) fn commit(number: usize) -> CommitSha {
    format!("{number:040x}").parse().expect("a commit")
}

/// A run that is queued.
pub(crate) fn run(source_name: &str, model: &str, number: usize) -> Run {
    let at = Timestamp::from_second(1_700_000_000 + i64::try_from(number).expect("small")).expect("a time");
    let cause = RunCause {
        source: source(source_name),
        model: model.to_owned(),
        file: format!("{model}/slipway.yaml"),
        branch: "main".to_owned(),
        pull_request: None,
        base: None,
        head: commit(number),
        environment: source("staging"),
        delivered_at: at,
    };
    Run::queued(cause, at)
}

/// A delivery that says nothing.
pub(crate) fn delivery(source_name: &str, id: &str, body: &[u8]) -> Delivery {
    let headers = [("user-agent".to_owned(), "git".to_owned())].into();
    let received_at = Timestamp::now();
    Delivery {
        source: source(source_name),
        id: id.to_owned(),
        event: "push".to_owned(),
        headers,
        body: body.to_vec(),
        received_at,
    }
}

impl ApiWorld {
    /// A store and settings; `web` is added to their `web`.
    pub(crate) async fn new(web: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path();
        let settings = format!(
            "apiVersion: slipway.dev/v1alpha1
kind: Server
listen: 127.0.0.1:0
state: ./state
sources:
- {{name: digits, forge: plain, url: \"http://127.0.0.1:1/digits.git\", secret: {{file: ./secret}}, environment: staging}}
- {{name: fashion, forge: plain, url: \"http://127.0.0.1:1/fashion.git\", secret: {{file: ./secret}}, environment: production}}
environments:
- {{name: staging, url: \"http://127.0.0.1:1/staging.git\"}}
- {{name: production, url: \"http://127.0.0.1:1/production.git\", branch: live}}
executor: {{local: {{trainer: /bin/true, threads: 1}}}}
web: {{{web}}}
"
        );
        std::fs::write(path.join("server.yaml"), settings).expect("settings");
        std::fs::write(path.join("secret"), "a secret that is long enough").expect("a secret");
        std::fs::write(path.join("token"), ADMIN).expect("a token");
        std::fs::create_dir(path.join("state")).expect("a folder");
        let file = path.join("state/slipway.db");
        let store = Store::open(&Settings::Sqlite { file }).await.expect("a store");
        Self { folder, store, server: None }
    }

    /// The same with the administrator's token in its settings, and its server running.
    pub(crate) async fn started() -> Self {
        Self::new("api_token: {file: ./token}").await.start().await
    }

    /// Starts the server.
    pub(crate) async fn start(mut self) -> Self {
        self.server = Some(SlipwayProcess::start(&slipway(), &self.config(), &[]).await.expect("it starts"));
        self
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.folder.path().join("server.yaml")
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn server(&self) -> &SlipwayProcess {
        self.server.as_ref().expect("it was started")
    }

    /// The API, asked with the administrator's token.
    pub(crate) fn admin(&self) -> Api {
        Api::at(self.server().address()).with_token(ADMIN)
    }

    /// The API, asked without a token.
    pub(crate) fn unauthenticated(&self) -> Api {
        Api::at(self.server().address())
    }

    /// The API, asked with a fresh token.
    pub(crate) async fn with(&self, name: &str, role: Role, sources: &[&str]) -> Api {
        let sources: Vec<SourceName> = sources.iter().copied().map(source).collect();
        let secret = self.store.create_token(name, role, &sources, None).await.expect("a token");
        Api::at(self.server().address()).with_token(secret.reveal())
    }

    /// Records runs, as a delivery would.
    pub(crate) async fn record(&self, runs: &[Run]) {
        for run in runs {
            let delivery = delivery(run.cause.source.as_str(), &run.id.to_string(), b"{}");
            self.store.record_delivery(&delivery).await.expect("stored");
            let outcome =
                DeliveryOutcome { runs: vec![run.clone()], ..DeliveryOutcome::nothing(DeliveryState::Done, "a run") };
            self.store.acknowledge_deliveries(&[&delivery], &outcome).await.expect("settled");
        }
    }

    /// Records a run and moves it to where it waits for a person, or has ended.
    pub(crate) async fn record_as(&self, mut run: Run, events: &[RunEvent], stalled: bool) -> Run {
        self.record(std::slice::from_ref(&run)).await;
        let claim =
            Claim { now: Timestamp::now(), lease_duration: std::time::Duration::from_mins(1), max_runs_per_source: 64 };
        let (claimed, lease) = self.store.claim_run(claim).await.expect("claimed").expect("a run");
        assert_eq!(claimed.id, run.id, "other runs wait as well");
        for event in events {
            let from = run.status.state;
            run.status.state = from.after(*event).expect("a move");
            run.status.reason = Some(format!("{event:?}"));
            let (cause, actor) = (format!("{event:?}"), Actor::controller());
            let transition = Transition { from: Some(from), to: run.status.state, at: Timestamp::now(), cause, actor };
            self.store.record_run(&lease, &run, Some(&transition)).await.expect("recorded");
        }
        run.status.stalled = stalled;
        self.store.record_run(&lease, &run, None).await.expect("recorded");
        self.store.release_run(&lease, Timestamp::now()).await.expect("released");
        run
    }

    /// Records a run that was promoted.
    pub(crate) async fn record_promoted(&self, mut run: Run) -> Run {
        let digest = slipway_contract::Digest::of(run.cause.head.as_str().as_bytes());
        run.training.artifact = Some(digest.clone());
        run.training.cache_key = Some(digest.clone());
        run.training.cache_key_parts = [("data".to_owned(), digest.to_string())].into();
        run.promotion.commit = Some(run.cause.head.clone());
        let events = [
            RunEvent::Planned,
            RunEvent::Trained,
            RunEvent::Evaluated,
            RunEvent::Passed,
            RunEvent::Published,
            RunEvent::Promoted,
        ];
        self.record_as(run, &events, false).await
    }

    /// Runs the command line with these settings.
    pub(crate) async fn beside(&self, arguments: &[&str]) -> Output {
        self.command(arguments, &["--config".to_owned(), self.config().display().to_string()]).await
    }

    /// Runs the command line against this server, with the administrator's token.
    pub(crate) async fn ask(&self, arguments: &[&str]) -> Output {
        let (server, token) = (self.server().address().to_owned(), self.path("token").display().to_string());
        self.command(arguments, &["--server".to_owned(), server, "--token-file".to_owned(), token]).await
    }

    async fn command(&self, arguments: &[&str], more: &[String]) -> Output {
        let mut command = Command::new(slipway());
        command.args(arguments).args(more).current_dir(self.folder.path());
        tokio::task::spawn_blocking(move || command.output().expect("it ran")).await.expect("it ran")
    }

    /// Actions and details of the audit log.
    pub(crate) async fn audited(&self) -> Vec<(String, String, String, String)> {
        let entries = self.store.audit_entries(0, 1000).await.expect("entries");
        entries.into_iter().map(|entry| (entry.actor.to_string(), entry.action, entry.target, entry.detail)).collect()
    }

    /// Ends the server and checks that it ended well.
    pub(crate) async fn finish(mut self) {
        self.stop().await;
    }

    /// The same, with its store left to be looked at.
    pub(crate) async fn stop(&mut self) {
        let server = self.server.take().expect("it was started");
        let errors = server.errors();
        assert!(!errors.contains("panicked"), "{errors}");
        let ended = server.terminate().await.expect("it ends");
        assert!(ended.success(), "{ended}: {errors}");
    }
}

/// Standard output and standard error of a command.
pub(crate) fn output_of(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}
