//! `slipway storage`: shows the size of all data and what retention would remove, and can remove it now.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use bytesize::ByteSize;
use clap::Args;
use jiff::Timestamp;
use serde_json::json;
use slipway_contract::{Digest, counted};

use super::beside::{SettingsArgs, failed, work};
use super::exit::{self, Exit, Failure};
use super::form::Format;
use super::output;
use crate::config::Settings;
use crate::deprecated::complete_output;
use crate::reconcile::{self, DeployedArtifacts, SweepError, Swept};
use slipway_artifacts::ArtifactStore;
use slipway_domain::Actor;
use slipway_store::{NewAuditEntry, Removal, Removed, SourceUsage, Store, TableUsage};

/// Show the size of all data, and what retention would remove, directly in the server's store.
#[derive(Debug, Args)]
pub(super) struct Storage {
    /// Remove now what retention would remove
    #[arg(long)]
    prune: bool,
    /// With `--prune`: remove nothing, only show what would be removed
    #[arg(long, requires = "prune")]
    dry_run: bool,
    #[command(flatten)]
    beside: SettingsArgs,
    #[command(flatten)]
    format: Format,
}

/// The size of all data.
struct Usage {
    tables: Vec<TableUsage>,
    sources: BTreeMap<String, SourceUsage>,
    artifact_bytes: BTreeMap<Digest, u64>,
}

impl Storage {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let settings = self.beside.settings()?;
        let artifacts = slipway_artifacts::connect(&settings.artifacts).map_err(exit::invalid)?;
        let removal = if self.prune && !self.dry_run { Removal::Done } else { Removal::DryRun };
        let (usage, removed, swept) = work(&settings, async |store| {
            let usage = measure(store, &*artifacts).await?;
            let (removed, swept) = remove(store, &*artifacts, &settings, removal).await?;
            Ok((usage, removed, swept))
        })?;
        let retention = json!({ "done": removal == Removal::Done, "rows": removed, "artifacts": swept });
        let mut document = json!({
            "tables": usage.tables,
            "sources": usage.sources.iter().map(|(name, source)| usage.source(name, source)).collect::<Vec<_>>(),
            "retention": retention,
        });
        complete_output("slipway storage", &mut document);
        self.format.show(&document, |_, _| {
            let said = sentence(removal, &removed, &swept);
            if self.prune { said } else { format!("{}\n{said}", usage.text(&swept)) }
        })?;
        Ok(Exit::Done)
    }
}

async fn measure(store: &Store, artifacts: &dyn ArtifactStore) -> Result<Usage, Failure> {
    let tables = store.table_usage().await.map_err(failed)?;
    let sources = store.source_usage().await.map_err(failed)?;
    let mut artifact_bytes = BTreeMap::new();
    for artifact in artifacts.artifacts().await.map_err(exit::invalid)? {
        let files = artifacts.files(&artifact).await.map_err(exit::invalid)?;
        artifact_bytes.insert(artifact, files.iter().map(|file| file.bytes).sum());
    }
    Ok(Usage { tables, sources, artifact_bytes })
}

/// Removes the data that retention would remove. Without the server no environment's branch is read, so every artifact that an
/// environment ever named is kept.
async fn remove(
    store: &Store,
    artifacts: &dyn ArtifactStore,
    settings: &Settings,
    removal: Removal,
) -> Result<(Removed, Swept), Failure> {
    let keep = settings.garbage_collection;
    let deployed = store.artifacts_deployed().await.map_err(failed)?;
    let removed = store.remove_old(Timestamp::now(), keep.store, &deployed, removal).await.map_err(failed)?;
    reconcile::remove_documents(artifacts, &removed.removed_runs).await.map_err(exit::invalid)?;
    let unclear = settings.environments.keys().map(|name| (name.clone(), None)).collect();
    let deployed = DeployedArtifacts { artifacts: deployed, unclear };
    let swept = reconcile::sweep(store, artifacts, keep.artifacts, deployed, removal).await.map_err(of_sweep)?;
    if removal == Removal::Done {
        let entry = NewAuditEntry {
            actor: Actor::command_line(),
            action: "storage.prune".to_owned(),
            target: "storage".to_owned(),
            detail: sentence(removal, &removed, &swept),
        };
        store.audit(&entry).await.map_err(failed)?;
    }
    Ok((removed, swept))
}

fn of_sweep(error: SweepError) -> Failure {
    match error {
        SweepError::Store(error) => failed(error),
        SweepError::Artifacts(error) => exit::invalid(error),
    }
}

fn size(bytes: u64) -> String {
    ByteSize::b(bytes).to_string()
}

impl Usage {
    fn bytes_of(&self, source: &SourceUsage) -> u64 {
        source.artifacts.iter().filter_map(|artifact| self.artifact_bytes.get(artifact)).sum()
    }

    fn source(&self, name: &str, source: &SourceUsage) -> serde_json::Value {
        let kept = source.artifacts.iter().filter(|artifact| self.artifact_bytes.contains_key(artifact)).count();
        json!({
            "source": name,
            "deliveries": source.deliveries,
            "delivery_bytes": source.delivery_bytes,
            "runs": source.runs,
            "log_bytes": source.log_bytes,
            "artifacts": kept,
            "artifact_bytes": self.bytes_of(source),
        })
    }

    fn text(&self, swept: &Swept) -> String {
        let mut rows: Vec<Vec<String>> = self
            .tables
            .iter()
            .filter(|table| table.rows > 0)
            .map(|table| vec![table.table.clone(), table.rows.to_string(), size(table.bytes)])
            .collect();
        rows.push(vec!["artifacts".to_owned(), swept.artifacts.to_string(), size(swept.bytes)]);
        let kinds = output::table(&["KIND", "NUMBER", "SIZE"], &rows);
        let rows: Vec<Vec<String>> = self
            .sources
            .iter()
            .map(|(name, source)| {
                let artifacts = self.source(name, source)["artifacts"].to_string();
                vec![
                    name.clone(),
                    source.deliveries.to_string(),
                    size(source.delivery_bytes),
                    source.runs.to_string(),
                    size(source.log_bytes),
                    artifacts,
                    size(self.bytes_of(source)),
                ]
            })
            .collect();
        if rows.is_empty() {
            return kinds;
        }
        let header = ["SOURCE", "DELIVERIES", "BODIES", "RUNS", "LOGS", "ARTIFACTS", "SIZE"];
        format!("{kinds}\n\n{}\n", output::table(&header, &rows))
    }
}

/// Formats what was removed or would be removed, for people.
fn sentence(removal: Removal, removed: &Removed, swept: &Swept) -> String {
    let Removed { deliveries, reports, log_lines, runs, audit_entries, removed_runs: _ } = removed;
    let verb = if removal == Removal::Done { "removed" } else { "retention would remove" };
    let mut text = format!(
        "{verb}: {}, {}, {} of logs, {}, {}, {} ({})",
        counted(*deliveries, "delivery"),
        counted(*reports, "report"),
        counted(*log_lines, "line"),
        counted(*runs, "run"),
        counted(*audit_entries, "audit entry"),
        counted(swept.removed, "artifact"),
        size(swept.removed_bytes),
    );
    if let [other, ..] = &*swept.shared_with {
        let _ = write!(
            text,
            "\nno artifact is removed, because the store {other} uses the same folder: if that store no longer exists, \
             remove the file `stores/{other}` from the folder"
        );
    }
    text
}
