//! `slipway-server`: loads the models, serves them until SIGTERM, and reads them again at SIGHUP.

mod arguments;

use std::fmt;
use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Parser as _;
use slipway_server::follow::{Follower, follow};
use slipway_server::http::{Server, serve};
use slipway_server::library;
use slipway_server::registry::{LoadError, Loaded, Registry};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

use arguments::{Arguments, LogForm};

/// Threads for connections. Models have their own, so that these only move bytes.
const CONNECTION_THREADS: usize = 2;

/// Why the program ends, by the exit codes of all programs of Slipway.
enum Failure {
    /// Invalid input or usage.
    Invalid(String),
    /// A defect.
    Defect(String),
}

impl Failure {
    fn code(&self) -> ExitCode {
        match self {
            Self::Invalid(_) => ExitCode::from(2),
            Self::Defect(_) => ExitCode::from(70),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Invalid(message) | Self::Defect(message)) = self;
        f.write_str(message)
    }
}

fn invalid(error: impl fmt::Display) -> Failure {
    Failure::Invalid(error.to_string())
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    start_log(arguments.log);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(CONNECTION_THREADS).enable_all().build();
    let ended = runtime
        .map_err(|error| Failure::Defect(format!("no threads could be started: {error}")))
        .and_then(|runtime| runtime.block_on(run(arguments)));
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            writeln!(io::stderr(), "error: {failure}").ok();
            failure.code()
        }
    }
}

fn start_log(form: LogForm) {
    let filter = EnvFilter::builder().with_default_directive(tracing::Level::INFO.into()).from_env_lossy();
    let is_terminal = io::stderr().is_terminal();
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    let log = log.with_target(false).with_ansi(is_terminal);
    match form {
        LogForm::Text => log.init(),
        LogForm::Json => log.json().init(),
    }
}

async fn run(arguments: Arguments) -> Result<(), Failure> {
    let environment_repository = arguments.followed().map_err(invalid)?;
    if arguments.models.is_empty() && environment_repository.is_none() {
        return Err(invalid(
            "there is no model to serve\n  help: name one by `--model NAME=FOLDER`, or an environment by `--follow URL`",
        ));
    }
    // Before anything is served, so that no signal ends the program while it starts.
    let (mut stops, mut reloads) = (Stops::listen()?, listen_to(SignalKind::hangup())?);
    let environment = library::load(arguments.onnxruntime.as_deref()).map_err(invalid)?;
    let registry = Arc::new(Registry::new(environment, arguments.limits()));
    for model in &arguments.models {
        registry.declare(&model.name, model.source.clone());
    }
    for (name, loaded) in load_all(registry.clone()).await? {
        loaded.map_err(|error| invalid(format!("`{name}`: {error}")))?;
    }
    let listener = TcpListener::bind(arguments.listen).await;
    let listener = listener.map_err(|error| invalid(format!("`{}`: {error}", arguments.listen)))?;
    let address = listener.local_addr().map_err(|error| Failure::Defect(error.to_string()))?;
    let server = Server::new(registry.clone(), arguments.http_limits(), arguments.repository_control);
    let stop = CancellationToken::new();
    let mut parts = JoinSet::new();
    if let Some(followed) = environment_repository {
        let follower = Follower::new(followed, registry.clone()).map_err(invalid)?;
        let (interval, stop) = (Duration::from_millis(arguments.interval), stop.clone());
        parts.spawn(async move {
            follow(follower, interval, stop).await;
            0
        });
    }
    parts.spawn(serve(listener, Arc::new(server), stop.clone()));
    writeln!(io::stdout(), "listening on http://{address}").ok();
    loop {
        tokio::select! {
            () = stops.next() => break,
            Some(()) = reloads.recv() => drop(load_all(registry.clone()).await?),
            Some(_) = parts.join_next() => return Err(Failure::Defect("the server stopped by itself".to_owned())),
        }
    }
    tracing::info!("stopping: requests in flight are answered");
    stop.cancel();
    while let Some(ended) = parts.join_next().await {
        let left = ended.map_err(|error| Failure::Defect(format!("the server stopped with a defect: {error}")))?;
        if left > 0 {
            tracing::warn!("{left} requests were not answered in time");
        }
    }
    Ok(())
}

/// Reads the artifacts of all models. The outcomes are logged and returned.
async fn load_all(registry: Arc<Registry>) -> Result<Vec<(String, Result<Loaded, LoadError>)>, Failure> {
    let load = move || {
        let load = |name: String| {
            let begun = Instant::now();
            let loaded = registry.load(&name);
            match &loaded {
                Ok(Loaded::Swapped(artifact)) => tracing::info!(
                    model = %name, %artifact, "`{name}` answers by {artifact} after {} ms", begun.elapsed().as_millis()
                ),
                Ok(Loaded::Unchanged) => tracing::info!(model = %name, "`{name}` answers by the same artifact"),
                Err(error) => tracing::error!(model = %name, "`{name}` was not loaded: {error}"),
            }
            (name, loaded)
        };
        registry.names().into_iter().map(load).collect()
    };
    tokio::task::spawn_blocking(load).await.map_err(|error| Failure::Defect(error.to_string()))
}

fn listen_to(kind: SignalKind) -> Result<Signal, Failure> {
    signal(kind).map_err(|error| Failure::Defect(format!("signals cannot be received: {error}")))
}

/// The signals that stop the program.
struct Stops {
    terminate: Signal,
    interrupt: Signal,
}

impl Stops {
    fn listen() -> Result<Self, Failure> {
        Ok(Self { terminate: listen_to(SignalKind::terminate())?, interrupt: listen_to(SignalKind::interrupt())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
