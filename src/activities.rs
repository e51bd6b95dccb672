//! The activities of the controller over one context. Each activity uses only those before it.

use std::sync::Arc;

use slipway_artifacts::ArtifactStore;
use slipway_executor::Executor;
use slipway_store::Store;

use crate::commands::Commands;
use crate::context::{Context, Settings};
use crate::intake::Intake;
use crate::promotions::Promotions;
use crate::reconcile::Reconciler;
use crate::reports::Reports;
use crate::revisions::Revisions;
use crate::runs::Runs;

/// All activities.
#[derive(Clone)]
pub struct Activities {
    /// State that all activities share.
    pub context: Arc<Context>,
    /// Promotions, and people's decisions about them.
    pub promotions: Arc<Promotions>,
    /// The steps of runs.
    pub runs: Arc<Runs>,
    /// Starts runs from revisions.
    pub revisions: Arc<Revisions>,
    /// Reports to forges.
    pub reports: Arc<Reports>,
    /// Deliveries.
    pub intake: Arc<Intake>,
    /// Work that no event triggers.
    pub reconciler: Arc<Reconciler>,
}

impl Activities {
    /// Creates the activities from their parts.
    pub fn new(
        store: Arc<Store>,
        executor: Arc<dyn Executor>,
        artifacts: Arc<dyn ArtifactStore>,
        settings: Settings,
    ) -> Self {
        let context = Arc::new(Context::new(store, artifacts, settings));
        let promotions = Arc::new(Promotions::new(context.clone()));
        let runs = Arc::new(Runs::new(context.clone(), executor, promotions.clone()));
        let revisions = Arc::new(Revisions::new(context.clone()));
        let reports = Arc::new(Reports::new(context.clone()));
        let commands = Commands::new(context.clone(), promotions.clone(), runs.clone(), revisions.clone());
        let intake = Arc::new(Intake::new(context.clone(), revisions.clone(), Arc::new(commands)));
        let reconciler = Reconciler::new(context.clone(), promotions.clone(), runs.clone(), intake.clone());
        Self { context, promotions, runs, revisions, reports, intake, reconciler: Arc::new(reconciler) }
    }
}
