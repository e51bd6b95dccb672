//! Commands that access the server's store directly, whether a server runs or not.

use std::path::PathBuf;

use clap::Args;

use super::exit::{self, Failure};
use crate::config;
use crate::config::Settings;
use slipway_store::{Store, StoreError};

/// The place of the store.
#[derive(Debug, Args)]
pub(super) struct SettingsArgs {
    /// The server's settings file, which names its store
    #[arg(long, global = true, env = "SLIPWAY_CONFIG", default_value = config::FILE, value_name = "FILE")]
    config: PathBuf,
}

impl SettingsArgs {
    /// Reads the server's settings.
    pub(super) fn settings(&self) -> Result<Settings, Failure> {
        config::load(&self.config).map_err(|problems| exit::invalid(super::check::join(&problems)))
    }
}

/// Opens the store of the settings, does the work, and closes the store.
pub(super) fn work<T>(settings: &Settings, work: impl AsyncFnOnce(&Store) -> Result<T, Failure>) -> Result<T, Failure> {
    let folder = &settings.state;
    std::fs::create_dir_all(folder)
        .map_err(|error| exit::invalid(format!("the folder `{}` cannot be created: {error}", folder.display())))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| exit::defect(format!("the runtime could not be started: {error}")))?;
    runtime.block_on(async {
        let store = Store::open(&settings.store).await.map_err(failed)?;
        let done = work(&store).await;
        store.close().await;
        done
    })
}

/// Converts a failure of the store to one of the command.
pub(super) fn failed(error: StoreError) -> Failure {
    match error {
        StoreError::TokenExists { .. } | StoreError::NoSuchToken { .. } | StoreError::Incompatible { .. } => {
            exit::invalid(error)
        }
        StoreError::Database(_) => exit::unreachable(error),
        error => exit::defect(error),
    }
}
