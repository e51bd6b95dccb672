//! `slipway forge accept`: accepts a recreated repository under a source's name as the source's repository.

use clap::Args;

use crate::cli::beside::{SettingsArgs, failed, work};
use crate::cli::exit::{self, Exit, Failure};
use crate::cli::output;
use slipway_domain::{Actor, ForgeId, Repository, SourceName};
use slipway_store::{Learned, NewAuditEntry};

/// Accept another repository as the repository of a source.
///
/// Only deliveries of the repository to which a source is pinned are processed. A recreated repository, or another one that took
/// over the name, is refused until it is accepted. The command accesses the store directly, whether the server runs or not.
#[derive(Debug, Args)]
pub(super) struct Accept {
    /// The source
    source: String,
    /// The repository's identifier at the forge, as `slipway forge check` or the refused delivery shows it
    #[arg(value_name = "REPOSITORY_ID")]
    id: String,
    #[command(flatten)]
    beside: SettingsArgs,
}

impl Accept {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let settings = self.beside.settings()?;
        let Self { source: wish, id, .. } = self;
        let id: ForgeId = id.parse().map_err(|error| exit::invalid(format!("`{id}`: {error}")))?;
        let Some((name, source)) = settings.sources.iter().find(|(name, _)| name.as_str() == wish) else {
            let all: Vec<&str> = settings.sources.keys().map(SourceName::as_str).collect();
            let all = all.join(", ");
            return Err(exit::invalid(format!("the server's settings contain no source `{wish}`, only {all}")));
        };
        if source.forge == slipway_forge::Settings::Plain {
            return Err(exit::invalid(format!("`{name}` is on a plain git server, which has no identifiers")));
        }
        if let Some(set) = source.repository_id.as_ref().filter(|set| **set != id) {
            let help = format!("help: set `repository_id: \"{id}\"` in the settings");
            return Err(exit::invalid(format!("the settings pin `{name}` to the repository {set}\n  {help}")));
        }
        let repository = Repository { id, full_name: source.repository_name.clone() };
        work(&settings, async |store| {
            let before = store.repository_of(name).await.map_err(failed)?;
            let before = before.map_or_else(|| "none".to_owned(), |before| before.repository.id.to_string());
            let entry = NewAuditEntry {
                actor: Actor::command_line(),
                action: "source.accept-repository".to_owned(),
                target: name.to_string(),
                detail: format!("{} instead of {before}", repository.id),
            };
            store.audit(&entry).await.map_err(failed)?;
            store.accept_repository(name, &repository, Learned::Person).await.map_err(failed)
        })?;
        output::note(&format!(
            "`{name}` is now pinned to the repository {}; list and replay refused deliveries: `slipway deliveries list \
             --state dead`",
            repository.id
        ));
        Ok(Exit::Done)
    }
}
