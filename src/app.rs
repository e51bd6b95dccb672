//! Composition root: makes the parts from their settings, starts them together and stops them together.

use std::collections::BTreeMap;
use std::fs::File;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use rustix::fs::{FlockOperation, flock};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::artifacts;
use crate::config::{self, Settings};
use crate::domain::SourceName;
use crate::executor;
use crate::forge;
use crate::git::{Mirror, Notes};
use crate::pipeline::{self, BranchWriter, CrashPoint, Pipeline};
use crate::store::Store;
use crate::store::StoreError;
use crate::telemetry::RenderMetrics;
use crate::web;
use crate::web::{Hook, Shared};

/// How long parts may take to stop: below the 30 s that Kubernetes grants a pod.
const DRAIN: Duration = Duration::from_secs(20);
/// Folder of work in progress within the state folder.
const WORK: &str = "work";
/// How long a process that was killed may take to let go of the state folder.
const LET_GO: Duration = Duration::from_secs(2);

/// Runs the server until SIGTERM or SIGINT. `listening` is told the address once requests are taken.
pub async fn serve(
    settings: Settings,
    crash_at: Option<CrashPoint>,
    render_metrics: RenderMetrics,
    listening: impl FnOnce(SocketAddr),
) -> anyhow::Result<()> {
    let _lock = lock(&settings.state).await?;
    let listen = settings.web.listen;
    let listener = TcpListener::bind(listen).await.with_context(|| format!("cannot listen on {listen}"))?;
    let address = listener.local_addr()?;
    let store = Arc::new(Store::open(&settings.store).await.context("the store cannot be opened")?);
    clear_work(&settings.state.join(WORK))?;
    if !store.is_shared() {
        let freed = store.release_all().await?;
        store.release_all_reports().await?;
        store.release_deliveries().await?;
        if freed > 0 {
            tracing::info!(runs = freed, "{freed} runs go on where an earlier server left them");
        }
    }
    let (workers, upkeep, limits) = (settings.workers, settings.upkeep, settings.limits);
    let stop = CancellationToken::new();
    let (pipeline, shared) = assemble(settings, store.clone(), crash_at, render_metrics, stop.clone())?;
    let served: Vec<SourceName> = pipeline.sources().map(|(name, _)| name.clone()).collect();
    let written: Vec<SourceName> = pipeline.environments().map(|(name, _)| name.clone()).collect();
    store.serve_only(&served, &written);
    pipeline.tell_of_sources_that_are_not_served().await?;
    let mut parts = Parts { set: JoinSet::new(), pipeline, stop: stop.clone() };
    for _ in 0..workers {
        parts.start("a worker", |pipeline, stop| async move { pipeline.move_runs(&stop).await });
    }
    let sources: Vec<SourceName> = parts.pipeline.sources().map(|(name, _)| name.clone()).collect();
    for name in sources {
        let reported = name.clone();
        parts.start("a teller of reports", |pipeline, stop| async move { pipeline.report(&reported, &stop).await });
        parts.start(
            "a reader of deliveries",
            |pipeline, stop| async move { pipeline.read_deliveries(&name, &stop).await },
        );
    }
    let environments: Vec<SourceName> = parts.pipeline.environments().map(|(name, _)| name.clone()).collect();
    for name in environments {
        parts.start("a promoter", |pipeline, stop| async move { pipeline.promote_runs(&name, &stop).await });
    }
    parts.start("the look at environments", |pipeline, stop| async move {
        pipeline.watch_environments(limits.look_at_environments, &stop).await
    });
    parts.start("the look for missed pushes", |pipeline, stop| async move {
        pipeline.find_missed(limits.look_for_missed, &stop).await
    });
    parts.start("the upkeep", |pipeline, stop| async move { pipeline.keep_up(upkeep, &stop).await });
    let Parts { set: mut parts, .. } = parts;
    {
        let (shared, stop) = (shared.clone(), stop.clone());
        parts.spawn(async move {
            web::write_refusals(shared, stop).await;
            Ok(())
        });
    }
    {
        let stop = stop.clone();
        parts.spawn(async move { web::serve(listener, shared, stop).await.context("the web part failed") });
    }
    parts.spawn(stop_on_signal(stop.clone()));
    listening(address);
    let ended = run_together(&mut parts, &stop).await;
    store.close().await;
    ended
}

/// The parts that work on the pipeline, each a task of its own.
struct Parts {
    set: JoinSet<anyhow::Result<()>>,
    pipeline: Arc<Pipeline>,
    stop: CancellationToken,
}

impl Parts {
    fn start<W>(&mut self, what: &'static str, work: impl FnOnce(Arc<Pipeline>, CancellationToken) -> W)
    where
        W: Future<Output = Result<(), StoreError>> + Send + 'static,
    {
        let working = work(self.pipeline.clone(), self.stop.clone());
        self.set.spawn(async move { working.await.with_context(|| format!("{what} failed")) });
    }
}

/// Waits for the first part to end, then stops all others.
async fn run_together(parts: &mut JoinSet<anyhow::Result<()>>, stop: &CancellationToken) -> anyhow::Result<()> {
    let first = tokio::select! {
        () = stop.cancelled() => Ok(()),
        Some(ended) = parts.join_next() => ended.context("a part panicked").and_then(|result| result),
    };
    stop.cancel();
    let drained = timeout(DRAIN, async { while parts.join_next().await.is_some() {} }).await;
    if drained.is_err() {
        tracing::warn!(
            "not everything ended within {DRAIN:?}; what was not finished is done again after the next start"
        );
        parts.abort_all();
    }
    first
}

async fn stop_on_signal(stop: CancellationToken) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("SIGTERM cannot be caught")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("SIGINT cannot be caught")?;
    tokio::select! {
        _ = terminate.recv() => tracing::info!("SIGTERM: finishing what is under way"),
        _ = interrupt.recv() => tracing::info!("interrupted: finishing what is under way"),
        () = stop.cancelled() => {}
    }
    stop.cancel();
    Ok(())
}

/// Makes the state folder ours alone. The lock ends with the process, however it ends; a trainer that a killed server was
/// just starting holds it for a moment more.
pub async fn lock(state: &Path) -> anyhow::Result<File> {
    let made = || -> std::io::Result<File> {
        std::fs::create_dir_all(state)?;
        File::create(state.join("lock"))
    };
    let file = made().with_context(|| format!("the state folder `{}` cannot be made", state.display()))?;
    let begun = Instant::now();
    while flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
        if begun.elapsed() > LET_GO {
            bail!("another server works in the state folder `{}`: stop it, or name another `state`", state.display());
        }
        tokio::time::sleep(LET_GO / 40).await;
    }
    Ok(file)
}

/// Removes what a server that was killed left of its work: every step starts from an empty folder.
fn clear_work(work: &Path) -> anyhow::Result<()> {
    match std::fs::remove_dir_all(work) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("the work folder `{}` cannot be cleared", work.display()))
        }
        _ => Ok(()),
    }
}

/// Environments on one branch get one writer, so that their promotions share pushes.
fn assemble_environments(
    settings: BTreeMap<SourceName, config::Environment>,
    mirrors: &Path,
    store: &Arc<Store>,
) -> anyhow::Result<BTreeMap<SourceName, pipeline::Environment>> {
    let mut writers: Vec<BranchWriter> = Vec::new();
    let mut environments = BTreeMap::new();
    for (name, config::Environment { remote, folder, rules, requests, owners, operators }) in settings {
        let writer = match writers.iter().find(|writer| *writer.mirror().remote() == remote) {
            Some(writer) => writer.clone(),
            None => BranchWriter::new(Mirror::open(mirrors, remote)?, store.clone()),
        };
        writers.push(writer.clone());
        let environment = pipeline::Environment::new(writer, folder, rules, requests).owned(owners, operators);
        environments.insert(name, environment);
    }
    Ok(environments)
}

fn assemble(
    settings: Settings,
    store: Arc<Store>,
    crash_at: Option<CrashPoint>,
    render_metrics: RenderMetrics,
    stop: CancellationToken,
) -> anyhow::Result<(Arc<Pipeline>, Arc<Shared>)> {
    let Settings {
        state,
        web,
        store: _,
        artifacts,
        executor,
        workers: _,
        threads,
        device,
        committer,
        sources,
        webhooks,
        environments,
        floors,
        people,
        upkeep: _,
        limits,
        telemetry: _,
    } = settings;
    let mirrors = state.join("mirrors");
    let mut hooks = BTreeMap::new();
    let (mut page_secrets, mut served) = (BTreeMap::new(), BTreeMap::new());
    for (
        name,
        config::Source {
            forge,
            api,
            notes,
            remote,
            secrets,
            webhook,
            repository_name,
            repository_id,
            environment,
            changes,
            judge_drafts,
            label,
            priority,
        },
    ) in sources
    {
        let (kind, forge) = (forge, forge::connect(forge));
        let mirror = Mirror::open(&mirrors, remote)?;
        // A source without a webhook of its own has the secrets of the one that it shares.
        let of_pages = match webhook.as_ref().and_then(|shared| webhooks.get(shared)) {
            Some(shared) if secrets.is_empty() => shared.secrets.clone(),
            _ => secrets.clone(),
        };
        let pages =
            web.public_url.as_deref().zip(of_pages.first()).map(|(address, secret)| forge::Pages::new(address, secret));
        page_secrets.insert(name.clone(), of_pages);
        if !secrets.is_empty() {
            hooks.insert(name.clone(), Hook { forge: forge.clone(), secrets, is_shared: false });
        }
        let notes = notes.then(|| Arc::new(Notes::new(mirror.clone(), committer.clone())));
        let arrived = Notify::new();
        let source = pipeline::Source {
            kind,
            forge,
            api,
            repository_name,
            repository_id,
            webhook,
            notes,
            pages,
            mirror,
            environment,
            changes,
            judge_drafts,
            label,
            priority,
            arrived,
        };
        served.insert(name, source);
    }
    for (name, config::Webhook { forge, secrets }) in webhooks {
        hooks.insert(name, Hook { forge: forge::connect(forge), secrets, is_shared: true });
    }
    let environments = assemble_environments(environments, &mirrors, &store)?;
    let settings = pipeline::Settings {
        sources: served,
        environments,
        work: state.join(WORK),
        floors: floors.into(),
        committer,
        people,
        threads,
        device,
        most_of_a_source: limits.most_of_a_source,
        lease: limits.lease,
        crash_at,
    };
    let artifacts = artifacts::connect(&artifacts)?;
    let pipeline = Arc::new(Pipeline::new(store.clone(), executor::connect(&executor), artifacts, settings));
    let shared = Arc::new(Shared::new(pipeline.clone(), store, hooks, page_secrets, web, render_metrics, stop));
    Ok((pipeline, shared))
}
