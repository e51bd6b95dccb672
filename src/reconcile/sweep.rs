//! Removes artifacts that nothing needs, by mark and sweep. Marked are the artifacts that environments name according to git,
//! those of active runs, and the newest of each model. The others are swept once they are old. A swept artifact goes to the trash
//! first, and is restored if something needs it again.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use slipway_contract::Digest;

use super::Reconciler;
use crate::context::StepError;
use slipway_artifacts::{ArtifactError, ArtifactStore};
use slipway_domain::{DeployedArtifact, SourceName};
use slipway_store::{Removal, RemovedRun, Store, StoreError};

/// Minimum age of a swept artifact. A younger one may be in use before its use is recorded.
const JUST_WRITTEN: SignedDuration = SignedDuration::from_hours(1);

/// Retention of artifacts that nothing needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArtifactRetention {
    /// Artifacts that were written, evaluated or used within this time are kept.
    pub age: SignedDuration,
    /// Maximum bytes of all artifacts; unlimited if `None`.
    pub bytes: Option<u64>,
    /// Number of newest artifacts that are kept for each model in each environment, whatever their age.
    pub per_model: u32,
    /// Time that a removed artifact stays in the trash before it is purged.
    pub grace_period: SignedDuration,
}

/// Artifacts that environments name.
#[derive(Debug, Default)]
pub struct DeployedArtifacts {
    /// Artifacts that are certainly named.
    pub artifacts: BTreeSet<Digest>,
    /// Environments, or single models of them, that cannot be read now. Everything that they ever named is kept.
    pub unclear: Vec<(SourceName, Option<String>)>,
}

/// Result of a sweep, or of a dry run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Swept {
    /// Number of stored artifacts.
    pub artifacts: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Number of artifacts that something needs.
    pub needed: u64,
    /// Number of artifacts that were moved to the trash.
    pub removed: u64,
    /// Their bytes.
    pub removed_bytes: u64,
    /// Number of artifacts that were restored, because something needs them again.
    pub restored: u64,
    /// Number of artifacts that were purged.
    pub purged: u64,
    /// Other stores that keep artifacts in the same folder. While there are any, nothing is removed.
    pub shared_with: Vec<String>,
}

/// Reason why a sweep stopped.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The artifact store failed.
    #[error(transparent)]
    Artifacts(#[from] ArtifactError),
}

/// Removes artifacts that nothing needs, oldest first.
pub async fn sweep(
    store: &Store,
    artifacts: &dyn ArtifactStore,
    keep: ArtifactRetention,
    deployed: DeployedArtifacts,
    removal: Removal,
) -> Result<Swept, SweepError> {
    let now = Timestamp::now();
    let before = |age: SignedDuration| now.saturating_sub(age).unwrap_or(Timestamp::MIN);
    let mut swept = Swept::default();
    let own = store.identity().await?;
    swept.shared_with = artifacts.register(&own).await?;
    swept.shared_with.retain(|other| *other != own);
    let mut needed = store.artifacts_in_use(keep.per_model, before(keep.age)).await?;
    needed.extend(deployed.artifacts);
    for (environment, model) in deployed.unclear {
        needed.extend(store.artifacts_ever_at(&environment, model.as_deref()).await?);
    }
    let removal = if swept.shared_with.is_empty() { removal } else { Removal::DryRun };
    if removal == Removal::Done {
        for removed in artifacts.removed().await? {
            let artifact = &removed.artifact;
            if needed.contains(artifact) || store.is_artifact_in_use(artifact).await? {
                artifacts.restore(artifact).await?;
                store.unmark_artifact_removed(artifact).await?;
                swept.restored += 1;
            } else if removed.at < before(keep.grace_period) {
                artifacts.purge(&removed).await?;
                swept.purged += 1;
            }
        }
    }
    let mut unneeded = Vec::new();
    for artifact in artifacts.artifacts().await? {
        let files = artifacts.files(&artifact).await?;
        let Some(newest) = files.iter().map(|file| file.written_at).max() else { continue };
        let bytes: u64 = files.iter().map(|file| file.bytes).sum();
        swept.artifacts += 1;
        swept.bytes += bytes;
        if needed.contains(&artifact) {
            swept.needed += 1;
        } else {
            unneeded.push((newest, artifact, bytes));
        }
    }
    unneeded.sort();
    let mut over = keep.bytes.map_or(0, |most| swept.bytes.saturating_sub(most));
    if !swept.shared_with.is_empty() {
        unneeded.clear();
    }
    for (newest, artifact, bytes) in unneeded {
        if newest >= before(JUST_WRITTEN) || (newest >= before(keep.age) && over == 0) {
            break;
        }
        if removal == Removal::Done {
            if !store.mark_artifact_removed(&artifact, now).await? {
                continue;
            }
            artifacts.move_to_trash(&artifact, now).await?;
        }
        over = over.saturating_sub(bytes);
        swept.removed += 1;
        swept.removed_bytes += bytes;
    }
    Ok(swept)
}

/// Removes the documents of removed runs that are stored beside their artifacts. Evidence belongs to the artifact and stays.
pub async fn remove_documents(artifacts: &dyn ArtifactStore, runs: &[RemovedRun]) -> Result<(), ArtifactError> {
    for RemovedRun { run, artifact } in runs {
        if let Some(artifact) = artifact {
            artifacts.remove_documents(artifact, &format!("evaluations/{run}")).await?;
        }
    }
    Ok(())
}

impl Reconciler {
    /// The artifacts that the environments name, according to the store and to their current branches.
    pub(super) async fn all_deployed_artifacts(&self) -> Result<DeployedArtifacts, StoreError> {
        let mut deployed =
            DeployedArtifacts { artifacts: self.context.store.artifacts_deployed().await?, unclear: Vec::new() };
        for (name, environment) in &self.context.settings.environments {
            let read = async {
                let tip = self.context.remotes.fetch(environment.mirror()).await??;
                self.context.deployed_artifacts_at(environment, &tip).await
            };
            match read.await {
                Ok(models) => {
                    for (model, what) in models {
                        match what {
                            DeployedArtifact::Artifact(artifact) => drop(deployed.artifacts.insert(artifact)),
                            DeployedArtifact::Nothing => {}
                            DeployedArtifact::Unclear(_) => deployed.unclear.push((name.clone(), Some(model))),
                        }
                    }
                }
                Err(StepError::Store(error)) => return Err(error),
                Err(error) => {
                    tracing::warn!(
                        environment = %name, %error,
                        "`{name}` cannot be read, so all artifacts that it ever named are kept: {error}"
                    );
                    deployed.unclear.push((name.clone(), None));
                }
            }
        }
        Ok(deployed)
    }
}
