//! `slipway serve`: runs the server.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::exit::{self, Exit, Failure};
use super::{Logging, output};
use crate::app;
use crate::config;
#[cfg(debug_assertions)]
use crate::context::{Failpoint, set_failpoint};
use crate::telemetry;
use slipway_artifacts::ArtifactError;
use slipway_store::StoreError;

/// How long blocking threads may take to end after everything else.
const LAST_WAIT: Duration = Duration::from_secs(2);

/// Run the webhook server and the worker.
#[derive(Debug, Args)]
pub(super) struct Serve {
    /// The server's settings file
    #[arg(long, env = "SLIPWAY_CONFIG", default_value = config::FILE, value_name = "FILE")]
    config: PathBuf,
    /// End as if killed before or after a state of a run is recorded: `before:STATE` or `after:STATE` (for crash tests)
    #[cfg(debug_assertions)]
    #[arg(long, value_name = "POINT", hide = true)]
    crash_at: Option<Failpoint>,
}

impl Serve {
    pub(super) fn run(self, logging: &Logging) -> Result<Exit, Failure> {
        app::keep_little_memory();
        #[cfg(debug_assertions)]
        self.crash_at.into_iter().for_each(set_failpoint);
        let settings = config::load(&self.config).map_err(|problems| exit::invalid(super::check::join(&problems)))?;
        let _traces = logging.start(telemetry::DEFAULT_FILTER, &settings.telemetry)?;
        for problem in config::check(&self.config) {
            tracing::warn!("{problem}");
        }
        let render_metrics = telemetry::start_metrics().map_err(exit::defect)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .map_err(|error| exit::defect(format!("the runtime could not be started: {error}")))?;
        let config = self.config;
        let read_again = Box::new(move || config::load(&config).map_err(|problems| super::check::join(&problems)));
        let served = runtime.block_on(app::serve(settings, read_again, render_metrics, |address| {
            output::say(&format!("listening on http://{address}"));
        }));
        // A thread that still waits for a git server does not delay the end.
        runtime.shutdown_timeout(LAST_WAIT);
        served.map(|()| Exit::Done).map_err(|error| failure(&error))
    }
}

/// Converts an error. Problems of the surroundings are no defects: a port or a folder in use, tables of a newer version, folders that
/// cannot be written, or a database that does not respond.
fn failure(error: &anyhow::Error) -> Failure {
    let message = app::described(error);
    if error.is::<app::Unstartable>() || error.is::<ArtifactError>() {
        return exit::invalid(message);
    }
    match error.downcast_ref::<StoreError>() {
        Some(StoreError::Incompatible { .. }) => exit::invalid(message),
        Some(StoreError::Database(_)) => exit::unreachable(message),
        _ => exit::defect(message),
    }
}
