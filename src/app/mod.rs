//! Composition root: builds the parts from their settings, starts them together and stops them together.

mod assemble;
mod memory;
mod parts;
mod reload;

use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use rustix::fs::{FlockOperation, flock};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::config::Settings;
use crate::telemetry::RenderMetrics;
use crate::web;
use crate::web::{GitServerSettings, Served};
use parts::Generation;
use reload::{Fixed, Reloaded};
use slipway_domain::spoken;
use slipway_store::Store;

pub use memory::keep_little_memory;
pub use reload::ReadSettings;

/// Reason why a server cannot start in its surroundings, and the remedy. It is not a defect of Slipway.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Unstartable(String);

/// An error with its causes. A cause that an earlier text contains already is not repeated.
pub fn described(error: &anyhow::Error) -> String {
    error.chain().fold(String::new(), |text, cause| {
        let cause = cause.to_string();
        if text.is_empty() {
            cause
        } else if text.contains(&cause) {
            text
        } else {
            format!("{text}: {cause}")
        }
    })
}

/// Binds the git server's port before any part starts.
async fn open_git_server(git: GitServerSettings) -> anyhow::Result<(TcpListener, GitServerSettings, PathBuf)> {
    let backend = web::find_http_backend().await.map_err(Unstartable)?;
    let refused = |error| Unstartable(format!("`git_server`: {}", cannot_listen(git.listen, &error)));
    let listener = TcpListener::bind(git.listen).await.map_err(refused)?;
    Ok((listener, git, backend))
}

fn cannot_listen(listen: SocketAddr, error: &std::io::Error) -> String {
    let help = match error.kind() {
        std::io::ErrorKind::AddrInUse => "another process uses the port: stop it, or set another `listen`",
        std::io::ErrorKind::AddrNotAvailable => "set an address of this machine as `listen`",
        std::io::ErrorKind::PermissionDenied => "ports below 1024 require a privilege: set another `listen`",
        _ => "set another `listen`",
    };
    format!("cannot listen on {listen}: {error}\n  help: {help}")
}

/// Time limit for parts to stop. It is below the 30 s that Kubernetes grants a pod.
const DRAIN: Duration = Duration::from_secs(20);
/// Interval at which free memory is returned to the system.
const TIDY: Duration = Duration::from_secs(10);
/// Folder of work in progress within the state folder.
const WORK: &str = "work";
/// Time that a killed process may take to release the state folder.
const LET_GO: Duration = Duration::from_secs(2);

/// State that outlives a reload of the settings.
struct Process {
    store: Arc<Store>,
    render_metrics: RenderMetrics,
    fixed: Fixed,
    /// Permits for workers.
    places: Arc<Semaphore>,
    granted: AtomicUsize,
    /// Stops all parts.
    stop: CancellationToken,
}

impl Process {
    /// Raises the number of permits to `workers`. The number never decreases.
    fn grant_places(&self, workers: usize) {
        let granted = self.granted.fetch_max(workers, Ordering::Relaxed);
        self.places.add_permits(workers.saturating_sub(granted));
    }
}

/// Runs the server until SIGTERM or SIGINT. SIGHUP reloads the settings. `listening` receives the address once the server accepts
/// requests.
pub async fn serve(
    settings: Settings,
    read_again: ReadSettings,
    render_metrics: RenderMetrics,
    listening: impl FnOnce(SocketAddr),
) -> anyhow::Result<()> {
    let _lock = lock(&settings.state).await?;
    let listen = settings.web.listen;
    let listener = TcpListener::bind(listen).await.map_err(|error| Unstartable(cannot_listen(listen, &error)))?;
    let repositories = match settings.git_server.clone() {
        Some(git) => Some(open_git_server(git).await?),
        None => None,
    };
    let address = listener.local_addr()?;
    let store = Arc::new(Store::open(&settings.store).await.context("the store cannot be opened")?);
    clear_work(&settings.state.join(WORK))?;
    if !store.is_shared() {
        let freed = store.release_all().await?;
        store.release_all_reports().await?;
        store.release_deliveries().await?;
        store.release_follow_ups().await?;
        if freed > 0 {
            let freed_runs = slipway_contract::counted(freed, "run");
            tracing::info!(runs = freed, "{freed_runs} of an earlier server process will continue");
        }
    }
    let process = Process {
        store: store.clone(),
        render_metrics,
        fixed: Fixed::of(&settings),
        places: Arc::new(Semaphore::new(0)),
        granted: AtomicUsize::new(0),
        stop: CancellationToken::new(),
    };
    // Registered before any part starts, so that no later signal is lost.
    let reloads = signal(SignalKind::hangup()).context("SIGHUP cannot be caught")?;
    let terminate = signal(SignalKind::terminate()).context("SIGTERM cannot be caught")?;
    let interrupt = signal(SignalKind::interrupt()).context("SIGINT cannot be caught")?;
    let generation = Generation::make(settings, &process)?.start(&process).await;
    let (door, served) = watch::channel(Served::with(generation.shared.clone()));
    let mut parts = JoinSet::new();
    let stop = process.stop.clone();
    parts.spawn(async move {
        web::serve(listener, served, stop).await;
        Ok(())
    });
    parts.spawn(trim_memory(process.stop.clone()));
    if let Some((listener, git, backend)) = repositories {
        let stop = process.stop.clone();
        parts.spawn(async move {
            web::serve_repositories(listener, git, backend, stop).await;
            Ok(())
        });
    }
    parts.spawn(stop_on_signal(process.stop.clone(), terminate, interrupt));
    listening(address);
    let ended = run_together(&process, parts, generation, (reloads, read_again, door)).await;
    store.close().await;
    ended
}

/// Waits for the first part to end, then stops all others. Meanwhile, each SIGHUP reloads the settings.
async fn run_together(
    process: &Process,
    mut parts: JoinSet<anyhow::Result<()>>,
    mut generation: Generation,
    (mut reloads, read_again, door): (Signal, ReadSettings, watch::Sender<Served>),
) -> anyhow::Result<()> {
    // Workers of earlier generations, which finish their current steps.
    let mut earlier: JoinSet<anyhow::Result<()>> = JoinSet::new();
    let first = loop {
        tokio::select! {
            () = process.stop.cancelled() => break Ok(()),
            Some(ended) = parts.join_next() => break ended.context("a part panicked").and_then(|result| result),
            Some(ended) = generation.parts.join_next() => break ended.context("a part panicked").and_then(|result| result),
            Some(ended) = generation.workers.join_next() => break ended.context("a worker panicked").and_then(|result| result),
            Some(ended) = earlier.join_next() => {
                if let Err(error) = ended.context("a worker panicked").and_then(|result| result) {
                    break Err(error);
                }
            }
            Some(()) = reloads.recv() => {
                let Reloaded { generation: new, mut workers, outcome } =
                    reload::reload(process, &read_again, generation).await;
                generation = new;
                door.send_replace(Served::with(generation.shared.clone()));
                metrics::counter!("slipway_settings_reloads_total", "outcome" => outcome).increment(1);
                earlier.spawn(async move {
                    while let Some(ended) = workers.join_next().await {
                        ended.context("a worker panicked")??;
                    }
                    Ok(())
                });
            }
        }
    };
    process.stop.cancel();
    let drained = timeout(DRAIN, async {
        for set in [&mut parts, &mut generation.parts, &mut generation.workers, &mut earlier] {
            while set.join_next().await.is_some() {}
        }
    });
    if drained.await.is_err() {
        tracing::warn!("some work did not end within {}; it is repeated after the next start", spoken(DRAIN));
    }
    first
}

/// Returns free memory to the system at intervals.
async fn trim_memory(stop: CancellationToken) -> anyhow::Result<()> {
    while !stop.is_cancelled() {
        tokio::select! {
            () = tokio::time::sleep(TIDY) => tokio::task::spawn_blocking(memory::trim).await?,
            () = stop.cancelled() => {}
        }
    }
    Ok(())
}

async fn stop_on_signal(stop: CancellationToken, mut terminate: Signal, mut interrupt: Signal) -> anyhow::Result<()> {
    tokio::select! {
        _ = terminate.recv() => tracing::info!("SIGTERM: the server finishes the current steps and stops"),
        _ = interrupt.recv() => tracing::info!("SIGINT: the server finishes the current steps and stops"),
        () = stop.cancelled() => {}
    }
    stop.cancel();
    Ok(())
}

/// Locks the state folder for this process. The lock ends with the process, however it ends. A trainer that a killed server was
/// just starting holds it a moment longer.
pub async fn lock(state: &Path) -> anyhow::Result<File> {
    let made = || -> std::io::Result<File> {
        std::fs::create_dir_all(state)?;
        File::create(state.join("lock"))
    };
    let file = made().map_err(|error| {
        let state = state.display();
        Unstartable(format!(
            "the state folder `{state}` cannot be created: {error}\n  help: set `state` to a folder that the server \
             may write"
        ))
    })?;
    let begun = Instant::now();
    while flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
        if begun.elapsed() > LET_GO {
            let state = state.display();
            let what = format!("another server uses the state folder `{state}`: stop it, or set another `state`");
            return Err(Unstartable(what).into());
        }
        tokio::time::sleep(LET_GO / 40).await;
    }
    Ok(file)
}

/// Removes the unfinished work of a killed server. Every step starts from an empty folder.
fn clear_work(work: &Path) -> anyhow::Result<()> {
    match std::fs::remove_dir_all(work) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Unstartable(format!("the work folder `{}` cannot be cleared: {error}", work.display())).into())
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_that_was_said_already_is_not_said_again() {
        let inner = std::io::Error::other("file is not a database");
        let error = anyhow::Error::new(inner).context("the store failed: file is not a database").context("no start");
        assert_eq!(described(&error), "no start: the store failed: file is not a database");
    }
}
