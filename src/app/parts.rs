//! The parts that depend on the settings: built from them, started together, and replaced together on a reload. `app` itself owns
//! the state that outlives a reload (the lock, the listener, the store).

use std::sync::Arc;

use anyhow::Context as _;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::assemble::assemble;
use super::{DRAIN, Process};
use crate::activities::Activities;
use crate::config::Settings;
use crate::web;
use crate::web::Shared;
use slipway_domain::{SourceName, spoken};
use slipway_store::StoreError;

/// All parts built from one reading of the settings.
pub(super) struct Generation {
    pub(super) shared: Arc<Shared>,
    activities: Activities,
    /// All parts except the workers.
    pub(super) parts: JoinSet<anyhow::Result<()>>,
    pub(super) workers: JoinSet<anyhow::Result<()>>,
    /// Stops the parts. Workers stop with the process, or when they are retired.
    stop: CancellationToken,
}

impl Generation {
    /// Builds the parts without starting them.
    pub(super) fn make(settings: Settings, process: &Process) -> anyhow::Result<Made> {
        let (workers, garbage_collection, limits) = (settings.workers, settings.garbage_collection, settings.limits);
        let stop = process.stop.child_token();
        let (activities, shared) =
            assemble(settings, process.store.clone(), process.render_metrics.clone(), stop.clone())?;
        let generation = Self { shared, activities, parts: JoinSet::new(), workers: JoinSet::new(), stop };
        Ok(Made { generation, workers, garbage_collection, limits })
    }

    fn start<W>(&mut self, what: &'static str, work: impl FnOnce(Activities, CancellationToken) -> W)
    where
        W: Future<Output = Result<(), StoreError>> + Send + 'static,
    {
        let working = work(self.activities.clone(), self.stop.clone());
        self.parts.spawn(async move { working.await.with_context(|| format!("{what} failed")) });
    }

    /// Starts the workers. Each waits for a permit, so that workers of this and of earlier generations together never exceed the
    /// number of permits.
    fn start_workers(&mut self, workers: usize, process: &Process) {
        for _ in 0..workers {
            let (activities, places, stop) = (self.activities.clone(), process.places.clone(), process.stop.clone());
            self.workers.spawn(async move {
                let place = tokio::select! {
                    place = places.acquire_owned() => place,
                    () = activities.context.retired() => return Ok(()),
                    () = stop.cancelled() => return Ok(()),
                };
                let _place = place.context("the semaphore is closed")?;
                activities.runs.move_runs(&stop).await.context("a worker failed")
            });
        }
    }

    /// Stops all parts, and makes the workers stop after their current steps, so that no training is lost. Returns the workers
    /// for the caller to join.
    pub(super) async fn retire(mut self) -> JoinSet<anyhow::Result<()>> {
        self.stop.cancel();
        self.activities.context.retire();
        let drained = timeout(DRAIN, async { while self.parts.join_next().await.is_some() {} }).await;
        if drained.is_err() {
            tracing::warn!("some work did not end within {}; it is repeated", spoken(DRAIN));
            self.parts.abort_all();
        }
        self.workers
    }
}

/// A generation that is built, and the settings for its start.
pub(super) struct Made {
    generation: Generation,
    workers: usize,
    garbage_collection: crate::reconcile::GarbageCollection,
    limits: crate::config::Limits,
}

impl Made {
    /// Starts all parts.
    pub(super) async fn start(self, process: &Process) -> Generation {
        let Self { generation: mut parts, workers, garbage_collection, limits } = self;
        let served: Vec<SourceName> = parts.activities.context.sources().map(|(name, _)| name.clone()).collect();
        let written: Vec<SourceName> = parts.activities.context.environments().map(|(name, _)| name.clone()).collect();
        process.store.serve_only(&served, &written);
        parts.activities.intake.warn_of_unserved_sources().await;
        // New settings may have other rules and people: runs that wait are checked against them.
        if let Err(error) = parts.activities.promotions.wake_waiting(None, None).await {
            tracing::warn!(%error, "waiting runs will be checked against the new settings later: {error}");
        }
        process.grant_places(workers);
        parts.start_workers(workers, process);
        for name in served {
            let (reported, reconciled) = (name.clone(), name.clone());
            parts.start("the poller of missed pushes", |activities, stop| async move {
                activities.reconciler.reconcile(&reconciled, limits.reconcile_interval, &stop).await
            });
            parts.start("the sender of reports", |activities, stop| async move {
                activities.reports.report(&reported, &stop).await
            });
            parts.start("the reader of deliveries", |activities, stop| async move {
                Box::pin(activities.intake.read_deliveries(&name, &stop)).await
            });
        }
        for name in written {
            let (waiting, followed, watched) = (name.clone(), name.clone(), name.clone());
            parts.start(
                "the promoter",
                |activities, stop| async move { activities.runs.promote_runs(&name, &stop).await },
            );
            parts.start("the check of waiting runs", |activities, stop| async move {
                activities.runs.watch_waiting(&waiting, &stop).await
            });
            parts.start("the handler of follow-ups", |activities, stop| async move {
                activities.promotions.follow_promotions(&followed, &stop).await
            });
            parts.start("the poller of an environment", |activities, stop| async move {
                activities.reconciler.watch_environment(&watched, limits.sync_interval, &stop).await
            });
        }
        parts.start("the scheduler of due work", |activities, stop| async move {
            activities.reconciler.wake_due(&stop).await
        });
        parts.start("the garbage collection", |activities, stop| async move {
            activities.reconciler.collect_garbage(garbage_collection, &stop).await
        });
        let (shared, stop) = (parts.shared.clone(), parts.stop.clone());
        parts.parts.spawn(async move {
            web::write_refusals(shared, stop).await;
            Ok(())
        });
        parts
    }
}
