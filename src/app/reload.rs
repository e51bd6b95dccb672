//! Reloads the settings: valid settings replace the old ones, invalid settings are refused with the reason. Meanwhile the server
//! accepts deliveries, and runs in progress continue.

use std::net::SocketAddr;
use std::path::PathBuf;

use tokio::task::JoinSet;

use super::Process;
use super::parts::Generation;
use crate::config::Settings;
use crate::telemetry;
use crate::web;

/// Reads the settings again from the place of the first reading.
pub type ReadSettings = Box<dyn Fn() -> Result<Settings, String> + Send + Sync>;

/// Settings that only a restart changes.
pub(super) struct Fixed {
    listen: SocketAddr,
    state: PathBuf,
    store: slipway_store::Settings,
    git_server: Option<web::GitServerSettings>,
    telemetry: telemetry::Settings,
}

impl Fixed {
    pub(super) fn of(settings: &Settings) -> Self {
        Self {
            listen: settings.web.listen,
            state: settings.state.clone(),
            store: settings.store.clone(),
            git_server: settings.git_server.clone(),
            telemetry: settings.telemetry.clone(),
        }
    }

    /// Keeps the old values of settings that a reload cannot change. Returns the names of those that differ.
    fn keep(&self, settings: &mut Settings) -> Vec<&'static str> {
        let Self { listen, state, store, git_server, telemetry } = self;
        let mut kept = Vec::new();
        let mut note = |differs: bool, name| kept.extend(differs.then_some(name));
        note(settings.web.listen != *listen, "`listen`");
        note(settings.state != *state, "`state`");
        note(settings.store != *store, "`store`");
        note(settings.git_server != *git_server, "`git_server`");
        note(settings.telemetry != *telemetry, "`telemetry`");
        settings.web.listen = *listen;
        settings.state.clone_from(state);
        settings.store.clone_from(store);
        settings.git_server.clone_from(git_server);
        settings.telemetry.clone_from(telemetry);
        kept
    }
}

/// Result of a reload.
pub(super) struct Reloaded {
    /// The new parts, or the old ones if the settings are invalid.
    pub(super) generation: Generation,
    /// The workers of the old parts, which finish their current steps.
    pub(super) workers: JoinSet<anyhow::Result<()>>,
    /// Value of the label `outcome` of the reload counter.
    pub(super) outcome: &'static str,
}

/// Reads the settings again and replaces the parts.
pub(super) async fn reload(process: &Process, read: &ReadSettings, old: Generation) -> Reloaded {
    let made = tokio::task::block_in_place(read).and_then(|mut settings| {
        let kept = process.fixed.keep(&mut settings);
        let made = Generation::make(settings, process).map_err(|error| super::described(&error))?;
        Ok((made, kept))
    });
    let (made, kept) = match made {
        Ok(made) => made,
        Err(reason) => {
            tracing::error!(
                reason,
                "SIGHUP: the new settings are invalid, and the old settings stay in force: {reason}"
            );
            return Reloaded { generation: old, workers: JoinSet::new(), outcome: "refused" };
        }
    };
    if !kept.is_empty() {
        let kept = kept.join(", ");
        tracing::warn!(kept, "SIGHUP: changes of {kept} need a restart; all other settings are in force");
    }
    let workers = old.retire().await;
    let generation = made.start(process).await;
    tracing::info!("SIGHUP: the settings were reloaded");
    Reloaded { generation, workers, outcome: "done" }
}
